//! Writing: typing, pasting, sending, leaving off.

use nexus_node::api::Command;

use super::{conversation, windows};
use crate::keymap::{Action as A, Place};
use crate::layout;
use crate::message::{Effect, Purpose};
use crate::model::chat::{Anchor, Writing};
use crate::model::completion;
use crate::model::composer::{self, Composer};
use crate::model::{Focus, Model, Stage};
use crate::sanitize;

/// Longest text in bytes; the node refuses more.
pub const MAX_TEXT: usize = 32 * 1024;

/// Longest text in bytes that is pasted into a field of one line.
pub(super) const MAX_FIELD: usize = 4 * 1024;

/// The field that typing goes to.
fn field(model: &mut Model) -> Option<&mut Composer> {
    if matches!(model.stage, Stage::Name(_)) {
        return match &mut model.stage {
            Stage::Name(field) => Some(field),
            _ => None,
        };
    }
    if !model.windows.is_empty() {
        return model.windows.last_mut().and_then(|w| w.field());
    }
    match model.focus {
        Focus::Composer => model.chat_mut().map(|c| &mut c.composer),
        _ => None,
    }
}

/// A character was typed.
pub(super) fn typed(model: &mut Model, place: Place, c: char) {
    if place == Place::Normal {
        return;
    }
    if let Some(field) = field(model) {
        field.typed(c);
        if place == Place::Window {
            windows::typed(model);
        } else if c == ':'
            && let Some((bytes, emoji)) = completion::whole(field)
        {
            field.replace_before(bytes, emoji);
        }
    }
}

/// Text was pasted: it goes in whole, whatever it looks like.
pub(super) fn paste(model: &mut Model, text: &str) {
    if text.len() > composer::MOST {
        // Whole or not at all: half a stack trace is none.
        return model.complain(format!(
            "{} bytes are too much to paste ({} at most): nothing was put in.",
            text.len(),
            composer::MOST
        ));
    }
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let one_line = !model.windows.is_empty() || matches!(model.stage, Stage::Name(_));
    if !one_line && model.open.is_some() && model.focus != Focus::Composer {
        model.focus = Focus::Composer;
    }
    let Some(field) = field(model) else { return };
    let most = if one_line { MAX_FIELD } else { composer::MOST };
    let text = match one_line {
        true => text.trim().replace('\n', " "),
        false => text.replace('\t', "    "),
    };
    let whole = field.text().len() + text.len();
    if whole > most {
        return model.complain(format!(
            "With that it would be {whole} bytes, and {most} is the most: nothing was put in."
        ));
    }
    field.insert(&text);
    if one_line {
        windows::typed(model);
    }
}

/// An action on the text; `false` when it means something else here.
pub(super) fn act(model: &mut Model, action: A) -> bool {
    let cells = layout::panes(model).chat.map_or(20, layout::composer_cells);
    match action {
        A::Send => {
            send(model);
            insert(model);
        }
        A::Insert => insert(model),
        A::Append | A::InsertAtStart | A::AppendAtEnd | A::OpenBelow => {
            insert(model);
            let Some(field) = field(model) else { return true };
            match action {
                A::Append => field.right(),
                A::InsertAtStart => field.home(),
                A::AppendAtEnd => field.end(),
                _ => field.open_below(),
            }
        }
        A::Editor => {
            let text = model.chat().map(|c| c.composer.text().to_owned()).unwrap_or_default();
            model.effects.push(Effect::Editor(text));
        }
        A::Complete if complete(model) => {}
        A::Complete => super::act::pane(model, 1),
        A::Up | A::Down => {
            let down = action == A::Down;
            let moved = field(model).is_some_and(|f| f.vertical(cells, down));
            if !moved && !down {
                // Above the text are the messages.
                conversation::select_last(model);
            }
        }
        _ => return field(model).is_some_and(|field| edit(field, action)),
    }
    true
}

/// Keys are typed again.
fn insert(model: &mut Model) {
    if let Some(chat) = model.chat_mut() {
        chat.normal = false;
    }
}

/// An action on a text alone; `false` when it is none.
pub(super) fn edit(field: &mut Composer, action: A) -> bool {
    match action {
        A::NewLine => field.insert("\n"),
        A::Left => field.left(),
        A::Right => field.right(),
        A::WordLeft => field.word_left(),
        A::WordRight | A::WordEnd => field.word_right(),
        A::NextWord => field.next_word(),
        A::DeleteLine => field.take_line(true),
        A::YankLine => field.take_line(false),
        A::Put => field.put(),
        A::LineStart => field.home(),
        A::LineEnd => field.end(),
        A::DeleteBack => field.backspace(),
        A::DeleteForward => field.delete(),
        A::DeleteWord => field.delete_word(),
        A::DeleteToStart => field.delete_to_start(),
        A::DeleteToEnd => field.delete_to_end(),
        A::Undo => field.undo(),
        A::Redo => field.redo(),
        A::OlderWritten => field.recall(true),
        A::NewerWritten => field.recall(false),
        _ => return false,
    }
    true
}

fn send(model: &mut Model) {
    let Some(chat) = model.chat_mut() else { return };
    if chat.composer.text().trim().is_empty() {
        return;
    }
    let length = chat.composer.text().len();
    if length > MAX_TEXT {
        let over = length - MAX_TEXT;
        return model.complain(format!(
            "This is {over} bytes too long for one message: shorten it, or send it in parts."
        ));
    }
    let conversation = chat.id.clone();
    let text = chat.composer.take();
    chat.unread_from = None;
    if !chat.newer {
        chat.anchor = Anchor::Bottom;
    }
    let reply = match chat.writing.clone() {
        Writing::Edit(id) => {
            chat.end_edit();
            let purpose = Purpose::Edit { conversation, entry: id.clone(), text: text.clone() };
            return model.ask(purpose, Command::Edit { id, text });
        }
        Writing::Reply(id) => Some(id),
        Writing::New => None,
    };
    chat.writing = Writing::New;
    let shown = sanitize::block(&text);
    let purpose = Purpose::Send {
        conversation: conversation.clone(),
        text: text.clone(),
        reply: reply.clone(),
    };
    model.ask(purpose, Command::Send { to: conversation, text, reply, wait: None });
    let serial = model.serial;
    if let Some(chat) = model.chat_mut() {
        chat.outgoing.push((serial, shown));
        let (id, newer) = (chat.id.clone(), chat.newer);
        if newer {
            conversation::load(model, &id, crate::message::Load::Newest);
        }
    }
}

/// Leaves off an answer or an edit. `false` when there is none.
pub(super) fn cancel(model: &mut Model) -> bool {
    let Some(chat) = model.chat_mut() else { return false };
    match &chat.writing {
        Writing::New => return false,
        Writing::Reply(_) => chat.writing = Writing::New,
        Writing::Edit(_) => chat.end_edit(),
    }
    true
}

/// What came back from the editor.
pub(super) fn edited(model: &mut Model, text: Result<String, String>) {
    match text {
        Ok(text) => {
            if let Some(chat) = model.chat_mut() {
                // As what is pasted: `sanitize` shows what is left of it that a terminal would obey.
                let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\t', "    ");
                chat.composer.replace_all(text.trim_end_matches('\n'));
            }
        }
        Err(why) => model.complain(why),
    }
}

/// Completes `:smi` to 😄 and `@an` to `@Ana`. `false` when there is nothing to complete.
fn complete(model: &mut Model) -> bool {
    let Some(chat) = model.chat().filter(|_| model.focus == Focus::Composer) else { return false };
    let (word, offers) = completion::offers(model, &chat.composer);
    let (bytes, Some(best)) = (word.len(), offers.into_iter().next()) else { return false };
    if let Some(chat) = model.chat_mut() {
        chat.composer.replace_before(bytes, &best.with);
    }
    true
}

#[cfg(test)]
mod tests;
