//! A device fetches its token with a code, once; and an old agent's env file becomes a configuration.
#![cfg(all(feature = "uplink", feature = "server"))]

mod common;

use common::lpr_server::LprServer;
use common::{run, text};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

const AGENT: &str = env!("CARGO_BIN_EXE_lpr-agent");
const SERVER: &str = env!("CARGO_BIN_EXE_lpr-server");

fn server_tool(data: &Path, args: &[&str]) -> String {
    let data = data.display().to_string();
    let output = run(SERVER, &[args, &["--data-dir", &data]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).trim().to_owned()
}

/// A server with an admin's token, and that token.
fn server(data: &Path) -> (LprServer, String) {
    let admin = server_tool(data, &["token", "create", "--role", "admin", "--name", "me"]);
    (LprServer::start(data, "127.0.0.1:0", &[]), admin)
}

fn code(data: &Path, minutes: &str) -> String {
    let camera = "checkpoint_001/camera_001";
    server_tool(data, &["token", "code", "--camera", camera, "--name", "gate", "--minutes", minutes])
}

fn device(dir: &Path) -> String {
    let config = dir.join("agent.toml");
    fs::write(&config, include_str!("../config/agent.toml")).unwrap();
    config.display().to_string()
}

fn provision(server: &LprServer, code: &str, config: &str) -> Output {
    run(AGENT, &["provision", "--server", &server.url(), "--code", code, "--config", config])
}

/// Status and body of one call.
fn call(server: &LprServer, method: &str, path: &str, token: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let auth = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{auth}Content-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = text(&answer);
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

#[test]
fn a_code_gives_a_token_once_and_the_configuration_keeps_its_comments() {
    let (data, dir) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (server, admin) = server(data.path());
    let code = code(data.path(), "60");
    let config = device(dir.path());
    let output = provision(&server, &code.to_lowercase(), &config);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let token_file = dir.path().join("token");
    let token = fs::read_to_string(&token_file).unwrap();
    let token = token.trim();
    assert_eq!(fs::metadata(&token_file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!text(&output.stdout).contains(token) && !text(&output.stderr).contains(token));
    let changed = fs::read_to_string(&config).unwrap();
    assert!(changed.contains(&server.url()) && changed.contains("# events on the way at once"), "{changed}");
    assert!(run(AGENT, &["check-config", "--config", &config]).status.success());

    let register = |token: &str, camera: &str| {
        let body = format!("{{\"camera_id\":\"{camera}\",\"checkpoint_id\":\"checkpoint_001\"}}");
        call(&server, "POST", "/api/cameras/register", token, &body).0
    };
    assert_eq!(register(token, "camera_001"), 200, "it counts at once");
    assert_eq!(register(token, "camera_002"), 403, "it is bound to its cameras");

    let again = provision(&server, &code, &config);
    assert_eq!(again.status.code(), Some(14), "{}", text(&again.stderr));
    assert!(text(&again.stderr).contains("used"), "{}", text(&again.stderr));
    assert_eq!(fs::read_to_string(&token_file).unwrap().trim(), token, "the old token stays");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing half-written stays");

    let trail = common::wait_for("the audit trail", std::time::Duration::from_secs(10), || {
        let (_, trail) = call(&server, "GET", "/api/audit", &admin, "");
        (trail.contains("token fetched") && trail.contains("code refused")).then_some(trail)
    });
    assert!(trail.contains("token code created") && !trail.contains(&code), "{trail}");
}

#[test]
fn who_guesses_codes_must_wait_even_with_a_right_one() {
    let data = TempDir::new().unwrap();
    let (server, _) = server(data.path());
    let right = code(data.path(), "60");
    let guess = |code: &str| call(&server, "POST", "/api/provision", "", &format!("{{\"code\":\"{code}\"}}")).0;
    let guesses: Vec<u16> = (0..12).map(|n| guess(&format!("0000-0000-{n:04}"))).collect();
    assert_eq!(guesses.iter().filter(|status| **status == 401).count(), 10, "{guesses:?}");
    assert_eq!(guess(&right), 429);
    assert_eq!(call(&server, "POST", "/api/provision", "", "{}").0, 400);
}

#[test]
fn two_who_show_the_same_code_at_once_get_one_token() {
    let data = TempDir::new().unwrap();
    let (server, _) = server(data.path());
    let code = code(data.path(), "60");
    let body = format!("{{\"code\":\"{code}\"}}");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let calls: Vec<_> =
            (0..6).map(|_| scope.spawn(|| call(&server, "POST", "/api/provision", "", &body).0)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(server_tool(data.path(), &["token", "list"]).matches("device").count(), 1);
}

#[test]
fn an_old_agents_env_file_becomes_a_configuration() {
    let dir = TempDir::new().unwrap();
    let (old, new) = (dir.path().join("old.env"), dir.path().join("agent.toml"));
    fs::write(&old, "AICAMERA_ID=7\nCHECKPOINT_ID=gate\nCAMERA_SOURCE=0\nAPI_KEY=hunter2\nAICAMERA_ID=8\n").unwrap();
    let (old, new) = (old.display().to_string(), new.display().to_string());
    let output = run(AGENT, &["import-env", &old, "--out", &new]);
    let said = text(&output.stderr);
    assert!(
        output.status.success() && said.contains("AICAMERA_ID is there twice") && !said.contains("hunter2"),
        "{said}"
    );
    let checked = run(AGENT, &["check-config", "--config", &new]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    let again = run(AGENT, &["import-env", &old, "--out", &new]);
    assert_eq!(again.status.code(), Some(13), "a file that is there is not overwritten");
}
