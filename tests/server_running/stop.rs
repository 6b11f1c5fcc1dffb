//! A graceful end: what was taken is answered, what was answered is stored, and it does not take long.

use crate::event_client::{Event, Rest, Said};
use crate::logged_server::Server;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

fn terminate(server: &Server) {
    let pid = server.process.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
}

/// Nobody new is let in.
fn wait_until_closed(address: &str) {
    crate::common::wait_for("the port to be closed", Duration::from_secs(10), || TcpStream::connect(address).err());
}

#[test]
fn calls_under_way_are_answered_nobody_new_is_let_in_and_the_log_is_folded() {
    let mut server = Server::start("");
    let event = Event::new("c", 2000);
    let head = format!(
        "POST /api/detection HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        event.payload.len()
    );
    let (first, rest) = event.payload.split_at(100);
    let mut under_way = TcpStream::connect(&server.address).unwrap();
    under_way.write_all(format!("{head}{first}").as_bytes()).unwrap();
    let mut probe = TcpStream::connect(&server.address).unwrap();
    probe.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n").unwrap();
    // Both are under way for the server too: an answer on a third connection comes after them.
    server.get("/api/test");
    terminate(&server);
    wait_until_closed(&server.address);
    under_way.write_all(rest.as_bytes()).unwrap();
    probe.write_all(b"\r\n").unwrap();
    let answer = |mut stream: TcpStream| {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    };
    let answered = answer(under_way).unwrap();
    assert!(answered.starts_with("HTTP/1.1 200") && answered.contains(&event.id), "{answered}");
    if let Ok(said) = answer(probe)
        && !said.is_empty()
    {
        assert!(said.starts_with("HTTP/1.1 503") && said.contains("stopping"), "{said}");
    }
    assert!(server.process.wait(Duration::from_secs(10)).success());
    let data = server.dir.path().join("data");
    assert!(fs::metadata(data.join("lpr-server.db-wal")).map_or(0, |file| file.len()) == 0, "the log was folded in");
    let database = rusqlite::Connection::open(data.join("lpr-server.db")).unwrap();
    let stored: i64 = database.query_row("SELECT count(*) FROM detections", [], |row| row.get(0)).unwrap();
    assert_eq!(stored, 1);
}

#[test]
fn whatever_was_stored_of_a_burst_by_socket_was_answered_before_the_socket_closed() {
    for round in 0..3 {
        let mut server = Server::start("");
        let mut socket = server.socket();
        let events: Vec<Event> = (0..300).map(|n| Event::new("c", if n % 3 == 0 { 20_000 } else { 0 })).collect();
        for (n, event) in events.iter().enumerate() {
            socket.send("lpr_data", &event.payload, n as u64).unwrap();
        }
        let mut answered = BTreeSet::new();
        while answered.len() < 1 + 40 * round {
            let (_, answer) = socket.ack().unwrap();
            answered.insert(answer["event_id"].as_str().unwrap().to_owned());
        }
        terminate(&server);
        let begun = Instant::now();
        while let Ok(said) = socket.hear() {
            if let Said::Ack(_, answer) = said {
                answered.insert(answer["event_id"].as_str().unwrap().to_owned());
            }
        }
        assert!(server.process.wait(Duration::from_secs(10)).success());
        assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
        let database = rusqlite::Connection::open(server.dir.path().join("data/lpr-server.db")).unwrap();
        let mut bodies = database.prepare("SELECT body FROM detections").unwrap();
        let stored: BTreeSet<String> = bodies
            .query_map([], |row| row.get::<_, String>(0))
            .unwrap()
            .map(|body| serde_json::from_str::<Value>(&body.unwrap()).unwrap()["event_id"].as_str().unwrap().to_owned())
            .collect();
        let missing = |ids: &BTreeSet<String>, others: &BTreeSet<String>| others.difference(ids).count();
        assert_eq!(
            (missing(&answered, &stored), missing(&stored, &answered)),
            (0, 0),
            "stored and not answered, answered and not stored; {} were answered; the server's log:\n{}",
            answered.len(),
            server.log().lines().filter(|line| !line.contains("DEBUG")).collect::<Vec<_>>().join("\n")
        );
    }
}

/// Regression: the process ended, or hung up on a client that still spoke, while answers waited to be taken by it.
#[test]
fn who_reads_slowly_gets_every_answer_before_the_server_has_stopped() {
    const PINGS: u64 = 400;
    let mut server = Server::start("");
    let mut socket = server.socket();
    // More than the network's buffers hold.
    let long = format!("{{\"message\":\"{}\"}}", "x".repeat(16_000));
    for n in 0..PINGS {
        socket.send("ping", &long, n).unwrap();
    }
    socket.send("lpr_data", &Event::new("c", 0).payload, PINGS).unwrap();
    let stored = || (!server.records().is_empty()).then_some(());
    crate::common::wait_for("the last to be taken", Duration::from_secs(30), stored);
    terminate(&server);
    wait_until_closed(&server.address);
    let mut answered = BTreeSet::new();
    while let Ok(said) = socket.hear() {
        if let Said::Ack(id, _) = said {
            answered.insert(id);
        }
    }
    assert_eq!(answered.len() as u64, PINGS + 1);
    assert!(server.process.wait(Duration::from_secs(10)).success());
}

#[test]
fn a_client_that_never_ends_does_not_keep_it_from_stopping() {
    let mut server = Server::start("");
    let mut half = TcpStream::connect(&server.address).unwrap();
    half.write_all(b"POST /api/detection HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{").unwrap();
    let _idle = Rest::connect(&server.address).unwrap();
    let mut silent = server.socket();
    silent.call("join_dashboard", "{}").unwrap();
    let (status, took) = server.process.terminate();
    assert!(status.success() && took < Duration::from_secs(10), "{status} after {took:?}");
}

#[test]
fn systemd_is_told_that_it_is_ready_alive_and_stopping() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let hear = || {
        let mut bytes = [0; 500];
        let length = systemd.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    };
    let mut server = Server::start_with("", &[("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "900000")]);
    let ready = hear();
    assert!(ready.starts_with("READY=1\nSTATUS=listening on 127.0.0.1:"), "{ready}");
    assert_eq!((hear(), hear()), ("WATCHDOG=1".to_owned(), "WATCHDOG=1".to_owned()));
    // A writer that is stuck says nothing, whatever else still works.
    let holder = rusqlite::Connection::open(server.dir.path().join("data/lpr-server.db")).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut bytes = [0; 500];
    crate::common::wait_for("silence", Duration::from_secs(30), || systemd.recv(&mut bytes).err());
    assert_eq!(server.get("/healthz")["success"], true);
    holder.execute_batch("ROLLBACK").unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(hear(), "WATCHDOG=1");
    terminate(&server);
    while hear() != "STOPPING=1" {}
    assert!(server.process.wait(Duration::from_secs(10)).success());
}
