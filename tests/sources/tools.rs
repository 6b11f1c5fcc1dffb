//! What the source tests share: pictures, clips, an RTSP camera, and waiting for a condition with a deadline.

use lpr::capture::{FrameSource, OpenOptions, open};
use lpr::config::{Secret, SourceSpec};
use lpr::domain::{CaptureTime, Frame};
use lpr::imaging::encode_jpeg;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait of any test here; far more than a healthy machine needs.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn options() -> OpenOptions {
    let mut options = OpenOptions::default();
    options.open_timeout = Duration::from_secs(10);
    options.read_timeout = Duration::from_secs(5);
    options
}

pub fn with_credentials(text: &str) -> OpenOptions {
    let mut options = options();
    options.credentials = Some(Secret::new(text));
    options
}

pub fn spec(text: &str) -> SourceSpec {
    SourceSpec::parse(text).unwrap()
}

pub fn open_text(text: &str, options: &OpenOptions) -> Box<dyn FrameSource> {
    open(&spec(text), options).unwrap_or_else(|error| panic!("{error}"))
}

/// The message of an opening that must fail.
pub fn refusal(text: &str, options: &OpenOptions) -> String {
    match open(&spec(text), options) {
        Ok(_) => panic!("{} opened", spec(text)),
        Err(error) => error.to_string(),
    }
}

/// All frames of a source that ends.
pub fn drain(mut source: Box<dyn FrameSource>) -> Vec<Frame> {
    assert!(!source.is_live());
    std::iter::from_fn(|| source.next().unwrap_or_else(|error| panic!("{error}"))).collect()
}

/// Waits for `condition`, with a deadline.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A grey JPEG.
pub fn write_image(path: &Path, width: u32, height: u32) {
    let pixels = vec![128u8; (width * height * 3) as usize];
    let frame = Frame::new(width, height, pixels, 1, CaptureTime::default()).unwrap();
    std::fs::write(path, encode_jpeg(&frame, 90, usize::MAX).unwrap()).unwrap();
}

/// A clip of 30 frames at 15 frames a second.
pub fn write_clip(path: &Path) {
    let pipeline = "videotestsrc num-buffers=30 pattern=ball ! video/x-raw,width=320,height=240,framerate=15/1 \
                    ! jpegenc ! avimux ! filesink";
    let status = Command::new("gst-launch-1.0")
        .arg("-q")
        .args(pipeline.split_whitespace())
        .arg(format!("location={}", path.display()))
        .status()
        .expect("gst-launch-1.0 cannot be run: install the Debian package gstreamer1.0-tools");
    assert!(status.success(), "gst-launch-1.0 failed: install gstreamer1.0-plugins-base and gstreamer1.0-plugins-good");
}

/// An RTSP camera in a process of its own, on loopback. Ends with the test, however that ends.
pub struct Camera {
    process: Child,
    pub port: u16,
}

impl Camera {
    /// `guard`: nothing, or method, user and password. Port 0: a free one.
    pub fn start(port: u16, guard: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/rtsp_server.py");
        let mut process = Command::new("/usr/bin/python3")
            .arg(script)
            .arg(port.to_string())
            .args(guard)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("/usr/bin/python3 cannot be run: install the Debian package python3");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().expect(
            "the test's RTSP camera does not start (see above): install the Debian packages \
             gir1.2-gst-rtsp-server-1.0, python3-gi and gstreamer1.0-plugins-good",
        );
        Self { process, port }
    }

    pub fn url(&self) -> String {
        format!("rtsp://127.0.0.1:{}/live", self.port)
    }

    /// Freezes the process: its connections stay, and nothing comes.
    pub fn freeze(&self) {
        let status = Command::new("kill").args(["-STOP", &self.process.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.kill();
    }
}
