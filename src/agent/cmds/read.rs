//! `lpr-agent read`: read plates from images, folders and clips, and print them.

use crate::agent::{Exit, Failure};
use crate::capture::{self, OpenOptions};
use crate::config::{AgentConfig, EvidenceConfig, SourceSpec, agent_from, load_agent};
use crate::domain::{BBox, Detection, Frame, FrameReading, PlateRead, Timing};
use crate::imaging::{annotate, encode_jpeg};
use crate::inference::{InferenceError, Pipeline};
use serde::Serialize;
use std::collections::HashSet;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Take models and settings from this file; without it, the defaults and LPR_… from the environment
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON object a line, per image or frame
    #[arg(long)]
    json: bool,
    /// Write each picture with its boxes and texts into this folder
    #[arg(long, value_name = "DIR")]
    annotate: Option<PathBuf>,
    /// Images, folders of images, clips; or any other source, e.g. sim:seconds=2
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
}

/// Where the Debian package puts the manifests.
const SYSTEM_MODELS: &str = "/usr/share/lpr/models";

/// Bytes of an annotated picture at the most: it is for people and stays on the disk.
const ANNOTATED_MAX_BYTES: usize = 10_000_000;

pub fn execute(args: &Args) -> Result<ExitCode, Failure> {
    let config = configuration(args.config.as_deref())?;
    let mut pipeline = Pipeline::load(&config.models)?;
    let pictures = match &args.annotate {
        Some(dir) => Some(Pictures::in_folder(dir, &config.evidence)?),
        None => None,
    };
    let mut reader =
        Reader { pipeline: &mut pipeline, out: io::stdout(), json: args.json, pictures, totals: Totals::default() };
    let ended = reader.read_all(&args.paths);
    match ended {
        // Whoever listened has heard enough (`lpr-agent read … | head`).
        Err(Stop::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(Stop::Output(error)) => Err(Failure::new(Exit::Storage, format!("cannot write the output: {error}"))),
        Err(Stop::Failure(failure)) => Err(failure),
        Ok(()) if reader.totals.unreadable > 0 => Ok(Exit::Partly.into()),
        Ok(()) => Ok(ExitCode::SUCCESS),
    }
}

/// The file's configuration; without one the defaults, no camera needed.
pub(super) fn configuration(file: Option<&Path>) -> Result<AgentConfig, Failure> {
    if let Some(file) = file {
        return Ok(load_agent(file, std::env::vars())?);
    }
    let mut text = String::new();
    if !Path::new("models").is_dir() && Path::new(SYSTEM_MODELS).is_dir() {
        text.push_str(&format!("[models]\ndir = \"{SYSTEM_MODELS}\"\n"));
    }
    // The paths take the place of the cameras; a configuration without any is refused.
    text.push_str("[[camera]]\nsource = \"command line\"\n");
    Ok(agent_from(&text, "defaults", std::env::vars())?)
}

impl From<InferenceError> for Failure {
    fn from(error: InferenceError) -> Self {
        Failure::new(Exit::Models, error)
    }
}

/// Why reading ends before the last path.
enum Stop {
    Output(io::Error),
    Failure(Failure),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// One picture to read.
struct Item<'a> {
    /// The image, the clip, or the source without its credentials.
    path: &'a str,
    /// Frame within it, from 1.
    number: u64,
    frame: &'a Frame,
}

#[derive(Default)]
struct Totals {
    unreadable: usize,
    plates: usize,
    timings: Vec<Timing>,
}

struct Reader<'a, W: Write> {
    pipeline: &'a mut Pipeline,
    out: W,
    json: bool,
    pictures: Option<Pictures>,
    totals: Totals,
}

impl<W: Write> Reader<'_, W> {
    fn read_all(&mut self, paths: &[String]) -> Result<(), Stop> {
        if !self.json {
            writeln!(self.out, "{}", table_row(["FILE", "PLATE", "TEXT", "BOX", "VEHICLE", "PROVINCE", "MS"]))?;
        }
        for path in paths {
            match SourceSpec::parse(path) {
                Ok(spec) => self.read_source(&spec)?,
                Err(error) => self.unreadable(path, &format!("{path}: {error}"))?,
            }
        }
        if !self.json {
            self.summary()?;
        }
        Ok(())
    }

    fn read_source(&mut self, spec: &SourceSpec) -> Result<(), Stop> {
        let shown = spec.to_string();
        let mut source = match capture::open(spec, &OpenOptions::default()) {
            Ok(source) => source,
            Err(error) => return self.unreadable(&shown, &error.to_string()),
        };
        loop {
            let started = Instant::now();
            match source.next() {
                Ok(None) => return Ok(()),
                Ok(Some(frame)) => {
                    let decode = milliseconds_since(started);
                    let label = source.label();
                    // An image of a folder goes by its own name: it is the first and only frame of that.
                    let number = if label == shown { frame.number } else { 1 };
                    self.read_frame(&Item { path: &label, number, frame: &frame }, decode)?;
                }
                Err(error) => {
                    self.unreadable(&source.label(), &error.to_string())?;
                    if !error.is_per_item() {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn read_frame(&mut self, item: &Item<'_>, decode: f64) -> Result<(), Stop> {
        let mut reading = self.pipeline.read(item.frame).map_err(Failure::from)?;
        reading.timing.decode = decode;
        reading.timing.total += decode;
        if self.json {
            let line = serde_json::to_string(&FrameLine::of(item, &reading)).map_err(io::Error::from)?;
            writeln!(self.out, "{line}")?;
        } else {
            self.rows(item, &reading)?;
        }
        if let Some(pictures) = &mut self.pictures {
            pictures.write(item, &reading)?;
        }
        self.totals.plates += reading.plates.iter().filter(|plate| !plate.text.is_empty()).count();
        self.totals.timings.push(reading.timing);
        Ok(())
    }

    fn unreadable(&mut self, path: &str, error: &str) -> Result<(), Stop> {
        self.totals.unreadable += 1;
        if self.json {
            let line = serde_json::to_string(&ErrorLine { path, error }).map_err(io::Error::from)?;
            writeln!(self.out, "{line}")?;
        } else {
            eprintln!("lpr-agent: {error}");
        }
        Ok(())
    }

    fn rows(&mut self, item: &Item<'_>, reading: &FrameReading) -> Result<(), Stop> {
        let name = match item.number {
            1 => item.path.to_owned(),
            number => format!("{}#{number}", item.path),
        };
        let milliseconds = format!("{:.0}", reading.timing.total);
        if reading.plates.is_empty() {
            writeln!(self.out, "{}", table_row([&name, "no plate", "", "", "", "", &milliseconds]))?;
        }
        for plate in &reading.plates {
            let vehicle = plate.vehicle.and_then(|index| reading.vehicles.get(index));
            let row = [
                name.as_str(),
                if plate.text.is_empty() { "(not legible)" } else { &plate.text },
                &format!("{:.2}", plate.text_confidence),
                &format!("{:.2}", plate.confidence),
                vehicle.map_or("", |vehicle| vehicle.class.as_str()),
                plate.province.as_deref().unwrap_or(""),
                &milliseconds,
            ];
            writeln!(self.out, "{}", table_row(row))?;
        }
        Ok(())
    }

    fn summary(&mut self) -> Result<(), Stop> {
        let Totals { unreadable, plates, timings } = &self.totals;
        let info = self.pipeline.describe();
        let models: Vec<String> =
            info.models.iter().map(|model| format!("{} ({})", model.name, model.provider)).collect();
        let total: f64 = timings.iter().map(|timing| timing.total).sum();
        let runtime: f64 = timings.iter().map(|timing| timing.runtime).sum();
        let share = if total > 0.0 { 100.0 * runtime / total } else { 0.0 };
        writeln!(
            self.out,
            "\n{} frame(s), {plates} plate(s) read, {unreadable} unreadable; median {:.0} ms a frame, {share:.0} % inside \
             ONNX Runtime {}; {}",
            timings.len(),
            median(timings.iter().map(|timing| timing.total).collect()),
            info.runtime_version,
            models.join(", "),
        )?;
        Ok(())
    }
}

fn milliseconds_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn table_row([file, plate, text, bbox, vehicle, province, ms]: [&str; 7]) -> String {
    format!("{file:<40} {plate:<14} {text:>5} {bbox:>5} {vehicle:<11} {province:<16} {ms:>6}").trim_end().to_owned()
}

/// One line of `--json`: others script against it.
#[derive(Serialize)]
struct FrameLine<'a> {
    path: &'a str,
    frame: u64,
    width: u32,
    height: u32,
    vehicles: Vec<VehicleLine<'a>>,
    plates: Vec<PlateLine<'a>>,
    timing_ms: TimingLine,
}

#[derive(Serialize)]
struct ErrorLine<'a> {
    path: &'a str,
    error: &'a str,
}

#[derive(Serialize)]
struct VehicleLine<'a> {
    bbox: BBox,
    confidence: f64,
    class: &'a str,
}

#[derive(Serialize)]
struct PlateLine<'a> {
    bbox: BBox,
    confidence: f64,
    text: &'a str,
    text_confidence: f64,
    /// Before a grammar changed it; left out where none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_text: Option<&'a str>,
    /// Of a Thai plate; left out where none was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    province: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    province_confidence: Option<f64>,
    vehicle: Option<usize>,
}

#[derive(Serialize)]
struct TimingLine {
    decode: f64,
    vehicle: f64,
    plate: f64,
    ocr: f64,
    total: f64,
}

impl<'a> FrameLine<'a> {
    fn of(item: &Item<'a>, reading: &'a FrameReading) -> Self {
        let Timing { decode, vehicle, plate, ocr, total, .. } = reading.timing;
        let [decode, vehicle, plate, ocr, total] = [decode, vehicle, plate, ocr, total].map(|ms| rounded(ms, 100.0));
        Self {
            path: item.path,
            frame: item.number,
            width: item.frame.width(),
            height: item.frame.height(),
            vehicles: reading.vehicles.iter().map(VehicleLine::of).collect(),
            plates: reading.plates.iter().map(PlateLine::of).collect(),
            timing_ms: TimingLine { decode, vehicle, plate, ocr, total },
        }
    }
}

impl<'a> VehicleLine<'a> {
    fn of(vehicle: &'a Detection) -> Self {
        let confidence = rounded(vehicle.confidence.into(), 1e4);
        Self { bbox: tenths(&vehicle.bbox), confidence, class: &vehicle.class }
    }
}

impl<'a> PlateLine<'a> {
    fn of(plate: &'a PlateRead) -> Self {
        Self {
            bbox: tenths(&plate.bbox),
            confidence: rounded(plate.confidence.into(), 1e4),
            text: &plate.text,
            text_confidence: rounded(plate.text_confidence.into(), 1e4),
            raw_text: plate.raw_text.as_deref(),
            province: plate.province.as_deref(),
            province_confidence: plate.province.as_ref().map(|_| rounded(plate.province_confidence.into(), 1e4)),
            vehicle: plate.vehicle,
        }
    }
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

/// Tenths of a pixel are more than a detector knows.
fn tenths(bbox: &BBox) -> BBox {
    <[f32; 4]>::from(*bbox).map(|side| (side * 10.0).round() / 10.0).into()
}

/// The annotated pictures of a run.
struct Pictures {
    dir: PathBuf,
    quality: u8,
    written: HashSet<String>,
}

impl Pictures {
    fn in_folder(dir: &Path, evidence: &EvidenceConfig) -> Result<Self, Failure> {
        std::fs::create_dir_all(dir).map_err(|error| cannot_write(dir, &error))?;
        Ok(Self { dir: dir.to_owned(), quality: evidence.jpeg_quality, written: HashSet::new() })
    }

    fn write(&mut self, item: &Item<'_>, reading: &FrameReading) -> Result<(), Failure> {
        let internal = |error| Failure::new(Exit::Internal, format!("cannot draw {}: {error}", item.path));
        let picture = annotate(item.frame, &reading.vehicles, &reading.plates).map_err(internal)?;
        let jpeg = encode_jpeg(&picture, self.quality, ANNOTATED_MAX_BYTES).map_err(internal)?;
        let name = self.free_name(item.path, item.number);
        let file = self.dir.join(name);
        std::fs::write(&file, jpeg).map_err(|error| cannot_write(&file, &error))
    }

    /// The source's name with the frame's number; pictures of the same name from several folders are told apart.
    fn free_name(&mut self, path: &str, number: u64) -> String {
        let stem = Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or("frame");
        let safe: String =
            stem.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
        let plain = if number == 1 { safe } else { format!("{safe}_{number:06}") };
        let mut name = format!("{plain}.jpg");
        let mut copy = 2;
        while !self.written.insert(name.clone()) {
            name = format!("{plain}-{copy}.jpg");
            copy += 1;
        }
        name
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Storage, format!("cannot write {}: {error}; choose another folder or make room", path.display()))
}
