//! Files that are offered, as a line of the conversation.

use nexus_node::api::FileView;

use crate::sanitize;

/// Width of a bar of progress, in cells.
const BAR: u64 = 10;

/// What is offered, how far it is, and what can be done about it.
#[must_use]
pub fn line(file: &FileView) -> String {
    let name = sanitize::line(&file.name);
    let what = match file.kind.as_str() {
        "file" => format!("{name}, {}", size(file.size)),
        _ => format!("{name}/, {} files, {}", file.files, size(file.size)),
    };
    format!("[file] {what}: {}", state(file))
}

fn state(file: &FileView) -> String {
    let part = file.done.saturating_mul(100).checked_div(file.size).unwrap_or(100).min(100);
    let moving = || {
        let full = part * BAR / 100;
        let bar: String = (0..BAR).map(|cell| if cell < full { '#' } else { '-' }).collect();
        let left = file.left.map(|left| format!(", {} left", crate::time::span(left.max(1))));
        format!("[{bar}] {part} %, {}/s{}", size(file.rate), left.unwrap_or_default())
    };
    let why = file.detail.as_deref().map(|why| format!(": {}", sanitize::line(why)));
    match (file.state.as_str(), file.outgoing) {
        ("sending" | "receiving", _) => format!("{} {}", file.state, moving()),
        ("waiting", _) => format!("{part} %, waits until somebody is there who has it"),
        ("offered", false) => "offered".to_owned(),
        ("offered", true) => "offered, not fetched yet".to_owned(),
        ("done", true) => "received".to_owned(),
        ("done", false) => {
            let place = file.path.as_deref().map(|path| format!(" in {}", sanitize::line(path)));
            format!("here{}", place.unwrap_or_default())
        }
        (state, _) => format!("{}{}", sanitize::line(state), why.unwrap_or_default()),
    }
}

/// Bytes as people say them: `3.4 MiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut shown = "B";
    for unit in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        shown = unit;
    }
    if shown == "B" { format!("{bytes} B") } else { format!("{value:.1} {shown}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(state: &str, outgoing: bool) -> FileView {
        FileView {
            transfer_id: "ab".into(),
            conversation: "cd".into(),
            author: "nx1q".into(),
            outgoing,
            name: "plan\u{1b}[2J.pdf".into(),
            kind: "file".into(),
            size: 4 << 20,
            files: 1,
            state: state.into(),
            done: 1 << 20,
            rate: 1536,
            left: Some(90),
            sources: 1,
            path: Some("/tmp/plan.pdf".into()),
            root: None,
            detail: Some("the disk is full".into()),
        }
    }

    #[test]
    fn a_file_that_moves_shows_how_far_it_is() {
        let line = line(&file("receiving", false));
        assert!(line.contains("[##--------] 25 %, 1.5 KiB/s"), "{line}");
    }

    #[test]
    fn the_name_of_a_file_can_do_nothing_to_the_screen() {
        assert!(!line(&file("offered", false)).contains('\u{1b}'));
    }

    #[test]
    fn what_failed_says_why_and_what_is_done_says_where() {
        assert!(line(&file("failed", false)).ends_with("failed: the disk is full"));
        assert!(line(&file("done", false)).ends_with("here in /tmp/plan.pdf"));
        assert!(line(&file("done", true)).ends_with("received"));
    }
}
