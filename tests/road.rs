//! The whole road with every joint real: simulated frames and a photo → real models → outbox → real server → record.
#![cfg(all(feature = "vision", feature = "uplink", feature = "server"))]

mod common;

use base64::Engine;
use common::lpr_server::LprServer;
use common::{Running, get_json, models_dir, run, text};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const AGENT: &str = env!("CARGO_BIN_EXE_lpr-agent");

fn write_config(dir: &Path, source: &str, server: &str, extra: &str) -> String {
    let text = format!(
        "data_dir = \"{data}\"\n[[camera]]\nsource = \"{source}\"\n[models]\ndir = \"{models}\"\n\
         [uplink]\nserver_url = \"{server}\"\n{extra}[log]\nplates = true\n",
        data = dir.join("agent").display(),
        models = models_dir().display(),
    );
    let path = dir.join("agent.toml");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// Runs the agent until the server has confirmed everything; gives its log.
fn run_until_drained(config: &str) -> String {
    let mut agent = Running::start(Command::new(AGENT).args(["run", "--config", config, "--until-drained"]));
    let status = agent.wait(Duration::from_secs(300));
    assert_eq!(status.code(), Some(0), "{}", agent.log());
    agent.log()
}

fn records(server: &str) -> Vec<Value> {
    let answer = get_json(&format!("{server}/api/records?limit=0"));
    assert_eq!(answer["success"], true, "{answer}");
    answer["records"].as_array().unwrap().clone()
}

fn texts(records: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = (records.iter())
        .flat_map(|record| record["ocr_results"].as_array().unwrap().clone())
        .map(|text| text.as_str().unwrap().to_owned())
        .collect();
    texts.sort();
    texts
}

fn is_jpeg(image: &Value) -> bool {
    let bytes = base64::engine::general_purpose::STANDARD.decode(image.as_str().unwrap_or_default()).unwrap();
    bytes.starts_with(&[0xff, 0xd8, 0xff]) && bytes.len() > 500
}

/// Evidence files, in all the days' folders.
fn pictures_in(evidence: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries(evidence).flat_map(|day| entries(&day).collect::<Vec<_>>()).collect()
}

/// Plates of the spec's truth.
fn true_texts(spec: &str) -> BTreeSet<String> {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("frames");
    let output = run(AGENT, &["simulate", spec, "--out", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let truth = fs::read_to_string(out.join("truth.jsonl")).unwrap();
    (truth.lines())
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .flat_map(|frame| frame["vehicles"].as_array().unwrap().clone())
        .map(|vehicle| vehicle["text"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn vehicles_that_pass_become_records_with_pictures_each_once() {
    let spec = "sim:seed=11;seconds=12;fps=8;vehicles=5;layout=latin";
    let dir = TempDir::new().unwrap();
    let server = LprServer::start(&dir.path().join("server"), "127.0.0.1:0", &[]);
    let url = server.url();
    let log = run_until_drained(&write_config(dir.path(), spec, &url, ""));

    let records = records(&url);
    let read = texts(&records);
    let distinct: BTreeSet<&String> = read.iter().collect();
    assert_eq!(distinct.len(), read.len(), "a vehicle was reported twice: {read:?}");
    let truth = true_texts(spec);
    let right = read.iter().filter(|text| truth.contains(*text)).count();
    assert!(right >= 3 && right * 10 >= read.len() * 7, "read {read:?} of {truth:?}\n{log}");

    for record in &records {
        assert_eq!(record["camera_id"], "camera_001");
        assert_eq!(record["type"], "detection_result");
        assert!(is_jpeg(&record["annotated_image"]), "annotated image");
        assert!(is_jpeg(&record["cropped_plates"][0]), "plate crop");
        assert_eq!(record["plates_count"], 1);
        assert!(record["event_id"].is_string());
    }
    let statistics = get_json(&format!("{url}/api/statistics"));
    assert_eq!(statistics["data"]["total_detections"], records.len());
    for text in &read {
        assert!(log.contains(&format!("read  {text}  ")), "{text} was not printed as delivered:\n{log}");
    }
    // Kept for a while with their events, should the server lose them (docs/outbox.md).
    let kept = pictures_in(&dir.path().join("agent/evidence"));
    assert_eq!(kept.len(), 2 * records.len(), "a frame and a crop of each event: {kept:?}");
}

#[test]
fn a_picture_becomes_a_record_by_rest_alone() {
    let dir = TempDir::new().unwrap();
    let frames = dir.path().join("frames");
    let spec = "sim:seed=5;seconds=6;fps=1;vehicles=4;layout=latin";
    assert!(run(AGENT, &["simulate", spec, "--out", frames.to_str().unwrap()]).status.success());
    let server = LprServer::start(&dir.path().join("server"), "127.0.0.1:0", &[]);
    let url = server.url();
    let config = write_config(dir.path(), frames.to_str().unwrap(), &url, "transport = \"rest\"\n");
    let log = run_until_drained(&config);
    let records = records(&url);
    assert!(!records.is_empty(), "{log}");
    assert!(log.contains("via rest"), "{log}");
}

#[test]
fn events_wait_for_an_absent_server_and_survive_a_restart_of_the_agent() {
    let dir = TempDir::new().unwrap();
    let port = common::free_port();
    let url = format!("http://127.0.0.1:{port}");
    let frames = dir.path().join("frames");
    let spec = "sim:seed=5;seconds=6;fps=1;vehicles=4;layout=latin";
    assert!(run(AGENT, &["simulate", spec, "--out", frames.to_str().unwrap()]).status.success());
    let config = write_config(dir.path(), frames.to_str().unwrap(), &url, "");

    let mut agent = Running::start(Command::new(AGENT).args(["run", "--config", &config]));
    let evidence = dir.path().join("agent/evidence");
    common::wait_for("evidence of a read", Duration::from_secs(90), || {
        (!pictures_in(&evidence).is_empty()).then_some(())
    });
    let (status, took) = agent.terminate();
    assert!(status.success(), "{}", agent.log());
    assert!(took < Duration::from_secs(10), "{took:?}");

    // The second life has nothing new to read: what it delivers is what the first one kept.
    let config = write_config(dir.path(), "sim:seed=1;seconds=1;fps=1;vehicles=0", &url, "");
    let _server = LprServer::start(&dir.path().join("server"), &format!("127.0.0.1:{port}"), &[]);
    let log = run_until_drained(&config);
    assert!(!records(&url).is_empty(), "{log}");
}

#[test]
fn health_of_box_and_camera_reaches_the_server() {
    let dir = TempDir::new().unwrap();
    let server = LprServer::start(&dir.path().join("server"), "127.0.0.1:0", &[]);
    let url = server.url();
    let config = write_config(
        dir.path(),
        "gst:videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=5/1",
        &url,
        "[health]\ninterval_s = 1.0\n",
    );
    let mut agent = Running::start(Command::new(AGENT).args(["run", "--config", &config]));
    common::wait_for("two health reports", Duration::from_secs(60), || {
        let statistics = get_json(&format!("{url}/api/statistics"));
        (statistics["data"]["total_health_checks"].as_u64()? >= 2).then_some(())
    });
    let cameras = get_json(&format!("{url}/api/cameras"));
    assert_eq!(cameras["cameras"][0]["camera_id"], "camera_001", "{cameras}");
    let (status, took) = agent.terminate();
    assert!(status.success() && took < Duration::from_secs(10), "{took:?}: {}", agent.log());
}
