//! `lpr-agent outbox …` as a technician types it: the real program on a real outbox.
#![cfg(all(feature = "uplink", feature = "server"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "common/lpr_server.rs"]
mod lpr_server;

use lpr::clock::{Clock, SystemClock};
use lpr::config::OutboxConfig;
use lpr::domain::{CameraId, CameraKey, CheckpointId, EventKind};
use lpr::media::EvidenceStore;
use lpr::outbox::{NewRow, Outbox, Settled, Want};
use lpr_server::LprServer;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use tempfile::TempDir;
use uuid::Uuid;

/// A data directory and its configuration.
struct Box {
    dir: TempDir,
    config: PathBuf,
}

impl Box {
    fn new(server_url: &str) -> Box {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("agent.toml");
        let text = format!(
            "data_dir = \"{}\"\n[[camera]]\nsource = \"/dev/video0\"\n[uplink]\nserver_url = \"{server_url}\"\n[log]\nlevel = \"warn\"\n",
            dir.path().join("data").display()
        );
        fs::write(&config, text).unwrap();
        Box { dir, config }
    }

    fn lonely() -> Box {
        Box::new("http://127.0.0.1:9")
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn open(&self) -> Outbox {
        Outbox::open(&self.data(), &OutboxConfig::default(), Arc::new(SystemClock)).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_lpr-agent"))
            .arg("outbox")
            .args(arguments)
            .arg("--config")
            .arg(&self.config)
            .output()
            .unwrap()
    }

    /// Its standard output; it must succeed.
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        self.ok(arguments).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn stats(&self) -> Value {
        self.json(&["stats", "--json"]).remove(0)
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn fails(output: &Output, code: i32, words: &[&str]) {
    let text = said(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    assert!(words.iter().all(|word| text.contains(word)), "{words:?} in: {text}");
}

fn plate(evidence: &EvidenceStore, text: &str) -> NewRow {
    let (event_id, at) = (Uuid::now_v7(), SystemClock.stamp());
    let refs =
        evidence.save(event_id, at, Some(b"\xff\xd8frame\xff\xd9"), &[None, Some(b"\xff\xd8crop\xff\xd9".to_vec())]);
    NewRow {
        event_id,
        revision: 0,
        kind: EventKind::Plate,
        camera: CameraKey { camera: CameraId::new("camera_001").unwrap(), checkpoint: CheckpointId::new("gate").unwrap() },
        at,
        body: json!({"ocr_results": [text, "x"], "first_seen": [at.wall_us, at.wall_us], "vehicles_count": 1, "plates_count": 2})
            .as_object()
            .unwrap()
            .clone(),
        evidence: refs.unwrap(),
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Three plates: one waits, one was delivered, one refused. Returns their ids in this order.
fn filled(place: &Box) -> [Uuid; 3] {
    let outbox = place.open();
    let evidence = EvidenceStore::open(&place.data()).unwrap();
    let handle = outbox.handle();
    let rows = ["waits", "delivered", "refused"].map(|text| plate(&evidence, text));
    rows.iter().for_each(|row| handle.submit_blocking(row.clone()).unwrap());
    let kept = block_on(handle.next(Want { limit: 9, ..Want::default() })).unwrap();
    let settled = Settled { id: kept[1].id, duplicate: true, checkpoint: None };
    block_on(handle.settle(vec![settled])).unwrap();
    block_on(handle.quarantine(kept[2].id, "422: bad box".into())).unwrap();
    outbox.close().unwrap();
    rows.map(|row| row.event_id)
}

#[test]
fn stats_list_and_show_tell_what_is_there_also_beside_a_running_agent() {
    let place = Box::lonely();
    let [waits, delivered, refused] = filled(&place);
    let _running = place.open();
    let stats = place.stats();
    for (key, value) in [("pending", 1), ("delivered", 1), ("duplicates", 1), ("quarantined", 1), ("in_flight", 0)] {
        assert_eq!(stats[key], value, "{key} in {stats}");
    }
    assert!(stats["oldest_age_s"].as_f64().unwrap() < 60.0 && stats["bytes"].as_u64().unwrap() > 100, "{stats}");
    for key in ["evicted", "link", "last_receipt", "last_error"] {
        assert!(stats.get(key).is_some(), "{key}");
    }
    assert!(place.ok(&["stats"]).contains("quarantined   1"));

    let ids = |arguments: &[&str]| -> Vec<String> {
        place.json(arguments).iter().map(|row| row["event_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&["list", "--json"]), [waits, delivered, refused].map(|id| id.to_string()));
    assert_eq!(ids(&["list", "--json", "--state", "quarantined"]), [refused.to_string()]);
    assert_eq!(ids(&["list", "--json", "--limit", "2"]).len(), 2);
    assert!(place.ok(&["list"]).contains("422: bad box"));

    let shown = place.json(&["show", "--json", &refused.to_string()[..36]]).remove(0);
    assert_eq!((&shown["state"], &shown["reason"]), (&json!("quarantined"), &json!("422: bad box")));
    assert_eq!(shown["body"]["ocr_results"][0], "refused");
    fails(&place.run(&["show", "0"]), 1, &["several"]);
    fails(&place.run(&["show", "ffff"]), 1, &["no event", "ffff"]);
}

#[test]
fn requeued_events_are_noticed_by_the_running_agent() {
    let place = Box::lonely();
    let [waits, _, refused] = filled(&place);
    let running = place.open();
    let mut counts = running.handle().watch();
    fails(&place.run(&["requeue", &waits.to_string()]), 1, &["not quarantined"]);
    assert!(place.ok(&["requeue", &refused.to_string()]).contains("1 event(s) wait for delivery again"));
    let noticed = async {
        let wait = counts.wait_for(|counts| counts.pending == 2 && counts.quarantined == 0);
        tokio::time::timeout(std::time::Duration::from_secs(20), wait).await.unwrap().unwrap();
    };
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(noticed);
    assert_eq!(block_on(running.handle().next(Want { limit: 9, ..Want::default() })).unwrap().len(), 2);
    assert!(place.ok(&["requeue", "--all-quarantined"]).contains("0 event(s)"));
}

#[test]
fn purge_asks_removes_pictures_too_and_reports_what_was_never_delivered() {
    let place = Box::lonely();
    let ids = filled(&place);
    let evidence = EvidenceStore::open(&place.data()).unwrap();
    fails(&place.run(&["purge", "--state", "quarantined"]), 1, &["--yes"]);
    assert!(place.ok(&["purge", "--state", "quarantined", "--older-than", "1h", "--yes"]).contains("0 quarantined"));
    assert!(place.ok(&["purge", "--state", "quarantined", "--yes"]).contains("1 quarantined"));
    assert!(place.ok(&["purge", "--state", "delivered", "--yes"]).contains("1 delivered"));
    assert_eq!(place.stats()["evicted"], json!({"plate": {"purged": 1}}));
    assert_eq!(evidence.events().into_iter().collect::<Vec<_>>(), [ids[0]]);

    let running = place.open();
    fails(&place.run(&["purge", "--state", "pending", "--yes"]), 13, &["systemctl stop lpr-agent"]);
    running.close().unwrap();
    assert!(place.ok(&["purge", "--state", "pending", "--yes"]).contains("1 pending"));
    let left = place.json(&["list", "--json"]);
    assert_eq!(left.len(), 2, "a report for each purge");
    let report = place.json(&["show", "--json", left[0]["event_id"].as_str().unwrap()]).remove(0);
    assert_eq!(
        (&report["body"]["details"]["reason"], &report["body"]["component"]),
        (&json!("purged"), &json!("outbox"))
    );
}

#[test]
fn what_is_exported_can_be_imported_elsewhere_once() {
    let (place, other) = (Box::lonely(), Box::lonely());
    let [waits, _, refused] = filled(&place);
    let file = place.dir.path().join("events.jsonl");
    let file = file.to_str().unwrap();
    place.ok(&["export", file]);
    let lines: Vec<Value> =
        fs::read_to_string(file).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.iter().map(|l| l["event_id"].clone()).collect::<Vec<_>>(), [json!(waits), json!(refused)]);
    assert!(lines[0]["annotated_image"].as_str().unwrap().len() > 4);

    assert!(other.ok(&["import", file]).contains("2 event(s) imported"));
    assert!(other.ok(&["import", file]).contains("0 event(s) imported, 2 known already"));
    let copy = other.dir.path().join("copy.jsonl");
    other.ok(&["export", copy.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(copy).unwrap(), fs::read_to_string(file).unwrap(), "nothing is changed on the way");
}

#[test]
fn plain_detections_are_imported_once_and_bad_lines_are_named() {
    let place = Box::lonely();
    let file = place.dir.path().join("plain.jsonl");
    let plain = json!({"type": "detection_result", "camera_id": 1, "checkpoint_id": "gate", "timestamp": "2024-12-19T10:00:00Z",
        "ocr_results": ["ABC1234"], "annotated_image": "anBlZw=="});
    fs::write(&file, format!("{plain}\n\n{plain}\nnonsense\n{{\"type\":\"detection_result\"}}\n")).unwrap();
    for imported in ["1 event(s) imported, 1 known", "0 event(s) imported, 2 known"] {
        let output = place.run(&["import", file.to_str().unwrap()]);
        fails(&output, 1, &[imported, "line 4", "line 5", "timestamp", "2 line(s) not understood"]);
    }
    let row = place.json(&["list", "--json"]).remove(0);
    assert_eq!((&row["camera_id"], &row["timestamp"]), (&json!("1"), &json!("2024-12-19T10:00:00.000000+00:00")));
    assert_eq!(row["pictures"], 1);

    let _running = place.open();
    fails(&place.run(&["import", file.to_str().unwrap()]), 13, &["import", "systemctl stop lpr-agent"]);
    fails(&place.run(&["flush"]), 13, &["flush", "systemctl stop lpr-agent"]);
}

#[test]
fn flush_delivers_everything_and_says_when_only_refused_events_are_left() {
    let data = tempfile::tempdir().unwrap();
    let server = LprServer::start(data.path(), "127.0.0.1:0", &[]);
    let place = Box::new(&server.url());
    filled(&place);
    fails(&place.run(&["flush"]), 3, &["0 event(s) wait, 1 quarantined, 2 delivered"]);
    place.ok(&["requeue", "--all-quarantined"]);
    assert!(place.ok(&["flush"]).contains("0 event(s) wait, 0 quarantined, 3 delivered"));
    assert_eq!(place.stats()["link"], json!({"state": "stopped", "since": null}));
}

#[test]
fn without_an_outbox_each_command_says_so() {
    let place = Box::lonely();
    for arguments in [&["stats"][..], &["list"], &["show", "0"], &["requeue", "--all-quarantined"], &["export", "-"]] {
        fails(&place.run(arguments), 13, &["no outbox", "outbox.db"]);
    }
}
