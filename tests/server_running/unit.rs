//! The files for those who run it: the unit and the alert rules, looked at by the programs that will read them.

use crate::common::{repo, run, text};
use std::fs;
use std::process::Command;

/// The most that `systemd-analyze security` may say; 0 is a box without doors.
const EXPOSURE: f64 = 1.5;

fn is_there(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("*** SKIPPED *** {program} is not installed here");
    }
    there
}

#[test]
fn systemd_understands_the_unit_and_finds_little_exposed() {
    if !is_there("systemd-analyze") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let unit = dir.path().join("lpr-server.service");
    let text_of_unit = fs::read_to_string(repo().join("systemd/lpr-server.service")).unwrap();
    for line in ["Type=notify", "RestartPreventExitStatus=10 13", "StateDirectory=lpr-server", "LoadCredential="] {
        assert!(text_of_unit.contains(line), "{line}");
    }
    // As installed, but for where the program is.
    fs::write(&unit, text_of_unit.replace("/usr/bin/lpr-server", env!("CARGO_BIN_EXE_lpr-server"))).unwrap();
    let unit = unit.to_str().unwrap();
    let verified = run("systemd-analyze", &["verify", "--man=no", unit]);
    let said = text(&verified.stderr);
    let about_ours: Vec<&str> = said.lines().filter(|line| line.contains("lpr-server")).collect();
    assert!(about_ours.is_empty(), "{about_ours:?}");
    let judged = run("systemd-analyze", &["security", "--offline=true", "--no-pager", unit]);
    let table = text(&judged.stdout);
    let line = table.lines().find(|line| line.contains("Overall exposure level")).unwrap_or_else(|| {
        panic!("no judgement: {table}{}", text(&judged.stderr));
    });
    let level: f64 = line.rsplit(": ").next().unwrap().split(' ').next().unwrap().parse().unwrap();
    println!("exposure {level}");
    assert!(level <= EXPOSURE, "{table}");
}

#[test]
fn prometheus_understands_the_alert_rules() {
    if !is_there("promtool") {
        return;
    }
    let rules = repo().join("docs/alerting/prometheus-rules.yml");
    let checked = run("promtool", &["check", "rules", rules.to_str().unwrap()]);
    assert!(checked.status.success(), "{}{}", text(&checked.stdout), text(&checked.stderr));
}
