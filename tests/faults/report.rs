//! What the rounds showed, as a table.

use crate::oracle::Tally;
use crate::table::{Fault, Round};
use std::path::Path;
use std::time::Duration;

#[derive(Default)]
struct Line {
    rounds: u64,
    tally: Tally,
    slowest: Duration,
    skipped: Option<String>,
    notes: Vec<String>,
}

impl Line {
    fn add(&mut self, rounds: u64, tally: &Tally, slowest: Duration) {
        self.rounds += rounds;
        self.tally.add(tally);
        self.slowest = self.slowest.max(slowest);
    }
}

#[derive(Default)]
pub struct Report {
    lines: Vec<(Fault, Line)>,
    pub failures: Vec<String>,
}

impl Report {
    pub fn take(&mut self, fault: Fault, seed: u64, dir: &Path, round: Round) {
        let name = fault.name();
        if let Some(why) = &round.skipped {
            eprintln!("*** SKIPPED *** {name}: {why}");
        }
        if round.failures.is_empty() {
            let _ = std::fs::remove_dir_all(dir);
        } else {
            let what = round.failures.join("; ");
            let notes = round.notes.join("\n");
            let text = format!(
                "FAILED {name}: {what}\n  again: LPR_FAULT_ONLY=\"{name}\" LPR_FAULT_SEED={seed}\n  kept: {}\n{notes}",
                dir.display()
            );
            eprintln!("{text}");
            self.failures.push(text);
        }
        let line = self.line(fault);
        line.add(u64::from(round.skipped.is_none()), &round.tally, round.recovery);
        line.skipped = round.skipped;
        line.notes.extend(round.notes);
    }

    fn line(&mut self, fault: Fault) -> &mut Line {
        let at = self.lines.iter().position(|(known, _)| *known == fault).unwrap_or_else(|| {
            self.lines.push((fault, Line::default()));
            self.lines.len() - 1
        });
        &mut self.lines[at].1
    }

    pub fn markdown(&self, order: &[Fault]) -> String {
        let mut text = "| fault | rounds | committed | delivered | duplicates answered | evicted | quarantined | reported lost | \
                        silently lost | applied twice | slowest recovery |\n|---|---|---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
        let mut sum = Line::default();
        for fault in order {
            let Some((_, line)) = self.lines.iter().find(|(known, _)| known == fault) else { continue };
            text += &row(&fault.name(), line);
            sum.add(line.rounds, &line.tally, line.slowest);
        }
        text += &row("**all**", &sum);
        for fault in order {
            let Some((_, line)) = self.lines.iter().find(|(known, _)| known == fault) else { continue };
            for note in line.notes.iter().filter(|note| !note.starts_with("---")) {
                text += &format!("\n- {}: {note}", fault.name());
            }
        }
        text + "\n"
    }
}

fn row(name: &str, line: &Line) -> String {
    if let Some(why) = &line.skipped {
        return format!("| {name} | SKIPPED: {why} | | | | | | | | | |\n");
    }
    let Tally { committed, delivered, duplicates, evicted, quarantined, reported_lost, .. } = line.tally;
    let rounds = line.rounds;
    format!(
        "| {name} | {rounds} | {committed} | {delivered} | {duplicates} | {evicted} | {quarantined} | {reported_lost} | {} | {} | {:.2} s |\n",
        line.tally.silently_lost,
        line.tally.applied_twice,
        line.slowest.as_secs_f64()
    )
}
