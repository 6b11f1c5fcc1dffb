//! What the inference thread does when it cannot keep up, with an engine that runs only when the test says so.

use super::*;
use crate::agent::infer_host::InferHost;
use crate::agent::page::live::LiveView;
use crate::clock::SystemClock;
use crate::config::{ModelsConfig, agent_from};
use crate::domain::CaptureTime;
use crate::inference::{Engine, InferenceError, Provider, Signature, inspect};
use crate::supervise::Shutdown;
use crate::vision::{DecodeError, TensorBuffer, TensorData, TensorView};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};

/// Says of which brightness the frame is, and waits until it may go on; then the frame is done with.
struct Gated {
    signature: Signature,
    begun: Sender<f32>,
    may_go_on: Receiver<()>,
}

impl Engine for Gated {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn metadata(&self, _: &str) -> Option<String> {
        None
    }

    fn provider(&self) -> Provider {
        Provider::Cpu
    }

    fn run(
        &mut self,
        input: &TensorBuffer,
        _: &mut dyn FnMut(&[TensorView<'_>]) -> Result<(), DecodeError>,
    ) -> Result<Duration, InferenceError> {
        let TensorData::F32(data) = input.data() else { panic!("the graph takes floats") };
        self.begun.send(data[data.len() / 2]).unwrap();
        // At the test's end nobody lets it go on any more.
        let _ = self.may_go_on.recv();
        Err(InferenceError::Run { model: "gated".into(), message: "as the test wants it".into() })
    }
}

/// A pipeline of tests/graphs; `None`, loudly, without ONNX Runtime.
fn pipeline(dir: &Path) -> Option<Pipeline> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let runtime = root.join("models/runtime");
    if !runtime.is_dir() {
        eprintln!("\n*** SKIPPED: models/runtime is missing; get it with `lpr-agent models fetch` ***\n");
        return None;
    }
    let words = |name: &str| name.to_owned();
    let config = ModelsConfig {
        dir: dir.into(),
        runtime,
        vehicle: words("none"),
        plate: words("yolov8"),
        ocr: words("slots"),
        ..ModelsConfig::default()
    };
    for (name, alphabet) in [("yolov8", None), ("slots", Some("RGB_"))] {
        let graph = root.join(format!("tests/graphs/{name}.onnx"));
        let role = alphabet.is_none().then_some(crate::inference::Role::Plate);
        let inspected = inspect(&config, &graph, name, role, alphabet).unwrap();
        std::fs::copy(&graph, dir.join(format!("{name}.onnx"))).unwrap();
        std::fs::write(dir.join(format!("{name}.toml")), inspected.manifest).unwrap();
    }
    Some(Pipeline::load(&config).unwrap())
}

/// All of one brightness, by which the engine knows its camera.
fn frame(camera: usize, number: u64) -> Frame {
    Frame::new(64, 64, vec![camera as u8 * 250; 64 * 64 * 3], number, CaptureTime::default()).unwrap()
}

#[test]
fn frames_of_cameras_that_are_too_quick_are_dropped_evenly_and_each_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let Some(pipeline) = pipeline(dir.path()) else { return };
    let (begun, of_brightness) = channel();
    let (go_on, may_go_on) = channel();
    let mut gates = Some((begun, may_go_on));
    let pipeline = pipeline.with_engines(|_, engine| match gates.take() {
        Some((begun, may_go_on)) => Box::new(Gated { signature: engine.signature().clone(), begun, may_go_on }),
        None => engine,
    });

    let text = "[pipeline]\nmotion_gate = false\n[[camera]]\nid = \"slow\"\nsource = \"rtsp://127.0.0.1/1\"\n\
                [[camera]]\nid = \"quick\"\nsource = \"rtsp://127.0.0.1/2\"\n";
    let config = agent_from(text, "test", std::iter::empty()).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let cameras = Camera::all(&config, &clock, &Shutdown::default()).unwrap();
    let slots = Slots::new(2);
    let link = watch::channel(LinkStatus::default()).1;
    let outlets = Outlets { events: sync_channel(1).0, unread: None, link, live: LiveView::new(2) };
    let host = InferHost::new(&config, cameras, slots.clone(), Arc::default(), outlets.clone(), clock);
    let infer = InferLoop::new(&host, pipeline, outlets, Arc::default());
    let counters = host.counters.clone();
    let infer = std::thread::spawn(move || infer.run());

    let (mut put, mut overwritten, mut looked_at) = ([0u64; 2], [0u64; 2], Vec::new());
    let mut come = |camera: usize| {
        put[camera] += 1;
        overwritten[camera] += u64::from(slots.put(camera, frame(camera, put[camera])));
    };
    come(0);
    // While one frame is looked at, two come of one camera and six of the other.
    for _ in 0..30 {
        looked_at.push(usize::from(of_brightness.recv().unwrap() > 0.5));
        [0, 1, 1, 1, 0, 1, 1, 1].into_iter().for_each(&mut come);
        go_on.send(()).unwrap();
    }
    // The last of each waits in its slot.
    slots.end(0);
    slots.end(1);
    for _ in 0..2 {
        looked_at.push(usize::from(of_brightness.recv().unwrap() > 0.5));
        go_on.send(()).unwrap();
    }
    infer.join().unwrap();

    assert!(looked_at.windows(2).all(|pair| pair[0] != pair[1]), "the cameras take turns: {looked_at:?}");
    let of = |camera: usize| looked_at.iter().filter(|seen| **seen == camera).count() as u64;
    assert_eq!([of(0) + overwritten[0], of(1) + overwritten[1]], put, "each frame is looked at or counted as dropped");
    assert_eq!(counters.frames.load(Ordering::Relaxed), of(0) + of(1));
}
