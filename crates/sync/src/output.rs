//! What the engine asks of whoever drives it, and what it tells.

use nexus_identity::InstanceKey;
use nexus_log::fork::ForkProof;
use nexus_log::ids::{Head, LogHead, LogKey, Topic};
use nexus_log::run::CheckedRun;

use crate::code::{ByeCode, ViolationCode};
use crate::frame::Frame;
use crate::ids::{LinkId, Serial, Ticket};
use crate::shared::Shared;
use crate::store::StoreError;

/// One thing to do or to know; polled by [`crate::Engine::poll_output`].
#[derive(Clone, Debug)]
pub enum Output {
    /// Write this frame to the link's sync stream, in this order; then report it by
    /// [`crate::Engine::handle_written`].
    Send {
        /// The link.
        link: LinkId,
        /// Counts the frames of this link.
        serial: Serial,
        /// The frame.
        frame: Frame,
    },
    /// Store this run, in this order; when it is durable report it by
    /// [`crate::Engine::handle_committed`], when it can't be stored by
    /// [`crate::Engine::handle_refused`].
    Commit {
        /// Names this run when its fate is reported.
        ticket: Ticket,
        /// The link it came by.
        link: LinkId,
        /// The topic it belongs to.
        topic: Topic,
        /// The run. It may overlap what is stored, or start a branch.
        run: CheckedRun,
    },
    /// The peer holds these logs up to these heads, durable. Each head is one that is held here;
    /// for entries of one's own that is *delivered* to this instance.
    PeerHas {
        /// The link.
        link: LinkId,
        /// The topic.
        topic: Topic,
        /// The heads, none twice in one output.
        heads: Vec<LogHead>,
    },
    /// Entries up to here were written to the link: *sent*.
    WroteOut {
        /// The link.
        link: LinkId,
        /// The topic.
        topic: Topic,
        /// The log.
        log: LogKey,
        /// The last entry written.
        upto: Head,
    },
    /// Both sides of the link hold the same of this topic.
    TopicDone {
        /// The link.
        link: LinkId,
        /// The topic.
        topic: Topic,
    },
    /// The peer wants this topic too (said once for each link and topic).
    TopicShared {
        /// The link.
        link: LinkId,
        /// The topic.
        topic: Topic,
    },
    /// The peer does not want this topic any more, or ended it.
    TopicEnded {
        /// The link.
        link: LinkId,
        /// The topic.
        topic: Topic,
        /// Why, if the peer said so.
        code: Option<ByeCode>,
    },
    /// A log has parted. The proof can be shown to anybody.
    ForkSeen {
        /// The link that brought it.
        link: LinkId,
        /// The topic, if the log is known.
        topic: Option<Topic>,
        /// Both signed heads.
        proof: Box<ForkProof>,
    },
    /// Keep this with the instance and give it back in [`crate::LinkParams::remembered`].
    Remember {
        /// The instance.
        instance: InstanceKey,
        /// What the two of us share.
        shared: Shared,
    },
    /// The peer did what no honest peer does.
    Violation {
        /// The link.
        link: LinkId,
        /// What it did.
        code: ViolationCode,
    },
    /// The peer went over a limit of mine, which is nobody's fault: one topic, or the whole link, ends.
    OverLimit {
        /// The link.
        link: LinkId,
        /// The topic, if only that ends.
        topic: Option<Topic>,
    },
    /// The store could not be read; the link that needed it is closed.
    StoreFailed {
        /// The link.
        link: LinkId,
        /// Why.
        error: StoreError,
    },
    /// The link is over for the engine: write what was handed out, then close it. After
    /// [`ByeCode::Violations`] back off before dialling again.
    Close {
        /// The link.
        link: LinkId,
        /// Why.
        code: ByeCode,
        /// The peer ended it, not we.
        peer: bool,
    },
}
