//! What the thread does beside running jobs.

use super::*;
use crate::desk::Desk;

#[tokio::test]
async fn what_is_removed_is_gone_from_the_files_while_the_node_runs() {
    const SECRET: &[u8] = b"nobody is to read this again";
    let mut desk = Desk::new();
    let peer = desk.contact();
    desk.text(&peer, std::str::from_utf8(SECRET).unwrap());
    let Desk { opened, me, dir, .. } = desk;
    let me = Arc::unwrap_or_clone(me);
    let (store, thread) = Store::start(opened.writer, me, Clock::default(), |_| ()).unwrap();
    let held = || {
        let files =
            ["nexus.db", "nexus.db-wal"].map(|f| std::fs::read(dir.path().join(f)).unwrap());
        files.iter().any(|file| file.windows(SECRET.len()).any(|bytes| bytes == SECRET))
    };
    assert!(held());
    let who = peer.card.connect_id();
    store.run(move |work| crate::contacts::remove(work, &who)).await.unwrap();
    // The next job is taken up once the files were seen to.
    store.run(|_| Ok(())).await.unwrap();
    assert!(!held());
    drop(store);
    thread.join().unwrap();
}

#[tokio::test]
async fn what_is_written_between_two_instances_is_held_back_and_written_by_the_next_one() {
    let mut desk = Desk::new();
    let peer = desk.contact();
    let who = peer.card.connect_id();
    let first = desk.me.instance.key();
    let Desk { opened, me, dir: _dir, .. } = desk;
    let me = Arc::unwrap_or_clone(me);
    let (tell, mut told) = mpsc::unbounded_channel();
    let effects = move |after: After| {
        if let Some(given_up) = after.give_up {
            let _ = tell.send(given_up);
        }
    };
    let (store, thread) = Store::start(opened.writer, me, Clock::default(), effects).unwrap();
    let text = |text: &'static str| {
        store.write(
            || (),
            move |work| {
                if work.me.instance.key() == first {
                    work.give_up(nexus_storage::own::Retirement::Forked);
                    return Err(error::between_instances(&"a copy wrote in its place"));
                }
                let payload = nexus_log::body::Payload::Text(text.to_owned());
                crate::messages::say(work, &who, payload)
            },
        )
    };
    // The hub makes the next instance when it gets to it.
    let hub = async {
        let (instance, why) = told.recv().await.unwrap();
        store.run(move |work| crate::hub::give_up(work, instance, why)).await.unwrap();
    };
    let (one, two, three, ()) = tokio::join!(text("one"), text("two"), text("three"), hub);
    let seqs = [one, two, three].map(|sent| sent.unwrap().1.1);
    assert!(seqs[0] < seqs[1] && seqs[1] < seqs[2], "{seqs:?}");
    drop(store);
    thread.join().unwrap();
}
