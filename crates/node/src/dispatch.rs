//! From a command to the part that answers it.

use std::sync::Arc;

use nexus_identity::ConnectId;
use nexus_log::body::Payload;
use nexus_storage::Queries;

use crate::api::{Command, ErrorBody, ErrorCode};
use crate::control::{Dispatch, Rows};
use crate::core::Core;
use crate::error::{self, Answered};
use crate::me::Me;
use crate::resolve::{self, About, Candidate, MIN_PREFIX};
use crate::{answers, messages};

impl Dispatch for Core {
    async fn dispatch(self: Arc<Self>, command: Command, rows: Rows) -> Answered<()> {
        use crate::api::Command as C;
        use answers::{contacts, files, history, settle, store, system, window, writing};
        let core = &self;
        match command {
            C::Id => system::id(core, &rows).await,
            C::Status => system::status(core, &rows).await,
            C::Doctor => system::doctor(core, &rows).await,
            C::Nearby { watch } => system::nearby(core, watch, &rows).await,
            C::ProfileSet { name } => system::profile_set(core, &name, &rows).await,
            C::Devices => system::devices(core, &rows).await,
            C::DeviceRevoke { instance } => system::device_revoke(core, instance, &rows).await,
            C::Network { enabled } => {
                core.transport().set_enabled(enabled);
                Ok(())
            }
            C::Visibility { visibility } => {
                core.transport().set_visibility(crate::network::visibility(visibility));
                Ok(())
            }
            C::Settle { who } => settle::settle(core, &who, &rows).await,
            C::Shutdown => {
                core.stop.cancel();
                Ok(())
            }
            C::Invite { expires, uses } => contacts::invite(core, expires, uses, &rows).await,
            C::ContactAdd { who, name, address, message } => {
                contacts::add(core, contacts::Asked { who, name, address, message }, &rows).await
            }
            C::Contacts => contacts::list(core, false, &rows).await,
            C::Requests => contacts::list(core, true, &rows).await,
            C::ContactAccept { who } => {
                contacts::change(
                    core,
                    (&who, About::Requests),
                    crate::contacts::accept_request,
                    &rows,
                )
                .await
            }
            C::ContactDecline { who } => {
                contacts::change(core, (&who, About::Requests), crate::contacts::decline, &rows)
                    .await
            }
            C::ContactBlock { who } => {
                contacts::change(core, (&who, About::Everybody), crate::contacts::block, &rows)
                    .await
            }
            C::ContactUnblock { who } => {
                contacts::change(core, (&who, About::Contacts), crate::contacts::unblock, &rows)
                    .await
            }
            C::ContactRemove { who } => {
                contacts::change(core, (&who, About::Contacts), crate::contacts::remove, &rows)
                    .await
            }
            C::ContactRename { who, name } => contacts::rename(core, &who, name, &rows).await,
            C::ContactVerify { who, verified } => {
                contacts::verify(core, &who, verified, &rows).await
            }
            C::Send { to, text, reply, wait } => {
                writing::send(core, &to, text, reply, wait, &rows).await
            }
            C::FileSend { to, paths } => files::send(core, &to, paths, &rows).await,
            C::Files { watch } => files::list(core, watch, &rows).await,
            C::FileAccept { id, to } => files::accept(core, id, to, &rows).await,
            C::FileDecline { id } => files::decline(core, id, &rows).await,
            C::FilePause { id } => files::pause(core, id, &rows).await,
            C::FileResume { id } => files::resume(core, id, &rows).await,
            C::FileCancel { id } => files::cancel(core, id, &rows).await,
            C::FileVerify { id } => files::verify(core, id, &rows).await,
            C::Edit { id, text } => {
                messages::check_text(&text)?;
                writing::change(core, id, true, |target| Payload::Edit { target, text }, &rows)
                    .await
            }
            C::Retract { id } => {
                writing::change(core, id, true, |target| Payload::Retract { target }, &rows).await
            }
            C::React { id, emoji } => {
                messages::check_emoji(&emoji)?;
                writing::change(
                    core,
                    id,
                    false,
                    |target| Payload::Reaction { target, emoji },
                    &rows,
                )
                .await
            }
            C::Read { conversation, to } => writing::read(core, &conversation, to, &rows).await,
            C::Timer { conversation, seconds } => {
                writing::timer(core, &conversation, seconds, &rows).await
            }
            C::Mute { conversation, seconds } => {
                writing::mute(core, &conversation, seconds, &rows).await
            }
            C::Draft { conversation, text } => {
                writing::draft(core, &conversation, text, &rows).await
            }
            C::History { conversation, limit, before, follow } => {
                history::history(core, &conversation, limit, before, follow, &rows).await
            }
            C::Window { conversation, place, limit } => {
                window::window(core, &conversation, place, limit, &rows).await
            }
            C::FirstUnread { conversation } => {
                window::first_unread(core, &conversation, &rows).await
            }
            C::Happened { conversation } => window::happened(core, &conversation, &rows).await,
            C::PathHistory { who } => window::path_history(core, &who, &rows).await,
            C::Export { conversation } => history::export(core, &conversation, &rows).await,
            C::Conversations => history::conversations(core, &rows).await,
            C::Search { query, conversation, limit } => {
                history::search(core, query, conversation, limit, &rows).await
            }
            C::Watch { since } => history::watch(core, since, &rows).await,
            C::Why { id } => history::why(core, id, &rows).await,
            C::Digest { conversation } => store::digest(core, &conversation, &rows).await,
            C::LogVerify => store::verify(core, &rows).await,
            C::LogShow { conversation, raw } => store::show(core, &conversation, raw, &rows).await,
            C::LogRebuild => store::rebuild(core, &rows).await,
            C::BackupCreate { phrase } => store::backup(core, phrase, &rows).await,
        }
    }
}

impl Core {
    /// Whom `who` means in a command about some of those known here.
    pub(crate) async fn contact_named(
        self: &Arc<Self>,
        who: &str,
        about: About,
    ) -> Answered<ConnectId> {
        let who = who.to_owned();
        self.read(move |store, _| {
            resolve::resolve_about(&who, about, &store.all_contacts()?, Vec::new())
        })
        .await
    }

    /// Whom a conversation is with: a conversation id, a prefix of one, or its peer; my own conversation is with me.
    pub(crate) async fn conversation_named(self: &Arc<Self>, name: &str) -> Answered<ConnectId> {
        // A whole ConnectID can mean nobody else.
        if let Ok(who) = name.parse()
            && self.me().conversation_with(&who).is_some()
        {
            return Ok(who);
        }
        let name = name.to_owned();
        self.read(move |store, me| conversation(store, me, &name)).await
    }
}

fn conversation(store: &Queries, me: &Me, name: &str) -> Answered<ConnectId> {
    let lower = name.trim().to_lowercase();
    let own = me.connect_id();
    let hex = lower.len() >= MIN_PREFIX
        && lower.len() <= 64
        && lower.chars().all(|c| c.is_ascii_hexdigit());
    if hex {
        let mut found: Vec<ConnectId> = Vec::new();
        for row in store.conversations()? {
            if row.conversation.to_string().starts_with(&lower) {
                found.push(row.peer.unwrap_or(own));
            }
        }
        match found.as_slice() {
            [one] => return Ok(*one),
            [] => {}
            several => {
                let list: Vec<String> = several.iter().map(ConnectId::short).collect();
                return Err(ErrorBody::new(
                    ErrorCode::Ambiguous,
                    format!("{name:?} may be the conversation with any of: {}", list.join(", ")),
                    "give more digits of the conversation id",
                ));
            }
        }
    }
    // "self" is my own conversation, whoever else calls themselves that.
    let myself = vec![Candidate { id: own, name: String::new(), mine: true }];
    let who = match lower == "self" {
        true => own,
        false => resolve::resolve_about(name, About::Contacts, &store.all_contacts()?, myself)?,
    };
    match me.conversation_with(&who) {
        Some(_) => Ok(who),
        None if store.contact(&who)?.is_some() => Ok(who),
        None => Err(error::nobody(name)),
    }
}
