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
    assert_eq!(numbers, [(1, 1), (1, 1), (1, 0), (0, 0), (0, 0)]);
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

/// Looks through all keys as the server does, two at a time; gives how many went.
async fn forget(store: &Arc<Store>, before_us: i64) -> i64 {
    let (mut after, mut forgotten) = (String::new(), 0);
    loop {
        let work = move |conn: &Connection| {
            let mut forgotten = 0;
            let mut next = None;
            for camera in old_cameras(conn, before_us)? {
                let old = old_keys(conn, (Kind::Detection, &camera), &after, before_us, 2)?;
                forgotten += forget_keys(conn, (Kind::Detection, &camera), &old.keys, before_us)?;
                next = old.next;
            }
            Ok((forgotten, next))
        };
        let (some, next) = store.write(work).await.unwrap().value;
        forgotten += some;
        let Some(next) = next else { return forgotten };
        after = next;
    }
}

const DAY_US: i64 = 86_400_000_000;

#[tokio::test]
async fn keys_go_long_after_their_last_use_and_never_before_their_record() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    for number in 0..7 {
        insert(&store, event(number, if number < 5 { "" } else { "AB 1" }, number as i64 * 10 * DAY_US)).await;
    }
    assert_eq!(take(&store, Class::NoText, None, Some(i64::MAX)).await.records, 5);
    // Came again on the fortieth day, after its record had gone: known, and known for longer now.
    assert_eq!(insert(&store, event(1, "", 40 * DAY_US)).await.verdict, Verdict::Duplicate);
    assert_eq!(forget(&store, -5).await, 0);
    assert_eq!(forget(&store, 25 * DAY_US).await, 2, "0 and 2; 1 was used since");
    assert_eq!(forget(&store, 25 * DAY_US).await, 0);
    assert_eq!(forget(&store, 1000 * DAY_US).await, 3, "1, 3 and 4; 5 and 6 have their records");
    for (number, verdict) in [(5, Verdict::Duplicate), (6, Verdict::Duplicate), (0, Verdict::New)] {
        assert_eq!(insert(&store, event(number, "", 70 * DAY_US)).await.verdict, verdict, "{number}");
    }
    assert_eq!(store.read(usage).await.unwrap()[4].removed_records, 5);
    assert_counted(&store).await;
}

#[tokio::test]
async fn a_key_that_is_used_between_the_look_and_the_removal_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    insert(&store, event(0, "", 0)).await;
    take(&store, Class::NoText, None, None).await;
    let camera = ("c1".to_owned(), "p1".to_owned());
    let of = camera.clone();
    let old = store.read(move |conn| old_keys(conn, (Kind::Detection, &of), "", 9, 10)).await.unwrap();
    assert_eq!((old.keys.as_slice(), old.next), (["e0".to_owned()].as_slice(), None));
    insert(&store, event(0, "", 50 * DAY_US)).await;
    let gone = store.write(move |conn| forget_keys(conn, (Kind::Detection, &camera), &old.keys, 9)).await.unwrap();
    assert_eq!(gone.value, 0);
    assert_eq!(insert(&store, event(0, "", 51 * DAY_US)).await.verdict, Verdict::Duplicate);
}
