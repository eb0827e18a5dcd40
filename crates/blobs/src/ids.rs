//! Names of blobs and of their parts.

use core::fmt;

use nexus_identity::Secret32;
use nexus_identity::id::hex;
use nexus_identity::kdf::derive;

macro_rules! hash_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes bytes that came from somewhere; they prove nothing.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), hex(&self.0))
            }
        }
    };
}

hash_type! {
    /// What a blob is asked for by. Only who knows the secret of its file entry can name it.
    BlobId
}
hash_type! {
    /// The plain BLAKE3 hash of all bytes of a blob, as `b3sum` prints it.
    Root
}
hash_type! {
    /// The chaining value of one group in the BLAKE3 tree of its blob; of a blob of one group, its
    /// [`Root`].
    GroupHash
}

impl BlobId {
    /// The id of the blob whose file entry holds `secret`.
    pub fn of(secret: &Secret32) -> Self {
        Self(derive("nexus blob id v1", &[secret.expose()]))
    }
}

/// One GET on a stream, numbered by the asker. Not used again on the stream until its END or NO
/// came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u32);
