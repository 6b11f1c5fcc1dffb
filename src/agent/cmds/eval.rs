//! `lpr-agent eval`: how well the configured models read photos and clips whose plates are known.

mod clip;
mod report;
mod score;
mod sheet;
mod truth;

use super::read::configuration;
use crate::agent::cameras::track_settings;
use crate::agent::{Exit, Failure};
use crate::config::{AgentConfig, CameraConfig};
use crate::domain::{CaptureTime, Frame, FrameReading};
use crate::imaging::decode_file;
use crate::inference::Pipeline;
use report::{ClipReport, Miss, Report, Unreadable};
use score::{Outcome, Tally};
use sheet::Failures;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use truth::Truth;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// List of photos and clips with what stands on their plates: file,x,y,w,h,text,province
    #[arg(long, value_name = "CSV")]
    truth: PathBuf,
    /// Take models and settings from this file; without it, the defaults and LPR_… from the environment
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Write a contact sheet of the photos not read right
    #[arg(long, value_name = "PNG")]
    sheet: Option<PathBuf>,
}

/// Two boxes are the same plate from this IoU on.
const SAME_PLATE: f32 = 0.5;

pub fn execute(args: &Args) -> Result<ExitCode, Failure> {
    let config = configuration(args.config.as_deref())?;
    let truths = Truth::load(&args.truth)?;
    let mut evaluation = Evaluation {
        pipeline: Pipeline::load(&config.models)?,
        report: Report::default(),
        failures: args.sheet.as_ref().map(|_| Failures::default()),
    };
    for truth in truths.iter().filter(|truth| truth.is_photo()) {
        evaluation.photo(truth)?;
    }
    for rows in clips(&truths) {
        evaluation.clip(&rows, &config)?;
    }
    let Evaluation { pipeline, mut report, failures } = evaluation;
    report.models(&pipeline.describe());
    if let (Some(path), Some(failures)) = (&args.sheet, failures) {
        failures.write(path)?;
    }
    let out = io::stdout().lock();
    let printed = if args.json { report.json(out) } else { report.print(out) };
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Storage, format!("cannot write the output: {error}")))
        }
        _ if report.unreadable.is_empty() => Ok(ExitCode::SUCCESS),
        _ => Ok(Exit::Partly.into()),
    }
}

/// The rows of each clip together, in the list's order.
fn clips(truths: &[Truth]) -> Vec<Vec<&Truth>> {
    let mut clips: Vec<Vec<&Truth>> = Vec::new();
    for truth in truths.iter().filter(|truth| !truth.is_photo()) {
        match clips.iter_mut().find(|rows| rows[0].path == truth.path) {
            Some(rows) => rows.push(truth),
            None => clips.push(vec![truth]),
        }
    }
    clips
}

struct Evaluation {
    pipeline: Pipeline,
    report: Report,
    failures: Option<Failures>,
}

impl Evaluation {
    fn photo(&mut self, truth: &Truth) -> Result<(), Failure> {
        let frame = match decode_file(&truth.path) {
            Ok(picture) => Frame::new(picture.width, picture.height, picture.pixels, 1, CaptureTime::default())
                .map_err(|error| Failure::new(Exit::Internal, error))?,
            Err(error) => return self.unreadable(truth, &error.to_string()),
        };
        let reading = self.pipeline.read(&frame)?;
        let outcome = outcome(truth, &reading);
        let folder = self.report.folder(truth.folder());
        folder.milliseconds.push(reading.timing.total);
        folder.runtime_milliseconds.push(reading.timing.runtime);
        if !folder.tally.count(&outcome) {
            let miss = Miss::of(&truth.file, &outcome);
            if let Some(failures) = &mut self.failures {
                failures.add(&frame, truth, &reading, &miss);
            }
            self.report.failures.push(miss);
        }
        Ok(())
    }

    fn clip(&mut self, rows: &[&Truth], config: &AgentConfig) -> Result<(), Failure> {
        let [first, ..] = rows else { return Ok(()) };
        let watched = clip::watch(&mut self.pipeline, &first.path, track_settings(config, &CameraConfig::default()))?;
        if let Some(error) = &watched.error {
            self.unreadable(first, error)?;
        }
        self.report.clips.push(ClipReport::of(rows, watched));
        Ok(())
    }

    fn unreadable(&mut self, truth: &Truth, error: &str) -> Result<(), Failure> {
        self.report.unreadable.push(Unreadable { file: truth.file.clone(), error: error.to_owned() });
        writeln!(io::stderr(), "lpr-agent: {error}").map_err(|error| Failure::new(Exit::Storage, error))
    }
}

fn outcome<'a>(truth: &'a Truth, reading: &'a FrameReading) -> Outcome<'a> {
    let best = reading.plates.first();
    let on_box = truth.bbox.map(|labelled| {
        let mut hits = reading.plates.iter().map(|plate| plate.bbox.iou(&labelled) >= SAME_PLATE);
        let surest = hits.next();
        (surest == Some(true) || hits.any(|hit| hit), surest)
    });
    Outcome {
        text: &truth.text,
        province: &truth.province,
        read: best.map_or("", |plate| &plate.text),
        read_province: best.and_then(|plate| plate.province.as_deref()).unwrap_or(""),
        on_box,
    }
}

/// Folders with all their photos' figures.
#[derive(Debug, Default)]
struct FolderFigures {
    name: String,
    tally: Tally,
    milliseconds: Vec<f64>,
    runtime_milliseconds: Vec<f64>,
}
