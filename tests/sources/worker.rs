//! The worker that opens a source, gives its frames and opens it again; and what it says about a camera.

use crate::tools::{Camera, PATIENCE, options, spec, until, with_credentials, write_clip};
use crate::{TEST_SOURCE, stalling_pipeline};
use lpr::capture::{CameraState, OpenOptions, Slots, Worker};
use lpr::domain::{CameraId, CameraKey, CheckpointId, Frame};
use std::net::TcpListener;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

fn key() -> CameraKey {
    CameraKey { camera: CameraId::new("cam").unwrap(), checkpoint: CheckpointId::new("gate").unwrap() }
}

fn worker(source: &str, options: &OpenOptions) -> (Worker, Slots<Frame>) {
    let slots = Slots::new(1);
    let worker = Worker::start(0, key(), spec(source), options.clone(), slots.clone()).unwrap();
    (worker, slots)
}

fn stop_within_two_seconds(worker: Worker, options: &OpenOptions) {
    let begun = Instant::now();
    options.stop.store(true, Ordering::Relaxed);
    worker.join();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn a_clip_reaches_a_slow_taker_without_losing_a_frame_and_ends() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clip.avi");
    write_clip(&path);
    let (worker, slots) = worker(path.to_str().unwrap(), &options());
    let mut numbers = Vec::new();
    while !slots.all_ended() {
        numbers.extend(slots.take_next(PATIENCE).map(|(_, frame)| frame.number));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(numbers, (1..=30).collect::<Vec<u64>>());
    let stats = worker.stats();
    worker.join();
    let seen = stats.snapshot();
    assert_eq!((seen.state, seen.frames, seen.overwritten), (CameraState::Ended, 30, 0));
}

#[test]
fn a_file_that_cannot_be_opened_has_failed_and_ended() {
    let (worker, slots) = worker("/nowhere/clip.mp4", &options());
    assert!(slots.take_next(PATIENCE).is_none() && slots.all_ended());
    let seen = worker.stats().snapshot();
    assert_eq!(seen.state, CameraState::Failed);
    assert!(seen.last_error.unwrap().contains("/nowhere/clip.mp4"));
    worker.join();
}

#[test]
fn a_live_worker_never_waits_for_its_taker() {
    let options = options();
    let (worker, slots) = worker(TEST_SOURCE, &options);
    let stats = worker.stats();
    until("overwritten frames", || stats.snapshot().overwritten >= 5);
    let seen = stats.snapshot();
    assert_eq!(seen.state, CameraState::Streaming);
    assert!(seen.frames > seen.overwritten && seen.last_frame_age.unwrap() < Duration::from_secs(5), "{seen:?}");
    assert!(slots.take_next(PATIENCE).unwrap().1.number > 5);
    stop_within_two_seconds(worker, &options);
    assert!(slots.all_ended() || slots.take_next(Duration::ZERO).is_some());
}

#[test]
fn a_live_worker_thins_frames_to_the_wanted_rate() {
    let mut options = options();
    options.max_fps = 5.0;
    let (worker, slots) = worker(TEST_SOURCE, &options);
    let mut at = Vec::new();
    while at.len() < 8 {
        at.push(slots.take_next(PATIENCE).expect("frames").1.captured.mono_ms);
    }
    let rate = 7000.0 / (at[7] - at[0]) as f64;
    assert!(rate < 5.5, "{rate} frames a second");
    stop_within_two_seconds(worker, &options);
}

#[test]
fn a_camera_that_dies_is_failed_and_comes_back_by_itself() {
    let mut camera = Camera::start(0, &[]);
    let port = camera.port;
    let mut options = options();
    options.read_timeout = Duration::from_secs(2);
    let (worker, slots) = worker(&camera.url(), &options);
    let stats = worker.stats();
    until("the first frame", || slots.take_next(Duration::from_millis(10)).is_some());
    camera.kill();
    until("the loss is noticed", || stats.snapshot().state == CameraState::Failed);
    assert!(stats.snapshot().last_error.is_some());
    let _camera = Camera::start(port, &[]);
    until("the camera is back", || stats.snapshot().state == CameraState::Streaming);
    let seen = stats.snapshot();
    assert_eq!((seen.reopened, seen.last_error), (1, None));
    stop_within_two_seconds(worker, &options);
}

#[test]
fn a_worker_whose_reads_hang_is_rebuilt_and_a_successor_counts_afresh_what_hangs() {
    let mut options = options();
    options.open_timeout = Duration::from_millis(300);
    let (worker, slots) = worker("gst:nosuchelement ! queue", &options);
    let stats = worker.stats();
    until("four attempts that hang", || stats.snapshot().wedged);
    worker.rebuild().unwrap();
    assert!(!stats.snapshot().wedged);
    until("an attempt of its successor", || stats.snapshot().hanging >= 1);
    assert!(!slots.all_ended(), "its predecessor has ended the camera");
    stop_within_two_seconds(worker, &options);
}

#[test]
fn a_worker_that_is_rebuilt_while_it_works_goes_on_giving_frames() {
    let options = options();
    let (worker, slots) = worker(TEST_SOURCE, &options);
    let stats = worker.stats();
    for _ in 0..2 {
        let before = stats.snapshot().frames;
        until("frames", || stats.snapshot().frames >= before + 5);
        worker.rebuild().unwrap();
    }
    let before = stats.snapshot().frames;
    until("frames of the third thread", || stats.snapshot().frames >= before + 5);
    assert!(!slots.all_ended());
    stop_within_two_seconds(worker, &options);
}

#[test]
fn a_worker_stops_in_time_even_while_its_pipeline_hangs() {
    let (pipeline, feeder) = stalling_pipeline();
    let options = options();
    let (worker, slots) = worker(&pipeline, &options);
    until("the first frame", || slots.take_next(Duration::from_millis(10)).is_some());
    let _connection = feeder.join().unwrap();
    stop_within_two_seconds(worker, &options);
}

#[test]
fn a_worker_stops_in_time_while_its_camera_does_not_open() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = options();
    let (worker, _slots) = worker(&format!("rtsp://127.0.0.1:{}/live", mute.local_addr().unwrap().port()), &options);
    let _connection = mute.accept().unwrap();
    stop_within_two_seconds(worker, &options);
}

/// In a child process of this test alone: opens a guarded camera with the right and with the wrong password, everything
/// logged at the finest level.
fn talk_about_a_guarded_camera(url: &str, password: &str) {
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(std::io::stderr).init();
    let with_url = url.replace("rtsp://", &format!("rtsp://joe:{password}@"));
    for (source, options, wanted) in [
        (url.to_owned(), with_credentials(&format!("joe:{password}")), CameraState::Streaming),
        (with_url.clone(), options(), CameraState::Streaming),
        (url.to_owned(), with_credentials(&format!("joe:{password}wrong")), CameraState::Failed),
        (format!("{with_url}wrong"), options(), CameraState::Failed),
    ] {
        let (worker, slots) = worker(&source, &options);
        let stats = worker.stats();
        until("the camera streams or is refused", || stats.snapshot().state == wanted);
        eprintln!("{:?} {:?}", spec(&source), stats.snapshot());
        drop(slots);
        stop_within_two_seconds(worker, &options);
    }
}

#[test]
fn a_password_is_in_no_line_of_any_library_or_log() {
    const PASSWORD: &str = "Geheim7301";
    if let Ok(url) = std::env::var("LPR_TEST_GUARDED_CAMERA") {
        return talk_about_a_guarded_camera(&url, PASSWORD);
    }
    let camera = Camera::start(0, &["digest", "joe", PASSWORD]);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "worker::a_password_is_in_no_line_of_any_library_or_log", "--nocapture"])
        .env("LPR_TEST_GUARDED_CAMERA", camera.url())
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(said.contains("camera opened") && said.contains("it refuses this user and password"), "{said}");
    assert!(!said.contains(PASSWORD), "{said}");
}
