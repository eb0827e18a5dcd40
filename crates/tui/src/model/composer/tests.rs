use super::*;

#[test]
fn words_lines_and_graphemes_are_deleted_whole() {
    let mut c = Composer::with("one two\nthree 👩‍👩‍👧");
    c.backspace();
    assert_eq!(c.text(), "one two\nthree ");
    c.delete_word();
    assert_eq!(c.text(), "one two\n");
    c.backspace();
    c.word_left();
    assert_eq!(c.cursor(), 4);
    c.delete_to_start();
    assert_eq!((c.text(), c.cursor()), ("two", 0));
    c.undo();
    c.undo();
    assert_eq!(c.text(), "one two\n");
    c.redo();
    assert_eq!(c.text(), "one two");
}

#[test]
fn a_typed_word_is_one_step_of_undo_and_a_paste_is_one() {
    let mut c = Composer::default();
    "hello big".chars().for_each(|l| c.typed(l));
    c.undo();
    assert_eq!(c.text(), "hello ");
    c.insert("a\nb\nc");
    c.undo();
    assert_eq!(c.text(), "hello ");
}

#[test]
fn the_cursor_goes_up_and_down_through_soft_breaks() {
    let mut c = Composer::with("aaaa bbbb cccc");
    assert_eq!(c.place(5), (2, 4));
    assert!(c.vertical(5, false));
    assert_eq!(c.place(5), (1, 4));
    assert!(c.vertical(5, false) && !c.vertical(5, false));
    assert!(c.vertical(5, true) && c.vertical(5, true) && !c.vertical(5, true));
}

#[test]
fn lines_are_taken_out_and_put_elsewhere() {
    let mut c = Composer::with("one\ntwo\nthree");
    c.vertical(20, false);
    c.take_line(true);
    assert_eq!((c.text(), c.cursor()), ("one\nthree", 4));
    c.put();
    assert_eq!((c.text(), c.cursor()), ("one\nthree\ntwo", 10));
    c.take_line(true);
    assert_eq!((c.text(), c.cursor()), ("one\nthree", 4));
    c.undo();
    assert_eq!(c.text(), "one\nthree\ntwo");
    let mut c = Composer::with("a");
    c.take_line(true);
    assert_eq!((c.text(), c.cursor()), ("", 0));
}

#[test]
fn what_was_sent_can_be_brought_back() {
    let mut c = Composer::with("first");
    c.take();
    c.set("second");
    c.take();
    c.recall(true);
    c.recall(true);
    assert_eq!(c.text(), "first");
    c.recall(false);
    c.recall(false);
    assert_eq!(c.text(), "");
}
