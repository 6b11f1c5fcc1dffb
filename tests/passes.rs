//! Does one simulated vehicle make one event, with the right text, when the real models read the frames? Prints the table
//! that `docs/tracking.md` quotes; the wide one with
//! `cargo test --release --test passes -- --ignored --nocapture`. Also the Thai clip, where it is there.
#![cfg(feature = "vision")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod common;
#[path = "common/pass_score.rs"]
mod pass_score;

use lpr::capture::{self, OpenOptions};
use lpr::clock::SystemClock;
use lpr::config::{ModelsConfig, SourceSpec};
use lpr::domain::{CaptureTime, Frame, PlateRead};
use lpr::inference::Pipeline;
use lpr::sim::{SimSpec, Simulator, VehicleTruth};
use lpr::track::{Passage, TrackSettings, Tracker};
use pass_score::PassScore;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What all frames together say of one vehicle.
#[derive(Default)]
struct Reads {
    text: String,
    accepted: u32,
    surest: Option<(f32, bool)>,
    /// For whoever looks why.
    log: Vec<String>,
}

/// The vehicle whose plate this is.
fn owner<'a>(plate: &PlateRead, truth: &'a [VehicleTruth]) -> Option<&'a VehicleTruth> {
    let near = |vehicle: &&VehicleTruth| vehicle.plate_bbox.widen(0.2, 0.4).contains(plate.bbox.center());
    let off = |vehicle: &&VehicleTruth| vehicle.plate_bbox.center().distance(plate.bbox.center());
    truth.iter().filter(|vehicle| vehicle.visible > 0.3).filter(near).min_by(|a, b| off(a).total_cmp(&off(b)))
}

fn run(pipeline: &mut Pipeline, spec: &str) -> PassScore {
    let mut simulator = Simulator::new(&SimSpec::parse(spec).unwrap());
    let settings = TrackSettings::default();
    let mut tracker = Tracker::new(settings.clone());
    let mut reads: BTreeMap<u32, Reads> = BTreeMap::new();
    let mut truths: BTreeMap<u64, Vec<VehicleTruth>> = BTreeMap::new();
    let mut passages: Vec<Passage> = Vec::new();
    let mut score = PassScore::default();
    for index in (0..simulator.frame_count()).filter(|index| !simulator.is_dropped(*index)).collect::<Vec<_>>() {
        let shot = simulator.render(index);
        let ms = 10_000 + (shot.time_s * 1000.0) as u64;
        let captured = CaptureTime { wall_us: ms as i64 * 1000, mono_ms: ms, synced: true };
        let frame = Frame::new(shot.width, shot.height, shot.pixels, index, captured).unwrap();
        let reading = pipeline.read(&frame).unwrap();
        for plate in &reading.plates {
            let accepted = settings.judge(plate, frame.width(), frame.height()).is_ok();
            let Some(vehicle) = owner(plate, &shot.vehicles) else { continue };
            reads.entry(vehicle.id).or_default().log.push(format!(
                "{index}: {} {:.2} {:.0} px sharp {:.2}",
                plate.text,
                plate.text_confidence,
                plate.bbox.height(),
                plate.sharpness.unwrap_or_default()
            ));
            if !accepted {
                continue;
            }
            let right = plate.text == vehicle.text;
            score.single += 1;
            score.single_right += u32::from(right);
            let reads = reads.entry(vehicle.id).or_default();
            reads.text.clone_from(&vehicle.text);
            reads.accepted += 1;
            if reads.surest.is_none_or(|(sure, _)| plate.text_confidence > sure) {
                reads.surest = Some((plate.text_confidence, right));
            }
        }
        passages.extend(tracker.update(&frame, &reading));
        truths.insert(index, shot.vehicles);
    }
    passages.extend(tracker.finish());
    let mut events: BTreeMap<u32, Vec<&Passage>> = BTreeMap::new();
    for passage in &passages {
        if let Some(vehicle) = owner(&passage.plate, &truths[&passage.frame.number]) {
            events.entry(vehicle.id).or_default().push(passage);
        }
    }
    // A pass is asked for where a plate could be read at all: in three frames.
    for (id, reads) in reads.iter().filter(|(_, reads)| reads.accepted >= 3) {
        let of = events.remove(id).unwrap_or_default();
        score.passed(&reads.text, &of, reads.surest.is_some_and(|(_, right)| right));
        if of.len() != 1 {
            let texts: Vec<&str> = of.iter().map(|passage| passage.plate.text.as_str()).collect();
            println!(
                "    {spec}: vehicle {id} {} in {} frames became {texts:?}: {:?}",
                reads.text, reads.accepted, reads.log
            );
        }
    }
    score.print(&format!("{spec:78}"));
    score
}

fn pipeline(ocr: &str) -> Pipeline {
    let config = ModelsConfig { dir: common::models_dir(), ocr: ocr.into(), ..ModelsConfig::default() };
    Pipeline::load(&config).unwrap()
}

fn run_all(specs: &[String]) -> PassScore {
    let mut pipeline = pipeline("ppocr-v6");
    let mut all = PassScore::default();
    specs.iter().for_each(|spec| all.add(run(&mut pipeline, spec)));
    all.print("all");
    all
}

#[test]
fn simulated_vehicles_make_one_event_each_with_the_real_models() {
    let all = run_all(&[
        "seed=301;seconds=9;fps=8;vehicles=5;scene=cross".to_owned(),
        "seed=302;seconds=9;fps=8;vehicles=4;scene=overtake;drop=0.3".to_owned(),
    ]);
    assert!(all.passes >= 5, "too few vehicles to tell");
    assert_eq!((all.missed, all.doubled), (0, 0));
    assert!(all.voted_right >= all.surest_right);
}

#[test]
#[ignore = "takes a quarter of an hour; it makes the table of docs/tracking.md"]
fn the_table_of_all_scenes() {
    let scenes = ["cross", "overtake", "occlude", "stop", "park"];
    let blurred = "size=960x540;blur=0.6;noise=0.6";
    let mut specs: Vec<String> = Vec::new();
    for seed in 401..=402 {
        specs.extend(scenes.map(|scene| format!("seed={seed};seconds=20;fps=15;vehicles=9;scene={scene};{blurred}")));
        specs.push(format!("seed={seed};seconds=20;fps=15;vehicles=9;scene=pass;light=night;{blurred}"));
        specs.push(format!("seed={seed};seconds=12;fps=30;vehicles=6;scene=pass;{blurred}"));
        specs.push(format!("seed={seed};seconds=20;fps=15;vehicles=9;scene=cross;drop=0.4;{blurred}"));
    }
    let all = run_all(&specs);
    assert!(all.once * 100 >= all.passes * 99, "at least 99 % of the passes make exactly one event");
    assert!(all.voted_right > all.surest_right, "the vote is right more often than the surest frame");
}

#[test]
fn the_thai_clip_makes_one_event() {
    let data = std::env::var_os("LPR_TEST_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let clip = data.join("th/kpempund_CarDemo.mp4");
    if !clip.is_file() {
        eprintln!("\n*** SKIPPED: no clip {}; name its folder with LPR_TEST_DATA ***\n", clip.display());
        return;
    }
    let spec = SourceSpec::parse(clip.to_str().unwrap()).unwrap();
    let mut source = capture::open(&spec, &OpenOptions::new(Arc::new(SystemClock))).unwrap();
    let mut pipeline = pipeline("ppocr-v6");
    let mut tracker = Tracker::new(TrackSettings::default());
    let (mut passages, mut texts) = (Vec::new(), BTreeMap::<String, u32>::new());
    while let Some(frame) = source.next().unwrap() {
        let reading = pipeline.read(&frame).unwrap();
        for plate in &reading.plates {
            *texts.entry(plate.text.clone()).or_default() += 1;
        }
        passages.extend(tracker.update(&frame, &reading));
    }
    passages.extend(tracker.finish());
    let events: Vec<_> = passages.iter().map(|p| (&p.plate.text, p.reads, &p.facts.votes)).collect();
    assert_eq!(events.len(), 1, "{events:?}\nsingle frames: {texts:?}\n{:?}", tracker.funnel());
}
