//! News told by the desktop, where there is one. Without the feature `desktop` there never is.

use tokio::sync::mpsc;

use crate::message::Message;

/// Whether there may be a desktop where the person sits: by SSH it would be the one of the wrong machine.
pub(super) fn there_is_a_desktop() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let remote = set("SSH_CONNECTION") || set("SSH_TTY");
    let shown = cfg!(target_os = "macos") || set("DISPLAY") || set("WAYLAND_DISPLAY");
    cfg!(feature = "desktop") && shown && !remote
}

/// Lets the desktop tell; what it could not tell comes back.
pub(super) fn desktop(title: String, text: String, sender: mpsc::Sender<Message>) {
    tokio::spawn(async move {
        if !told(&title, &text).await {
            let _ = sender.send(Message::Untold(title, text)).await;
        }
    });
}

#[cfg(not(feature = "desktop"))]
async fn told(_title: &str, _text: &str) -> bool {
    false
}

#[cfg(feature = "desktop")]
async fn told(title: &str, text: &str) -> bool {
    let mut note = notify_rust::Notification::new();
    note.appname("Nexus").summary(title).body(&plain(text));
    #[cfg(target_os = "macos")]
    return tokio::task::spawn_blocking(move || note.show().is_ok()).await.unwrap_or(false);
    // A desktop that does not answer is none.
    #[cfg(not(target_os = "macos"))]
    return {
        let patience = std::time::Duration::from_secs(3);
        matches!(tokio::time::timeout(patience, note.show_async()).await, Ok(Ok(_)))
    };
}

/// Desktops read markup in what is told: text of others is none.
#[cfg(feature = "desktop")]
fn plain(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(all(test, feature = "desktop"))]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_is_no_markup() {
        assert_eq!(plain("<a href=\"x\">&"), "&lt;a href=\"x\"&gt;&amp;");
    }
}
