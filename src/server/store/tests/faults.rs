//! What goes wrong with the file, the disk or a job.

use super::*;

#[tokio::test]
async fn a_failing_write_leaves_nothing_and_spares_its_neighbours() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let bad = store.write(|conn| -> rusqlite::Result<()> {
        detection("bad", 0, "X").insert(conn)?;
        conn.execute("INSERT INTO nowhere VALUES (1)", []).map(drop)
    });
    let (bad, good) = tokio::join!(bad, insert(&store, detection("good", 0, "A")));
    assert!(matches!(bad, Err(StoreError::Sql(_))));
    assert_eq!(good.verdict, Verdict::New);
    let filter = Filter { limit: 10, ..Filter::default() };
    assert_eq!(store.read(move |conn| select(&filter, conn)).await.unwrap().0, 1);
}

#[tokio::test]
async fn the_writer_is_safe_against_power_loss_by_its_settings() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let (journal, synchronous) = store
        .write(|conn| {
            let journal: String = conn.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
            let synchronous: i64 = conn.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
            Ok((journal, synchronous))
        })
        .await
        .unwrap()
        .value;
    assert_eq!((journal.as_str(), synchronous), ("wal", 2));
}

#[test]
fn a_database_of_another_program_or_a_newer_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lpr.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Foreign(_))));

    let path = dir.path().join("newer.db");
    Store::open(&path).unwrap().close();
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Newer { version: 99, .. })));
}

#[test]
fn a_file_that_is_no_database_or_a_damaged_one_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lpr.db");
    std::fs::write(&path, vec![7; 10_000]).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Damaged { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), vec![7; 10_000]);

    let path = dir.path().join("flipped.db");
    Store::open(&path).unwrap().close();
    let mut bytes = std::fs::read(&path).unwrap();
    // The page of the list of tables.
    bytes[100..4096].iter_mut().for_each(|byte| *byte ^= 0x55);
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Damaged { .. })), "{:?}", Store::open(&path).err());
}

#[tokio::test]
async fn damage_inside_is_found_when_the_whole_file_is_looked_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lpr.db");
    let store = Arc::new(Store::open(&path).unwrap());
    for n in 0..200 {
        insert(&store, detection(&format!("e{n}"), 0, &format!("id{n}"))).await;
    }
    assert_eq!(store.inspect().await.unwrap(), None);
    store.close();
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.len() - 4096 + 8;
    bytes[at..at + 64].fill(0xff);
    std::fs::write(&path, &bytes).unwrap();
    if let Ok(store) = Store::open(&path) {
        assert!(Arc::new(store).inspect().await.unwrap().is_some());
    }
}

/// A full disk, as SQLite sees one: no page more.
#[tokio::test]
async fn a_full_database_refuses_the_whole_group_and_takes_it_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    insert(&store, detection("first", 0, "first")).await;
    let limit = |pages: i64| {
        move |conn: &Connection| conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
    };
    store.write(limit(1)).await.unwrap();
    let big = |n: usize| {
        let mut event = detection(&format!("e{n}"), 0, &format!("id{n}"));
        event.captured.body = format!("{{\"pad\":\"{}\"}}", "x".repeat(20_000));
        event
    };
    let before = store.checkpoint();
    let mut refused = 0;
    for n in 0..20 {
        let (one, two) = tokio::join!(store.write(move |conn| big(n).insert(conn)), async {
            let event = detection(&format!("small{n}"), 0, &format!("small{n}"));
            store.write(move |conn| event.insert(conn)).await
        });
        for result in [one, two] {
            if let Err(error) = result {
                assert!(error.is_final(), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused >= 20, "{refused}");
    let stored = store.read(|conn| conn.query_row("SELECT count(*) FROM detections", [], |row| row.get::<_, i64>(0)));
    assert_eq!(stored.await.unwrap(), 1 + 40 - refused, "who was refused is not there, who was not is");
    assert!(store.checkpoint() <= before + 40);

    store.write(limit(1_000_000)).await.unwrap();
    for n in 0..20 {
        assert_eq!(insert(&store, big(n)).await.verdict, Verdict::New);
    }
}
