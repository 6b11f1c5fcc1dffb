//! What does not move: sky, skyline, houses, trees, verge, kerb, road and its markings. Painted once.

use super::canvas::{Canvas, Fill};
use super::model::disc;
use super::optics::{Camera, Lighting, Point3, Rgb, mix, scale};
use super::rng::{Rng, Stream};
use super::scene::Plan;
use super::spec::SimSpec;

/// The frame without vehicles: BGR, tightly packed.
pub fn paint(spec: &SimSpec, camera: &Camera, lighting: &Lighting, plan: &Plan) -> Vec<u8> {
    let (width, height) = (spec.width, spec.height);
    let Some(canvas) = Canvas::new(0, 0, width as i32, height as i32) else { return Vec::new() };
    let rng = Rng::new(spec.seed, Stream::Backdrop, 0);
    let mut painter = Painter { canvas, camera: *camera, lighting: *lighting, rng, width: width as f32 };
    painter.sky();
    painter.skyline();
    painter.ground();
    painter.road(plan);
    painter.roadside(plan.road);
    painter.develop(height as f32)
}

struct Painter {
    canvas: Canvas,
    camera: Camera,
    lighting: Lighting,
    rng: Rng,
    width: f32,
}

const FAR: f32 = 600.0;
const NEAR: f32 = 1.5;
const GRASS: Rgb = [0.36, 0.43, 0.24];
const PAVING: Rgb = [0.6, 0.58, 0.55];
const KERB: Rgb = [0.72, 0.71, 0.68];
const ASPHALT: Rgb = [0.33, 0.33, 0.34];
const LINE: Rgb = [0.86, 0.86, 0.83];

impl Painter {
    fn sky(&mut self) {
        let (top, bottom) = self.lighting.sky;
        let (w, horizon) = (self.width, self.camera.horizon + 1.0);
        self.screen(vec![(0.0, 0.0), (w, 0.0), (w, horizon), (0.0, horizon)], top, bottom, 1.0);
        let cloud = mix(bottom, [1.0; 3], 0.5 * self.lighting.ambient[0]);
        for _ in 0..14 {
            let center = (self.rng.range(0.0, w), self.rng.range(0.0, 0.75) * horizon);
            let rx = self.rng.range(0.04, 0.16) * w;
            self.screen(disc(center, rx, rx * 0.14), cloud, cloud, 0.16);
        }
    }

    /// Hills and far roofs at the horizon.
    fn skyline(&mut self) {
        let (w, horizon) = (self.width, self.camera.horizon);
        let haze = self.lighting.sky.1;
        for (height, colour, share) in [(0.34, [0.45, 0.53, 0.6], 0.55), (0.2, [0.36, 0.43, 0.38], 0.3)] {
            let mut outline = vec![(0.0, horizon + 2.0)];
            for step in 0..=40 {
                let y = horizon * (1.0 - height * self.rng.range(0.55, 1.0));
                outline.push((w * step as f32 / 40.0, y));
            }
            outline.push((w, horizon + 2.0));
            let colour = mix(self.lighting.on(colour, FAR), haze, share);
            self.screen(outline, colour, colour, 1.0);
        }
    }

    fn ground(&mut self) {
        let (near, far) = (self.lighting.on(GRASS, 8.0), self.lighting.on(scale(GRASS, 0.9), FAR));
        let (w, horizon, bottom) = (self.width, self.camera.horizon, self.canvas.height() as f32);
        self.screen(vec![(0.0, horizon), (w, horizon), (w, bottom), (0.0, bottom)], far, near, 1.0);
        for _ in 0..60 {
            let (x, z) = (self.rng.range(-30.0, 30.0), self.rng.range(5.0, 70.0));
            let shade = scale(GRASS, self.rng.range(0.75, 1.2));
            let colour = self.lighting.on(shade, z);
            let width = self.rng.range(0.6, 4.0);
            self.flat((x, x + width), (z, z * 1.12), (colour, colour));
        }
    }

    fn road(&mut self, plan: &Plan) {
        let (middle, half) = plan.road;
        let lit = |painter: &Self, colour: Rgb| (painter.lighting.on(colour, 70.0), painter.lighting.on(colour, 6.0));
        for side in [-1.0, 1.0] {
            let edge = middle + side * half;
            let paving = lit(self, PAVING);
            self.flat(order(edge, edge + side * 2.2), (NEAR, FAR), paving);
            let kerb = lit(self, KERB);
            self.flat(order(edge, edge + side * 0.22), (NEAR, FAR), kerb);
            let shade = lit(self, scale(KERB, 0.5));
            self.flat(order(edge - side * 0.03, edge + side * 0.05), (NEAR, FAR), shade);
            for joint in 0..40 {
                let z = 4.0 + joint as f32 * 1.5;
                let colour = self.lighting.on(scale(PAVING, 0.72), z);
                self.flat(order(edge + side * 0.22, edge + side * 2.2), (z, z + 0.03), (colour, colour));
            }
        }
        let asphalt = lit(self, ASPHALT);
        self.flat((middle - half, middle + half), (NEAR, FAR), asphalt);
        self.wear(plan);
        self.markings(plan);
    }

    /// Tyre tracks along the lanes, repairs, stains.
    fn wear(&mut self, plan: &Plan) {
        for lane in &plan.lanes {
            for side in [-0.8, 0.8] {
                let x = lane.x + side;
                for (half, alpha) in [(0.35, 0.1), (0.2, 0.12)] {
                    let colour = self.lighting.on(scale(ASPHALT, 0.7), 9.0);
                    self.strip((x - half, x + half), (NEAR, 120.0), colour, alpha);
                }
            }
        }
        let (middle, half) = plan.road;
        for _ in 0..26 {
            let z = self.rng.range(4.0, 45.0);
            let x = middle + self.rng.range(-half, half - 1.0);
            let shade = scale(ASPHALT, self.rng.range(0.72, 1.25));
            let (x2, z2) = ((x + self.rng.range(0.2, 1.4)).min(middle + half), z + self.rng.range(0.3, 2.5));
            let colour = self.lighting.on(shade, z);
            self.strip((x, x2), (z, z2), colour, 0.3);
        }
    }

    /// Edge lines, and dashes between the first two lanes.
    fn markings(&mut self, plan: &Plan) {
        let (middle, half) = plan.road;
        for side in [-1.0, 1.0] {
            let x = middle + side * (half - 0.35);
            let colour = (self.lighting.on(LINE, 60.0), self.lighting.on(LINE, 6.0));
            self.flat(order(x, x + side * 0.12), (NEAR, 200.0), colour);
        }
        let [first, second, ..] = plan.lanes[..] else { return };
        let x = (first.x + second.x) / 2.0;
        for dash in 0..24 {
            let z = 1.0 + dash as f32 * 6.0;
            let colour = self.lighting.on(LINE, z);
            self.flat((x - 0.07, x + 0.07), (z.max(NEAR), z + 3.0), (colour, colour));
        }
    }

    /// Houses, trees and lamp posts, from far to near.
    fn roadside(&mut self, (middle, half): (f32, f32)) {
        for row in (0..11).rev() {
            let z = 18.0 + row as f32 * 9.0;
            for side in [-1.0, 1.0] {
                let edge = middle + side * (half + 2.4);
                match self.rng.below(5) {
                    0 | 1 if row > 0 => {
                        let x = edge + side * self.rng.range(2.5, 6.0);
                        self.house(x, side, z);
                    }
                    2 | 3 => {
                        let x = edge + side * self.rng.range(0.6, 3.0);
                        self.tree(x, z);
                    }
                    _ => {}
                }
                if row % 3 == 1 {
                    self.lamp_post(edge - side * 0.6, side, z + 2.0);
                }
            }
        }
    }

    fn house(&mut self, x: f32, side: f32, z: f32) {
        let walls = [[0.75, 0.7, 0.62], [0.68, 0.55, 0.48], [0.8, 0.8, 0.78], [0.62, 0.66, 0.7], [0.72, 0.63, 0.5]];
        let wall = self.rng.pick(&walls);
        let (width, depth, floors) = (self.rng.range(7.0, 12.0), 8.0, 2 + self.rng.below(4));
        let height = floors as f32 * 3.1 + 0.8;
        let far_x = x + side * width;
        let side_wall = self.lighting.on(scale(wall, 0.72), z);
        self.world(&[[x, 0.0, z], [x, height, z], [x, height, z + depth], [x, 0.0, z + depth]], side_wall);
        let front = self.lighting.on(wall, z);
        self.world(&[[x, 0.0, z], [x, height, z], [far_x, height, z], [far_x, 0.0, z]], front);
        let roof = self.lighting.on([0.32, 0.26, 0.24], z);
        self.world(&[[x, height, z], [x, height + 0.5, z], [far_x, height + 0.5, z], [far_x, height, z]], roof);
        for floor in 0..floors {
            for column in 0..4 {
                let left = x + side * (0.7 + column as f32 * width / 4.2);
                let bottom = 1.0 + floor as f32 * 3.1;
                let lit = self.rng.chance(0.35);
                let dark = self.lighting.on([0.16, 0.2, 0.25], z);
                let colour = if lit { mix(dark, [0.85, 0.7, 0.42], self.lighting.lit * 0.8) } else { dark };
                let right = left + side * 1.1;
                self.world(
                    &[[left, bottom, z], [left, bottom + 1.4, z], [right, bottom + 1.4, z], [right, bottom, z]],
                    colour,
                );
            }
        }
    }

    fn tree(&mut self, x: f32, z: f32) {
        let height = self.rng.range(4.0, 7.5);
        let trunk = self.lighting.on([0.28, 0.22, 0.17], z);
        self.world(&[[x - 0.13, 0.0, z], [x - 0.1, height, z], [x + 0.1, height, z], [x + 0.13, 0.0, z]], trunk);
        let green = mix([0.2, 0.34, 0.14], [0.34, 0.42, 0.2], self.rng.unit());
        for i in 0..16 {
            let shade = scale(green, 0.65 + 0.04 * i as f32);
            let (dx, dy) = (self.rng.range(-1.3, 1.3), self.rng.range(-1.3, 1.3));
            let radius = self.rng.range(0.5, 1.1);
            let crown = disc((x + dx, height + dy + 0.04 * i as f32), radius, radius * 0.85);
            let points: Vec<Point3> = crown.into_iter().map(|(x, y)| [x, y, z]).collect();
            let colour = self.lighting.on(shade, z);
            self.world(&points, colour);
        }
    }

    fn lamp_post(&mut self, x: f32, side: f32, z: f32) {
        let post = self.lighting.on([0.45, 0.46, 0.48], z);
        self.world(&[[x - 0.07, 0.0, z], [x - 0.05, 6.5, z], [x + 0.05, 6.5, z], [x + 0.07, 0.0, z]], post);
        let arm = x - side * 1.6;
        self.world(&[[x, 6.4, z], [x, 6.5, z], [arm, 6.7, z], [arm, 6.6, z]], post);
        let lit = self.lighting.lit;
        let head = mix(post, [1.0, 0.9, 0.65], lit);
        self.world(&[[arm - 0.3, 6.55, z], [arm + 0.3, 6.55, z], [arm + 0.25, 6.7, z], [arm - 0.25, 6.7, z]], head);
        if lit > 0.0 {
            for step in 1..=14 {
                let r = 0.13 * step as f32;
                let glow: Vec<Point3> = disc((arm, 6.6), r, r).into_iter().map(|(x, y)| [x, y, z]).collect();
                self.translucent(&glow, [1.0, 0.86, 0.6], 0.028 * lit);
                let pool = disc((arm, z), 0.34 * step as f32, 0.48 * step as f32);
                let pool: Vec<Point3> = pool.into_iter().map(|(x, z)| [x, 0.0, z]).collect();
                self.translucent(&pool, [0.8, 0.68, 0.46], 0.016 * lit);
            }
        }
    }

    /// A rectangle of the ground; `(far, near)` colours.
    fn flat(&mut self, (x1, x2): (f32, f32), (z1, z2): (f32, f32), (far, near): (Rgb, Rgb)) {
        let points = [[x1, 0.0, z2], [x2, 0.0, z2], [x2, 0.0, z1], [x1, 0.0, z1]];
        self.screen(points.map(|p| self.camera.project(p)).to_vec(), far, near, 1.0);
    }

    fn strip(&mut self, (x1, x2): (f32, f32), (z1, z2): (f32, f32), colour: Rgb, alpha: f32) {
        self.translucent(&[[x1, 0.0, z2], [x2, 0.0, z2], [x2, 0.0, z1], [x1, 0.0, z1]], colour, alpha);
    }

    fn world(&mut self, points: &[Point3], colour: Rgb) {
        self.translucent(points, colour, 1.0);
    }

    fn translucent(&mut self, points: &[Point3], colour: Rgb, alpha: f32) {
        let points = points.iter().map(|p| self.camera.project(*p)).collect();
        self.screen(points, colour, colour, alpha);
    }

    fn screen(&mut self, points: Vec<(f32, f32)>, top: Rgb, bottom: Rgb, alpha: f32) {
        self.canvas.fill(&[points], Fill { top, bottom, alpha });
    }

    /// To BGR, with the grain of real surfaces: coarser below the horizon.
    fn develop(mut self, height: f32) -> Vec<u8> {
        let row = self.canvas.width();
        let mut out = Vec::with_capacity(row * self.canvas.height() * 3);
        let strength = 0.4 + 0.6 * self.lighting.ambient[0];
        for (i, pixel) in self.canvas.pixels().chunks_exact(4).enumerate() {
            let y = (i / row.max(1)) as f32;
            let below = ((y - self.camera.horizon) / height).clamp(0.0, 1.0);
            let grain = self.rng.gauss() * (0.6 + 5.0 * below) * strength;
            for channel in [2, 1, 0] {
                out.push((f32::from(pixel[channel]) + grain + 0.5).clamp(0.0, 255.0) as u8);
            }
        }
        out
    }
}

fn order(a: f32, b: f32) -> (f32, f32) {
    (a.min(b), a.max(b))
}
