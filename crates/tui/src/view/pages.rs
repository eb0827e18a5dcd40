//! Pages to read: a contact, my ConnectID, an invite, the network, the story of a message.

use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};

use super::paragraph;
use crate::keymap::{Action as A, Place};
use crate::model::window::PageKind;
use crate::model::{Model, home};
use crate::sanitize;
use crate::text::count;
use crate::theme::Kind;

/// Title and lines of a page.
pub(super) fn page(model: &Model, kind: &PageKind, cells: usize) -> (String, Vec<Line<'static>>) {
    match kind {
        PageKind::Contact(who) => (model.name(who), contact(model, who, cells, true)),
        PageKind::MyId => ("My ConnectID".to_owned(), my_id(model, cells)),
        PageKind::Backup => ("Your backup".to_owned(), backup(model, cells)),
        PageKind::Invite => ("Invite somebody".to_owned(), invite(model, cells)),
        PageKind::Network => ("Network".to_owned(), network(model, cells)),
        PageKind::Link(link) => ("Open this link?".to_owned(), self::link(model, link, cells)),
        PageKind::Why(entry) => {
            ("The story of this message".to_owned(), story(model, entry, cells))
        }
    }
}

/// Links of before on the page of a contact.
const PATHS: usize = 12;

fn dim(model: &Model, words: &str) -> Line<'static> {
    Line::from(Span::styled(words.to_owned(), model.theme.dim))
}

fn row(model: &Model, label: &str, value: &str, cells: usize, out: &mut Vec<Line<'static>>) {
    out.push(dim(model, label));
    out.extend(paragraph(value, cells, model.theme.text));
}

/// All that is known of somebody.
pub(super) fn contact(model: &Model, who: &str, cells: usize, alone: bool) -> Vec<Line<'static>> {
    let mut out = Vec::new();
    if !alone {
        out.push(Line::from(Span::styled(model.name(who), model.theme.title)));
        out.push(Line::default());
    }
    let request = model.requests.iter().find(|r| r.connect_id == who);
    if let Some(request) = request {
        let words = request.message.as_deref().unwrap_or("(no words came with it)");
        row(
            model,
            "asks to be a contact, with these words",
            &sanitize::block(words),
            cells,
            &mut out,
        );
        let key = |action| model.config.keymap.keys_of(action, Some(Place::Window));
        out.push(dim(
            model,
            &format!(
                "{}: accept  {}: decline  {}: block",
                key(A::Accept),
                key(A::Decline),
                key(A::Block)
            ),
        ));
        out.push(Line::default());
    }
    row(model, "ConnectID", who, cells, &mut out);
    let Some(contact) = request.or_else(|| model.contacts.get(who)) else { return out };
    for warning in &contact.warnings {
        out.extend(paragraph(&format!("! {}", sanitize::line(warning)), cells, model.theme.bad));
    }
    let links: Vec<String> = model
        .links
        .values()
        .filter(|l| l.connect_id == who)
        .map(|l| {
            let rtt = l.rtt_ms.map(|ms| format!(", {ms:.1} ms")).unwrap_or_default();
            format!(
                "{} at {}{rtt}: {}",
                sanitize::line(&l.path),
                sanitize::line(&l.address),
                sanitize::line(&l.why)
            )
        })
        .collect();
    let path = if links.is_empty() { "○ away: no link now".to_owned() } else { links.join("\n") };
    row(model, "path", &path, cells, &mut out);
    if let Some((_, links)) =
        model.paths.as_ref().filter(|(of, l)| alone && of == who && !l.is_empty())
    {
        out.push(dim(model, "paths before, the latest first"));
        for link in links.iter().rev().take(PATHS) {
            let words = format!(
                "{}  {} {}: {}",
                model.now.exact(&link.time),
                sanitize::line(&link.stage),
                sanitize::line(link.path.as_deref().unwrap_or_default()),
                sanitize::line(&link.detail)
            );
            out.extend(paragraph(&words, cells, model.theme.text));
        }
    }
    if let Some(seen) = &contact.last_seen {
        row(
            model,
            "last seen",
            &format!("{} ({})", model.now.exact(seen), model.now.ago(seen)),
            cells,
            &mut out,
        );
    }
    if let Some(number) = &contact.safety_number {
        let verified = if contact.verified {
            "safety number: ✓ you verified it"
        } else {
            "safety number: not verified"
        };
        row(model, verified, number, cells, &mut out);
        if !contact.verified {
            let key = model.config.keymap.keys_of(A::Verify, Some(Place::Window));
            // Beside a conversation, letters are typed: the page comes first.
            let first = match alone {
                true => String::new(),
                false => format!("{}, then ", model.config.keymap.keys_of(A::Details, None)),
            };
            out.extend(paragraph(
                &format!(
                    "Compare it with them in person or on a call; {first}{key} when both see the same."
                ),
                cells,
                model.theme.dim,
            ));
        }
    }
    if let Some(from) = &contact.keys_from {
        row(model, "their newest key", &model.now.exact(from), cells, &mut out);
    }
    if alone {
        out.push(Line::default());
        qr(model, who, cells, &mut out);
    }
    out
}

/// A QR code where there is room for it.
fn qr(model: &Model, text: &str, cells: usize, out: &mut Vec<Line<'static>>) {
    if model.linear.is_some() {
        // A drawing says nothing when it is read out.
        return;
    }
    let Some((code, style)) = code(model, text) else { return };
    let key = |action| model.config.keymap.keys_of(action, Some(Place::Window));
    let save = format!("{}: save the QR code as a picture", key(A::SavePicture));
    let alone = format!("{}: the QR code on the whole screen   {save}", key(A::WholeScreen));
    let (columns, rows) = (code.first().map_or(0, |l| l.chars().count()), code.len());
    let (width, height) = (usize::from(model.size.0), usize::from(model.size.1));
    // What lies around the page takes 10 columns and 6 rows.
    if columns + 10 > width || columns > cells || rows + 6 > height {
        let words = match columns <= width && rows <= height {
            true => alone,
            false => format!(
                "The QR code takes {columns} columns and {rows} rows, and there are {width} and {height} here: make the window larger, or the letters smaller. The text above says the same. {save}"
            ),
        };
        out.extend(paragraph(&words, cells, model.theme.dim));
        return;
    }
    out.extend(code.into_iter().map(|line| Line::from(Span::styled(line, style))));
    out.extend(paragraph(&alone, cells, model.theme.dim));
}

/// A QR code and nothing else; `None` where it does not fit.
pub(super) fn whole_screen(model: &Model, text: &str) -> Option<Vec<Line<'static>>> {
    let (code, style) = code(model, text)?;
    let fits = code.len() <= usize::from(model.size.1)
        && code.first().is_some_and(|l| l.chars().count() <= usize::from(model.size.0));
    fits.then(|| code.into_iter().map(|l| Line::from(Span::styled(l, style))).collect())
}

/// The lines of a QR code, and how they are painted.
fn code(model: &Model, text: &str) -> Option<(Vec<String>, Style)> {
    let ink = model.theme.text.fg.is_some() && model.config.theme != Kind::None;
    let style =
        if ink { Style::new().fg(Color::Black).bg(Color::Indexed(231)) } else { model.theme.text };
    Some((crate::qr::lines(text, ink)?, style))
}

fn my_id(model: &Model, cells: usize) -> Vec<Line<'static>> {
    let mut out = Vec::new();
    let Some(me) = &model.me else { return out };
    row(model, "name", &sanitize::line(&me.name), cells, &mut out);
    row(model, "ConnectID", &me.connect_id, cells, &mut out);
    row(model, "lives in", &sanitize::line(&me.data_dir), cells, &mut out);
    out.push(Line::default());
    qr(model, &me.connect_id, cells, &mut out);
    out
}

fn backup(model: &Model, cells: usize) -> Vec<Line<'static>> {
    let Some(backup) = &model.backup else { return Vec::new() };
    let file = sanitize::line(&backup.file);
    let mut out = match &backup.written {
        None => vec![dim(model, "being written …")],
        Some(Ok(bytes)) => {
            let words = format!(
                "✓ {file} is written ({bytes} bytes). Keep it somewhere else than on this machine."
            );
            paragraph(&words, cells, model.theme.good)
        }
        Some(Err(why)) => {
            let words = format!(
                "! Nothing was written: {}. These words open nothing; try again.",
                sanitize::line(why)
            );
            paragraph(&words, cells, model.theme.bad)
        }
    };
    out.push(Line::default());
    out.extend(paragraph(
        "It opens with these words and nothing else. Write them down, on paper, in this order:",
        cells,
        model.theme.text,
    ));
    out.push(Line::default());
    out.extend(paragraph(&sanitize::line(backup.phrase.expose()), cells, model.theme.title));
    out.push(Line::default());
    out.extend(paragraph(
        "They are not shown again once this is closed. `nexus backup restore FILE` brings you back with them.",
        cells,
        model.theme.dim,
    ));
    out
}

fn invite(model: &Model, cells: usize) -> Vec<Line<'static>> {
    let Some(invite) = &model.invite else { return vec![dim(model, "one moment …")] };
    let copy = model.config.keymap.keys_of(A::Copy, Some(Place::Window));
    let mut out = paragraph(
        "Whoever has this link becomes a contact at once. Give it to one person, by a way that nobody else reads.",
        cells,
        model.theme.text,
    );
    out.push(dim(
        model,
        &format!("good for one person, until {}", model.now.exact(&invite.expires)),
    ));
    out.push(Line::default());
    out.extend(paragraph(&invite.link, cells, model.theme.text));
    out.push(dim(model, &format!("{copy}: copy the link")));
    out.push(Line::default());
    qr(model, &invite.link, cells, &mut out);
    out
}

/// A link, whole: nothing of it is cut off, and what is odd about it is told.
fn link(model: &Model, link: &str, cells: usize) -> Vec<Line<'static>> {
    let key = |action| model.config.keymap.keys_of(action, Some(Place::Window));
    let mut out = paragraph(&sanitize::line(link), cells, model.theme.text);
    for warning in crate::links::warnings(link) {
        out.push(Line::default());
        out.extend(paragraph(&format!("! {warning}"), cells, model.theme.bad));
    }
    if model.linear.is_none() {
        out.push(Line::default());
        out.push(dim(model, &format!("{}: open it   {}: copy it", key(A::Open), key(A::Copy))));
    }
    out
}

fn network(model: &Model, cells: usize) -> Vec<Line<'static>> {
    let mut out = vec![Line::from(Span::styled("Links", model.theme.title))];
    if model.links.is_empty() {
        out.push(dim(model, "none just now"));
    }
    for link in model.links.values() {
        let rtt = link.rtt_ms.map(|ms| format!("  {ms:.1} ms")).unwrap_or_default();
        let words = format!(
            "{}  {}  {}{rtt}",
            model.name(&link.connect_id),
            sanitize::line(&link.path),
            sanitize::line(&link.address)
        );
        out.extend(paragraph(&words, cells, model.theme.text));
        out.extend(paragraph(&format!("  {}", sanitize::line(&link.why)), cells, model.theme.dim));
    }
    out.push(Line::default());
    out.push(Line::from(Span::styled("Nearby", model.theme.title)));
    let strangers = home::strangers(model).count() as u64;
    let near = model.nearby.len() as u64;
    out.push(dim(
        model,
        &format!(
            "discovery sees {}, {strangers} of them no contacts",
            count(near, "person", "people")
        ),
    ));
    if let Some(status) = &model.status {
        out.push(Line::default());
        out.push(Line::from(Span::styled("This node", model.theme.title)));
        let listen: Vec<String> = status.listen.iter().map(|l| sanitize::line(l)).collect();
        row(model, "listens on", &listen.join(", "), cells, &mut out);
        row(
            model,
            "store",
            &format!(
                "{}: {}, {} MiB",
                sanitize::line(&status.store),
                count(status.entries, "entry", "entries"),
                status.store_bytes / (1 << 20)
            ),
            cells,
            &mut out,
        );
        row(
            model,
            "not delivered yet",
            &count(status.queued, "message", "messages"),
            cells,
            &mut out,
        );
        for notice in &status.notices {
            out.extend(paragraph(&format!("! {}", sanitize::line(notice)), cells, model.theme.bad));
        }
        let refused: u64 = status.refused.iter().map(|r| r.count).sum();
        if refused > 0 {
            row(
                model,
                "refused",
                &format!("{} (`nexus status` lists them)", count(refused, "thing", "things")),
                cells,
                &mut out,
            );
        }
    }
    out.push(Line::default());
    out.push(Line::from(Span::styled("Checks of this machine", model.theme.title)));
    if model.checks.is_empty() {
        out.push(dim(model, "being made …"));
    }
    for check in &model.checks {
        let (sign, style) =
            if check.ok { ("✓ fine", model.theme.good) } else { ("! not fine", model.theme.bad) };
        let words =
            format!("{sign}  {}: {}", sanitize::line(&check.check), sanitize::line(&check.detail));
        out.extend(paragraph(&words, cells, style));
        if let Some(hint) = &check.hint {
            out.extend(paragraph(&format!("  {}", sanitize::line(hint)), cells, model.theme.text));
        }
    }
    out
}

fn story(model: &Model, entry: &str, cells: usize) -> Vec<Line<'static>> {
    let mut out = Vec::new();
    let message = model.chat().and_then(|chat| chat.get(entry));
    if let Some(message) = message.filter(|m| m.author == model.my_id()) {
        let names = |who: Vec<String>| match who.is_empty() {
            true => "nobody yet".to_owned(),
            false => who.iter().map(|w| model.name(w)).collect::<Vec<_>>().join(", "),
        };
        let (delivered, read) = model.receivers(message);
        row(model, "arrived at", &names(delivered), cells, &mut out);
        row(model, "read by", &names(read), cells, &mut out);
        out.push(Line::default());
    }
    if model.story.is_empty() {
        out.push(dim(model, "one moment …"));
    }
    for moment in &model.story {
        let who =
            moment.peer.as_deref().map(|p| format!("  {}", model.name(p))).unwrap_or_default();
        out.push(Line::from(vec![
            Span::styled(format!("{}  ", model.now.exact(&moment.time)), model.theme.dim),
            Span::styled(sanitize::line(&moment.stage), model.theme.title),
            Span::styled(who, model.theme.text),
        ]));
        out.extend(paragraph(
            &format!("  {}", sanitize::line(&moment.detail)),
            cells,
            model.theme.text,
        ));
    }
    out
}
