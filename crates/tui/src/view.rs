//! Painting a model. Nothing here changes anything or asks for anything.

mod bar;
mod conversation;
mod details;
mod first_run;
pub mod home;
mod pages;
mod search;
mod windows;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Borders, Clear, Paragraph};

use crate::layout::panes;
use crate::model::window::PageKind;
use crate::model::{Model, Stage};
use crate::text::truncate;
use crate::theme::Theme;

pub(crate) use bar::{online, waits};
pub(crate) use first_run::{NAME, WELCOME};
pub(crate) use windows::settings_rows as settings;

/// Smallest screen that shows anything useful.
pub const SMALLEST: (u16, u16) = (20, 6);

/// Paints everything.
pub fn draw(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return lines(frame, area, vec![Line::from("Too small: make the window larger.")]);
    }
    if model.stage != Stage::Running {
        return first_run::draw(model, frame, area);
    }
    let panes = panes(model);
    if let Some(area) = panes.list {
        home::draw(model, frame, area);
    }
    if let Some(area) = panes.chat {
        conversation::draw(model, frame, area);
    }
    if let Some(area) = panes.details {
        details::draw(model, frame, area);
    }
    bar::draw(model, frame, panes.bar);
    if let Some(window) = model.windows.last() {
        windows::draw(model, frame, area, window);
    }
    bar::too_long(model, frame, area);
}

/// Wider than any line, so that none is broken.
const ENDLESS: usize = 1 << 20;

/// Title and lines of a page, unbroken, for those who have it read out; `None` while it is not known what is on it.
pub(crate) fn reading(model: &Model, kind: &PageKind) -> Option<(String, Vec<String>)> {
    let known = match kind {
        PageKind::Invite => model.invite.is_some(),
        PageKind::Why(_) => !model.story.is_empty(),
        PageKind::Backup => model.backup.as_ref().is_some_and(|b| b.written.is_some()),
        _ => true,
    };
    let (title, lines) = pages::page(model, kind, ENDLESS);
    known.then(|| (title, lines.iter().map(ToString::to_string).collect()))
}

/// Lines from the top of an area on, each cut to its width.
fn lines(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'_>>) {
    frame.render_widget(Paragraph::new(lines), area);
}

/// A vertical line at the right edge of a pane; what is left of the pane.
fn divided(theme: &Theme, frame: &mut Frame<'_>, area: Rect) -> Rect {
    let block = Block::new().borders(Borders::RIGHT).border_style(theme.border);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    inner
}

/// A box in the middle of an area, empty inside; what is inside.
fn boxed(model: &Model, frame: &mut Frame<'_>, area: Rect, size: (u16, u16), title: &str) -> Rect {
    let width = size.0.min(area.width);
    let height = size.1.min(area.height.saturating_sub(1)).max(3);
    let x = area.x + (area.width - width) / 2;
    let y = area.y + (area.height.saturating_sub(height)) / 3;
    let at = Rect::new(x, y, width, height.min(area.height));
    let title = truncate(title, usize::from(width.saturating_sub(4)));
    let block = Block::new()
        .borders(Borders::ALL)
        .border_type(BorderType::Rounded)
        .border_style(model.theme.focus)
        .title(Span::styled(format!(" {title} "), model.theme.title));
    let inner = block.inner(at);
    frame.render_widget(Clear, at);
    halve(frame, at);
    frame.render_widget(block, at);
    Rect::new(inner.x + 1, inner.y, inner.width.saturating_sub(2), inner.height)
}

/// Takes away wide characters that reach into an area from the left: the terminal would paint them over its edge.
fn halve(frame: &mut Frame<'_>, area: Rect) {
    let Some(x) = area.x.checked_sub(1) else { return };
    for y in area.y..area.bottom() {
        let cell = frame.buffer_mut().cell_mut((x, y));
        if let Some(cell) = cell.filter(|cell| crate::text::width(cell.symbol()) > 1) {
            cell.set_symbol(" ");
        }
    }
}

/// Words at the left and at the right of one line.
fn apart(left: Span<'static>, right: Span<'static>, cells: usize) -> Line<'static> {
    let room = cells.saturating_sub(right.width() + 1);
    let (left_text, left_style) = (crate::text::fit(&left.content, room), left.style);
    Line::from(vec![Span::styled(left_text, left_style), Span::raw(" "), right])
}

/// A text wrapped, in one style.
fn paragraph(text: &str, cells: usize, style: Style) -> Vec<Line<'static>> {
    let rows = crate::text::wrapped(text, cells).into_iter();
    rows.map(|row| Line::from(Span::styled(row, style))).collect()
}

#[cfg(test)]
pub(crate) mod tests;
