//! What answers say, and what they promise across restarts, restores and repeats.

use crate::event_client::{Event, Rest, Said, Socket};
use crate::oracle::{deliver, pictures_on_disk, records, start};
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;

#[test]
fn every_answer_to_a_protocol_2_event_names_it_and_the_commit_that_holds_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let mut rest = Rest::connect(&server.address).unwrap();
    let mut socket = Socket::connect(&server.address).unwrap();
    let test = rest.get_json("/api/test").unwrap();
    assert_eq!((&test["protocol"], &test["max_event_bytes"]), (&json!(2), &json!(1_000_000)));
    assert!(test["capabilities"].as_array().unwrap().contains(&json!("event_id")) && test["server_time"].is_string());
    let store_id = test["store_id"].clone();

    let registration = json!({"camera_id": "c", "checkpoint_id": "gate", "event_id": "r", "revision": 0}).to_string();
    let registered = socket.call("camera_register", &registration).unwrap();
    assert_eq!((&registered["protocol"], &registered["store_id"]), (&json!(2), &store_id));
    let mut last = registered["checkpoint"].as_i64().unwrap();
    let mut is_named = |answer: &Value, id: &str, duplicate: bool| {
        assert_eq!((answer["event_id"].as_str(), &answer["revision"]), (Some(id), &json!(0)), "{answer}");
        assert_eq!((&answer["store_id"], answer["duplicate"] == true), (&store_id, duplicate), "{answer}");
        let checkpoint = answer["checkpoint"].as_i64().unwrap();
        assert!(checkpoint > last, "{answer}: not above {last}");
        last = checkpoint;
    };
    let event = Event::new("c", 100);
    is_named(&deliver(&mut rest, &event), &event.id, false);
    is_named(&deliver(&mut rest, &event), &event.id, true);
    is_named(&socket.call("lpr_data", &event.payload).unwrap(), &event.id, true);
    let fresh = Event::new("c", 0);
    socket.send("lpr_data", &fresh.payload, 9).unwrap();
    let (mut as_event, mut as_ack) = (None, None);
    while as_event.is_none() || as_ack.is_none() {
        match socket.hear().unwrap() {
            Said::Event(name, answer) if name == "lpr_response" && answer["event_id"] == fresh.id.as_str() => {
                as_event = Some(answer);
            }
            Said::Ack(9, answer) => as_ack = Some(answer),
            _ => {}
        }
    }
    assert_eq!(as_event, as_ack);
    is_named(&as_ack.unwrap(), &fresh.id, false);
    let health = json!({"type": "health_check", "camera_id": "c", "checkpoint_id": "gate", "timestamp": 1_734_602_400,
        "component": "camera", "status": "healthy", "event_id": "h", "revision": 0});
    is_named(&rest.post("/api/health", &health.to_string()).unwrap().1, "h", false);
    is_named(&socket.call("health_status", &health.to_string()).unwrap(), "h", true);

    // A peer that names no event gets the contract's keys and no others.
    let plain = json!({"type": "health_check", "camera_id": "old", "timestamp": 1, "component": "c", "status": "PASS"});
    let answer = rest.post("/api/health", &plain.to_string()).unwrap().1;
    assert!(answer["success"] == true && answer.get("store_id").is_none() && answer.get("checkpoint").is_none());
}

#[test]
fn the_same_event_in_flight_many_times_at_once_is_one_record_and_one_broadcast() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let address = server.address.as_str();
    let mut dashboard = Socket::connect(address).unwrap();
    dashboard.call("join_dashboard", "{}").unwrap();
    let events: Vec<Event> = (0..20).map(|n| Event::new("c", if n % 2 == 0 { 30_000 } else { 0 })).collect();
    for event in &events {
        let ids: Vec<(String, bool)> = std::thread::scope(|scope| {
            let by_rest = || {
                let mut rest = Rest::connect(address).unwrap();
                deliver(&mut rest, event)
            };
            let by_socket = || Socket::connect(address).unwrap().call("lpr_data", &event.payload).unwrap();
            let all = [scope.spawn(by_rest), scope.spawn(by_socket), scope.spawn(by_rest), scope.spawn(by_socket)];
            let answers = all.map(|thread| thread.join().unwrap());
            let of =
                |answer: &Value| (answer["detection_id"].as_str().unwrap().to_owned(), answer["duplicate"] == true);
            answers.iter().map(of).collect()
        });
        assert!(ids.iter().all(|(id, _)| *id == ids[0].0), "{ids:?}");
        assert_eq!(ids.iter().filter(|(_, duplicate)| !duplicate).count(), 1, "{ids:?}");
    }
    assert_eq!(records(address).len(), events.len());
    assert_eq!(dashboard.told("new_detection"), events.len());
    // Nor is a picture left of those that lost the race.
    assert_eq!(pictures_on_disk(&dir.path().join("data")), events.len());
}

#[test]
fn a_restored_backup_shows_as_a_lower_checkpoint_and_an_empty_database_as_another_store() {
    let dir = tempfile::tempdir().unwrap();
    let within = Duration::from_secs(20);
    let database = dir.path().join("data/lpr-server.db");
    let backup = dir.path().join("backup.db");
    let tell = |event: &Event| {
        let server = start(dir.path());
        let answer = deliver(&mut Rest::connect(&server.address).unwrap(), event);
        assert!(server.stop("TERM", within).success());
        answer
    };
    let (kept, lost) = (Event::new("c", 500), Event::new("c", 500));
    let first = tell(&kept);
    fs::copy(&database, &backup).unwrap();
    let second = tell(&lost);

    fs::copy(&backup, &database).unwrap();
    let server = start(dir.path());
    let mut rest = Rest::connect(&server.address).unwrap();
    let restored = rest.get_json("/api/test").unwrap();
    assert_eq!((&restored["store_id"], &restored["checkpoint"]), (&second["store_id"], &first["checkpoint"]));
    assert!(restored["checkpoint"].as_i64() < second["checkpoint"].as_i64());
    assert_eq!(deliver(&mut rest, &kept)["duplicate"], true);
    assert_eq!(deliver(&mut rest, &lost).get("duplicate"), None);
    assert_eq!(records(&server.address).len(), 2);
    assert!(server.stop("TERM", within).success());

    fs::remove_file(&database).unwrap();
    let server = start(dir.path());
    let empty = Rest::connect(&server.address).unwrap().get_json("/api/test").unwrap();
    assert_ne!(empty["store_id"], second["store_id"]);
    assert!(records(&server.address).is_empty());
}

fn health(id: &str, component: &str, details: &Value) -> String {
    json!({"type": "health_check", "camera_id": "c", "checkpoint_id": "gate", "timestamp": 1_734_602_400,
        "component": component, "status": "warning", "event_id": id, "revision": 0, "details": details})
    .to_string()
}

#[test]
fn what_an_agent_lost_is_visible() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let mut rest = Rest::connect(&server.address).unwrap();
    assert_eq!(rest.get_json("/api/statistics").unwrap()["data"]["lost_events"], 0);
    let gap = json!({"epoch": "e", "from_seq": 10, "to_seq": 14, "count": 5, "kind": "plate", "reason": "disk full"});
    for _ in 0..2 {
        let (status, _) = rest.post("/api/health", &health("g1", "outbox", &gap)).unwrap();
        assert_eq!(status, 200);
    }
    let gaps = rest.get_json("/api/gaps?camera_id=c&limit=5").unwrap();
    assert_eq!((&gaps["total_count"], &gaps["returned_count"]), (&json!(1), &json!(1)), "{gaps}");
    for key in ["epoch", "from_seq", "to_seq", "count", "kind", "reason"] {
        assert_eq!(gaps["gaps"][0][key], gap[key], "{key}");
    }
    assert_eq!(rest.get_json("/api/statistics").unwrap()["data"]["lost_events"], 5);
    assert_eq!(rest.get_json("/api/gaps?camera_id=other").unwrap()["total_count"], 0);
}

#[test]
fn a_clock_report_corrects_what_came_before_and_what_comes_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let mut rest = Rest::connect(&server.address).unwrap();
    let raw = |id: &str| {
        json!({"type": "detection_result", "camera_id": "c", "checkpoint_id": "gate", "event_id": id, "revision": 0,
            "timestamp": "1970-01-01T00:05:00.000000+00:00", "ocr_results": ["A"], "boot_id": "b", "clock_synced": false,
            "time_corrected": false})
        .to_string()
    };
    rest.post("/api/detection", &raw("before")).unwrap();
    let report = health("clock", "clock", &json!({"boot_id": "b", "offset_ms": 1_734_602_400_000_i64}));
    rest.post("/api/health", &report).unwrap();
    let mut dashboard = Socket::connect(&server.address).unwrap();
    dashboard.call("join_dashboard", "{}").unwrap();
    rest.post("/api/detection", &raw("after")).unwrap();
    let told = loop {
        if let Said::Event(name, told) = dashboard.hear().unwrap()
            && name == "new_detection"
        {
            break told;
        }
    };
    assert_eq!(told["timestamp"], "2024-12-19T10:05:00.000000+00:00");
    for record in records(&server.address).values() {
        assert_eq!(record["timestamp"], "2024-12-19T10:05:00.000000+00:00", "{record}");
        assert_eq!(record["raw_timestamp"], "1970-01-01T00:05:00.000000+00:00");
        assert_eq!((&record["time_corrected"], &record["clock_synced"]), (&json!(true), &json!(false)));
    }
}

#[test]
fn a_record_whose_picture_is_gone_stays_and_the_picture_is_not_found() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let mut rest = Rest::connect(&server.address).unwrap();
    let event = Event::new("c", 500);
    deliver(&mut rest, &event);
    let url = records(&server.address)[&event.id]["image_url"].as_str().unwrap().to_owned();
    fs::remove_dir_all(dir.path().join("data/images")).unwrap();
    assert_eq!(rest.get(&url).unwrap().0, 404);
    assert_eq!(rest.get_json("/api/records").unwrap()["records"][0]["annotated_image"], "");
    assert_eq!(deliver(&mut rest, &event)["duplicate"], true);
}

#[test]
fn a_dashboard_that_does_not_listen_is_cut_off_and_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let mut rest = Rest::connect(&server.address).unwrap();
    let [mut deaf, mut listening] = [(); 2].map(|()| Socket::connect(&server.address).unwrap());
    deaf.call("join_dashboard", "{}").unwrap();
    listening.call("join_dashboard", "{}").unwrap();
    let clients = |rest: &mut Rest| rest.get_json("/api/statistics").unwrap()["data"]["connected_clients"].clone();
    assert_eq!(clients(&mut rest), 2);
    let text = "A".repeat(60_000);
    for number in 0.. {
        let event = json!({"type": "detection_result", "camera_id": "c", "timestamp": 1_734_602_400, "ocr_results": [text],
            "event_id": format!("e{number}")});
        rest.post("/api/detection", &event.to_string()).unwrap();
        while !matches!(listening.hear().unwrap(), Said::Event(name, _) if name == "new_detection") {}
        if number % 100 == 0 && clients(&mut rest) == 1 {
            return;
        }
        assert!(number < 5000, "never cut off");
    }
}
