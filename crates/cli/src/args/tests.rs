use clap::CommandFactory;

use super::*;

/// Splits a line as a shell does, as far as examples need it.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quoted, mut any) = (String::new(), false, false);
    for c in line.chars() {
        match c {
            '\'' => (quoted, any) = (!quoted, true),
            ' ' if !quoted => {
                if any {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            _ => {
                word.push(c);
                any = true;
            }
        }
    }
    if any {
        words.push(word);
    }
    words
}

fn each(command: &clap::Command, visit: &mut impl FnMut(&clap::Command)) {
    visit(command);
    for sub in command.get_subcommands().filter(|s| s.get_name() != "help") {
        each(sub, visit);
    }
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_a_working_example() {
    let mut seen = 0;
    each(&Cli::command(), &mut |command| {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let example = help.strip_prefix("Example:\n  ");
        let example = example.unwrap_or_else(|| panic!("`{}` has no example", command.get_name()));
        let words = words(example);
        assert!(
            words.iter().any(|w| w == command.get_name()),
            "the example of `{}` shows another command: {example}",
            command.get_name()
        );
        if let Err(e) = Cli::try_parse_from(&words) {
            panic!("{example}: {e}");
        }
        seen += 1;
    });
    assert!(seen > 45, "{seen}");
}

#[test]
fn every_argument_says_what_it_is() {
    each(&Cli::command(), &mut |command| {
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
        }
    });
}

#[test]
fn global_options_work_before_and_after_the_command() {
    for line in ["nexus --json --data-dir /x id", "nexus id --json --data-dir /x"] {
        let cli = Cli::try_parse_from(words(line)).unwrap();
        assert!(cli.global.json);
        assert_eq!(cli.global.data_dir, Some("/x".into()));
    }
}

#[test]
fn options_may_follow_the_text_and_a_dash_is_text() {
    let cli = Cli::try_parse_from(words("nexus send Ben a b --wait read --timeout 5s")).unwrap();
    let Some(Verb::Send(send)) = cli.verb else { panic!() };
    assert_eq!(send.text, ["a", "b"]);
    assert_eq!((send.wait, send.timeout.as_secs()), (Some(State::Read), 5));
    let cli = Cli::try_parse_from(words("nexus send Ben -")).unwrap();
    let Some(Verb::Send(send)) = cli.verb else { panic!() };
    assert_eq!(send.text, ["-"]);
}
