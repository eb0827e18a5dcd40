//! What people with devices see, over ledgers in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    unreachable_pub,
    reason = "tests"
)]

mod clocks;
mod common;
mod conversation;
mod forks;
mod keys;
mod order;
mod rate;
mod timers;
mod vectors;
