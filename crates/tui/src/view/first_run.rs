//! Before the node runs.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::{boxed, lines, paragraph};
use crate::model::{Model, Stage};
use crate::sanitize;
use crate::text::{truncate, width};

pub(crate) const NAME: &str = "Welcome to Nexus. Messages go straight from you to the people you know, over the cable or the network between you. No account, and no server.\n\nHow should others call you?";
pub(crate) const WELCOME: &str = "Your identity is made on this machine, and is only here. Its ConnectID is how others find you; give it to anybody.\n\nThere is no account behind it: if you lose this machine and have no backup, nobody can give the identity back to you, nobody at all. A backup takes a minute and twelve words.";

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let wide = area.width.saturating_sub(2).min(72);
    let cells = usize::from(wide.saturating_sub(4));
    let (title, mut body, hint) = match &model.stage {
        Stage::Name(_) => {
            ("Nexus", paragraph(NAME, cells, model.theme.text), "enter: go on   ctrl-q: leave")
        }
        Stage::Welcome => {
            let mut body = paragraph(WELCOME, cells, model.theme.text);
            body.push(Line::default());
            match &model.me {
                Some(me) => body.extend(paragraph(&me.connect_id, cells, model.theme.title)),
                None => body.push(Line::from(Span::styled("being made …", model.theme.dim))),
            }
            ("This is you", body, "enter: begin   b: write a backup first")
        }
        Stage::Starting => {
            ("Nexus", paragraph("starting …", cells, model.theme.dim), "ctrl-q: leave")
        }
        Stage::Gone(error) => {
            let mut body = paragraph(&sanitize::line(&error.message), cells, model.theme.bad);
            body.push(Line::default());
            body.extend(paragraph(&sanitize::line(&error.hint), cells, model.theme.text));
            ("The node is gone", body, "enter: leave")
        }
        Stage::Running => return,
    };
    let row = body.len();
    if let Stage::Name(field) = &model.stage {
        let name = truncate(&sanitize::line(field.text()), cells.saturating_sub(3));
        body.push(Line::default());
        body.push(Line::from(vec![
            Span::styled("> ", model.theme.focus),
            Span::styled(name, model.theme.title),
        ]));
    }
    body.push(Line::default());
    if let Some(toast) = model.toast.as_ref().filter(|t| t.bad) {
        body.extend(paragraph(&toast.text, cells, model.theme.bad));
    }
    body.push(Line::from(Span::styled(hint, model.theme.dim)));
    let high = u16::try_from(body.len()).unwrap_or(20).saturating_add(2);
    let inner = boxed(model, frame, area, (wide, high), title);
    lines(frame, inner, body);
    if let Stage::Name(field) = &model.stage {
        let before = sanitize::line(field.text().get(..field.cursor()).unwrap_or_default());
        let x =
            inner.x + 2 + u16::try_from(width(&before).min(cells.saturating_sub(3))).unwrap_or(0);
        let y = inner.y + u16::try_from(row + 1).unwrap_or(0);
        if y < inner.bottom() {
            frame.set_cursor_position(Position { x, y });
        }
    }
}
