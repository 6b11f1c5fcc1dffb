//! What retention takes is gone whole, and what is counted follows.

use super::super::usage::mark_alert;
use super::*;
use crate::server::store::retire::Removed;

fn event(number: usize, text: &str, received_us: i64) -> NewDetection {
    let mut event = detection(&format!("e{number}"), 0, &format!("id{number}"));
    event.captured.at_us = number as i64 * 1_000_000_000;
    event.captured.body = serde_json::json!({"ocr_results": [text]}).to_string();
    event.received_us = received_us;
    event
}

async fn ids(store: &Arc<Store>) -> Vec<String> {
    let filter = Filter { limit: 100, ..Filter::default() };
    let (total, records) = store.read(move |conn| select(&filter, conn)).await.unwrap();
    assert_eq!(total as usize, records.len());
    records.into_iter().map(|record| record.detection_id).collect()
}

async fn take(store: &Arc<Store>, class: Class, before_us: Option<i64>, bytes: Option<i64>) -> Removed {
    store.write(move |conn| remove(conn, &Removal { class, before_us, bytes }, 100)).await.unwrap().value
}

#[tokio::test]
async fn each_class_goes_by_itself_the_oldest_arrivals_first_and_its_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    for (number, text) in ["", "AB 1", "-", "AB 2", "AB 3"].into_iter().enumerate() {
        insert(&store, event(number, text, number as i64)).await;
    }
    store.write(|conn| mark_alert(conn, "id1")).await.unwrap();
    store.write(|conn| mark_alert(conn, "nobody")).await.unwrap();
    assert_counted(&store).await;

    let removed = take(&store, Class::NoText, Some(2), None).await;
    assert_eq!((removed.records, removed.files), (1, vec!["id0-0.jpg".to_owned()]));
    let removed = take(&store, Class::Read, None, Some(1)).await;
    assert_eq!((removed.records, removed.files), (1, vec!["id3-0.jpg".to_owned()]), "the alert's record stays");
    assert_eq!(ids(&store).await, ["id1", "id2", "id4"]);
    assert_counted(&store).await;

    let stored = store.read(usage).await.unwrap();
    let numbers: Vec<_> = stored.iter().map(|usage| (usage.records, usage.removed_records)).collect();
    assert_eq!(numbers, [(1, 1), (1, 1), (1, 0), (0, 0)]);
    assert_eq!(take(&store, Class::Alert, None, Some(1_000_000)).await.records, 1);
    assert_eq!(take(&store, Class::Alert, None, Some(1_000_000)).await, Removed::default());

    // What is sent again is known still, and nothing comes back.
    let again = insert(&store, event(0, "", 9)).await;
    assert_eq!((again.verdict, again.record_id.as_str()), (Verdict::Duplicate, "id0"));
    let filter = Filter { plate: Wanted::new("AB1", Mode::Exact), limit: 5, ..Filter::default() };
    assert_eq!(store.read(move |conn| filter.find(conn)).await.unwrap().places, []);
    assert_counted(&store).await;
}

#[tokio::test]
async fn an_alert_is_kept_through_a_newer_revision() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    insert(&store, event(0, "AB 1", 0)).await;
    store.write(|conn| mark_alert(conn, "id0")).await.unwrap();
    insert(&store, NewDetection { revision: 1, ..event(0, "AB 12", 0) }).await;
    assert_eq!(take(&store, Class::Read, None, None).await.records, 0);
    assert_counted(&store).await;
}

#[tokio::test]
async fn health_reports_go_by_age_and_the_last_word_of_a_component_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    for number in 0..3 {
        let report = NewHealth {
            camera: camera(),
            key: format!("h{number}"),
            revision: 0,
            health_id: format!("id{number}"),
            component: "camera".into(),
            status: "warning".into(),
            message: "dark".into(),
            at: Timed { at_us: number, raw_boot: None, body: "{}".into() },
            received_us: number,
            gap: None,
            clock: None,
        };
        store.write(move |conn| report.insert(conn)).await.unwrap();
    }
    assert_eq!(take(&store, Class::Health, Some(2), None).await.records, 2);
    assert_counted(&store).await;
    assert_eq!(store.read(cameras).await.unwrap()[0].health_status, "warning");
    assert_eq!(store.read(usage).await.unwrap()[3].removed_records, 2);
}
