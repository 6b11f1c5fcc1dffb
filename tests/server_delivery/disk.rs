//! Disks that are full, read-only or damaged.

use crate::common::{run_in, text, wait_for};
use crate::event_client::{Event, Rest};
use crate::oracle::{assert_stored, deliver, pictures_on_disk, records, start};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SERVER: &str = env!("CARGO_BIN_EXE_lpr-server");

/// A command in a mount namespace of its own after `mount`, a line of shell; `None` where that is not permitted.
fn with_mount(mount: &str) -> Option<Command> {
    let ways: [&[&str]; 2] = [&["-m"], &["-r", "-m"]];
    let way = ways.into_iter().find(|way| {
        let probe = Command::new("unshare").args(*way).args(["mount", "-t", "tmpfs", "none", "/mnt"]).output();
        probe.is_ok_and(|output| output.status.success())
    });
    let Some(way) = way else {
        eprintln!("SKIPPED: mounting in a namespace of our own is not permitted here");
        return None;
    };
    let mut command = Command::new("unshare");
    command.args(way).args(["sh", "-c", &format!("{mount} && exec \"$@\""), "sh"]);
    Some(command)
}

/// A server on a small disk of its own.
struct SmallDisk {
    server: Child,
    address: String,
    /// Its files, seen from outside.
    data: PathBuf,
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl SmallDisk {
    fn start(dir: &Path, bytes: usize) -> Option<Self> {
        Self::start_with(dir, bytes, "true", None)
    }

    /// With a line of shell that fills it first.
    fn start_with(dir: &Path, bytes: usize, fill: &str, config: Option<&Path>) -> Option<Self> {
        let mut command = with_mount(&format!("mount -t tmpfs -o size={bytes} none {} && {fill}", dir.display()))?;
        let mut server = command
            .args([SERVER, "serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(dir)
            .args(config.map(|file| ["--config".as_ref(), file.as_os_str()]).into_iter().flatten())
            .env("LPR_SERVER_LOG_LEVEL", "error")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let address = ready.trim().rsplit_once("http://").expect("the ready line").1.to_owned();
        let data = PathBuf::from(format!("/proc/{}/root{}", server.id(), dir.display()));
        Some(Self { server, address, data })
    }
}

/// Sends events until `enough` of them in succession were refused for want of room; gives those that were answered.
fn fill(rest: &mut Rest, picture_bytes: usize, enough: usize) -> Vec<(Event, String)> {
    let mut stored = Vec::new();
    let mut refused = 0;
    for _ in 0..10_000 {
        let event = Event::new("c", picture_bytes);
        let (status, answer) = rest.post("/api/detection", &event.payload).unwrap();
        if status == 200 {
            refused = 0;
            stored.push((event, answer["detection_id"].as_str().unwrap().to_owned()));
            continue;
        }
        assert_eq!((status, answer["code"].as_str()), (503, Some("unavailable")), "{answer}");
        assert_eq!(answer["event_id"], event.id.as_str(), "{answer}");
        assert!(answer["retry_after_s"].as_u64().is_some_and(|seconds| seconds > 0), "{answer}");
        refused += 1;
        if refused == enough {
            return stored;
        }
    }
    panic!("the disk never was full");
}

#[test]
fn a_full_disk_is_said_and_what_comes_when_there_is_room_again_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut disk) = SmallDisk::start(dir.path(), 6 << 20) else { return };
    let ballast = disk.data.join("ballast");
    fs::write(&ballast, vec![0; 2 << 20]).unwrap();
    let mut rest = Rest::connect(&disk.address).unwrap();
    // First no picture fits, then no row; each refused event leaves nothing behind that would fill the disk further.
    let mut stored = fill(&mut rest, 200_000, 5);
    stored.extend(fill(&mut rest, 0, 20));
    stored.extend(fill(&mut rest, 4_000, 20));
    assert!(stored.len() > 5, "{}", stored.len());
    assert!(disk.server.try_wait().unwrap().is_none(), "it keeps running");
    assert_eq!(rest.get_json("/api/test").unwrap()["success"], true);

    fs::remove_file(&ballast).unwrap();
    for picture_bytes in [0, 4_000, 200_000] {
        let event = Event::new("c", picture_bytes);
        let answer = deliver(&mut rest, &event);
        stored.push((event, answer["detection_id"].as_str().unwrap().to_owned()));
    }
    let found = records(&disk.address);
    assert_eq!(found.len(), stored.len());
    for (event, id) in &stored {
        assert_stored(&mut rest, &found, event, id);
    }
    let named: usize = stored.iter().map(|(event, _)| event.pictures.len()).sum();
    assert_eq!(pictures_on_disk(&disk.data), named, "refused events left pictures behind");
}

#[test]
fn below_the_floor_of_free_room_the_oldest_go_and_no_more_than_needed() {
    let dir = tempfile::tempdir().unwrap();
    let before = tempfile::tempdir().unwrap();
    let server = start(before.path());
    let mut rest = Rest::connect(&server.address).unwrap();
    let deliver_one = |rest: &mut Rest| deliver(rest, &Event::new("c", 200_000))["detection_id"].clone();
    let ids: Vec<Value> = (0..30).map(|_| deliver_one(&mut rest)).collect();
    assert!(server.stop("TERM", Duration::from_secs(20)).success());

    // On a disk of 25 MB of which somebody else has 11.
    let config = before.path().join("floor.toml");
    fs::write(&config, "[retention]\nmin_free_mb = 8\n").unwrap();
    let (data, at) = (before.path().join("data"), dir.path().display());
    let fill = format!("cp -r {}/. {at} && head -c 11000000 /dev/zero > {at}/ballast", data.display());
    let Some(disk) = SmallDisk::start_with(dir.path(), 25_000_000, &fill, Some(&config)) else { return };
    let mut rest = Rest::connect(&disk.address).unwrap();
    let left = wait_for("room", Duration::from_secs(60), || {
        let records = rest.get_json("/api/records?limit=0&images=none").unwrap()["records"].clone();
        let left: Vec<Value> =
            records.as_array().unwrap().iter().map(|record| record["detection_id"].clone()).collect();
        (left.len() < ids.len()).then_some(left)
    });
    assert!(left.len() > 10 && ids.ends_with(&left), "the oldest went, no more than needed: {left:?}");
    assert!(free(&disk.data) < 9_000_000, "{}", free(&disk.data));
    deliver_one(&mut rest);
}

fn free(dir: &Path) -> u64 {
    let found = rustix::fs::statvfs(dir).unwrap();
    found.f_bavail * found.f_frsize
}

/// What a start that fails says, and its exit code.
fn refusal(command: &mut Command, data: &Path) -> (Option<i32>, String) {
    let output = run_in(command.args([SERVER, "serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data));
    (output.status.code(), text(&output.stderr))
}

#[test]
fn a_database_that_cannot_be_written_is_said_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    assert!(start(dir.path()).stop("TERM", Duration::from_secs(20)).success());
    let database = data.join("lpr-server.db").display().to_string();
    let Some(mut command) =
        with_mount(&format!("mount --bind {database} {database} && mount -o remount,bind,ro {database}"))
    else {
        return;
    };
    let (code, said) = refusal(&mut command, &data);
    assert_eq!(code, Some(13), "{said}");
    assert!(
        said.contains("cannot be written") && said.contains("lpr-server.db") && said.contains("--data-dir"),
        "{said}"
    );

    let folder = data.display();
    let mut command =
        with_mount(&format!("mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}")).unwrap();
    let (code, said) = refusal(&mut command, &data);
    assert_eq!(code, Some(13), "{said}");
    assert!(said.contains("cannot write the data directory"), "{said}");
}

#[test]
fn a_damaged_database_is_refused_with_the_remedy_and_left_for_whoever_can_save_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    deliver(&mut Rest::connect(&server.address).unwrap(), &Event::new("c", 500));
    assert!(server.stop("TERM", Duration::from_secs(20)).success());
    let data = dir.path().join("data");
    let database = data.join("lpr-server.db");
    let whole = fs::read(&database).unwrap();
    // The header, and the page that lists the tables.
    for (from, to) in [(0, 16), (100, 1000)] {
        let mut bytes = whole.clone();
        bytes[from..to].iter_mut().for_each(|byte| *byte ^= 0x5a);
        fs::write(&database, &bytes).unwrap();
        let (code, said) = refusal(&mut Command::new("env"), &data);
        assert_eq!(code, Some(13), "{said}");
        assert!(said.contains("is damaged") && said.contains("backup") && said.contains("move it"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(fs::read(&database).unwrap() == bytes, "not touched");
    }
    // The remedy works.
    fs::rename(&database, data.join("damaged.db")).unwrap();
    let server = start(dir.path());
    deliver(&mut Rest::connect(&server.address).unwrap(), &Event::new("c", 500));
}
