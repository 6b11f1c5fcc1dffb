//! How the running agent is watched: what systemd hears of it, what its journal holds after a bad hour, what the server is
//! told of its parts. Real binaries, real sockets.
#![cfg(all(feature = "vision", feature = "uplink", feature = "server"))]

mod common;

use common::lpr_server::LprServer;
use common::{Running, free_port, get_json, models_dir, wait_for};
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const AGENT: &str = env!("CARGO_BIN_EXE_lpr-agent");
/// For everything that is waited for; the models are loaded on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
const LIVE: &str = "gst:videotestsrc is-live=true pattern=snow ! video/x-raw,width=320,height=240,framerate=5/1";

fn config(dir: &Path, source: &str, server: &str, more: &str) -> String {
    let text = format!(
        "data_dir = \"{data}\"\n[[camera]]\nid = \"north\"\nsource = \"{source}\"\nopen_timeout_s = 2.0\nread_timeout_s = 2.0\n\
         [models]\ndir = \"{models}\"\n[uplink]\nserver_url = \"{server}\"\n{more}",
        data = dir.join("agent").display(),
        models = models_dir().display(),
    );
    let path = dir.join("agent.toml");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn absent() -> String {
    format!("http://127.0.0.1:{}", free_port())
}

fn agent(config: &str) -> Command {
    let mut command = Command::new(AGENT);
    command.args(["run", "--config", config]);
    command
}

/// What systemd hears, in its place.
struct Systemd {
    socket: UnixDatagram,
    heard: Vec<String>,
}

impl Systemd {
    fn listen(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        Self { socket, heard: Vec::new() }
    }

    /// Listens until all that was heard satisfies `enough`.
    fn until(&mut self, what: &str, enough: impl Fn(&[String]) -> bool) {
        let until = Instant::now() + PATIENCE;
        let mut buffer = [0; 4096];
        while !enough(&self.heard) {
            assert!(Instant::now() < until, "{what} was not heard, but {:?}", self.heard);
            if let Ok(length) = self.socket.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                self.heard.extend(text.lines().map(str::to_owned));
            }
        }
    }

    fn place_of(&self, line: &str) -> Option<usize> {
        self.heard.iter().position(|heard| heard == line)
    }
}

fn count(heard: &[String], line: &str) -> usize {
    heard.iter().filter(|heard| *heard == line).count()
}

#[test]
fn an_absent_camera_and_an_absent_server_are_a_plain_status_and_no_reason_to_start_anew() {
    let dir = TempDir::new().unwrap();
    let mut systemd = Systemd::listen(&dir.path().join("notify"));
    let config = config(dir.path(), "/dev/video99", &absent(), "");
    let mut command = agent(&config);
    command.env("NOTIFY_SOCKET", dir.path().join("notify")).env("WATCHDOG_USEC", "2000000");
    let mut running = Running::start(&mut command);
    systemd.until("twelve signs of life", |heard| count(heard, "WATCHDOG=1") >= 12);
    let ready = systemd.place_of("READY=1").expect("READY=1");
    assert!(systemd.place_of("WATCHDOG=1").unwrap() > ready);
    let wanted = "STATUS=0 of 1 cameras up, 0.0 frames/s looked at, ";
    systemd.until("how it stands", |heard| {
        heard.iter().any(|line| {
            line.starts_with(wanted) && line.contains("no link to the server") && line.contains("no frames from north")
        })
    });
    let (status, _) = running.terminate();
    assert!(status.success(), "{}", running.log());
    systemd.until("that it stops", |heard| count(heard, "STOPPING=1") == 1);
}

#[test]
fn what_is_wrong_with_the_configuration_or_the_models_is_never_said_to_be_ready() {
    let dir = TempDir::new().unwrap();
    let systemd = Systemd::listen(&dir.path().join("notify"));
    let config = config(dir.path(), "/dev/video99", &absent(), "");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("[uplink]", "plate = \"no-such-model\"\n[uplink]")).unwrap();
    let mut command = agent(&config);
    command.env("NOTIFY_SOCKET", dir.path().join("notify"));
    let mut running = Running::start(&mut command);
    assert_eq!(running.wait(PATIENCE).code(), Some(11), "{}", running.log());
    systemd.socket.set_nonblocking(true).unwrap();
    assert!(systemd.socket.recv(&mut [0; 64]).is_err(), "it said something to systemd");
}

#[test]
fn a_flapping_server_and_an_absent_camera_leave_a_handful_of_warnings() {
    let dir = TempDir::new().unwrap();
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    // How full the machine of the test is, is not what this is about.
    let calm = "[health]\ninterval_s = 1.0\nwarning_percent = 100.0\nerror_percent = 100.1\n";
    let mut running = Running::start(&mut agent(&config(dir.path(), "/dev/video99", &url, calm)));
    running.wait_for_log("lpr-agent is running", PATIENCE);
    let said = |running: &Running, what: &str| running.log().matches(what).count();
    for turn in 1..=4 {
        let server = LprServer::start(&dir.path().join("server"), &format!("127.0.0.1:{port}"), &[]);
        wait_for("a link", PATIENCE, || (said(&running, "link=\"socketio\"") >= turn).then_some(()));
        let lost = said(&running, "link=\"down\"");
        drop(server);
        wait_for("its loss", PATIENCE, || (said(&running, "link=\"down\"") > lost).then_some(()));
    }
    let log = running.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains(" WARN ") || line.contains("ERROR ")).collect();
    assert!((1..=4).contains(&warnings.len()), "{warnings:#?}");
    assert!(warnings.iter().any(|line| line.contains("no frames from this camera") && line.contains("north")));
    assert!(running.terminate().0.success());
}

#[test]
fn the_server_is_told_of_every_part_of_the_box() {
    let dir = TempDir::new().unwrap();
    let server = LprServer::start(&dir.path().join("server"), "127.0.0.1:0", &[]);
    let url = server.url();
    let config = config(dir.path(), LIVE, &url, "[health]\ninterval_s = 1.0\n");
    let mut running = Running::start(&mut agent(&config));
    let parts = ["camera", "system", "detector", "outbox", "uplink", "cpu", "memory", "disk", "clock"];
    wait_for("a report of each part", PATIENCE, || {
        let answer = get_json(&format!("{url}/api/cameras/health?limit=200"));
        let reports = answer["health"].as_array()?.clone();
        parts.iter().all(|part| reports.iter().any(|report| report["component"] == *part)).then_some(())
    });
    assert!(running.terminate().0.success(), "{}", running.log());
}

/// A pipeline with a missing element hangs OpenCV for ever in each attempt to open it.
#[test]
fn a_camera_that_hangs_is_rebuilt_and_said_so_while_everything_else_works_on() {
    let dir = TempDir::new().unwrap();
    let mut systemd = Systemd::listen(&dir.path().join("notify"));
    let config = config(dir.path(), "gst:nosuchelement ! queue", &absent(), "");
    let mut command = agent(&config);
    command.env("NOTIFY_SOCKET", dir.path().join("notify")).env("WATCHDOG_USEC", "4000000");
    let mut running = Running::start(&mut command);
    systemd
        .until("a camera that is rebuilt", |_| running.log().contains("rebuilt part=\"camera checkpoint_001/north\""));
    assert!(running.log().contains("hangs; it is rebuilt"), "{}", running.log());
    let so_far = count(&systemd.heard, "WATCHDOG=1");
    systemd.until("signs of life afterwards", |heard| count(heard, "WATCHDOG=1") > so_far + 3);
    let (status, took) = running.terminate();
    assert!(status.success() && took < Duration::from_secs(15), "{took:?}: {}", running.log());
}

/// Holds a thread of a process in its next system call, as a broken driver would.
struct Held(std::process::Child);

impl Held {
    fn hold(pid: u32, thread: &str) -> Option<Self> {
        if !Command::new("strace").arg("true").output().is_ok_and(|output| output.status.success()) {
            eprintln!("SKIPPED: no thread can be held, since strace is missing or may not trace here");
            return None;
        }
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
        let named =
            |task: &fs::DirEntry| fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == thread);
        let tid = tasks.filter(named).map(|task| task.file_name().into_string().unwrap()).next().expect(thread);
        let hold = ["-qq", "-o", "/dev/null", "-e", "inject=all:delay_enter=900s", "-p", &tid];
        Some(Self(Command::new("strace").args(hold).spawn().unwrap()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_inference_thread_that_hangs_is_replaced_and_frames_are_looked_at_again() {
    let dir = TempDir::new().unwrap();
    let mut systemd = Systemd::listen(&dir.path().join("notify"));
    let mut command = agent(&config(dir.path(), LIVE, &absent(), ""));
    command.env("NOTIFY_SOCKET", dir.path().join("notify")).env("WATCHDOG_USEC", "8000000");
    let mut running = Running::start(&mut command);
    let looks = |line: &String| line.starts_with("STATUS=1 of 1 cameras up, ") && !line.contains(" 0.0 frames/s");
    systemd.until("frames that are looked at", |heard| heard.iter().any(looks));
    let Some(held) = Held::hold(running.child.id(), "infer") else { return };
    running.wait_for_log("rebuilt part=\"infer\"", PATIENCE);
    running.wait_for_log("goes on part=\"infer\"", PATIENCE);
    let so_far = systemd.heard.len();
    systemd.until("frames that are looked at again", |heard| heard.iter().skip(so_far).any(looks));
    drop(held);
    let (status, took) = running.terminate();
    assert!(status.success() && took < Duration::from_secs(15), "{took:?}: {}", running.log());
}

#[test]
fn a_model_whose_thread_hangs_on_probation_gives_way_to_the_one_before() {
    let dir = TempDir::new().unwrap();
    let road = "sim:seed=1;seconds=3600;fps=5;vehicles=1800";
    let config = config(dir.path(), road, &absent(), "[pipeline]\nmotion_gate = false\n");
    let before = fs::read_to_string(&config).unwrap();
    let mut running = Running::start(&mut agent(&config));
    running.wait_for_log("lpr-agent is running", PATIENCE);
    let arguments = ["models", "use", "cct-xs-v2", "--trial", "5", "--config", config.as_str()];
    let mut using = Running::start(Command::new(AGENT).args(arguments));
    using.wait_for_log("on probation", PATIENCE);
    let Some(held) = Held::hold(running.child.id(), "infer") else { return };
    running.wait_for_log("went back from cct-xs-v2 to ppocr-v6: the inference thread hung", PATIENCE);
    running.wait_for_log("goes on part=\"infer\"", PATIENCE);
    assert_eq!(using.wait(PATIENCE).code(), Some(1), "{}", using.log());
    assert_eq!(fs::read_to_string(&config).unwrap(), before);
    drop(held);
    assert!(running.terminate().0.success(), "{}", running.log());
}

#[test]
fn an_outbox_that_hangs_ends_the_process_with_a_note_of_it_for_the_next_one() {
    let dir = TempDir::new().unwrap();
    let mut running = Running::start(&mut agent(&config(dir.path(), LIVE, &absent(), "")));
    running.wait_for_log("lpr-agent is running", PATIENCE);
    let pid = running.child.id();
    let Some(held) = Held::hold(pid, "outbox") else { return };
    running.wait_for_log("only a new process helps: ending part=\"outbox\"", PATIENCE);
    // Who holds a thread also holds back the news that its process is gone.
    wait_for("the process to end", PATIENCE, || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')).then_some(())
    });
    drop(held);
    let status = running.wait(PATIENCE);
    assert_eq!(status.code(), Some(71), "{}", running.log());
    let exits = fs::read_to_string(dir.path().join("agent/exits.json")).unwrap();
    assert_eq!(exits.matches("\"part\":\"outbox\"").count(), 1, "{exits}");
}
