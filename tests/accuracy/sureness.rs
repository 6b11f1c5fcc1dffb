//! Does an event's confidence say how often its text is right? Simulated traffic, real models, the whole of the tracker.
//! `cargo test --release --test accuracy sureness -- --ignored --nocapture` makes the table of docs/tracking.md; with
//! `LPR_EVENTS=FILE` it also writes each event as a line of JSON, for whoever fits the confidence anew. `LPR_MODELS_LATIN` and
//! `LPR_LAYOUTS=latin` compare readers.

use crate::reel::{Look, Reel};
use lpr::config::ModelsConfig;
use lpr::domain::PlateRead;
use lpr::inference::Pipeline;
use lpr::sim::VehicleTruth;
use lpr::track::{Passage, TrackSettings, Tracker};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write;

/// An event and what its vehicle's plate said.
struct Sent {
    passage: Passage,
    truth: VehicleTruth,
    spec: String,
}

impl Sent {
    fn is_right(&self) -> bool {
        self.passage.plate.text == self.truth.text
    }

    fn line(&self) -> String {
        let plate = &self.passage.plate;
        let characters: Vec<f32> = plate.characters.iter().map(|read| read.confidence).collect();
        let votes = self.passage.facts.votes.as_ref();
        json!({
            "spec": self.spec, "truth": self.truth.text, "text": plate.text, "confidence": plate.text_confidence,
            "characters": characters, "support": votes.map(|votes| &votes.support), "reads": self.passage.reads,
            "texts": votes.map(|votes| &votes.texts), "height": plate.bbox.height(),
            "province": plate.province, "true_province": self.truth.province,
            "province_confidence": plate.province_confidence, "sharpness": plate.sharpness,
        })
        .to_string()
    }
}

/// The vehicle whose plate this is.
fn owner<'a>(plate: &PlateRead, truth: &'a [VehicleTruth]) -> Option<&'a VehicleTruth> {
    let near = |vehicle: &&VehicleTruth| vehicle.plate_bbox.widen(0.2, 0.4).contains(plate.bbox.center());
    let off = |vehicle: &&VehicleTruth| vehicle.plate_bbox.center().distance(plate.bbox.center());
    truth.iter().filter(|vehicle| vehicle.visible > 0.3).filter(near).min_by(|a, b| off(a).total_cmp(&off(b)))
}

fn events(spec: &str, models: &mut Option<Pipeline>) -> Vec<Sent> {
    let mut tracker = Tracker::new(TrackSettings::default());
    let mut truths: BTreeMap<u64, Vec<VehicleTruth>> = BTreeMap::new();
    let mut passages = Vec::new();
    for Look { frame, reading, truth } in Reel::of(spec, models, pipeline).looks() {
        truths.insert(frame.number, truth);
        passages.extend(tracker.update(&frame, &reading));
    }
    passages.extend(tracker.finish());
    let sent = passages.into_iter().filter_map(|passage| {
        let truth = owner(&passage.plate, &truths[&passage.frame.number])?.clone();
        Some(Sent { passage, truth, spec: spec.to_owned() })
    });
    sent.collect()
}

fn pipeline() -> Pipeline {
    let mut config = ModelsConfig { dir: crate::common::models_dir(), threads: 1, ..ModelsConfig::default() };
    if let Ok(latin) = std::env::var("LPR_MODELS_LATIN") {
        config.latin = latin;
    }
    Pipeline::load(&config).unwrap()
}

/// A road as the simulator has it when nothing is said, and roads that are worse.
const ROADS: [&str; 8] = [
    "seconds=20;fps=6;vehicles=9;scene=pass",
    "seconds=20;fps=6;vehicles=9;scene=cross",
    "seconds=20;fps=6;vehicles=9;scene=overtake;light=dusk",
    "seconds=20;fps=6;vehicles=9;scene=stop",
    "seconds=20;fps=6;vehicles=9;scene=pass;light=night",
    "seconds=20;fps=6;vehicles=9;scene=pass;size=960x540;blur=0.6;noise=0.6",
    "seconds=20;fps=6;vehicles=9;scene=cross;size=960x540;blur=0.6;noise=0.6",
    "seconds=20;fps=6;vehicles=9;scene=occlude;size=960x540;blur=0.6;noise=0.6;light=night",
];

#[test]
#[ignore = "takes half an hour; it makes the table of docs/tracking.md"]
fn the_table_of_confidences() {
    let seeds = std::env::var("LPR_SEEDS").unwrap_or_else(|_| "1-2".into());
    let (first, last) = seeds.split_once('-').unwrap();
    let mut models = None;
    let mut file = std::env::var_os("LPR_EVENTS").map(|path| std::fs::File::create(path).unwrap());
    let layouts = std::env::var("LPR_LAYOUTS").unwrap_or_else(|_| "thai latin".into());
    for layout in layouts.split_whitespace() {
        let mut all = Vec::new();
        for (number, road) in ROADS.iter().enumerate() {
            for seed in first.parse::<usize>().unwrap()..=last.parse().unwrap() {
                // A seed's vehicles are the same on every road.
                let seed = 100 * number + seed;
                all.extend(events(&format!("seed={seed};layout={layout};{road}"), &mut models));
            }
        }
        for least in [0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] {
            let sent: Vec<&Sent> = all.iter().filter(|sent| sent.passage.plate.text_confidence >= least).collect();
            let wrong = sent.iter().filter(|sent| !sent.is_right()).count();
            let share = wrong as f32 * 100.0 / sent.len().max(1) as f32;
            println!("{layout:6} from {least:.1}: {:3} of {:3} events, {share:4.1} % wrong", sent.len(), all.len());
        }
        if let Some(file) = &mut file {
            all.iter().for_each(|sent| writeln!(file, "{}", sent.line()).unwrap());
        }
    }
}
