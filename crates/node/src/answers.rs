//! The answer to each command, by what it is about.

pub(crate) mod contacts;
pub(crate) mod files;
pub(crate) mod history;
pub(crate) mod settle;
pub(crate) mod store;
pub(crate) mod system;
pub(crate) mod window;
pub(crate) mod writing;
