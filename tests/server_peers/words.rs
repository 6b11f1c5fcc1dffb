//! PROTOCOL 3.2, lines 6, 7, 9 and 10: health in other words, the oldest dialect, other scripts, repeats.

use crate::event_client::Said;
use crate::peer::{JPEG, Peer, Server, on_both_roads};
use serde_json::{Value, json};

fn health(component: &str, members: &str) -> String {
    format!(
        r#"{{"type":"health_check","camera_id":"c","checkpoint_id":"p","timestamp":"2024-12-19T10:00:00Z","component":"{component}",{members}}}"#
    )
}

/// What is stored of the component's last report.
fn stored(server: &Server, component: &str) -> Value {
    let database = rusqlite::Connection::open(server.dir.path().join("data/lpr-server.db")).unwrap();
    let sql = "SELECT body FROM health WHERE json_extract(body, '$.component') = ?1 ORDER BY seq DESC LIMIT 1";
    let body: String = database.query_row(sql, [component], |row| row.get(0)).unwrap();
    serde_json::from_str(&body).unwrap()
}

#[test]
fn line_06_health_is_said_in_other_words_and_kept_in_both() {
    on_both_roads("", |peer| {
        let statuses = [
            ("PASS", "healthy"),
            ("FAIL", "error"),
            ("WARNING", "warning"),
            ("healthy", "healthy"),
            ("warning", "warning"),
            ("error", "error"),
            ("critical", "error"),
            ("CRITICAL", "error"),
        ];
        for (index, (sent, status)) in statuses.into_iter().enumerate() {
            let component = format!("part_{index}");
            let answer = peer.tell("health_status", &health(&component, &format!(r#""status":"{sent}""#)));
            assert!(answer["success"] == true && answer["health_id"].is_string(), "{answer}");
            let report = stored(&peer.server, &component);
            assert_eq!((&report["status"], &report["status_original"]), (&json!(status), &json!(sent)));
        }
        assert_eq!(peer.server.cameras()[0]["health_status"], "error");

        let names = [
            (r#"{"cpu_percent":45.2,"ram_percent":60,"used_percent":70.5}"#, json!([45.2, 60.0, 70.5])),
            (r#"{"cpu_usage":45.2,"memory_percent":61,"disk_usage":71}"#, json!([45.2, 61.0, 71])),
            (r#""{\"cpu_usage\": 1, \"memory_usage\": 2, \"disk_usage\": 3}""#, json!([1, 2, 3])),
            (r#"{"cpu_percent":NaN,"memory_percent":"62.5%","cpu_usage":null}"#, json!([null, 62.5, null])),
        ];
        for (index, (details, expected)) in names.into_iter().enumerate() {
            let component = format!("metrics_{index}");
            peer.tell("health_status", &health(&component, &format!(r#""status":"PASS","details":{details}"#)));
            let kept = &stored(&peer.server, &component)["details"];
            for (key, value) in ["cpu_usage", "memory_usage", "disk_usage"].iter().zip(expected.as_array().unwrap()) {
                assert_eq!(kept.get(*key).unwrap_or(&Value::Null), value, "{key} of {details}");
            }
        }
        assert_eq!(stored(&peer.server, "metrics_0")["details"]["ram_percent"], 60, "the original stays");
        peer.is_refused("health_status", &health("c", r#""status":"fine""#), "status");
        peer.is_refused("health_status", &health("c", r#""status":null"#), "status");
        peer.is_refused("health_status", &health(" ", r#""status":"PASS""#), "component");
    });
}

#[test]
fn line_07_the_oldest_dialect_is_understood() {
    on_both_roads("", |peer| {
        let answer = peer.tell("camera_register", r#"{"camera_id":"1"}"#);
        assert_eq!((&answer["success"], &answer["checkpoint_id"]), (&json!(true), &json!("default")), "{answer}");
        let record = peer.stores(&format!(
            r#"{{"camera_id":"1","plate_number":"กข1234","confidence":87,"image_data":"data:image/jpeg;base64,{JPEG}","location":"ประตูเหนือ"}}"#
        ));
        assert_eq!((&record["ocr_results"], &record["plates_count"]), (&json!(["กข1234"]), &json!(1)));
        assert_eq!(record["plate_detections"], json!([{"bbox": null, "confidence": 0.87, "text": "กข1234"}]));
        assert_eq!((&record["location"], &record["type"]), (&json!("ประตูเหนือ"), &json!("detection_result")));
        assert_eq!(record["timestamp"], record["received_at"], "without a time it is as old as its arrival");
        assert!(record["image_url"].as_str().unwrap().ends_with("/data"));

        // Half way between the dialects: with a type and a time, the plate under its old name.
        let record = peer.stores(
            r#"{"type":"detection_result","timestamp":1734602400,"camera_id":1,"plate_number":"AB 1","confidence":"60"}"#,
        );
        assert_eq!(
            (&record["ocr_results"], &record["plate_detections"][0]["confidence"]),
            (&json!(["AB 1"]), &json!(0.6))
        );
        peer.is_refused("lpr_data", r#"{"camera_id":"1","plate_number":null,"confidence":87}"#, "timestamp");

        // The same plate with the same words on another day is another car passing, and nothing tells the two apart.
        let bare = r#"{"camera_id":"1","plate_number":"X1","confidence":87,"location":"north"}"#;
        let (one, two) = (peer.stores(bare), peer.stores(bare));
        assert_ne!(one["detection_id"], two["detection_id"]);
        // A picture does: the same bytes are the same moment.
        let pictured = format!(r#"{{"camera_id":"1","plate_number":"X1","confidence":87,"image_data":"{JPEG}"}}"#);
        let first = peer.stores(&pictured);
        let again = peer.tell("lpr_data", &pictured);
        assert_eq!((&again["duplicate"], &again["detection_id"]), (&json!(true), &first["detection_id"]));
    });
    let server = Server::start("");
    let mut socket = server.socket();
    socket.send_text("42[\"ping\"]").unwrap();
    let Said::Event(name, pong) = socket.hear().unwrap() else { panic!("an event") };
    assert_eq!((name.as_str(), &pong["success"], &pong["message"]), ("pong", &json!(true), &json!("pong")));
}

#[test]
fn line_09_every_script_arrives_escaped_or_not_is_compared_in_one_form_and_stored_as_sent() {
    on_both_roads("", |peer| {
        let with = |camera: &str, plate: &str| {
            format!(
                r#"{{"type":"detection_result","camera_id":"{camera}","checkpoint_id":"ด่าน","timestamp":1734602400,"ocr_results":["{plate}"]}}"#
            )
        };
        let plain = peer.stores(&with("กล้อง 1", "กข 1234 กรุงเทพมหานคร"));
        let escaped = with(
            r"\u0e01\u0e25\u0e49\u0e2d\u0e07 1",
            r"\u0e01\u0e02 1234 \u0e01\u0e23\u0e38\u0e07\u0e40\u0e17\u0e1e\u0e21\u0e2b\u0e32\u0e19\u0e04\u0e23",
        );
        let again = peer.tell("lpr_data", &escaped);
        assert_eq!((&again["duplicate"], &again["detection_id"]), (&json!(true), &plain["detection_id"]), "{again}");

        // Vowel and tone mark in either order, and an accent in one character or two, are the same camera.
        let spellings = [("\u{e1b}\u{e38}\u{e48}", "\u{e1b}\u{e48}\u{e38}"), ("caf\u{e9}", "cafe\u{301}")];
        for (index, (one, other)) in spellings.into_iter().enumerate() {
            for (spelt, plate) in [(one, format!("A{index}")), (other, format!("B{index}"))] {
                let record = peer.stores(&with(spelt, &plate));
                assert_eq!(record["camera_id"], spelt, "stored as it was sent");
                let answer =
                    peer.tell("camera_register", &json!({"camera_id": spelt, "checkpoint_id": "ด่าน"}).to_string());
                assert_eq!(answer["camera_id"], spelt, "and answered so");
            }
        }
        let cameras = peer.server.cameras();
        let counts: Vec<&Value> = cameras.iter().map(|camera| &camera["detection_count"]).collect();
        assert_eq!(counts, [&json!(2), &json!(1), &json!(2)], "{cameras:?}");
        for spelt in ["caf%C3%A9", "cafe%CC%81"] {
            let found = peer
                .server
                .get(&format!("/api/records?camera_id={spelt}&checkpoint_id=%E0%B8%94%E0%B9%88%E0%B8%B2%E0%B8%99"));
            assert_eq!(found["total_count"], 2, "{spelt}");
        }
        // An event's key holds across spellings too.
        let event = |camera: &str| {
            json!({"type": "detection_result", "camera_id": camera, "timestamp": 1, "event_id": "e1", "ocr_results": ["\u{1f697}"]}).to_string()
        };
        let first = peer.stores(&event("caf\u{e9}"));
        assert_eq!(first["ocr_results"], json!(["\u{1f697}"]));
        assert_eq!(peer.tell("lpr_data", &event("cafe\u{301}"))["duplicate"], true);
    });
}

/// What a peer sends again and again until its disk is empty: a row of its database, the time written anew.
fn row(timestamp: &str, created_at: &str, plate: &str, picture: &str) -> String {
    format!(
        r#"{{"type":"detection_result","aicamera_id":"1","checkpoint_id":"p","timestamp":"{timestamp}","created_at":"{created_at}",
        "ocr_results":"[\"{plate}\"]","vehicles_count":1,"plates_count":1,"vehicle_detections":"[]","plate_detections":"[]",
        "processing_time_ms":150.5,"annotated_image":"{picture}"}}"#
    )
}

#[test]
fn line_10_a_record_sent_again_with_another_time_is_a_repeat_and_two_reads_in_one_second_are_two() {
    const CREATED: &str = "2024-12-19 10:00:00";
    on_both_roads("", |peer: &mut Peer| {
        let first = peer.stores(&row("2024-12-19T10:00:01", CREATED, "AB1", JPEG));
        for timestamp in ["2024-12-19T10:05:00", "2024-12-20T00:00:00", "2024-12-19T10:00:01"] {
            let again = peer.tell("lpr_data", &row(timestamp, CREATED, "AB1", JPEG));
            assert_eq!(
                (&again["duplicate"], &again["detection_id"]),
                (&json!(true), &first["detection_id"]),
                "{again}"
            );
        }
        // Another plate, another picture, another second, another camera: each is another read.
        peer.stores(&row("2024-12-19T10:00:01", CREATED, "AB2", JPEG));
        peer.stores(&row("2024-12-19T10:00:01", CREATED, "AB1", "/9j/4AAQSkZJRgAB"));
        peer.stores(&row("2024-12-19T10:00:01", "2024-12-19 10:00:01", "AB1", JPEG));
        peer.stores(&row("2024-12-19T10:00:01", CREATED, "AB1", JPEG).replace("\"1\"", "\"2\""));
        // Without `created_at` the time is part of what is known.
        let bare = |timestamp: &str| row(timestamp, "", "AB1", JPEG).replace("\"created_at\":\"\",", "");
        peer.stores(&bare("2024-12-19T10:00:01"));
        assert_eq!(peer.tell("lpr_data", &bare("2024-12-19T10:00:01"))["duplicate"], true);
        peer.stores(&bare("2024-12-19T10:00:02"));
        assert_eq!(peer.server.get("/api/statistics")["data"]["total_detections"], 7);

        let report = |timestamp: &str| {
            health("camera", r#""status":"PASS","created_at":"2024-12-19 10:00:00""#)
                .replace("2024-12-19T10:00:00Z", timestamp)
        };
        let first = peer.tell("health_status", &report("2024-12-19T10:00:00Z"));
        let again = peer.tell("health_status", &report("2024-12-19T10:09:00Z"));
        assert_eq!((&again["duplicate"], &again["health_id"]), (&json!(true), &first["health_id"]));
    });
}

#[test]
fn line_10_a_repeat_by_the_other_road_is_a_repeat_and_is_told_to_nobody() {
    let server = Server::start("");
    let (mut rest, mut socket, mut dashboard) = (server.rest(), server.socket(), server.socket());
    dashboard.call("join_dashboard", "{}").unwrap();
    let first = socket.call("lpr_data", &row("2024-12-19T10:00:01", "2024-12-19 10:00:00", "AB1", JPEG)).unwrap();
    let body = row("2024-12-19T10:30:00", "2024-12-19 10:00:00", "AB1", JPEG);
    let (_, again) = rest.post("/api/detection", &body).unwrap();
    assert_eq!((&again["duplicate"], &again["detection_id"]), (&json!(true), &first["detection_id"]));
    assert_eq!(dashboard.told("new_detection"), 1);
}

#[test]
fn what_comes_by_rest_is_told_to_the_rooms_exactly_like_what_comes_by_socket() {
    let server = Server::start("");
    let (mut rest, mut socket, mut watcher) = (server.rest(), server.socket(), server.socket());
    watcher.call("join_dashboard", "{}").unwrap();
    watcher.call("join_health_room", "{}").unwrap();
    let events = |road: &str| {
        let detection =
            row("2024-12-19T10:00:01", "2024-12-19 10:00:00", "AB1", JPEG).replace("\"p\"", &format!("\"{road}\""));
        let report = health("camera", r#""status":"FAIL","message":"ไม่มีภาพ""#).replace("\"p\"", &format!("\"{road}\""));
        [detection, report, format!(r#"{{"camera_id":"1","checkpoint_id":"{road}"}}"#)]
    };
    let mut tell = |by_rest: bool| {
        let [detection, report, registration] = events(if by_rest { "rest" } else { "socket" });
        let sent = [
            ("lpr_data", "/api/detection", detection, "new_detection"),
            ("health_status", "/api/health", report, "health_update"),
            ("camera_register", "/api/cameras/register", registration, "camera_status"),
        ];
        sent.map(|(event, path, payload, wanted)| {
            if by_rest {
                assert_eq!(rest.post(path, &payload).unwrap().0, 200);
            } else {
                socket.call(event, &payload).unwrap();
            }
            loop {
                if let Said::Event(name, mut told) = watcher.hear().unwrap()
                    && name == wanted
                {
                    assert!(!told.to_string().contains(JPEG), "no pictures: {told}");
                    for key in ["detection_id", "health_id", "timestamp", "checkpoint_id"] {
                        told[key] = json!(told.get(key).is_some());
                    }
                    return (name, told);
                }
            }
        })
    };
    assert_eq!(tell(true), tell(false));
}
