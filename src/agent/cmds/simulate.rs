//! `lpr-agent simulate`: frames of a simulated road as JPEG files, and what is on them.
//!
//! Frame `n` (from 1) is `frame_00000n.jpg` and line `n` of `truth.jsonl`:
//! `{"frame":n,"vehicles":[{"id","bbox","text","province","plate_bbox","visible"}]}`.

use crate::agent::{Exit, Failure};
use crate::sim::{SimFrame, SimSpec, Simulator, VehicleTruth};
use std::fs::{self, File};
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to render, e.g. "seed=7;seconds=10;layout=thai;light=night" (sim: may stand before it)
    #[arg(value_name = "SPEC")]
    spec: String,
    /// Folder for frame_000001.jpg … and truth.jsonl; made if missing, files of the same names are replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

const JPEG_QUALITY: u8 = 95;

/// One line of `truth.jsonl`.
#[derive(serde::Serialize)]
struct TruthLine<'a> {
    frame: u64,
    vehicles: &'a [VehicleTruth],
}

pub fn execute(args: &Args) -> Result<ExitCode, Failure> {
    let spec = SimSpec::parse(&args.spec).map_err(|e| Failure::new(Exit::Config, e))?;
    fs::create_dir_all(&args.out).map_err(|e| unwritable(&args.out, &e))?;
    let truth_path = args.out.join("truth.jsonl");
    let mut truth = BufWriter::new(File::create(&truth_path).map_err(|e| unwritable(&truth_path, &e))?);
    let mut simulator = Simulator::new(&spec);
    let (count, progress) = (simulator.frame_count(), std::io::stderr().is_terminal());
    for number in 1..=count {
        let frame = simulator.render(number - 1);
        let path = args.out.join(format!("frame_{number:06}.jpg"));
        fs::write(&path, encode(&frame)?).map_err(|e| unwritable(&path, &e))?;
        let line = TruthLine { frame: number, vehicles: &frame.vehicles };
        serde_json::to_writer(&mut truth, &line).map_err(|e| unwritable(&truth_path, &e))?;
        writeln!(truth).map_err(|e| unwritable(&truth_path, &e))?;
        if progress {
            eprint!("\rframe {number} of {count}");
        }
    }
    truth.flush().map_err(|e| unwritable(&truth_path, &e))?;
    if progress {
        eprintln!();
    }
    println!("{count} frames and truth.jsonl in {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

/// JPEG without chroma subsampling; the same bytes on every machine.
fn encode(frame: &SimFrame) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, JPEG_QUALITY);
    // A spec's sizes are below 2^16.
    let (width, height) = (frame.width as u16, frame.height as u16);
    encoder
        .encode(&frame.pixels, width, height, jpeg_encoder::ColorType::Bgr)
        .map_err(|e| Failure::new(Exit::Internal, format!("cannot encode a simulated frame: {e}")))?;
    Ok(bytes)
}

fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    let message =
        format!("cannot write {}: {error}; name a folder with --out that can be written and has room", path.display());
    Failure::new(Exit::Storage, message)
}
