//! `lpr-agent doctor`: looks at everything and says what is wrong, and what to do.

use crate::agent::doctor::line::{Lang, Line, Status, Tally, one_line};
use crate::agent::doctor::{Contents, Report, examine, examine_without, write_bundle};
use crate::agent::{Exit, Failure};
use crate::clock::{Clock, SystemClock};
use crate::config::load_agent;
use serde_json::json;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration that the service runs with
    #[arg(long, value_name = "FILE", default_value = "/etc/lpr-agent/agent.toml")]
    config: PathBuf,
    /// Language; without it, that of LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
    /// One JSON object instead of lines for people
    #[arg(long)]
    json: bool,
    /// Write a file for support too: report, configuration without secrets, log, pictures (.tar.gz)
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
}

pub fn execute(args: &Args) -> Result<ExitCode, Failure> {
    let lang = args.lang.unwrap_or_else(|| Lang::of_env(|key| std::env::var(key).ok()));
    let config = load_agent(&args.config, std::env::vars());
    let report = match &config {
        Ok(config) => examine(config),
        Err(error) => examine_without(error),
    };
    if args.json {
        println!("{}", as_json(&report, lang));
    } else {
        print!("{}", as_text(&report.lines, lang, std::io::stdout().is_terminal()));
    }
    if let Some(path) = &args.bundle {
        let contents = Contents {
            report_text: as_text(&report.lines, Lang::En, false),
            report_json: as_json(&report, Lang::En),
            config: config.as_ref().ok(),
            pictures: &report.pictures,
            wall_us: SystemClock.wall_us(),
        };
        write_bundle(path, &contents).map_err(|error| {
            Failure::new(Exit::Storage, format!("cannot write {}: {error}; name another file", path.display()))
        })?;
        eprintln!("{} is written; it holds pictures: show it to support only", path.display());
    }
    if Tally::of(&report.lines).fail > 0 { Ok(Exit::Partly.into()) } else { Ok(ExitCode::SUCCESS) }
}

fn as_json(report: &Report, lang: Lang) -> String {
    let Tally { ok, skip, warn, fail } = Tally::of(&report.lines);
    let checks: Vec<_> = report.lines.iter().map(|line| line.as_json(lang)).collect();
    json!({"checks": checks, "summary": {"ok": ok, "skip": skip, "warn": warn, "fail": fail}}).to_string()
}

fn as_text(lines: &[Line], lang: Lang, colour: bool) -> String {
    let mut text = String::new();
    for line in lines {
        let about = if line.about.is_empty() { String::new() } else { format!("{}: ", line.about) };
        let (mark, said) = (mark(line.status, lang, colour), one_line(line.said.of(lang)));
        // Writing to a text does not fail.
        let _ = writeln!(text, "{mark} {}  {about}{said}", padded(line.check.name(lang), 12));
        if let Some(remedy) = &line.remedy {
            let _ = writeln!(text, "{}→ {}", " ".repeat(20), one_line(remedy.of(lang)));
        }
    }
    let Tally { ok, skip, warn, fail } = Tally::of(lines);
    let _ = match lang {
        Lang::En => writeln!(text, "{ok} ok, {warn} to look at, {fail} wrong, {skip} not looked at"),
        Lang::Th => writeln!(text, "ปกติ {ok} ควรดู {warn} ผิดปกติ {fail} ไม่ได้ตรวจ {skip}"),
    };
    text
}

fn mark(status: Status, lang: Lang, colour: bool) -> String {
    let (word, code) = match (status, lang) {
        (Status::Ok, Lang::En) => ("ok", "32"),
        (Status::Skip, Lang::En) => ("-", "2"),
        (Status::Warn, Lang::En) => ("warn", "33"),
        (Status::Fail, Lang::En) => ("FAIL", "31"),
        (Status::Ok, Lang::Th) => ("ปกติ", "32"),
        (Status::Skip, Lang::Th) => ("-", "2"),
        (Status::Warn, Lang::Th) => ("เตือน", "33"),
        (Status::Fail, Lang::Th) => ("ผิด", "31"),
    };
    let word = padded(word, 5);
    if colour { format!("\u{1b}[{code}m{word}\u{1b}[0m") } else { word }
}

/// So many columns wide: Thai vowels and tones above and below a letter take none.
fn padded(word: &str, columns: usize) -> String {
    let takes_none = |c: &char| matches!(c, '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}');
    let width = word.chars().filter(|c| !takes_none(c)).count();
    format!("{word}{}", " ".repeat(columns.saturating_sub(width)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::doctor::line::{Check, Words};

    #[test]
    fn colour_is_for_terminals_and_columns_hold_in_both_languages() {
        let lines = [Line::fail(Check::Power, Words::same("low"), Words::same("mend"))];
        let plain = as_text(&lines, Lang::En, false);
        assert!(plain.starts_with("FAIL  power         low\n                    → mend\n"), "{plain:?}");
        assert!(as_text(&lines, Lang::En, true).contains("\u{1b}[31mFAIL"));
        assert_eq!(padded("ไฟเลี้ยง", 12).chars().count(), 12 + 2, "two marks take no column");
    }
}
