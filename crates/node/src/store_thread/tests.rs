//! What the thread does beside running jobs.

use super::*;
use crate::desk::Desk;

#[tokio::test]
async fn what_is_removed_is_gone_from_the_files_while_the_node_runs() {
    const SECRET: &[u8] = b"nobody is to read this again";
    let mut desk = Desk::new();
    let peer = desk.contact();
    desk.text(&peer, std::str::from_utf8(SECRET).unwrap());
    let Desk { opened, me, dir, .. } = desk;
    let me = Arc::unwrap_or_clone(me);
    let (store, thread) = Store::start(opened.writer, me, Clock::default(), |_| ()).unwrap();
    let held = || {
        let files =
            ["nexus.db", "nexus.db-wal"].map(|f| std::fs::read(dir.path().join(f)).unwrap());
        files.iter().any(|file| file.windows(SECRET.len()).any(|bytes| bytes == SECRET))
    };
    assert!(held());
    let who = peer.card.connect_id();
    store.run(move |work| crate::contacts::remove(work, &who)).await.unwrap();
    // The next job is taken up once the files were seen to.
    store.run(|_| Ok(())).await.unwrap();
    assert!(!held());
    drop(store);
    thread.join().unwrap();
}
