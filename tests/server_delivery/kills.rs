//! SIGKILL at random moments under load, and logs cut short as a power cut may leave them.

use crate::event_client::{Event, Rest, Socket};
use crate::oracle::{assert_stored, deliver, records, start};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{fs, io, thread};

/// Events that one socket has in flight.
const WINDOW: usize = 8;

/// Everything that was sent, and what was answered.
#[derive(Default)]
struct Ledger {
    /// Sent at least once and not answered yet: to be sent again.
    open: Mutex<Vec<Event>>,
    answered: Mutex<HashMap<String, (Event, String)>>,
}

impl Ledger {
    fn next(&self, camera: &str, number: usize) -> Event {
        if let Some(event) = self.open.lock().unwrap().pop() {
            return event;
        }
        Event::new(camera, if number.is_multiple_of(3) { 20_000 } else { 0 })
    }

    fn settle(&self, event: Event, answer: &Value) {
        assert_eq!(answer["success"], true, "{answer}");
        assert_eq!((answer["event_id"].as_str(), &answer["revision"]), (Some(event.id.as_str()), &Value::from(0)));
        let id = answer["detection_id"].as_str().unwrap().to_owned();
        let before = self.answered.lock().unwrap().insert(event.id.clone(), (event, id.clone()));
        assert!(before.is_none_or(|(_, first)| first == id), "one event, two detection ids");
    }
}

/// Sends until the connection breaks.
fn by_rest(ledger: &Ledger, address: &str, camera: &str) {
    let Ok(mut rest) = Rest::connect(address) else { return };
    for number in 0.. {
        let event = ledger.next(camera, number);
        match rest.post("/api/detection", &event.payload) {
            Ok((_, answer)) => ledger.settle(event, &answer),
            Err(_) => return ledger.open.lock().unwrap().push(event),
        }
    }
}

fn by_socket(ledger: &Ledger, address: &str, camera: &str) {
    let mut flying: HashMap<u64, Event> = HashMap::new();
    let result = (|| -> io::Result<()> {
        let mut socket = Socket::connect(address)?;
        for number in 0u64.. {
            let event = ledger.next(camera, number as usize);
            let payload = event.payload.clone();
            flying.insert(number, event);
            socket.send("lpr_data", &payload, number)?;
            if flying.len() >= WINDOW {
                let (ack, answer) = socket.ack()?;
                ledger.settle(flying.remove(&ack).expect("an ack of ours"), &answer);
            }
        }
        Ok(())
    })();
    drop(result);
    ledger.open.lock().unwrap().extend(flying.into_values());
}

/// The same events by two connections at once, again and again.
fn twice(ledger: &Ledger, address: &str, camera: &str) {
    for number in 0.. {
        let event = ledger.next(camera, number);
        let send = || Rest::connect(address)?.post("/api/detection", &event.payload);
        let answers = thread::scope(|scope| {
            let other = scope.spawn(send);
            [send(), other.join().unwrap()]
        });
        let mut reached = answers.into_iter().flatten().map(|(_, answer)| answer).peekable();
        if reached.peek().is_none() {
            return ledger.open.lock().unwrap().push(event);
        }
        for answer in reached {
            ledger.settle(event.clone(), &answer);
        }
    }
}

#[test]
fn what_was_answered_before_a_kill_is_there_once_with_its_pictures() {
    let rounds: usize = std::env::var("LPR_TEST_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::default();
    let mut looked_at = HashSet::new();
    for round in 0..rounds {
        let server = start(dir.path());
        let address = server.address.clone();
        let before = ledger.answered.lock().unwrap().len();
        thread::scope(|scope| {
            let (ledger, address) = (&ledger, &address);
            scope.spawn(move || by_rest(ledger, address, "rest"));
            scope.spawn(move || by_socket(ledger, address, "socket-1"));
            scope.spawn(move || by_socket(ledger, address, "socket-2"));
            scope.spawn(move || twice(ledger, address, "twice"));
            crate::common::wait_for("answers", Duration::from_secs(60), || {
                (ledger.answered.lock().unwrap().len() > before + 20).then_some(())
            });
            // The moment is what the test is about, so it is random.
            let moment = u64::from(uuid::Uuid::new_v4().as_bytes()[0]) * 2;
            thread::sleep(Duration::from_millis(moment));
            drop(server); // SIGKILL
        });
        let server = start(dir.path());
        let stored = records(&server.address);
        let mut rest = Rest::connect(&server.address).unwrap();
        for (event, id) in ledger.answered.lock().unwrap().values() {
            // Pictures are looked at once; that a record stays is looked at in every round.
            if looked_at.insert(event.id.clone()) {
                assert_stored(&mut rest, &stored, event, id);
            } else {
                assert!(stored.contains_key(&event.id), "round {round}: answered and lost later: {}", event.id);
            }
        }
        drop(server);
    }
    let server = start(dir.path());
    let mut rest = Rest::connect(&server.address).unwrap();
    for event in ledger.open.lock().unwrap().drain(..) {
        let answer = deliver(&mut rest, &event);
        ledger.settle(event, &answer);
    }
    let answered = ledger.answered.lock().unwrap();
    assert_eq!(records(&server.address).len(), answered.len(), "every event once, and nothing else");
    println!("{rounds} rounds, {} events", answered.len());
}

/// Copies a data directory as a power cut might have left it.
fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

#[test]
fn a_log_cut_short_costs_only_what_was_behind_the_cut() {
    let dir = tempfile::tempdir().unwrap();
    // The empty database is on the disk before the events come.
    assert!(start(dir.path()).stop("TERM", Duration::from_secs(20)).success());
    let server = start(dir.path());
    let events: Vec<Event> = (0..30).map(|n| Event::new("c", if n % 3 == 0 { 3000 } else { 0 })).collect();
    let mut rest = Rest::connect(&server.address).unwrap();
    let checkpoints: Vec<i64> =
        events.iter().map(|event| deliver(&mut rest, event)["checkpoint"].as_i64().unwrap()).collect();
    assert!(checkpoints.is_sorted_by(|a, b| a < b), "{checkpoints:?}");
    drop(server);

    let wal = fs::metadata(dir.path().join("data/lpr-server.db-wal")).unwrap().len();
    let mut found = Vec::new();
    for length in [0, 31, 32, 4000, wal / 3, wal / 2, wal - 4120, wal - 1, wal] {
        let cut = tempfile::tempdir().unwrap();
        copy(&dir.path().join("data"), &cut.path().join("data"));
        let log = cut.path().join("data/lpr-server.db-wal");
        fs::File::options().write(true).open(&log).unwrap().set_len(length).unwrap();
        let server = start(cut.path());
        let stored = records(&server.address);
        let mut rest = Rest::connect(&server.address).unwrap();
        let checkpoint = rest.get_json("/api/test").unwrap()["checkpoint"].as_i64().unwrap();
        for (event, at) in events.iter().zip(&checkpoints) {
            // Neither lost before the cut nor half there after it, and the checkpoint tells the agents which.
            assert_eq!(stored.contains_key(&event.id), *at <= checkpoint, "cut at {length} of {wal}");
            let answer = deliver(&mut rest, event);
            assert_eq!(answer["duplicate"] == true, *at <= checkpoint, "{answer}");
        }
        let stored_again = records(&server.address);
        assert_eq!(stored_again.len(), events.len());
        for event in &events {
            let id = stored_again[&event.id]["detection_id"].as_str().unwrap().to_owned();
            assert_stored(&mut rest, &stored_again, event, &id);
        }
        found.push(stored.len());
    }
    assert!(found.is_sorted() && found.first() == Some(&0) && found.last() == Some(&events.len()), "{found:?}");
}

#[test]
fn garbage_on_other_connections_disturbs_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let address = server.address.as_str();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let done = &done;
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                garbage_by_rest(address);
            }
        });
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                garbage_by_socket(address);
            }
        });
        let mut socket = Socket::connect(address).unwrap();
        let mut flying = HashMap::new();
        let mut answered = 0;
        for number in 0..300u64 {
            let event = Event::new("good", if number % 5 == 0 { 5000 } else { 0 });
            socket.send("lpr_data", &event.payload, number).unwrap();
            flying.insert(number, event.id);
            while flying.len() >= WINDOW || (number == 299 && !flying.is_empty()) {
                let (ack, answer) = socket.ack().unwrap();
                assert_eq!(answer["event_id"].as_str(), flying.remove(&ack).as_deref(), "{answer}");
                assert_eq!(answer["success"], true, "{answer}");
                answered += 1;
            }
        }
        done.store(true, Ordering::Relaxed);
        assert_eq!(answered, 300);
    });
    assert_eq!(records(address).len(), 300);
}

fn garbage_by_rest(address: &str) {
    let Ok(mut rest) = Rest::connect(address) else { return };
    let deep = "[".repeat(50_000);
    let large = format!("{{\"annotated_image\":\"{}\"}}", "A".repeat(1_500_000));
    for body in ["", "{", "\u{0}", "[]", "null", "{\"type\":7}", deep.as_str(), large.as_str()] {
        let (status, answer) = rest.post("/api/detection", body).unwrap();
        assert!(matches!(status, 400 | 413) && answer["success"] == false, "{status} {answer}");
    }
    // Half a request, and gone.
    let mut half = std::net::TcpStream::connect(address).unwrap();
    let _ = io::Write::write_all(&mut half, b"POST /api/detection HTTP/1.1\r\nContent-Length: 99\r\n\r\n{");
}

fn garbage_by_socket(address: &str) {
    let Ok(mut socket) = Socket::connect(address) else { return };
    for text in
        ["42[\"lpr_data\",{\"camera_id\":NaN}]", "429[", "4", "42[\"lpr_data\"]", "42[7]", "451-[\"x\"]", "43[]"]
    {
        socket.send_text(text).unwrap();
    }
    let refused = socket.call("lpr_data", "{\"camera_id\":\"c\",\"event_id\":\"e\"}").unwrap();
    assert_eq!((&refused["success"], &refused["event_id"]), (&Value::Bool(false), &Value::from("e")), "{refused}");
    let _ = socket.send_text("no packet of this protocol");
}
