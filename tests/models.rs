//! Models and runtime libraries that cannot be used: each gives one clear error that names the file and the remedy.
//! With real files: the models of `models/`, a library made by the C compiler. Loudly skipped where they are missing.

#![cfg(feature = "vision")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking, as tests do")]

use lpr::config::ModelsConfig;
use lpr::inference::{InferenceError, Pipeline};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models");

/// Links to our manifests and models, to be changed at will; `None`, loudly, where they have not been fetched.
fn models_folder() -> Option<(TempDir, ModelsConfig)> {
    let files = ["yolox_nano.onnx", "clp_det.onnx", "plate-ocr.onnx", "PP-OCRv6_rec_small.onnx", "runtime"];
    let missing: Vec<_> = files.iter().filter(|file| !Path::new(MODELS).join(file).exists()).collect();
    if !missing.is_empty() {
        eprintln!("\n*** SKIPPED: models/ lacks {missing:?}; get them with `lpr-agent models fetch` ***\n");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    for file in files {
        std::os::unix::fs::symlink(Path::new(MODELS).join(file), dir.path().join(file)).unwrap();
    }
    for name in ["yolox-nano", "clp-det", "plate-ocr", "ppocr-v6"] {
        let file = format!("{name}.toml");
        std::fs::copy(Path::new(MODELS).join(&file), dir.path().join(&file)).unwrap();
    }
    let config = ModelsConfig { dir: dir.path().into(), ..ModelsConfig::default() };
    Some((dir, config))
}

fn refusal(config: &ModelsConfig) -> InferenceError {
    match Pipeline::load(config) {
        Ok(_) => panic!("it was loaded all the same"),
        Err(error) => {
            println!("{error}");
            error
        }
    }
}

/// Puts another file in a link's place.
fn replace(path: PathBuf, bytes: &[u8]) {
    let _ = std::fs::remove_file(&path);
    std::fs::write(path, bytes).unwrap();
}

fn edit(config: &ModelsConfig, name: &str, from: &str, to: &str) {
    let path = config.dir.join(format!("{name}.toml"));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from} is not in {name}.toml");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

fn says(error: &InferenceError, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "\"{part}\" is not in: {text}");
    }
}

#[test]
fn what_is_loaded_is_told() {
    let Some((_dir, config)) = models_folder() else { return };
    let info = Pipeline::load(&config).unwrap().describe();
    assert!(info.runtime_version.starts_with("1."), "{info:?}");
    let roles: Vec<_> = info.models.iter().map(|m| (m.role, m.name.as_str(), m.provider)).collect();
    let expected = [("vehicle", "yolox-nano"), ("plate", "clp-det"), ("ocr", "plate-ocr"), ("latin", "ppocr-v6")];
    assert_eq!(roles, expected.map(|(role, name)| (role, name, "cpu")));
}

#[test]
fn a_missing_model_names_the_file_and_how_to_get_it() {
    let Some((dir, config)) = models_folder() else { return };
    std::fs::remove_file(dir.path().join("clp_det.onnx")).unwrap();
    let error = refusal(&config);
    assert!(matches!(error, InferenceError::ModelMissing { .. }));
    says(&error, &["clp_det.onnx", "lpr-agent models fetch"]);
}

#[test]
fn a_model_cut_short_is_not_the_file_the_manifest_means() {
    let Some((dir, config)) = models_folder() else { return };
    let whole = std::fs::read(dir.path().join("clp_det.onnx")).unwrap();
    replace(dir.path().join("clp_det.onnx"), &whole[..whole.len() / 2]);
    let error = refusal(&config);
    assert!(matches!(error, InferenceError::ModelCorrupt { .. }));
    says(&error, &["clp_det.onnx", "1bb07d364ba3", "lpr-agent models fetch"]);
}

#[test]
fn our_own_model_comes_back_with_the_package_and_not_by_a_fetch() {
    let Some((dir, config)) = models_folder() else { return };
    let file = dir.path().join("plate-ocr.onnx");
    for spoil in [|file: &Path| std::fs::remove_file(file).unwrap(), |file: &Path| replace(file.into(), b"cut")] {
        spoil(&file);
        let error = refusal(&config);
        assert!(matches!(error, InferenceError::ModelMissing { .. } | InferenceError::ModelCorrupt { .. }));
        says(&error, &["plate-ocr.onnx", "reinstall the package lpr-agent", "git checkout -- "]);
        assert!(!error.to_string().contains("models fetch"), "{error}");
    }
}

#[test]
fn a_file_that_is_no_onnx_model_is_refused_even_if_its_manifest_means_it() {
    let Some((dir, config)) = models_folder() else { return };
    replace(dir.path().join("clp_det.onnx"), b"GIF89a, surely not a graph");
    let InferenceError::ModelCorrupt { expected, got, .. } = refusal(&config) else { panic!("sha256") };
    edit(&config, "clp-det", &expected, &got);
    let error = refusal(&config);
    assert!(matches!(error, InferenceError::ModelForeign { .. }));
    says(&error, &["clp_det.onnx", "is no ONNX model"]);
}

#[test]
fn a_manifest_that_contradicts_its_graph_is_refused_with_both_sides() {
    let Some((_dir, config)) = models_folder() else { return };
    let cases = [
        ("yolox-nano", "width = 416", "width = 640", ["[1, 3, 416, 640]", "[1, 3, 416, 416]"]),
        ("yolox-nano", "element = \"f32\"", "element = \"u8\"", ["input.element is \"u8\"", "is f32"]),
        ("yolox-nano", "layout = \"nchw\"", "layout = \"nhwc\"", ["[1, 416, 416, 3]", "[1, 3, 416, 416]"]),
        ("yolox-nano", "layout = \"yolox\"", "layout = \"yolov8\"", ["[1, 84, ?]", "[1, 3549, 85]"]),
        (
            "yolox-nano",
            "classes = \"coco\"",
            "classes = [\"car\", \"motorcycle\", \"bus\", \"truck\"]",
            ["[1, 3549, 9]", "[1, 3549, 85]"],
        ),
        ("yolox-nano", "fit = \"top-left\"", "fit = \"aspect\"", ["[1, 3, ?, ?]", "[1, 3, 416, 416]"]),
        ("clp-det", "\"landms\"]", "\"landmarks\"]", ["outputs names \"landmarks\"", "loc, conf, landms"]),
        ("ppocr-v6", "\"character\"", "\"alphabet\"", ["alphabet_metadata is \"alphabet\"", "carries no such text"]),
        ("ppocr-v6", "alphabet_metadata = \"character\"", "alphabet = \"ABC\"", ["[1, ?, 4]", "18710"]),
    ];
    for (name, from, to, sides) in cases {
        let path = config.dir.join(format!("{name}.toml"));
        let before = std::fs::read(&path).unwrap();
        edit(&config, name, from, to);
        let error = refusal(&config);
        assert!(matches!(error, InferenceError::Contradiction { .. }), "{to}: {error}");
        says(&error, &sides);
        says(&error, &[&format!("{name}.toml"), ".onnx"]);
        std::fs::write(&path, before).unwrap();
    }
}

#[test]
fn a_model_of_another_role_is_refused() {
    let Some((_dir, mut config)) = models_folder() else { return };
    config.vehicle = "ppocr-v6".into();
    says(&refusal(&config), &["models.vehicle = \"ppocr-v6\"", "is a model for ocr"]);
}

#[test]
fn a_provider_that_cannot_be_had_falls_back_or_fails_as_told() {
    let Some((_dir, mut config)) = models_folder() else { return };
    config.providers = vec!["cuda".into(), "cpu".into()];
    let info = Pipeline::load(&config).unwrap().describe();
    if info.models.iter().all(|model| model.provider == "cuda") {
        eprintln!("\n*** SKIPPED: this machine has CUDA ***\n");
        return;
    }
    assert!(info.models.iter().all(|model| model.provider == "cpu"), "{info:?}");
    config.provider_required = true;
    let error = refusal(&config);
    assert!(matches!(error, InferenceError::ProviderRequired { .. }));
    says(&error, &["cuda", "models.provider_required"]);
}

#[test]
fn a_missing_runtime_library_names_where_it_was_looked_for() {
    let Some((dir, mut config)) = models_folder() else { return };
    config.runtime = dir.path().join("gone/libonnxruntime.so");
    let error = refusal(&config);
    assert!(matches!(error, InferenceError::RuntimeMissing { .. }));
    says(&error, &["gone/libonnxruntime.so", "lpr-agent models fetch", "models.runtime"]);
}

#[test]
fn a_file_that_is_no_library_is_refused() {
    let Some((dir, mut config)) = models_folder() else { return };
    config.runtime = dir.path().join("libonnxruntime.so.1.31.1");
    std::fs::write(&config.runtime, "not a library").unwrap();
    let error = refusal(&config);
    assert!(matches!(error, InferenceError::RuntimeUnusable { .. }));
    says(&error, &["libonnxruntime.so.1.31.1", "lpr-agent models fetch"]);
}

/// Compiles a shared library from `source`; `None`, loudly, without a compiler.
fn library(dir: &Path, source: &str) -> Option<PathBuf> {
    let (c, so) = (dir.join("fake.c"), dir.join("libonnxruntime.so.1.4.0"));
    std::fs::write(&c, source).unwrap();
    let compiled = std::process::Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&so, &c]).status();
    match compiled {
        Ok(status) if status.success() => Some(so),
        other => {
            eprintln!("\n*** SKIPPED: no C compiler to make a library with ({other:?}) ***\n");
            None
        }
    }
}

#[test]
fn an_ancient_runtime_library_is_refused_with_both_versions() {
    let Some((dir, mut config)) = models_folder() else { return };
    let source = "static const void *api(unsigned v) { (void)v; return 0; }\n\
                  static const char *version(void) { return \"1.4.0\"; }\n\
                  static const struct { const void *(*api)(unsigned); const char *(*version)(void); } base = { api, version };\n\
                  const void *OrtGetApiBase(void) { return &base; }\n";
    let Some(so) = library(dir.path(), source) else { return };
    config.runtime = so;
    let error = refusal(&config);
    assert!(matches!(error, InferenceError::RuntimeVersion { .. }));
    says(&error, &["libonnxruntime.so.1.4.0", "is ONNX Runtime 1.4.0", "1.24 or a later 1.x is needed"]);
}

#[test]
fn another_library_under_that_name_is_refused() {
    let Some((dir, mut config)) = models_folder() else { return };
    let Some(so) = library(dir.path(), "int nothing;\n") else { return };
    config.runtime = so;
    let error = refusal(&config);
    assert!(matches!(error, InferenceError::RuntimeUnusable { .. }));
    says(&error, &["libonnxruntime.so.1.4.0", "lpr-agent models fetch"]);
}
