//! PROTOCOL 3.2, line 8, and what an ill-meaning peer may try: nothing it says becomes a path, a line of the log, a
//! statement of SQL or a room.

use crate::event_client::Said;
use crate::peer::{JPEG, Server, on_both_roads};
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn line_08_every_event_may_have_no_argument_or_one_or_more() {
    let server = Server::start("");
    let mut socket = server.socket();
    for (text, answer) in [
        (r#"42["ping"]"#, "pong"),
        (r#"42["ping",{"type":"test","message":"m","timestamp":1}]"#, "pong"),
        (r#"42["ping",null]"#, "pong"),
        (r#"42["ping","text"]"#, "pong"),
        (r#"42["join_dashboard"]"#, "status"),
        (r#"42["join_dashboard",{"x":1}]"#, "status"),
        (r#"42["join_dashboard",7,8]"#, "status"),
        (r#"42["join_health_room"]"#, "status"),
        (r#"42["join_health_room",[]]"#, "status"),
        (r#"42["camera_register"]"#, "error"),
        (r#"42["camera_register",{"camera_id":"c"},{"camera_id":"d"}]"#, "camera_status"),
        (r#"42["lpr_data"]"#, "error"),
        (r#"42["lpr_data",null]"#, "error"),
        (r#"42["lpr_data",[{}]]"#, "error"),
        (r#"42["lpr_data","{\"camera_id\":1}"]"#, "error"),
        (r#"42["health_status"]"#, "error"),
        (r#"42["no_such_event"]"#, "error"),
        (r#"42["no_such_event",{"event_id":"e"}]"#, "error"),
    ] {
        socket.send_text(text).unwrap();
        let Said::Event(name, said) = socket.hear().unwrap() else { panic!("an event") };
        // A registration is answered to its sender, and told to the room that it has joined.
        let name = if name == "camera_register" {
            let Said::Event(name, _) = socket.hear().unwrap() else { panic!("an event") };
            name
        } else {
            name
        };
        assert_eq!(name, answer, "{text}");
        assert!(answer != "error" || said["message"].as_str().is_some_and(|message| !message.is_empty()), "{said}");
    }
    assert_eq!(server.cameras().len(), 1, "the second argument is nobody's");
}

#[test]
fn line_08_an_id_is_never_a_path_nor_sql_and_one_that_cannot_be_kept_is_named() {
    on_both_roads("", |peer| {
        let ids = [
            "../../x",
            "/etc/passwd",
            "..",
            "a/b\\c",
            "'; DROP TABLE detections; --",
            "\" OR 1=1 --",
            "%2e%2e%2f",
            "$(reboot)",
            "<script>alert(1)</script>",
            "dashboard",
            "health_monitoring",
            "{\"a\":1}",
            "%s%n",
        ];
        for id in ids {
            let payload = json!({"type": "detection_result", "camera_id": id, "checkpoint_id": id, "timestamp": 1_734_602_400,
                "event_id": id, "annotated_image": JPEG, "cropped_plates": [JPEG], "ocr_results": [id]});
            let record = peer.stores(&payload.to_string());
            assert_eq!(
                (&record["camera_id"], &record["checkpoint_id"], &record["ocr_results"]),
                (&json!(id), &json!(id), &json!([id]))
            );
            let query: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let found = peer.server.get(&format!("/api/records?camera_id={query}&checkpoint_id={query}"));
            assert_eq!(found["total_count"], 1, "{id}");
        }
        assert_eq!(peer.server.pictures(), 2 * ids.len());
        for file in &peer.server.image_files() {
            let name = file.to_str().unwrap();
            let is_ours = name.bytes().all(|byte| byte.is_ascii_hexdigit() || b"/-.pics".contains(&byte));
            assert!(is_ours && file.components().count() == 4 && name.ends_with(".pics"), "{name}");
        }
        assert_eq!(peer.server.get("/api/statistics")["data"]["total_detections"], ids.len());

        let long = "x".repeat(10_240);
        for id in [long.as_str(), "a\nb", "a\r\nb", "\u{0}", "a\u{1b}[2Jb", "a\u{85}b", "a\u{2028}b", "\u{202e}b", ""] {
            for field in ["camera_id", "checkpoint_id", "event_id"] {
                if id.is_empty() && field != "camera_id" {
                    continue;
                }
                let mut payload = json!({"type": "detection_result", "camera_id": "c", "timestamp": 1_734_602_400});
                payload[field] = json!(id);
                peer.is_refused("lpr_data", &payload.to_string(), field);
            }
        }
        assert_eq!(peer.server.records().len(), ids.len());
    });
}

#[test]
fn line_08_nobody_is_in_a_room_that_they_did_not_join_whatever_their_name() {
    let server = Server::start("");
    let mut agent = server.socket();
    let mut dashboard = server.socket();
    dashboard.call("join_dashboard", "{}").unwrap();
    for room in ["dashboard", "health_monitoring"] {
        agent.call("camera_register", &json!({"camera_id": room, "checkpoint_id": room}).to_string()).unwrap();
        agent.call("join_dashboard_", &json!(room).to_string()).unwrap();
        let detection = json!({"type": "detection_result", "camera_id": room, "checkpoint_id": room, "timestamp": 1});
        agent.call("lpr_data", &detection.to_string()).unwrap();
    }
    agent.send("ping", "{}", 5).unwrap();
    let mut heard = Vec::new();
    loop {
        match agent.hear().unwrap() {
            Said::Event(name, _) => heard.push(name),
            Said::Ack(5, _) => break,
            Said::Ack(..) => {}
        }
    }
    heard.retain(|name| !["camera_register", "lpr_response", "error", "pong"].contains(&name.as_str()));
    assert_eq!(heard, Vec::<String>::new(), "the agent heard what is said in rooms");
    dashboard.send("ping", "{}", 5).unwrap();
    let mut told = 0;
    while let Said::Event(name, _) = dashboard.hear().unwrap() {
        told += usize::from(name == "new_detection");
    }
    assert_eq!(told, 2);
}

/// Words that would look like the server's own line, clear a terminal or hide what follows.
const FORGED: [&str; 4] = [
    "x\n2024-12-19T10:00:00.000000Z  INFO lpr::server::serve: forged",
    "x\r\n\u{1b}[2J\u{1b}[31mforged",
    "x\u{85}forged\u{9b}31m",
    "x\u{2028}forged\u{202e}degrof",
];

#[test]
fn nothing_that_a_peer_says_begins_a_line_of_the_log_or_steers_the_terminal() {
    on_both_roads("", |peer| {
        for forged in FORGED {
            let detection = json!({"type": "detection_result", "camera_id": "c", "timestamp": 1_734_602_400,
                "ocr_results": [forged, {"text": forged}], "plate_detections": [{"class": forged, "text": forged}],
                "location": forged, "annotated_image": forged});
            assert_eq!(peer.tell("lpr_data", &detection.to_string())["success"], true);
            for field in
                ["camera_id", "checkpoint_id", "event_id", "timestamp", "type", "created_at", "boot_id", "epoch", "seq"]
            {
                let mut payload = detection.clone();
                payload[field] = json!(forged);
                peer.tell("lpr_data", &payload.to_string());
                payload["type"] = json!("health_check");
                for (component, status) in [(forged, "PASS"), ("outbox", "WARNING"), ("clock", forged)] {
                    payload["component"] = json!(component);
                    payload["status"] = json!(status);
                    payload["message"] = json!(forged);
                    payload["details"] =
                        json!({"kind": forged, "reason": forged, "count": 1, "boot_id": forged, "offset_ms": 5});
                    peer.tell("health_status", &payload.to_string());
                }
            }
            peer.tell("camera_register", &json!({"camera_id": forged}).to_string());
            let mut socket = peer.server.socket();
            socket
                .call(&forged.escape_default().to_string().replace(['\\', '"'], "_"), &json!(forged).to_string())
                .unwrap();
            socket.send_text(&format!("42{}", json!([forged, forged]))).unwrap();
            socket.send_text(&format!("40/{forged},{{}}")).unwrap();
            socket.send_text(&format!("42{forged}")).unwrap();
            socket.call("ping", "{}").unwrap();
            let query: String = forged.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let mut rest = peer.server.rest();
            for path in ["/api/records?limit=", "/api/records?camera_id=", "/api/records/", "/images/x/", "/"] {
                rest.get(&format!("{path}{query}")).unwrap();
            }
            rest.get(&format!("/api/records?limit={query}&limit={query}")).unwrap();
        }
        peer.tell("camera_register", r#"{"camera_id":"the-last-one"}"#);
        let log = crate::common::wait_for("the last line", Duration::from_secs(20), || {
            let log = peer.server.log();
            log.contains("the-last-one").then_some(log)
        });
        assert!(log.contains("forged"), "it was logged at all:\n{log}");
        for line in log.lines() {
            assert!(!line.contains(|c: char| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c)), "{line:?}");
            assert!(!line.starts_with("2024-12-19"), "{line}");
            let is_ours =
                line.starts_with("lpr-server: listening") || line.contains(" lpr::") || line.contains(" lpr_");
            assert!(is_ours, "{line}");
        }
        let value: Value = peer.server.get("/api/statistics");
        assert_eq!(value["success"], true);
    });
}

#[test]
fn losses_beyond_all_measure_do_not_end_the_statistics_for_ever() {
    let server = Server::start("");
    let mut rest = server.rest();
    for (camera, count) in [("a", i64::MAX), ("b", i64::MAX), ("b", 3)] {
        let report = json!({"type": "health_check", "camera_id": camera, "timestamp": "2024-12-19T10:00:00Z",
            "component": "outbox", "status": "warning",
            "details": {"epoch": "e", "from_seq": i64::MIN, "to_seq": i64::MAX, "count": count, "kind": "plate"}});
        let (status, answer) = rest.post("/api/health", &report.to_string()).unwrap();
        assert_eq!(status, 200, "{answer}");
    }
    assert_eq!(server.get("/api/statistics")["data"]["lost_events"], 2_000_000_003_i64);
    assert_eq!(rest.get("/metrics").unwrap().0, 200);
}
