//! The store against a simple model of it: random histories, real SQLite.

use super::super::gone::Slice;
use super::super::policy::Class;
use super::super::store::Store;
use super::super::tally::Lane;
use super::*;
use crate::domain::BootId;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashSet};

#[derive(Debug, Clone)]
enum Step {
    Submit { plate: bool, again: bool },
    Settle(usize),
    Quarantine(usize),
    Requeue(usize),
    Evict(u8, u64),
    Forget,
    Undo,
    Reopen,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<bool>(), proptest::bool::weighted(0.1)).prop_map(|(plate, again)| Step::Submit { plate, again }),
        3 => (0usize..50).prop_map(Step::Settle),
        2 => (0usize..50).prop_map(Step::Quarantine),
        1 => (0usize..50).prop_map(Step::Requeue),
        2 => (0u8..5, 1u64..1500).prop_map(|(class, bytes)| Step::Evict(class, bytes)),
        1 => Just(Step::Forget),
        1 => Just(Step::Undo),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Waiting,
    Delivered,
    Quarantined,
}

fn open_store(dir: &Path) -> Store {
    Store::open(&dir.join("outbox.db"), BootId("boot".into()), 1).unwrap()
}

fn now() -> CaptureTime {
    CaptureTime { wall_us: 1_734_602_400_000_000, mono_ms: 9, synced: true }
}

fn count(store: &Store, sql: &str) -> u64 {
    store.connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap().unsigned_abs()
}

/// Sums kept step by step are the sums of the rows; nothing is missing that is not counted.
fn check(store: &Store, model: &BTreeMap<i64, Fate>, submitted: u64) -> Result<(), TestCaseError> {
    for lane in Lane::ALL {
        let sum = store.head.tally.of(lane);
        let of = |what: &str| count(store, &format!("SELECT {what} FROM event WHERE lane = {}", lane.number()));
        prop_assert_eq!((sum.rows, sum.bytes), (of("count(*)"), of("coalesce(sum(bytes), 0)")), "{:?}", lane);
        prop_assert_eq!(sum.evidence, of("coalesce(sum(evidence_bytes), 0)"));
    }
    prop_assert_eq!(count(store, "SELECT count(*) FROM event"), count(store, "SELECT count(*) FROM payload"));
    prop_assert_eq!(
        count(store, "SELECT count(*) FROM event WHERE lane = 9"),
        count(store, "SELECT count(*) FROM quarantine")
    );
    let lane_of = |id: i64| count(store, &format!("SELECT coalesce(max(lane), 77) FROM event WHERE id = {id}"));
    let mut missing = 0;
    for (id, fate) in model {
        match (lane_of(*id), fate) {
            (77, _) => missing += 1,
            (0 | 2, Fate::Waiting) | (8, Fate::Delivered) | (9, Fate::Quarantined) => {}
            (lane, fate) => prop_assert!(false, "row {id}: lane {lane}, expected {fate:?}"),
        }
    }
    let counted =
        count(store, "SELECT coalesce(sum(count), 0) FROM evicted WHERE kind != 'picture' AND reason != 'server_lost'");
    let purged = count(store, "SELECT coalesce(sum(count), 0) FROM purged")
        + count(store, "SELECT coalesce(sum(count), 0) FROM evicted WHERE reason = 'server_lost'");
    prop_assert_eq!(missing, counted + purged, "what is gone is counted");
    prop_assert_eq!(submitted, model.len() as u64);
    let reports: u64 = count(store, "SELECT count(*) FROM event WHERE lane = 1");
    prop_assert!(reports <= 12, "gap reports are coalesced: {reports}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn nothing_disappears_uncounted_whatever_happens(steps in proptest::collection::vec(any_step(), 1..80)) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open_store(dir.path());
        let mut model: BTreeMap<i64, Fate> = BTreeMap::new();
        let mut submitted = 0;
        let mut last: Option<NewRow> = None;
        let mut servers = 0;
        let nothing = HashSet::new();
        for step in steps {
            let alive: Vec<i64> = {
                let mut query = store.connection.prepare("SELECT id FROM event WHERE lane != 1 ORDER BY id").unwrap();
                query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
            };
            let pick = |index: usize| alive.get(index % alive.len().max(1)).copied();
            match step {
                Step::Submit { plate, again } => {
                    let kind = if plate { EventKind::Plate } else { EventKind::Health };
                    let new = last.clone().filter(|row| again && store.has_any(row.event_id).unwrap()).unwrap_or_else(|| row(kind));
                    let evidence = if new.kind == EventKind::Plate { 500 } else { 0 };
                    let lane = Lane::waiting(new.kind);
                    let id = store.transact(|store| store.insert(&new, lane, evidence, None)).unwrap();
                    if let Some(id) = id {
                        model.insert(id.0, Fate::Waiting);
                        submitted += 1;
                    }
                    last = Some(new);
                }
                Step::Settle(index) => if let Some(id) = pick(index) {
                    let one = Settled { id: RowId(id), duplicate: false, checkpoint: Some(3) };
                    store.transact(|store| store.settle(&[one], now())).unwrap();
                    model.insert(id, Fate::Delivered);
                },
                Step::Quarantine(index) => if let Some(id) = pick(index) {
                    store.transact(|store| store.quarantine(RowId(id), "400")).unwrap();
                    if model[&id] == Fate::Waiting {
                        model.insert(id, Fate::Quarantined);
                    }
                },
                Step::Requeue(index) => if let Some(id) = pick(index) {
                    store.transact(|store| store.requeue(&[RowId(id)])).unwrap();
                    if model[&id] == Fate::Quarantined {
                        model.insert(id, Fate::Waiting);
                    }
                },
                Step::Evict(class, bytes) => {
                    let class = Class::ORDER[class as usize];
                    store.transact(|store| store.evict(class, Slice { bytes, rows: 4 }, "size", &nothing, now())).unwrap();
                }
                Step::Forget => {
                    servers += 1;
                    store.transact(|store| store.server_seen(&format!("store-{servers}"), Some(1), now())).unwrap();
                    if servers > 1 {
                        for fate in model.values_mut().filter(|fate| **fate == Fate::Delivered) {
                            *fate = Fate::Waiting;
                        }
                    }
                }
                Step::Undo => {
                    store.begin().unwrap();
                    store.insert(&row(EventKind::Plate), Lane::Plate, 7, None).unwrap();
                    store.evict(Class::Plates, Slice { bytes: 999, rows: 9 }, "size", &nothing, now()).unwrap();
                    store.undo();
                }
                Step::Reopen => {
                    drop(store);
                    store = open_store(dir.path());
                }
            }
            check(&store, &model, submitted)?;
        }
    }
}
