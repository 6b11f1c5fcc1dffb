//! The promise under faults: whatever the network, the power, the disk or the server do, every committed event is at the
//! server once, or it is counted (docs/faults.md). Real agent process, real `lpr-server` process, an oracle between them.
//!
//! `LPR_FAULT_ROUNDS=N`: the long run, N rounds of SIGKILL and N/20 of each other fault. `LPR_FAULT_ONLY=TEXT`: only
//! faults whose name has the text (or one of several, with "|" between). `LPR_FAULT_SEED=N`: with this seed; a failing round says its own.
//! `LPR_FAULT_JOBS=N`: so many rounds side by side.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

mod common;
#[path = "common/fault_proxy.rs"]
mod fault_proxy;
#[path = "faults/network.rs"]
mod network;
#[path = "common/oracle.rs"]
mod oracle;
#[path = "faults/process.rs"]
mod process;
#[path = "faults/report.rs"]
mod report;
#[path = "faults/server.rs"]
mod server;
#[path = "faults/site.rs"]
mod site;
#[path = "common/split_mix.rs"]
mod split_mix;
#[path = "faults/storage.rs"]
mod storage;
#[path = "faults/table.rs"]
mod table;
#[path = "faults/times.rs"]
mod times;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "common/tls.rs"]
mod tls;

use oracle::{Oracle, Stored, tally};
use report::Report;
use serde_json::json;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Mutex;
use table::Fault;

/// Rounds side by side: they wait more than they work.
const JOBS: usize = 6;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// How many rounds of a fault.
fn rounds(fault: Fault, long: Option<u64>) -> u64 {
    match (fault, long) {
        (_, None) => 1,
        (Fault::AgentKilled, Some(all)) => all * 3 / 10,
        (Fault::ServerKilled, Some(all)) => all * 2 / 10,
        (fault, Some(all)) if fault.is_kill() => (all / 2).div_ceil(13),
        (_, Some(all)) => (all / 20).max(1),
    }
}

#[test]
fn whatever_happens_no_event_is_lost_silently_or_applied_twice() {
    let long = variable("LPR_FAULT_ROUNDS");
    let only = std::env::var("LPR_FAULT_ONLY").unwrap_or_default();
    let seed = variable("LPR_FAULT_SEED").unwrap_or_else(|| uuid::Uuid::new_v4().as_u128() as u32 as u64);
    let jobs = variable("LPR_FAULT_JOBS").map_or(JOBS, |jobs| jobs as usize);
    let faults: Vec<Fault> =
        Fault::all().into_iter().filter(|fault| only.split('|').any(|part| fault.name().contains(part))).collect();
    let most = faults.iter().map(|fault| rounds(*fault, long)).max().unwrap_or(0);
    // Faults in turn, so that what runs side by side is mixed.
    let queue: VecDeque<(Fault, u64)> = (0..most)
        .flat_map(|number| {
            faults.iter().filter(move |fault| number < rounds(**fault, long)).map(move |fault| (*fault, seed + number))
        })
        .collect();
    let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{seed}"));
    let (queue, report) = (Mutex::new(queue), Mutex::new(Report::default()));
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some((fault, seed)) = { queue.lock().unwrap().pop_front() } {
                    let dir = home.join(format!("{}-{seed}", fault.name().replace([' ', ',', ':'], "-")));
                    let round = fault.round(&dir, seed, long.is_some());
                    report.lock().unwrap().take(fault, seed, &dir, round);
                }
            });
        }
    });
    let report = report.into_inner().unwrap();
    let text = report.markdown(&Fault::all());
    println!("{text}");
    if long.is_some() {
        let path = common::repo().join("target/faults-report.md");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &text).unwrap();
    }
    assert!(report.failures.is_empty(), "\n{}", report.failures.join("\n\n"));
    let _ = std::fs::remove_dir_all(&home);
}

/// The judge must be able to condemn.
#[test]
fn the_oracle_sees_what_is_lost_doubled_or_without_its_picture() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("oracle");
    let picture = sha2_of(b"picture");
    let lines = ["a", "b", "c", "d"].map(|id| {
        format!("1 attempt {id} plate\n2 committed {id} {} -\n", if id == "c" { picture.as_str() } else { "-" })
    });
    std::fs::write(&path, lines.concat() + "3 attempt e plate\n3 delivered a rest duplicate\n4 deliv").unwrap();
    let oracle = Oracle::read(&path);
    let row = |id: &str| json!({"event_id": id, "annotated_image": "b3RoZXI="});
    let stored = Stored::new(vec![row("a"), row("a"), row("c"), row("e")], vec![]);
    let sum = tally(&oracle, &stored, &["d".into()]);
    assert_eq!((sum.committed, sum.delivered, sum.duplicates), (4, 2, 1));
    assert_eq!((sum.silently_lost, sum.applied_twice, sum.pictures_missing, sum.quarantined), (1, 1, 1, 1));

    let gap = json!({"event_id": "g", "component": "outbox",
        "details": {"from_seq": 1, "to_seq": 1, "count": 1, "kind": "plate", "reason": "size"}});
    let sum = tally(&oracle, &Stored::new(vec![row("a"), row("c")], vec![gap.clone()]), &["d".into()]);
    assert_eq!((sum.silently_lost, sum.evicted, sum.applied_twice), (0, 1, 0));

    for other in ["picture", "health"] {
        let mut gap = gap.clone();
        gap["details"]["kind"] = json!(other);
        let sum = tally(&oracle, &Stored::new(vec![row("a"), row("c")], vec![gap]), &["d".into()]);
        assert_eq!(sum.silently_lost, 1, "a report about {other} explains no missing plate");
    }
}

fn sha2_of(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
