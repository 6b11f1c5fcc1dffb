//! The bundled font: which file has a character, shaping by HarfBuzz's rules, outlines in pixels.

use super::{CAP_HEIGHT, Outline};
use harfrust::{Buffer, Font, ShapeOptions, ShaperFont};
use skrifa::charmap::Charmap;
use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlineGlyphCollection, OutlinePen};
use skrifa::{FontRef, GlyphId, MetadataProvider};
use std::sync::LazyLock;
use tiny_skia::PathBuilder;

/// A line above and below its baseline, as a share of the size: the font's `hhea` ascent, and room for the vowels of
/// the provinces below.
pub const ASCENT: f32 = 1.068;
pub const DESCENT: f32 = 0.36;
/// Of both files (`head`).
const UNITS_PER_EM: f32 = 1000.0;
/// Width of the box that stands for a missing character, as a share of the size.
const BOX_WIDTH: f32 = 0.6;

/// One file of the font.
struct Face {
    shaping: Font,
    charmap: Charmap<'static>,
    outlines: OutlineGlyphCollection<'static>,
}

impl Face {
    fn load(bytes: &'static [u8]) -> Option<Self> {
        let font = FontRef::new(bytes).ok()?;
        Some(Self { shaping: Font::new(bytes, 0)?, charmap: font.charmap(), outlines: font.outline_glyphs() })
    }
}

/// Latin first. A file that could not be read is left out, and its characters become boxes; the tests prove that both
/// are read.
static FACES: LazyLock<Vec<Face>> = LazyLock::new(|| {
    let files: [&'static [u8]; 2] =
        [include_bytes!("fonts/sarabun-latin-bold.ttf"), include_bytes!("fonts/sarabun-thai-bold.ttf")];
    files.into_iter().filter_map(Face::load).collect()
});

/// The outline of a whole line.
pub fn outline(text: &str, size: f32) -> Outline {
    let mut pen = Pen { path: PathBuilder::new(), x: 0.0, y: 0.0 };
    let mut advance = 0.0;
    for (face, run) in runs(text) {
        advance += match FACES.get(face) {
            Some(face) => draw_run(face, &run, size, advance, &mut pen),
            None => draw_boxes(&run, size, advance, &mut pen),
        };
    }
    Outline { path: pen.path.finish(), advance }
}

/// Splits a line where the file changes. A space or mark both files have stays with the letters before it.
/// `usize::MAX` stands for "no file has it".
fn runs(text: &str) -> Vec<(usize, String)> {
    let mut runs: Vec<(usize, String)> = Vec::new();
    for c in text.chars() {
        let current = runs.last().map_or(0, |(face, _)| *face);
        let has = |face: usize| FACES.get(face).is_some_and(|f| !c.is_control() && f.charmap.map(c).is_some());
        let face = std::iter::once(current).chain(0..FACES.len()).find(|f| has(*f)).unwrap_or(usize::MAX);
        match runs.last_mut() {
            Some((last, run)) if *last == face => run.push(c),
            _ => runs.push((face, c.to_string())),
        }
    }
    runs
}

/// Draws one run from `x`; returns its advance.
fn draw_run(face: &Face, run: &str, size: f32, x: f32, pen: &mut Pen) -> f32 {
    let mut buffer = Buffer::new();
    buffer.push_str(run);
    buffer.guess_segment_properties();
    if harfrust::shape(&ShaperFont::new(&face.shaping), &mut buffer, ShapeOptions::new()).is_err() {
        return draw_boxes(run, size, x, pen);
    }
    let scale = size / UNITS_PER_EM;
    let mut advance = 0;
    for (info, position) in buffer.glyph_infos().iter().zip(buffer.glyph_positions()) {
        pen.x = x + (advance + position.x_offset) as f32 * scale;
        pen.y = -(position.y_offset as f32) * scale;
        if let Some(glyph) = face.outlines.get(GlyphId::new(info.glyph_id)) {
            // An outline the font cannot give is a gap in a picture, not a reason to fail.
            let _ = glyph.draw(DrawSettings::unhinted(Size::new(size), LocationRef::default()), pen);
        }
        advance += position.x_advance;
    }
    advance as f32 * scale
}

/// Draws a box per character from `x`; returns their advance.
fn draw_boxes(run: &str, size: f32, x: f32, pen: &mut Pen) -> f32 {
    let (width, height, line) = (BOX_WIDTH * size, CAP_HEIGHT * size, 0.07 * size);
    let count = run.chars().count();
    for i in 0..count {
        pen.x = x + i as f32 * width;
        pen.y = 0.0;
        pen.ring(line, 0.0, width - line, height, line);
    }
    count as f32 * width
}

/// Collects outlines (y upwards, as fonts have it) at a place in the line.
struct Pen {
    path: PathBuilder,
    x: f32,
    y: f32,
}

impl Pen {
    /// A rectangle with a hole: the inner contour runs the other way.
    fn ring(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, line: f32) {
        self.contour([(x1, y1), (x2, y1), (x2, y2), (x1, y2)]);
        let (x1, y1, x2, y2) = (x1 + line, y1 + line, x2 - line, y2 - line);
        self.contour([(x1, y1), (x1, y2), (x2, y2), (x2, y1)]);
    }

    fn contour(&mut self, corners: [(f32, f32); 4]) {
        let [first, rest @ ..] = corners;
        self.move_to(first.0, first.1);
        for (x, y) in rest {
            self.line_to(x, y);
        }
        self.close();
    }
}

impl OutlinePen for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.path.move_to(self.x + x, self.y - y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.path.line_to(self.x + x, self.y - y);
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        self.path.quad_to(self.x + cx, self.y - cy, self.x + x, self.y - y);
    }

    fn curve_to(&mut self, cx0: f32, cy0: f32, cx1: f32, cy1: f32, x: f32, y: f32) {
        self.path.cubic_to(self.x + cx0, self.y - cy0, self.x + cx1, self.y - cy1, self.x + x, self.y - y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}
