//! Which part answers which command.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::args::{Cli, FileVerb, Global, Verb};
use crate::output::{Out, Shape};
use crate::session::{Need, endless, with};
use crate::stop::{Done, Stop};
use crate::{commands, demo, pages, ui};

/// How output is wanted.
pub(crate) fn shape(global: &Global) -> Shape {
    let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    Shape {
        json: global.json,
        color: !(global.no_color || global.screen_reader || dumb || unwanted),
        screen_reader: global.screen_reader,
    }
}

/// Sends what the program logs to standard error: errors only, more with `-v`; `NEXUS_LOG` says it in detail.
pub(crate) fn log_to_stderr(verbose: u8, color: bool) {
    let level = match verbose {
        0 => "error",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("NEXUS_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let color = color && io::IsTerminal::is_terminal(&io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(color)
        .init();
}

/// Does what was typed.
///
/// # Errors
/// Why it could not.
pub(crate) fn run(cli: Cli, shape: Shape) -> Done {
    let mut out = Out::new(shape);
    let screen = ui::wanted(&cli, shape) || ui::read_out(&cli, shape);
    let Cli { global, verb } = cli;
    let done = match verb {
        Some(Verb::Completions { shell }) => pages::completions(&mut out, shell),
        Some(Verb::Man { dir }) => pages::manual(&mut out, dir.as_deref()),
        Some(Verb::Config(verb)) => commands::config::run(&global, verb, &mut out),
        verb => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let done = match screen {
                true => runtime.block_on(ui::run(global, shape)),
                false => runtime.block_on(answer(&global, verb, &mut out)),
            };
            // Whatever still blocks (a person who answers no question) must not hold up the end.
            runtime.shutdown_background();
            done
        }
    };
    let flushed = out.flush();
    done.and(flushed)
}

async fn answer(global: &Global, verb: Option<Verb>, out: &mut Out) -> Done {
    let Some(verb) = verb else { return commands::start::next_step(global, out).await };
    match verb {
        Verb::Init { name } => commands::start::init(global, &name, out),
        Verb::Node(args) => commands::node::run(global, args, out).await,
        Verb::Demo => demo::run(out).await,
        Verb::Wipe { yes_delete } => commands::start::wipe(global, yes_delete, out).await,
        Verb::Backup(verb) => commands::backup::run(global, verb, out).await,
        verb => attached(global, verb, out).await,
    }
}

/// The commands that speak with a node.
async fn attached(global: &Global, verb: Verb, out: &mut Out) -> Done {
    let need = need(&verb);
    let goes_on = matches!(&verb, Verb::Watch(_) | Verb::Nearby { watch: true })
        || matches!(&verb, Verb::File(FileVerb::List { watch: true }))
        || matches!(&verb, Verb::History(h) if h.follow);
    let done = with(global, need, async |session| {
        use commands::{contact, conversation, device, file, log, look, message};
        match verb {
            Verb::Id { qr } => look::id(session, qr, out).await,
            Verb::Status => look::status(session, out).await,
            Verb::Doctor => look::doctor(session, out).await,
            Verb::Nearby { watch } => look::nearby(session, watch, out).await,
            Verb::Watch(args) => look::watch(session, args, out).await,
            Verb::Invite { qr, expires, uses } => {
                contact::invite(session, qr, expires, uses, out).await
            }
            Verb::Contact(verb) => contact::run(session, verb, out).await,
            Verb::Send(args) => message::send(session, args, out).await,
            Verb::Edit { id, text } => message::edit(session, id, text, out).await,
            Verb::Retract { id } => message::retract(session, id, out).await,
            Verb::React { id, emoji } => message::react(session, id, emoji, out).await,
            Verb::File(verb) => file::run(session, verb, out).await,
            Verb::Why { id } => message::why(session, id, out).await,
            Verb::Read { conversation, to } => {
                conversation::read(session, conversation, to, out).await
            }
            Verb::Timer { conversation, after } => {
                conversation::timer(session, conversation, after, out).await
            }
            Verb::Mute { conversation, quiet } => {
                conversation::mute(session, conversation, quiet, out).await
            }
            Verb::Draft { conversation, text, clear } => {
                conversation::draft(session, conversation, text, clear, out).await
            }
            Verb::History(args) => conversation::history(session, args, out).await,
            Verb::Conversations => conversation::list(session, out).await,
            Verb::Search { query, conversation, limit } => {
                conversation::search(session, query, conversation, limit, out).await
            }
            Verb::Digest { conversation } => conversation::digest(session, conversation, out).await,
            Verb::Export(args) => crate::export::run(session, args, out).await,
            Verb::Profile(verb) => device::profile(session, verb, out).await,
            Verb::Device(verb) => device::run(session, verb, out).await,
            Verb::Log(verb) => log::run(session, verb, out).await,
            Verb::Init { .. }
            | Verb::Node(_)
            | Verb::Demo
            | Verb::Wipe { .. }
            | Verb::Backup(_)
            | Verb::Config(_)
            | Verb::Completions { .. }
            | Verb::Man { .. } => {
                Err(Stop::usage("this command needs no node", "please report this"))
            }
        }
    })
    .await;
    if goes_on { endless(done) } else { done }
}

/// Reading what is here needs no network, and so announces nothing.
fn need(verb: &Verb) -> Need {
    match verb {
        Verb::Id { .. }
        | Verb::Mute { .. }
        | Verb::Draft { .. }
        | Verb::Conversations
        | Verb::Search { .. }
        | Verb::Digest { .. }
        | Verb::Why { .. }
        | Verb::Export(_)
        | Verb::File(FileVerb::List { watch: false } | FileVerb::Verify { .. })
        | Verb::Log(_) => Need::Store,
        Verb::History(history) if !history.follow => Need::Store,
        _ => Need::Network,
    }
}
