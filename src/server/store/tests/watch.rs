//! Alerts are of the record's transaction, and finding them costs one look into an index.

use super::*;
use crate::server::watch::alert::{Happening, Told};
use crate::server::watch::entry::{Entry, Severity};
use crate::server::watch::matching::Read;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use std::collections::BTreeSet;

async fn wait_for_plate(store: &Arc<Store>, plate: &'static str) {
    let entry = Entry::read(|field| if field == "plate" { plate } else { "" }, &TimeZone::UTC).unwrap();
    let write = move |conn: &Connection| {
        let Written::Done(list) = put_watchlist(conn, None, plate, Severity::Info, "")? else { panic!("no list") };
        put_entry(conn, list, None, &entry)
    };
    store.write(write).await.unwrap();
}

async fn take(store: &Arc<Store>, revision: i64, text: &str) -> Result<Vec<Told>, StoreError> {
    let row = detection("e", revision, "A");
    let reads = vec![Read { text: text.into(), province: None }];
    let watched = Watched { camera: camera(), reads, captured_us: 5, is_raw: false, received_us: 10, webhook: true };
    let write = move |conn: &Connection| {
        let accepted = row.insert(conn)?;
        watched.settle(conn, &accepted)
    };
    Ok(store.write(write).await?.value)
}

#[tokio::test]
async fn a_record_whose_alert_cannot_be_stored_is_not_stored_either() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    wait_for_plate(&store, "ABC1").await;
    for (table, away) in [("alerts", "alerts_away"), ("webhook_queue", "queue_away")] {
        let rename = move |from: &'static str, to: &'static str| {
            move |conn: &Connection| conn.execute_batch(&format!("ALTER TABLE {from} RENAME TO {to}"))
        };
        store.write(rename(table, away)).await.unwrap();
        assert!(take(&store, 0, "ABC1").await.is_err());
        assert_eq!(store.read(|conn| counts(conn, (0, 1))).await.unwrap().detections, 0);
        store.write(rename(away, table)).await.unwrap();
    }
    let told = take(&store, 0, "abc-1").await.unwrap();
    assert_eq!((told.len(), told[0].happening), (1, Happening::Opened));
    let (waiting, _, deliveries) = store.read(|conn| queue(conn, 10)).await.unwrap();
    assert_eq!((waiting, &deliveries[0].alert_id), (1, &told[0].alert.alert_id));
    assert!(take(&store, 0, "abc-1").await.unwrap().is_empty(), "a duplicate");
    assert_eq!(take(&store, 1, "XYZ1").await.unwrap()[0].happening, Happening::Ended);
}

#[tokio::test]
async fn a_plate_is_looked_up_in_an_index() {
    let dir = tempfile::tempdir().unwrap();
    let plan = |conn: &Connection| {
        let sql =
            "EXPLAIN QUERY PLAN SELECT e.plate, w.name FROM watch_entries e JOIN watchlists w USING (watchlist_id)
             WHERE confusion_key = 'x'";
        let steps: Vec<String> = conn.prepare(sql)?.query_map([], |row| row.get(3))?.collect::<Result<_, _>>()?;
        Ok(steps.join("; "))
    };
    let plan = open(&dir).read(plan).await.unwrap();
    assert!(plan.contains("watch_entries_by_look") && !plan.contains("SCAN"), "{plan}");
}

#[tokio::test]
async fn cameras_of_the_first_version_are_known() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lpr.db");
    Connection::open(&path).unwrap().execute_batch(include_str!("../schema_1_dump.sql")).unwrap();
    let store = Arc::new(Store::open(&path).unwrap());
    let (known, words) = store.read(|conn| Ok((known_cameras(conn)?, components(conn)?))).await.unwrap();
    assert_eq!(known.iter().filter(|known| known.reports_health).count(), 1);
    assert!(known.len() == 3 && words.len() == 2 && words.iter().all(|word| word.details == "{}"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_is_sent_in_whatever_order_the_open_alert_is_that_of_the_highest_revision(
        sent in proptest::collection::vec((0i64..6, 0usize..4), 1..10),
    ) {
        const TEXTS: [&str; 4] = ["ABC1", "XYZ2", "xyz-2", "OTHER"];
        const WANTED: [Option<&str>; 4] = [Some("ABC1"), Some("XYZ2"), Some("XYZ2"), None];
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (open, all) = runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let store = super::open(&dir);
            wait_for_plate(&store, "ABC1").await;
            wait_for_plate(&store, "XYZ2").await;
            for (revision, text) in &sent {
                take(&store, *revision, TEXTS[*text]).await.unwrap();
            }
            let of = |open| store.read(move |conn| alerts(conn, open, i64::MAX, 100));
            (of(true).await.unwrap(), of(false).await.unwrap())
        });
        let (mut highest, mut now, mut ever) = (None, None, BTreeSet::new());
        for (revision, text) in sent {
            if highest.is_none_or(|highest| revision > highest) {
                (highest, now) = (Some(revision), WANTED[text]);
                ever.extend(WANTED[text]);
            }
        }
        let plates = |rows: &[AlertRow]| rows.iter().filter_map(|row| row.entry_plate.clone()).collect::<Vec<_>>();
        prop_assert_eq!(plates(&open), now.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(all.len(), ever.len());
    }
}
