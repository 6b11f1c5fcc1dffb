//! Looking without touching: also beside the running agent.

use super::{find_one, open, storage};
use crate::agent::{Failure, link_file};
use crate::clock::SystemClock;
use crate::config::AgentConfig;
use crate::outbox::{Kept, State, Stats, is_held};
use crate::wire::timestamp;
use serde_json::{Map, Value, json};
use std::process::ExitCode;
use std::time::Duration;

pub(super) fn stats(config: &AgentConfig, as_json: bool) -> Result<ExitCode, Failure> {
    let stats = open(config)?.stats(&SystemClock).map_err(storage)?;
    let link = link_file::read(&config.data_dir);
    let report = report(&stats, link.as_ref(), is_held(&config.data_dir));
    if as_json {
        println!("{report}");
    } else {
        print_stats(&report);
    }
    Ok(ExitCode::SUCCESS)
}

/// Of an agent that has ended, only what it saw last still says something.
fn report(stats: &Stats, last: Option<&link_file::LinkFile>, runs: bool) -> Value {
    let link = last.filter(|_| runs);
    let refused = |reason: &str| -> u64 {
        stats.evicted.iter().filter(|(_, why, _)| why == reason).map(|(_, _, count)| count).sum()
    };
    let mut evicted: Map<String, Value> = Map::new();
    for (kind, reason, count) in &stats.evicted {
        let by_reason = evicted.entry(kind.clone()).or_insert_with(|| json!({}));
        by_reason[reason.as_str()] = json!(count);
    }
    let link_state = match link {
        Some(link) => json!({"state": link.state, "since": link.since}),
        None => json!({"state": "stopped", "since": null}),
    };
    json!({
        "pending": stats.counts.pending,
        "pending_plates": stats.counts.pending_plates,
        "in_flight": link.map_or(0, |link| link.in_flight),
        "delivered": stats.counts.delivered,
        "duplicates": stats.counts.duplicates,
        "kept": stats.counts.kept,
        "quarantined": stats.counts.quarantined,
        "evicted": evicted,
        "failed": refused("refused"),
        "dropped": refused("overload"),
        "oldest_age_s": stats.oldest_age_s,
        "bytes": stats.counts.bytes,
        "link": link_state,
        "last_receipt": last.and_then(|last| last.last_receipt.clone()),
        "last_error": last.and_then(|last| last.last_error.clone()),
        "epoch": stats.epoch,
    })
}

fn print_stats(report: &Value) {
    let line = |name: &str, value: String| println!("{name:<13} {value}");
    let number = |key: &str| report[key].to_string();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    line(
        "pending",
        format!("{} ({} plates), {} in flight", report["pending"], report["pending_plates"], report["in_flight"]),
    );
    let age = report["oldest_age_s"].as_f64().map_or("-".into(), |age| format!("{age:.0} s"));
    line("oldest", age);
    line(
        "delivered",
        format!("{} ({} duplicates), {} still kept", report["delivered"], report["duplicates"], report["kept"]),
    );
    line("quarantined", number("quarantined"));
    for (kind, reasons) in report["evicted"].as_object().into_iter().flatten() {
        for (reason, count) in reasons.as_object().into_iter().flatten() {
            line("given up", format!("{count} {kind} ({reason})"));
        }
    }
    line("bytes", number("bytes"));
    line("link", format!("{} since {}", text(&report["link"]["state"]), text(&report["link"]["since"])));
    line("last receipt", text(&report["last_receipt"]));
    line("last error", text(&report["last_error"]));
}

pub(super) fn list(
    config: &AgentConfig,
    state: Option<State>,
    limit: usize,
    as_json: bool,
) -> Result<ExitCode, Failure> {
    let outbox = open(config)?;
    let (mut after, mut left) = (0, limit);
    while left > 0 {
        let (page, mark) = outbox.list(state, after, left.min(500)).map_err(storage)?;
        if page.is_empty() {
            break;
        }
        for kept in &page {
            if as_json {
                println!("{}", summary(kept));
            } else {
                print_line(kept);
            }
        }
        left -= page.len();
        after = mark;
    }
    Ok(ExitCode::SUCCESS)
}

/// The time of capture, corrected where it is known how.
fn captured(kept: &Kept) -> String {
    timestamp::format(kept.row.at.wall_us.saturating_add(kept.row.offset_us.unwrap_or(0)))
}

fn summary(kept: &Kept) -> Value {
    let row = &kept.row;
    json!({
        "event_id": row.event_id, "revision": row.revision, "state": kept.state.as_str(), "kind": row.kind.as_str(),
        "camera_id": row.camera.camera.as_str(), "checkpoint_id": row.camera.checkpoint.as_str(),
        "timestamp": captured(kept), "clock_synced": row.at.synced, "epoch": row.epoch, "seq": row.seq,
        "bytes": kept.bytes, "pictures": row.evidence.paths().count(), "reason": reason(kept),
    })
}

/// Why it is quarantined, or cannot be read.
fn reason(kept: &Kept) -> Option<String> {
    kept.reason.clone().or_else(|| kept.unreadable.as_ref().map(|why| format!("unreadable: {why}")))
}

fn print_line(kept: &Kept) {
    let row = &kept.row;
    let reason = reason(kept).unwrap_or_default();
    println!(
        "{}  {:<11}  {:<6}  {}  {:>8} B  {}  {reason}",
        row.event_id,
        kept.state.as_str(),
        row.kind.as_str(),
        captured(kept),
        kept.bytes,
        row.camera
    );
}

pub(super) fn show(config: &AgentConfig, id: &str, as_json: bool) -> Result<ExitCode, Failure> {
    for kept in find_one(&open(config)?, id)? {
        let mut all = summary(&kept);
        all["body"] = Value::Object(kept.row.body.clone());
        all["evidence"] = json!(kept.row.evidence);
        if as_json {
            println!("{all}");
        } else {
            println!("{all:#}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `90s`, `15m`, `12h`, `7d`.
pub(super) fn parse_age(text: &str) -> Result<Duration, String> {
    let split = text.len().saturating_sub(1);
    let (number, unit) = text.split_at_checked(split).unwrap_or((text, ""));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err("give a number and s, m, h or d, e.g. 12h".into()),
    };
    let number: u64 = number.parse().map_err(|_| "give a number and s, m, h or d, e.g. 12h".to_owned())?;
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_number_and_a_unit() {
        assert_eq!(parse_age("90m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_age("7d"), Ok(Duration::from_secs(604_800)));
        for bad in ["", "h", "12", "-3h", "1w", "ก"] {
            assert!(parse_age(bad).is_err(), "{bad}");
        }
    }
}
