//! What is shown: messages, operations on them, reactions, unread counts, read marks. All of it can be rebuilt.

mod history;
mod marks;
mod messages;
mod operations;
mod rows;
mod working;

pub use history::{ConversationSummary, Window};
pub use marks::ReadMark;
pub use rows::MessageRow;
pub(crate) use rows::{MESSAGE, read_message};
pub(crate) use working::Working;
