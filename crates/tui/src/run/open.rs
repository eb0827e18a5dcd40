//! Showing a link in the program that the person has for such links. No shell: the link is one argument, whatever is in it.

use std::process::{Command, Stdio};
use std::thread;

use crate::links;

#[cfg(target_os = "macos")]
const OPENER: &str = "open";
#[cfg(not(target_os = "macos"))]
const OPENER: &str = "xdg-open";

/// Opens a link that was looked at and wanted.
///
/// # Errors
/// Why not, and what to do, in plain words.
pub(super) fn follow(link: &str) -> Result<(), String> {
    with(OPENER, link)
}

fn with(opener: &str, link: &str) -> Result<(), String> {
    if !links::is_allowed(link) {
        return Err("this is no link that may be opened".to_owned());
    }
    let started = Command::new(opener)
        .arg(link)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut child =
        started.map_err(|e| format!("`{opener}` can't be started: {e} — copy the link instead"))?;
    // Somebody must hear that it ended.
    thread::spawn(move || drop(child.wait()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_that_may_be_opened_start_anything() {
        assert!(with("true", "https://a.example/$(touch${IFS}x);&|").is_ok());
        for wrong in ["file:///etc/passwd", "-h", "javascript:1", "https://a\u{1b}b"] {
            assert!(with("true", wrong).unwrap_err().contains("no link"), "{wrong}");
        }
        let error = with("/nowhere/opener", "https://a.example").unwrap_err();
        assert!(error.contains("copy the link"), "{error}");
    }
}
