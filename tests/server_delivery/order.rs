//! SIGKILL does not show what a power cut would lose: the order of writes up to an answer does.

use crate::common::wait_for;
use crate::event_client::{Event, Rest, Socket};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

const CALLS: &str = "write,writev,pwrite64,pwritev,fsync,fdatasync,rename,renameat,renameat2,sendto,sendmsg";

/// One system call: the lines of the trace where it began and ended.
#[derive(Debug)]
struct Call<'t> {
    text: &'t str,
    begun: usize,
    ended: usize,
}

fn calls(trace: &str) -> Vec<Call<'_>> {
    let lines: Vec<&str> = trace.lines().collect();
    let mut calls = Vec::new();
    for (begun, line) in lines.iter().enumerate() {
        let Some((thread, text)) = line.split_once(' ') else { continue };
        let text = text.trim_start();
        if text.starts_with('<') || text.starts_with("---") || text.starts_with("+++") {
            continue;
        }
        let mut ended = Some(begun);
        if text.contains("<unfinished ...>") {
            let resumed =
                |line: &&str| line.split_once(' ').is_some_and(|(t, rest)| t == thread && rest.contains("resumed>"));
            ended = lines[begun..].iter().position(resumed).map(|after| begun + after);
        }
        if let Some(ended) = ended {
            calls.push(Call { text, begun, ended });
        }
    }
    calls
}

/// The first call that has all `words` and began after line `after`; gives the line where it ended.
fn follow(calls: &[Call<'_>], after: usize, name: &[&str], words: &[&str]) -> usize {
    let found = calls.iter().find(|call| {
        let named = name.iter().any(|name| call.text.starts_with(&format!("{name}(")));
        call.begun >= after && named && words.iter().all(|word| call.text.contains(word))
    });
    let found = found.unwrap_or_else(|| panic!("no {name:?} with {words:?} after line {after}"));
    found.ended + 1
}

const WRITES: &[&str] = &["write", "writev", "pwrite64", "pwritev"];
const SYNCS: &[&str] = &["fsync", "fdatasync"];
const SENDS: &[&str] = &["write", "writev", "sendto", "sendmsg"];

#[test]
fn picture_folder_and_log_are_on_the_disk_before_the_answer_goes_out() {
    if !Command::new("strace").args(["-f", "true"]).output().is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: the order of writes is not shown, since strace is missing or may not trace here");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    // -D: the server stays our own child.
    let mut server = Command::new("strace")
        .args(["-D", "-f", "-y", "-s", "600", "-e", &format!("trace={CALLS}"), "-o", trace.to_str().unwrap()])
        .args([env!("CARGO_BIN_EXE_lpr-server"), "serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(dir.path().join("data"))
        .env("LPR_SERVER_LOG_LEVEL", "warn")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    let address = ready.trim().rsplit_once("http://").expect("the ready line").1.to_owned();
    let (by_rest, by_socket) = (Event::new("c", 5000), Event::new("c", 5000));
    let answer = Rest::connect(&address).unwrap().post("/api/detection", &by_rest.payload).unwrap().1;
    let rest_id = answer["detection_id"].as_str().unwrap().to_owned();
    let answer = Socket::connect(&address).unwrap().call("lpr_data", &by_socket.payload).unwrap();
    let socket_id = answer["detection_id"].as_str().unwrap().to_owned();
    let pid = server.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    server.wait().unwrap();
    // The tracer writes its last lines after the server's end.
    let text = wait_for("the end of the trace", Duration::from_secs(30), || {
        let text = fs::read_to_string(&trace).ok()?;
        text.lines().last()?.contains("+++").then_some(text)
    });

    let calls = calls(&text);
    for id in [rest_id, socket_id] {
        // The header of each picture says whose it is; its bytes come behind.
        let mut at = 0;
        for picture in ["frame", "crop-0"] {
            at = follow(&calls, at, WRITES, &[".pics>", &format!("lpr-picture {id} {picture} ")]);
            at = follow(&calls, at, WRITES, &[".pics>"]);
        }
        at = follow(&calls, at, SYNCS, &[".pics>"]);
        // The segment's own name, in the folder of the day: a path that ends with its two digits.
        let folder = calls.iter().find(|call| {
            let path = call.text.split(['<', '>']).nth(1).unwrap_or_default();
            let day = path.rsplit_once("/data/images/").map(|(_, day)| day).unwrap_or_default();
            call.text.starts_with("fsync(") && day.len() == "2024/12/19".len()
        });
        assert!(folder.expect("the day's folder is synced").ended < at);
        at = follow(&calls, at, WRITES, &["lpr-server.db-wal"]);
        at = follow(&calls, at, SYNCS, &["lpr-server.db-wal"]);
        // Nothing of the answer before that.
        follow(&calls, at, SENDS, &["detection_id", &id]);
        let sends = |call: &&Call<'_>| {
            let named = SENDS.iter().any(|name| call.text.starts_with(&format!("{name}(")));
            named && call.text.contains("<socket:") && call.text.contains("detection_id") && call.text.contains(&id)
        };
        let early = calls.iter().filter(|call| call.begun < at).find(sends);
        assert!(early.is_none(), "answered early: {early:?}");
    }
}
