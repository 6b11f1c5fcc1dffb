//! `lpr-agent models inspect` and `eval` as others script against them, with the tiny graphs of tests/layouts.rs: a
//! detector that finds a plate in every picture, and a recogniser that reads the names of its bright colours.

#![cfg(all(feature = "vision", feature = "uplink"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking, as tests do")]

use lpr::domain::{CaptureTime, Frame};
use lpr::imaging::{decode_file, encode_jpeg};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// An empty folder; `None`, loudly, without ONNX Runtime.
fn folder() -> Option<TempDir> {
    if !root().join("models/runtime").is_dir() {
        eprintln!("\n*** SKIPPED: models/runtime is missing; get it with `lpr-agent models fetch` ***\n");
        return None;
    }
    Some(tempfile::tempdir().unwrap())
}

fn agent(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lpr-agent"))
        .args(args)
        .current_dir(dir)
        .env("LPR_MODELS_RUNTIME", root().join("models/runtime"))
        .env("LPR_MODELS_DIR", "models")
        .env("LPR_MODELS_VEHICLE", "none")
        .env("LPR_MODELS_PLATE", "nms7")
        .env("LPR_MODELS_OCR", "slots")
        .output()
        .unwrap()
}

fn inspect(dir: &Path, name: &str, more: &[&str]) -> Output {
    let graph = root().join(format!("tests/graphs/{name}.onnx"));
    let args = [&["models", "inspect", graph.to_str().unwrap(), "--out", "models"][..], more].concat();
    agent(dir, &args)
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn picture(path: &Path, bgr: [u8; 3]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let frame = Frame::new(128, 128, bgr.repeat(128 * 128), 1, CaptureTime::default()).unwrap();
    std::fs::write(path, encode_jpeg(&frame, 95, 1_000_000).unwrap()).unwrap();
}

#[test]
fn foreign_models_are_taken_in_and_measured_on_photos_whose_plates_are_known() {
    let Some(dir) = folder() else { return };
    let dir = dir.path();
    std::fs::write(dir.join("letters.txt"), "RGB_\n").unwrap();
    for (name, more) in [("nms7", &[][..]), ("slots", &["--role", "ocr", "--alphabet", "letters.txt"][..])] {
        let output = inspect(dir, name, more);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(stdout(&output).contains("it loads"), "{}", stdout(&output));
        assert!(dir.join(format!("models/{name}.onnx")).is_file());
    }
    let again = inspect(dir, "nms7", &[]);
    assert_eq!(again.status.code(), Some(13), "what was edited is not overwritten");

    picture(&dir.join("photos/us/red.jpg"), [0, 0, 255]);
    picture(&dir.join("photos/us/blue.jpg"), [255, 0, 0]);
    picture(&dir.join("photos/eu/white.jpg"), [255; 3]);
    let rows = "us/red.jpg,32,48,64,32,R,\nus/blue.jpg,0,0,20,20,BG,\neu/white.jpg,,,,,RGB,there\neu/gone.jpg,,,,,X,\n";
    std::fs::write(dir.join("photos/truth.csv"), format!("file,x,y,w,h,text,province\n{rows}")).unwrap();

    let output = agent(dir, &["eval", "--truth", "photos/truth.csv", "--json", "--sheet", "failures.png"]);
    assert_eq!(output.status.code(), Some(1), "one file is gone: {}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let folder = |index: usize, key: &str| report["folders"][index][key].clone();
    assert_eq!((folder(0, "folder"), folder(0, "photos"), folder(0, "exact")), ("us".into(), 2.into(), 1.into()));
    assert_eq!((folder(0, "recall"), folder(0, "precision")), (0.5.into(), 0.5.into()));
    assert_eq!(folder(0, "character_accuracy"), Value::from(0.6667), "of R, B, G the G is missing");
    assert_eq!(
        (folder(1, "exact"), folder(1, "provinces"), folder(1, "provinces_right")),
        (1.into(), 1.into(), 0.into())
    );
    assert_eq!(report["failures"].as_array().unwrap().len(), 1);
    assert_eq!((&report["failures"][0]["file"], &report["failures"][0]["read"]), (&"us/blue.jpg".into(), &"B".into()));
    assert!(report["unreadable"][0]["file"] == "eu/gone.jpg");
    assert!(decode_file(&dir.join("failures.png")).unwrap().width > 200);

    let table = stdout(&agent(dir, &["eval", "--truth", "photos/truth.csv"]));
    assert!(table.starts_with("FOLDER") && table.contains("us/blue.jpg") && table.contains("nms7 + slots"), "{table}");
}

#[test]
fn a_list_that_is_none_is_refused_with_the_columns_it_needs() {
    let Some(dir) = folder() else { return };
    inspect(dir.path(), "nms7", &[]);
    std::fs::write(dir.path().join("letters.txt"), "RGB_").unwrap();
    inspect(dir.path(), "slots", &["--alphabet", "letters.txt"]);
    let output = agent(dir.path(), &["eval", "--truth", "nowhere.csv"]);
    assert_eq!(output.status.code(), Some(12));
    assert!(String::from_utf8_lossy(&output.stderr).contains("file,x,y,w,h,text,province"));
}
