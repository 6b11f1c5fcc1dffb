//! The kinds of vehicle, and how the end that faces the camera is drawn.

use super::model::{Facing, Glow, Model, Part, Shell, Strip, disc};
use super::optics::{Rgb, scale};
use super::plate::Plate;
use super::rng::Rng;
use super::shapes::{
    CarShape, HATCH_FRONT, HATCH_REAR, SEDAN_FRONT, SEDAN_REAR, SUV_FRONT, SUV_REAR, VAN_FRONT, VAN_REAR,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sedan,
    Hatch,
    Suv,
    Van,
    Lorry,
    Motorcycle,
}

/// Which end faces the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Front,
    Rear,
}

const PAINTS: [Rgb; 11] = [
    [0.9, 0.9, 0.9],
    [0.86, 0.87, 0.88],
    [0.66, 0.68, 0.7],
    [0.42, 0.44, 0.47],
    [0.17, 0.18, 0.2],
    [0.12, 0.13, 0.15],
    [0.62, 0.1, 0.1],
    [0.12, 0.22, 0.46],
    [0.2, 0.34, 0.55],
    [0.16, 0.33, 0.24],
    [0.72, 0.62, 0.46],
];
const PLASTIC: Rgb = [0.13, 0.13, 0.14];
const DARK: Rgb = [0.05, 0.05, 0.06];
const GLASS_TOP: Rgb = [0.42, 0.5, 0.56];
const GLASS: Rgb = [0.07, 0.09, 0.11];
const RED: Rgb = [0.6, 0.05, 0.06];
const RED_LIT: Rgb = [1.0, 0.16, 0.12];
const CLEAR: Rgb = [0.88, 0.9, 0.93];
const WHITE_LIT: Rgb = [1.0, 0.98, 0.9];
const TAIL_GLOW: f32 = 0.3;
const HEAD_GLOW: f32 = 0.5;

impl Kind {
    /// As traffic has them; `short` leaves out what needs a long gap, `front` what has no plate ahead.
    pub fn random(rng: &mut Rng, short: bool, front: bool) -> Self {
        let kind = rng.pick(&[
            Kind::Sedan,
            Kind::Sedan,
            Kind::Sedan,
            Kind::Hatch,
            Kind::Hatch,
            Kind::Hatch,
            Kind::Sedan,
            Kind::Hatch,
            Kind::Suv,
            Kind::Suv,
            Kind::Suv,
            Kind::Van,
            Kind::Van,
            Kind::Lorry,
            Kind::Motorcycle,
        ]);
        match kind {
            Kind::Lorry if short => Kind::Van,
            Kind::Motorcycle if front => Kind::Hatch,
            kind => kind,
        }
    }

    /// The vehicle with its plate on.
    pub fn build(self, end: End, plate: &Plate, rng: &mut Rng) -> Model {
        let paint = rng.pick(&PAINTS);
        let mut model = Model::default();
        match (self, end) {
            (Kind::Sedan, End::Rear) => car_rear(&mut model, paint, &SEDAN_REAR, plate, rng),
            (Kind::Hatch, End::Rear) => car_rear(&mut model, paint, &HATCH_REAR, plate, rng),
            (Kind::Suv, End::Rear) => car_rear(&mut model, paint, &SUV_REAR, plate, rng),
            (Kind::Sedan, End::Front) => car_front(&mut model, paint, &SEDAN_FRONT, plate, rng),
            (Kind::Hatch, End::Front) => car_front(&mut model, paint, &HATCH_FRONT, plate, rng),
            (Kind::Suv, End::Front) => car_front(&mut model, paint, &SUV_FRONT, plate, rng),
            (Kind::Van, End::Rear) => car_rear(&mut model, paint, &VAN_REAR, plate, rng),
            (Kind::Van, End::Front) => car_front(&mut model, paint, &VAN_FRONT, plate, rng),
            (Kind::Lorry, End::Rear) => lorry_rear(&mut model, paint, plate),
            (Kind::Lorry, End::Front) => lorry_front(&mut model, paint, plate),
            (Kind::Motorcycle, _) => motorcycle(&mut model, paint, plate, rng),
        }
        model
    }
}

fn shell(model: &mut Model, shape: &CarShape, paint: Rgb) {
    model.shell(&Shell {
        width: shape.width,
        taper: shape.taper,
        belt: shape.belt,
        profile: shape.profile,
        strips: shape.strips,
        windows: shape.windows,
        wheels: shape.wheels,
        round: 1.0,
        paint,
    });
}

fn car_rear(model: &mut Model, paint: Rgb, shape: &CarShape, plate: &Plate, rng: &mut Rng) {
    shell(model, shape, paint);
    let half = shape.width / 2.0;
    let bottom = shape.profile[0].1;
    let (low, high) = shape.lamps;
    model.lamps(
        &[(half * 0.56, high - 0.02), (half * 0.97, high), (half * 0.98, low), (half * 0.62, low + 0.03)],
        -0.01,
        RED,
        RED_LIT,
        TAIL_GLOW,
    );
    let inner =
        [(half * 0.62, low + 0.06), (half * 0.76, low + 0.06), (half * 0.76, low + 0.1), (half * 0.62, low + 0.1)];
    model.polygon(&inner, -0.015, true, CLEAR, scale(CLEAR, 0.8));
    // The lid's edge, the bumper with its dark apron and reflectors.
    let bumper = bottom + 0.26;
    model.quad([-half * 0.95, half * 0.95, bumper, bumper + 0.015], -0.01, scale(paint, 0.35), scale(paint, 0.35));
    model.band(half * 0.99, (bottom + 0.02, bumper), -0.07, scale(paint, 0.88), scale(paint, 0.6));
    model.band(half * 0.97, (bottom - 0.02, bottom + 0.1), -0.075, PLASTIC, DARK);
    let reflector = [
        (half * 0.56, bottom + 0.13),
        (half * 0.76, bottom + 0.13),
        (half * 0.76, bottom + 0.17),
        (half * 0.56, bottom + 0.17),
    ];
    model.polygon(&reflector, -0.08, true, RED, RED);
    model.polygon(&disc((0.0, high + 0.03), 0.05, 0.04), -0.02, false, [0.75; 3], [0.5; 3]);
    let height = if rng.chance(0.7) { shape.plate } else { bottom + 0.18 };
    model.quad([-0.31, 0.31, height - 0.1, height + 0.1], -0.08, scale(paint, 0.5), scale(paint, 0.62));
    plate.mount(model, [0.0, height, -0.09], 0.52);
}

fn car_front(model: &mut Model, paint: Rgb, shape: &CarShape, plate: &Plate, rng: &mut Rng) {
    shell(model, shape, paint);
    let half = shape.width / 2.0;
    let bottom = shape.profile[0].1;
    let (low, high) = shape.lamps;
    model.polygon(
        &[(half * 0.76, high + 0.01), (half * 0.76, low - 0.03), (half * 0.5, low)],
        -0.005,
        true,
        DARK,
        DARK,
    );
    model.lamps(
        &[(half * 0.56, high - 0.05), (half * 0.95, high), (half * 0.97, low + 0.01), (half * 0.6, low + 0.02)],
        -0.01,
        CLEAR,
        WHITE_LIT,
        HEAD_GLOW,
    );
    model.quad([-half * 0.52, half * 0.52, low, high - 0.02], -0.01, DARK, PLASTIC);
    for bar in 1..4 {
        let y = low + (high - low) * bar as f32 / 4.0;
        model.quad([-half * 0.5, half * 0.5, y - 0.008, y + 0.008], -0.015, [0.5; 3], [0.4; 3]);
    }
    model.polygon(&disc((0.0, (low + high) / 2.0), 0.06, 0.05), -0.02, false, [0.85; 3], [0.5; 3]);
    model.band(half * 0.99, (bottom + 0.03, low - 0.03), -0.06, scale(paint, 0.92), scale(paint, 0.62));
    model.quad([-half * 0.6, half * 0.6, bottom, bottom + 0.1], -0.065, DARK, DARK);
    model.polygon(&disc((half * 0.7, bottom + 0.12), 0.07, 0.05), -0.07, true, [0.5; 3], DARK);
    mirrors(model, shape, paint);
    let height = if rng.chance(0.8) { shape.plate } else { shape.plate - 0.05 };
    plate.mount(model, [0.0, height, -0.08], 0.52);
}

/// At the foot of the windscreen.
fn mirrors(model: &mut Model, shape: &CarShape, paint: Rgb) {
    let x = shape.width / 2.0;
    let y = shape.belt + 0.04;
    let z = shape.profile[3].0 + 0.2;
    let outline = [(x - 0.04, y - 0.04), (x + 0.14, y - 0.05), (x + 0.15, y + 0.08), (x + 0.02, y + 0.08)];
    model.polygon(&outline, z, true, paint, scale(paint, 0.5));
}

const BOXES: [f32; 2] = [0.84, 0.7];

fn lorry_rear(model: &mut Model, paint: Rgb, plate: &Plate) {
    let shade = BOXES[usize::from(paint[0] < 0.5)];
    let cargo = [shade, shade, shade * 0.97];
    model.shell(&Shell {
        width: 2.35,
        taper: 0.99,
        belt: 1.2,
        profile: &[(0.0, 0.9), (0.0, 3.1), (5.5, 3.1), (5.6, 2.6), (7.2, 2.5), (7.4, 0.5), (5.5, 0.5), (5.4, 0.9)],
        strips: &[Strip::Paint; 2],
        windows: &[],
        wheels: &[(1.3, 0.48), (6.4, 0.48)],
        round: 0.1,
        paint: cargo,
    });
    // Door leaves with their bars and frame.
    model.quad([-0.015, 0.015, 1.0, 3.0], -0.01, scale(cargo, 0.45), scale(cargo, 0.4));
    for x in [-0.75f32, -0.35, 0.35, 0.75] {
        model.quad([x - 0.02, x + 0.02, 1.0, 3.0], -0.01, [0.5; 3], [0.4; 3]);
    }
    for rect in [[-1.17, 1.17, 3.0, 3.1], [-1.17, 1.17, 0.92, 1.02], [-1.17, -1.1, 0.92, 3.1], [1.1, 1.17, 0.92, 3.1]] {
        model.quad(rect, -0.015, scale(paint, 0.8), scale(paint, 0.6));
    }
    model.quad([-1.1, 1.1, 0.52, 0.92], 0.1, DARK, [0.03; 3]);
    model.quad([-1.12, 1.12, 0.48, 0.6], -0.05, [0.8, 0.78, 0.75], [0.55; 3]);
    for x in [-0.9f32, -0.45, 0.15, 0.6] {
        model.quad([x, x + 0.22, 0.48, 0.6], -0.055, [0.75, 0.1, 0.1], [0.55, 0.06, 0.06]);
    }
    model.lamps(&[(0.8, 0.88), (1.12, 0.88), (1.12, 0.7), (0.8, 0.7)], -0.04, RED, RED_LIT, TAIL_GLOW);
    model.quad([-0.32, 0.32, 0.64, 0.9], -0.04, PLASTIC, PLASTIC);
    plate.mount(model, [0.0, 0.77, -0.06], 0.52);
}

fn lorry_front(model: &mut Model, paint: Rgb, plate: &Plate) {
    model.shell(&Shell {
        width: 2.3,
        taper: 0.97,
        belt: 1.4,
        profile: &[
            (0.0, 0.42),
            (0.0, 2.5),
            (0.2, 2.7),
            (1.7, 2.72),
            (1.75, 3.1),
            (7.4, 3.1),
            (7.4, 0.9),
            (5.8, 0.9),
            (5.8, 0.5),
        ],
        strips: &[Strip::Paint; 4],
        windows: &[&[(0.35, 1.5), (0.35, 2.25), (1.3, 2.25), (1.3, 1.5)]],
        wheels: &[(1.1, 0.48), (5.9, 0.48)],
        round: 0.1,
        paint,
    });
    model.quad([-1.05, 1.05, 1.45, 2.32], -0.01, GLASS_TOP, GLASS);
    let shine = [(-0.5, 1.47), (-0.1, 1.47), (0.35, 2.3), (0.0, 2.3)];
    let contour = shine.iter().map(|(x, y)| [*x, *y, -0.012]).collect();
    model.panel(vec![contour], Facing::Camera, [0.8; 3], [0.7; 3]).alpha(0.2);
    model.quad([-0.75, 0.75, 0.88, 1.3], -0.01, DARK, PLASTIC);
    for bar in 0..4 {
        let y = 0.94 + bar as f32 * 0.1;
        model.quad([-0.72, 0.72, y - 0.012, y + 0.012], -0.015, [0.55; 3], [0.4; 3]);
    }
    model.quad([-1.14, 1.14, 0.42, 0.84], -0.06, scale(paint, 0.5), scale(paint, 0.35));
    model.lamps(&[(0.72, 0.8), (1.08, 0.8), (1.08, 0.62), (0.72, 0.62)], -0.07, CLEAR, WHITE_LIT, HEAD_GLOW);
    let mirror = [(1.16, 1.6), (1.36, 1.6), (1.36, 2.15), (1.16, 2.15)];
    model.polygon(&mirror, 0.1, true, PLASTIC, DARK);
    plate.mount(model, [0.0, 0.57, -0.08], 0.52);
}

/// Seen from behind, with its rider.
fn motorcycle(model: &mut Model, paint: Rgb, plate: &Plate, rng: &mut Rng) {
    (model.width, model.length, model.height) = (0.8, 1.9, 1.68);
    let jacket =
        rng.pick(&[[0.15, 0.17, 0.22], [0.5, 0.12, 0.1], [0.2, 0.3, 0.42], [0.3, 0.32, 0.3], [0.6, 0.58, 0.5]]);
    let helmet = rng.pick(&PAINTS);
    let ground = vec![[-0.3, 0.0, 0.0], [0.3, 0.0, 0.0], [0.25, 0.0, 1.9], [-0.25, 0.0, 1.9]];
    model.panel(vec![ground], Facing::Camera, [0.02; 3], [0.02; 3]).part(Part::Road).alpha(0.45);
    // Far to near: bars and mirrors, rider, machine.
    model.polygon(&[(0.0, 0.98), (0.4, 1.06), (0.4, 1.11), (0.0, 1.05)], 0.8, true, PLASTIC, PLASTIC);
    model.polygon(&disc((0.36, 1.22), 0.085, 0.055), 0.8, true, [0.35, 0.4, 0.44], DARK);
    model.polygon(
        &[(0.14, 0.9), (0.32, 0.78), (0.35, 0.3), (0.2, 0.28), (0.2, 0.6)],
        0.5,
        true,
        [0.16, 0.17, 0.24],
        DARK,
    );
    model.polygon(
        &[(0.16, 1.32), (0.28, 1.22), (0.4, 1.02), (0.33, 0.97), (0.2, 1.12)],
        0.45,
        true,
        jacket,
        scale(jacket, 0.6),
    );
    let torso = [(-0.16, 0.84), (-0.22, 1.26), (-0.13, 1.36), (0.13, 1.36), (0.22, 1.26), (0.16, 0.84)];
    model.polygon(&torso, 0.4, false, scale(jacket, 1.15), scale(jacket, 0.6));
    model.polygon(&disc((0.0, 1.47), 0.13, 0.14), 0.4, false, helmet, scale(helmet, 0.5));
    model.polygon(&disc((0.0, 0.31), 0.075, 0.31), 0.2, false, [0.07; 3], [0.04; 3]);
    model.quad([0.1, 0.13, 0.3, 0.66], 0.2, [0.55; 3], [0.3; 3]);
    model.quad([-0.13, -0.1, 0.3, 0.66], 0.2, [0.55; 3], [0.3; 3]);
    model.polygon(&disc((0.2, 0.4), 0.065, 0.075), 0.12, false, [0.62; 3], [0.25; 3]);
    model.polygon(&disc((0.2, 0.4), 0.035, 0.04), 0.11, false, DARK, DARK);
    let tail = [(0.0, 0.46), (0.12, 0.48), (0.24, 0.68), (0.26, 0.86), (0.18, 0.94), (0.0, 0.96)];
    model.polygon(&tail, 0.15, true, paint, scale(paint, 0.45));
    model.polygon(&[(0.0, 0.93), (0.2, 0.92), (0.16, 0.99), (0.0, 1.0)], 0.14, true, DARK, DARK);
    model.quad([-0.15, 0.15, 0.76, 0.85], 0.02, RED, scale(RED, 0.8)).lit(RED_LIT);
    model.glows.push(Glow { at: [0.0, 0.8, 0.0], colour: RED_LIT, radius: TAIL_GLOW });
    model.polygon(&disc((0.27, 0.76), 0.05, 0.04), 0.04, true, [0.85, 0.5, 0.1], [0.7, 0.4, 0.08]);
    plate.mount(model, [0.0, 0.63, 0.0], 0.26);
}
