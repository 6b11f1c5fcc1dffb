//! A detector and a recogniser that miss, jitter and confuse characters, in front of simulated traffic.

use super::split_mix::SplitMix;
use super::traffic::{Car, Dice, HEIGHT, Shown, WIDTH, shown};
use lpr::domain::{BBox, CharRead, Detection, FrameReading, PlateRead};

/// A detector and a recogniser with faults.
#[derive(Clone, Copy)]
pub struct Noise {
    /// Share of plates and of vehicles that are not found.
    pub missed_plate: f32,
    pub missed_vehicle: f32,
    /// Jitter of a box's sides, as a share of its height.
    pub jitter: f32,
    /// Share of characters read wrong on a large plate; a small one has more.
    pub wrong: f32,
    /// Share of frames that do not come.
    pub dropped: f32,
    /// Dirt or a screw: one character of every car's plate is read as the same other one in this share of the frames.
    pub stubborn: f32,
}

const CONFUSED: [(char, &str); 12] = [
    ('0', "OD8"),
    ('1', "I7L"),
    ('2', "Z7"),
    ('3', "8B"),
    ('5', "S6"),
    ('6', "G8"),
    ('8', "B3"),
    ('B', "8"),
    ('D', "0O"),
    ('S', "5"),
    ('Z', "2"),
    ('G', "6C"),
];

impl Noise {
    fn shaken(&self, bbox: &BBox, dice: &mut Dice) -> BBox {
        let sigma = self.jitter * bbox.height();
        let [x1, y1, x2, y2] = <[f32; 4]>::from(*bbox).map(|side| side + sigma * dice.bell());
        BBox::new(x1, y1, x2, y2)
    }

    /// One frame's reads, and for each plate whose it is.
    pub fn look(&self, cars: &[Car], t: f32, dice: &mut Dice) -> (FrameReading, Vec<usize>) {
        let all = shown(cars, t);
        let hidden = |s: &Shown<'_>| {
            all.iter().any(|o| o.z < s.z - 0.5 && o.vehicle.widen(0.02, 0.0).contains(s.plate.center()))
        };
        let covered = |s: &Shown<'_>| all.iter().any(|o| o.z < s.z - 0.5 && s.vehicle.share_inside(&o.vehicle) > 0.7);
        let (mut reading, mut owners) = (FrameReading::default(), Vec::new());
        for s in &all {
            let found = !covered(s) && s.vehicle.width() > 40.0 && !dice.chance(self.missed_vehicle);
            if found {
                let bbox = self.shaken(&s.vehicle, &mut Dice(SplitMix(dice.0.next())));
                reading.vehicles.push(Detection { bbox, confidence: 0.9, class: "car".into(), corners: None });
            }
            let whole = s.plate.share_inside(&BBox::new(0.0, 0.0, WIDTH, HEIGHT)) > 0.97;
            let small = ((s.plate.height() - 5.0) / 5.0).clamp(0.0, 1.0);
            if !whole || hidden(s) || dice.chance(1.0 - small * (1.0 - self.missed_plate)) {
                continue;
            }
            let plate = self.read(s, dice);
            owners.push(s.index);
            reading.plates.push(plate);
        }
        for plate in &mut reading.plates {
            let center = plate.bbox.center();
            let around = reading.vehicles.iter().enumerate().filter(|(_, v)| v.bbox.contains(center));
            plate.vehicle = around.min_by(|a, b| a.1.bbox.area().total_cmp(&b.1.bbox.area())).map(|(index, _)| index);
        }
        (reading, owners)
    }

    fn read(&self, s: &Shown<'_>, dice: &mut Dice) -> PlateRead {
        let bbox = self.shaken(&s.plate, dice);
        // Some frames are worse than others: blur, glare, a wiper.
        let bad = if dice.chance(0.15) { 4.0 } else { 0.8 };
        let wrong = self.wrong * bad * (1.0 + (16.0 / s.plate.height()).powi(2));
        let mut characters = Vec::new();
        let dirty = s.index % s.car.text.chars().count();
        for (place, character) in s.car.text.chars().enumerate() {
            if place == dirty && dice.chance(self.stubborn) {
                let character = if character == '7' { 'T' } else { '7' };
                characters.push(CharRead { character, confidence: dice.range(0.45, 0.98) });
                continue;
            }
            let is_wrong = dice.chance(wrong);
            if is_wrong && dice.chance(0.12) {
                continue;
            }
            let others = CONFUSED.iter().find(|(known, _)| *known == character).map(|(_, others)| *others);
            let character = match others {
                _ if !is_wrong => character,
                Some(others) => dice.pick(&others.chars().collect::<Vec<_>>()),
                None => dice.pick(&['A', 'E', 'H', 'K', 'M', '4', '7', '9']),
            };
            // Loosely related to being right: a wrong character is often as sure as a right one.
            let sure = if is_wrong { dice.range(0.45, 0.98) } else { dice.range(0.7, 1.0) };
            characters.push(CharRead { character, confidence: sure });
        }
        let sum: f32 = characters.iter().map(|c| c.confidence).sum();
        PlateRead {
            bbox,
            corners: bbox.into(),
            confidence: 0.9,
            text: characters.iter().map(|c| c.character).collect(),
            text_confidence: sum / characters.len().max(1) as f32,
            characters,
            ..PlateRead::default()
        }
    }
}
