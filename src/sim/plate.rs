//! Plates: registrations that exist in form, and how they are laid out and painted.

use super::model::Model;
use super::optics::{Point3, Rgb, scale};
use super::rng::Rng;
use super::spec::Layout;
use crate::domain::PROVINCES;
use crate::glyphs;
use tiny_skia::{PathSegment, Point};

/// Letters of Latin plates. I, O and Q are left out, as many registries do.
const LATIN: &str = "ABCDEFGHJKLMNPRSTUVWXYZ";
/// Consonants of Thai plates.
const THAI: &str = "กขคฆงจฉชฌญฎฐฒณตถทธนบผพฟภมยรลวศษสหฬอฮ";
const DIGITS: &str = "0123456789";
const FIRST_DIGITS: &str = "123456789";

/// What is written on a plate, and what it looks like.
#[derive(Debug, Clone, PartialEq)]
pub struct Plate {
    /// As painted, with spaces.
    pub line: String,
    pub province: Option<&'static str>,
    style: &'static Style,
}

/// A format: `A` is a Latin letter, `T` a Thai one, `9` a digit, `1` a digit but zero.
#[derive(Debug, PartialEq)]
struct Style {
    patterns: &'static [&'static str],
    /// Metres.
    width: f32,
    height: f32,
    ground: Rgb,
    ink: Rgb,
    /// Height of the capitals, as a share of the plate's.
    capitals: f32,
    /// Height of the registration's baseline above the bottom, as a share of the plate's.
    baseline: f32,
    band: Band,
}

#[derive(Debug, PartialEq, Eq)]
enum Band {
    None,
    /// Blue, at the left end (EU).
    Left,
    /// Blue, along the top (Mercosur).
    Top,
    /// Thin strips above and below (North America).
    Strips,
}

const BLACK: Rgb = [0.05, 0.05, 0.06];
const WHITE: Rgb = [0.95, 0.95, 0.94];
const BLUE: Rgb = [0.05, 0.16, 0.55];

static LATIN_STYLES: [Style; 5] = [
    Style {
        patterns: &["AA 999 AA", "AA 99 AAA", "A 9999 AA", "999 AAA"],
        width: 0.52,
        height: 0.112,
        ground: WHITE,
        ink: BLACK,
        capitals: 0.68,
        baseline: 0.16,
        band: Band::Left,
    },
    Style {
        patterns: &["AA99 AAA", "A999 AAA"],
        width: 0.52,
        height: 0.112,
        ground: [0.93, 0.75, 0.1],
        ink: BLACK,
        capitals: 0.7,
        baseline: 0.15,
        band: Band::None,
    },
    Style {
        patterns: &["AAA 9999", "9AAA999", "AAA 999"],
        width: 0.305,
        height: 0.152,
        ground: [0.94, 0.95, 0.96],
        ink: [0.06, 0.1, 0.32],
        capitals: 0.46,
        baseline: 0.24,
        band: Band::Strips,
    },
    Style {
        patterns: &["AAA 9999", "AAA9999"],
        width: 0.305,
        height: 0.152,
        ground: [0.96, 0.93, 0.84],
        ink: [0.08, 0.08, 0.08],
        capitals: 0.48,
        baseline: 0.24,
        band: Band::None,
    },
    Style {
        patterns: &["AAA9A99"],
        width: 0.4,
        height: 0.13,
        ground: WHITE,
        ink: BLACK,
        capitals: 0.5,
        baseline: 0.13,
        band: Band::Top,
    },
];

static THAI_STYLE: Style = Style {
    patterns: &["1TT 1999", "TT 1999", "1TT 199", "TT 19", "1TT 1999", "TT 999"],
    width: 0.34,
    height: 0.15,
    ground: WHITE,
    ink: BLACK,
    capitals: 0.42,
    baseline: 0.47,
    band: Band::None,
};

impl Plate {
    pub fn random(layout: Layout, rng: &mut Rng) -> Self {
        let thai = match layout {
            Layout::Latin => false,
            Layout::Thai => true,
            Layout::Mixed => rng.chance(0.5),
        };
        let style = if thai { &THAI_STYLE } else { &LATIN_STYLES[rng.below(LATIN_STYLES.len())] };
        let pattern = style.patterns[rng.below(style.patterns.len())];
        let line = pattern.chars().map(|c| match c {
            'A' => rng.letter(LATIN),
            'T' => rng.letter(THAI),
            '9' => rng.letter(DIGITS),
            '1' => rng.letter(FIRST_DIGITS),
            other => other,
        });
        let line = line.collect();
        Self { line, province: thai.then(|| PROVINCES[rng.below(PROVINCES.len())].1), style }
    }

    /// The registration, without spaces.
    pub fn text(&self) -> String {
        self.line.replace(' ', "")
    }

    /// Mounts it on a vehicle with its middle at `center`, at most `widest` metres wide.
    pub fn mount(&self, model: &mut Model, center: Point3, widest: f32) {
        let fit = (widest / self.style.width).min(1.0);
        let sheet = Sheet { center, width: self.style.width * fit, height: self.style.height * fit };
        let Style { ground, ink, .. } = *self.style;
        model.plate = [(0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (0.0, 0.0)].map(|(x, y)| sheet.at(x, y));
        let edge = 0.02 * self.style.width / self.style.height;
        sheet.rect(model, (0.0, 0.0), (1.0, 1.0), scale(ink, 0.9));
        sheet.rect(model, (0.01, edge), (0.99, 1.0 - edge), ground);
        let (left, right) = self.band(model, &sheet);
        let Style { capitals, baseline, .. } = *self.style;
        sheet.text(model, &self.line, (left, right), baseline, capitals, ink);
        if let Some(province) = self.province {
            sheet.text(model, province, (0.14, 0.86), 0.13, 0.25, ink);
        }
    }

    /// Paints the format's band; returns where the registration may stand.
    fn band(&self, model: &mut Model, sheet: &Sheet) -> (f32, f32) {
        match self.style.band {
            Band::None => (0.05, 0.95),
            Band::Left => {
                sheet.rect(model, (0.012, 0.05), (0.085, 0.95), BLUE);
                (0.11, 0.97)
            }
            Band::Top => {
                sheet.rect(model, (0.01, 0.76), (0.99, 0.96), BLUE);
                (0.05, 0.95)
            }
            Band::Strips => {
                sheet.rect(model, (0.25, 0.84), (0.75, 0.9), [0.62, 0.16, 0.16]);
                sheet.rect(model, (0.35, 0.08), (0.65, 0.13), [0.45, 0.55, 0.75]);
                (0.06, 0.94)
            }
        }
    }
}

/// The plate's plane: 0–1 to the right and up from its bottom left corner.
struct Sheet {
    center: Point3,
    width: f32,
    height: f32,
}

impl Sheet {
    fn at(&self, x: f32, y: f32) -> Point3 {
        let [cx, cy, cz] = self.center;
        [cx + (x - 0.5) * self.width, cy + (y - 0.5) * self.height, cz]
    }

    fn rect(&self, model: &mut Model, (x1, y1): (f32, f32), (x2, y2): (f32, f32), colour: Rgb) {
        let contour = vec![self.at(x1, y2), self.at(x2, y2), self.at(x2, y1), self.at(x1, y1)];
        model.plate_panel(vec![contour], colour);
    }

    /// A line of text, centred between `left` and `right`, condensed or widened a little to fill the room as a plate's
    /// letters do.
    fn text(&self, model: &mut Model, text: &str, (left, right): (f32, f32), baseline: f32, capitals: f32, ink: Rgb) {
        const SIZE: f32 = 100.0;
        let outline = glyphs::outline(text, SIZE);
        let Some(path) = outline.path else { return };
        let unit_y = capitals / (SIZE * glyphs::CAP_HEIGHT);
        let natural = unit_y * self.height / self.width;
        let room = (right - left) / outline.advance.max(1.0);
        let unit_x = room.min(natural * 1.25);
        let start = (left + right) / 2.0 - outline.advance * unit_x / 2.0;
        let place = |x: f32, y: f32| self.at(start + x * unit_x, baseline - y * unit_y);
        let contours = polylines(&path).into_iter().map(|c| c.into_iter().map(|p| place(p.x, p.y)).collect());
        model.plate_panel(contours.collect(), ink);
    }
}

/// Closed contours with the curves cut into straight pieces.
fn polylines(path: &tiny_skia::Path) -> Vec<Vec<Point>> {
    let mut contours: Vec<Vec<Point>> = Vec::new();
    for segment in path.segments() {
        match segment {
            PathSegment::MoveTo(p) => contours.push(vec![p]),
            PathSegment::LineTo(p) => push(&mut contours, p),
            PathSegment::QuadTo(c, p) => curve(&mut contours, |a, t| bezier(bezier(a, c, t), bezier(c, p, t), t)),
            PathSegment::CubicTo(c, d, p) => curve(&mut contours, |a, t| {
                let middle = bezier(c, d, t);
                bezier(bezier(bezier(a, c, t), middle, t), bezier(middle, bezier(d, p, t), t), t)
            }),
            PathSegment::Close => {}
        }
    }
    contours
}

fn curve(contours: &mut [Vec<Point>], at: impl Fn(Point, f32) -> Point) {
    if let Some(from) = contours.last().and_then(|c| c.last()).copied() {
        for step in 1..=4 {
            push(contours, at(from, step as f32 / 4.0));
        }
    }
}

fn push(contours: &mut [Vec<Point>], p: Point) {
    if let Some(contour) = contours.last_mut() {
        contour.push(p);
    }
}

fn bezier(a: Point, b: Point, t: f32) -> Point {
    Point::from_xy(a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t)
}
