//! A device's token in the wrong hands, or a device that wants more than is its own.

use crate::event_client::Socket;
use crate::site::{NOTICED, Site, call, detection, get, noticed};
use serde_json::{Value, json};
use std::time::Instant;

#[test]
fn a_device_writes_its_own_cameras_and_no_others() {
    let site = Site::new();
    let device = site.device("Pi 1", &["gate/cam-1", "gate/7"]);
    let server = site.start();
    let at = server.address.as_str();
    let post = |body: &str| call(at, "POST", "/api/detection", &device.bearer(), body);
    let mut socket = Socket::connect_as(at, &device.auth(), "").unwrap();
    assert_eq!(post(&detection("gate", "cam-1")).status, 200);
    assert_eq!(socket.call("lpr_data", &detection("gate", "7")).unwrap()["success"], true);
    for (checkpoint, camera) in
        [("gate", "cam-2"), ("other", "cam-1"), ("GATE", "cam-1"), ("gate", "cam-1/"), ("gate/cam-1", "x")]
    {
        let payload = detection(checkpoint, camera);
        let event_id = serde_json::from_str::<Value>(&payload).unwrap()["event_id"].clone();
        let by_rest = post(&payload);
        assert_eq!((camera, by_rest.refused()), (camera, (403, "camera_not_allowed")));
        assert_eq!(by_rest.body["event_id"], event_id, "the row that is refused is named");
        let by_socket = socket.call("lpr_data", &payload).unwrap();
        assert_eq!((&by_socket["code"], &by_socket["event_id"]), (&json!("camera_not_allowed"), &event_id));
        assert_eq!(socket.call("camera_register", &payload).unwrap()["code"], "camera_not_allowed");
    }
    // Two ids, or one in another form: what is checked is what would be stored.
    let mut two: Value = serde_json::from_str(&detection("gate", "cam-2")).unwrap();
    two["aicamera_id"] = json!("cam-1");
    assert_eq!(post(&two.to_string()).refused(), (403, "camera_not_allowed"));
    two["camera_id"] = json!("  ");
    assert_eq!(post(&two.to_string()).status, 200);
    two["aicamera_id"] = json!(7.0);
    assert_eq!(post(&two.to_string()).status, 200);
    let health = json!({"type": "health_check", "camera_id": "cam-2", "checkpoint_id": "gate", "timestamp": 1,
        "component": "camera", "status": "healthy"});
    assert_eq!(call(at, "POST", "/api/health", &device.bearer(), &health.to_string()).refused().0, 403);
    assert_eq!(socket.call("health_status", &health.to_string()).unwrap()["code"], "camera_not_allowed");
    // One refused row costs the others nothing.
    assert_eq!(socket.call("lpr_data", &detection("gate", "cam-1")).unwrap()["success"], true);
    let admin = site.admin();
    noticed("the new token counts", || get(at, "/api/cameras", &admin.bearer()).status == 200);
    assert_eq!(get(at, "/api/cameras", &admin.bearer()).body["total_cameras"], 2);
}

#[test]
fn a_device_has_so_many_sockets_and_gets_one_again_when_one_has_closed() {
    let site = Site::new();
    let (device, other) = (site.device("Pi 1", &["gate/cam-1"]), site.device("Pi 2", &["gate/cam-2"]));
    let server = site.start();
    let at = server.address.as_str();
    let mut open: Vec<Socket> = (0..16).map(|_| Socket::connect_as(at, &device.auth(), "").unwrap()).collect();
    let refused = Socket::connect_as(at, &device.auth(), "").err().unwrap().to_string();
    assert!(refused.starts_with("44{") && refused.contains("rate_limited"), "{refused}");
    assert!(Socket::connect_as(at, &other.auth(), "").is_ok(), "others are not held back");
    open.pop();
    noticed("a place", || Socket::connect_as(at, &device.auth(), "").is_ok());
}

#[test]
fn a_device_reads_nothing_and_joins_no_room() {
    let site = Site::new();
    let device = site.device("Pi 1", &["gate/cam-1"]);
    let server = site.start();
    let at = server.address.as_str();
    for path in ["/api/records", "/api/statistics", "/api/cameras", "/api/gaps", "/api/me", "/api/audit"] {
        assert_eq!((path, get(at, path, &device.bearer()).refused()), (path, (403, "forbidden")));
    }
    assert_eq!(get(at, "/api/test", &device.bearer()).status, 200);
    let mut socket = Socket::connect_as(at, &device.auth(), "").unwrap();
    for room in ["join_dashboard", "join_health_room"] {
        assert_eq!(socket.call(room, "null").unwrap()["code"], "forbidden");
    }
    socket.call("lpr_data", &detection("gate", "cam-1")).unwrap();
    // Had it joined, it would have heard of its own event before this.
    let (mut heard, mut ponged) = (Vec::new(), false);
    socket.send("ping", "{}", 5).unwrap();
    while !ponged {
        match socket.hear().unwrap() {
            crate::event_client::Said::Event(name, _) => heard.push(name),
            crate::event_client::Said::Ack(5, _) => ponged = true,
            crate::event_client::Said::Ack(..) => {}
        }
    }
    assert!(!heard.iter().any(|name| name == "new_detection" || name == "camera_status"), "{heard:?}");
    let signin = call(at, "POST", "/api/signin", "", &device.auth());
    assert_eq!(signin.refused(), (403, "forbidden"));
    assert!(signin.header("set-cookie").is_none());
}

#[test]
fn a_revoked_token_is_out_within_five_seconds_by_either_road() {
    let site = Site::new();
    let (device, other) = (site.device("stolen", &["gate/cam-1"]), site.device("Pi 2", &["gate/cam-2"]));
    let server = site.start();
    let at = server.address.as_str();
    let mut socket = Socket::connect_as(at, &device.auth(), "").unwrap();
    let mut others = Socket::connect_as(at, &other.auth(), "").unwrap();
    assert_eq!(socket.call("lpr_data", &detection("gate", "cam-1")).unwrap()["success"], true);
    site.revoke(&device);
    let begun = Instant::now();
    while socket.text().is_ok() {}
    assert!(begun.elapsed() < NOTICED, "{:?}", begun.elapsed());
    println!("a revoked token's socket was closed after {:?}", begun.elapsed());
    let post = || call(at, "POST", "/api/detection", &device.bearer(), &detection("gate", "cam-1"));
    assert_eq!(post().refused(), (401, "unauthorized"));
    assert!(Socket::connect_as(at, &device.auth(), "").is_err());
    assert_eq!(others.call("lpr_data", &detection("gate", "cam-2")).unwrap()["success"], true);
    // A replacement counts without a restart, and a restart changes nothing.
    let replacement = site.device("Pi 1", &["gate/cam-1"]);
    let post = |at: &str| call(at, "POST", "/api/detection", &replacement.bearer(), &detection("gate", "cam-1"));
    noticed("the new token counts", || post(at).status == 200);
    drop(server);
    let server = site.start();
    assert_eq!(post(&server.address).status, 200);
    assert!(Socket::connect_as(&server.address, &device.auth(), "").is_err());
}

#[test]
fn texts_that_are_nearly_a_token_are_none() {
    let site = Site::new();
    let device = site.device("Pi 1", &["gate/cam-1"]);
    let other = site.device("Pi 2", &["gate/cam-2"]);
    let server = site.start();
    // lpr_, twelve digits, _: the rest is the secret.
    let secret = &device.text[17..];
    let cut = &device.text[..device.text.len() - 1];
    for text in [
        String::new(),
        device.id.clone(),
        cut.to_owned(),
        format!("{}x", device.text),
        format!("lpr_{}_{secret}", other.id),
        format!("lpr_{}_", device.id),
        format!("lpr_{}' OR 1=1 --_{secret}", device.id),
        format!("LPR_{}_{secret}", device.id),
        format!("lpr_{}_{}", device.id, "0".repeat(64)),
        "x".repeat(7000),
    ] {
        let answer = get(&server.address, "/api/test", &format!("Authorization: Bearer {text}\r\n"));
        assert_eq!(answer.status, 401, "{text}");
        let auth = json!({"token": text}).to_string();
        assert!(Socket::connect_as(&server.address, &auth, "").is_err(), "{text}");
    }
    for headers in [
        format!("Authorization: Basic {}\r\n", device.text),
        format!("Authorization: {}\r\n", device.text),
        format!("Cookie: lpr_session={}\r\n", device.text),
        format!("X-Token: {}\r\n", device.text),
    ] {
        assert_eq!(get(&server.address, "/api/test", &headers).status, 401, "{headers}");
    }
}
