//! Names of files: what is taken is one plain component, and whatever comes can be made one.
#![no_main]

use std::path::{Component, Path};

use nexus_blobs::SafeName;
use nexus_blobs::manifest::LinkTarget;
use nexus_blobs::name::{sanitize, with_number};

libfuzzer_sys::fuzz_target!(|text: &str| {
    for name in [sanitize(text), with_number(&sanitize(text), 2)] {
        assert_eq!(SafeName::new(name.as_str()).as_ref(), Ok(&name));
        let mut parts = Path::new(name.as_str()).components();
        assert!(matches!(parts.next(), Some(Component::Normal(_))) && parts.next().is_none());
    }
    let at = ["a", "b", "link"].map(sanitize);
    if let Some(target) = LinkTarget::parse(text, &at) {
        assert!(target.up < 2);
        assert_eq!(LinkTarget::parse(&target.to_string(), &at), Some(target));
    }
});
