use std::process::Command;

use super::*;

/// Set in the process that is to panic.
const PANICS: &str = "NEXUS_TUI_TEST_PANICS";

/// This test, run again on a terminal of its own by `script`, with what the terminal is like afterwards.
fn on_a_terminal(test: &str, how: &str) -> String {
    let program = std::env::current_exe().unwrap();
    let line = format!(
        "stty sane rows 24 cols 80; {PANICS}={how} {} --exact {test} --nocapture; stty -a | grep -ow -e '-*icanon' -e '-*echo'",
        program.display()
    );
    let mut command = Command::new("script");
    command.args(["-q", "-e", "-f", "-c", &line, "/dev/null"]).env("TERM", "xterm");
    command.stdin(std::process::Stdio::null());
    let out = command.output().expect("`script`, of util-linux");
    String::from_utf8_lossy(&out.stdout).into_owned()
}

const NAME: &str = "run::screen::tests::a_panic_gives_the_terminal_back_before_it_is_told";

#[test]
fn a_panic_gives_the_terminal_back_before_it_is_told() {
    match std::env::var(PANICS).as_deref() {
        Ok("here") => {
            let _screen = Screen::open(true).unwrap();
            panic!("on purpose");
        }
        Ok("elsewhere") => {
            let mut screen = Screen::open(true).unwrap();
            let other = thread::spawn(|| panic!("on purpose")).join();
            assert!(other.is_err());
            screen.draw(|frame| frame.render_widget("goes on", frame.area())).unwrap();
            return;
        }
        _ => {}
    }
    let shown = on_a_terminal(NAME, "here");
    let at = |what: &str| shown.find(what).unwrap_or_else(|| panic!("no {what:?}: {shown:?}"));
    let told = at("on purpose");
    // The alternate screen, the mouse, bracketed paste and focus were taken, and are given back before the words.
    for mode in ["1049", "1000", "2004", "1004"] {
        let (taken, given) = (at(&format!("\u{1b}[?{mode}h")), at(&format!("\u{1b}[?{mode}l")));
        assert!(taken < given && given < told, "{mode}: {shown:?}");
    }
    assert!(at("\u{1b}[?25h") < told, "{shown:?}");
    assert!(shown.contains("icanon") && !shown.contains("-icanon"), "{shown:?}");
    assert!(shown.contains("echo") && !shown.contains("-echo"), "{shown:?}");

    // One in another thread must not write over the screen.
    let shown = on_a_terminal(NAME, "elsewhere");
    assert!(shown.contains("goes") && !shown.contains("on purpose"), "{shown:?}");
    assert!(shown.contains("\u{1b}[?1049l") && !shown.contains("-icanon"), "{shown:?}");
}

#[test]
fn no_name_is_a_command_to_the_terminal_where_news_are_told() {
    let told = notice("7;calc.exe", "hi\u{7}\u{1b}\\");
    let words = told.strip_prefix("\u{1b}]9;").and_then(|t| t.strip_suffix("\u{1b}\\")).unwrap();
    assert!(!words.starts_with(|c: char| c.is_ascii_digit()), "{words}");
    assert!(words.contains("7;calc.exe: hi") && !words.contains(char::is_control), "{words}");
}
