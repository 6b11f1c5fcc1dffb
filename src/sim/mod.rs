//! The simulator: a road scene with moving vehicles that carry plates of known text. Pure and deterministic: the same
//! spec gives the same bytes on every machine. Only exact arithmetic, square roots and `libm` are used, no vector units.
//!
//! [`SimSpec`] says what, [`scene`] who drives where, [`kinds`] and [`plate`] what it looks like, [`optics`] how the
//! camera sees it, [`shot`] puts it into a frame.

mod backdrop;
mod canvas;
mod kinds;
mod model;
mod optics;
mod plate;
mod rng;
mod scene;
mod shapes;
mod shot;
mod spec;

#[cfg(test)]
mod tests;

pub use spec::{Layout, Light, Scene, SimError, SimSpec};

use crate::domain::{BBox, Point};
use model::Model;
use optics::{Camera, Lighting, Sensor};
use plate::Plate;
use rng::{Rng, Stream};
use scene::{FAR, GONE, Plan, Planned};
use serde::Serialize;
use shot::{Film, Shot};
use std::collections::BTreeMap;

/// One vehicle of one frame, as `truth.jsonl` writes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VehicleTruth {
    /// The same vehicle has the same id in every frame; from 1.
    pub id: u32,
    /// Around all that is drawn of the vehicle, also what another one hides; cut at the frame.
    pub bbox: BBox,
    /// Registration, without spaces.
    pub text: String,
    /// Thai plates only.
    pub province: Option<String>,
    /// Around the plate, cut at the frame; without area where the plate is outside.
    pub plate_bbox: BBox,
    /// Share of the plate that is inside the frame and not covered, 0–1.
    pub visible: f32,
}

/// A rendered frame: BGR, 8 bits, tightly packed.
#[derive(Clone)]
pub struct SimFrame {
    pub width: u32,
    pub height: u32,
    pub pixels: Vec<u8>,
    /// Seconds since the scene began.
    pub time_s: f64,
    /// By id. A vehicle is listed while at least 4 × 4 px of it are inside the frame.
    pub vehicles: Vec<VehicleTruth>,
}

/// Renders the frames of one spec, each from its number alone.
pub struct Simulator {
    spec: SimSpec,
    plan: Plan,
    camera: Camera,
    lighting: Lighting,
    sensor: Sensor,
    backdrop: Vec<u8>,
    /// Vehicles in view, drawn up when they first come into it.
    dressed: BTreeMap<u32, (Model, Plate)>,
}

/// The longest shutter time, seconds.
const SHUTTER: f64 = 1.0 / 60.0;
/// Samples of a plate's visibility, across and down.
const SAMPLES: (u16, u16) = (20, 6);
/// Vehicles of which less is inside the frame are not listed, pixels.
const LISTED: f32 = 4.0;

impl Simulator {
    pub fn new(spec: &SimSpec) -> Self {
        let plan = Plan::new(spec);
        let camera = Camera::new(spec, plan.yaw);
        let lighting = Lighting::of(spec.light);
        let backdrop = backdrop::paint(spec, &camera, &lighting, &plan);
        let sensor = Sensor::new(spec, &lighting);
        Self { spec: spec.clone(), plan, camera, lighting, sensor, backdrop, dressed: BTreeMap::new() }
    }

    /// At least 1.
    pub fn frame_count(&self) -> u64 {
        ((self.spec.seconds * self.spec.fps).round() as u64).max(1)
    }

    pub fn fps(&self) -> f64 {
        self.spec.fps
    }

    /// Does a source leave this frame out (`drop=`)?
    pub fn is_dropped(&self, index: u64) -> bool {
        self.spec.drop > 0.0 && Rng::new(self.spec.seed, Stream::Drop, index).chance(self.spec.drop)
    }

    /// Frame `index`, from 0. Any order gives the same frames.
    pub fn render(&mut self, index: u64) -> SimFrame {
        let time_s = index as f64 / self.spec.fps;
        let (width, height) = (self.spec.width, self.spec.height);
        let mut pixels = self.backdrop.clone();
        let mut film = Film { pixels: &mut pixels, width: width as usize, height: height as usize };
        let in_view = self.in_view(time_s);
        self.dress(&in_view);
        let shutter = f64::from(self.spec.blur) * SHUTTER / 2.0;
        let mut seen: Vec<Seen> = Vec::new();
        for vehicle in &in_view {
            let Some((model, plate)) = self.dressed.get(&vehicle.id) else { continue };
            let places = [-shutter, 0.0, shutter].map(|dt| self.plan.position(vehicle, time_s + dt));
            let shot = Shot { model, camera: &self.camera, lighting: &self.lighting, places };
            let Some(layer) = shot.expose(&mut film) else { continue };
            for behind in &mut seen {
                behind.samples.retain(|p| !shot::hides(&layer, *p));
            }
            seen.extend(Seen::new(vehicle.id, plate, &shot, width, height));
        }
        self.sensor.expose(&mut pixels, width as usize * 3, index);
        let mut vehicles: Vec<VehicleTruth> = seen.into_iter().map(Seen::truth).collect();
        vehicles.sort_by_key(|v| v.id);
        SimFrame { width, height, pixels, time_s, vehicles }
    }

    /// Vehicles that may be seen, the furthest first.
    fn in_view(&self, time_s: f64) -> Vec<Planned> {
        let longest = 8.0;
        let mut found: Vec<(f32, &Planned)> = self
            .plan
            .vehicles
            .iter()
            .map(|v| (self.plan.position(v, time_s).1, v))
            .filter(|(z, _)| (GONE - longest..FAR).contains(z))
            .collect();
        found.sort_by(|(a, va), (b, vb)| b.total_cmp(a).then(va.id.cmp(&vb.id)));
        found.into_iter().map(|(_, v)| v.clone()).collect()
    }

    fn dress(&mut self, in_view: &[Planned]) {
        self.dressed.retain(|id, _| in_view.iter().any(|v| v.id == *id));
        for vehicle in in_view {
            self.dressed.entry(vehicle.id).or_insert_with(|| self.plan.dress(&self.spec, vehicle));
        }
    }
}

/// A vehicle's truth while nearer ones may still cover its plate.
struct Seen {
    truth: VehicleTruth,
    /// Points of the plate that are still visible.
    samples: Vec<Point>,
}

impl Seen {
    fn new(id: u32, plate: &Plate, shot: &Shot, width: u32, height: u32) -> Option<Self> {
        let frame = BBox::new(0.0, 0.0, width as f32, height as f32);
        let bbox = shot.bbox()?.intersection(&frame);
        if bbox.width() < LISTED || bbox.height() < LISTED {
            return None;
        }
        let corners = shot.plate();
        let plate_bbox = corners.map_or_else(|| cut(BBox::default(), &bbox), |c| cut(BBox::around(&c), &bbox));
        let samples = corners.map_or_else(Vec::new, |c| grid(&c).filter(|p| frame.contains(*p)).collect());
        let province = plate.province.map(str::to_owned);
        let truth = VehicleTruth { id, bbox, text: plate.text(), province, plate_bbox, visible: 0.0 };
        Some(Self { truth, samples })
    }

    fn truth(self) -> VehicleTruth {
        let all = f32::from(SAMPLES.0 * SAMPLES.1);
        VehicleTruth { visible: self.samples.len() as f32 / all, ..self.truth }
    }
}

/// Every side moved into `frame`; what is outside becomes a box without area at its border.
fn cut(b: BBox, frame: &BBox) -> BBox {
    let (x, y) = (|x: f32| x.clamp(frame.x1, frame.x2), |y: f32| y.clamp(frame.y1, frame.y2));
    BBox::new(x(b.x1), y(b.y1), x(b.x2), y(b.y2))
}

/// Points spread over the quadrilateral.
fn grid(corners: &[Point; 4]) -> impl Iterator<Item = Point> + '_ {
    let between = |a: Point, b: Point, t: f32| Point::new(a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t);
    let (across, down) = SAMPLES;
    (0..down).flat_map(move |row| {
        let v = (f32::from(row) + 0.5) / f32::from(down);
        let (left, right) = (between(corners[0], corners[3], v), between(corners[1], corners[2], v));
        (0..across).map(move |column| between(left, right, (f32::from(column) + 0.5) / f32::from(across)))
    })
}
