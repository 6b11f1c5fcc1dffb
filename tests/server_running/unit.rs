//! The files for those who run it: the units and the alert rules, looked at by the programs that will read them.

use crate::common::{repo, run, text};
use std::process::Command;

fn is_there(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("*** SKIPPED *** {program} is not installed here");
    }
    there
}

#[test]
fn systemd_understands_the_units_and_finds_little_exposed() {
    if !is_there("systemd-analyze") {
        return;
    }
    let judged = run("bash", &[repo().join("scripts/units.sh").to_str().unwrap()]);
    assert!(judged.status.success(), "{}{}", text(&judged.stdout), text(&judged.stderr));
    println!("{}", text(&judged.stdout));
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
