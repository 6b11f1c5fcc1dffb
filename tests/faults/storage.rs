//! Rounds in which the agent's disk is full, read-only or wrong.

use crate::common;
use crate::fault_proxy::Wire;
use crate::site::{PATIENCE, Site, flip};
use crate::table::Damage;
use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Unmounted when dropped.
struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn tool(program: &str, args: &[&str], path: &Path) -> Result<(), String> {
    let output = Command::new(program).args(args).arg(path).output().map_err(|error| format!("{program}: {error}"))?;
    let said = common::text(&output.stderr);
    output.status.success().then_some(()).ok_or(format!("{program} {}: {}", args.join(" "), said.trim()))
}

/// The data directory fills up with pictures while the server is away, and gets space again.
pub fn full_of_evidence(site: &mut Site) -> Result<(), String> {
    fill(site, "size=6m", |site| {
        site.wait("a full disk", |oracle| {
            let bare = oracle
                .events
                .values()
                .filter(|told| told.kind == "plate" && told.committed.is_some() && told.pictures[0].is_none());
            oracle.refused() + bare.count() >= 10
        });
    })
}

/// Events alone fill it: the oldest have to make room for the newest, and are counted.
pub fn full_of_events(site: &mut Site) -> Result<(), String> {
    fill(site, "size=3m", |site| {
        common::wait_for("events that are given up or refused", PATIENCE, || {
            (site.given_up() + site.oracle().refused() as u64 >= 100).then_some(())
        });
    })
}

fn fill(site: &mut Site, size: &str, wait: impl Fn(&mut Site)) -> Result<(), String> {
    let data = site.agent_data();
    fs::create_dir_all(&data).unwrap();
    tool("mount", &["-t", "tmpfs", "-o", size, "tmpfs"], &data)?;
    site.guards.push(Box::new(Mount(data.clone())));
    site.start();
    site.proxy.set(Wire::Refuse);
    wait(site);
    let oracle = site.oracle();
    site.notes.push(format!("{} refused, {} waiting when the disk was full", oracle.refused(), oracle.waiting()));
    if site.rng.range(0, 2) == 0 {
        // Also over a restart on a full disk.
        site.kill_agent();
        site.start_agent();
    }
    site.proxy.set(Wire::Pass);
    site.last(Duration::from_millis(500));
    tool("mount", &["-o", "remount,size=64m"], &data)?;
    site.healed();
    Ok(())
}

/// Immutable files: writes fail as on a disk that the kernel has remounted read-only. Not SQLite's `-shm`: it is mapped
/// memory, which such a disk leaves alone, but an immutable file answers with SIGBUS.
struct Immutable(PathBuf);

impl Immutable {
    fn set(path: &Path) -> Result<Self, String> {
        let immutable = Self(path.to_owned());
        for entry in fs::read_dir(path).unwrap().map_while(Result::ok) {
            if !entry.file_name().to_string_lossy().ends_with("-shm") && entry.path().exists() {
                tool("chattr", &["-R", "+i"], &entry.path())?;
            }
        }
        tool("chattr", &["+i"], path).map(|()| immutable)
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        let _ = tool("chattr", &["-R", "-i"], &self.0);
    }
}

pub fn read_only(site: &mut Site) -> Result<(), String> {
    site.start();
    let immutable = Immutable::set(&site.agent_data())?;
    let refused = site.oracle().refused();
    site.wait("refused events", |oracle| oracle.refused() > refused + 5);
    let time = site.rng.ms(100, 2500);
    site.last(time);
    drop(immutable);
    site.healed();
    Ok(())
}

/// Between two runs, with events that wait.
pub fn corrupt(site: &mut Site, damage: Damage) {
    site.start();
    site.proxy.set(Wire::Refuse);
    let before = site.oracle().committed();
    site.wait("events that wait", |oracle| oracle.committed() >= before + 40);
    match damage {
        // Only a process that did not end well leaves a log behind.
        Damage::Wal => site.kill_agent(),
        _ => site.stop_agent(),
    }
    let db = site.outbox_db();
    let bytes = fs::metadata(&db).unwrap().len();
    match damage {
        Damage::Header => flip(&db, 0, 16),
        Damage::Page => {
            let page = site.rng.range(1, bytes / 4096);
            flip(&db, page * 4096, 200);
        }
        Damage::Wal => {
            let wal = db.with_file_name("outbox.db-wal");
            let bytes = fs::metadata(&wal).unwrap().len();
            let at = site.rng.range(32, bytes - 64);
            flip(&wal, at, 32);
        }
        Damage::Empty => drop(fs::File::options().write(true).truncate(true).open(&db).unwrap()),
        Damage::Garbage => fs::write(&db, "this is no database; ".repeat(2000)).unwrap(),
        Damage::Newer => newer_and_back(site, &db),
    }
    site.proxy.set(Wire::Pass);
    site.healed();
    site.start_agent();
}

/// A newer schema is not touched: the agent says so and ends.
fn newer_and_back(site: &mut Site, db: &Path) {
    let version: i64 = Connection::open(db).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    Connection::open(db).unwrap().pragma_update(None, "user_version", 999).unwrap();
    site.start_agent_to_die("");
    let status = site.wait_for_agents_end("the refusal of a newer outbox");
    assert_eq!(status.code(), Some(13), "a newer outbox is refused as a storage fault");
    let log = site.agent_log();
    assert!(log.contains("newer lpr-agent"), "it must say why: {log}");
    Connection::open(db).unwrap().pragma_update(None, "user_version", version).unwrap();
}
