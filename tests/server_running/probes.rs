//! `/healthz`, `/readyz`, `/metrics`.

use crate::common::repo;
use crate::event_client::Event;
use crate::logged_server::Server;
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

#[test]
fn it_is_ready_while_commits_succeed_and_alive_whatever_they_do() {
    let server = Server::start("");
    let mut rest = server.rest();
    assert_eq!(rest.get("/healthz").unwrap().0, 200);
    assert_eq!(rest.get("/readyz").unwrap().0, 200);
    // Someone holds the database.
    let holder = rusqlite::Connection::open(server.dir.path().join("data/lpr-server.db")).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = crate::common::wait_for("not ready", Duration::from_secs(20), || {
        let (status, body) = rest.get("/readyz").unwrap();
        (status == 503).then_some(body)
    });
    let refused: serde_json::Value = serde_json::from_slice(&refused).unwrap();
    assert_eq!((&refused["success"], &refused["code"]), (&json!(false), &json!("unavailable")), "{refused}");
    assert!(refused["message"].as_str().unwrap().contains("commit"), "{refused}");
    assert_eq!(rest.get("/healthz").unwrap().0, 200, "a server that cannot store is not restarted for it");
    holder.execute_batch("ROLLBACK").unwrap();
    crate::common::wait_for("ready again", Duration::from_secs(20), || {
        (rest.get("/readyz").unwrap().0 == 200).then_some(())
    });
}

#[test]
fn asking_again_and_again_whether_it_is_ready_does_not_wear_the_disk() {
    let server = Server::start("");
    let mut rest = server.rest();
    let checkpoint = |server: &Server| server.get("/api/test")["checkpoint"].as_i64().unwrap();
    let (before, begun) = (checkpoint(&server), Instant::now());
    for _ in 0..200 {
        assert_eq!(rest.get("/readyz").unwrap().0, 200);
    }
    let commits = checkpoint(&server) - before;
    assert!(commits <= 1 + begun.elapsed().as_secs() as i64, "{commits} commits in {:?}", begun.elapsed());
}

fn metrics(server: &Server) -> String {
    let (status, text) = server.rest().get("/metrics").unwrap();
    assert_eq!(status, 200);
    String::from_utf8(text).unwrap()
}

fn value(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in:\n{metrics}")).parse().unwrap()
}

#[test]
fn what_happens_is_counted_by_road_and_verdict() {
    let server = Server::start("");
    let (mut rest, mut socket) = (server.rest(), server.socket());
    let event = Event::new("c", 4000);
    rest.post("/api/detection", &event.payload).unwrap();
    rest.post("/api/detection", &event.payload).unwrap();
    socket.call("lpr_data", &event.payload.replace("\"revision\":0", "\"revision\":1")).unwrap();
    socket.call("camera_register", r#"{"camera_id":"c","checkpoint_id":"gate"}"#).unwrap();
    socket.call("lpr_data", "{}").unwrap();
    socket.send_text("42nonsense").unwrap();
    socket.call("ping", "{}").unwrap();
    rest.post("/api/health", "{}").unwrap();
    rest.get("/nothing").unwrap();
    let gap = json!({"type": "health_check", "camera_id": "c", "checkpoint_id": "gate", "timestamp": 1_734_602_400,
        "component": "outbox", "status": "warning", "details": {"from_seq": 1, "to_seq": 5, "count": 5, "kind": "plate"}});
    rest.post("/api/health", &gap.to_string()).unwrap();
    rest.post(
        "/api/detection",
        &Event::new("d", 0).payload.replace("\"seq\":1", "\"annotated_image\":\"placeholder\""),
    )
    .unwrap();

    let now = metrics(&server);
    let event = |road, kind, verdict| {
        value(&now, &format!("lpr_events_total{{road=\"{road}\",kind=\"{kind}\",verdict=\"{verdict}\"}}"))
    };
    assert_eq!(event("rest", "detection", "new"), 2.0);
    assert_eq!(event("rest", "detection", "duplicate"), 1.0);
    assert_eq!(event("socket", "detection", "update"), 1.0);
    assert_eq!(event("socket", "registration", "new"), 1.0);
    assert_eq!(event("rest", "health", "new"), 1.0);
    for (name, expected) in [
        ("lpr_refused_total{road=\"rest\",code=\"invalid\"}", 1.0),
        ("lpr_refused_total{road=\"rest\",code=\"not_found\"}", 1.0),
        ("lpr_refused_total{road=\"socket\",code=\"invalid\"}", 2.0),
        ("lpr_lost_total{kind=\"events\"}", 5.0),
        ("lpr_images_written_total", 4.0),
        ("lpr_images_written_bytes_total", 8000.0),
        ("lpr_images_dropped_total", 1.0),
        ("lpr_connections", 1.0),
        ("lpr_cameras{status=\"online\"}", 2.0),
        ("lpr_writes_waiting", 0.0),
        ("lpr_commits_failed_total", 0.0),
        (&format!("lpr_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1.0),
    ] {
        assert_eq!(value(&now, name), expected, "{name} in:\n{now}");
    }
    let commits = value(&now, "lpr_commit_seconds_count");
    assert!(commits >= 6.0 && commits == value(&now, "lpr_commit_seconds_bucket{le=\"+Inf\"}"), "{now}");
    assert_eq!(value(&now, "lpr_committed_writes_total"), 6.0, "{now}");
    assert!(value(&now, "lpr_database_bytes{file=\"database\"}") > 0.0);
    assert!(value(&now, "process_resident_memory_bytes") > 1e6 && value(&now, "process_open_fds") > 5.0);
    assert_eq!(value(&now, "lpr_checkpoint"), server.get("/api/test")["checkpoint"].as_f64().unwrap());
}

/// The words of `text` that are names of metrics, without what a histogram adds.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let names = words.filter(|word| word.starts_with("lpr_") || word.starts_with("process_"));
    let base = |name: &str| {
        let name = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        name.to_owned()
    };
    names.map(base).collect()
}

#[test]
fn the_documentation_names_every_metric_and_no_rule_asks_for_another() {
    let server = Server::start("");
    let read = |file: &str| fs::read_to_string(repo().join(file)).unwrap();
    let is: BTreeSet<String> =
        metrics(&server).lines().filter(|line| line.starts_with("# TYPE")).flat_map(names).collect();
    let documented: BTreeSet<String> = read("docs/metrics.md")
        .lines()
        .filter(|line| line.starts_with("| `lpr_") || line.starts_with("| `process_"))
        .flat_map(names)
        // The agent's are held against its own page (src/agent/metrics.rs).
        .filter(|name| !name.starts_with("lpr_agent_"))
        .collect();
    assert_eq!(is, documented);
    let asked: BTreeSet<String> = names(&read("docs/alerting/prometheus-rules.yml"));
    assert!(!asked.is_empty() && asked.is_subset(&is), "{:?}", asked.difference(&is));
}
