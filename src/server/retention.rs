//! What goes when: by age and by size, each class of records with bounds of its own, and over all of them together the
//! least missed first. Deciding is pure; a task does it a little at a time, while agents send.

use super::app::App;
use super::backup;
use super::floor::Floor;
use super::forget::ForgetKeys;
use super::store::{self, Class, Removal, Usage};
use crate::config::RetentionConfig;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(60);
/// Between two steps: others want to write too.
const PAUSE: Duration = Duration::from_millis(5);
/// Records of one step. Fewer files than the sweep takes for a lost database, if the power goes just then.
const ROWS: usize = 100;
/// Older records that are looked through in one step.
const LOOKS: usize = 400;

const DAY_US: f64 = 86_400e6;

/// What has to go, in this order, by what is stored now.
pub fn due(config: &RetentionConfig, usage: &[Usage], now_us: i64) -> Vec<Removal> {
    let days = [
        (Class::NoText, config.no_text_days),
        (Class::Read, config.reads_days),
        (Class::Alert, config.alerts_days),
        (Class::Health, config.health_days),
    ];
    let aged = days.into_iter().filter(|(_, days)| *days > 0.0);
    let before_us = |days: f64| Some(now_us.saturating_sub((days * DAY_US) as i64));
    let mut due: Vec<Removal> =
        aged.map(|(class, days)| Removal { class, before_us: before_us(days), bytes: None }).collect();

    let mut left: Vec<(Class, i64)> =
        Class::DETECTIONS.into_iter().map(|class| (class, bytes_of(usage, class))).collect();
    let bounds = [config.no_text_mb, config.reads_mb, config.alerts_mb];
    let mut take = |(class, bytes): &mut (Class, i64), over: i64| {
        let over = over.min(*bytes);
        if over > 0 {
            *bytes -= over;
            due.push(Removal { class: *class, before_us: None, bytes: Some(over) });
        }
    };
    for (each, bound) in left.iter_mut().zip(bounds) {
        if bound > 0 {
            take(each, each.1 - megabytes(bound));
        }
    }
    if config.max_mb > 0 {
        let mut over = left.iter().map(|(_, bytes)| bytes).sum::<i64>() - megabytes(config.max_mb);
        for each in &mut left {
            let before = each.1;
            take(each, over);
            over -= before - each.1;
        }
    }
    due
}

pub(super) fn megabytes(mb: u64) -> i64 {
    i64::try_from(mb).unwrap_or(i64::MAX).saturating_mul(1_000_000)
}

/// Stored of one class.
pub(super) fn bytes_of(usage: &[Usage], class: Class) -> i64 {
    usage.iter().find(|usage| usage.class == class).map_or(0, |usage| usage.bytes)
}

/// Looks at what an older version stored, then keeps the bounds for as long as the server runs.
pub async fn run(app: Arc<App>) {
    look_through(&app).await;
    let (mut floor, mut keys) = (Floor::default(), ForgetKeys::default());
    loop {
        if let Err(error) = once(&app, &mut floor, &mut keys).await {
            tracing::warn!(%error, "retention could not do its work; it tries again in a minute");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// The plates and sizes of records that an older program stored.
async fn look_through(app: &App) {
    let mut done = 0;
    loop {
        // A commit that holds nothing would raise the checkpoint, and hide from agents what a power cut took.
        if app.store.read(store::knows_all_plates).await.is_ok_and(|all| all) {
            break;
        }
        match app.store.write(|conn| store::backfill(conn, LOOKS)).await.map(|committed| committed.value) {
            Ok(0) => break,
            Ok(rows) => done += rows,
            Err(store::StoreError::Closed) => return,
            Err(error) => {
                tracing::warn!(%error, "records of an older version could not be looked through; trying again");
                tokio::time::sleep(EVERY).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    if done > 0 {
        tracing::info!(records = done, "the plates of an older version's records can be searched now");
    }
}

/// Removes all that is due now. While a backup is made nothing goes.
async fn once(app: &App, floor: &mut Floor, keys: &mut ForgetKeys) -> Result<(), store::StoreError> {
    let usage = app.store.read(store::usage).await?;
    let due = due(&app.config.retention, &usage, app.now_us());
    if due.is_empty() && !floor.is_due(app) && !keys.is_due(app) {
        return Ok(());
    }
    let Some(_quiet) = backup::nobody_copies(&app.config.data_dir) else {
        tracing::debug!("a backup or a check is under way; retention waits");
        return Ok(());
    };
    for removal in due {
        let (records, bytes) = remove(app, removal).await?;
        if records > 0 {
            tracing::info!(class = removal.class.as_str(), records, bytes, "retention removed records");
        }
    }
    floor.keep(app).await?;
    keys.forget(app).await
}

/// Removes what may go, a little at a time; gives how many records and bytes.
pub(super) async fn remove(app: &App, mut removal: Removal) -> Result<(i64, i64), store::StoreError> {
    let (mut records, mut bytes) = (0, 0);
    loop {
        let step = removal;
        if !app.store.read(move |conn| store::is_due(conn, &step)).await? {
            return Ok((records, bytes));
        }
        let removed = app.store.write(move |conn| store::remove(conn, &step, ROWS)).await?.value;
        // Their rows are gone for good: what a crash leaves of the files here is swept at the next start.
        app.images.remove(removed.files.iter().map(String::as_str));
        app.thumbs.forget(&removed.files);
        records += removed.records;
        bytes += removed.bytes;
        removal.bytes = removal.bytes.map(|left| left - removed.bytes);
        if removed.records == 0 || removal.bytes.is_some_and(|left| left <= 0) {
            return Ok((records, bytes));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// For the statistics: what is stored of each class, and what retention removed.
pub fn report(usage: &[Usage]) -> Value {
    let of = |usage: &Usage| {
        let mut report = Map::new();
        if Class::DETECTIONS.contains(&usage.class) {
            report.insert("records".into(), json!(usage.records));
            report.insert("bytes".into(), json!(usage.bytes));
        }
        report.insert("removed_records".into(), json!(usage.removed_records));
        if usage.class != Class::Key {
            report.insert("removed_bytes".into(), json!(usage.removed_bytes));
        }
        (usage.class.as_str().to_owned(), Value::Object(report))
    };
    Value::Object(usage.iter().map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usage(bytes: [i64; 3]) -> Vec<Usage> {
        let of = |(class, bytes)| Usage { class, records: 1, bytes, removed_records: 0, removed_bytes: 0 };
        Class::DETECTIONS.into_iter().zip(bytes).map(of).collect()
    }

    fn bytes(class: Class, bytes: i64) -> Removal {
        Removal { class, before_us: None, bytes: Some(bytes) }
    }

    #[test]
    fn nothing_goes_without_a_bound() {
        assert_eq!(due(&RetentionConfig::default(), &usage([i64::MAX / 4; 3]), 5), []);
    }

    #[test]
    fn each_class_has_an_age_of_its_own() {
        let config = RetentionConfig { no_text_days: 1.0, alerts_days: 0.5, ..RetentionConfig::default() };
        let now_us = 10 * 86_400_000_000;
        let aged = |class, days: f64| Removal { class, before_us: Some(now_us - (days * DAY_US) as i64), bytes: None };
        assert_eq!(due(&config, &usage([0; 3]), now_us), [aged(Class::NoText, 1.0), aged(Class::Alert, 0.5)]);
    }

    #[test]
    fn above_the_bound_for_all_the_least_missed_go_first() {
        let config = RetentionConfig { max_mb: 1, ..RetentionConfig::default() };
        assert_eq!(due(&config, &usage([300_000, 700_000, 100_000]), 0), [bytes(Class::NoText, 100_000)]);
        let all = [bytes(Class::NoText, 300_000), bytes(Class::Read, 700_000), bytes(Class::Alert, 500_000)];
        assert_eq!(due(&config, &usage([300_000, 700_000, 1_500_000]), 0), all);
    }

    #[test]
    fn what_a_class_gives_for_its_own_bound_counts_for_all() {
        let config = RetentionConfig { max_mb: 3, reads_mb: 1, ..RetentionConfig::default() };
        assert_eq!(due(&config, &usage([1_000_000, 2_000_000, 1_000_000]), 0), [bytes(Class::Read, 1_000_000)]);
    }

    proptest! {
        #[test]
        fn what_is_left_is_within_the_bounds_and_no_more_than_needed_goes(
            stored in prop::array::uniform3(0i64..9_000_000), max_mb in 0u64..20, bounds in prop::array::uniform3(0u64..9),
        ) {
            let [no_text_mb, reads_mb, alerts_mb] = bounds;
            let config = RetentionConfig { max_mb, no_text_mb, reads_mb, alerts_mb, ..RetentionConfig::default() };
            let mut left = stored;
            for removal in due(&config, &usage(stored), 0) {
                left[removal.class as usize] -= removal.bytes.unwrap();
            }
            prop_assert!(left.iter().all(|bytes| *bytes >= 0));
            for (bytes, bound) in left.iter().zip(bounds) {
                prop_assert!(bound == 0 || *bytes <= megabytes(bound));
            }
            let total: i64 = left.iter().sum();
            prop_assert!(max_mb == 0 || total <= megabytes(max_mb));
            // An alert goes for the others' sake only when nothing else is left.
            if alerts_mb == 0 && left[2] < stored[2] {
                prop_assert_eq!((left[0], left[1], total), (0, 0, megabytes(max_mb)));
            }
        }
    }
}
