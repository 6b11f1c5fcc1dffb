//! Databases of every released version become today's.

use super::*;

/// Made by the program of that time.
const SCHEMA_1: &str = include_str!("../schema_1_dump.sql");

#[tokio::test]
async fn what_version_1_stored_is_all_there_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lpr.db");
    Connection::open(&path).unwrap().execute_batch(SCHEMA_1).unwrap();
    let store = Arc::new(Store::open(&path).unwrap());
    assert_eq!(store.store_id(), "cd518240-6c23-49fc-a715-7c4d36a8af99");
    assert_eq!(store.checkpoint(), 7);
    assert_eq!(store.inspect().await.unwrap(), None);

    let day = (1_734_566_400_000_000, 1_734_652_800_000_000); // 2024-12-19, UTC
    let counted = store.read(move |conn| counts(conn, day)).await.unwrap();
    assert_eq!((counted.detections, counted.detections_today), (4, 3));
    assert_eq!((counted.health, counted.health_today, counted.cameras_with_detections), (2, 2, 3));
    let filter = Filter { camera_id: Some("cam-1".into()), limit: 10, ..Filter::default() };
    let (total, records) = store.read(move |conn| select(&filter, conn)).await.unwrap();
    assert_eq!((total, records.len(), records[0].images.len()), (2, 2, 2));

    // What was sent then is still known.
    let camera = CameraKey { camera: CameraId::new("cam-1").unwrap(), checkpoint: CheckpointId::new("gate").unwrap() };
    let again = NewDetection { camera, ..detection("0193de1a-0000-7000-8000-000000000001", 0, "new") };
    let again = insert(&store, again).await;
    assert_eq!((again.verdict, again.record_id.as_str()), (Verdict::Duplicate, "8fc1bf80-18f2-4314-b5b4-e8030fa0a355"));
}

#[tokio::test]
async fn raw_times_that_version_1_stored_are_corrected_when_the_clock_report_comes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lpr.db");
    Connection::open(&path).unwrap().execute_batch(SCHEMA_1).unwrap();
    let store = Arc::new(Store::open(&path).unwrap());
    clocks::report(&store, "clock-1", "b-2", 1_734_602_400_000).await;
    let find = |id: &'static str| store.read(move |conn| RecordRow::find(conn, id));
    let raw = find("26fba006-ee68-4280-a2ea-fc39dbae6cc6").await.unwrap().unwrap();
    assert!(raw.body.contains(r#""timestamp":"2024-12-19T10:05:00.000000+00:00""#), "{}", raw.body);
    let corrected_by_its_agent = find("d8b0db4c-413c-4ddd-9d58-00d510b1e05b").await.unwrap().unwrap();
    assert!(corrected_by_its_agent.body.contains(r#""timestamp":"2024-12-19T10:00:30.000000+00:00""#));
}

#[test]
fn an_upgrade_that_is_cut_off_leaves_the_old_version_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lpr.db");
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(SCHEMA_1).unwrap();
    // A table in the way makes the migration fail in its middle.
    conn.execute_batch("CREATE TABLE clocks (x)").unwrap();
    assert!(Store::open(&path).is_err());
    let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    let tallies: i64 =
        conn.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'tally'", [], |row| row.get(0)).unwrap();
    assert_eq!((version, tallies), (1, 0));
    conn.execute_batch("DROP TABLE clocks").unwrap();
    assert!(Store::open(&path).is_ok());
}

#[tokio::test]
async fn plates_of_an_older_version_are_found_once_the_background_has_looked_at_them_and_a_restart_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lpr.db");
    Connection::open(&path).unwrap().execute_batch(SCHEMA_1).unwrap();
    let look = |plate: &'static str| {
        let filter = Filter { plate: Wanted::new(plate, Mode::Exact), limit: 10, ..Filter::default() };
        move |conn: &Connection| Ok((filter.find(conn)?.total, knows_all_plates(conn)?))
    };
    let store = Arc::new(Store::open(&path).unwrap());
    assert_eq!(store.read(look("ABC 1234")).await.unwrap(), (0, false));
    assert_eq!(store.write(|conn| backfill(conn, 1)).await.unwrap().value, 1);
    assert_eq!(store.read(look("OLD1")).await.unwrap(), (1, false), "the latest first");
    store.close();

    let store = Arc::new(Store::open(&path).unwrap());
    assert_eq!(store.write(|conn| backfill(conn, 100)).await.unwrap().value, 3, "only what is left");
    assert_eq!(store.write(|conn| backfill(conn, 100)).await.unwrap().value, 0);
    for plate in ["abc-1234", "ก 1234", "XY9", "OLD1"] {
        assert_eq!(store.read(look(plate)).await.unwrap(), (1, true), "{plate}");
    }
    assert_counted(&store).await;
}

#[tokio::test]
async fn a_record_of_an_older_version_that_is_revised_before_the_background_comes_is_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lpr.db");
    Connection::open(&path).unwrap().execute_batch(SCHEMA_1).unwrap();
    let store = Arc::new(Store::open(&path).unwrap());
    let camera = CameraKey { camera: CameraId::new("cam-1").unwrap(), checkpoint: CheckpointId::new("gate").unwrap() };
    let mut newer = NewDetection { camera, ..detection("0193de1a-0000-7000-8000-000000000001", 1, "new") };
    newer.captured.body = r#"{"ocr_results":["NEW 77"]}"#.into();
    assert_eq!(insert(&store, newer).await.verdict, Verdict::Update);
    store.write(|conn| backfill(conn, 100)).await.unwrap();
    for (plate, total) in [("ABC1234", 0), ("NEW77", 1)] {
        let filter = Filter { plate: Wanted::new(plate, Mode::Exact), limit: 10, ..Filter::default() };
        assert_eq!(store.read(move |conn| filter.find(conn)).await.unwrap().total, total, "{plate}");
    }
    assert_counted(&store).await;
}

#[tokio::test]
async fn provinces_of_an_older_version_are_found_once_the_background_has_looked_and_plates_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lpr.db");
    let store = Arc::new(Store::open(&path).unwrap());
    for n in 0..5 {
        let mut event = detection(&format!("e{n}"), 0, &format!("id{n}"));
        event.captured.body =
            serde_json::json!({"ocr_results": ["", "กพ 1687"], "province": [null, "ตาก"]}).to_string();
        insert(&store, event).await;
    }
    store.close();
    // As the version before left it.
    let old = "DROP INDEX plates_by_province; ALTER TABLE plates DROP COLUMN province; ALTER TABLE meta DROP COLUMN provinces_below; PRAGMA user_version = 7;";
    Connection::open(&path).unwrap().execute_batch(old).unwrap();

    let look = |text: &'static str| {
        let wanted = Wanted::new(text, Mode::Exact);
        let filter = Filter { plate: wanted.clone(), limit: 10, ..Filter::default() };
        move |conn: &Connection| Ok((filter.find(conn)?.total, knows_all(conn, &wanted.unwrap())?))
    };
    let store = Arc::new(Store::open(&path).unwrap());
    assert_eq!(store.read(look("กพ1687")).await.unwrap(), (5, true));
    assert_eq!(store.read(look("กพ1687 ตาก")).await.unwrap(), (0, false));
    assert_eq!(store.write(|conn| backfill(conn, 2)).await.unwrap().value, 2);
    assert_eq!(store.read(look("กพ1687 ตาก")).await.unwrap(), (2, false), "the latest first");
    store.close();

    let store = Arc::new(Store::open(&path).unwrap());
    let mut newer = detection("e0", 1, "newer");
    newer.captured.body = r#"{"ocr_results":["กพ 1687"],"province":["ตรัง"]}"#.into();
    insert(&store, newer).await;
    assert!(!store.read(knows_all_plates).await.unwrap());
    for (rows, looked_at) in [(2, 2), (2, 1), (2, 0)] {
        assert_eq!(store.write(move |conn| backfill(conn, rows)).await.unwrap().value, looked_at);
    }
    assert_eq!(store.read(look("กพ1687 ตาก")).await.unwrap(), (4, true));
    assert_eq!(store.read(look("ตรัง")).await.unwrap(), (1, true));
    assert_counted(&store).await;
}
