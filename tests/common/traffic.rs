//! Simple traffic in front of a pinhole camera: who drives where, and where a perfect detector would see it.

use super::split_mix::SplitMix;
use lpr::domain::BBox;

/// Pixels.
pub const WIDTH: f32 = 1280.0;
pub const HEIGHT: f32 = 720.0;
/// Focal length in pixels, the horizon's row, the camera's height in metres.
const FOCAL: f32 = 1100.0;
const HORIZON: f32 = 150.0;
const CAMERA: f32 = 2.6;
/// Vehicles further away are not looked at, metres.
const FAR: f32 = 40.0;

/// What is left to chance.
pub struct Dice(pub SplitMix);

impl Dice {
    pub fn unit(&mut self) -> f32 {
        (self.0.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    pub fn chance(&mut self, share: f32) -> bool {
        self.unit() < share
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[(self.0.next() % of.len() as u64) as usize]
    }

    /// Bell-shaped, standard deviation 1.
    pub fn bell(&mut self) -> f32 {
        (0..12).map(|_| self.unit()).sum::<f32>() - 6.0
    }
}

/// How one vehicle drives. Lateral place and depth in metres.
#[derive(Clone, Copy)]
enum Drive {
    /// Along the road: `toward` the camera or away, metres a second.
    Steady {
        x: f32,
        from: f32,
        speed: f32,
        start_s: f32,
    },
    /// Drives and waits in turn, every `period` seconds.
    StopAndGo {
        x: f32,
        from: f32,
        mean: f32,
        period: f32,
        start_s: f32,
    },
    /// Across the picture.
    Across {
        from: f32,
        z: f32,
        speed: f32,
        start_s: f32,
    },
    Parked {
        x: f32,
        z: f32,
    },
}

impl Drive {
    /// Metres to the right and away; `None` while it is not there.
    fn at(self, t: f32) -> Option<(f32, f32)> {
        match self {
            Drive::Steady { x, from, speed, start_s } => (t >= start_s).then_some((x, from - speed * (t - start_s))),
            Drive::StopAndGo { x, from, mean, period, start_s } => (t >= start_s).then(|| {
                let turns = (t - start_s) / period;
                let part = (turns.fract() / 0.6).min(1.0);
                (x, from - mean * period * (turns.floor() + part * part * (3.0 - 2.0 * part)))
            }),
            Drive::Across { from, z, speed, start_s } => (t >= start_s).then_some((from + speed * (t - start_s), z)),
            Drive::Parked { x, z } => Some((x, z)),
        }
    }
}

pub struct Car {
    pub text: String,
    drive: Drive,
    /// Metres: a car's or a lorry's.
    width: f32,
    tall: f32,
}

/// A car in one moment, as a perfect detector would have it.
pub struct Shown<'a> {
    pub car: &'a Car,
    pub index: usize,
    pub z: f32,
    pub vehicle: BBox,
    pub plate: BBox,
}

fn project(x: f32, y: f32, z: f32) -> (f32, f32) {
    (WIDTH / 2.0 + FOCAL * x / z, HORIZON + FOCAL * (CAMERA - y) / z)
}

pub fn shown(cars: &[Car], t: f32) -> Vec<Shown<'_>> {
    let mut all = Vec::new();
    for (index, car) in cars.iter().enumerate() {
        let Some((x, z)) = car.drive.at(t).filter(|(_, z)| (1.5..FAR).contains(z)) else { continue };
        let ((left, top), (right, bottom)) =
            (project(x - car.width / 2.0, car.tall, z), project(x + car.width / 2.0, 0.0, z));
        let (px, py) = project(x, 0.6, z);
        let plate = BBox::from_center(px, py, FOCAL * 0.5 / z, FOCAL * 0.12 / z);
        let vehicle = BBox::new(left, top, right, bottom).clamp_to(WIDTH as u32, HEIGHT as u32);
        if vehicle.is_valid() {
            all.push(Shown { car, index, z, vehicle, plate });
        }
    }
    all
}

/// Latin plates that differ in three characters at least.
fn texts(count: usize, dice: &mut Dice) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    while texts.len() < count {
        let letters: Vec<char> = "ABCDEGHKLMNPRSTZ".chars().collect();
        let digits: Vec<char> = ('0'..='9').collect();
        let mut text: String = (0..3).map(|_| dice.pick(&letters)).collect();
        text.extend((0..4).map(|_| dice.pick(&digits)));
        if !texts.iter().any(|known| known.chars().zip(text.chars()).filter(|(a, b)| a != b).count() < 3) {
            texts.push(text);
        }
    }
    texts
}

pub const SCENES: [&str; 8] = ["pass", "tailgate", "overtake", "cross", "across", "occlude", "stop", "park"];

/// The scene's traffic and its length in seconds.
pub fn traffic(scene: &str, dice: &mut Dice) -> (Vec<Car>, f32) {
    let steady = |x: f32, speed: f32, start_s: f32| Drive::Steady { x, from: FAR, speed, start_s };
    let away = |x: f32, speed: f32, start_s: f32| Drive::Steady { x, from: 2.0, speed: -speed, start_s };
    let mut drives = Vec::new();
    let seconds = match scene {
        "pass" => {
            for i in 0..6 {
                drives.push(steady(-1.75, dice.range(8.0, 14.0).max(9.0), i as f32 * 3.0 + dice.range(0.0, 0.8)));
            }
            24.0
        }
        // Pairs in one lane, two car lengths apart: the second is seen late, where the first was a moment ago.
        "tailgate" => {
            for i in 0..4 {
                let (speed, start) = (dice.range(7.0, 11.0), i as f32 * 7.0);
                drives.push(steady(-1.75, speed, start));
                drives.push(steady(-1.75 + dice.range(-0.2, 0.2), speed, start + dice.range(9.0, 11.0) / speed));
            }
            30.0
        }
        // Pairs that are side by side where they are read.
        "overtake" => {
            for i in 0..3 {
                let (slow, fast) = (dice.range(6.0, 8.0), dice.range(10.0, 14.0));
                let start = i as f32 * 7.0;
                drives.push(steady(-1.75, slow, start));
                drives.push(steady(1.75, fast, start + (FAR - 8.0) / slow - (FAR - 8.0) / fast));
            }
            28.0
        }
        "cross" => {
            for i in 0..4 {
                drives.push(steady(-1.75, dice.range(8.0, 13.0), i as f32 * 4.0 + dice.range(0.0, 1.0)));
                drives.push(away(1.75, dice.range(8.0, 13.0), i as f32 * 4.0 + dice.range(0.0, 1.0)));
            }
            24.0
        }
        // Sideways in front of the camera, in both directions, at two distances.
        "across" => {
            for i in 0..4 {
                let start = i as f32 * 5.0;
                drives.push(Drive::Across { from: -14.0, z: 7.5, speed: dice.range(5.0, 9.0), start_s: start });
                drives.push(Drive::Across {
                    from: 14.0,
                    z: 12.0,
                    speed: -dice.range(5.0, 9.0),
                    start_s: start + dice.range(0.0, 1.5),
                });
            }
            25.0
        }
        // A slow car is covered for a while by a lorry that overtakes it nearer to the camera.
        "occlude" => {
            for i in 0..3 {
                let start = i as f32 * 9.0;
                drives.push(Drive::Steady { x: 4.5, from: 24.0, speed: dice.range(2.0, 2.6), start_s: start });
                drives.push(steady(1.4, dice.range(7.0, 9.0), start + dice.range(0.0, 1.0)));
            }
            36.0
        }
        "stop" => {
            for i in 0..4 {
                let (mean, period) = (3.5, 7.0);
                drives.push(Drive::StopAndGo { x: -1.75, from: 30.0, mean, period, start_s: i as f32 * period });
            }
            45.0
        }
        _ => {
            drives.push(Drive::Parked { x: 3.4, z: 10.5 });
            drives.push(Drive::Parked { x: -3.6, z: 13.0 });
            for i in 0..8 {
                drives.push(steady(dice.range(-0.5, 0.5), dice.range(6.0, 9.0), i as f32 * 9.0 + dice.range(0.0, 2.0)));
            }
            80.0
        }
    };
    let plates = texts(drives.len(), dice);
    let cars = plates.into_iter().zip(drives).enumerate().map(|(index, (text, drive))| {
        let lorry = scene == "occlude" && index % 2 == 1;
        Car { text, drive, width: if lorry { 2.5 } else { 1.8 }, tall: if lorry { 3.4 } else { 1.5 } }
    });
    (cars.collect(), seconds)
}
