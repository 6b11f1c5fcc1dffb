//! `lpr-agent doctor` on a box where all is well, and on boxes where it is not: it names each fault with its remedy, and always
//! ends within a minute.
#![cfg(all(feature = "vision", feature = "uplink", feature = "server"))]

mod common;

use common::lpr_server::LprServer;
use common::{free_port, get_json, models_dir, run, text};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const AGENT: &str = env!("CARGO_BIN_EXE_lpr-agent");
const CAMERA: &str = "sim:seed=7;seconds=60;fps=15;size=640x360";

/// A box's folder and its configuration.
struct Site {
    dir: TempDir,
    config: String,
}

fn site(camera: &str, server: &str, more: &str) -> Site {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    let text = format!(
        "data_dir = \"{}\"\n[[camera]]\nsource = \"{camera}\"\n[uplink]\nserver_url = \"{server}\"\n{more}",
        dir.path().join("data").display(),
    );
    let path = dir.path().join("agent.toml");
    fs::write(&path, text).unwrap();
    Site { config: path.display().to_string(), dir }
}

fn models() -> String {
    format!("[models]\ndir = \"{}\"\n", models_dir().display())
}

fn doctor(site: &Site, more: &[&str]) -> Output {
    let args = [&["doctor", "--lang", "en", "--config", &site.config], more].concat();
    let begun = Instant::now();
    let output = run(AGENT, &args);
    assert!(begun.elapsed() < Duration::from_secs(60), "it took {:?}", begun.elapsed());
    output
}

/// What it found, as JSON.
fn found(site: &Site) -> (Option<i32>, Value) {
    let output = doctor(site, &["--json"]);
    let said = text(&output.stdout);
    let found = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}{}", text(&output.stderr)));
    (output.status.code(), found)
}

/// The lines of one check, as `status: said → remedy`.
fn lines(found: &Value, check: &str) -> Vec<String> {
    let checks = found["checks"].as_array().unwrap();
    let line = |line: &Value| {
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        format!("{}: {} → {}", text("status"), text("said"), text("remedy"))
    };
    checks.iter().filter(|line| line["check"] == check).map(line).collect()
}

fn assert_found(found: &Value, check: &str, parts: &[&str]) {
    let lines = lines(found, check);
    let fits = lines.iter().any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(fits, "{check}: {parts:?} is not in {lines:#?}\n{found:#}");
}

#[test]
fn a_healthy_box_passes_and_its_record_is_on_the_server() {
    let data = TempDir::new().unwrap();
    let server = LprServer::start(data.path(), "127.0.0.1:0", &[]);
    let site = site(CAMERA, &server.url(), &models());
    let (code, found) = found(&site);
    assert_eq!((code, &found["summary"]["fail"]), (Some(0), &Value::from(0)), "{found:#}");
    assert_found(&found, "camera", &["ok", "640x360", "frames a second"]);
    assert_found(&found, "picture", &["ok", "brightness"]);
    assert_found(&found, "models", &["ok", "ONNX Runtime"]);
    assert_found(&found, "reading", &["drawn plates are read rightly"]);
    assert_found(&found, "server", &["ok", "protocol 2"]);
    assert_found(&found, "socket", &["ok"]);
    assert_found(&found, "record", &["ok: stored and confirmed"]);
    let health = get_json(&format!("{}/api/cameras/health?component=doctor", server.url())).to_string();
    assert!(health.contains("test record of lpr-agent doctor"), "{health}");
    assert_eq!(fs::read_dir(site.dir.path().join("data")).unwrap().count(), 0, "it leaves nothing behind");
}

#[test]
fn a_broken_box_is_told_each_fault_with_its_remedy() {
    let dir = TempDir::new().unwrap();
    let black = dir.path().join("black.bmp");
    fs::write(&black, black_picture(320, 240)).unwrap();
    let server = format!("http://127.0.0.1:{}", free_port());
    let empty = format!("[models]\ndir = \"{}\"\n", dir.path().display());
    let absent = "[[camera]]\nid = \"two\"\nsource = \"/dev/video97\"\n";
    let site = site(&black.display().to_string(), &server, &format!("{empty}{absent}"));
    let (code, found) = found(&site);
    assert_eq!(code, Some(1), "{found:#}");
    assert_found(&found, "picture", &["fail: black", "cap"]);
    assert_found(&found, "camera", &["fail", "/dev/video97", "plug the camera in"]);
    assert_found(&found, "models", &["fail", "missing", "lpr-agent models"]);
    assert_found(&found, "connection", &["fail", "cannot be reached", "is lpr-server running"]);
    let output = doctor(&site, &[]);
    let said = text(&output.stdout);
    assert!(said.contains("FAIL  picture") && !said.contains('\u{1b}'), "{said}");
    let thai = run(AGENT, &["doctor", "--lang", "th", "--config", &site.config]);
    assert!(text(&thai.stdout).contains("ภาพดำ"), "{}", text(&thai.stdout));
}

#[test]
fn a_wedged_server_and_a_wedged_camera_do_not_keep_it() {
    // Takes connections and says nothing, for ever.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let site = site(&format!("rtsp://{address}/live"), &format!("http://{address}"), &models());
    let (code, found) = found(&site);
    assert_eq!(code, Some(1));
    assert_found(&found, "camera", &["fail"]);
    assert_found(&found, "server", &["fail", "no answer"]);
    assert_found(&found, "models", &["ok"]);
}

#[test]
fn a_wrong_token_is_told_from_a_missing_one() {
    let data = TempDir::new().unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_lpr-server"))
        .args(["token", "create", "--role", "admin", "--name", "me", "--data-dir"])
        .arg(data.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    let server = LprServer::start(data.path(), "127.0.0.1:0", &[]);
    let without = site(CAMERA, &server.url(), "");
    assert_found(&found(&without).1, "token", &["fail", "there is none", "lpr-agent provision"]);
    let token = without.dir.path().join("token");
    fs::write(&token, "lpr_0123_nonsense\n").unwrap();
    let wrong = site(CAMERA, &server.url(), &format!("token_file = \"{}\"\n", token.display()));
    assert_found(&found(&wrong).1, "token", &["fail", "refuses our token"]);
}

#[test]
fn a_faulty_configuration_is_shown_whole_and_the_box_is_looked_at_all_the_same() {
    let site = site(CAMERA, "ftp://x", "widnow = 3\n");
    let (code, found) = found(&site);
    assert_eq!(code, Some(1));
    assert_found(&found, "config", &["uplink.server_url", "must begin with"]);
    assert_found(&found, "config", &["uplink.widnow", "did you mean \"window\"?"]);
    assert_found(&found, "memory", &["% used"]);
}

#[test]
fn the_bundle_for_support_is_written() {
    let site = site(CAMERA, "http://127.0.0.1:9", "");
    let path = site.dir.path().join("support.tar.gz");
    let output = doctor(&site, &["--bundle", &path.display().to_string()]);
    assert!(path.is_file(), "{}", text(&output.stderr));
    let listed = Command::new("tar").arg("tzf").arg(Path::new(&path)).output().unwrap();
    let names = text(&listed.stdout);
    for name in ["doctor.txt", "agent.toml", "picture-checkpoint_001_camera_001.jpg", "journal.txt"] {
        assert!(names.contains(name), "{name} is not in {names}");
    }
}

/// A black BMP of 24 bits.
fn black_picture(width: u32, height: u32) -> Vec<u8> {
    let pixels = (width * 3).next_multiple_of(4) * height;
    let mut bytes = b"BM".to_vec();
    for word in [54 + pixels, 0, 54, 40, width, height, (24 << 16) | 1, 0, pixels, 2835, 2835, 0, 0] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.resize(bytes.len() + pixels as usize, 0);
    bytes
}
