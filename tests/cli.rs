//! Every fault a technician can make: one clear line that names the thing and the remedy, the documented exit code,
//! and no panic.
#![cfg(all(feature = "vision", feature = "uplink"))]

mod common;

use common::{Running, free_port, models_dir, repo, run, text};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;
use tempfile::TempDir;

const AGENT: &str = env!("CARGO_BIN_EXE_lpr-agent");

/// A valid configuration with its folder; `change` may spoil it.
fn config_with(dir: &TempDir, change: impl FnOnce(String) -> String) -> String {
    let text = format!(
        "data_dir = \"{data}\"\n[[camera]]\nsource = \"sim:seed=1;seconds=1;fps=2\"\n[models]\ndir = \"{models}\"\n\
         [uplink]\nserver_url = \"http://127.0.0.1:{port}\"\n",
        data = dir.path().join("data").display(),
        models = models_dir().display(),
        port = free_port(),
    );
    let path = dir.path().join("agent.toml");
    fs::write(&path, change(text)).unwrap();
    path.display().to_string()
}

/// Runs `run --config` on a spoilt configuration.
fn spoilt(change: impl FnOnce(String) -> String) -> Output {
    let dir = TempDir::new().unwrap();
    let config = config_with(&dir, change);
    run(AGENT, &["run", "--config", &config])
}

/// The program ended with this code and said these words on standard error, without a panic.
fn assert_fails(output: &Output, code: i32, words: &[&str]) {
    let said = text(&output.stderr);
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "\"{word}\" is not in: {said}");
    }
}

fn copy_models_to(dir: &Path) {
    for entry in fs::read_dir(models_dir()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), dir.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn a_missing_configuration_is_named() {
    assert_fails(&run(AGENT, &["run", "--config", "/nowhere/agent.toml"]), 10, &["/nowhere/agent.toml", "--config"]);
}

#[test]
fn a_wrong_key_is_named_with_the_nearest_valid_one() {
    let output = spoilt(|text| text.replace("server_url", "server_ulr"));
    assert_fails(&output, 10, &["uplink.server_ulr", "did you mean \"server_url\"?", "line 7"]);
}

#[test]
fn a_wrong_value_is_named_with_what_is_allowed() {
    let output = spoilt(|text| text.replace("sim:seed=1", "sim:sed=1"));
    assert_fails(&output, 12, &["sed", "seed"]);
    let output = spoilt(|text| format!("{text}transport = \"pigeon\"\n"));
    assert_fails(&output, 10, &["pigeon", "auto"]);
}

#[test]
fn check_config_tells_valid_from_invalid() {
    let dir = TempDir::new().unwrap();
    let config = config_with(&dir, |text| text);
    let output = run(AGENT, &["check-config", "--config", &config]);
    assert_eq!(output.status.code(), Some(0));
    let config = config_with(&dir, |text| text.replace("[[camera]]", "[[cammera]]"));
    assert_fails(&run(AGENT, &["check-config", "--config", &config]), 10, &["cammera", "camera"]);
    let config = config_with(&dir, |text| text.replace("[uplink]", "regions = [\"th\", \"Slovakia\"]\n[uplink]"));
    assert_fails(&run(AGENT, &["check-config", "--config", &config]), 10, &["models.regions", "Slovakia", "\"sk\""]);
}

#[test]
fn a_missing_model_names_its_file_and_how_to_get_it() {
    let models = TempDir::new().unwrap();
    copy_models_to(models.path());
    fs::remove_file(models.path().join("clp_det.onnx")).unwrap();
    let output = spoilt(|text| {
        let runtime = models_dir().join("runtime/libonnxruntime.so.1.31.1");
        let ours = format!("dir = \"{}\"\nruntime = \"{}\"", models.path().display(), runtime.display());
        text.replace(&format!("dir = \"{}\"", models_dir().display()), &ours)
    });
    assert_fails(&output, 11, &["clp_det.onnx", "lpr-agent models fetch"]);
}

#[test]
fn a_model_name_without_a_manifest_is_named_with_those_there_are() {
    let output = spoilt(|text| text.replace("[uplink]", "ocr = \"tesseract\"\n[uplink]"));
    assert_fails(&output, 11, &["tesseract", "ppocr-v6"]);
}

#[test]
fn a_corrupt_model_is_refused_before_it_runs() {
    let models = TempDir::new().unwrap();
    copy_models_to(models.path());
    let file = models.path().join("clp_det.onnx");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&file, bytes).unwrap();
    let output = spoilt(|text| {
        let runtime = models_dir().join("runtime/libonnxruntime.so.1.31.1");
        let ours = format!("dir = \"{}\"\nruntime = \"{}\"", models.path().display(), runtime.display());
        text.replace(&format!("dir = \"{}\"", models_dir().display()), &ours)
    });
    assert_fails(&output, 11, &["clp_det.onnx", "sha256", "lpr-agent models fetch"]);
}

#[test]
fn a_missing_runtime_library_is_named() {
    let output = spoilt(|text| text.replace("[uplink]", "runtime = \"/nowhere/libonnxruntime.so\"\n[uplink]"));
    assert_fails(&output, 11, &["/nowhere/libonnxruntime.so", "models fetch"]);
}

#[test]
fn a_library_that_is_no_onnx_runtime_is_refused() {
    let dir = TempDir::new().unwrap();
    let fake = dir.path().join("libonnxruntime.so");
    fs::write(&fake, b"not a library").unwrap();
    let output = spoilt(|text| text.replace("[uplink]", &format!("runtime = \"{}\"\n[uplink]", fake.display())));
    assert_fails(&output, 11, &["libonnxruntime.so"]);
}

#[test]
fn an_unreadable_image_is_reported_and_the_others_are_read() {
    let dir = TempDir::new().unwrap();
    let broken = dir.path().join("broken.jpg");
    fs::write(&broken, b"this is no picture").unwrap();
    let frames = dir.path().join("frames");
    let spec = "sim:seed=3;seconds=1;fps=1;vehicles=1";
    let output = run(AGENT, &["simulate", spec, "--out", frames.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let good = frames.join("frame_000001.jpg");
    let output = common::run_in(
        Command::new(AGENT)
            .args(["read", "--json", broken.to_str().unwrap(), "/nowhere/absent.jpg", good.to_str().unwrap()])
            .env("LPR_MODELS_DIR", models_dir()),
    );
    assert_fails(&output, 1, &[]);
    let lines: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0]["error"].is_string() && lines[0]["path"].as_str().unwrap().ends_with("broken.jpg"));
    assert!(lines[1]["error"].is_string());
    assert_eq!(lines[2]["width"], 1280);
}

#[test]
fn an_absent_file_source_is_refused_at_start() {
    let output = spoilt(|text| text.replace("sim:seed=1;seconds=1;fps=2", "/nowhere/clip.mp4"));
    assert_fails(&output, 12, &["camera_001", "/nowhere/clip.mp4"]);
}

#[test]
fn a_data_directory_that_cannot_be_written_is_named() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("a-file");
    fs::write(&file, "").unwrap();
    let output = spoilt(|text| {
        let rest = text.split_once('\n').unwrap().1;
        format!("data_dir = \"{}/data\"\n{rest}", file.display())
    });
    assert_fails(&output, 13, &["a-file/data"]);
}

#[test]
fn an_absent_camera_is_one_warning_and_the_agent_lives_on() {
    let dir = TempDir::new().unwrap();
    let config = config_with(&dir, |text| text.replace("sim:seed=1;seconds=1;fps=2", "/dev/video97"));
    let mut agent = Running::start(Command::new(AGENT).args(["run", "--config", &config]));
    let log = agent.wait_for_log("/dev/video97", Duration::from_secs(30));
    assert!(log.contains("WARN"), "{log}");
    let (status, took) = agent.terminate();
    assert!(status.success());
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn signals_that_come_while_the_agent_starts_do_not_end_it_half_way() {
    let dir = TempDir::new().unwrap();
    let config = config_with(&dir, |text| text);
    let mut agent = Running::start(Command::new(AGENT).args(["run", "--config", &config]));
    agent.wait_for_log("model loaded", Duration::from_secs(60));
    agent.signal("-HUP");
    let (status, _) = agent.terminate();
    assert!(status.success(), "{status}: {}", agent.log());
    assert!(agent.log().contains("lpr-agent has stopped"), "{}", agent.log());
}

#[test]
fn an_absent_server_is_said_and_events_are_kept_for_it() {
    let dir = TempDir::new().unwrap();
    let config = config_with(&dir, |text| text.replace("seconds=1;fps=2", "seconds=4;fps=5;vehicles=2"));
    let mut agent = Running::start(Command::new(AGENT).args(["run", "--config", &config, "--until-drained"]));
    agent.wait_for_log("http://127.0.0.1", Duration::from_secs(60));
    let (status, took) = agent.terminate();
    assert!(status.success(), "{status}: {}", agent.log());
    assert!(took < Duration::from_secs(10), "{took:?}: {}", agent.log());
    assert!(!agent.log().contains("panicked"));
}

#[test]
fn the_sample_configuration_is_valid() {
    let sample = repo().join("config/agent.toml");
    let output = run(AGENT, &["check-config", "--config", sample.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}
