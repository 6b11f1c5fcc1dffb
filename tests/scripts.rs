//! Thai and Latin plates on one road: one recogniser reads them all, another is asked where it is unsure of a Latin one, and
//! the regions say who is needed.
//! The real models, on the simulated road.
#![cfg(feature = "vision")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod common;
#[path = "common/shots.rs"]
mod shots;

use lpr::config::ModelsConfig;
use lpr::domain::{CaptureTime, Frame, PlateRead};
use lpr::inference::{Engine, InferenceError, Pipeline, Provider, Role, Signature};
use lpr::sim::{SimSpec, Simulator, VehicleTruth};
use lpr::vision::{DecodeError, TensorBuffer, TensorView};
use shots::shots;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A plate lower than this carries no text that anyone could be asked for.
const LEGIBLE_PIXELS: f32 = 24.0;

/// `models.ocr` reads all, `models.latin` gives a second opinion on plates without Thai letters. `None`, loudly, where one is missing.
fn models(regions: &[&str]) -> Option<ModelsConfig> {
    let (ocr, latin) = ("plate-ocr".to_owned(), "ppocr-v6".to_owned());
    let regions = regions.iter().map(|&region| region.to_owned()).collect();
    let models = ModelsConfig { dir: common::models_dir(), ocr, latin, regions, ..ModelsConfig::default() };
    if !models.dir.join("plate-ocr.onnx").is_file() {
        eprintln!("\n*** SKIPPED: models/plate-ocr.onnx is missing ***\n");
        return None;
    }
    Some(models)
}

fn readers(regions: &[&str]) -> Option<Vec<(&'static str, String)>> {
    let info = Pipeline::load(&models(regions)?).unwrap().describe();
    assert_eq!(info.alphabet_lacks, "", "{regions:?}");
    let readers = info.models.into_iter().filter(|model| !["vehicle", "plate"].contains(&model.role));
    Some(readers.map(|model| (model.role, model.name)).collect())
}

#[test]
fn only_the_recognisers_that_the_regions_need_are_loaded() {
    let both = [("ocr", "plate-ocr".to_owned()), ("latin", "ppocr-v6".to_owned())];
    let Some(all) = readers(&[]) else { return };
    assert_eq!(all, both);
    assert_eq!(readers(&["th"]).unwrap(), both[..1]);
    assert_eq!(readers(&["de", "pl"]).unwrap(), both);
    assert_eq!(readers(&["th", "LL DDDD"]).unwrap(), both);
}

/// The legible plates of a road that were found in its frames: what they say, and what was read.
fn legible_plates(pipeline: &mut Pipeline, spec: &str) -> Vec<(VehicleTruth, PlateRead)> {
    let mut simulator = Simulator::new(&SimSpec::parse(spec).unwrap());
    let mut found = Vec::new();
    for index in 0..simulator.frame_count() {
        let shot = simulator.render(index);
        let frame = Frame::new(shot.width, shot.height, shot.pixels, index + 1, CaptureTime::default()).unwrap();
        let reading = pipeline.read(&frame).unwrap();
        let legible = |truth: &VehicleTruth| truth.plate_bbox.height() >= LEGIBLE_PIXELS && truth.visible >= 0.99;
        for truth in shot.vehicles.into_iter().filter(legible) {
            let read = reading.plates.iter().find(|plate| truth.plate_bbox.contains(plate.bbox.center()));
            found.extend(read.map(|read| (truth, read.clone())));
        }
    }
    found
}

#[test]
fn each_plate_of_a_mixed_road_is_read_in_its_script() {
    let Some(models) = models(&[]) else { return };
    let mut pipeline = Pipeline::load(&models).unwrap();
    let (mut latin, mut thai, mut provinces) = ((0, 0), (0, 0), (0, 0));
    let road = |seed: u32| format!("seed={seed};seconds=40;fps=1;vehicles=24;scene=cross;layout=mixed");
    for (truth, read) in [24, 31, 32].into_iter().flat_map(|seed| legible_plates(&mut pipeline, &road(seed))) {
        let (seen, right) = if truth.province.is_some() { &mut thai } else { &mut latin };
        *seen += 1;
        *right += u32::from(read.text == truth.text);
        // Of a small plate the province may be missing in one frame; a Latin plate never has one.
        let Some(province) = &read.province else { continue };
        assert!(truth.province.is_some(), "{} was read as {} {province}", truth.text, read.text);
        provinces.0 += 1;
        provinces.1 += u32::from(read.province == truth.province);
    }
    println!("right of what was found: Latin {latin:?}, Thai {thai:?}, provinces {provinces:?} (all, right)");
    assert!(latin.0 >= 24 && thai.0 >= 24, "too few plates to tell");
    assert!(10 * latin.1 >= 8 * latin.0, "Latin");
    assert!(10 * thai.1 >= 8 * thai.0, "Thai");
    // Of single frames four provinces of five are right; a vehicle's vote has more (docs/tracking.md).
    assert!(2 * provinces.0 >= thai.0 && 3 * provinces.1 >= 2 * provinces.0, "provinces");
}

/// An engine that counts how often it is asked.
struct Counted {
    engine: Box<dyn Engine>,
    runs: Arc<AtomicU32>,
}

impl Engine for Counted {
    fn signature(&self) -> &Signature {
        self.engine.signature()
    }

    fn metadata(&self, key: &str) -> Option<String> {
        self.engine.metadata(key)
    }

    fn provider(&self) -> Provider {
        self.engine.provider()
    }

    fn run(
        &mut self,
        input: &TensorBuffer,
        read: &mut dyn FnMut(&[TensorView<'_>]) -> Result<(), DecodeError>,
    ) -> Result<Duration, InferenceError> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        self.engine.run(input, read)
    }
}

#[test]
fn a_second_opinion_is_asked_of_unsure_plates_without_a_sure_province_only_and_makes_no_read_less_sure() {
    let Some(models) = models(&[]) else { return };
    let mut alone = Pipeline::load(&ModelsConfig { latin: ModelsConfig::NONE.into(), ..models.clone() }).unwrap();
    let runs = Arc::new(AtomicU32::new(0));
    let mut readers = 0;
    let mut both = Pipeline::load(&models).unwrap().with_engines(|role, engine| {
        readers += u32::from(role == Role::Ocr);
        if readers == 2 { Box::new(Counted { engine, runs: runs.clone() }) } else { engine }
    });
    let road = shots("seed=24;seconds=40;fps=1;vehicles=24;scene=cross;layout=mixed;blur=0.4", 0..40);
    let (mut asked, mut not_asked) = (0, 0);
    for frame in road {
        let (own, reading) = (alone.read(&frame).unwrap().plates, both.read(&frame).unwrap().plates);
        let runs = runs.swap(0, Ordering::Relaxed);
        let latin = |read: &&PlateRead| read.province.is_none() && read.text.is_ascii();
        let may_be_latin = |read: &PlateRead| read.province_confidence < 0.6;
        let unsure = |read: &PlateRead| read.characters.iter().any(|character| character.confidence < 0.95);
        assert!(runs == 0 || own.iter().any(may_be_latin), "asked of {own:?}");
        assert!(runs > 0 || !own.iter().filter(latin).any(unsure), "not asked of {own:?}");
        for (own, read) in own.iter().zip(&reading) {
            assert!(read.text_confidence >= own.text_confidence, "{own:?} became {read:?}");
        }
        if own.iter().any(|read| latin(&read)) {
            *(if runs > 0 { &mut asked } else { &mut not_asked }) += 1;
        }
    }
    println!("frames with Latin plates: asked in {asked}, not asked in {not_asked}");
    assert!(asked >= 5 && not_asked >= 5, "too few to tell");
}
