//! Making and wiping.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::api::ErrorCode;

#[test]
fn init_makes_a_private_identity_and_never_touches_an_existing_one() {
    let dir = tempfile::tempdir().unwrap();
    let made = init(dir.path(), "  Ana\u{202e} ").unwrap();
    assert_eq!(made.name, "Ana");
    let key = dir.path().join("identity.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&key).unwrap();
    assert_eq!(init(dir.path(), "Eve").unwrap_err().code, ErrorCode::IdentityExists);
    assert_eq!(fs::read(&key).unwrap(), before);
    assert_eq!(
        fs::read_dir(dir.path())
            .unwrap()
            .filter(|f| { f.as_ref().unwrap().file_name().to_string_lossy().contains("tmp") })
            .count(),
        0
    );
}

#[test]
fn names_must_be_visible_and_short() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["", " ", "\u{202e}", &"x".repeat(65)] {
        assert_eq!(init(dir.path(), name).unwrap_err().code, ErrorCode::BadName);
    }
    assert!(!has_identity(dir.path()));
}

#[test]
fn wipe_needs_the_name_and_leaves_what_is_not_ours() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), "Ana").unwrap();
    fs::write(dir.path().join("mine.txt"), "x").unwrap();
    assert_eq!(wipe(dir.path(), "Bob").unwrap_err().code, ErrorCode::NotConfirmed);
    assert!(has_identity(dir.path()));
    wipe(dir.path(), "Ana").unwrap();
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(left, ["mine.txt"]);
    assert_eq!(wipe(dir.path(), "Ana").unwrap_err().code, ErrorCode::NoIdentity);
}

#[test]
fn wipe_waits_for_no_running_node() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), "Ana").unwrap();
    let _held = DirectoryLock::take(&Paths::new(dir.path())).unwrap();
    assert_eq!(wipe(dir.path(), "Ana").unwrap_err().code, ErrorCode::Busy);
}
