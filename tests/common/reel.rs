//! What the real models read in the frames of a simulated clip, beside the truth. Reading is slow and the tracker is not:
//! with `LPR_READS=FOLDER` a clip's reads are kept there, and the next run takes them instead of the models. They are worth
//! as much as the models and the code that made them: begin with an empty folder after either has changed.

use lpr::domain::{BBox, CaptureTime, CharRead, Detection, Frame, FrameReading, PlateLight, PlateRead, Quad, Timing};
use lpr::inference::Pipeline;
use lpr::sim::{SimSpec, Simulator, VehicleTruth};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// A clip as the models saw it.
#[derive(Serialize, Deserialize)]
pub struct Reel {
    width: u32,
    height: u32,
    looks: Vec<Note>,
}

/// One frame: what was read, and who was there.
pub struct Look {
    pub frame: Frame,
    pub reading: FrameReading,
    pub truth: Vec<VehicleTruth>,
}

#[derive(Serialize, Deserialize)]
struct Note {
    number: u64,
    ms: u64,
    total_ms: f64,
    vehicles: Vec<(BBox, f32, String)>,
    plates: Vec<PlateNote>,
    truth: Vec<TruthNote>,
}

#[derive(Serialize, Deserialize)]
struct PlateNote {
    bbox: BBox,
    corners: Quad,
    confidence: f32,
    text: String,
    raw_text: Option<String>,
    text_confidence: f32,
    characters: Vec<(char, f32)>,
    province: Option<String>,
    province_confidence: f32,
    vehicle: Option<usize>,
    sharpness: Option<f32>,
    light: Option<String>,
    fits: Option<bool>,
}

#[derive(Serialize, Deserialize)]
struct TruthNote {
    id: u32,
    bbox: BBox,
    text: String,
    province: Option<String>,
    plate_bbox: BBox,
    visible: f32,
}

impl Reel {
    /// The reads of a clip: kept ones, or the models' own. They are loaded where they must look.
    pub fn of(spec: &str, pipeline: &mut Option<Pipeline>, load: fn() -> Pipeline) -> Self {
        let kept = std::env::var_os("LPR_READS").map(|dir| PathBuf::from(dir).join(format!("{spec}.json")));
        if let Some(text) = kept.as_ref().and_then(|path| std::fs::read(path).ok()) {
            return serde_json::from_slice(&text).unwrap();
        }
        let reel = Self::read(&SimSpec::parse(spec).unwrap(), pipeline.get_or_insert_with(load));
        if let Some(path) = kept {
            let begun = path.with_extension("begun");
            std::fs::write(&begun, serde_json::to_vec(&reel).unwrap()).unwrap();
            std::fs::rename(begun, path).unwrap();
        }
        reel
    }

    fn read(spec: &SimSpec, pipeline: &mut Pipeline) -> Self {
        let mut simulator = Simulator::new(spec);
        let numbers: Vec<u64> = (0..simulator.frame_count()).filter(|number| !simulator.is_dropped(*number)).collect();
        let looks = numbers.into_iter().map(|number| {
            let shot = simulator.render(number);
            let ms = 10_000 + (shot.time_s * 1000.0) as u64;
            let frame = Frame::new(shot.width, shot.height, shot.pixels, number, captured(ms)).unwrap();
            let reading = pipeline.read(&frame).unwrap();
            let vehicles = reading.vehicles.into_iter().map(|v| (v.bbox, v.confidence, v.class)).collect();
            let plates = reading.plates.into_iter().map(PlateNote::of).collect();
            let truth = shot.vehicles.into_iter().map(TruthNote::of).collect();
            Note { number, ms, total_ms: reading.timing.total, vehicles, plates, truth }
        });
        let looks = looks.collect();
        Self { width: spec.width, height: spec.height, looks }
    }

    /// Frame by frame. The frames have no picture: the tracker does not look at it.
    pub fn looks(&self) -> impl Iterator<Item = Look> + '_ {
        let black: Arc<[u8]> = vec![0u8; self.width as usize * self.height as usize * 3].into();
        self.looks.iter().map(move |note| {
            let vehicles = note.vehicles.iter().map(|(bbox, confidence, class)| Detection {
                bbox: *bbox,
                confidence: *confidence,
                class: class.clone(),
                corners: None,
            });
            let reading = FrameReading {
                vehicles: vehicles.collect(),
                plates: note.plates.iter().map(PlateNote::plate).collect(),
                timing: Timing { total: note.total_ms, ..Timing::default() },
            };
            let frame = Frame::new(self.width, self.height, black.clone(), note.number, captured(note.ms)).unwrap();
            Look { frame, reading, truth: note.truth.iter().map(TruthNote::truth).collect() }
        })
    }
}

fn captured(ms: u64) -> CaptureTime {
    CaptureTime { wall_us: ms as i64 * 1000, mono_ms: ms, synced: true }
}

impl PlateNote {
    fn of(plate: PlateRead) -> Self {
        Self {
            bbox: plate.bbox,
            corners: plate.corners,
            confidence: plate.confidence,
            text: plate.text,
            raw_text: plate.raw_text,
            text_confidence: plate.text_confidence,
            characters: plate.characters.iter().map(|read| (read.character, read.confidence)).collect(),
            province: plate.province,
            province_confidence: plate.province_confidence,
            vehicle: plate.vehicle,
            sharpness: plate.sharpness,
            light: plate.light.map(|light| format!("{light:?}")),
            fits: plate.fits_grammar,
        }
    }

    fn plate(&self) -> PlateRead {
        let light = |name: &String| {
            let all = [PlateLight::Even, PlateLight::Dark, PlateLight::Glare];
            all.into_iter().find(|light| format!("{light:?}") == *name)
        };
        let characters = self.characters.iter();
        PlateRead {
            bbox: self.bbox,
            corners: self.corners,
            confidence: self.confidence,
            text: self.text.clone(),
            raw_text: self.raw_text.clone(),
            text_confidence: self.text_confidence,
            characters: characters.map(|&(character, confidence)| CharRead { character, confidence }).collect(),
            province: self.province.clone(),
            province_confidence: self.province_confidence,
            vehicle: self.vehicle,
            sharpness: self.sharpness,
            light: self.light.as_ref().and_then(light),
            fits_grammar: self.fits,
        }
    }
}

impl TruthNote {
    fn of(truth: VehicleTruth) -> Self {
        let VehicleTruth { id, bbox, text, province, plate_bbox, visible } = truth;
        Self { id, bbox, text, province, plate_bbox, visible }
    }

    fn truth(&self) -> VehicleTruth {
        let Self { id, bbox, plate_bbox, visible, .. } = *self;
        VehicleTruth { id, bbox, text: self.text.clone(), province: self.province.clone(), plate_bbox, visible }
    }
}
