//! Every kind of source, for real: files, GStreamer pipelines, an RTSP camera on loopback; and what happens when one
//! is absent, refuses, hangs or comes back.

#![cfg(feature = "vision")]
// Clippy knows tests by their attribute, not their helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "sources/tools.rs"]
mod tools;
#[path = "sources/worker.rs"]
mod worker;

use lpr::capture::{CaptureError, open};
use std::io::Write;
use std::net::TcpListener;
use std::time::{Duration, Instant};
use tools::{Camera, drain, open_text, options, refusal, until, with_credentials, write_clip, write_image};

// ---------------------------------------------------------------- files

#[test]
fn an_image_is_one_frame_and_then_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("car.jpg");
    write_image(&path, 64, 48);
    let mut source = open_text(path.to_str().unwrap(), &options());
    let frame = source.next().unwrap().unwrap();
    assert_eq!((frame.width(), frame.height(), frame.number), (64, 48, 1));
    assert!(frame.captured.wall_us > 0);
    assert_eq!(source.label(), path.display().to_string());
    assert!(source.next().unwrap().is_none());
    assert!(source.next().unwrap().is_none());
}

#[test]
fn an_image_is_known_by_its_first_bytes_where_its_name_says_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("snapshot");
    write_image(&path, 64, 48);
    assert_eq!(drain(open_text(path.to_str().unwrap(), &options())).len(), 1);
}

#[test]
fn a_folder_gives_its_images_by_name_and_goes_on_after_an_unreadable_one() {
    let dir = tempfile::tempdir().unwrap();
    write_image(&dir.path().join("b.jpg"), 30, 20);
    write_image(&dir.path().join("a.JPG"), 10, 20);
    std::fs::write(dir.path().join("aa.jpg"), "no image at all").unwrap();
    std::fs::write(dir.path().join("notes.txt"), "skipped").unwrap();
    std::fs::create_dir(dir.path().join("c.jpg")).unwrap();

    let mut source = open_text(dir.path().to_str().unwrap(), &options());
    assert_eq!(source.next().unwrap().unwrap().width(), 10);
    let error = source.next().unwrap_err();
    assert!(error.is_per_item(), "{error}");
    assert!(error.to_string().contains("aa.jpg: is not an image"), "{error}");
    assert!(source.label().ends_with("aa.jpg"));
    assert_eq!(source.next().unwrap().unwrap().width(), 30);
    assert!(source.label().ends_with("b.jpg"));
    assert!(source.next().unwrap().is_none());
}

#[test]
fn a_clip_gives_every_frame_at_its_own_time_and_then_ends() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clip.avi");
    write_clip(&path);
    let frames = drain(open_text(path.to_str().unwrap(), &options()));
    assert_eq!(frames.len(), 30);
    assert_eq!((frames[0].width(), frames[0].height()), (320, 240));
    assert!(frames.iter().zip(1..).all(|(frame, number)| frame.number == number));
    let seconds = (frames[29].captured.wall_us - frames[0].captured.wall_us) as f64 / 1e6;
    assert!((seconds - 29.0 / 15.0).abs() < 0.01, "{seconds}");
}

#[test]
fn five_frames_a_second_of_a_clip_of_fifteen_are_every_third() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clip.avi");
    write_clip(&path);
    let mut slow = options();
    slow.max_fps = 5.0;
    let numbers: Vec<u64> = drain(open_text(path.to_str().unwrap(), &slow)).iter().map(|frame| frame.number).collect();
    assert_eq!(numbers, [1, 4, 7, 10, 13, 16, 19, 22, 25, 28]);
}

#[test]
fn the_simulator_gives_its_frames_at_their_own_pace_and_ends() {
    let text = "sim:seed=7;seconds=1;fps=10;size=320x180";
    let frames = drain(open_text(text, &options()));
    let numbers: Vec<u64> = frames.iter().map(|frame| frame.number).collect();
    assert_eq!(numbers, (1..=10).collect::<Vec<u64>>());
    assert_eq!(frames[9].captured.mono_ms - frames[0].captured.mono_ms, 900);

    let mut slow = options();
    slow.max_fps = 5.0;
    let thinned = drain(open_text(text, &slow));
    assert_eq!(thinned.iter().map(|frame| frame.number).collect::<Vec<u64>>(), [1, 3, 5, 7, 9]);
    assert!(thinned[1].pixels() == frames[2].pixels(), "the same frame, thinned or not");
    assert!(refusal("sim:nonsense=1", &options()).starts_with("sim: "));
}

#[test]
fn what_cannot_be_opened_is_named_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("notes.mp4");
    std::fs::write(&text, "this is no video").unwrap();
    let folder = dir.path().display().to_string();
    for (source, wanted) in [
        ("/nowhere/car.jpg".to_owned(), "/nowhere/car.jpg: cannot be opened: No such file"),
        (folder.clone(), "holds no image"),
        (text.display().to_string(), "notes.mp4: is neither an image nor a video"),
        ("/dev/video99".to_owned(), "/dev/video99: no such camera"),
        (
            "gst:filesrc location=/nowhere.avi ! avidemux ! jpegdec".to_owned(),
            "GStreamer cannot build or start the pipeline",
        ),
    ] {
        let message = refusal(&source, &options());
        assert!(message.contains(wanted), "{message}");
    }
}

#[test]
fn a_file_that_is_no_camera_is_refused_as_one() {
    // /dev/video… cannot be made here; any other device file takes the same road.
    let spec = lpr::config::SourceSpec::Device("/dev/null".into());
    let error = open(&spec, &options()).err().expect("/dev/null is no camera");
    assert!(error.to_string().contains("/dev/null: cannot be opened: it is no camera"), "{error}");
}

// ---------------------------------------------------------------- GStreamer

const TEST_SOURCE: &str = "gst:videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1";

#[test]
fn a_pipelines_frames_flow_and_their_times_go_forward() {
    let mut source = open_text(TEST_SOURCE, &options());
    assert!(source.is_live());
    let mut last = 0;
    for _ in 0..10 {
        let frame = source.next().unwrap().expect("a live source has no end");
        assert_eq!((frame.width(), frame.height()), (320, 240));
        assert!(frame.captured.mono_ms >= last);
        last = frame.captured.mono_ms;
    }
}

#[test]
fn a_live_source_keeps_the_newest_frame_and_counts_what_it_overwrote() {
    let mut source = open_text(TEST_SOURCE, &options());
    source.next().unwrap();
    until("frames overwritten", || source.overwritten() > 3);
    let newest = source.next().unwrap().unwrap();
    let clock = lpr::clock::SystemClock;
    let age_ms = lpr::clock::Clock::stamp(&clock).mono_ms - newest.captured.mono_ms;
    assert!(age_ms < 1000, "the frame is {age_ms} ms old");
}

#[test]
fn a_pipeline_that_ends_is_a_lost_camera() {
    let mut source = open_text("gst:videotestsrc num-buffers=3", &options());
    let error = std::iter::repeat_with(|| source.next()).find_map(Result::err).unwrap();
    assert!(matches!(error, CaptureError::Lost { .. }), "{error}");
}

#[test]
fn a_pipeline_with_a_missing_element_fails_in_time_and_hangs_no_more_than_a_few_threads() {
    let mut options = options();
    options.open_timeout = Duration::from_millis(500);
    let messages: Vec<String> = (0..5).map(|_| refusal("gst:nosuchelement ! queue", &options)).collect();
    assert!(messages[0].contains("did not open within 0.5 s; run `gst-launch-1.0"), "{}", messages[0]);
    assert!(messages[4].contains("4 attempts hang in its driver"), "{}", messages[4]);
}

/// What OpenCV 4.6 leaves behind, or crashes by, where a pipeline's source fails while it starts. Its threads are those of GStreamer.
#[test]
fn no_pipeline_is_built_for_a_camera_that_is_away() {
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for source in ["souphttpsrc location=http://", "rtspsrc location=rtsp://"] {
        let pipeline = format!("gst:{source}{away}/ ! multipartdemux ! jpegdec");
        for _ in 0..300 {
            let message = refusal(&pipeline, &options());
            assert!(message.contains(&format!("{away} does not answer")), "{message}");
        }
    }
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap_or_default());
    let left: Vec<String> =
        names.filter(|name| name.starts_with("souphttpsrc") || name.starts_with("rtspsrc")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A pipeline fed over TCP: one frame, and then silence while the connection stays. GStreamer waits for ever.
fn stalling_pipeline() -> (String, std::thread::JoinHandle<std::net::TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let feeder = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&[200u8; 64 * 48 * 3 * 4]).unwrap();
        stream
    });
    let raw = "rawvideoparse width=64 height=48 format=bgr framerate=30/1";
    (format!("gst:tcpclientsrc host=127.0.0.1 port={port} ! {raw}"), feeder)
}

#[test]
fn a_pipeline_that_stalls_is_noticed_within_the_read_time_out() {
    let (pipeline, feeder) = stalling_pipeline();
    let mut options = options();
    options.read_timeout = Duration::from_secs(1);
    let mut source = open_text(&pipeline, &options);
    source.next().unwrap().expect("the first frame");
    let connection = feeder.join().unwrap();
    let begun = Instant::now();
    let error = std::iter::repeat_with(|| source.next()).find_map(Result::err).unwrap();
    assert!(matches!(error, CaptureError::ReadTimeout { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    drop(source);
    drop(connection);
}

// ---------------------------------------------------------------- RTSP

#[test]
fn an_rtsp_cameras_frames_flow() {
    let camera = Camera::start(0, &[]);
    let mut source = open_text(&camera.url(), &options());
    for _ in 0..5 {
        assert_eq!(source.next().unwrap().unwrap().width(), 320);
    }
}

#[test]
fn a_camera_with_a_password_opens_with_it_and_says_what_is_wrong_without() {
    const PASSWORD: &str = "p@ss/w:rd?%41";
    for method in ["basic", "digest"] {
        let camera = Camera::start(0, &[method, "joe", PASSWORD]);
        let mut source = open_text(&camera.url(), &with_credentials(&format!("joe:{PASSWORD}")));
        assert!(source.next().unwrap().is_some(), "{method}");

        let message = refusal(&camera.url(), &options());
        assert!(message.contains("it asks for a user and password"), "{method}: {message}");
        let message = refusal(&camera.url(), &with_credentials("joe:wrongword"));
        assert!(message.contains("it refuses this user and password"), "{method}: {message}");
        assert!(!message.contains("wrongword"), "{message}");
    }
}

#[test]
fn a_wrong_path_and_an_empty_port_are_told_apart() {
    let camera = Camera::start(0, &[]);
    let message = refusal(&format!("rtsp://127.0.0.1:{}/nothing", camera.port), &options());
    assert!(message.contains("it has no stream at this path"), "{message}");

    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let message = refusal(&format!("rtsp://127.0.0.1:{free}/live"), &options());
    assert!(message.contains("does not answer (Connection refused"), "{message}");

    let message = refusal("rtsp://no-such-camera.invalid/live", &options());
    assert!(message.contains("the name no-such-camera.invalid is not known"), "{message}");
}

#[test]
fn a_camera_that_accepts_and_then_says_nothing_fails_within_the_open_time_out() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = options();
    options.open_timeout = Duration::from_secs(1);
    let begun = Instant::now();
    let message = refusal(&format!("rtsp://127.0.0.1:{}/live", mute.local_addr().unwrap().port()), &options);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(message.contains("did not open within 1 s"), "{message}");
}

#[test]
fn a_camera_that_freezes_is_noticed_within_the_read_time_out() {
    let camera = Camera::start(0, &[]);
    let mut options = options();
    options.read_timeout = Duration::from_secs(1);
    let mut source = open_text(&camera.url(), &options);
    source.next().unwrap();
    camera.freeze();
    let begun = Instant::now();
    let error = std::iter::repeat_with(|| source.next()).find_map(Result::err).unwrap();
    assert!(matches!(error, CaptureError::ReadTimeout { .. } | CaptureError::Lost { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}
