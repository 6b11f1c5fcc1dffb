//! From a decoded frame to its reads, against the bare runs of the same sessions on the same tensors: in one run, the two
//! in turns on every frame, medians. Image decoding, resizing and packing also each for itself.
//!
//! `cargo bench --bench read`; LPR_BENCH_PHOTOS=FOLDER takes photos instead of simulated frames. With LPR_MODELS_… in the
//! environment that one set of models is measured, otherwise three sets with one thread and with two.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "../tests/common/shots.rs"]
mod shots;

use lpr::config::{ModelsConfig, agent_from};
use lpr::domain::{CaptureTime, Frame};
use lpr::imaging::{Filter, PixelRect, Resampler, decode_bytes, decode_file, encode_jpeg, is_image_name};
use lpr::inference::{Engine, InferenceError, Pipeline, Provider, Signature};
use lpr::vision::{
    ChannelOrder, DecodeError, Element, Fit, Letterbox, Packing, TensorBuffer, TensorLayout, TensorView,
};
use shots::shots;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The pipeline and the bare sessions each see a frame so often.
const ROUNDS: usize = 7;

fn main() {
    let frames = match std::env::var_os("LPR_BENCH_PHOTOS") {
        Some(folder) => photos(Path::new(&folder)),
        None => simulated(),
    };
    println!(
        "| models | threads | plates | frame to reads, ms | bare runs, ms | ratio | runs a frame | decoding tensors, ms |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    sets().iter().for_each(|models| measure(models, &frames));
    apart(&frames);
}

/// The sets of models to measure.
fn sets() -> Vec<ModelsConfig> {
    let variables: Vec<_> = std::env::vars().filter(|(name, _)| name.starts_with("LPR_MODELS_")).collect();
    let chosen = ["LPR_MODELS_VEHICLE", "LPR_MODELS_PLATE", "LPR_MODELS_OCR", "LPR_MODELS_THREADS"];
    let one = variables.iter().any(|(name, _)| chosen.contains(&name.as_str()));
    let given =
        agent_from("[[camera]]\nsource = \"command line\"\n", "defaults", variables.into_iter()).unwrap().models;
    if one {
        return vec![given];
    }
    let sets =
        [("yolox-nano", "plate-ocr"), ("yolox-nano", "ppocr-v6"), ("none", "ppocr-v6"), ("yolox-nano", "cct-xs-v2")];
    let each = |(vehicle, ocr): (&str, &str)| {
        [1, 2].map(|threads| ModelsConfig { vehicle: vehicle.into(), ocr: ocr.into(), threads, ..given.clone() })
    };
    sets.into_iter().flat_map(each).collect()
}

fn measure(models: &ModelsConfig, frames: &[Frame]) {
    let tape = Arc::new(Mutex::new(Tape::default()));
    let mut bare: Vec<SharedEngine> = Vec::new();
    let mut pipeline = Pipeline::load(models).unwrap().with_engines(|_, engine| {
        let signature = engine.signature().clone();
        let engine = Arc::new(Mutex::new(engine));
        bare.push(engine.clone());
        Box::new(Listener { number: bare.len() - 1, engine, signature, tape: tape.clone() })
    });
    // The first inferences of a session are slower.
    frames.iter().take(3).for_each(|frame| drop(pipeline.read(frame).unwrap()));
    let (mut total, mut runtime, mut decoding, mut plates, mut runs) = (0.0, 0.0, 0.0, 0, 0);
    for frame in frames {
        tape.lock().unwrap().inputs = Some(Vec::new());
        plates += pipeline.read(frame).unwrap().plates.len();
        let inputs = tape.lock().unwrap().inputs.take().unwrap();
        tape.lock().unwrap().decoding = Duration::ZERO;
        runs += inputs.len();
        let (mut whole, mut alone, mut decoded) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            whole.push(pipeline.read(frame).unwrap().timing.total);
            decoded.push(milliseconds(std::mem::take(&mut tape.lock().unwrap().decoding)));
            let run =
                |(number, input): &(usize, TensorBuffer)| bare[*number].lock().unwrap().run(input, &mut |_| Ok(()));
            alone.push(milliseconds(inputs.iter().map(|input| run(input).unwrap()).sum()));
        }
        total += median(whole);
        runtime += median(alone);
        decoding += median(decoded);
    }
    let each = frames.len() as f64;
    println!(
        "| {} + {} + {} | {} | {plates} in {} frames | {:.2} | {:.2} | {:.3} | {:.1} | {:.2} |",
        models.vehicle,
        models.plate,
        models.ocr,
        models.threads,
        frames.len(),
        total / each,
        runtime / each,
        total / runtime,
        runs as f64 / each,
        decoding / each,
    );
}

type SharedEngine = Arc<Mutex<Box<dyn Engine>>>;

/// What the pipeline gave its sessions, and how long it looked at what they gave back.
#[derive(Default)]
struct Tape {
    inputs: Option<Vec<(usize, TensorBuffer)>>,
    decoding: Duration,
}

/// An engine that is listened to.
struct Listener {
    /// Which of the pipeline's engines.
    number: usize,
    engine: SharedEngine,
    signature: Signature,
    tape: Arc<Mutex<Tape>>,
}

impl Engine for Listener {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn metadata(&self, key: &str) -> Option<String> {
        self.engine.lock().unwrap().metadata(key)
    }

    fn provider(&self) -> Provider {
        self.engine.lock().unwrap().provider()
    }

    fn run(
        &mut self,
        input: &TensorBuffer,
        read: &mut dyn FnMut(&[TensorView<'_>]) -> Result<(), DecodeError>,
    ) -> Result<Duration, InferenceError> {
        let mut decoding = Duration::ZERO;
        let spent = self.engine.lock().unwrap().run(input, &mut |outputs| {
            let started = Instant::now();
            let decoded = read(outputs);
            decoding = started.elapsed();
            decoded
        });
        let mut tape = self.tape.lock().unwrap();
        tape.decoding += decoding;
        let number = self.number;
        tape.inputs.iter_mut().for_each(|inputs| inputs.push((number, input.clone())));
        spent
    }
}

/// The steps around the sessions on a whole frame, each for itself.
fn apart(frames: &[Frame]) {
    println!("\n| step on a frame of {}x{} | ms |\n|---|---|", frames[0].width(), frames[0].height());
    let jpegs: Vec<Vec<u8>> = frames.iter().map(|frame| encode_jpeg(frame, 90, usize::MAX).unwrap()).collect();
    let decode = jpegs.iter().map(|jpeg| timed(|| drop(decode_bytes(jpeg, Path::new("frame")).unwrap())));
    println!("| JPEG decoding | {:.2} |", median(decode.collect()));
    let mut resampler = Resampler::new().unwrap();
    for (what, fit, side) in [("yolox-nano", Fit::TopLeft, 416), ("clp-det", Fit::Aspect, 640)] {
        let packing = Packing {
            layout: TensorLayout::Nchw,
            order: ChannelOrder::Bgr,
            element: Element::F32,
            mean: [0.0; 3],
            std: [1.0; 3],
            fill: [114.0; 3],
        };
        let (mut resize, mut pack, mut buffer) = (Vec::new(), Vec::new(), TensorBuffer::default());
        for frame in frames {
            let place = Letterbox::new(fit, frame.width(), frame.height(), side, side);
            let (width, height) = (place.width as u32, place.height as u32);
            let started = Instant::now();
            let pixels = resampler.resize(frame, PixelRect::whole(frame), width, height, Filter::Linear).unwrap();
            resize.push(milliseconds(started.elapsed()));
            pack.push(timed(|| buffer.pack(pixels, &place, &packing).unwrap()));
        }
        println!("| resizing for {what} | {:.2} |", median(resize));
        println!("| packing for {what} | {:.2} |", median(pack));
    }
}

fn timed(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    milliseconds(started.elapsed())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn simulated() -> Vec<Frame> {
    shots("seed=3;seconds=6;fps=5;size=1280x720", 4..28)
}

fn photos(folder: &Path) -> Vec<Frame> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| is_image_name(file));
    files.sort();
    let frame = |file: &std::path::PathBuf| {
        let picture = decode_file(file).unwrap();
        Frame::new(picture.width, picture.height, picture.pixels, 1, CaptureTime::default()).unwrap()
    };
    files.iter().map(frame).collect()
}
