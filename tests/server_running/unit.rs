//! The files for those who run it: the units and the alert rules, looked at by the programs that will read them.

use crate::common::{repo, run, text};
use std::fs;
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

const RULES: [&str; 2] = ["prometheus-rules.yml", "prometheus-agent-rules.yml"];

#[test]
fn prometheus_understands_the_alert_rules() {
    if !is_there("promtool") {
        return;
    }
    let folder = repo().join("docs/alerting");
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    for name in RULES {
        let checked = run("promtool", &["check", "rules", &file(name)]);
        assert!(checked.status.success(), "{}{}", text(&checked.stdout), text(&checked.stderr));
    }
    let tried = run("promtool", &["test", "rules", &file("prometheus-agent-rules-test.yml")]);
    assert!(tried.status.success(), "{}{}", text(&tried.stdout), text(&tried.stderr));
}

#[test]
fn the_alert_rules_ask_for_documented_metrics_alone() {
    let names = |text: String| -> Vec<String> {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map(str::to_owned);
        words.filter(|word| word.starts_with("lpr_") || word.starts_with("process_")).collect()
    };
    let documented = names(fs::read_to_string(repo().join("docs/metrics.md")).unwrap());
    for file in RULES {
        for name in names(fs::read_to_string(repo().join("docs/alerting").join(file)).unwrap()) {
            let name = name.strip_suffix("_bucket").unwrap_or(&name);
            assert!(documented.iter().any(|known| known == name), "{file}: {name} is in docs/metrics.md");
        }
    }
}
