//! `/api/openapi.json` says what there is, and what there is behaves as it says.

use crate::common::{repo, text};
use crate::logged_server::Server;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

fn document(server: &Server) -> Value {
    let document = server.get("/api/openapi.json");
    assert_eq!(document["openapi"], "3.1.0");
    document
}

/// Status and head of the answer to a request without a body.
fn ask(server: &Server, method: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = text(&answer);
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.to_ascii_lowercase())
}

#[test]
fn every_path_of_the_document_is_there_with_its_methods_and_every_route_is_in_it() {
    let server = Server::start("");
    let document = document(&server);
    let paths = document["paths"].as_object().unwrap();
    for (path, methods) in paths {
        let filled = path.replace("{detection_id}", "018f0000-0000-7000-8000-000000000000").replace("{name}", "frame");
        let filled = filled.replace("{id}", "1").replace("{entry_id}", "1");
        // No path has this method, so what is there answers with those that it has.
        let (status, answer) = ask(&server, "TRACE", &filled);
        assert_ne!(status, 404, "{path}: {answer}");
        if status == 405 {
            let allowed = answer.lines().find_map(|line| line.strip_prefix("allow: ")).unwrap_or_default().trim();
            let allowed: BTreeSet<&str> = allowed.split(',').filter(|method| *method != "head").collect();
            let documented: BTreeSet<&str> = methods.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(allowed, documented, "{path}");
        }
    }
    let undocumented: Vec<String> = routes().into_iter().filter(|path| !paths.contains_key(path)).collect();
    assert!(undocumented.is_empty(), "not in src/server/openapi/openapi.json: {undocumented:?}");
}

/// The paths that the source gives to `.route("…"`, but for those of the page.
fn routes() -> BTreeSet<String> {
    let mut folders = vec![repo().join("src/server")];
    let mut routes = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = fs::read_to_string(path).unwrap();
                let after = source.split(".route(").skip(1).map(str::trim_start);
                let named = after.filter_map(|rest| rest.strip_prefix('"')?.split('"').next());
                routes.extend(
                    named
                        .filter(|path| path.len() > 1 && path.starts_with('/') && !path.starts_with("/assets/"))
                        .map(str::to_owned),
                );
            }
        }
    }
    assert!(routes.len() > 10, "{routes:?}");
    routes
}

/// Lists with a plate each, and a read that each of them waits for: ids that schemathesis finds by trying small numbers.
fn fill(server: &Server) {
    let mut rest = server.rest();
    let mut post = |path: &str, body: Value| {
        let (status, answer) = rest.post(path, &body.to_string()).unwrap();
        assert_eq!(status, 200, "{path}: {answer}");
    };
    for id in 1..=20 {
        post("/api/watchlists", json!({"name": format!("list {id}")}));
        post(&format!("/api/watchlists/{id}/entries"), json!({"plate": "ABC 1", "match": "fuzzy"}));
    }
    post(
        "/api/detection",
        json!({"type": "detection_result", "camera_id": "c", "checkpoint_id": "gate", "ocr_results": ["A8C1"],
            "timestamp": "2024-12-19T10:00:00Z"}),
    );
}

/// An administrator's token, once the server knows it.
fn administrator(server: &Server) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lpr-server"));
    command.args(["token", "create", "--role", "admin", "--name", "schemathesis", "--data-dir"]);
    let output = command.arg(server.dir.path().join("data")).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let token = text(&output.stdout).trim().to_owned();
    let deadline = Instant::now() + Duration::from_secs(10);
    while ask(server, "GET", "/api/cameras").0 != 401 {
        assert!(Instant::now() < deadline, "the server does not see the new token");
        std::thread::sleep(Duration::from_millis(50));
    }
    token
}

#[test]
fn schemathesis_finds_nothing_that_the_document_does_not_say() {
    let st = repo().join("target/tools/venv/bin/st");
    assert!(st.exists(), "{} is missing: run `make setup-test`", st.display());
    let server = Server::start("max_event_bytes = 1000000");
    fill(&server);
    let token = administrator(&server);
    let examples = std::env::var("LPR_SCHEMATHESIS_EXAMPLES").unwrap_or_else(|_| "100".to_owned());
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(&st);
    command.current_dir(dir.path()).env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg("--config-file").arg(repo().join("tests/openapi/schemathesis.toml"));
    command.args(["run", &format!("http://{}/api/openapi.json", server.address), "--max-examples", &examples]);
    command.args(["--phases", "examples,coverage,fuzzing,stateful"]);
    command.args(["--header", &format!("Authorization: Bearer {token}")]);
    let paths = document(&server)["paths"].as_object().unwrap().clone();
    let operations: usize = paths.values().map(|methods| methods.as_object().unwrap().len()).sum();
    let begun = Instant::now();
    let output = command.output().unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    println!("{said}\n{:.0} s", begun.elapsed().as_secs_f64());
    assert!(output.status.success(), "{said}");
    // It does not call the document itself.
    assert!(said.contains(&format!("Tested: {}\n", operations - 1)), "{said}");
    assert!(!server.log().contains("panicked"), "{}", server.log());
}
