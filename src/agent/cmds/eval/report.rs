//! What `eval` prints.

use super::FolderFigures;
use super::clip::Watched;
use super::score::{ClipEvent, ClipScore, Outcome, Tally};
use super::truth::Truth;
use crate::inference::PipelineInfo;
use serde::Serialize;
use std::io::{self, Write};

/// Everything found out.
#[derive(Debug, Default)]
pub struct Report {
    models: Vec<String>,
    runtime: String,
    pub folders: Vec<FolderFigures>,
    pub failures: Vec<Miss>,
    pub clips: Vec<ClipReport>,
    pub unreadable: Vec<Unreadable>,
}

/// A photo whose text was not read exactly.
#[derive(Debug, Clone, Serialize)]
pub struct Miss {
    pub file: String,
    pub text: String,
    pub read: String,
    pub province: String,
    pub read_province: String,
}

/// A file that could not be looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Unreadable {
    pub file: String,
    pub error: String,
}

/// A clip's figures and events.
#[derive(Debug, Clone, Serialize)]
pub struct ClipReport {
    file: String,
    frames: u64,
    #[serde(flatten)]
    score: ClipScore,
    events: Vec<ClipEvent>,
}

/// A folder's figures as `--json` has them: others script against it.
#[derive(Serialize)]
struct FolderLine<'a> {
    folder: &'a str,
    photos: usize,
    exact: usize,
    exact_merged: usize,
    character_accuracy: Option<f64>,
    recall: Option<f64>,
    precision: Option<f64>,
    provinces: usize,
    provinces_right: usize,
    median_ms: f64,
    runtime_share: f64,
}

#[derive(Serialize)]
struct ReportLine<'a> {
    models: &'a [String],
    runtime: &'a str,
    folders: Vec<FolderLine<'a>>,
    clips: &'a [ClipReport],
    failures: &'a [Miss],
    unreadable: &'a [Unreadable],
}

impl Miss {
    pub fn of(file: &str, outcome: &Outcome<'_>) -> Self {
        Self {
            file: file.to_owned(),
            text: outcome.text.to_owned(),
            read: outcome.read.to_owned(),
            province: outcome.province.to_owned(),
            read_province: outcome.read_province.to_owned(),
        }
    }
}

impl ClipReport {
    pub fn of(rows: &[&Truth], watched: Watched) -> Self {
        let expected: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
        let score = ClipScore::of(&expected, &watched.events);
        let file = rows.first().map(|row| row.file.clone()).unwrap_or_default();
        Self { file, frames: watched.frames, score, events: watched.events }
    }
}

impl<'a> FolderLine<'a> {
    fn of(folder: &'a FolderFigures) -> Self {
        let Tally { photos, exact, merged, provinces, provinces_right, .. } = folder.tally;
        let total: f64 = folder.milliseconds.iter().sum();
        let runtime: f64 = folder.runtime_milliseconds.iter().sum();
        Self {
            folder: &folder.name,
            photos,
            exact,
            exact_merged: merged,
            character_accuracy: folder.tally.character_accuracy().map(rounded),
            recall: folder.tally.recall().map(rounded),
            precision: folder.tally.precision().map(rounded),
            provinces,
            provinces_right,
            median_ms: rounded(super::super::read::median(folder.milliseconds.clone())),
            runtime_share: rounded(if total > 0.0 { runtime / total } else { 0.0 }),
        }
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

impl Report {
    /// The figures of the folder of that name.
    pub fn folder(&mut self, name: &str) -> &mut FolderFigures {
        let index = self.folders.iter().position(|folder| folder.name == name).unwrap_or(self.folders.len());
        if index == self.folders.len() {
            self.folders.push(FolderFigures { name: name.to_owned(), ..FolderFigures::default() });
        }
        &mut self.folders[index]
    }

    pub fn models(&mut self, info: &PipelineInfo) {
        self.models = info.models.iter().map(|model| model.name.clone()).collect();
        self.runtime.clone_from(&info.runtime_version);
    }

    pub fn json(&self, mut out: impl Write) -> io::Result<()> {
        let line = ReportLine {
            models: &self.models,
            runtime: &self.runtime,
            folders: self.folders.iter().map(FolderLine::of).collect(),
            clips: &self.clips,
            failures: &self.failures,
            unreadable: &self.unreadable,
        };
        serde_json::to_writer(&mut out, &line)?;
        writeln!(out)
    }

    pub fn print(&self, mut out: impl Write) -> io::Result<()> {
        let dir = "FOLDER";
        writeln!(
            out,
            "{dir:<12} {:>6} {:>6} {:>9} {:>6} {:>6} {:>9} {:>9} {:>7}",
            "PHOTOS", "EXACT", "O=0, I=1", "CHARS", "RECALL", "PRECISION", "PROVINCE", "MS"
        )?;
        for line in self.folders.iter().map(FolderLine::of) {
            let province = if line.provinces > 0 { line.provinces_right.to_string() } else { "-".to_owned() };
            writeln!(
                out,
                "{:<12} {:>6} {:>6} {:>9} {:>6} {:>6} {:>9} {province:>9} {:>7.0}",
                line.folder,
                line.photos,
                line.exact,
                line.exact_merged,
                percent(line.character_accuracy),
                percent(line.recall),
                percent(line.precision),
                line.median_ms,
            )?;
        }
        for clip in &self.clips {
            clip.print(&mut out)?;
        }
        if !self.failures.is_empty() {
            writeln!(out, "\nnot read exactly:")?;
        }
        for miss in &self.failures {
            let read = if miss.read.is_empty() { "(nothing)" } else { &miss.read };
            writeln!(out, "{:<56} {:<10} {read}", miss.file, miss.text)?;
        }
        writeln!(out, "\n{}; ONNX Runtime {}", self.models.join(" + "), self.runtime)
    }
}

impl ClipReport {
    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let ClipScore { expected, found, duplicated, strange, exact, digits } = self.score;
        writeln!(
            out,
            "\n{}: {} frames, {expected} vehicle(s) expected, {found} found ({exact} exact, {digits} with the digits \
             right), {duplicated} duplicated, {strange} strange",
            self.file, self.frames
        )?;
        for event in &self.events {
            let province = event.province.as_deref().unwrap_or("");
            let (first, time) = (event.first_seen_s, event.event_s);
            writeln!(out, "  {:<12} {province:<16} first seen at {first:.2} s, event at {time:.2} s", event.text)?;
        }
        Ok(())
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or("-".to_owned(), |share| format!("{:.1}%", share * 100.0))
}
