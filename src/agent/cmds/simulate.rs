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

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    fn simulate(spec: &str, out: &Path) -> Result<ExitCode, Failure> {
        execute(&Args { spec: spec.to_owned(), out: out.to_owned() })
    }

    #[test]
    fn frames_and_truth_keep_step() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new/folder");
        simulate("sim:seconds=1;fps=4;size=320x180;layout=thai;vehicles=2", &out).unwrap();
        let truth = fs::read_to_string(out.join("truth.jsonl")).unwrap();
        let lines: Vec<serde_json::Value> = truth.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines.len(), 4);
        for (line, number) in lines.iter().zip(1..) {
            assert_eq!(line["frame"], number);
            let jpeg = fs::read(out.join(format!("frame_{number:06}.jpg"))).unwrap();
            assert_eq!((&jpeg[..2], &jpeg[jpeg.len() - 2..]), (&[0xff, 0xd8][..], &[0xff, 0xd9][..]));
        }
        let seen: Vec<&serde_json::Value> = lines.iter().flat_map(|l| l["vehicles"].as_array().unwrap()).collect();
        for key in ["id", "bbox", "text", "province", "plate_bbox", "visible"] {
            assert!(!seen.is_empty() && seen.iter().all(|v| !v[key].is_null()), "{key}");
        }
    }

    #[test]
    fn the_files_are_the_same_bytes_on_every_machine() {
        let folder = tempfile::tempdir().unwrap();
        simulate("seconds=2;fps=5;size=320x180;scene=cross;layout=mixed", folder.path()).unwrap();
        let mut digest = Sha256::new();
        for number in 1..=10 {
            digest.update(fs::read(folder.path().join(format!("frame_{number:06}.jpg"))).unwrap());
        }
        digest.update(fs::read(folder.path().join("truth.jsonl")).unwrap());
        let hex: String = digest.finalize().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "e6127e5753f5cad0cd026d0f671a1bf402c70a1cfa1563226e6c1788e8f8c964");
    }

    #[test]
    fn a_bad_spec_is_a_configuration_fault() {
        let failure = simulate("scene=rally", Path::new("never-made")).unwrap_err();
        assert_eq!(failure.exit, Exit::Config);
        assert!(failure.message.contains("scene=rally") && !Path::new("never-made").exists(), "{failure}");
    }

    #[test]
    fn an_unwritable_folder_is_named_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a-file");
        fs::write(&file, "").unwrap();
        let failure = simulate("seconds=1", &file.join("out")).unwrap_err();
        assert_eq!(failure.exit, Exit::Storage);
        assert!(failure.message.contains("a-file") && failure.message.contains("--out"), "{failure}");
    }
}
