//! What the outside is told, however often either side dies.

use crate::common::wait_for;
use crate::event_client::Rest;
use crate::room::{done, health, read, start_on_time, watchlist};
use crate::tls::{Authority, door};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECRET: &str = "a long random text";
const WITHIN: Duration = Duration::from_secs(60);
const AT: &str = "2024-12-19T10:00:00Z";

/// What was posted.
#[derive(Debug, Clone)]
struct Posted {
    path: String,
    signature: String,
    body: String,
}

impl Posted {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn delivery(&self) -> String {
        self.json()["delivery_id"].as_str().unwrap().to_owned()
    }

    /// As docs/server.md tells a receiver to.
    fn is_signed(&self, secret: &str) -> bool {
        let (t, v1) = self.signature.split_once(",v1=").unwrap();
        let t = t.strip_prefix("t=").unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!(now.abs_diff(t.parse().unwrap()) < 300, "{t} is not now");
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{t}.{}", self.body).as_bytes());
        let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        hex == v1
    }
}

/// The number of a line of `/metrics`.
fn metric(rest: &mut Rest, line: &str) -> f64 {
    let (status, text) = rest.get("/metrics").unwrap();
    assert_eq!(status, 200);
    let text = String::from_utf8(text).unwrap();
    let value = text.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {line} in {text}")).parse().unwrap()
}

#[test]
fn a_control_room_sees_from_afar_that_alerts_wait_and_that_the_receiver_does_not_take_them() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0, &["500 Broken", "500 Broken", "500 Broken", "200 OK"]);
    let server = start_on_time(dir.path(), &config(dir.path(), receiver.port, ""));
    let mut rest = Rest::connect(&server.address).unwrap();
    watchlist(&mut rest, "Stolen", &[json!({"plate": "AB1"}), json!({"plate": "XY2", "valid_to": "2020-01-01"})]);
    done(&mut rest, "POST", "/api/detection", &read("e1", 0, &["AB1"], AT));
    for line in ["lpr_alerts_open{kind=\"plate\"}", "lpr_alerts_total{kind=\"plate\"}", "lpr_watchlist_entries"] {
        assert_eq!(metric(&mut rest, line), 1.0, "{line}");
    }
    let mut prometheus = Rest::connect(&server.address).unwrap();
    let mut outcome = |outcome: &str| {
        let line = format!("lpr_webhook_deliveries_total{{outcome=\"{outcome}\"}}");
        wait_for(outcome, WITHIN, || (metric(&mut prometheus, &line) >= 1.0).then_some(()));
    };
    outcome("failed");
    assert_eq!(metric(&mut rest, "lpr_webhook_queue{state=\"waiting\"}"), 1.0);
    assert!(metric(&mut rest, "lpr_webhook_oldest_seconds") > 0.0);
    outcome("delivered");
    assert_eq!(metric(&mut rest, "lpr_webhook_queue{state=\"waiting\"}"), 0.0);
    assert_eq!(metric(&mut rest, "lpr_webhook_oldest_seconds"), 0.0);
    let alert = done(&mut rest, "GET", "/api/alerts", &Value::Null)["alerts"][0]["alert_id"].clone();
    done(&mut rest, "POST", &format!("/api/alerts/{}/ack", alert.as_str().unwrap()), &json!({"note": "seen"}));
    assert_eq!(metric(&mut rest, "lpr_alerts_open{kind=\"plate\"}"), 0.0);
    for second in [1, 2] {
        let moment = format!("2024-12-19T10:00:0{second}Z");
        done(&mut rest, "POST", "/api/health", &health("system", "error", &moment, &json!({"temperature": 99})));
    }
    assert_eq!(metric(&mut rest, "lpr_camera_problems{problem=\"hot\"}"), 1.0);
    assert_eq!(metric(&mut rest, "lpr_alerts_open{kind=\"camera\"}"), 1.0);
}

/// A receiver; the answers come in this order, the last one again and again. An empty one is never given.
struct Receiver {
    port: u16,
    posted: Arc<Mutex<Vec<Posted>>>,
}

impl Receiver {
    fn start(port: u16, answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let (port, posted) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<Posted>>>::default());
        let kept = posted.clone();
        std::thread::spawn(move || {
            let mut stalled = Vec::new();
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let Some(post) = take(&stream) else { continue };
                kept.lock().unwrap().push(post);
                match answers[number.min(answers.len() - 1)] {
                    "" => stalled.push(stream),
                    answer => {
                        let _ = (&stream).write_all(
                            format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes(),
                        );
                    }
                }
            }
        });
        Self { port, posted }
    }

    fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap().clone()
    }

    fn wait(&self, count: usize) -> Vec<Posted> {
        wait_for("posts", WITHIN, || Some(self.posted()).filter(|posted| posted.len() >= count))
    }
}

fn take(stream: &TcpStream) -> Option<Posted> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut length, mut signature) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "x-lpr-signature" => signature = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Posted { path, signature, body: String::from_utf8(body).ok()? })
}

fn config(dir: &Path, port: u16, more: &str) -> String {
    let secret = dir.join("secret");
    fs::write(&secret, format!("{SECRET}\n")).unwrap();
    format!("[webhook]\nurl = \"http://127.0.0.1:{port}/hook?of=gate\"\nsecret_file = \"{}\"\n{more}", secret.display())
}

fn queue(rest: &mut Rest) -> Value {
    done(rest, "GET", "/api/webhook", &Value::Null)
}

fn wait_empty(rest: &mut Rest) {
    wait_for("an empty queue", WITHIN, || (queue(rest)["waiting"] == 0).then_some(()));
}

#[test]
fn an_alert_committed_before_a_kill_is_delivered_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let port = crate::common::free_port();
    let server = start_on_time(dir.path(), &config(dir.path(), port, ""));
    let mut rest = Rest::connect(&server.address).unwrap();
    watchlist(&mut rest, "Stolen", &[json!({"plate": "ABC1234"})]);
    done(&mut rest, "POST", "/api/detection", &read("e1", 0, &["ABC1234"], AT));
    assert_eq!(queue(&mut rest)["waiting"], 1);
    drop(server); // SIGKILL: committed and answered, and nobody was there to be told.

    let receiver = Receiver::start(port, &["200 OK"]);
    let server = start_on_time(dir.path(), &config(dir.path(), port, ""));
    let mut rest = Rest::connect(&server.address).unwrap();
    let posted = receiver.wait(1);
    wait_empty(&mut rest);
    let alerts = done(&mut rest, "GET", "/api/alerts", &Value::Null)["alerts"].clone();
    let body = posted[0].json();
    assert_eq!((&body["event"], &body["alert"]), (&json!("blacklist_alert"), &alerts[0]));
    assert!(posted[0].is_signed(SECRET) && !posted[0].is_signed("another"));
    assert_eq!(posted[0].path, "/hook?of=gate");
    done(&mut rest, "POST", "/api/detection", &read("e1", 0, &["ABC1234"], AT));
    done(&mut rest, "POST", "/api/detection", &read("e2", 0, &["ABC1234"], AT));
    assert_eq!(
        receiver.wait(2)[1].json()["alert"]["alert_id"],
        done(&mut rest, "GET", "/api/alerts", &Value::Null)["alerts"][0]["alert_id"]
    );
    wait_empty(&mut rest);
    assert_eq!(receiver.posted().len(), 2, "a duplicate tells nobody");
}

#[test]
fn a_kill_while_the_receiver_thinks_delivers_the_same_again() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0, &["", "204 No Content"]);
    let server = start_on_time(dir.path(), &config(dir.path(), receiver.port, ""));
    let mut rest = Rest::connect(&server.address).unwrap();
    watchlist(&mut rest, "Stolen", &[json!({"plate": "ABC1234"})]);
    done(&mut rest, "POST", "/api/detection", &read("e1", 0, &["ABC1234"], AT));
    receiver.wait(1);
    drop(server); // SIGKILL: the receiver has it and has not said so.
    let server = start_on_time(dir.path(), &config(dir.path(), receiver.port, ""));
    let posted = receiver.wait(2);
    assert_eq!((posted[0].delivery(), &posted[0].body), (posted[1].delivery(), &posted[1].body));
    wait_empty(&mut Rest::connect(&server.address).unwrap());
}

#[test]
fn a_receiver_that_fails_is_tried_again_and_all_that_waited_comes() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0, &["500 No", "302 Found\r\nLocation: /elsewhere", "503 Busy", "200 OK"]);
    let server = start_on_time(dir.path(), &config(dir.path(), receiver.port, ""));
    let mut rest = Rest::connect(&server.address).unwrap();
    watchlist(&mut rest, "Stolen", &[json!({"plate": "ABC1234"})]);
    for number in 0..5 {
        done(&mut rest, "POST", "/api/detection", &read(&format!("e{number}"), 0, &["ABC1234"], AT));
    }
    wait_empty(&mut rest);
    let posted = receiver.posted();
    let mut told: Vec<String> = posted.iter().skip(3).map(Posted::delivery).collect();
    told.sort();
    told.dedup();
    assert_eq!((posted.len(), told.len()), (8, 5), "each once, and three attempts that failed");
    assert!(
        posted.iter().all(|post| post.path == "/hook?of=gate" && post.is_signed(SECRET)),
        "no redirect is followed"
    );
}

#[test]
fn what_is_refused_for_too_long_is_given_up_visibly_and_holds_nothing_up() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0, &["400 No"]);
    let server = start_on_time(dir.path(), &config(dir.path(), receiver.port, "give_up_h = 0.001\n"));
    let mut rest = Rest::connect(&server.address).unwrap();
    watchlist(&mut rest, "Stolen", &[json!({"plate": "ABC1234"})]);
    done(&mut rest, "POST", "/api/detection", &read("e1", 0, &["ABC1234"], AT));
    let given_up = wait_for("the end", WITHIN, || Some(queue(&mut rest)).filter(|queue| queue["given_up"] == 1));
    let delivery = &given_up["deliveries"][0];
    assert_eq!((&given_up["waiting"], &delivery["last_error"]), (&json!(0), &json!("HTTP 400")));
    assert!(delivery["attempts"].as_u64() > Some(1) && delivery["given_up"].is_string(), "{delivery}");
}

#[test]
fn whenever_the_server_is_killed_every_alert_is_raised_once_and_delivered() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0, &["200 OK"]);
    let begin = || start_on_time(dir.path(), &config(dir.path(), receiver.port, ""));
    let plate = |number: usize| if number.is_multiple_of(4) { "ABC1234" } else { "OTHER1" };
    let mut next = 0;
    for round in 0..4 {
        let server = begin();
        let mut rest = Rest::connect(&server.address).unwrap();
        if round == 0 {
            watchlist(&mut rest, "Stolen", &[json!({"plate": "ABC1234"})]);
        }
        let before = receiver.posted().len();
        let sender = std::thread::spawn(move || {
            let mut number = next;
            let send = |rest: &mut Rest, number| {
                rest.post("/api/detection", &read(&format!("e{number}"), 0, &[plate(number)], AT).to_string())
            };
            // What was not answered is sent again in the next round.
            while send(&mut rest, number).is_ok() {
                number += 1;
            }
            number
        });
        receiver.wait(before + 5);
        // The moment is what the test is about, so it is random.
        std::thread::sleep(Duration::from_millis(u64::from(uuid::Uuid::new_v4().as_bytes()[0])));
        drop(server); // SIGKILL
        next = sender.join().unwrap();
    }
    let server = begin();
    let mut rest = Rest::connect(&server.address).unwrap();
    done(&mut rest, "POST", "/api/detection", &read(&format!("e{next}"), 0, &[plate(next)], AT));
    wait_empty(&mut rest);
    let (mut alerts, mut cursor) = (HashSet::new(), String::new());
    loop {
        let page = done(&mut rest, "GET", &format!("/api/alerts?state=all&limit=1000{cursor}"), &Value::Null);
        let ids = page["alerts"].as_array().unwrap().iter().map(|alert| alert["alert_id"].as_str().unwrap().to_owned());
        alerts.extend(ids);
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let posted = receiver.posted();
    let told: HashSet<String> =
        posted.iter().map(|post| post.json()["alert"]["alert_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(alerts.len(), next / 4 + 1, "each fourth of e0 to e{next}");
    assert_eq!(told, alerts);
    println!("{} events, {} alerts, {} deliveries", next + 1, alerts.len(), posted.len());
}

#[test]
fn a_receiver_that_nobody_vouches_for_is_told_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0, &["200 OK"]);
    let authority = Authority::new("our own");
    let port = door(&format!("127.0.0.1:{}", receiver.port), &authority.vouch_for("127.0.0.1"), None);
    let secure = config(dir.path(), port, "").replace("http://", "https://");
    let server = start_on_time(dir.path(), &secure);
    let mut rest = Rest::connect(&server.address).unwrap();
    watchlist(&mut rest, "Stolen", &[json!({"plate": "ABC1234"})]);
    done(&mut rest, "POST", "/api/detection", &read("e1", 0, &["ABC1234"], AT));
    let failed = wait_for("a failure", WITHIN, || {
        Some(queue(&mut rest)["deliveries"][0].clone()).filter(|delivery| delivery["attempts"].as_u64() > Some(0))
    });
    assert!(failed["last_error"].as_str().unwrap().contains("certificate"), "{failed}");
    assert!(receiver.posted().is_empty());
    drop(server);

    let ca = authority.file(dir.path(), "ca.pem");
    let server = start_on_time(dir.path(), &format!("{secure}ca_file = \"{}\"\n", ca.display()));
    assert!(receiver.wait(1)[0].is_signed(SECRET));
    wait_empty(&mut Rest::connect(&server.address).unwrap());
}

#[test]
fn a_webhook_that_cannot_work_stops_the_server_before_it_is_ready() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("server.toml");
    for (config, key) in [
        ("[webhook]\nurl = \"https://127.0.0.1/\"\nsecret_file = \"/nowhere/secret\"\n", "webhook.secret_file"),
        ("[webhook]\nurl = \"http://192.0.2.1/\"\nsecret_file = \"x\"\n", "webhook.url"),
        ("[webhook]\nurl = \"https://127.0.0.1/\"\n", "webhook.secret_file"),
    ] {
        fs::write(&file, config).unwrap();
        let data = dir.path().join("data");
        let args = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--config",
            file.to_str().unwrap(),
            "--data-dir",
            data.to_str().unwrap(),
        ];
        let output = crate::common::run(env!("CARGO_BIN_EXE_lpr-server"), &args);
        let said = crate::common::text(&output.stderr);
        assert!(!output.status.success() && said.contains(key), "{said}");
    }
}
