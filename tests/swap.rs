//! `lpr-agent models use`: another model is checked, tried beside the one in use, takes over between two frames, and is taken
//! back where it fails; the configuration is changed only where all went well. Real programs, real models.
#![cfg(all(feature = "vision", feature = "uplink", feature = "server"))]

mod common;

use common::lpr_server::LprServer;
use common::{Running, free_port, get_json, models_dir, repo, run, text, wait_for};
use lpr::config::ModelsConfig;
use lpr::inference::{Role, inspect};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const AGENT: &str = env!("CARGO_BIN_EXE_lpr-agent");
/// For everything that is waited for; the models are loaded on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const ROAD: &str = "sim:seed=1;seconds=3600;fps=5;vehicles=1800";

/// A box with a folder of models of its own.
struct Site {
    dir: TempDir,
}

impl Site {
    fn new(source: &str, models: &str, server: &str) -> Self {
        let dir = TempDir::new().unwrap();
        fs::create_dir(dir.path().join("models")).unwrap();
        for entry in fs::read_dir(models_dir()).unwrap() {
            let entry = entry.unwrap();
            symlink(entry.path(), dir.path().join("models").join(entry.file_name())).unwrap();
        }
        let site = Self { dir };
        let text = format!(
            "data_dir = \"{data}\"\n[[camera]]\nsource = \"{source}\"\n[models]\ndir = \"{models_dir}\"\n\
             vehicle = \"none\"  # to be quick\nthreads = 1\n{models}[uplink]\nserver_url = \"{server}\"\n\
             [health]\ninterval_s = 1.0\n[pipeline]\nmotion_gate = false\nmin_text_length = 1\n",
            data = site.data().display(),
            models_dir = site.models().display(),
        );
        fs::write(site.config(), text).unwrap();
        site
    }

    fn config(&self) -> String {
        self.dir.path().join("agent.toml").display().to_string()
    }

    fn data(&self) -> std::path::PathBuf {
        self.dir.path().join("data")
    }

    fn models(&self) -> std::path::PathBuf {
        self.dir.path().join("models")
    }

    fn said(&self) -> String {
        fs::read_to_string(self.config()).unwrap()
    }

    fn start(&self) -> Running {
        let agent = Running::start(Command::new(AGENT).args(["run", "--config", &self.config()]));
        agent.wait_for_log("lpr-agent is running", PATIENCE);
        agent
    }

    fn command(&self, model: &str, trial_s: u32, probation_s: u32) -> Command {
        let mut command = Command::new(AGENT);
        let (trial, probation) = (format!("--trial={trial_s}"), format!("--probation={probation_s}"));
        command.args(["models", "use", model, "--config", &self.config(), &trial, &probation]);
        command
    }

    /// Takes a model with another manifest into the folder.
    fn change(&self, from: &str, name: &str, change: impl Fn(String) -> String) {
        let manifest = fs::read_to_string(self.models().join(format!("{from}.toml"))).unwrap();
        let manifest = manifest.replace(&format!("name = \"{from}\""), &format!("name = \"{name}\""));
        fs::write(self.models().join(format!("{name}.toml")), change(manifest)).unwrap();
    }

    /// Takes a graph of tests/graphs into the folder.
    fn take(&self, name: &str, role: Role, alphabet: Option<&str>) {
        let graph = repo().join(format!("tests/graphs/{name}.onnx"));
        let config = ModelsConfig { dir: self.models(), ..ModelsConfig::default() };
        let inspected = inspect(&config, &graph, name, Some(role), alphabet).unwrap();
        fs::copy(&graph, self.models().join(format!("{name}.onnx"))).unwrap();
        fs::write(self.models().join(format!("{name}.toml")), inspected.manifest).unwrap();
    }

    fn plates(&self) -> u64 {
        let stats = run(AGENT, &["outbox", "stats", "--json", "--config", &self.config()]);
        let stats: serde_json::Value = serde_json::from_slice(&stats.stdout).unwrap();
        stats["pending_plates"].as_u64().unwrap()
    }

    fn wait_for_more_plates(&self) {
        let before = self.plates();
        wait_for("plates that are read", PATIENCE, || (self.plates() > before).then_some(()));
    }
}

fn absent() -> String {
    format!("http://127.0.0.1:{}", free_port())
}

#[test]
fn a_model_that_does_well_takes_over_while_plates_are_read_and_is_kept_for_the_next_start() {
    let site = Site::new(ROAD, "", &absent());
    let mut agent = site.start();
    site.wait_for_more_plates();
    let mut using = Running::start(&mut site.command("cct-xs-v2", 10, 3));
    assert_eq!(using.wait(PATIENCE).code(), Some(0), "{}\n{}", using.log(), agent.log());
    let log = agent.log();
    for line in
        ["models on trial", "the trial went well", "models taken over between two frames", "have proven themselves"]
    {
        assert_eq!(log.matches(line).count(), 1, "{line}: {log}");
    }
    assert!(using.log().contains("with the same text"), "{}", using.log());
    assert!(site.said().contains("latin = \"cct-xs-v2\"") && site.said().contains("# to be quick"), "{}", site.said());
    site.wait_for_more_plates();

    agent.signal("-HUP");
    agent.wait_for_log("nothing has changed", PATIENCE);
    fs::write(site.config(), site.said().replace("cct-xs-v2", "ppocr-v6")).unwrap();
    agent.signal("-HUP");
    let log = agent.wait_for_log("models.latin needs a restart", PATIENCE);
    assert!(log.contains("lpr-agent models use NAME"), "{log}");
    let again = run(AGENT, &["models", "use", "cct-xs-v2", "--config", &site.config()]);
    assert!(text(&again.stdout).contains("cct-xs-v2 is in use"), "{}", text(&again.stderr));

    assert!(agent.terminate().0.success(), "{}", agent.log());
    let summary = agent.log().lines().find(|line| line.contains("lpr-agent has stopped")).unwrap().to_owned();
    assert!(summary.contains("unreadable_frames=0") && summary.contains("dropped_events=0"), "{summary}");
    assert!(!site.data().join("control.sock").exists());
    let agent = site.start();
    assert!(agent.log().contains("model=cct-xs-v2"), "{}", agent.log());
}

#[test]
fn what_cannot_work_is_refused_before_the_agent_is_asked() {
    let site = Site::new(ROAD, "", &absent());
    let before = site.said();
    site.change("clp-det", "blind", |manifest| manifest.replace("confidence = 0.10", "confidence = 0.9999"));
    site.change("cct-xs-v2", "foreign", |manifest| manifest.replace("8031afb5", "00000000"));
    for (name, code, words) in [
        ("no-such", 11, "there is no model \"no-such\""),
        ("foreign", 11, "sha256"),
        ("blind", 11, "and was read as \"\"; the models in use read it rightly; nothing is changed"),
    ] {
        let refused = site.command(name, 5, 5).output().unwrap();
        assert_eq!(refused.status.code(), Some(code), "{name}: {refused:?}");
        assert!(text(&refused.stderr).contains(words), "{name}: {}", text(&refused.stderr));
    }
    let overruled = site.command("cct-xs-v2", 5, 5).env("LPR_MODELS_LATIN", "ppocr-v6").output().unwrap();
    assert_eq!(overruled.status.code(), Some(10), "{overruled:?}");
    assert!(text(&overruled.stderr).contains("LPR_MODELS_LATIN"), "{}", text(&overruled.stderr));
    assert_eq!(site.said(), before);
}

#[test]
fn where_no_agent_runs_the_configuration_is_changed_for_the_next_start() {
    let site = Site::new(ROAD, "", &absent());
    let done = site.command("cct-xs-v2", 5, 5).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("no agent runs: it holds from the next start"), "{}", text(&done.stdout));
    assert!(site.said().contains("latin = \"cct-xs-v2\""), "{}", site.said());
    // One misread province of one drawn plate is no reason to refuse.
    let done = site.command("plate-det", 5, 5).output().unwrap();
    assert!(done.status.success() && site.said().contains("plate = \"plate-det\""), "{}", text(&done.stderr));
    let done = site.command("yolox-nano", 5, 5).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(site.said().contains("vehicle = \"yolox-nano\"  # to be quick"), "{}", site.said());
    let done = site.command("none", 5, 5).output().unwrap();
    assert!(done.status.success() && site.said().contains("vehicle = \"none\""), "{}", text(&done.stderr));
    let done = site.command("none", 5, 5).arg("--as=latin").output().unwrap();
    assert!(done.status.success() && site.said().contains("latin = \"none\""), "{}", text(&done.stderr));
    let done = site.command("cct-xs-v2", 5, 5).arg("--as=ocr").output().unwrap();
    assert!(done.status.success() && site.said().contains("ocr = \"cct-xs-v2\""), "{}", text(&done.stderr));
}

/// Asks as `models use` does, but without its checks; gives the last answer.
fn ask(data: &Path, model: &str) -> String {
    let mut socket = UnixStream::connect(data.join("control.sock")).unwrap();
    writeln!(socket, "{{\"model\":\"{model}\",\"trial_s\":5.0,\"probation_s\":5.0}}").unwrap();
    BufReader::new(socket).lines().last().unwrap().unwrap()
}

#[test]
fn a_model_that_reads_nothing_on_live_frames_does_not_take_over() {
    let site = Site::new(ROAD, "", &absent());
    site.change("clp-det", "blind", |manifest| manifest.replace("confidence = 0.10", "confidence = 0.9999"));
    let mut agent = site.start();
    site.wait_for_more_plates();
    let answer = ask(&site.data(), "blind");
    assert!(answer.contains("kept") && answer.contains("it reads 0 plates where the models in use read"), "{answer}");
    assert!(!agent.log().contains("taken over"), "{}", agent.log());
    site.wait_for_more_plates();
    assert!(agent.terminate().0.success(), "{}", agent.log());
}

#[test]
fn an_agent_that_dies_in_the_trial_comes_back_with_the_old_model_and_one_whose_asker_leaves_calls_it_off() {
    let site = Site::new(ROAD, "", &absent());
    let before = site.said();
    let agent = site.start();
    let mut using = Running::start(&mut site.command("cct-xs-v2", 600, 600));
    using.wait_for_log("tried on live frames", PATIENCE);
    let second = site.command("plate-ocr-trial", 5, 5).output().unwrap();
    assert_eq!(second.status.code(), Some(1), "{second:?}");
    assert!(text(&second.stderr).contains("another trial is under way"), "{}", text(&second.stderr));
    using.signal("-TERM");
    using.wait(PATIENCE);
    agent.wait_for_log("the trial is called off", PATIENCE);

    let mut using = wait_for("a trial after the one that was called off", PATIENCE, || {
        let mut using = Running::start(&mut site.command("cct-xs-v2", 600, 600));
        let tried = || using.log().contains("tried on live frames");
        let refused = || using.log().contains("has not ended yet");
        wait_for("an answer", PATIENCE, || (tried() || refused()).then_some(()));
        if using.log().contains("tried on live frames") {
            return Some(using);
        }
        using.wait(PATIENCE);
        None
    });
    agent.signal("-KILL");
    assert_eq!(using.wait(PATIENCE).code(), Some(1), "{}", using.log());
    assert!(using.log().contains("it starts with the old one"), "{}", using.log());
    assert_eq!(site.said(), before);
    drop(agent);
    let mut agent = site.start();
    assert!(agent.log().contains("model=ppocr-v6"), "{}", agent.log());
    assert!(agent.terminate().0.success(), "{}", agent.log());
}

/// A picture that the camera shows until another takes its place.
fn show(path: &Path, brightness: u8) {
    let pixels = [brightness; 3].repeat(320 * 240);
    let frame = lpr::domain::Frame::new(320, 240, pixels, 1, lpr::domain::CaptureTime::default()).unwrap();
    let jpeg = lpr::imaging::encode_jpeg(&frame, 90, 1_000_000).unwrap();
    fs::write(path.with_extension("new"), jpeg).unwrap();
    fs::rename(path.with_extension("new"), path).unwrap();
}

#[test]
fn a_model_that_fails_on_probation_is_taken_back_and_no_frame_goes_unread() {
    let server_dir = TempDir::new().unwrap();
    let server = LprServer::start(server_dir.path(), "127.0.0.1:0", &[]);
    let picture = server_dir.path().join("picture.jpg");
    show(&picture, 255);
    let source = format!(
        "gst:multifilesrc location={} caps=image/jpeg,framerate=5/1 ! jpegdec ! identity sync=true",
        picture.display()
    );
    let site = Site::new(&source, "plate = \"yolov8\"\nocr = \"slots\"\n", &server.url());
    site.take("yolov8", Role::Plate, None);
    site.take("slots", Role::Ocr, Some("RGB_"));
    site.take("fails-in-the-dark", Role::Plate, None);
    let before = site.said();
    let mut agent = site.start();
    let mut using = Running::start(&mut site.command("fails-in-the-dark", 3, 600));
    using.wait_for_log("on probation", PATIENCE);
    show(&picture, 0);
    assert_eq!(using.wait(PATIENCE).code(), Some(1), "{}\n{}", using.log(), agent.log());
    let said = using.log();
    assert!(said.contains("it failed on probation, yolov8 is in use again: frames could not be read"), "{said}");
    assert_eq!(site.said(), before);
    agent.wait_for_log("went back from fails-in-the-dark to yolov8", PATIENCE);
    wait_for("a warning of the detector", PATIENCE, || {
        let answer = get_json(&format!("{}/api/cameras/health?limit=200", server.url()));
        let reports = answer["health"].as_array()?.clone();
        let warns = |report: &serde_json::Value| {
            report["component"] == "detector"
                && report["status"] == "warning"
                && report["message"].as_str().is_some_and(|said| said.contains("lpr-agent models use yolov8"))
        };
        reports.iter().any(warns).then_some(())
    });
    assert!(agent.terminate().0.success(), "{}", agent.log());
    let summary = agent.log().lines().find(|line| line.contains("lpr-agent has stopped")).unwrap().to_owned();
    assert!(summary.contains("unreadable_frames=0"), "the old model has read what the new one could not: {summary}");
}
