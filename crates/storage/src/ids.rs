//! Names of logs and entries (from `nexus-log`).

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);
        impl $name {
            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
            /// From the bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }
        }
    };
}
id!(
    /// A log.
    LogKey
);
id!(
    /// A topic.
    Topic
);
id!(
    /// An entry.
    EntryHash
);
id!(
    /// A conversation.
    ConversationId
);
