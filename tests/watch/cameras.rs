//! Which cameras are there, how they are, and what is said when something is the matter.

use crate::common::lpr_server::LprServer;
use crate::event_client::{Rest, Socket};
use crate::room::{Dashboard, done, health, read, start};
use serde_json::{Value, json};
use tempfile::TempDir;

fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

fn at(seconds: i64) -> String {
    (now() + jiff::SignedDuration::from_secs(seconds)).to_string()
}

/// A server of its own, and a caller.
fn site(config: &str) -> (TempDir, LprServer, Rest) {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path(), config);
    let rest = Rest::connect(&server.address).unwrap();
    (dir, server, rest)
}

/// The camera `c`, registered by socket.
fn agent(server: &LprServer) -> Socket {
    let registration = json!({"camera_id": "c", "checkpoint_id": "gate", "timestamp": at(0)}).to_string();
    let mut agent = Socket::connect(&server.address).unwrap();
    agent.call("camera_register", &registration).unwrap();
    agent
}

fn camera(rest: &mut Rest) -> Value {
    rest.get_json("/api/cameras").unwrap()["cameras"][0].clone()
}

fn status_of(payload: &Value) -> &str {
    payload["status"].as_str().unwrap()
}

#[test]
fn a_camera_that_comes_and_goes_is_announced_on_change_only() {
    let (_dir, server, mut rest) = site("");
    let mut dashboard = Dashboard::join(&server.address);
    let mut agent = agent(&server);
    assert_eq!(status_of(&dashboard.wait("camera_status")), "online");
    agent.call("lpr_data", &read("e1", 0, &["A1"], &at(0)).to_string()).unwrap();
    agent.call("health_status", &health("camera", "healthy", &at(0), &json!({})).to_string()).unwrap();
    assert!(dashboard.told_of("camera_status").is_empty());
    assert_eq!((&camera(&mut rest)["online"], &camera(&mut rest)["status"]), (&json!(true), &json!("online")));

    drop(agent);
    let gone = dashboard.wait("camera_status");
    assert_eq!(
        (status_of(&gone), &gone["camera_id"], &gone["checkpoint_id"]),
        ("offline", &json!("c"), &json!("gate"))
    );
    assert_eq!(camera(&mut rest)["online"], false);

    // It goes on by REST: the first word brings it back.
    for number in 0..3 {
        done(&mut rest, "POST", "/api/detection", &read(&format!("r{number}"), 0, &["A1"], &at(0)));
    }
    let told: Vec<_> = dashboard.told_of("camera_status");
    assert_eq!(told.iter().map(status_of).collect::<Vec<_>>(), ["online"]);
}

#[test]
fn a_camera_that_falls_silent_with_its_socket_open_goes_and_alerts_once_until_it_speaks() {
    let (_dir, server, mut rest) = site("[cameras]\nhealth_interval_s = 1\nsilent_after = 2\n");
    let mut dashboard = Dashboard::join(&server.address);
    let mut agent = agent(&server);
    assert_eq!(status_of(&dashboard.wait("camera_status")), "online");
    agent.call("health_status", &health("camera", "healthy", &at(0), &json!({})).to_string()).unwrap();
    assert_eq!(status_of(&dashboard.wait("camera_status")), "offline");
    let alert = dashboard.wait("alert_update");
    assert_eq!(
        (&alert["kind"], &alert["problem"], &alert["ended"]),
        (&json!("camera"), &json!("silent"), &Value::Null)
    );
    let ack = format!("/api/alerts/{}/ack", alert["alert_id"].as_str().unwrap());
    done(&mut rest, "POST", &ack, &json!({"note": "on my way"}));
    assert_eq!(dashboard.wait("alert_update")["acknowledged"]["note"], "on my way");

    agent.call("health_status", &health("camera", "healthy", &at(0), &json!({})).to_string()).unwrap();
    assert_eq!(status_of(&dashboard.wait("camera_status")), "online");
    let ended = dashboard.wait("alert_update");
    assert_eq!((&ended["alert_id"], ended["ended"].is_string()), (&alert["alert_id"], true), "{ended}");
    assert_eq!(ended["acknowledged"]["note"], "on my way");
}

#[test]
fn heat_a_full_disk_and_a_frozen_picture_open_an_alert_each_and_a_backlog_opens_none() {
    let (dir, server, mut rest) = site("");
    let mut second = -100;
    let mut report = |rest: &mut Rest, component: &str, status: &str, details: Value| {
        second += 1;
        done(rest, "POST", "/api/health", &health(component, status, &at(second), &details));
        let open = done(rest, "GET", "/api/alerts", &Value::Null)["alerts"].as_array().unwrap().clone();
        let mut open: Vec<String> = open.iter().map(|alert| alert["problem"].as_str().unwrap().to_owned()).collect();
        open.sort();
        open
    };
    let hot = json!({"temperature": 91, "disk_usage": 99});
    assert!(report(&mut rest, "system", "error", hot.clone()).is_empty(), "once is chance");
    assert!(report(&mut rest, "system", "healthy", json!({"temperature": 78, "disk_usage": 94})).is_empty());
    assert!(report(&mut rest, "system", "error", hot.clone()).is_empty(), "not in succession");
    assert_eq!(report(&mut rest, "system", "error", hot.clone()), ["full", "hot"]);
    assert_eq!(report(&mut rest, "system", "error", hot.clone()), ["full", "hot"], "each once");
    let frozen = json!({"frame_age_ms": 90_000, "state": "streaming"});
    report(&mut rest, "camera", "warning", frozen.clone());
    assert_eq!(report(&mut rest, "camera", "warning", frozen), ["frozen", "full", "hot"]);
    let well = json!({"temperature": 50, "disk_usage": 40});
    assert_eq!(report(&mut rest, "system", "healthy", well.clone()).len(), 3);
    assert_eq!(report(&mut rest, "system", "healthy", well), ["frozen"]);

    // Reports of what was, which arrive late.
    for second in [-4000, -3999, -3998] {
        done(&mut rest, "POST", "/api/health", &health("system", "error", &at(second), &hot));
    }
    assert_eq!(done(&mut rest, "GET", "/api/alerts", &Value::Null)["alerts"].as_array().unwrap().len(), 1);
    drop(server); // SIGKILL
    let server = start(dir.path(), "");
    let mut rest = Rest::connect(&server.address).unwrap();
    let all = done(&mut rest, "GET", "/api/alerts?state=all", &Value::Null)["alerts"].clone();
    let ended = all.as_array().unwrap().iter().filter(|alert| alert["ended"].is_string()).count();
    assert_eq!((all.as_array().unwrap().len(), ended), (3, 2), "{all}");
}

#[test]
fn a_clock_that_is_wrong_is_measured_and_said() {
    let (_dir, server, mut rest) = site("");
    let mut dashboard = Dashboard::join(&server.address);
    // A backlog of hours says nothing about the clock.
    for number in 0..20 {
        done(&mut rest, "POST", "/api/detection", &read(&format!("b{number}"), 0, &["A1"], &at(-7200 + number * 60)));
    }
    assert_eq!(camera(&mut rest)["clock_skew_ms"], Value::Null);
    done(&mut rest, "POST", "/api/health", &health("camera", "healthy", &at(600), &json!({})));
    let alert = dashboard.wait("alert_update");
    assert_eq!((&alert["problem"], &alert["camera_id"]), (&json!("skewed"), &json!("c")));
    let skew_ms = camera(&mut rest)["clock_skew_ms"].as_i64().unwrap();
    assert!((-600_000..-570_000).contains(&skew_ms), "{skew_ms}");
}

#[test]
fn a_camera_whose_naive_times_are_of_another_zone_registers_with_a_right_clock() {
    let (_dir, _server, mut rest) = site("[camera_timezones]\n\"gate/c\" = \"Asia/Bangkok\"\n");
    let local = now().to_zoned(jiff::tz::TimeZone::get("Asia/Bangkok").unwrap()).datetime().to_string();
    let registration = json!({"camera_id": "c", "checkpoint_id": "gate", "timestamp": local});
    done(&mut rest, "POST", "/api/cameras/register", &registration);
    let skew_ms = camera(&mut rest)["clock_skew_ms"].as_i64().unwrap();
    assert!(skew_ms.abs() < 60_000, "{skew_ms}");
}

#[test]
fn a_registration_never_waits_and_tells_at_once_of_a_clock_that_is_behind_where_an_event_alone_does_not() {
    let (_dir, _server, mut rest) = site("");
    done(&mut rest, "POST", "/api/detection", &read("e", 0, &["A1"], &at(-600)));
    assert_eq!(camera(&mut rest)["clock_skew_ms"], Value::Null, "it may have waited");
    let registration = json!({"camera_id": "c", "checkpoint_id": "gate", "timestamp": at(-600)});
    done(&mut rest, "POST", "/api/cameras/register", &registration);
    let skew_ms = camera(&mut rest)["clock_skew_ms"].as_i64().unwrap();
    assert!((600_000..630_000).contains(&skew_ms), "{skew_ms}");
}

#[test]
fn what_a_camera_reported_is_there_to_look_up() {
    let (_dir, _server, mut rest) = site("");
    for minute in 0..5 {
        let moment = format!("2024-12-19T10:{minute:02}:00Z");
        let details = json!({"cpu_percent": minute});
        done(&mut rest, "POST", "/api/health", &health("system", "PASS", &moment, &details));
        done(&mut rest, "POST", "/api/health", &health("camera", "FAIL", &moment, &Value::Null));
    }
    done(&mut rest, "POST", "/api/detection", &read("e1", 0, &["A1"], "2024-12-19T09:00:00Z"));
    let gap = json!({"epoch": "e", "from_seq": 1, "to_seq": 3, "count": 3, "kind": "plate", "reason": "disk full"});
    done(&mut rest, "POST", "/api/health", &health("outbox", "warning", "2024-12-19T10:30:00Z", &gap));
    let camera = camera(&mut rest);
    assert_eq!(
        (&camera["last_detection"], &camera["lost_events"]),
        (&json!("2024-12-19T09:00:00.000000+00:00"), &json!(3))
    );
    let system = json!({"status": "healthy", "message": "as it is", "timestamp": "2024-12-19T10:04:00.000000+00:00",
        "details": {"cpu_percent": 4, "cpu_usage": 4.0}});
    assert_eq!((&camera["health"]["system"], &camera["health"]["camera"]["status"]), (&system, &json!("error")));

    let mut history = |query: &str| {
        let answer = done(&mut rest, "GET", &format!("/api/cameras/health?{query}"), &Value::Null);
        let of = |report: &Value| {
            (report["component"].as_str().unwrap().to_owned(), report["timestamp"].as_str().unwrap()[14..16].to_owned())
        };
        answer["health"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let system =
        |minutes: &[&str]| minutes.iter().map(|minute| ("system".to_owned(), (*minute).to_owned())).collect::<Vec<_>>();
    assert_eq!(history("camera_id=c&checkpoint_id=gate&component=system&limit=2"), system(&["03", "04"]));
    assert_eq!(
        history("camera_id=c&component=system&from=2024-12-19T10:01:00Z&to=2024-12-19T10:03:00Z"),
        system(&["01", "02"])
    );
    assert_eq!(history("component=system"), system(&["00", "01", "02", "03", "04"]));
    assert_eq!(history("").len(), 11);
    assert_eq!(history("camera_id=other"), []);
    assert_eq!(rest.get("/api/cameras/health?from=soon").unwrap().0, 400);
}
