//! Everything OpenCV's `VideoCapture` opens: video files, V4L2 devices, RTSP cameras, GStreamer pipelines.
//!
//! Each backend is named, since "any" ignores the time-outs, and each runs on a [`Grabber`]'s thread: FFmpeg has
//! time-outs of its own, V4L2 waits up to 10 s, GStreamer (as of OpenCV 4.6) waits for ever. RTSP goes over TCP first,
//! as OpenCV tells FFmpeg unless the environment says otherwise.

use super::grabber::{Grabber, Pull, Pulled, Subject};
use super::synthetic::later;
use super::{CaptureError, FrameSource, OpenOptions, Pace, rtsp};
use crate::clock::Clock;
use crate::config::Secret;
use crate::domain::{CaptureTime, Frame};
use crate::imaging::ImagingError;
use opencv::core::{self, LogLevel, Mat, MatTraitConst, MatTraitConstManual, Vector};
use opencv::imgproc;
use opencv::videoio::{self, VideoCapture, VideoCaptureTrait, VideoCaptureTraitConst};
use std::path::Path;
use std::sync::{Arc, Once};
use std::time::Duration;

type Opened = Result<Box<dyn FrameSource>, CaptureError>;

/// A video file, to its end.
pub fn open_file(path: &Path, options: &OpenOptions) -> Opened {
    let unreadable = |reason| CaptureError::Unreadable { path: path.to_owned(), reason };
    // Absolute, since FFmpeg takes what stands before a colon for a protocol.
    let absolute = std::fs::canonicalize(path).map_err(unreadable)?;
    let pacing = Pacing::new(options, Times::Media(MediaTime::from(options.clock.stamp())));
    let shown = path.to_owned();
    let subject =
        Subject { from: path.display().to_string(), live: false, advice: "check the disk or network drive it is on" };
    start(subject, options, move || {
        let not_media = || CaptureError::NotMedia { path: shown.clone() };
        let capture = capture(&absolute.to_string_lossy(), videoio::CAP_FFMPEG, &[]).ok_or_else(not_media)?;
        Ok(Stream::new(capture, pacing).or_else_nothing(not_media()))
    })
}

/// A V4L2 device. It keeps the size it was set to; `gst:v4l2src …` chooses another.
pub fn open_device(path: &Path, options: &OpenOptions) -> Opened {
    let device = path.to_owned();
    let pacing = Pacing::new(options, Times::Arrival);
    start(
        Subject { from: path.display().to_string(), live: true, advice: "unplug and replug it" },
        options,
        move || {
            if !device.exists() {
                return Err(CaptureError::NoDevice { found: devices(), path: device });
            }
            std::fs::File::open(&device).map_err(|reason| CaptureError::Unreadable { path: device.clone(), reason })?;
            let opened = capture(&device.to_string_lossy(), videoio::CAP_V4L2, &[]);
            opened.map(|capture| Stream::new(capture, pacing)).ok_or_else(|| CaptureError::Open {
                from: device.display().to_string(),
                remedy: "it is no camera, or another program uses it (`fuser -v` on it shows which)".into(),
            })
        },
    )
}

/// An RTSP camera; `full` is its address with the credentials in it.
pub fn open_rtsp(from: String, full: Secret, options: &OpenOptions) -> Opened {
    let pacing = Pacing::new(options, Times::Arrival);
    let (open_timeout, read_timeout) = (options.open_timeout, options.read_timeout);
    let subject = Subject { from: from.clone(), live: true, advice: "check its power and its network" };
    start(subject, options, move || {
        rtsp::reach(full.reveal(), open_timeout).map_err(|remedy| CaptureError::Open { from: from.clone(), remedy })?;
        let params = [
            (videoio::CAP_PROP_OPEN_TIMEOUT_MSEC, millis(open_timeout)),
            (videoio::CAP_PROP_READ_TIMEOUT_MSEC, millis(read_timeout)),
        ];
        match capture(full.reveal(), videoio::CAP_FFMPEG, &params) {
            Some(capture) => Ok(Stream::new(capture, pacing)),
            None => Err(rtsp::diagnose(from, full.reveal(), open_timeout)),
        }
    })
}

/// OpenCV waits for ever for a pipeline with an element that is not installed, and tells nobody.
const GST_ADVICE: &str =
    "run `gst-launch-1.0 PIPELINE ! videoconvert ! fakesink`, which says whether an element or the camera is missing";

/// A GStreamer pipeline; ours ends it unless it brings an appsink of its own.
pub fn open_gst(from: String, pipeline: &str, options: &OpenOptions) -> Opened {
    let pacing = Pacing::new(options, Times::Arrival);
    let addresses = if by_proxy(pipeline) { Vec::new() } else { addresses(pipeline) };
    let pipeline = with_sink(pipeline);
    let open_timeout = options.open_timeout;
    let subject = Subject { from: from.clone(), live: true, advice: GST_ADVICE };
    start(subject, options, move || {
        for address in &addresses {
            rtsp::reach(address, open_timeout).map_err(|remedy| CaptureError::Open { from: from.clone(), remedy })?;
        }
        let opened = capture(&pipeline, videoio::CAP_GSTREAMER, &[]);
        opened.map(|capture| Stream::new(capture, pacing)).ok_or_else(|| CaptureError::Open {
            from,
            remedy: format!("GStreamer cannot build or start the pipeline; {GST_ADVICE}"),
        })
    })
}

/// Where the pipeline will connect to. Nobody being there must be known before OpenCV builds it: OpenCV 4.6 looks for the error too
/// early where a source fails while it starts, and then takes the pipeline's memory from under its running threads. They stay
/// for ever, with their sockets, or the process crashes.
fn addresses(pipeline: &str) -> Vec<String> {
    let is_address =
        |text: &&str| ["http://", "https://", "rtsp://", "rtsps://"].iter().any(|kind| text.starts_with(kind));
    let given = |word: &'_ str| -> Option<String> {
        let value = ["location=", "uri="].iter().find_map(|key| word.strip_prefix(key))?.trim_matches(['"', '\'']);
        Some(value).filter(is_address).map(str::to_owned)
    };
    pipeline.split_whitespace().filter_map(given).collect()
}

/// Does somebody else connect for it?
fn by_proxy(pipeline: &str) -> bool {
    let set = ["http_proxy", "https_proxy", "all_proxy"].iter().any(|name| std::env::var_os(name).is_some());
    set || pipeline.contains("proxy=")
}

/// BGR at the end, one frame kept, the newest.
fn with_sink(pipeline: &str) -> String {
    if pipeline.contains("appsink") {
        return pipeline.to_owned();
    }
    let pipeline = pipeline.trim_end().trim_end_matches('!').trim_end();
    format!("{pipeline} ! videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false")
}

fn start<P: Pull>(
    subject: Subject,
    options: &OpenOptions,
    open: impl FnOnce() -> Result<P, CaptureError> + Send + 'static,
) -> Opened {
    Ok(Box::new(Grabber::start(subject, options, open)?))
}

fn capture(name: &str, backend: i32, params: &[(i32, i32)]) -> Option<VideoCapture> {
    static QUIET: Once = Once::new();
    // OpenCV's own words go to standard error, unstructured, and name sources as they are.
    QUIET.call_once(|| {
        if std::env::var_os("OPENCV_LOG_LEVEL").is_none() {
            let _ = core::set_log_level(LogLevel::LOG_LEVEL_SILENT);
        }
    });
    let flat: Vector<i32> = params.iter().flat_map(|(key, value)| [*key, *value]).collect();
    let capture = VideoCapture::from_file_with_params(name, backend, &flat).ok()?;
    capture.is_opened().unwrap_or(false).then_some(capture)
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

/// What `/dev` has instead.
fn devices() -> String {
    let entries = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.path().display().to_string());
    let mut cameras: Vec<String> = names.filter(|name| name.starts_with("/dev/video")).collect();
    cameras.sort();
    match cameras.as_slice() {
        [] => " (this machine has no /dev/video* at all)".into(),
        names => format!(" (there is {})", names.join(", ")),
    }
}

/// Which frames are wanted, and when they were captured.
struct Pacing {
    pace: Pace,
    clock: Arc<dyn Clock>,
    times: Times,
}

enum Times {
    /// A camera's frame is captured when it arrives.
    Arrival,
    /// A clip's frame is captured when it would be shown.
    Media(MediaTime),
}

impl Pacing {
    fn new(options: &OpenOptions, times: Times) -> Self {
        Self { pace: Pace::new(options.max_fps), clock: options.clock.clone(), times }
    }

    /// The time of the frame just grabbed.
    fn stamp(&mut self, capture: &VideoCapture) -> CaptureTime {
        match &mut self.times {
            Times::Arrival => self.clock.stamp(),
            Times::Media(time) => {
                let get = |property| capture.get(property).unwrap_or(0.0);
                time.of_frame(get(videoio::CAP_PROP_POS_MSEC), get(videoio::CAP_PROP_FPS))
            }
        }
    }
}

/// Capture times of a clip: its own time stamps, counted from the opening.
struct MediaTime {
    opened: CaptureTime,
    last_ms: Option<f64>,
}

impl From<CaptureTime> for MediaTime {
    fn from(opened: CaptureTime) -> Self {
        Self { opened, last_ms: None }
    }
}

/// Frames a second of a clip that does not say.
const FPS_UNKNOWN: f64 = 25.0;

impl MediaTime {
    /// `position_ms` is the container's word; where it does not go forward, the frame rate's is taken.
    fn of_frame(&mut self, position_ms: f64, fps: f64) -> CaptureTime {
        let step = 1000.0 / if fps.is_finite() && fps > 0.0 { fps } else { FPS_UNKNOWN };
        let at = match self.last_ms {
            None => position_ms.max(0.0),
            Some(last) if position_ms > last => position_ms,
            Some(last) => last + step,
        };
        self.last_ms = Some(at);
        later(self.opened, at)
    }
}

/// An open capture, on its grabber's thread.
struct Stream {
    capture: VideoCapture,
    pacing: Pacing,
    mat: Mat,
    number: u64,
    /// What to say where not even one frame comes.
    nothing: Option<CaptureError>,
}

impl Stream {
    fn new(capture: VideoCapture, pacing: Pacing) -> Self {
        Self { capture, pacing, mat: Mat::default(), number: 0, nothing: None }
    }

    fn or_else_nothing(self, error: CaptureError) -> Self {
        Self { nothing: Some(error), ..self }
    }
}

impl Pull for Stream {
    fn pull(&mut self) -> Result<Pulled, CaptureError> {
        if !self.capture.grab().unwrap_or(false) {
            return self.nothing.take().map_or(Ok(Pulled::End), Err);
        }
        let captured = self.pacing.stamp(&self.capture);
        self.number += 1;
        if !self.pacing.pace.keep(captured.mono_ms as f64) {
            return Ok(Pulled::Skipped);
        }
        if !self.capture.retrieve_def(&mut self.mat).unwrap_or(false) {
            return self.nothing.take().map_or(Ok(Pulled::End), Err);
        }
        self.nothing = None;
        Ok(Pulled::Frame(to_frame(&mut self.mat, self.number, captured)?))
    }
}

/// Copies the picture out: OpenCV writes the next one into the same memory.
fn to_frame(mat: &mut Mat, number: u64, captured: CaptureTime) -> Result<Frame, ImagingError> {
    let failed = |error: opencv::Error| ImagingError::Opencv { what: "take a camera's frame", reason: error.message };
    if mat.channels() == 1 {
        let mut colour = Mat::default();
        imgproc::cvt_color_def(mat, &mut colour, imgproc::COLOR_GRAY2BGR).map_err(failed)?;
        *mat = colour;
    }
    let side = |length: i32| u32::try_from(length).unwrap_or(0);
    let (width, height) = (side(mat.cols()), side(mat.rows()));
    Ok(Frame::new(width, height, mat.data_bytes().map_err(failed)?, number, captured)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_gets_our_sink_unless_it_has_one() {
        let ours = with_sink("videotestsrc is-live=true ! ");
        assert!(
            ours.starts_with("videotestsrc is-live=true ! videoconvert ! video/x-raw,format=BGR ! appsink "),
            "{ours}"
        );
        assert_eq!(with_sink("videotestsrc ! appsink name=mine"), "videotestsrc ! appsink name=mine");
    }

    #[test]
    fn a_pipelines_addresses_are_found_and_no_others() {
        let rtsp = "rtspsrc location=rtsp://joe:pw@10.0.0.7/live protocols=tcp ! rtph264depay";
        assert_eq!(addresses(rtsp), ["rtsp://joe:pw@10.0.0.7/live"]);
        let two = "souphttpsrc location=\"http://cam/a\" ! x. uridecodebin uri='https://cam/b' ! x.";
        assert_eq!(addresses(two), ["http://cam/a", "https://cam/b"]);
        for none in ["filesrc location=/clip.avi", "udpsrc uri=udp://239.0.0.1:5000", "v4l2src", "x url=http://cam/"] {
            assert_eq!(addresses(none), [""; 0], "{none}");
        }
        assert!(by_proxy("souphttpsrc proxy=http://gate:3128 location=http://cam/"));
    }

    #[test]
    fn a_clips_frames_go_forward_even_where_its_time_stamps_do_not() {
        let mut time = MediaTime::from(CaptureTime { wall_us: 1_000_000, mono_ms: 500, synced: true });
        let at: Vec<u64> = [0.0, 40.0, 40.0, 0.0, 200.0].iter().map(|ms| time.of_frame(*ms, 25.0).mono_ms).collect();
        assert_eq!(at, [500, 540, 580, 620, 700]);
        assert_eq!(time.of_frame(1000.0, f64::NAN).wall_us, 2_000_000);
    }
}
