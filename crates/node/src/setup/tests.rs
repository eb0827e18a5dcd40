//! Making and wiping.

use std::os::unix::fs::PermissionsExt;

use nexus_identity::backup::{Argon2Cost, Contents, seal};
use nexus_identity::phrase::Phrase;

use super::*;
use crate::api::ErrorCode;

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Whose the store is, and the name in it.
fn whose(dir: &Path) -> (String, String) {
    let opened = open_store(&Paths::new(dir), crate::time::now()).unwrap();
    let own = opened.writer.queries().own_instance().unwrap().unwrap();
    let card = VerifiedCard::decode(&own.card).unwrap();
    (own.connect_id.to_string(), card.name().unwrap().to_owned())
}

/// A backup of the identity in `dir`, and its phrase.
fn backup(dir: &Path) -> (Vec<u8>, String) {
    let paths = Paths::new(dir);
    let own = open_store(&paths, crate::time::now()).unwrap();
    let own = own.writer.queries().own_instance().unwrap().unwrap();
    let contents = Contents {
        secrets: read_identity(&paths).unwrap(),
        version: 1,
        created: crate::time::now(),
        card: VerifiedCard::decode(&own.card).unwrap(),
        keyring: Vec::new(),
        contacts: Vec::new(),
    };
    let mut rng = rand::rng();
    let phrase = Phrase::generate(&mut rng);
    let file = seal(&contents, &phrase, Argon2Cost::FOR_TESTS, &mut rng).unwrap();
    (file, phrase.text().to_owned())
}

#[test]
fn without_its_store_no_identity_is_made() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("nexus.db")).unwrap();
    assert!(init(dir.path(), "Ana").is_err());
    assert!(!has_identity(dir.path()), "it would start without its name");
    let other = tempfile::tempdir().unwrap();
    init(other.path(), "Ana").unwrap();
    let (file, phrase) = backup(other.path());
    assert!(restore(dir.path(), &file, &phrase).is_err());
    assert!(!has_identity(dir.path()), "it would start without its contacts");
    fs::remove_dir(dir.path().join("nexus.db")).unwrap();
    restore(dir.path(), &file, &phrase).unwrap();
    assert_eq!(whose(dir.path()).1, "Ana");
}

#[test]
fn restore_that_was_stopped_before_its_end_is_repeated() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let made = init(there.path(), "Ana").unwrap();
    let (file, phrase) = backup(there.path());
    let first = restore(here.path(), &file, &phrase).unwrap();
    fs::remove_file(here.path().join("identity.key")).unwrap();
    let again = restore(here.path(), &file, &phrase).unwrap();
    assert_eq!(first, again);
    assert_eq!(whose(here.path()), (made.connect_id, "Ana".to_owned()));
    assert_eq!(again.other_instances.len(), 1, "the first try left no instance behind");
}

#[test]
fn the_store_of_another_identity_is_put_aside_and_not_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let first = init(dir.path(), "Ana").unwrap();
    fs::remove_file(dir.path().join("identity.key")).unwrap();
    let second = init(dir.path(), "Ana Two").unwrap();
    assert_ne!(first.connect_id, second.connect_id);
    assert_eq!(whose(dir.path()), (second.connect_id, "Ana Two".to_owned()));
    assert!(names(dir.path()).iter().any(|name| name.starts_with("nexus.db.aside-")));
    wipe(dir.path(), "Ana Two").unwrap();
    assert!(!dir.path().exists());
}

#[test]
fn wipe_leaves_nothing_of_ours_and_works_without_the_identity() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), "Ana").unwrap();
    let ours = [
        "nexus.db.damaged-12",
        "nexus.db.damaged-12-wal",
        "nexus.db.healing-wal",
        "nexus.db.aside-3",
        "identity.tmp77",
        "config.tmp77",
        ".nexus-tmp-0011",
        "doctor.tmp",
    ];
    for name in ours {
        fs::write(dir.path().join(name), "x").unwrap();
    }
    fs::write(dir.path().join("mine.db"), "x").unwrap();
    // As an earlier try left it.
    fs::remove_file(dir.path().join("identity.key")).unwrap();
    assert_eq!(wipe(dir.path(), "Bob").unwrap_err().code, ErrorCode::NotConfirmed);
    wipe(dir.path(), "Ana").unwrap();
    assert_eq!(names(dir.path()), ["mine.db"]);
    fs::write(dir.path().join("nexus.db.damaged-12"), "x").unwrap();
    assert_eq!(wipe(dir.path(), "Ana").unwrap_err().code, ErrorCode::NotConfirmed);
    wipe(dir.path(), NO_NAME).unwrap();
    assert_eq!(names(dir.path()), ["mine.db"]);
}

#[test]
fn nobody_else_may_look_into_a_directory_that_was_there_before() {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    init(dir.path(), "Ana").unwrap();
    assert_eq!(mode(dir.path()), 0o700);
    for name in names(dir.path()) {
        assert_eq!(mode(&dir.path().join(&name)), 0o600, "{name}");
    }
    let shared = tempfile::tempdir().unwrap();
    fs::write(shared.path().join("mine"), "x").unwrap();
    fs::set_permissions(shared.path(), fs::Permissions::from_mode(0o755)).unwrap();
    init(shared.path(), "Ana").unwrap();
    assert_eq!(mode(shared.path()), 0o755, "others use it too");
}

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
    assert!(!names(dir.path()).iter().any(|name| name.contains("tmp")));
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
    assert_eq!(names(dir.path()), ["mine.txt"]);
    assert_eq!(wipe(dir.path(), "Ana").unwrap_err().code, ErrorCode::NoIdentity);
}

#[test]
fn wipe_waits_for_no_running_node() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), "Ana").unwrap();
    let _held = DirectoryLock::take(&Paths::new(dir.path())).unwrap();
    assert_eq!(wipe(dir.path(), "Ana").unwrap_err().code, ErrorCode::Busy);
}
