//! stub
use crate::output::Out;
use crate::stop::Done;
pub(crate) async fn run(_out: &mut Out) -> Done {
    Ok(())
}
