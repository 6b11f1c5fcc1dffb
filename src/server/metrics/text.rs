//! The counters in Prometheus' text format.

use super::{ALERTS, COMMIT_BOUNDS, COUNTERS, Delivery, Kind, Road, VERDICTS};
use crate::telemetry::prometheus::Page;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What is not counted but looked up when it is asked for. `None` where it cannot be had.
#[derive(Debug, Default)]
pub struct Now {
    pub connections: usize,
    pub cameras_online: usize,
    pub cameras_offline: usize,
    /// What agents say they lost: events, health reports, pictures.
    pub lost: [i64; 3],
    pub images_dropped: u64,
    pub watching: Watching,
    pub checkpoint: i64,
    pub database_bytes: Option<u64>,
    pub log_bytes: Option<u64>,
    pub disk_free_bytes: Option<u64>,
    pub resident_bytes: Option<u64>,
    pub open_files: Option<u64>,
    pub started_s: f64,
}

/// Lists, alerts and the webhook's queue.
#[derive(Debug, Default)]
pub struct Watching {
    /// That are valid now.
    pub entries: i64,
    /// That wait for a person: of plates, of cameras.
    pub open: [i64; 2],
    /// By the name of the problem.
    pub problems: Vec<(&'static str, i64)>,
    pub waiting: i64,
    pub given_up: i64,
    /// Of the oldest delivery that waits; 0 where none does.
    pub oldest_s: f64,
}

/// The whole page.
pub fn render(now: &Now) -> String {
    let mut page = Page::default();
    page.family("lpr_build_info", "gauge", "The program; always 1.");
    page.value(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    events(&mut page);
    commits(&mut page);
    page.one("lpr_writes_waiting", "gauge", "Writes that wait for their commit.", load(&COUNTERS.waiting));
    page.one("lpr_checkpoint", "counter", "Number of the last commit.", now.checkpoint);
    page.one("lpr_connections", "gauge", "Socket.IO clients.", now.connections);
    page.family("lpr_cameras", "gauge", "Known cameras.");
    page.value(&[("status", "online")], now.cameras_online);
    page.value(&[("status", "offline")], now.cameras_offline);
    page.family("lpr_lost_total", "counter", "What agents say they lost, since the store was made.");
    for (kind, count) in ["events", "health_reports", "pictures"].into_iter().zip(now.lost) {
        page.value(&[("kind", kind)], count);
    }
    page.one("lpr_images_written_total", "counter", "Pictures written.", load(&COUNTERS.images));
    page.one("lpr_images_written_bytes_total", "counter", "Bytes of them.", load(&COUNTERS.image_bytes));
    page.one("lpr_images_dropped_total", "counter", "Pictures sent that were none, or too large.", now.images_dropped);
    watching(&mut page, &now.watching);
    page.family("lpr_database_bytes", "gauge", "Size of the database's files.");
    page.known(&[("file", "database")], now.database_bytes);
    page.known(&[("file", "log")], now.log_bytes);
    page.family("lpr_disk_free_bytes", "gauge", "Free on the data directory's disk.");
    page.known(&[], now.disk_free_bytes);
    process(&mut page, now);
    page.into_text()
}

fn events(page: &mut Page) {
    page.family("lpr_events_total", "counter", "Accepted events.");
    for (road, kinds) in Road::ALL.into_iter().zip(&COUNTERS.events) {
        for (kind, verdicts) in Kind::ALL.into_iter().zip(kinds) {
            for ((_, verdict), count) in VERDICTS.into_iter().zip(verdicts) {
                let labels = [("road", road.as_str()), ("kind", kind.as_str()), ("verdict", verdict)];
                page.value(&labels, load(count));
            }
        }
    }
    page.family("lpr_refused_total", "counter", "Refused calls and events.");
    let refused = COUNTERS.refused.lock().unwrap_or_else(PoisonError::into_inner);
    for ((road, code), count) in refused.iter() {
        page.value(&[("road", road.as_str()), ("code", code)], count);
    }
}

fn commits(page: &mut Page) {
    page.family("lpr_commit_seconds", "histogram", "Transactions of the writer, to the end of the sync.");
    let mut below = 0;
    for (bound, count) in COMMIT_BOUNDS.iter().zip(&COUNTERS.commits) {
        below += load(count);
        page.suffixed("_bucket", &[("le", &bound.to_string())], below);
    }
    below += COUNTERS.commits.last().map_or(0, load);
    page.suffixed("_bucket", &[("le", "+Inf")], below);
    page.suffixed("_sum", &[], load(&COUNTERS.commit_us) as f64 / 1e6);
    page.suffixed("_count", &[], below);
    page.one("lpr_commits_failed_total", "counter", "Transactions that failed.", load(&COUNTERS.commits_failed));
    page.one("lpr_committed_writes_total", "counter", "Writes in those that did not.", load(&COUNTERS.jobs));
}

fn watching(page: &mut Page, now: &Watching) {
    page.one("lpr_watchlist_entries", "gauge", "Entries of watchlists that are valid now.", now.entries);
    page.family("lpr_alerts_total", "counter", "Alerts raised.");
    for (kind, count) in ALERTS.into_iter().zip(&COUNTERS.alerts) {
        page.value(&[("kind", kind)], load(count));
    }
    page.family("lpr_alerts_open", "gauge", "Alerts that nobody has acknowledged and that have not ended.");
    for (kind, count) in ALERTS.into_iter().zip(now.open) {
        page.value(&[("kind", kind)], count);
    }
    page.family("lpr_camera_problems", "gauge", "Cameras that something is the matter with.");
    for (problem, count) in &now.problems {
        page.value(&[("problem", problem)], count);
    }
    page.family("lpr_webhook_deliveries_total", "counter", "Attempts to tell the webhook, and what became of them.");
    for (outcome, count) in Delivery::ALL.into_iter().zip(&COUNTERS.deliveries) {
        page.value(&[("outcome", outcome.as_str())], load(count));
    }
    page.family("lpr_webhook_queue", "gauge", "Deliveries that are kept.");
    page.value(&[("state", "waiting")], now.waiting);
    page.value(&[("state", "given_up")], now.given_up);
    page.one("lpr_webhook_oldest_seconds", "gauge", "Age of the oldest delivery that waits.", now.oldest_s);
}

fn process(page: &mut Page, now: &Now) {
    page.family("process_resident_memory_bytes", "gauge", "Resident memory.");
    page.known(&[], now.resident_bytes);
    page.family("process_open_fds", "gauge", "Open files and sockets.");
    page.known(&[], now.open_files);
    page.one("process_start_time_seconds", "gauge", "When the process began, in epoch seconds.", now.started_s);
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed)
}

#[cfg(test)]
mod tests {
    use super::super::{Waiting, committed};
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_line_is_a_comment_or_a_name_with_a_number_and_buckets_only_rise() {
        committed(Duration::from_millis(3), 2, true);
        committed(Duration::from_secs(60), 1, true);
        committed(Duration::from_secs(1), 1, false);
        let _one = Waiting::new();
        let text = render(&Now { database_bytes: Some(7), ..Now::default() });
        let mut last = 0;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let value: f64 = value.parse().unwrap();
            assert!(name.starts_with("lpr_") || name.starts_with("process_"), "{line}");
            if name.starts_with("lpr_commit_seconds_bucket") {
                assert!(value as u64 >= last, "{line}");
                last = value as u64;
            }
        }
        assert!(last >= 2 && text.contains("lpr_database_bytes{file=\"database\"} 7\n"));
        assert!(!text.contains("lpr_database_bytes{file=\"log\"}"), "what is not known is not said to be 0");
    }
}
