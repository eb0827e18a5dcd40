//! Everything that a key can do. The palette lists the same.

/// Where a key is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// In every place that gives the key no meaning of its own.
    Everywhere,
    /// In the list of conversations, requests and people nearby.
    List,
    /// Among the messages of a conversation.
    Messages,
    /// Where text is written.
    Composer,
    /// The same, in the Vim-like set after Esc: keys move and change, none is typed.
    Normal,
    /// In a window that lies over the rest, such as help or search.
    Window,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Everywhere, Self::List, Self::Messages, Self::Composer, Self::Normal, Self::Window];

    /// Its name in `config.toml`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::List => "list",
            Self::Messages => "messages",
            Self::Composer => "composer",
            Self::Normal => "normal",
            Self::Window => "window",
        }
    }

    /// What a person calls it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Everywhere => "Everywhere",
            Self::List => "In the list",
            Self::Messages => "Among messages",
            Self::Composer => "While writing",
            Self::Normal => "While writing, after Esc in the Vim-like set",
            Self::Window => "In a window (help, search, …)",
        }
    }
}

macro_rules! actions {
    ($($name:ident $text:literal $help:literal,)*) => {
        /// What a key, or the palette, can do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action {
            $(#[doc = $help] $name,)*
        }

        impl Action {
            /// All of them, in the order of the palette.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name in `config.toml`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What it does, in a few words.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $(Self::$name => $help,)* }
            }
        }
    };
}

actions! {
    Help "help" "show the keys",
    Palette "palette" "do anything, by its name",
    Switch "switch" "go to a conversation, by its name",
    Search "search" "search everywhere",
    SearchHere "search-here" "search in this conversation",
    NextUnread "next-unread" "go to the next conversation with something unread",
    NextConversation "next-conversation" "go to the next conversation",
    PreviousConversation "previous-conversation" "go to the conversation before",
    NextPane "next-pane" "go to the next pane",
    PreviousPane "previous-pane" "go to the pane before",
    Back "back" "go back, close what lies above",
    Invite "invite" "make an invite link, with QR code",
    AddContact "add-contact" "ask somebody to become a contact",
    MyId "my-id" "show my ConnectID, with QR code",
    Details "details" "look at this contact: ConnectID, safety number, path",
    Verify "verify" "say that the safety numbers match, or take it back",
    Mute "mute" "mute this conversation for a while, or unmute it",
    Timer "timer" "let messages of this conversation disappear",
    Rename "rename" "call this contact by another name here",
    Remove "remove" "remove this contact",
    DoNotDisturb "do-not-disturb" "tell of nothing, or of news again",
    Network "network" "look at links, discovery and this machine",
    Settings "settings" "look at the settings and change them",
    Backup "backup" "write a backup that opens with twelve words",
    Quit "quit" "end Nexus",
    Suspend "suspend" "go back to the shell; `fg` returns",
    Redraw "redraw" "paint everything anew",
    Up "up" "one up",
    Down "down" "one down",
    PageUp "page-up" "a page up",
    PageDown "page-down" "a page down",
    Top "top" "go to the top",
    Bottom "bottom" "go to the bottom",
    Open "open" "open what is selected",
    Accept "accept" "accept this request",
    Decline "decline" "decline this request",
    Block "block" "block this person, or unblock them",
    FirstUnread "first-unread" "go to the first unread message",
    JumpToDate "jump-to-date" "go to a day",
    Write "write" "write into this conversation",
    Reply "reply" "answer this message",
    Edit "edit" "edit this message of mine",
    Retract "retract" "take this message of mine back",
    React "react" "react to this message",
    JumpToReplied "jump-to-replied" "go to the message that this one answers",
    Why "why" "tell the story of this message",
    Copy "copy" "copy this message",
    WholeScreen "whole-screen" "show this QR code on the whole screen",
    SavePicture "save-picture" "save this QR code as a picture",
    Links "links" "the links of this message: look at one, open it, copy it",
    Send "send" "send what is written",
    NewLine "new-line" "begin a new line",
    Left "left" "one character left",
    Right "right" "one character right",
    Insert "insert" "write here",
    Append "append" "write after this character",
    InsertAtStart "insert-at-start" "write at the beginning of the line",
    AppendAtEnd "append-at-end" "write at the end of the line",
    OpenBelow "open-below" "write in a new line below",
    NextWord "next-word" "to the beginning of the next word",
    WordEnd "word-end" "to the end of the word",
    DeleteLine "delete-line" "delete this line, to put it elsewhere",
    YankLine "yank-line" "keep this line, to put it elsewhere",
    Put "put" "put what was deleted or kept",
    WordLeft "word-left" "one word left",
    WordRight "word-right" "one word right",
    LineStart "line-start" "to the beginning of the line",
    LineEnd "line-end" "to the end of the line",
    DeleteBack "delete-back" "delete the character before",
    DeleteForward "delete-forward" "delete the character after",
    DeleteWord "delete-word" "delete the word before",
    DeleteToStart "delete-to-start" "delete to the beginning of the line",
    DeleteToEnd "delete-to-end" "delete to the end of the line",
    Undo "undo" "undo what was typed",
    Redo "redo" "do again what was undone",
    OlderWritten "older-written" "what was sent before, to send again",
    NewerWritten "newer-written" "what was sent after that",
    Editor "editor" "write in $EDITOR",
    Complete "complete" "complete `:emoji:` or @name; else go to the next pane",
}

impl Action {
    /// The action of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|a| a.name() == name)
    }

    /// Whether it only moves the cursor in a text or a list, so that the palette need not offer it.
    #[must_use]
    pub const fn is_motion(self) -> bool {
        matches!(
            self,
            Self::Up
                | Self::Down
                | Self::Open
                | Self::Left
                | Self::Right
                | Self::WordLeft
                | Self::WordRight
                | Self::LineStart
                | Self::LineEnd
                | Self::DeleteBack
                | Self::DeleteForward
                | Self::DeleteWord
                | Self::DeleteToStart
                | Self::DeleteToEnd
                | Self::NewLine
                | Self::Insert
                | Self::Append
                | Self::InsertAtStart
                | Self::AppendAtEnd
                | Self::OpenBelow
                | Self::NextWord
                | Self::WordEnd
                | Self::DeleteLine
                | Self::YankLine
                | Self::Put
                | Self::Palette
                | Self::Complete
        )
    }
}
