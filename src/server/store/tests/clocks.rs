//! Gap reports and clock reports.

use super::*;
use crate::wire::incoming::{ClockReport, Gap};
use serde_json::Value;

fn health(key: &str, component: &str, at_us: i64) -> NewHealth {
    NewHealth {
        camera: camera(),
        key: key.into(),
        revision: 0,
        health_id: key.into(),
        component: component.into(),
        status: "warning".into(),
        message: key.into(),
        at: Timed { at_us, raw_boot: None, body: format!("{{\"component\":\"{component}\"}}") },
        received_us: 10,
        gap: None,
        clock: None,
    }
}

async fn tell(store: &Arc<Store>, health: NewHealth) -> Accepted {
    store.write(move |conn| health.insert(conn)).await.unwrap().value
}

pub async fn report(store: &Arc<Store>, key: &str, boot_id: &str, offset_ms: i64) -> Accepted {
    let clock = Some(ClockReport { boot_id: boot_id.into(), offset_us: offset_ms * 1000 });
    tell(store, NewHealth { clock, ..health(key, "clock", 99) }).await
}

fn raw(key: &str, boot: &str, at_us: i64) -> NewDetection {
    let mut event = detection(key, 0, key);
    event.captured = Timed { at_us, raw_boot: Some(boot.into()), body: "{\"timestamp\":\"raw\"}".into() };
    event
}

async fn time_of(store: &Arc<Store>, id: &'static str) -> (i64, Value) {
    let (us, body) = store
        .read(move |conn| {
            let sql = "SELECT captured_us, body FROM detections WHERE detection_id = ?1";
            conn.query_row(sql, [id], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
        })
        .await
        .unwrap();
    (us, serde_json::from_str(&body).unwrap())
}

const OFFSET_MS: i64 = 1_734_602_400_000;
const OFFSET_US: i64 = OFFSET_MS * 1000;

#[tokio::test]
async fn a_clock_report_corrects_that_boots_records_once_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    for event in [raw("mine", "boot", 5), raw("stranger", "other", 5), detection("synced", 0, "synced")] {
        insert(&store, event).await;
    }
    let mut sister = raw("sister", "boot", 6);
    sister.camera.camera = CameraId::new("c2").unwrap();
    insert(&store, sister).await;

    report(&store, "r1", "boot", OFFSET_MS).await;
    let (us, body) = time_of(&store, "mine").await;
    assert_eq!((us, &body["time_corrected"]), (OFFSET_US + 5, &Value::Bool(true)));
    assert_eq!(body["timestamp"], "2024-12-19T10:00:00.000005+00:00");
    assert_eq!(body["raw_timestamp"], "1970-01-01T00:00:00.000005+00:00");
    assert_eq!(time_of(&store, "sister").await.0, OFFSET_US + 6, "another camera of the same boot");
    assert_eq!(time_of(&store, "stranger").await.0, 5);
    assert_eq!(time_of(&store, "synced").await.0, 5);

    // The same report again, and another one of the same boot, change nothing more.
    assert_eq!(report(&store, "r1", "boot", OFFSET_MS).await.verdict, Verdict::Duplicate);
    assert_eq!(report(&store, "r2", "boot", 7).await.verdict, Verdict::New);
    assert_eq!(time_of(&store, "mine").await, (us, body));
}

#[tokio::test]
async fn what_arrives_raw_after_the_report_is_corrected_on_arrival_in_every_revision() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    report(&store, "r", "boot", OFFSET_MS).await;
    assert_eq!(insert(&store, raw("late", "boot", 5)).await.corrected_us, Some(OFFSET_US + 5));
    assert_eq!(time_of(&store, "late").await.0, OFFSET_US + 5);
    let update = NewDetection { revision: 1, ..raw("late", "boot", 6) };
    assert_eq!(insert(&store, update).await.verdict, Verdict::Update);
    assert_eq!(time_of(&store, "late").await.0, OFFSET_US + 6);
    let day = (OFFSET_US - 36_000_000_000, OFFSET_US + 50_400_000_000);
    assert_eq!(store.read(move |conn| counts(conn, day)).await.unwrap().detections_today, 1);
}

#[tokio::test]
async fn today_follows_the_corrected_time_of_a_long_backlog() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let many = store.write(|conn| (0..1200).try_for_each(|n| raw(&format!("e{n}"), "boot", n).insert(conn).map(drop)));
    many.await.unwrap();
    let day = (OFFSET_US - 36_000_000_000, OFFSET_US + 50_400_000_000);
    let today = || store.read(move |conn| Ok(counts(conn, day)?.detections_today));
    assert_eq!(today().await.unwrap(), 0);
    report(&store, "r", "boot", OFFSET_MS).await;
    assert_eq!(today().await.unwrap(), 1200);
    let waiting = "SELECT count(*) FROM detections WHERE raw_boot IS NOT NULL";
    let waiting = store.read(|conn| conn.query_row(waiting, [], |row| row.get::<_, i64>(0)));
    assert_eq!(waiting.await.unwrap(), 0);
}

#[tokio::test]
async fn an_absurd_offset_corrects_nothing_and_breaks_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    insert(&store, raw("e", "boot", 5)).await;
    report(&store, "r", "boot", i64::MAX / 1000).await;
    assert_eq!(time_of(&store, "e").await.0, 5);
}

#[tokio::test]
async fn a_component_that_spoke_from_the_future_can_be_heard_again_once_its_clock_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let mut future = health("future", "camera", 2 * OFFSET_US);
    future.at.raw_boot = Some("boot".into());
    let (kind, reason) = ("plate".to_owned(), "age".to_owned());
    future.gap = Some(Gap { epoch: "e".into(), from_seq: None, to_seq: None, count: 1, kind, reason });
    tell(&store, future).await;
    report(&store, "r", "boot", -OFFSET_MS).await;
    let well = NewHealth { status: "healthy".into(), ..health("well", "camera", OFFSET_US + 1) };
    tell(&store, well).await;
    let word = "SELECT status FROM component_health WHERE component = 'camera'";
    let word = store.read(|conn| conn.query_row(word, [], |row| row.get::<_, String>(0))).await.unwrap();
    assert_eq!(word, "healthy");
    let (_, told) = store.read(|conn| gaps(conn, None, 1)).await.unwrap();
    assert_eq!(told[0].at_us, OFFSET_US, "the gap has the time of its report");
}

#[tokio::test]
async fn a_gap_is_counted_once_however_often_it_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let gap = |key: &str, kind: &str, count| {
        let (kind, reason) = (kind.to_owned(), "evicted".to_owned());
        let gap = Gap { epoch: "e".into(), from_seq: Some(1), to_seq: Some(count), count, kind, reason };
        NewHealth { gap: Some(gap), ..health(key, "outbox", 7) }
    };
    for (key, kind, count) in [("a", "plate", 3), ("a", "plate", 3), ("b", "health", 5), ("c", "plate", i64::MAX)] {
        tell(&store, gap(key, kind, count)).await;
    }
    let counted = store.read(|conn| counts(conn, (0, 1))).await.unwrap();
    assert_eq!((counted.lost_events, counted.lost_health, counted.lost_pictures), (1_000_000_003, 5, 0));
    let (total, rows) = store.read(|conn| gaps(conn, None, 2)).await.unwrap();
    let of: Vec<_> = rows.iter().map(|row| row.health_id.as_str()).collect();
    assert_eq!((total, of), (3, vec!["b", "c"]));
    assert_eq!(store.read(|conn| gaps(conn, Some("nobody"), 2)).await.unwrap(), (0, Vec::new()));
    assert_eq!(store.read(cameras).await.unwrap()[0].lost_events, 1_000_000_003);
}
