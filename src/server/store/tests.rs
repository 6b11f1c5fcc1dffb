use super::*;
use crate::domain::{CameraId, CameraKey, CheckpointId};

mod clocks;
mod faults;
mod find;
mod health;
mod retire;
mod upgrade;
mod watch;

fn camera() -> CameraKey {
    CameraKey { camera: CameraId::new("c1").unwrap(), checkpoint: CheckpointId::new("p1").unwrap() }
}

fn detection(key: &str, revision: i64, id: &str) -> NewDetection {
    NewDetection {
        camera: camera(),
        key: key.into(),
        revision,
        detection_id: id.into(),
        captured: Timed { at_us: 5, raw_boot: None, body: format!("{{\"rev\":{revision}}}") },
        received_us: 10,
        images: vec![ImageRow { name: "frame".into(), path: format!("{id}-{revision}.jpg"), bytes: 3 }],
    }
}

async fn insert(store: &Arc<Store>, detection: NewDetection) -> Accepted {
    store.write(move |conn| detection.insert(conn)).await.unwrap().value
}

/// How many match, and one page of them.
fn select(filter: &Filter, conn: &Connection) -> rusqlite::Result<(i64, Vec<RecordRow>)> {
    let found = filter.find(conn)?;
    Ok((found.total, records(conn, &found.places)?))
}

/// What is counted with the commits is what there is.
async fn assert_counted(store: &Arc<Store>) {
    let path = store.path.clone();
    let counts = tokio::task::spawn_blocking(move || verify::counts(&verify::open_to_read(&path).unwrap()).unwrap());
    for count in counts.await.unwrap() {
        assert_eq!(count.kept, count.is, "{}", count.what);
    }
}

fn open(dir: &tempfile::TempDir) -> Arc<Store> {
    Arc::new(Store::open(&dir.path().join("lpr.db")).unwrap())
}

#[tokio::test]
async fn what_a_job_may_have_to_take_back_is_not_written_to_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let in_memory = |conn: &Connection| conn.query_row("PRAGMA temp_store", [], |row| row.get::<_, i64>(0));
    assert_eq!(open(&dir).write(in_memory).await.unwrap().value, 2);
}

#[tokio::test]
async fn no_statement_of_the_writer_is_planned_anew_for_another_value() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let look = |conn: &Connection| conn.db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG);
    assert!(store.write(look).await.unwrap().value);
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
    let (total, records) = store.read(move |conn| select(&filter, conn)).await.unwrap();
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
    let (id, before) = (store.store_id().to_owned(), store.checkpoint());
    assert!(before > 0);
    store.close();
    assert!(matches!(store.write(|_| Ok(())).await, Err(StoreError::Closed)));

    let store = open(&dir);
    assert_eq!((store.store_id(), store.checkpoint()), (id.as_str(), before));
    assert_eq!(insert(&store, detection("e", 0, "B")).await.record_id, "A");
    assert!(store.checkpoint() > before);
}

#[tokio::test]
async fn asking_whether_commits_succeed_does_not_make_the_checkpoint_rise() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(&dir.path().join("s.db")).unwrap());
    insert(&store, detection("k1", 0, "id1")).await;
    let before = store.checkpoint();
    for _ in 0..10 {
        assert_eq!(store.write(|_| Ok(())).await.unwrap().checkpoint, before);
    }
    insert(&store, detection("k2", 0, "id2")).await;
    assert_eq!(store.checkpoint(), before + 1);
    store.close();
}

#[tokio::test]
async fn records_are_the_last_ones_oldest_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    for n in 0..5 {
        insert(&store, detection(&format!("e{n}"), 0, &format!("id{n}"))).await;
    }
    let filter = Filter { camera_id: Some("c1".into()), limit: 2, ..Filter::default() };
    let (total, records) = store.read(move |conn| select(&filter, conn)).await.unwrap();
    let ids: Vec<_> = records.iter().map(|record| record.detection_id.as_str()).collect();
    assert_eq!((total, ids), (5, vec!["id3", "id4"]));
    let filter = Filter { checkpoint_id: Some("other".into()), limit: 2, ..Filter::default() };
    assert_eq!(store.read(move |conn| select(&filter, conn)).await.unwrap(), (0, Vec::new()));
}

#[tokio::test]
async fn keys_outlive_the_records_they_belong_to() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    insert(&store, detection("e", 1, "A")).await;
    let purge = |conn: &Connection| conn.execute_batch("DELETE FROM images; DELETE FROM detections");
    store.write(purge).await.unwrap();
    let again = insert(&store, detection("e", 1, "B")).await;
    assert_eq!((again.verdict, again.record_id.as_str()), (Verdict::Duplicate, "A"));
    // A new revision of what is no longer kept becomes a record again, under the id that was answered first.
    let newer = insert(&store, detection("e", 2, "C")).await;
    assert_eq!((newer.verdict, newer.record_id.as_str()), (Verdict::Update, "A"));
    assert!(store.read(|conn| RecordRow::find(conn, "A")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_camera_id_that_two_places_use_is_found_in_both_in_order_of_arrival() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    for (n, place) in ["north", "south", "south", "north"].into_iter().enumerate() {
        let mut event = detection(&format!("e{n}"), 0, &format!("id{n}"));
        event.camera.checkpoint = CheckpointId::new(place).unwrap();
        insert(&store, event).await;
    }
    let filter = Filter { camera_id: Some("c1".into()), limit: 3, ..Filter::default() };
    let (total, records) = store.read(move |conn| select(&filter, conn)).await.unwrap();
    let ids: Vec<_> = records.iter().map(|record| record.detection_id.as_str()).collect();
    assert_eq!((total, ids), (4, vec!["id1", "id2", "id3"]));
    let filter = Filter { checkpoint_id: Some("south".into()), limit: 1, ..Filter::default() };
    let (total, records) = store.read(move |conn| select(&filter, conn)).await.unwrap();
    assert_eq!((total, records[0].detection_id.as_str()), (2, "id2"));
}

#[tokio::test]
async fn counts_follow_the_day_and_never_read_the_records() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let day = (86_400_000_000, 2 * 86_400_000_000);
    for (n, at_us) in [day.0 - 1, day.0, day.1 - 1, day.1, -5].into_iter().enumerate() {
        let mut event = detection(&format!("e{n}"), 0, &format!("id{n}"));
        event.captured.at_us = at_us;
        insert(&store, event).await;
    }
    let mut update = detection("e0", 1, "x");
    update.captured.at_us = day.0;
    insert(&store, update).await;
    let counted = store.read(move |conn| counts(conn, day)).await.unwrap();
    assert_eq!((counted.detections, counted.detections_today, counted.cameras_with_detections), (5, 3, 1));
}
