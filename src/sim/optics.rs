//! The camera: where a point of the world falls on the sensor, how light falls on things, what the sensor adds.

use super::rng::{Rng, Stream};
use super::spec::{Light, SimSpec};

/// Metres: x to the right, y up from the road, z away from the camera along the road.
pub type Point3 = [f32; 3];
/// Red, green, blue, 0–1, as displayed (not linear).
pub type Rgb = [f32; 3];

/// Focal length in frame widths: 42° across.
const FOCAL: f32 = 1.3;
/// Nothing nearer than this is projected; the rest of a vehicle beside the camera is drawn up to here.
const NEAR: f32 = 0.7;
const HORIZON: f32 = 0.2;

/// A pinhole camera on a pole beside the road, with the horizon shifted up instead of the camera tilted down, so that
/// upright things stay upright.
#[derive(Debug, Clone, Copy)]
pub struct Camera {
    pub focal: f32,
    pub center_x: f32,
    pub horizon: f32,
    /// Metres above the road.
    pub height: f32,
    sin: f32,
    cos: f32,
}

impl Camera {
    /// `yaw` in radians, positive to the right.
    pub fn new(spec: &SimSpec, yaw: f32) -> Self {
        let (w, h) = (spec.width as f32, spec.height as f32);
        // A portrait frame sees as much road as a landscape one.
        let focal = FOCAL * w.min(h * 16.0 / 9.0);
        let (sin, cos) = (libm::sinf(yaw), libm::cosf(yaw));
        Self { focal, center_x: w / 2.0, horizon: HORIZON * h, height: 2.2, sin, cos }
    }

    /// Depth along the optical axis.
    pub fn depth(&self, p: Point3) -> f32 {
        (p[0] * self.sin + p[2] * self.cos).max(NEAR)
    }

    /// Whether something at a depth along the road is ahead of the lens.
    pub fn in_front(&self, z: f32) -> bool {
        z > NEAR
    }

    /// To pixels.
    pub fn project(&self, p: Point3) -> (f32, f32) {
        let scale = self.focal / self.depth(p);
        let x = p[0] * self.cos - p[2] * self.sin;
        (self.center_x + x * scale, self.horizon + (self.height - p[1]) * scale)
    }
}

/// How bright the world is.
#[derive(Debug, Clone, Copy)]
pub struct Lighting {
    pub ambient: Rgb,
    /// The checkpoint's lamp beside the camera.
    lamp: Rgb,
    /// Share of their own light that lamps and lit plates show.
    pub lit: f32,
    pub sky: (Rgb, Rgb),
    /// Noise of the sensor's gain, against day.
    gain: f32,
}

impl Lighting {
    pub fn of(light: Light) -> Self {
        match light {
            Light::Day => Self {
                ambient: [1.0, 1.0, 1.0],
                lamp: [0.0; 3],
                lit: 0.0,
                sky: ([0.45, 0.62, 0.86], [0.82, 0.88, 0.93]),
                gain: 1.0,
            },
            Light::Dusk => Self {
                ambient: [0.52, 0.47, 0.5],
                lamp: [0.16, 0.14, 0.11],
                lit: 0.75,
                sky: ([0.22, 0.25, 0.42], [0.93, 0.6, 0.38]),
                gain: 1.4,
            },
            Light::Night => Self {
                ambient: [0.21, 0.22, 0.27],
                lamp: [0.6, 0.57, 0.5],
                lit: 1.0,
                sky: ([0.02, 0.025, 0.05], [0.09, 0.09, 0.12]),
                gain: 2.0,
            },
        }
    }

    /// A matt colour at a depth in metres.
    pub fn on(&self, colour: Rgb, depth: f32) -> Rgb {
        let near = 1.0 / (1.0 + (depth / 16.0) * (depth / 16.0));
        let mut out = [0.0; 3];
        for (channel, value) in out.iter_mut().enumerate() {
            *value = (colour[channel] * (self.ambient[channel] + self.lamp[channel] * near)).min(1.0);
        }
        out
    }
}

pub fn mix(a: Rgb, b: Rgb, share: f32) -> Rgb {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * share)
}

pub fn scale(colour: Rgb, by: f32) -> Rgb {
    colour.map(|c| (c * by).clamp(0.0, 1.0))
}

/// Exposure and noise: a frame's own gain, and a table of Gaussian samples read from a different place in every row.
pub struct Sensor {
    samples: Vec<i8>,
    /// Standard deviation in 1/64 grey levels, by grey level: shot noise grows with the root of the signal.
    sigma: [i32; 256],
    seed: u64,
}

const SAMPLES: usize = 1 << 15;

impl Sensor {
    pub fn new(spec: &SimSpec, lighting: &Lighting) -> Self {
        let mut rng = Rng::new(spec.seed, Stream::Noise, u64::MAX);
        let samples = (0..SAMPLES).map(|_| (rng.gauss() * 32.0).clamp(-127.0, 127.0) as i8).collect();
        let mut sigma = [0; 256];
        for (level, s) in sigma.iter_mut().enumerate() {
            let shot = 0.5 + 0.5 * (level as f32 / 255.0).sqrt();
            *s = (spec.noise * 10.0 * lighting.gain * shot * 64.0) as i32;
        }
        Self { samples, sigma, seed: spec.seed }
    }

    /// Frame `index`, in place; `row` is its width in bytes.
    pub fn expose(&self, pixels: &mut [u8], row: usize, index: u64) {
        let mut rng = Rng::new(self.seed, Stream::Noise, index);
        let gain = 1.0 + rng.range(-0.015, 0.015);
        let mut levels = [(0, 0); 256];
        for (level, (value, sigma)) in levels.iter_mut().enumerate() {
            let exposed = (level as f32 * gain + 0.5).min(255.0) as usize;
            (*value, *sigma) = (exposed as i32, self.sigma[exposed]);
        }
        for line in pixels.chunks_mut(row.max(1)) {
            let mut start = rng.below(SAMPLES);
            for part in line.chunks_mut(1031) {
                let run = SAMPLES.saturating_sub(start).min(part.len());
                let (ahead, wrapped) = part.split_at_mut(run);
                add_noise(ahead, &self.samples[start..start + run], &levels);
                add_noise(wrapped, &self.samples, &levels);
                start = rng.below(SAMPLES);
            }
        }
    }
}

fn add_noise(pixels: &mut [u8], samples: &[i8], levels: &[(i32, i32); 256]) {
    for (pixel, sample) in pixels.iter_mut().zip(samples) {
        let (value, sigma) = levels[usize::from(*pixel)];
        // Samples are in 1/32, sigma in 1/64: 11 bits of fraction.
        *pixel = (value + ((i32::from(*sample) * sigma + 1024) >> 11)).clamp(0, 255) as u8;
    }
}
