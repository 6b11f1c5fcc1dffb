//! What docs/tracking.md promises of the whole agent, with real models and a real server: provisional events, the motion
//! gate, and the pictures of what was not read.
#![cfg(all(feature = "vision", feature = "uplink", feature = "server"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod common;
#[path = "common/event_client.rs"]
mod event_client;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "common/first_generation.rs"]
mod first_generation;

use common::lpr_server::LprServer;
use common::{Running, get_json, models_dir, wait_for};
use event_client::{Said, Socket};
use first_generation::{FirstGeneration, Mishaps};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// Five cars, one after the other.
const ROAD: &str = "sim:seed=11;seconds=12;fps=8;vehicles=5;layout=latin";
const LIMIT: Duration = Duration::from_secs(300);

/// The agent in front of `source`, with more lines of configuration.
fn start(dir: &Path, source: &str, server: &str, more: &str, args: &[&str]) -> Running {
    let config = dir.join("agent.toml");
    let text = format!(
        "data_dir = \"{}\"\n[models]\ndir = \"{}\"\n[uplink]\nserver_url = \"{server}\"\n[health]\ninterval_s = 1.0\n{more}",
        dir.join("agent").display(),
        models_dir().display(),
    );
    let camera =
        if more.contains("[[camera]]") { String::new() } else { format!("[[camera]]\nsource = \"{source}\"\n") };
    std::fs::write(&config, text + &camera).unwrap();
    Running::start(Command::new(env!("CARGO_BIN_EXE_lpr-agent")).args(["run", "--config"]).arg(config).args(args))
}

fn run_until_drained(mut agent: Running) {
    let status = agent.wait(LIMIT);
    assert!(status.success(), "{}", agent.log());
}

fn records(server: &str) -> Vec<Value> {
    get_json(&format!("{server}/api/records?limit=0&images=none"))["records"].as_array().unwrap().clone()
}

/// What the camera last said of itself, once its source has ended and that is in `enough`.
fn last_words(server: &str, enough: impl Fn(&Value) -> bool) -> Value {
    wait_for("the camera's last health report", LIMIT, || {
        let cameras = get_json(&format!("{server}/api/cameras"));
        let details = cameras.pointer("/cameras/0/health/camera/details")?;
        (details["state"] == "ended" && enough(details)).then(|| details.clone())
    })
}

/// What the room is told, kept as it comes: a listener that does not answer is dropped.
fn listen(mut room: Socket) -> Arc<Mutex<Vec<(String, Value)>>> {
    let told = Arc::<Mutex<Vec<(String, Value)>>>::default();
    let kept = told.clone();
    std::thread::spawn(move || {
        while let Ok(said) = room.hear() {
            if let Said::Event(name, payload) = said {
                kept.lock().unwrap().push((name, payload["detection_id"].clone()));
            }
        }
    });
    told
}

#[test]
fn a_provisional_event_and_its_final_form_are_one_record() {
    let dir = TempDir::new().unwrap();
    let server = LprServer::start(&dir.path().join("server"), "127.0.0.1:0", &[]);
    let mut room = Socket::connect(&server.address).unwrap();
    room.call("join_dashboard", "{}").unwrap();
    let told = listen(room);
    let agent = start(dir.path(), ROAD, &server.url(), "[pipeline]\nprovisional = true\n", &["--until-drained"]);
    run_until_drained(agent);

    let records = records(&server.url());
    assert!(records.len() >= 3, "{records:?}");
    let revised: Vec<&Value> =
        records.iter().filter(|record| record["revision"] == 1).map(|record| &record["detection_id"]).collect();
    assert!(revised.len() * 2 >= records.len(), "most were told early: {records:?}");
    assert!(records.iter().all(|record| record.get("provisional").is_none()), "what is left is final: {records:?}");
    let all = |name: &str| -> Vec<Value> {
        let told = told.lock().unwrap();
        told.iter().filter(|(event, _)| event == name).map(|(_, id)| id.clone()).collect()
    };
    let (new, updates) = wait_for("the room to hear of all", LIMIT, || {
        let (new, updates) = (all("new_detection"), all("detection_update"));
        (new.len() >= records.len() && updates.len() >= revised.len()).then_some((new, updates))
    });
    assert_eq!(
        (new.len(), updates.len()),
        (records.len(), revised.len()),
        "each vehicle is one record, brought up to date once"
    );
    assert!(updates.iter().all(|id| new.contains(id) && revised.contains(&id)), "{updates:?} of {new:?}");
}

#[test]
fn a_server_of_the_first_generation_gets_no_provisional_events() {
    let dir = TempDir::new().unwrap();
    let peer = FirstGeneration::start(Mishaps::default());
    let agent = start(dir.path(), ROAD, &peer.url, "[pipeline]\nprovisional = true\n", &["--until-drained"]);
    run_until_drained(agent);
    let detections = peer.see(|memory| {
        let of = memory.records.iter().filter(|(_, record)| record["type"] == "detection_result");
        of.map(|(_, record)| record.clone()).collect::<Vec<Value>>()
    });
    let mut by_plate = BTreeMap::<String, u32>::new();
    for detection in &detections {
        assert!(detection.get("provisional").is_none() && detection["revision"] == 0, "{detection}");
        *by_plate.entry(detection["ocr_results"][0].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert!(by_plate.len() >= 3 && by_plate.values().all(|times| *times == 1), "{by_plate:?}");
}

#[test]
fn the_motion_gate_passes_over_an_empty_road_and_loses_no_vehicle() {
    let dir = TempDir::new().unwrap();
    let server = LprServer::start(&dir.path().join("server"), "127.0.0.1:0", &[]);
    // Two cars in a minute.
    let road = "sim:seed=12;seconds=60;fps=5;vehicles=2;layout=latin";
    let mut agent = start(dir.path(), road, &server.url(), "", &[]);
    let all_sent = |details: &Value| details["funnel"]["sent"] == 2;
    let details = last_words(&server.url(), all_sent);
    let (gated, frames) = (details["frames_gated"].as_u64().unwrap(), details["frames"].as_u64().unwrap());
    assert_eq!(frames, 300);
    assert!(gated > frames / 2, "{gated} of {frames} frames were passed over");
    wait_for("both records", LIMIT, || (records(&server.url()).len() == 2).then_some(()));
    let (status, _) = agent.terminate();
    assert!(status.success(), "{}", agent.log());
}

#[test]
fn of_what_is_not_read_the_last_pictures_are_kept_and_nothing_is_sent() {
    let dir = TempDir::new().unwrap();
    let server = LprServer::start(&dir.path().join("server"), "127.0.0.1:0", &[]);
    let more = format!("[evidence]\nunread_pictures = 2\n[[camera]]\nsource = \"{ROAD}\"\nmin_plate_height = 500\n");
    let mut agent = start(dir.path(), ROAD, &server.url(), &more, &[]);
    let details = last_words(&server.url(), |details| details["funnel"]["too_small"].as_u64() >= Some(3));
    let (status, _) = agent.terminate();
    assert!(status.success(), "{}", agent.log());
    assert_eq!((&details["funnel"]["sent"], records(&server.url()).len()), (&Value::from(0), 0), "{details}");
    let folder = dir.path().join("agent/unread/camera_001/too_small");
    let mut kept: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    kept.sort();
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(kept.iter().all(|path| std::fs::read(path).unwrap().starts_with(&[0xff, 0xd8, 0xff])));
    let newest: u64 = kept[1].file_stem().unwrap().to_str().unwrap().parse().unwrap();
    assert!(newest >= 3, "the oldest have gone: {kept:?}");
}
