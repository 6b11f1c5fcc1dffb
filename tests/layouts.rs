//! Foreign models of every layout, made usable by `models inspect` alone, on real graphs (tests/graphs/make.py). Loudly
//! skipped where ONNX Runtime has not been fetched.

#![cfg(feature = "vision")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking, as tests do")]

use lpr::config::ModelsConfig;
use lpr::domain::{BBox, CaptureTime, Frame, FrameReading};
use lpr::inference::{InferenceError, Pipeline, Role, inspect};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn graph(name: &str) -> PathBuf {
    root().join(format!("tests/graphs/{name}.onnx"))
}

/// A folder for models with the runtime beside it; `None`, loudly, without one.
fn folder() -> Option<(TempDir, ModelsConfig)> {
    let runtime = root().join("models/runtime");
    if !runtime.is_dir() {
        eprintln!("\n*** SKIPPED: models/runtime is missing; get it with `lpr-agent models fetch` ***\n");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let config = ModelsConfig {
        dir: dir.path().into(),
        runtime,
        vehicle: "none".into(),
        ocr: "slots".into(),
        ..ModelsConfig::default()
    };
    Some((dir, config))
}

/// Inspects a graph and puts the manifest and a copy into the folder; gives the manifest.
fn take(config: &ModelsConfig, name: &str, role: Option<Role>, alphabet: Option<&str>) -> String {
    let inspected = inspect(config, &graph(name), name, role, alphabet).unwrap();
    std::fs::copy(graph(name), config.dir.join(format!("{name}.onnx"))).unwrap();
    std::fs::write(config.dir.join(format!("{name}.toml")), &inspected.manifest).unwrap();
    inspected.manifest
}

fn edit(config: &ModelsConfig, name: &str, from: &str, to: &str) {
    let path = config.dir.join(format!("{name}.toml"));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

/// All red: 128 × 128, twice the detectors' input.
fn red() -> Frame {
    Frame::new(128, 128, [0, 0, 255].repeat(128 * 128), 1, CaptureTime::default()).unwrap()
}

fn read(config: &ModelsConfig) -> FrameReading {
    Pipeline::load(config).unwrap().read(&red()).unwrap()
}

fn near(got: BBox, expected: BBox) -> bool {
    <[f32; 4]>::from(got).iter().zip(<[f32; 4]>::from(expected)).all(|(a, b)| (a - b).abs() < 0.5)
}

#[test]
fn a_detector_of_every_layout_works_by_the_manifest_that_inspect_writes() {
    let Some((_dir, mut config)) = folder() else { return };
    take(&config, "slots", None, Some("RGB_"));
    let layouts = [
        ("yolox", "yolox", false),
        ("yolov8", "yolov8", false),
        ("yolov5", "yolov5", false),
        ("yolov5-corners", "yolov5", true),
        ("nms7", "nms7", false),
        ("nms6", "nms6", false),
        ("retinaface", "retinaface", true),
        ("nanodet", "nanodet", false),
        ("quantised", "nms6", false),
    ];
    for (name, layout, corners) in layouts {
        let manifest = take(&config, name, None, None);
        assert!(manifest.contains(&format!("layout = \"{layout}\"")), "{name}: {manifest}");
        assert!(manifest.contains("role = \"plate\""), "{name}: {manifest}");
        config.plate = name.into();
        let plates = read(&config).plates;
        assert_eq!(plates.len(), 1, "{name}");
        assert!(near(plates[0].bbox, BBox::new(32.0, 48.0, 96.0, 80.0)), "{name}: {:?}", plates[0].bbox);
        assert!(plates[0].confidence >= 0.9 - 1e-5, "{name}: {}", plates[0].confidence);
        if corners {
            edit(&config, "slots", "margin = 0.05", "rectify = true");
            let straight = read(&config).plates[0].corners;
            assert!(near(straight.bbox(), BBox::new(32.0, 48.0, 96.0, 80.0)), "{name}: {straight:?}");
            edit(&config, "slots", "rectify = true", "margin = 0.05");
        }
    }
}

#[test]
fn names_in_the_file_become_classes_and_a_role_can_be_given() {
    let Some((_dir, config)) = folder() else { return };
    let manifest = take(&config, "yolov8", Some(Role::Vehicle), None);
    assert!(manifest.contains("classes = [\"licence\"]") && manifest.contains("role = \"vehicle\""), "{manifest}");
}

#[test]
fn slots_take_their_colours_in_order_and_a_second_head_if_its_classes_are_named() {
    let Some((_dir, mut config)) = folder() else { return };
    let manifest = take(&config, "slots", None, Some("RGB_"));
    for part in [
        "element = \"u8\"",
        "layout = \"nhwc\"",
        "colour = \"rgb\"",
        "pad = \"_\"",
        "# Look at this: the output region",
    ] {
        assert!(manifest.contains(part), "{part}: {manifest}");
    }
    take(&config, "nms7", None, None);
    config.plate = "nms7".into();
    let plate = read(&config).plates.remove(0);
    assert_eq!((plate.text.as_str(), plate.province.as_deref()), ("R", None));
    edit(&config, "slots", "colour = \"rgb\"", "colour = \"bgr\"");
    edit(
        &config,
        "slots",
        "outputs = [\"plate\"]",
        "outputs = [\"plate\", \"region\"]\nprovinces = [\"here\", \"there\"]",
    );
    let plate = read(&config).plates.remove(0);
    assert_eq!((plate.text.as_str(), plate.province.as_deref()), ("B", Some("there")), "the red channel is the third");
    config.regions = vec!["L".into()];
    assert_eq!(
        read(&config).plates[0].province.as_deref(),
        Some("there"),
        "a second head need not be of Thai provinces"
    );
}

#[test]
fn a_plate_of_two_rows_is_read_row_by_row_from_above() {
    let Some((_dir, mut config)) = folder() else { return };
    take(&config, "nms7", None, None);
    take(&config, "slots", None, Some("RGB_"));
    edit(&config, "slots", "margin = 0.05", "looks = [{ rows = 2, unfit_only = true }]");
    config.plate = "nms7".into();
    config.regions = vec!["[B][R]".into()];
    // Blue above the plate's middle, red below.
    let pixels = [[255u8, 0, 0].repeat(128 * 64), [0, 0, 255].repeat(128 * 64)].concat();
    let frame = Frame::new(128, 128, pixels, 1, CaptureTime::default()).unwrap();
    let plate = Pipeline::load(&config).unwrap().read(&frame).unwrap().plates.remove(0);
    assert_eq!((plate.text.as_str(), plate.fits_grammar), ("BR", Some(true)));
    assert!(near(plate.corners.bbox(), BBox::new(32.0, 48.0, 96.0, 80.0)), "{:?}", plate.corners);
}

#[test]
fn a_ctc_graph_with_its_letters_in_the_file_is_known_and_raw_scores_are_made_probabilities() {
    let Some((_dir, mut config)) = folder() else { return };
    take(&config, "nms7", None, None);
    let manifest = take(&config, "ctc", None, None);
    assert!(
        manifest.contains("alphabet_metadata = \"character\"") && manifest.contains("fit = \"line\""),
        "{manifest}"
    );
    edit(&config, "ctc", "layout = \"ctc\"", "layout = \"ctc\"\nlogits = true");
    (config.plate, config.ocr) = ("nms7".into(), "ctc".into());
    let plate = read(&config).plates.remove(0);
    assert_eq!(plate.text, "AB7");
    assert!(plate.text_confidence > 0.99 && plate.text_confidence < 1.0, "{}", plate.text_confidence);
}

#[test]
fn a_grammar_corrects_what_it_decides_and_keeps_what_was_read() {
    let Some((_dir, mut config)) = folder() else { return };
    take(&config, "nms7", None, None);
    take(&config, "ctc", None, None);
    (config.plate, config.ocr) = ("nms7".into(), "ctc".into());
    config.regions = vec!["LLL".into()];
    let plate = read(&config).plates.remove(0);
    assert_eq!((plate.text.as_str(), plate.raw_text.as_deref(), plate.fits_grammar), ("ABT", Some("AB7"), Some(true)));
    config.regions = vec!["DDDD".into()];
    let plate = read(&config).plates.remove(0);
    assert_eq!((plate.text.as_str(), plate.raw_text.as_deref(), plate.fits_grammar), ("AB7", None, Some(false)));
    config.regions = vec!["th".into()];
    let lacks = Pipeline::load(&config).unwrap().describe().alphabet_lacks;
    assert!(lacks.contains('ก') && lacks.contains('0') && !lacks.contains('7'), "{lacks}");
    config.regions = vec!["atlantis".into()];
    let error = Pipeline::load(&config).err().unwrap().to_string();
    assert!(error.contains("models.regions") && error.contains("atlantis"), "{error}");
}

#[test]
fn what_no_layout_explains_is_refused_with_its_shapes() {
    let Some((_dir, config)) = folder() else { return };
    let refused = |name: &str, role, alphabet| match inspect(&config, &graph(name), name, role, alphabet) {
        Err(error @ InferenceError::Unguessable { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(refused("slots", Some(Role::Plate), None).contains("plate [1, 3, 4]"));
    assert!(refused("slots", Some(Role::Ocr), None).contains("--alphabet FILE with 4 characters"));
    assert!(refused("slots", None, Some("ABCDEFG")).contains("the alphabet has 7 characters"));
    let error = inspect(&config, &root().join("Cargo.toml"), "x", None, None).unwrap_err();
    assert!(matches!(error, InferenceError::ModelForeign { .. }), "{error}");
}
