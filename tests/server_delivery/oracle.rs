//! What must be true of a server that was fed events: what was answered is there, once, with its pictures.

use crate::common::lpr_server::LprServer;
use crate::event_client::{Event, Rest};
use serde_json::Value;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A server on a free port that gives out all of its records.
pub fn start(dir: &Path) -> LprServer {
    let config = dir.join("server.toml");
    fs::write(&config, "max_records = 100000\nmax_event_bytes = 1000000\n").unwrap();
    LprServer::start(&dir.join("data"), "127.0.0.1:0", &["--config", config.to_str().unwrap()])
}

/// All records by event id; panics if an event is there twice.
pub fn records(address: &str) -> HashMap<String, Value> {
    let answer = Rest::connect(address).unwrap().get_json("/api/records?limit=0&images=none").unwrap();
    let mut records = HashMap::new();
    for record in answer["records"].as_array().unwrap() {
        let id = record["event_id"].as_str().unwrap().to_owned();
        assert!(records.insert(id, record.clone()).is_none(), "applied twice: {record}");
    }
    assert_eq!(answer["total_count"], records.len());
    let statistics = Rest::connect(address).unwrap().get_json("/api/statistics").unwrap();
    assert_eq!(statistics["data"]["total_detections"], records.len());
    records
}

/// `event` was answered with `detection_id`: it is there, with its pictures byte for byte.
pub fn assert_stored(rest: &mut Rest, records: &HashMap<String, Value>, event: &Event, detection_id: &str) {
    let record = records.get(&event.id).unwrap_or_else(|| panic!("answered and lost: {}", event.id));
    assert_eq!(record["detection_id"], detection_id);
    let urls = [&record["image_url"], &record["crop_urls"][0]];
    for (url, picture) in urls.into_iter().zip(&event.pictures) {
        let (status, bytes) = rest.get(url.as_str().expect("a picture's address")).unwrap();
        assert!(status == 200 && bytes == *picture, "{url}: {status}, {} bytes", bytes.len());
    }
}

/// Posts `event` until it is stored, and gives the answer.
pub fn deliver(rest: &mut Rest, event: &Event) -> Value {
    let (status, answer) = rest.post("/api/detection", &event.payload).unwrap();
    assert_eq!((status, &answer["success"]), (200, &Value::Bool(true)), "{answer}");
    answer
}

/// The pictures that lie in the images folder below `data`, whoever names them: the headers in all segments.
pub fn pictures_on_disk(data: &Path) -> usize {
    let files = Command::new("find").arg(data.join("images")).args(["-type", "f"]).output().unwrap();
    let paths = String::from_utf8(files.stdout).unwrap();
    let pictures_in = |path: &str| {
        let bytes = fs::read(path).unwrap();
        bytes.chunks(4096).filter(|block| block.starts_with(b"lpr-picture ")).count()
    };
    paths.lines().map(pictures_in).sum()
}
