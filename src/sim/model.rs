//! A vehicle as flat panels in its own coordinates, and the few strokes all kinds are drawn with.

use super::optics::{Point3, Rgb, scale};

/// From where a panel can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facing {
    /// The camera's side: always.
    Camera,
    /// Upwards: from above its plane.
    Up,
    /// The sides: from beyond them.
    Left,
    Right,
}

/// What a panel is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Body,
    /// Shadow or light on the road: no part of the vehicle's box.
    Road,
}

/// One filled polygon, perhaps of several contours. Coordinates in metres: x to the right of the vehicle's middle, y up
/// from the road, z away from the camera, 0 at the end that faces it.
#[derive(Debug, Clone)]
pub struct Panel {
    pub contours: Vec<Vec<Point3>>,
    pub facing: Facing,
    pub part: Part,
    pub top: Rgb,
    pub bottom: Rgb,
    pub alpha: f32,
    /// Colour by its own light, for lamps and lit plates.
    pub lit: Option<Rgb>,
}

/// A lamp's glow after dark.
#[derive(Debug, Clone, Copy)]
pub struct Glow {
    pub at: Point3,
    pub colour: Rgb,
    /// Metres.
    pub radius: f32,
}

/// Everything that is drawn of a vehicle, back to front.
#[derive(Debug, Clone, Default)]
pub struct Model {
    pub panels: Vec<Panel>,
    pub glows: Vec<Glow>,
    /// Top left, top right, bottom right, bottom left.
    pub plate: [Point3; 4],
    pub width: f32,
    pub length: f32,
    /// Highest point.
    pub height: f32,
}

/// Of the side silhouette: depth and height.
pub type Node = (f32, f32);

/// Material of the strip between two nodes of the silhouette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strip {
    Paint,
    Glass,
}

/// The extruded shape of a body.
pub struct Shell<'a> {
    pub width: f32,
    /// Half width at the roof, as a share of that below the belt line.
    pub taper: f32,
    /// Height of the belt line; below it the sides are upright.
    pub belt: f32,
    /// From the bottom of the end that faces the camera, over the top, to the bottom of the far end.
    pub profile: &'a [Node],
    /// Materials of the strips that can be seen from ahead and above, from the first node on.
    pub strips: &'a [Strip],
    /// Side windows, each a polygon.
    pub windows: &'a [&'a [Node]],
    /// Axles: depth and wheel radius.
    pub wheels: &'a [Node],
    pub paint: Rgb,
}

const GLASS_TOP: Rgb = [0.45, 0.54, 0.6];
const GLASS: Rgb = [0.07, 0.09, 0.11];
const TYRE: Rgb = [0.05, 0.05, 0.055];

impl Shell<'_> {
    fn roof(&self) -> f32 {
        self.profile.iter().map(|(_, y)| *y).fold(0.0, f32::max)
    }

    /// Half width at a height.
    pub fn half(&self, y: f32) -> f32 {
        let above = ((y - self.belt) / (self.roof() - self.belt).max(0.01)).clamp(0.0, 1.0);
        self.width / 2.0 * (1.0 - above * (1.0 - self.taper))
    }

    /// Half width where a strip begins: a little narrower at the very bottom and where the body rounds off.
    fn corner(&self, y: f32) -> f32 {
        self.half(y) - 0.01
    }
}

impl Model {
    /// Shadow, sides with windows and wheels, then the strips from the far end to the near one.
    pub fn shell(&mut self, shell: &Shell) {
        let length = shell.profile.iter().map(|(z, _)| *z).fold(0.0, f32::max);
        (self.width, self.length, self.height) = (shell.width, length, shell.roof());
        self.shadow(shell.width / 2.0, length);
        for (facing, sign) in [(Facing::Left, -1.0), (Facing::Right, 1.0)] {
            self.side(shell, facing, sign);
        }
        for wheel in shell.wheels.iter().take(1) {
            self.tyres(shell.width, *wheel);
        }
        for (i, strip) in shell.strips.iter().enumerate().rev() {
            if let (Some(near), Some(far)) = (shell.profile.get(i), shell.profile.get(i + 1)) {
                self.strip(shell, *near, *far, *strip);
            }
        }
    }

    fn shadow(&mut self, half: f32, length: f32) {
        for (grow, alpha) in [(0.22, 0.16), (0.12, 0.22), (0.02, 0.35)] {
            let (x, z1, z2) = (half + grow, -grow, length + grow);
            let contour = vec![[-x, 0.0, z1], [x, 0.0, z1], [x, 0.0, z2], [-x, 0.0, z2]];
            self.panel(vec![contour], Facing::Camera, [0.02; 3], [0.02; 3]).part(Part::Road).alpha(alpha);
        }
    }

    fn side(&mut self, shell: &Shell, facing: Facing, sign: f32) {
        let on_side = |nodes: &[Node], out: f32| -> Vec<Point3> {
            nodes.iter().map(|(z, y)| [sign * (shell.half(*y) + out), *y, *z]).collect()
        };
        self.panel(vec![on_side(shell.profile, 0.0)], facing, scale(shell.paint, 0.82), scale(shell.paint, 0.45));
        for window in shell.windows {
            self.panel(vec![on_side(window, 0.0)], facing, [0.3, 0.36, 0.4], GLASS);
        }
        for (z, radius) in shell.wheels {
            let x = sign * (shell.width / 2.0 + 0.005);
            for (r, colour) in [(radius * 1.12, [0.03; 3]), (*radius, TYRE), (radius * 0.6, [0.42, 0.43, 0.45])] {
                self.panel(vec![circle(*z, *radius, r, x)], facing, colour, scale(colour, 0.7));
            }
        }
    }

    /// The pair of tyres under the near end, and the dark between them.
    fn tyres(&mut self, width: f32, (z, radius): Node) {
        let half = width / 2.0;
        self.quad([-half * 0.92, half * 0.92, radius * 0.45, radius * 1.5], z, [0.03; 3], [0.02; 3]);
        for sign in [-1.0, 1.0] {
            let (a, b) = (sign * half * 0.97, sign * half * 0.72);
            self.quad([a.min(b), a.max(b), 0.0, radius * 1.6], z, TYRE, TYRE);
        }
    }

    fn strip(&mut self, shell: &Shell, near: Node, far: Node, strip: Strip) {
        let quad = |inset: f32, from: f32, to: f32| -> Vec<Point3> {
            let at = |share: f32| (near.0 + (far.0 - near.0) * share, near.1 + (far.1 - near.1) * share);
            let ((z1, y1), (z2, y2)) = (at(from), at(to));
            let (a, b) = (shell.corner(y1) - inset, shell.corner(y2) - inset);
            vec![[-a, y1, z1], [a, y1, z1], [b, y2, z2], [-b, y2, z2]]
        };
        let flat = (far.0 - near.0).abs() / ((far.0 - near.0).abs() + (far.1 - near.1).abs()).max(0.01);
        let top = scale(shell.paint, 0.9 + 0.3 * flat);
        self.panel(vec![quad(0.0, 0.0, 1.0)], Facing::Up, top, scale(shell.paint, 0.84 + 0.3 * flat));
        if strip == Strip::Glass {
            self.panel(vec![quad(0.07, 0.06, 0.94)], Facing::Up, GLASS_TOP, GLASS);
            let [a, b, c, d] = [(-0.1, 0.08), (0.28, 0.08), (0.62, 0.92), (0.34, 0.92)].map(|(x, share)| {
                let (z, y) = (near.0 + (far.0 - near.0) * share, near.1 + (far.1 - near.1) * share);
                [x * (shell.half(y) - 0.1), y, z]
            });
            self.panel(vec![vec![a, b, c, d]], Facing::Up, [0.8, 0.87, 0.92], [0.6, 0.66, 0.7]).alpha(0.22);
        }
    }

    /// An upright rectangle that faces the camera: `[left, right, bottom, top]`.
    pub fn quad(&mut self, [x1, x2, y1, y2]: [f32; 4], z: f32, top: Rgb, bottom: Rgb) -> Stroke<'_> {
        let contour = vec![[x1, y2, z], [x2, y2, z], [x2, y1, z], [x1, y1, z]];
        self.panel(vec![contour], Facing::Camera, top, bottom)
    }

    /// An upright polygon that faces the camera, and its mirror image where `mirrored`.
    pub fn polygon(&mut self, points: &[(f32, f32)], z: f32, mirrored: bool, top: Rgb, bottom: Rgb) {
        for sign in if mirrored { &[1.0, -1.0][..] } else { &[1.0][..] } {
            let contour = points.iter().map(|(x, y)| [sign * x, *y, z]).collect();
            self.panel(vec![contour], Facing::Camera, top, bottom);
        }
    }

    /// A pair of lamps, left and right; `lit` is their colour after dark.
    pub fn lamps(&mut self, points: &[(f32, f32)], z: f32, day: Rgb, lit: Rgb, radius: f32) {
        let n = points.len().max(1) as f32;
        let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
        for sign in [-1.0, 1.0] {
            let contour = points.iter().map(|(x, y)| [sign * x, *y, z]).collect();
            self.panel(vec![contour], Facing::Camera, day, scale(day, 0.75)).lit(lit);
            self.glows.push(Glow { at: [sign * x, y, z], colour: lit, radius });
        }
    }

    pub fn panel(&mut self, contours: Vec<Vec<Point3>>, facing: Facing, top: Rgb, bottom: Rgb) -> Stroke<'_> {
        self.panels.push(Panel { contours, facing, part: Part::Body, top, bottom, alpha: 1.0, lit: None });
        Stroke(self.panels.last_mut())
    }
}

/// The panel just drawn, for what most do not need.
pub struct Stroke<'a>(Option<&'a mut Panel>);

impl Stroke<'_> {
    fn with(mut self, change: impl FnOnce(&mut Panel)) -> Self {
        if let Some(panel) = self.0.as_deref_mut() {
            change(panel);
        }
        self
    }

    pub fn part(self, part: Part) -> Self {
        self.with(|p| p.part = part)
    }

    pub fn alpha(self, alpha: f32) -> Self {
        self.with(|p| p.alpha = alpha)
    }

    pub fn lit(self, lit: Rgb) -> Self {
        self.with(|p| p.lit = Some(lit))
    }
}

/// A wheel seen from its side.
fn circle(z: f32, y: f32, radius: f32, x: f32) -> Vec<Point3> {
    disc((z, y), radius, radius).into_iter().map(|(z, y)| [x, y, z]).collect()
}

/// An ellipse of 20 corners.
pub fn disc(center: (f32, f32), rx: f32, ry: f32) -> Vec<(f32, f32)> {
    (0..20)
        .map(|i| {
            let angle = i as f32 * (core::f32::consts::TAU / 20.0);
            (center.0 + rx * libm::cosf(angle), center.1 + ry * libm::sinf(angle))
        })
        .collect()
}
