//! Is the simulated road good enough to stand in for a real one? The real detectors must find its vehicles and plates,
//! and the real OCR must read them. Prints the shares; the README quotes them.

use lpr::config::ModelsConfig;
use lpr::domain::{BBox, CaptureTime, Frame, FrameReading};
use lpr::inference::Pipeline;
use lpr::sim::{SimSpec, Simulator, VehicleTruth};

/// A plate lower than this carries no text that the OCR could be asked for.
const LEGIBLE_PIXELS: f32 = 20.0;
/// Nothing much of the vehicle is beyond the frame's edge.
const EDGE: f32 = 2.0;

#[derive(Default)]
struct Tally {
    vehicles: usize,
    vehicles_found: usize,
    plates: usize,
    plates_found: usize,
    read: usize,
}

fn share(part: usize, whole: usize) -> f32 {
    part as f32 / whole.max(1) as f32
}

impl Tally {
    fn count(&mut self, truth: &VehicleTruth, reading: &FrameReading, size: (u32, u32)) {
        if truth.visible < 0.9 || truth.plate_bbox.height() < LEGIBLE_PIXELS {
            return;
        }
        if is_whole(&truth.bbox, size) {
            self.vehicles += 1;
            let found = reading.vehicles.iter().any(|vehicle| vehicle.bbox.iou(&truth.bbox) >= 0.5);
            self.vehicles_found += usize::from(found);
        }
        self.plates += 1;
        let plate = (reading.plates.iter())
            .find(|plate| plate.bbox.iou(&truth.plate_bbox) >= 0.3 || truth.plate_bbox.contains(plate.bbox.center()));
        self.plates_found += usize::from(plate.is_some());
        self.read += usize::from(plate.is_some_and(|plate| plate.text == truth.text));
    }
}

fn is_whole(bbox: &BBox, (width, height): (u32, u32)) -> bool {
    bbox.x1 > EDGE && bbox.y1 > EDGE && bbox.x2 < width as f32 - EDGE && bbox.y2 < height as f32 - EDGE
}

fn measure(pipeline: &mut Pipeline, spec: &str) -> Tally {
    let mut simulator = Simulator::new(&SimSpec::parse(spec).unwrap());
    let mut tally = Tally::default();
    for index in 0..simulator.frame_count() {
        let shot = simulator.render(index);
        let size = (shot.width, shot.height);
        let frame = Frame::new(shot.width, shot.height, shot.pixels, index + 1, CaptureTime::default()).unwrap();
        let reading = pipeline.read(&frame).unwrap();
        for truth in &shot.vehicles {
            tally.count(truth, &reading, size);
        }
    }
    println!(
        "{spec:58} vehicles {:3} found {:.2} | plates {:3} found {:.2} read {:.2}",
        tally.vehicles,
        share(tally.vehicles_found, tally.vehicles),
        tally.plates,
        share(tally.plates_found, tally.plates),
        share(tally.read, tally.plates),
    );
    tally
}

#[test]
fn the_real_models_find_and_read_the_simulated_road() {
    let config = ModelsConfig { dir: crate::common::models_dir(), ..ModelsConfig::default() };
    let mut pipeline = Pipeline::load(&config).unwrap();
    let day = measure(&mut pipeline, "seed=21;seconds=40;fps=1;vehicles=20;scene=cross;light=day");
    assert!(day.plates >= 8, "too few plates to tell");
    assert!(share(day.vehicles_found, day.vehicles) >= 0.8, "vehicles by day");
    assert!(share(day.plates_found, day.plates) >= 0.85, "plates by day");
    assert!(share(day.read, day.plates) >= 0.8, "texts by day");

    let night = measure(&mut pipeline, "seed=22;seconds=40;fps=1;vehicles=20;scene=mixed;light=night");
    assert!(share(night.vehicles_found, night.vehicles) >= 0.6, "vehicles by night");
    assert!(share(night.read, night.plates) >= 0.6, "texts by night");

    let thai = measure(&mut pipeline, "seed=23;seconds=30;fps=1;vehicles=15;scene=cross;layout=thai");
    assert!(share(thai.plates_found, thai.plates) >= 0.7, "Thai plates");
}
