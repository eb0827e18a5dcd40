//! A conversation as one page of Markdown or HTML.

use nexus_node::api::MessageView;

use crate::render::message::body;
use crate::render::{author, clock, day};
use crate::sanitize;

const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:44em;margin:2em auto;padding:0 1em}\
h2{font-size:1em;color:#666;border-bottom:1px solid #ccc}.m{margin:.4em 0}.t,.n{color:#666;font-size:.85em}\
.b{white-space:pre-wrap;unicode-bidi:isolate}.a{font-weight:bold;unicode-bidi:isolate}";

fn notes(row: &MessageView) -> String {
    let mut notes = Vec::new();
    if row.edited {
        notes.push("edited".to_owned());
    }
    notes.extend(
        row.reactions.iter().map(|r| format!("{} {}", sanitize::line(&r.emoji), r.by.len())),
    );
    notes.join(", ")
}

/// One HTML page that loads nothing and runs nothing.
pub(super) fn html(title: &str, me: &str, rows: &[MessageView]) -> String {
    let title = sanitize::html(&sanitize::line(title));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title><style>{STYLE}</style></head>\n<body><h1><bdi>{title}</bdi></h1>\n"
    );
    let mut last = String::new();
    for row in rows {
        let today = day(&row.time);
        if today != last {
            page.push_str(&format!("<h2>{}</h2>\n", sanitize::html(&today)));
            last = today;
        }
        let id: String = row.entry_id.chars().filter(char::is_ascii_hexdigit).collect();
        page.push_str(&format!(
            "<div class=\"m\" id=\"m{id}\"><span class=\"t\">{}</span> <bdi class=\"a\">{}</bdi> ",
            sanitize::html(&clock(&row.time)),
            sanitize::html(&author(row, me)),
        ));
        if let Some(answered) = &row.reply_to {
            let id: String = answered.chars().filter(char::is_ascii_hexdigit).collect();
            page.push_str(&format!("<a class=\"n\" href=\"#m{id}\">answer</a> "));
        }
        page.push_str(&format!(
            "<span class=\"b\" dir=\"auto\">{}</span>",
            sanitize::html(&body(row))
        ));
        let notes = notes(row);
        if !notes.is_empty() {
            page.push_str(&format!(" <span class=\"n\">[{}]</span>", sanitize::html(&notes)));
        }
        page.push_str("</div>\n");
    }
    page.push_str("</body></html>\n");
    page
}

/// A Markdown page.
pub(super) fn markdown(title: &str, me: &str, rows: &[MessageView]) -> String {
    let mut page = format!("# {}\n", sanitize::markdown(&sanitize::line(title)));
    let mut last = String::new();
    for row in rows {
        let today = day(&row.time);
        if today != last {
            page.push_str(&format!("\n## {today}\n\n"));
            last = today;
        }
        // A backslash at the end of a line is Markdown's line break; the indent keeps it in the list item.
        let text = sanitize::markdown(&body(row)).replace('\n', "\\\n  ");
        let notes = notes(row);
        let notes =
            if notes.is_empty() { notes } else { format!(" *({})*", sanitize::markdown(&notes)) };
        let author = sanitize::markdown(&author(row, me));
        page.push_str(&format!("- {} **{author}**: {text}{notes}\n", clock(&row.time)));
    }
    page
}

#[cfg(test)]
mod tests {
    use nexus_node::api::{MessageState, ReactionView};

    use super::*;

    fn message() -> MessageView {
        MessageView {
            entry_id: "3fa9\" onload=x".to_owned(),
            conversation: "c".to_owned(),
            author: "nx1qben".to_owned(),
            author_name: "<b>Ben</b>".to_owned(),
            kind: "text".to_owned(),
            text: "<script>alert(1)</script>\n![x](http://evil)\u{202e}".to_owned(),
            time: "2026-11-23T10:00:00.000Z".to_owned(),
            state: MessageState::Delivered,
            delivered_to: Vec::new(),
            read_by: Vec::new(),
            edited: false,
            reactions: vec![ReactionView {
                emoji: "<i>".to_owned(),
                by: vec!["nx1qana".to_owned()],
            }],
            reply_to: Some("12\"><x".to_owned()),
            file: None,
            snippet: None,
            expires: None,
            order: String::new(),
            flags: Vec::new(),
        }
    }

    #[test]
    fn a_peer_can_put_no_markup_into_a_page() {
        let page = html("</title><script>", "nx1qana", &[message()]);
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("<i>") && !page.contains("<b>") && !page.contains("<x"), "{page}");
        assert!(!page.contains("onload=x\""), "{page}");
        assert!(page.contains("&lt;script&gt;") && page.contains("&lt;U+202E&gt;"), "{page}");
    }

    #[test]
    fn a_peer_who_calls_itself_me_is_shown_with_its_id() {
        let rows = [MessageView { author_name: "me".to_owned(), ..message() }];
        for page in [html("t", "nx1qana", &rows), markdown("t", "nx1qana", &rows)] {
            assert!(page.contains("nx1qben"), "{page}");
        }
    }

    #[test]
    fn a_peer_can_put_no_image_or_link_into_markdown() {
        let page = markdown("# t", "nx1qana", &[message()]);
        assert!(page.contains(r"\!\[x\]\(http\:\/\/evil\)"), "{page}");
        assert!(!page.contains('<'), "{page}");
        assert!(page.starts_with("# \\# t\n"), "{page}");
    }
}
