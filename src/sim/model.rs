//! A vehicle as flat panels in its own coordinates, and the few strokes all kinds are drawn with.

use super::optics::{Point3, Rgb, scale};

/// From where a panel can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facing {
    /// Upright and turned to the camera: always.
    Camera,
    /// Part of a side: while its corners run counter-clockwise in the picture.
    Side,
    /// Across the vehicle, leaning backwards: likewise, and only while all of it is before the camera.
    Top,
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
    /// Drawn last, and sharper than the body.
    pub plate_panels: Vec<Panel>,
    pub glows: Vec<Glow>,
    /// Top left, top right, bottom right, bottom left.
    pub plate: [Point3; 4],
    pub width: f32,
    pub length: f32,
    /// Highest point.
    pub height: f32,
    /// As the shell's.
    round: f32,
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
    /// How much the near end is rounded in plan, 0–1.
    pub round: f32,
    pub paint: Rgb,
}

const GLASS_TOP: Rgb = [0.45, 0.54, 0.6];
const GLASS: Rgb = [0.07, 0.09, 0.11];
const DARK_TRIM: Rgb = [0.06, 0.06, 0.07];
const TYRE: Rgb = [0.05, 0.05, 0.055];

/// How far the ends are rounded in plan: along the side, and across.
const ROUND_Z: f32 = 0.34;
const ROUND_X: f32 = 0.2;

impl Shell<'_> {
    fn roof(&self) -> f32 {
        self.profile.iter().map(|(_, y)| *y).fold(0.0, f32::max)
    }

    /// Half width of the sides at a height.
    fn half(&self, y: f32) -> f32 {
        let above = ((y - self.belt) / (self.roof() - self.belt).max(0.01)).clamp(0.0, 1.0);
        self.width / 2.0 * (1.0 - above * (1.0 - self.taper))
    }

    /// Half width at a height and depth: narrower where the near end is rounded.
    fn half_at(&self, y: f32, z: f32) -> f32 {
        let inwards = (1.0 - z / ROUND_Z).clamp(0.0, 1.0);
        self.half(y) - ROUND_X * self.round * inwards * inwards
    }
}

impl Model {
    /// Shadow, sides with windows and wheels, then the strips from the far end to the near one, and the near corners.
    pub fn shell(&mut self, shell: &Shell) {
        let length = shell.profile.iter().map(|(z, _)| *z).fold(0.0, f32::max);
        (self.width, self.length, self.height) = (shell.width, length, shell.roof());
        self.round = shell.round;
        self.shadow(shell.width / 2.0, length);
        for sign in [-1.0, 1.0] {
            self.side(shell, sign);
        }
        for wheel in shell.wheels.iter().take(1) {
            self.tyres(shell.width, *wheel);
        }
        for (i, strip) in shell.strips.iter().enumerate().rev() {
            if let (Some(near), Some(far)) = (shell.profile.get(i), shell.profile.get(i + 1)) {
                self.strip(shell, *near, *far, *strip);
            }
        }
        for sign in [-1.0, 1.0] {
            self.corner(shell, sign);
        }
    }

    fn shadow(&mut self, half: f32, length: f32) {
        for (grow, alpha) in [(0.22, 0.16), (0.12, 0.22), (0.02, 0.35)] {
            let (x, z1, z2) = (half + grow, -grow, length + grow);
            let contour = vec![[-x, 0.0, z1], [x, 0.0, z1], [x, 0.0, z2], [-x, 0.0, z2]];
            self.panel(vec![contour], Facing::Camera, [0.02; 3], [0.02; 3]).part(Part::Road).alpha(alpha);
        }
    }

    fn side(&mut self, shell: &Shell, sign: f32) {
        let on_side = |nodes: &[Node]| -> Vec<Point3> {
            let points = nodes.iter().map(|(z, y)| [sign * shell.half_at(*y, *z), *y, *z]);
            outside(points.collect(), sign)
        };
        let hull = on_side(shell.profile);
        self.panel(vec![hull], Facing::Side, scale(shell.paint, 0.82), scale(shell.paint, 0.45));
        let x = sign * (shell.width / 2.0 + 0.003);
        let (first, last) = (shell.wheels.first(), shell.wheels.last());
        if let (Some((z1, y)), Some((z2, _))) = (first, last) {
            // The crease along the doors.
            let (y, half) = (y + shell.belt * 0.45, 0.02);
            let crease = vec![[x, y - half, *z1], [x, y + half, *z1], [x, y + half, *z2], [x, y - half, *z2]];
            let light = scale(shell.paint, 1.05);
            self.panel(vec![outside(crease, sign)], Facing::Side, light, light).alpha(0.5);
        }
        for window in shell.windows {
            self.panel(vec![on_side(window)], Facing::Side, [0.3, 0.36, 0.4], GLASS);
        }
        for (z, radius) in shell.wheels {
            for (r, colour) in [(radius * 1.14, [0.03; 3]), (*radius, TYRE), (radius * 0.62, [0.42, 0.43, 0.45])] {
                let wheel = outside(circle(*z, *radius, r, x), sign);
                self.panel(vec![wheel], Facing::Side, colour, scale(colour, 0.7));
            }
        }
    }

    /// Rounds off the near end below its first edge, in three facets whose light turns from the end's to the side's.
    fn corner(&mut self, shell: &Shell, sign: f32) {
        let (Some((_, low)), Some((_, high))) = (shell.profile.first(), shell.profile.get(1)) else { return };
        for facet in (0..3).rev() {
            let (z1, z2) = (ROUND_Z * facet as f32 / 3.0, ROUND_Z * (facet + 1) as f32 / 3.0);
            let at = |z: f32, y: f32| [sign * shell.half_at(y, z), y, z];
            let light = 0.92 - 0.06 * facet as f32;
            let quad = vec![at(z1, *low), at(z1, *high), at(z2, *high), at(z2, *low)];
            let (top, bottom) = (scale(shell.paint, light), scale(shell.paint, light * 0.7));
            self.panel(vec![outside(quad, sign)], Facing::Side, top, bottom);
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
        let at = |share: f32| (near.0 + (far.0 - near.0) * share, near.1 + (far.1 - near.1) * share);
        let quad = |inset: f32, from: f32, to: f32| -> Vec<Point3> {
            let ((z1, y1), (z2, y2)) = (at(from), at(to));
            let (a, b) = (shell.half_at(y1, z1) - inset, shell.half_at(y2, z2) - inset);
            vec![[-a, y1, z1], [a, y1, z1], [b, y2, z2], [-b, y2, z2]]
        };
        let (run, rise) = ((far.0 - near.0).abs(), (far.1 - near.1).abs());
        let flat = run / (run + rise).max(0.01);
        let (top, bottom) = (scale(shell.paint, 0.96 + 0.2 * flat), scale(shell.paint, 0.78 + 0.3 * flat));
        self.panel(vec![quad(0.0, 0.0, 1.0)], Facing::Top, top, bottom);
        if strip == Strip::Glass {
            self.panel(vec![quad(0.05, 0.03, 0.97)], Facing::Top, DARK_TRIM, DARK_TRIM);
            self.panel(vec![quad(0.08, 0.07, 0.93)], Facing::Top, GLASS_TOP, GLASS);
            self.seats(shell, at(0.12), at(0.62));
            let shine = [(-0.1, 0.08), (0.28, 0.08), (0.62, 0.92), (0.34, 0.92)].map(|(x, share)| {
                let (z, y) = at(share);
                [x * (shell.half(y) - 0.1), y, z]
            });
            self.panel(vec![shine.to_vec()], Facing::Top, [0.8, 0.87, 0.92], [0.6, 0.66, 0.7]).alpha(0.2);
        }
    }

    /// Head rests behind a pane, seen as darker shapes in it.
    fn seats(&mut self, shell: &Shell, (z1, y1): Node, (z2, y2): Node) {
        for x in [-0.5, 0.5] {
            let half = shell.half(y2) * 0.2;
            let middle = x * shell.half(y2);
            let shape = [(-1.3, 0.0), (1.3, 0.0), (1.2, 0.5), (0.8, 1.0), (-0.8, 1.0), (-1.2, 0.5)]
                .map(|(dx, share)| [middle + dx * half, y1 + (y2 - y1) * share, z1 + (z2 - z1) * share]);
            self.panel(vec![shape.to_vec()], Facing::Top, [0.04; 3], [0.04; 3]).alpha(0.55);
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

    /// A pair of lamps, left and right, wrapped around the rounded corners; `lit` is their colour after dark.
    pub fn lamps(&mut self, points: &[(f32, f32)], z: f32, day: Rgb, lit: Rgb, radius: f32) {
        let n = points.len().max(1) as f32;
        let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
        for sign in [-1.0, 1.0] {
            let contour = points.iter().map(|(x, y)| [sign * x, *y, z + self.wrap(*x)]).collect();
            self.panel(vec![contour], Facing::Camera, day, scale(day, 0.75)).lit(lit);
            self.glows.push(Glow { at: [sign * x, y, z], colour: lit, radius });
        }
    }

    /// A bumper: from corner to corner, wrapped around both.
    pub fn band(&mut self, half: f32, (low, high): (f32, f32), z: f32, top: Rgb, bottom: Rgb) {
        let flat = (half - ROUND_X * self.round).max(0.0);
        let xs = [-half, -(flat + half) / 2.0, -flat, flat, (flat + half) / 2.0, half];
        let at = |x: f32, y: f32| [x, y, z + self.wrap(x.abs())];
        let contour = xs.iter().map(|x| at(*x, high)).chain(xs.iter().rev().map(|x| at(*x, low))).collect();
        self.panel(vec![contour], Facing::Camera, top, bottom);
    }

    /// Depth of the near end's outline at a distance from the middle.
    fn wrap(&self, x: f32) -> f32 {
        let from_side = (self.width / 2.0 - x).max(0.0);
        let reach = ROUND_X * self.round;
        if from_side < reach { ROUND_Z * (1.0 - (from_side / reach).sqrt()) } else { 0.0 }
    }

    /// A polygon of the plate.
    pub fn plate_panel(&mut self, contours: Vec<Vec<Point3>>, colour: Rgb) {
        let lit = Some(scale(colour, 0.88));
        let (facing, part) = (Facing::Camera, Part::Body);
        self.plate_panels.push(Panel { contours, facing, part, top: colour, bottom: colour, alpha: 1.0, lit });
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

/// The left side's corners as given, the right side's the other way round.
fn outside(mut points: Vec<Point3>, sign: f32) -> Vec<Point3> {
    if sign > 0.0 {
        points.reverse();
    }
    points
}

/// A wheel seen from its side.
fn circle(z: f32, y: f32, radius: f32, x: f32) -> Vec<Point3> {
    disc((z, y), radius, radius).into_iter().rev().map(|(z, y)| [x, y, z]).collect()
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
