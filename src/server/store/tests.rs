use super::*;
use crate::domain::{CameraId, CameraKey, CheckpointId};

fn camera() -> CameraKey {
    CameraKey { camera: CameraId::new("c1").unwrap(), checkpoint: CheckpointId::new("p1").unwrap() }
}

fn detection(key: &str, revision: i64, id: &str) -> NewDetection {
    NewDetection {
        camera: camera(),
        key: key.into(),
        revision,
        detection_id: id.into(),
        captured_us: 5,
        received_us: 10,
        body: format!("{{\"rev\":{revision}}}"),
        images: vec![ImageRow { name: "frame".into(), path: format!("{id}-{revision}.jpg"), bytes: 3 }],
    }
}

async fn insert(store: &Arc<Store>, detection: NewDetection) -> Accepted {
    store.write(move |conn| detection.insert(conn)).await.unwrap()
}

fn open(dir: &tempfile::TempDir) -> Arc<Store> {
    Arc::new(Store::open(&dir.path().join("lpr.db")).unwrap())
}

#[tokio::test]
async fn the_same_event_is_one_record_and_a_higher_revision_updates_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    assert_eq!(insert(&store, detection("e", 0, "A")).await.verdict, Verdict::New);
    let again = insert(&store, detection("e", 0, "B")).await;
    assert_eq!((again.verdict, again.record_id.as_str()), (Verdict::Duplicate, "A"));
    assert_eq!(again.orphans, ["B-0.jpg"]);
    let newer = insert(&store, detection("e", 2, "C")).await;
    assert_eq!((newer.verdict, newer.record_id.as_str()), (Verdict::Update, "A"));
    assert_eq!(newer.orphans, ["A-0.jpg"]);
    assert_eq!(insert(&store, detection("e", 1, "D")).await.verdict, Verdict::Duplicate);

    let filter = Filter { limit: 10, ..Filter::default() };
    let (total, records) = store.read(move |conn| filter.select(conn)).await.unwrap();
    assert_eq!((total, records.len()), (1, 1));
    assert_eq!(records[0].body, "{\"rev\":2}");
    assert_eq!(records[0].images[0].path, "C-2.jpg");
    assert_eq!(store.read(cameras).await.unwrap()[0].detection_count, 1);
}

#[tokio::test]
async fn the_same_revision_twice_at_once_keeps_the_files_of_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    insert(&store, detection("e", 0, "A")).await;
    // Both were told by a reader that this is news, and wrote the same file.
    let (one, two) = tokio::join!(insert(&store, detection("e", 1, "A")), insert(&store, detection("e", 1, "A")));
    assert_eq!((one.verdict, two.verdict), (Verdict::Update, Verdict::Duplicate));
    assert_eq!((one.orphans, two.orphans), (vec!["A-0.jpg".to_owned()], Vec::new()));
}

#[tokio::test]
async fn everything_is_there_after_a_restart_and_the_checkpoint_rises() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    insert(&store, detection("e", 0, "A")).await;
    let (id, before) = (store.store_id().to_owned(), store.read(checkpoint).await.unwrap());
    store.close();
    assert!(matches!(store.write(|_| Ok(())).await, Err(StoreError::Closed)));

    let store = open(&dir);
    assert_eq!(store.store_id(), id);
    assert_eq!(insert(&store, detection("e", 0, "B")).await.record_id, "A");
    assert!(store.read(checkpoint).await.unwrap() > before);
}

#[tokio::test]
async fn a_failing_write_leaves_nothing_and_spares_its_neighbours() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let bad = store.write(|conn| {
        detection("bad", 0, "X").insert(conn)?;
        conn.execute("INSERT INTO nowhere VALUES (1)", []).map(drop)
    });
    let (bad, good) = tokio::join!(bad, insert(&store, detection("good", 0, "A")));
    assert!(matches!(bad, Err(StoreError::Sql(_))));
    assert_eq!(good.verdict, Verdict::New);
    let filter = Filter { limit: 10, ..Filter::default() };
    assert_eq!(store.read(move |conn| filter.select(conn)).await.unwrap().0, 1);
}

#[tokio::test]
async fn records_are_the_last_ones_oldest_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    for n in 0..5 {
        insert(&store, detection(&format!("e{n}"), 0, &format!("id{n}"))).await;
    }
    let filter = Filter { camera_id: Some("c1".into()), limit: 2, ..Filter::default() };
    let (total, records) = store.read(move |conn| filter.select(conn)).await.unwrap();
    let ids: Vec<_> = records.iter().map(|record| record.detection_id.as_str()).collect();
    assert_eq!((total, ids), (5, vec!["id3", "id4"]));
    let filter = Filter { checkpoint_id: Some("other".into()), limit: 2, ..Filter::default() };
    assert_eq!(store.read(move |conn| filter.select(conn)).await.unwrap(), (0, Vec::new()));
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
        .unwrap();
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
