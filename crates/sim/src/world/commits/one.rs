//! One job of a store.

use std::time::Duration;

use nexus_identity::Millis;
use nexus_sync::Refused;

use super::Outcome;
use crate::disk::DiskError;
use crate::node::{After, Done, Job, JobError, Node, Taken, Work, run};

/// One job, as the store thread runs it.
pub(super) fn one(held: &mut Node, job: &Job, now: Duration, out: &mut Outcome) {
    if let Job::Take(ticket, _, run) = job
        && held.denies(&run.log())
    {
        return out.refused.push((*ticket, Refused::Log));
    }
    let wall: Millis = held.clock.wall(now);
    let mut after = After::default();
    let dice = &mut held.dice;
    let done = held.disk.transaction(|tx, facts| {
        run(&mut Work { tx, facts, after: &mut after, now: wall, dice }, job)
    });
    match done {
        Ok(done) => {
            if let Done::Taken(ticket, taken) = &done {
                match taken {
                    Taken::Stored(count) => {
                        out.durable.push(*ticket);
                        if let Job::Take(_, _, run) = job
                            && *count > 0
                        {
                            out.useful += run.bytes().len() as u64;
                        }
                    }
                    Taken::Refused => out.refused.push((*ticket, Refused::Log)),
                    Taken::Unwanted => out.refused.push((*ticket, Refused::Topic)),
                    Taken::Gap => out.refused.push((*ticket, Refused::Storage)),
                }
            }
            if matches!(job, Job::Say(..)) {
                after.seen.push("said");
            }
            out.bug = out.bug.take().or_else(|| after.broken.take());
            if let Some((_, log)) =
                after.appended.keys().find(|(_, log)| held.tainted.contains(log))
            {
                out.bug =
                    Some(format!("wrote on {log:?}, in which it took in what it did not write"));
            }
            held.tainted.extend(after.tainted.drain(..));
            out.done.push(done);
            out.after.merge(after);
        }
        Err(JobError::Disk(DiskError::Died)) => out.died = true,
        Err(JobError::Disk(DiskError::Full)) => {
            out.after.seen.push("disk full");
            if let Job::Take(ticket, ..) = job {
                out.refused.push((*ticket, Refused::Storage));
            }
            if let Job::Met(link, ..) = job {
                // As the shipped node: the link goes on, what it taught is learned from the next one.
                out.done.push(Done::Met(*link));
            }
            if matches!(job, Job::Tick) {
                out.done.push(Done::Next(wall.saturating_add(Duration::from_secs(60))));
            }
        }
        Err(JobError::NotNow(_)) => {
            out.after.seen.push("not said");
            // As the shipped node: what a person writes waits for the next instance.
            if after.give_up.is_some() && matches!(job, Job::Say(..) | Job::Write(..)) {
                out.after.held.push(job.clone());
            }
            // The one thing that must be told even though the job came to nothing.
            out.after.give_up = out.after.give_up.take().or(after.give_up);
        }
        Err(error) => out.bug = Some(format!("{job:?}: {error}").chars().take(600).collect()),
    }
}
