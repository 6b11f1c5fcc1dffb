//! The real server against clients that are not ours, and as a process: how it starts, fails and ends.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

#[path = "common/lpr_server.rs"]
mod lpr_server;

use lpr_server::LprServer;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

const MAX_EVENT_BYTES: usize = 2_000_000;

/// Where `make setup-test` puts what a test needs.
fn tool(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools").join(path);
    assert!(path.exists(), "{} is missing: run `make setup-test`", path.display());
    path
}

fn start(dir: &Path) -> LprServer {
    let config = dir.join("server.toml");
    fs::write(&config, format!("max_event_bytes = {MAX_EVENT_BYTES}\ntimezone = \"Asia/Bangkok\"\n")).unwrap();
    LprServer::start(&dir.join("data"), "127.0.0.1:0", &["--config", config.to_str().unwrap()])
}

fn must_succeed(what: &str, output: &Output) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what} failed:\n{out}\n{err}");
    println!("{what}:\n{out}");
}

#[test]
fn python_socketio_and_requests_find_everything_as_the_contract_has_it() {
    let python = tool("venv/bin/python");
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let output = Command::new(python)
        .args(["tests/interop/client.py", &server.url(), &MAX_EVENT_BYTES.to_string()])
        .output()
        .unwrap();
    must_succeed("tests/interop/client.py", &output);
}

#[test]
fn the_official_javascript_client_finds_everything_as_the_contract_has_it() {
    let modules = tool("node/node_modules/socket.io-client");
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let output = Command::new("node")
        .args(["tests/interop/client.mjs", &server.url()])
        .env("NODE_PATH_FOR_TESTS", modules.parent().unwrap())
        .output()
        .expect("node runs; without it: run `make setup-test`");
    must_succeed("tests/interop/client.mjs", &output);
}

/// Runs `lpr-server serve` to its end; for starts that must fail.
fn serve(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_lpr-server")).arg("serve").args(arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_start_that_fails_says_why_in_one_line_with_the_remedy_and_the_code() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let data = data.to_str().unwrap();

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, said) = serve(&["--listen", &address, "--data-dir", data]);
    assert_eq!(code, 15, "{said}");
    assert!(said.contains(&address) && said.contains("--listen"), "{said}");

    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let (code, said) = serve(&["--listen", "127.0.0.1:0", "--data-dir", file.join("x").to_str().unwrap()]);
    assert_eq!(code, 13, "{said}");
    assert!(said.contains("--data-dir") && said.lines().count() == 1, "{said}");

    let config = dir.path().join("server.toml");
    fs::write(&config, "max_event_byte = 5\n").unwrap();
    let (code, said) = serve(&["--config", config.to_str().unwrap()]);
    assert_eq!(code, 10, "{said}");
    assert!(said.contains("did you mean \"max_event_bytes\"?"), "{said}");
    assert_eq!(serve(&["--listen", "nonsense"]).0, 2);

    let holder = LprServer::start(Path::new(data), "127.0.0.1:0", &[]);
    let (code, said) = serve(&["--listen", "127.0.0.1:0", "--data-dir", data]);
    assert_eq!(code, 13, "{said}");
    assert!(said.contains("in use by another lpr-server"), "{said}");
    drop(holder);
}

#[test]
fn sigterm_and_sigint_end_it_cleanly_with_sockets_open_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    for (round, signal) in ["TERM", "INT"].into_iter().enumerate() {
        let server = start(dir.path());
        // One silent connection, one half a request, one Socket.IO session that is never polled.
        let _silent = TcpStream::connect(&server.address).unwrap();
        let mut half = TcpStream::connect(&server.address).unwrap();
        if signal == "TERM" {
            half.write_all(b"POST /api/detection HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
                .unwrap();
            half.write_all(b"Content-Length: 1000\r\n\r\n{").unwrap();
        }
        request(&server.address, "GET", "/socket.io/?EIO=4&transport=polling", "");
        let body = format!(
            r#"{{"type":"detection_result","camera_id":"c","timestamp":"2024-12-19T10:00:0{round}Z","ocr_results":["A"]}}"#
        );
        assert!(request(&server.address, "POST", "/api/detection", &body).contains("\"success\":true"));
        assert!(server.stop(signal, Duration::from_secs(10)).success());
        let wal = dir.path().join("data/lpr-server.db-wal");
        assert!(fs::metadata(&wal).map_or(0, |file| file.len()) == 0, "the log was folded into the database");
    }
    let server = start(dir.path());
    assert!(request(&server.address, "GET", "/api/records", "").contains("\"total_count\":2"));
}

#[test]
fn nothing_sent_is_lost_when_the_server_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let body = r#"{"type":"detection_result","camera_id":"c","timestamp":1734602400,"event_id":"e","annotated_image":"/9j/4AAQ"}"#;
    let first = request(&server.address, "POST", "/api/detection", body);
    drop(server); // SIGKILL
    let server = start(dir.path());
    let again = request(&server.address, "POST", "/api/detection", body);
    assert!(again.contains("\"duplicate\":true"), "{again}");
    let id = |answer: &str| answer.split("\"detection_id\":\"").nth(1).unwrap()[..36].to_owned();
    assert_eq!(id(&first), id(&again));
    assert!(request(&server.address, "GET", "/api/records", "").contains("\"annotated_image\":\"/9j/4AAQ\""));
}

#[test]
fn a_disk_fault_is_said_and_nothing_is_half_stored() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let images = dir.path().join("data/images");
    fs::remove_dir(&images).unwrap();
    fs::write(&images, "no folder").unwrap();
    let body = r#"{"type":"detection_result","camera_id":"c","timestamp":1734602400,"event_id":"e","annotated_image":"/9j/4AAQ"}"#;
    let answer = request(&server.address, "POST", "/api/detection", body);
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("\"code\":\"unavailable\"") && answer.contains("\"event_id\":\"e\""), "{answer}");
    assert!(answer.to_lowercase().contains("retry-after: 5"), "{answer}");
    assert!(request(&server.address, "GET", "/api/records", "").contains("\"total_count\":0"));

    fs::remove_file(&images).unwrap();
    fs::create_dir(&images).unwrap();
    let answer = request(&server.address, "POST", "/api/detection", body);
    assert!(answer.contains("\"success\":true") && !answer.contains("duplicate"), "{answer}");
}

/// The answer to one request, head and body.
fn request(address: &str, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
