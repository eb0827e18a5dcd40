//! Stand-ins until cards and records land in `nexus-identity`.

/// Stand-in.
#[derive(Debug, Clone)]
pub struct VerifiedCard;
/// Stand-in.
#[derive(Debug, Clone)]
pub struct VerifiedRecord;
