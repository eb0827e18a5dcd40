//! Windows above the panes.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

use super::{apart, boxed, lines, pages, paragraph};
use crate::keymap::{Action, Place, spelled};
use crate::model::Model;
use crate::model::choices::options;
use crate::model::composer::Composer;
use crate::model::settings::Setting;
use crate::model::window::{Bind, Form, FormKind, Pick, PickKind, Window};
use crate::sanitize;
use crate::text::{fit, truncate, width};

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect, window: &Window) {
    let wide = area.width.saturating_sub(4).clamp(20, 90);
    let high = area.height.saturating_sub(3);
    match window {
        Window::Help { scroll } => {
            let inner = boxed(model, frame, area, (wide, high), "Keys");
            scrolled(model, frame, inner, help(model, usize::from(inner.width)), *scroll);
        }
        Window::Page(page) => {
            let (title, body) = pages::page(model, &page.kind, usize::from(wide.saturating_sub(4)));
            let needed = u16::try_from(body.len()).unwrap_or(high).saturating_add(3);
            let inner = boxed(model, frame, area, (wide, needed.min(high)), &title);
            scrolled(model, frame, inner, body, page.scroll);
        }
        Window::Pick(pick) => self::pick(model, frame, area, pick),
        Window::Search(search) => super::search::draw(model, frame, area, search),
        Window::Form(form) => self::form(model, frame, area, form),
        Window::Confirm(confirm) => {
            let cells = usize::from(wide.min(60) - 4);
            let mut body = paragraph(&confirm.question, cells, model.theme.text);
            if let Some(number) = &confirm.number {
                body.push(Line::default());
                body.extend(paragraph(number, cells, model.theme.title));
            }
            let needed = u16::try_from(body.len()).unwrap_or(8).saturating_add(4);
            let inner = boxed(model, frame, area, (wide.min(60), needed), "Sure?");
            let mut shown = body;
            shown.push(Line::default());
            shown.push(Line::from(Span::styled("enter, y: yes   esc, n: no", model.theme.dim)));
            lines(frame, inner, shown);
        }
        Window::Bind(bind) => self::bind(model, frame, area, bind),
        Window::Code(text) => code(model, frame, area, text),
        Window::Settings { selected } => settings(model, frame, area, *selected),
    }
}

/// A long text with its place at the end.
fn scrolled(
    model: &Model,
    frame: &mut Frame<'_>,
    area: Rect,
    body: Vec<Line<'static>>,
    scroll: usize,
) {
    let height = usize::from(area.height.saturating_sub(1));
    let most = body.len().saturating_sub(height);
    let at = scroll.min(most);
    let more = most - at;
    let mut shown: Vec<Line<'static>> = body.into_iter().skip(at).take(height).collect();
    while shown.len() < height {
        shown.push(Line::default());
    }
    let words = if more > 0 {
        format!("↓ {more} more lines   esc: close")
    } else {
        "esc: close".to_owned()
    };
    shown.push(Line::from(Span::styled(words, model.theme.dim)));
    lines(frame, area, shown);
}

fn help(model: &Model, cells: usize) -> Vec<Line<'static>> {
    let mut out = Vec::new();
    for place in Place::ALL {
        out.push(Line::from(Span::styled(place.title(), model.theme.title)));
        for action in Action::ALL {
            let keys: Vec<String> = model
                .config
                .keymap
                .bindings()
                .iter()
                .filter(|b| b.place == place && b.action == *action)
                .map(|b| spelled(&b.keys))
                .collect();
            if keys.is_empty() {
                continue;
            }
            let left = cells / 3;
            let words = format!("  {} ", fit(&keys.join(", "), left.saturating_sub(3)));
            out.push(Line::from(vec![
                Span::styled(words, model.theme.focus),
                Span::styled(truncate(action.help(), cells.saturating_sub(left)), model.theme.text),
            ]));
        }
        out.push(Line::default());
    }
    out
}

/// One line to type in; the end of what was typed is in view.
pub(super) fn field(
    model: &Model,
    frame: &mut Frame<'_>,
    area: Rect,
    field: &Composer,
    focused: bool,
) {
    let cells = usize::from(area.width.saturating_sub(3)).max(1);
    let before = sanitize::line(field.text().get(..field.cursor()).unwrap_or_default());
    let text = sanitize::line(field.text());
    let mut skip = 0;
    while width(before.get(skip..).unwrap_or_default()) > cells {
        skip += before.get(skip..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
    }
    let shown = truncate(text.get(skip..).unwrap_or_default(), cells);
    let sign = if focused { model.theme.focus } else { model.theme.dim };
    let line = Line::from(vec![Span::styled("> ", sign), Span::styled(shown, model.theme.text)]);
    lines(frame, area, vec![line]);
    if focused {
        let column = width(before.get(skip..).unwrap_or_default());
        let x = area.x + 2 + u16::try_from(column).unwrap_or(0);
        frame.set_cursor_position(Position { x: x.min(area.right()), y: area.y });
    }
}

pub(super) fn part(area: Rect, y: u16, height: u16) -> Rect {
    let top = (area.y + y).min(area.bottom());
    Rect::new(area.x, top, area.width, height.min(area.bottom() - top))
}

/// The lines around the selected one that fit.
pub(super) fn around(
    mut all: Vec<Line<'static>>,
    selected: usize,
    height: usize,
) -> Vec<Line<'static>> {
    let skip = (selected + 1).saturating_sub(height);
    all.drain(..skip.min(all.len()));
    all.truncate(height);
    all
}

fn pick(model: &Model, frame: &mut Frame<'_>, area: Rect, pick: &Pick) {
    let title = match pick.kind {
        PickKind::Palette => "Do",
        PickKind::Switch => "Go to",
        PickKind::React => "React",
        PickKind::Mute => "Mute for",
        PickKind::Timer => "Messages disappear after",
        PickKind::Links => "Links of this message",
        PickKind::Keys => "Keys: choose what is to have another one",
    };
    let most = match pick.kind {
        PickKind::Mute | PickKind::Timer | PickKind::Links => 12,
        _ => 20,
    };
    let size = (area.width.saturating_sub(4).min(70), area.height.saturating_sub(4).min(most));
    let inner = boxed(model, frame, area, size, title);
    field(model, frame, part(inner, 0, 1), &pick.field, true);
    let cells = usize::from(inner.width);
    let all = options(model, pick);
    let rows = all.iter().enumerate().map(|(at, option)| {
        let chosen = at == pick.selected;
        let sign = if chosen { "▸ " } else { "  " };
        let line = apart(
            Span::styled(format!("{sign}{}", option.label), model.theme.text),
            Span::styled(option.hint.clone(), model.theme.dim),
            cells,
        );
        if chosen { line.patch_style(model.theme.selected) } else { line }
    });
    let body = part(inner, 1, inner.height.saturating_sub(1));
    if all.is_empty() {
        return lines(
            frame,
            body,
            vec![Line::from(Span::styled("  nothing of that name", model.theme.dim))],
        );
    }
    lines(frame, body, around(rows.collect(), pick.selected, usize::from(body.height)));
}

fn form(model: &Model, frame: &mut Frame<'_>, area: Rect, form: &Form) {
    let title = match &form.kind {
        FormKind::AddContact => "Add a contact",
        FormKind::Date => "Go to a day",
        FormKind::Name => "My name",
        FormKind::Backup => "Write a backup",
        FormKind::Rename(_) => "Rename a contact",
        FormKind::QuietHours => "Quiet hours",
        FormKind::Picture(_) => "Save the QR code as a picture",
    };
    let rows = u16::try_from(form.fields.len()).unwrap_or(1) * 3 + 4;
    let inner = boxed(model, frame, area, (area.width.saturating_sub(4).min(76), rows), title);
    for (at, (label, text)) in form.fields.iter().enumerate() {
        let y = u16::try_from(at).unwrap_or(0) * 3;
        let label = truncate(label, usize::from(inner.width));
        lines(frame, part(inner, y, 1), vec![Line::from(Span::styled(label, model.theme.dim))]);
        field(model, frame, part(inner, y + 1, 1), text, at == form.at);
    }
    let end = inner.height.saturating_sub(2);
    let error = truncate(&form.error, usize::from(inner.width));
    lines(
        frame,
        part(inner, end, 2),
        vec![
            Line::from(Span::styled(error, model.theme.bad)),
            Line::from(Span::styled(
                "enter: done   tab: next field   esc: leave off",
                model.theme.dim,
            )),
        ],
    );
}

/// A QR code in the middle of a screen that has nothing else.
fn code(model: &Model, frame: &mut Frame<'_>, area: Rect, text: &str) {
    frame.render_widget(Clear, area);
    let Some(code) = pages::whole_screen(model, text) else {
        let words = "There is no room for the QR code any more. esc: back";
        return lines(frame, area, paragraph(words, usize::from(area.width), model.theme.text));
    };
    let height = u16::try_from(code.len()).unwrap_or(area.height).min(area.height);
    let width = code.first().map_or(0, Line::width);
    let width = u16::try_from(width).unwrap_or(area.width).min(area.width);
    let (x, y) = (area.x + (area.width - width) / 2, area.y + (area.height - height) / 2);
    lines(frame, Rect::new(x, y, width, height), code);
    if height + 2 <= area.height {
        let end = Rect::new(area.x, area.bottom() - 1, area.width, 1);
        lines(frame, end, vec![Line::from(Span::styled("esc: back", model.theme.dim))]);
    }
}

/// A key that is asked for: what was pressed, and what that did before.
fn bind(model: &Model, frame: &mut Frame<'_>, area: Rect, bind: &Bind) {
    let width = area.width.saturating_sub(4).min(70);
    let cells = usize::from(width.saturating_sub(4));
    let map = &model.config.keymap;
    let text = |words: &str| paragraph(words, cells, model.theme.text);
    let mut body = text(&format!("{}: {}", bind.place.title(), bind.action.help()));
    let now = map.all_keys_of(bind.action, bind.place);
    body.extend(text(&format!("now: {}", if now.is_empty() { "no key" } else { &now })));
    body.push(Line::default());
    let same = map.bindings().iter().find(|b| b.place == bind.place && b.keys == bind.keys);
    let words = match (bind.keys.is_empty(), same) {
        (true, _) => "Press the key, or two one after the other.".to_owned(),
        (_, None) => format!("{} — it does nothing here yet", spelled(&bind.keys)),
        (_, Some(b)) if b.action == bind.action => {
            format!("{} — it does that already: enter takes it away", spelled(&bind.keys))
        }
        (_, Some(b)) => format!("{} — it does now: {}", spelled(&bind.keys), b.action.help()),
    };
    body.extend(paragraph(&words, cells, model.theme.title));
    if !bind.error.is_empty() {
        body.extend(paragraph(&bind.error, cells, model.theme.bad));
    }
    body.push(Line::default());
    let end = match bind.keys.is_empty() {
        true => "esc: leave off",
        false => "enter: done   backspace: another   esc: leave off",
    };
    body.push(Line::from(Span::styled(end, model.theme.dim)));
    let rows = u16::try_from(body.len()).unwrap_or(10).saturating_add(2);
    let inner = boxed(model, frame, area, (width, rows), "A key");
    lines(frame, inner, body);
}

/// What can be set, and what it is set to.
pub(crate) fn settings_rows(model: &Model) -> Vec<(&'static str, String)> {
    Setting::ALL.into_iter().map(|s| (s.label(), s.value(model))).collect()
}

fn settings(model: &Model, frame: &mut Frame<'_>, area: Rect, selected: usize) {
    let rows = u16::try_from(Setting::ALL.len()).unwrap_or(10) + 5;
    let inner = boxed(model, frame, area, (area.width.saturating_sub(4).min(70), rows), "Settings");
    let cells = usize::from(inner.width);
    let mut shown: Vec<Line<'static>> = Vec::new();
    for (at, setting) in Setting::ALL.into_iter().enumerate() {
        let sign = if at == selected { "▸ " } else { "  " };
        let line = apart(
            Span::styled(format!("{sign}{}", setting.label()), model.theme.text),
            Span::styled(setting.value(model), model.theme.focus),
            cells,
        );
        shown.push(if at == selected { line.patch_style(model.theme.selected) } else { line });
    }
    let height = usize::from(inner.height.saturating_sub(3));
    let mut shown = around(shown, selected, height.max(1));
    shown.push(Line::default());
    shown.push(Line::from(Span::styled("enter: change   esc: close", model.theme.dim)));
    let rest = "all of it is in a file, too: `nexus config path`";
    shown.push(Line::from(Span::styled(truncate(rest, cells), model.theme.dim)));
    lines(frame, inner, shown);
}
