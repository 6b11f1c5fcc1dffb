//! Someone without a token.

use crate::event_client::Socket;
use crate::site::{Site, call, detection, get, noticed};
use std::io::Write;
use std::time::Duration;

/// Every address that shows or takes something.
const READS: [&str; 12] = [
    "/api/test",
    "/api/me",
    "/api/statistics",
    "/api/cameras",
    "/api/gaps",
    "/api/records",
    "/api/records?limit=0",
    "/api/records/0193de1a-0000-7000-8000-000000000001",
    "/images/0193de1a-0000-7000-8000-000000000001/frame",
    "/api/audit",
    "/api/records?token=x",
    "/api/statistics?access_token=x",
];

#[test]
fn a_server_without_tokens_does_not_listen_beyond_its_own_machine_and_says_what_to_do() {
    let site = Site::new();
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.7:8765"] {
        let output = site.run(&["serve", "--listen", listen]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(10), "{said}");
        for word in [listen, "lpr-server token create --role admin", "127.0.0.1", "legacy_ingest"] {
            assert!(said.contains(word), "{word} is not in: {said}");
        }
    }
    // With a token it does; with one that was taken back it does not again.
    let admin = site.admin();
    drop(site.start_with("0.0.0.0:0", ""));
    site.revoke(&admin);
    assert_eq!(site.run(&["serve", "--listen", "0.0.0.0:0"]).status.code(), Some(10));
}

#[test]
fn a_server_without_tokens_is_open_to_its_own_machine_until_the_first_token_is_made() {
    let site = Site::new();
    let server = site.start();
    let at = server.address.as_str();
    assert_eq!(get(at, "/api/me", "").body["role"], "open");
    assert_eq!(call(at, "POST", "/api/detection", "", &detection("gate", "cam-1")).status, 200);
    assert_eq!(call(at, "POST", "/api/signin", "", "{\"token\":\"x\"}").body["role"], "open");
    let mut socket = Socket::connect(at).unwrap();
    socket.call("join_dashboard", "null").unwrap();

    let viewer = site.viewer();
    noticed("the first token closes the door", || get(at, "/api/records", "").status == 401);
    assert_eq!(get(at, "/api/records", &viewer.bearer()).status, 200);
    assert!(socket.call("ping", "{}").is_err(), "who came in through the open door is out");
    site.revoke(&viewer);
    noticed("the token is taken back", || get(at, "/api/records", &viewer.bearer()).status == 401);
    assert_eq!(get(at, "/api/records", "").status, 401, "a server that had tokens never opens by itself");
}

#[test]
fn a_stranger_reads_nothing_and_brings_nothing() {
    let site = Site::new();
    let viewer = site.viewer();
    let server = site.start();
    let at = server.address.as_str();
    for path in READS {
        let answer = get(at, path, "");
        assert_eq!((path, answer.refused()), (path, (401, "unauthorized")));
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert_eq!((path, call(at, "HEAD", path, "", "").status), (path, 401));
    }
    for path in ["/api/detection", "/api/health", "/api/cameras/register"] {
        assert_eq!(call(at, "POST", path, "", &detection("gate", "cam-1")).refused(), (401, "unauthorized"));
    }
    for (method, path) in
        [("DELETE", "/api/records"), ("PUT", "/api/detection"), ("PATCH", "/"), ("TRACE", "/api/test")]
    {
        let status = call(at, method, path, "", "").status;
        assert!([401, 405].contains(&status), "{method} {path}: {status}");
    }
    assert_eq!(get(at, "/api/statistics", &viewer.bearer()).body["data"]["total_detections"], 0);
    // What holds nothing is there for everyone: without the page nobody could sign in.
    for path in ["/", "/assets/app.js", "/assets/base.css"] {
        assert_eq!(get(at, path, "").status, 200);
    }
}

#[test]
fn other_spellings_of_an_address_do_not_get_around_the_table() {
    let site = Site::new();
    site.viewer();
    let server = site.start();
    for path in [
        "/api/../api/records",
        "//api/records",
        "/API/records",
        "/api/records/",
        "/api%2frecords",
        "/api/records%00",
        "/api/records;x",
        "/assets/../api/records",
        "/assets/%2e%2e/api/records",
        "http://localhost/api/records",
        "/images/../../lpr-server.db/x",
        "/images/..%2f..%2flpr-server.db/frame",
    ] {
        let answer = get(&server.address, path, "");
        assert!([400, 401, 404].contains(&answer.status), "{path}: {answer:?}");
        assert!(answer.body["success"] != true, "{path}");
    }
}

#[test]
fn a_strangers_socket_joins_nothing_and_its_events_are_not_heard() {
    let site = Site::new();
    let viewer = site.viewer();
    let server = site.start();
    let at = server.address.as_str();
    for auth in
        ["", "{}", "{\"token\":\"\"}", "{\"token\":7}", "{\"token\":null}", "[]", "{\"token\":\"lpr_x_y\"}", "{{"]
    {
        let refused = Socket::connect_as(at, auth, "").err().unwrap().to_string();
        assert!(refused.starts_with("44{") && refused.contains("\"code\":\"unauthorized\""), "{auth}: {refused}");
    }
    // Events before joining are no events.
    let mut socket = Socket::upgrade(at, "").unwrap();
    socket.send("lpr_data", &detection("gate", "cam-1"), 1).unwrap();
    socket.send("join_dashboard", "null", 2).unwrap();
    socket.send_text("40").unwrap();
    let refused = std::iter::from_fn(|| socket.text().ok()).find(|text| text.starts_with('4')).unwrap();
    assert!(refused.starts_with("44{"), "{refused}");
    assert_eq!(get(at, "/api/statistics", &viewer.bearer()).body["data"]["total_detections"], 0);
    // Nor does a stranger get memory.
    for bytes in [100_000, 20_000_000] {
        let mut socket = Socket::upgrade(at, "").unwrap();
        let sent = socket.send_text(&format!("42[\"lpr_data\",\"{}\"]", "x".repeat(bytes)));
        assert!(sent.is_err() || bytes < 1_000_000, "cut off in the middle of it");
        while socket.text().is_ok() {}
    }
    // Not even while its message never ends.
    let mut endless = std::net::TcpStream::connect(at).unwrap();
    endless.write_all(b"POST /api/signin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n").unwrap();
    let taken = (0..1000).take_while(|_| endless.write_all(&[b'x'; 65_536]).is_ok()).count();
    assert!(taken < 1000, "65 MB were taken from a stranger");
}

#[test]
fn a_proxy_on_this_machine_shows_its_callers_no_numbers() {
    let site = Site::new();
    let viewer = site.viewer();
    let server = site.start();
    assert_eq!(get(&server.address, "/metrics", "").status, 200, "Prometheus beside it needs no token");
    for claim in ["X-Forwarded-For: 198.51.100.7\r\n", "Forwarded: for=198.51.100.7\r\n", "Via: 1.1 proxy\r\n"] {
        assert_eq!(get(&server.address, "/metrics", claim).refused(), (401, "unauthorized"), "{claim}");
        assert_eq!(get(&server.address, "/metrics", &(viewer.bearer() + claim)).status, 200);
    }
}

#[test]
fn a_forwarding_header_does_not_make_a_stranger_local() {
    let site = Site::new();
    site.viewer();
    let config = "[auth]\nlegacy_ingest = { networks = [\"10.9.0.0/16\"], cameras = [\"gate/cam-1\"] }\n";
    let server = site.start_with("0.0.0.0:0", config);
    let claims = "X-Forwarded-For: 10.9.0.1\r\nForwarded: for=10.9.0.1\r\nX-Real-IP: 10.9.0.1\r\n";
    let answer = call(&server.address, "POST", "/api/detection", claims, &detection("gate", "cam-1"));
    assert_eq!(answer.refused(), (401, "unauthorized"));
}

#[test]
fn agents_that_cannot_send_tokens_bring_the_listed_cameras_and_nothing_else() {
    let site = Site::new();
    let config =
        "[auth]\nlegacy_ingest = { networks = [\"127.0.0.0/8\"], cameras = [\"gate/cam-1\", \"default/7\"] }\n";
    // This alone is enough to listen to others.
    let server = site.start_with("0.0.0.0:0", config);
    let at = server.address.as_str();
    assert_eq!(call(at, "POST", "/api/detection", "", &detection("gate", "cam-1")).status, 200);
    let oldest = "{\"camera_id\":7,\"plate_number\":\"ABC\",\"confidence\":80}";
    assert_eq!(call(at, "POST", "/api/detection", "", oldest).status, 200);
    let other = call(at, "POST", "/api/detection", "", &detection("gate", "cam-2"));
    assert_eq!(other.refused(), (403, "camera_not_allowed"));
    let mut socket = Socket::connect(at).unwrap();
    assert_eq!(socket.call("lpr_data", &detection("gate", "cam-1")).unwrap()["success"], true);
    assert_eq!(socket.call("lpr_data", &detection("gate", "cam-2")).unwrap()["code"], "camera_not_allowed");
    assert_eq!(socket.call("join_dashboard", "null").unwrap()["code"], "forbidden");
    assert_eq!(get(at, "/api/records", "").refused(), (401, "unauthorized"));

    let elsewhere =
        site.start_elsewhere("[auth]\nlegacy_ingest = { networks = [\"10.9.0.0/16\"], cameras = [\"gate/cam-1\"] }\n");
    let answer = call(&elsewhere.address, "POST", "/api/detection", "", &detection("gate", "cam-1"));
    assert_eq!(answer.refused(), (401, "unauthorized"));
    assert!(Socket::connect(&elsewhere.address).is_err());
    assert!(server.stop("TERM", Duration::from_secs(20)).success());
}
