//! `lpr-agent read` as others script against it.

#![cfg(all(feature = "vision", feature = "uplink"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking, as tests do")]

use lpr::domain::{CaptureTime, Frame};
use lpr::imaging::encode_jpeg;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the program in the repository's folder, so that it finds `models` by itself.
fn read(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lpr-agent")).arg("read").args(args).current_dir(root()).output().unwrap()
}

fn models_are_there() -> bool {
    let there = ["yolox_nano.onnx", "clp_det.onnx", "PP-OCRv6_rec_small.onnx", "runtime"]
        .iter()
        .all(|file| root().join("models").join(file).exists());
    if !there {
        eprintln!("\n*** SKIPPED: models/ is not complete; get the models with `lpr-agent models fetch` ***\n");
    }
    there
}

/// A grey picture: a valid image without a plate.
fn grey_picture(path: &Path) {
    let frame = Frame::new(320, 240, vec![128; 320 * 240 * 3], 1, CaptureTime::default()).unwrap();
    std::fs::write(path, encode_jpeg(&frame, 90, 1_000_000).unwrap()).unwrap();
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn json_has_one_object_an_image_and_an_unreadable_one_does_not_stop_the_others() {
    if !models_are_there() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.jpg"), "no picture").unwrap();
    grey_picture(&dir.path().join("b.jpg"));
    let annotated = dir.path().join("out");
    let gone = dir.path().join("gone.png");
    let paths = [dir.path().to_str().unwrap(), gone.to_str().unwrap(), annotated.to_str().unwrap()];
    let output = read(&["--json", "--annotate", paths[2], paths[1], paths[0]]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = lines(&output);
    assert_eq!(lines.len(), 3, "{lines:?}");
    for (line, name) in lines.iter().zip(["gone.png", "a.jpg"]) {
        assert_eq!(keys(line), ["error", "path"]);
        assert!(line["path"].as_str().unwrap().ends_with(name), "{line}");
    }
    let read = &lines[2];
    assert_eq!(keys(read), ["frame", "height", "path", "plates", "timing_ms", "vehicles", "width"]);
    assert_eq!(keys(&read["timing_ms"]), ["decode", "ocr", "plate", "total", "vehicle"]);
    assert_eq!((&read["frame"], &read["width"], &read["height"]), (&1.into(), &320.into(), &240.into()));
    assert!(annotated.join("b.jpg").is_file());
}

#[test]
fn a_photo_gives_vehicles_and_plates_best_first() {
    let photos = std::env::var_os("LPR_TEST_DATA").map_or_else(|| root().join("../shared/data"), Into::into);
    let photo = photos.join("eu/eu9.jpg");
    if !models_are_there() {
        return;
    }
    if !photo.is_file() {
        eprintln!("\n*** SKIPPED: {} is missing; name the photos' folder with LPR_TEST_DATA ***\n", photo.display());
        return;
    }
    let output = read(&["--json", photo.to_str().unwrap()]);
    assert!(output.status.success());
    let line = lines(&output).remove(0);
    assert_eq!(keys(&line["vehicles"][0]), ["bbox", "class", "confidence"]);
    assert_eq!(line["vehicles"][0]["class"], "car");
    let plates = line["plates"].as_array().unwrap();
    assert_eq!(keys(&plates[0]), ["bbox", "confidence", "text", "text_confidence", "vehicle"]);
    assert_eq!((&plates[0]["vehicle"], plates[0]["bbox"].as_array().unwrap().len()), (&0.into(), 4));
    assert!(plates.is_sorted_by(|a, b| a["confidence"].as_f64() >= b["confidence"].as_f64()), "{plates:?}");
    let table = read(&[photo.to_str().unwrap()]);
    let text = String::from_utf8(table.stdout).unwrap();
    assert!(text.starts_with("FILE") && text.contains(plates[0]["text"].as_str().unwrap()), "{text}");
}

#[test]
fn without_models_it_ends_with_their_exit_code_and_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    grey_picture(&dir.path().join("a.jpg"));
    let output = Command::new(env!("CARGO_BIN_EXE_lpr-agent"))
        .args(["read", "--json", "a.jpg"])
        .current_dir(dir.path())
        .env("LPR_MODELS_DIR", dir.path().join("models"))
        .env("LPR_MODELS_RUNTIME", dir.path().join("libonnxruntime.so"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(11));
    assert!(output.stdout.is_empty());
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("lpr-agent models fetch"), "{message}");
    assert_eq!(message.trim_end().lines().count(), 1, "one clear line: {message}");
}

#[test]
fn onnx_runtime_leaves_nothing_in_the_home_of_who_runs_it_for_its_maker_to_fetch() {
    if !models_are_there() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let picture = home.path().join("grey.jpg");
    grey_picture(&picture);
    let output = Command::new(env!("CARGO_BIN_EXE_lpr-agent"))
        .args(["read", picture.to_str().unwrap()])
        .current_dir(root())
        .env("HOME", home.path())
        .env_remove("XDG_CACHE_HOME")
        .env_remove("ORT_DISABLE_TELEMETRY")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["grey.jpg"]);
}
