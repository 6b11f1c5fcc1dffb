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
use std::process::{Command, Output, Stdio};
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

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lpr-agent"));
        command.arg("outbox").args(arguments).arg("--config").arg(&self.config);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
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
    assert_eq!(evidence.events().collect::<Vec<_>>(), [ids[0]]);

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
    let stats = place.stats();
    assert_eq!(stats["link"], json!({"state": "stopped", "since": null}));
    assert!(stats["last_receipt"].is_string(), "what was seen last is kept: {stats}");
    assert_eq!((&stats["failed"], &stats["dropped"], &stats["in_flight"]), (&json!(0), &json!(0), &json!(0)));
}

#[test]
fn without_an_outbox_each_command_says_so() {
    let place = Box::lonely();
    for arguments in [&["stats"][..], &["list"], &["show", "0"], &["requeue", "--all-quarantined"], &["export", "-"]] {
        fails(&place.run(arguments), 13, &["no outbox", "outbox.db"]);
    }
}

/// As a row that nobody can read.
fn spoil(place: &Box, event_id: Uuid) {
    let file = rusqlite::Connection::open(place.data().join("outbox.db")).unwrap();
    let id = event_id.as_bytes().to_vec();
    let sql = "UPDATE payload SET body = '{' WHERE id = (SELECT id FROM event WHERE event_id = ?1)";
    assert_eq!(file.execute(sql, [id]).unwrap(), 1);
}

#[test]
fn an_event_that_cannot_be_read_is_seen_by_every_command_and_hides_no_other() {
    let place = Box::lonely();
    let [waits, _, refused] = filled(&place);
    spoil(&place, refused);
    spoil(&place, waits);
    let rows = place.json(&["list", "--json"]);
    assert_eq!(rows.len(), 3);
    assert!(rows[0]["reason"].as_str().unwrap().contains("unreadable"), "{}", rows[0]);
    assert_eq!(place.json(&["show", "--json", &refused.to_string()])[0]["reason"], "422: bad box");
    assert!(place.ok(&["list", "--limit", "1"]).contains(&waits.to_string()));
    let output = place.run(&["export", "-"]);
    fails(&output, 1, &["0 event(s) written, 2 unreadable", &refused.to_string(), "cannot be read"]);
    assert!(place.ok(&["requeue", "--all-quarantined"]).contains("1 event(s)"));
}

#[test]
fn an_export_without_all_its_pictures_says_so() {
    let place = Box::lonely();
    filled(&place);
    let evidence = EvidenceStore::at(&place.data());
    let day = place.data().join("evidence").join(&evidence.folders()[0]);
    fs::remove_dir_all(day).unwrap();
    fails(&place.run(&["export", "-"]), 1, &["2 event(s) written", "4 picture(s) missing"]);
}

#[test]
fn a_reader_that_has_seen_enough_ends_a_command_quietly() {
    let place = Box::lonely();
    filled(&place);
    for arguments in [&["list", "--json"][..], &["stats"], &["export", "-"], &["list"]] {
        let mut child = place.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Nobody reads: the pipe is closed before the first line.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn commands_of_root_leave_nothing_of_roots_in_the_services_directory() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    const SERVICE: u32 = 12_345;
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return eprintln!("SKIPPED: only root can be another");
    }
    fn all(dir: &std::path::Path) -> Vec<PathBuf> {
        let inside = fs::read_dir(dir).unwrap().flatten().map(|entry| entry.path());
        let deeper = |path: PathBuf| if path.is_dir() { all(&path) } else { vec![path] };
        inside.flat_map(deeper).chain([dir.to_owned()]).collect()
    }
    let (place, other) = (Box::lonely(), Box::lonely());
    filled(&other);
    let file = other.dir.path().join("events.jsonl");
    let file = file.to_str().unwrap();
    other.ok(&["export", file]);
    filled(&place);
    fs::set_permissions(place.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for path in all(&place.data()) {
        chown(path, Some(SERVICE), Some(SERVICE)).unwrap();
    }
    fs::remove_file(place.data().join("outbox.seq")).unwrap();
    fs::remove_file(place.data().join("lpr-agent.lock")).unwrap();
    // Root's own file, which the service's user could not open.
    place.ok(&["import", file]);
    place.ok(&["requeue", "--all-quarantined"]);
    place.ok(&["purge", "--state", "pending", "--yes"]);
    place.ok(&["stats"]);
    let roots: Vec<PathBuf> =
        all(&place.data()).into_iter().filter(|path| fs::metadata(path).unwrap().uid() != SERVICE).collect();
    assert_eq!(roots, Vec::<PathBuf>::new());
}

#[test]
fn what_an_import_cannot_take_is_named_and_everything_else_is_taken() {
    let place = Box::lonely();
    let file = place.dir.path().join("events.jsonl");
    let id = Uuid::now_v7();
    let event = |changes: Value| {
        let mut event = json!({"type": "detection_result", "camera_id": "c", "checkpoint_id": "g", "revision": 0,
            "timestamp": "2024-12-19T10:00:00Z", "ocr_results": ["A"], "event_id": id, "annotated_image": "anBlZw=="});
        event.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        event.to_string()
    };
    let lines = [
        event(json!({})),
        event(json!({"revision": 1, "annotated_image": "data:image/jpeg;base64,anBlZzI="})),
        event(json!({"camera_id": "another"})),
        event(json!({"event_id": Uuid::now_v7(), "annotated_image": "%%%", "cropped_plates": [null, "", "?"]})),
        format!("{{\"x\":\"{}\"}}", "x".repeat(64_000_001)),
        event(json!({"event_id": Uuid::now_v7(), "clock_synced": false, "timestamp": "1970-01-02T00:00:00Z"})),
    ];
    fs::write(&file, lines.join("\n")).unwrap();
    let output = place.run(&["import", file.to_str().unwrap()]);
    let words =
        ["4 event(s) imported, 0 known already, 2 line(s)", "2 picture(s) left out", "line 3", "another", "line 4"];
    fails(&output, 1, &words);
    fails(&output, 1, &["annotated_image is no base64", "line 5: longer than"]);

    // A later start sets its clock: those of no boot are not corrected by it.
    let outbox = place.open();
    let camera = CameraKey { camera: CameraId::new("c").unwrap(), checkpoint: CheckpointId::new("g").unwrap() };
    block_on(outbox.handle().clock_set(SystemClock.stamp(), camera)).unwrap();
    let rows = block_on(outbox.handle().next(Want { limit: 9, ..Want::default() })).unwrap();
    assert_eq!(rows.iter().filter(|row| row.kind == EventKind::Plate).count(), 4);
    assert!(rows.iter().all(|row| row.offset_us.is_none()), "{rows:?}");
    let evidence = EvidenceStore::at(&place.data());
    let frames: Vec<Vec<u8>> = (rows.iter().filter(|row| row.event_id == id))
        .map(|row| evidence.read(row.evidence.frame.as_ref().unwrap()).unwrap())
        .collect();
    assert_eq!(frames, [b"jpeg".to_vec(), b"jpeg2".to_vec()], "each revision has its own");
}

#[test]
fn of_several_ids_those_that_are_known_are_requeued_and_the_others_named() {
    let place = Box::lonely();
    let [_, _, refused] = filled(&place);
    let output = place.run(&["requeue", "ffffffff", &refused.to_string()]);
    fails(&output, 1, &["ffffffff", "1 event(s) wait"]);
    assert_eq!(place.stats()["quarantined"], 0);
}
