//! Who may enter which room. A pure room stays pure because this test fails when it does not.
//! `ARCHITECTURE.md` explains the rules in words.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room with the rooms it may name. `exit`, `clock`, `killpoint` and `manual` are single files at the top.
const MAY_ENTER: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("glyphs", &[]),
    ("exit", &["config"]),
    ("wire", &["domain"]),
    ("config", &["domain", "vision"]),
    ("clock", &["domain"]),
    ("track", &["domain"]),
    ("vision", &["domain"]),
    ("sim", &["domain", "glyphs"]),
    ("telemetry", &[]),
    ("killpoint", &[]),
    ("manual", &["exit"]),
    ("supervise", &[]),
    ("imaging", &["domain", "glyphs"]),
    ("media", &["domain", "config", "killpoint"]),
    ("models", &["domain", "config"]),
    ("capture", &["domain", "config", "clock", "imaging", "sim"]),
    ("inference", &["domain", "config", "vision", "imaging"]),
    ("outbox", &["domain", "config", "media", "clock", "wire", "killpoint"]),
    ("uplink", &["domain", "config", "clock", "wire", "media", "outbox", "killpoint"]),
    ("health", &["domain", "config", "clock"]),
    ("web", &[]),
    ("server", &["domain", "wire", "config", "clock", "telemetry", "supervise", "exit", "killpoint", "web"]),
    (
        "agent",
        &[
            "domain",
            "exit",
            "wire",
            "config",
            "clock",
            "track",
            "vision",
            "sim",
            "telemetry",
            "supervise",
            "imaging",
            "media",
            "models",
            "capture",
            "inference",
            "outbox",
            "uplink",
            "health",
            "web",
        ],
    ),
];

/// Crates that only these files or folders may name: the boundary is where it can be exchanged.
const BOUNDARIES: &[(&str, &[&str])] = &[
    ("opencv", &["src/imaging/", "src/capture/"]),
    ("ort", &["src/inference/ort_engine"]),
    ("rust_socketio", &["src/uplink/socket/"]),
    ("tokio_tungstenite", &["src/uplink/socket/own.rs"]),
    ("native_tls", &["src/uplink/"]),
    ("tokio_native_tls", &["src/uplink/socket/own.rs"]),
    ("reqwest", &["src/uplink/rest.rs", "src/server/watch/webhook.rs"]),
    ("rusqlite", &["src/outbox/", "src/server/store"]),
    ("axum", &["src/server/", "src/web/", "src/agent/page/"]),
    ("hyper", &["src/server/listen/", "src/agent/page/listen.rs"]),
    ("toml_edit", &["src/agent/edit_config.rs", "src/agent/page/edit.rs"]),
    ("tokio_rustls", &["src/server/listen/"]),
    ("socketioxide", &["src/server/"]),
    ("sysinfo", &["src/health/sample.rs"]),
    ("anyhow", &["src/bin/"]),
    ("clap_mangen", &["src/manual.rs"]),
    ("clap_complete", &["src/manual.rs"]),
];

/// Rooms without IO: no files, no sockets, no clocks, no threads.
const PURE: &[&str] = &["domain", "wire", "track", "vision", "sim", "glyphs"];
const IMPURE_WORDS: &[&str] =
    &["std::fs", "std::net", "std::process", "std::thread", "Instant::now", "SystemTime::now", "tokio::"];

const MAX_LINES: usize = 450;

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// `src/uplink/link.rs` → `uplink`; `src/clock.rs` → `clock`.
fn room_of(relative: &str) -> Option<String> {
    let inside = relative.strip_prefix("src/")?;
    let first = inside.split('/').next()?;
    let room = first.trim_end_matches(".rs");
    (room != "lib" && room != "bin").then(|| room.to_owned())
}

/// The file without its tests, comments and doc comments.
fn code_of(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or("");
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn files() -> Vec<(String, String)> {
    sources(&root().join("src"))
        .into_iter()
        .map(|path| {
            let relative = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            (relative, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// Rooms named as `crate::ROOM` or inside `use crate::{…}`.
fn rooms_named(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => word.clear(),
                    c if depth == 0 && (c.is_alphanumeric() || c == '_') => word.push(c),
                    ':' if depth == 0 && !word.is_empty() => {
                        named.insert(std::mem::take(&mut word));
                    }
                    _ => {}
                }
            }
        } else {
            named.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    named
}

/// Is `word` a whole path segment of `code` (`ort::`, not `sort::`)?
fn names_crate(code: &str, word: &str) -> bool {
    code.match_indices(&format!("{word}::"))
        .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
}

#[test]
fn rooms_only_enter_the_rooms_they_may() {
    let mut faults = Vec::new();
    for (path, text) in files() {
        let Some(room) = room_of(&path) else { continue };
        let Some((_, allowed)) = MAY_ENTER.iter().find(|(name, _)| *name == room) else {
            faults.push(format!("{path}: the room \"{room}\" is not in MAY_ENTER"));
            continue;
        };
        for named in rooms_named(&code_of(&text)) {
            let is_room = MAY_ENTER.iter().any(|(name, _)| *name == named);
            if is_room && named != room && !allowed.contains(&named.as_str()) {
                faults.push(format!("{path}: {room} may not enter {named}"));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn each_foreign_crate_stays_behind_its_boundary() {
    let mut faults = Vec::new();
    for (path, text) in files() {
        let code = code_of(&text);
        for (name, allowed) in BOUNDARIES {
            if names_crate(&code, name) && !allowed.iter().any(|prefix| path.starts_with(prefix)) {
                faults.push(format!("{path}: names {name}, which only {} may", allowed.join(", ")));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn pure_rooms_do_no_io() {
    let mut faults = Vec::new();
    for (path, text) in files() {
        if !room_of(&path).is_some_and(|room| PURE.contains(&room.as_str())) {
            continue;
        }
        let code = code_of(&text);
        for word in IMPURE_WORDS {
            if code.contains(word) {
                faults.push(format!("{path}: a pure room names {word}"));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn only_the_clock_asks_what_time_it_is() {
    let asking: Vec<String> = files()
        .into_iter()
        .filter(|(path, _)| path != "src/clock.rs")
        .filter(|(_, text)| code_of(text).contains("SystemTime::now") || code_of(text).contains("Timestamp::now"))
        .map(|(path, _)| path)
        .collect();
    assert!(asking.is_empty(), "ask clock::Clock instead: {asking:?}");
}

#[test]
fn files_stay_short() {
    let long: Vec<String> = files()
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(path, lines)| format!("{path}: {lines} lines; at most {MAX_LINES}"))
        .collect();
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

#[test]
fn the_map_names_every_room() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let rooms: BTreeSet<String> = files().iter().filter_map(|(path, _)| room_of(path)).collect();
    let missing: Vec<&String> = rooms.iter().filter(|room| !map.contains(&format!("`{room}"))).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md does not name {missing:?}");
}

/// The test must be able to fail: it finds what it looks for.
#[test]
fn the_guard_itself_sees() {
    let code = "use crate::{config::{A, B}, domain::X};\nlet y = crate::wire::timestamp::format(0);";
    let named: Vec<String> = rooms_named(code).into_iter().collect();
    assert_eq!(named, ["config", "domain", "wire"]);
    assert!(names_crate("use ort::Session;", "ort"));
    assert!(!names_crate("a.sort::<T>(); import::x", "ort"));
}
