//! What leaks: logs, lists, files; and the command that makes tokens.

use crate::event_client::Socket;
use crate::site::{Site, call, detection, get};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

#[test]
fn no_token_and_no_cookie_is_in_a_log_a_list_or_a_file() {
    let site = Site::new();
    let (device, viewer) = (site.device("Pi 1", &["gate/cam-1"]), site.viewer());
    let log = site.dir.path().join("log");
    let mut child = Command::new(env!("CARGO_BIN_EXE_lpr-server"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(site.data())
        .env("LPR_SERVER_LOG_LEVEL", "trace")
        .stdout(Stdio::piped())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let at = line.trim().rsplit_once("http://").unwrap().1.to_owned();

    let wrong = "lpr_0123456789ab_wrongwrongwrongwrongwrong";
    let signed_in = call(&at, "POST", "/api/signin", "", &viewer.auth());
    let cookie = signed_in.header("set-cookie").unwrap().split([';', '=']).nth(1).unwrap().to_owned();
    get(&at, "/api/records?plate=ABC", &format!("Cookie: lpr_session={cookie}\r\n"));
    call(&at, "POST", "/api/detection", &device.bearer(), &detection("gate", "cam-1"));
    get(&at, "/api/test", &format!("Authorization: Bearer {wrong}\r\n"));
    call(&at, "POST", "/api/signin", "", &format!("{{\"token\":\"{wrong}\"}}"));
    let mut socket = Socket::connect_as(&at, &device.auth(), "").unwrap();
    socket.call("lpr_data", &detection("gate", "cam-1")).unwrap();
    assert!(Socket::connect_as(&at, &format!("{{\"token\":\"{wrong}\"}}"), "").is_err());
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success());

    let list = site.run(&["token", "list"]);
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(list.contains(&device.id) && list.contains("gate/cam-1") && list.contains("Vera"), "{list}");
    let mut places = vec![("the list".to_owned(), list.into_bytes()), ("the log".to_owned(), fs::read(&log).unwrap())];
    assert!(places[1].1.len() > 1000, "the log says much");
    for entry in fs::read_dir(site.data()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            places.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    for secret in [&device.text[17..], &viewer.text[17..], &cookie[17..], &wrong[17..]] {
        for (place, bytes) in &places {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{place} holds a secret");
        }
    }
}

#[test]
fn a_folder_that_is_no_servers_is_said_to_be_none_and_is_not_made_one() {
    let site = Site::new();
    for arguments in [["token", "list"].as_slice(), &["token", "revoke", "0123456789ab"]] {
        let output = site.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(13), "{said}");
        assert!(said.contains("lpr-server.db is missing") && said.contains("--data-dir"), "{said}");
        assert!(!site.data().exists());
    }
    // A token says which server it is for.
    let made = site.run(&["token", "create", "--role", "viewer", "--name", "Vera"]);
    assert!(String::from_utf8(made.stderr).unwrap().contains(&site.data().display().to_string()));
}

/// Plates and pictures are personal: on a machine that others use too they are nobody else's.
#[test]
fn what_the_server_keeps_can_be_read_by_no_other_user_of_the_machine() {
    let site = Site::new();
    let device = site.device("Pi 1", &["gate/cam-1"]);
    let server = site.start();
    let event = crate::event_client::Event::new("cam-1", 5000);
    assert_eq!(call(&server.address, "POST", "/api/detection", &device.bearer(), &event.payload).status, 200);
    let backup = site.dir.path().join("backup");
    assert!(site.run(&["backup", "--to", &backup.display().to_string()]).status.success());
    let mut places = vec![site.data(), backup];
    let mut seen = 0;
    while let Some(place) = places.pop() {
        let meta = fs::metadata(&place).unwrap();
        assert_eq!(meta.permissions().mode() & 0o077, 0, "{} {:o}", place.display(), meta.permissions().mode());
        seen += 1;
        if meta.is_dir() {
            places.extend(fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    assert!(seen > 12, "{seen}");
}

#[test]
fn tokens_are_long_and_no_two_are_alike() {
    let site = Site::new();
    let tokens: Vec<_> = (0..5).map(|_| site.viewer()).collect();
    for token in &tokens {
        assert!(token.text.starts_with("lpr_") && token.text.len() == 17 + 43, "256 bits: {}", token.text.len());
        assert_eq!(tokens.iter().filter(|other| other.text == token.text || other.id == token.id).count(), 1);
    }
}

#[test]
fn a_token_that_would_be_wrong_is_not_made() {
    let site = Site::new();
    for (arguments, word, code) in [
        (vec!["--role", "device", "--name", "x"], "--camera", 10),
        (vec!["--role", "viewer", "--name", "x", "--camera", "gate/cam-1"], "--role device", 10),
        (vec!["--role", "viewer", "--name", " "], "--name", 10),
        (vec!["--role", "viewer", "--name", "a\nb"], "--name", 10),
        (vec!["--role", "root", "--name", "x"], "possible values", 2),
        (vec!["--role", "device", "--name", "x", "--camera", "cam-1"], "CHECKPOINT/CAMERA", 2),
    ] {
        let output = site.run(&[&["token", "create"], arguments.as_slice()].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(code) && said.contains(word), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty());
    }
    let output = site.run(&["token", "revoke", "nobody"]);
    assert_eq!(output.status.code(), Some(10));
    let list = String::from_utf8(site.run(&["token", "list"]).stdout).unwrap();
    assert_eq!(list.lines().count(), 1, "{list}");
}
