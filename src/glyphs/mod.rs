//! Text as pictures: shaping, outlines and antialiased coverage, from a bundled font. Pure, and the same on every
//! machine.
//!
//! The font is Sarabun Bold (SIL Open Font License 1.1, `fonts/OFL.txt`), in two files of one design: Latin with digits
//! and signs, and Thai. Thai vowels and tone marks are placed by the font's own positioning tables.

mod font;

#[cfg(test)]
mod tests;

use tiny_skia::{FillRule, Path, Transform};

/// Height of `H` and of the digits, as a share of the size.
pub const CAP_HEIGHT: f32 = 0.7;

/// Longer text is cut here, so that no caller can ask for a picture of gigabytes.
const MAX_CHARS: usize = 256;

/// Coverage of a line of text: 0 outside the letters, 255 inside, between at their edges.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    pub width: u32,
    pub height: u32,
    /// `width · height` values, top row first.
    pub alpha: Vec<u8>,
    /// Distance from the top to the line the letters stand on, in pixels.
    pub baseline: f32,
}

/// The outline of a line of text. It begins at x = 0 and stands on y = 0; y grows downwards.
#[derive(Debug, Clone)]
pub struct Outline {
    /// `None` where nothing is to be drawn: empty text, or spaces alone.
    pub path: Option<Path>,
    /// Where the next text would begin.
    pub advance: f32,
}

/// Outline of `text` at `size_px` pixels per em (clamped to 1–512). A character the font does not have becomes a box.
/// Text is cut after 256 characters.
pub fn outline(text: &str, size_px: f32) -> Outline {
    let text: String = text.chars().take(MAX_CHARS).collect();
    font::outline(&text, legal_size(size_px))
}

/// Coverage of `text` at `size_px` pixels per em (clamped to 1–512). The mask is as high as any line of that size, so
/// that lines of text stand level; it grows only for letters that reach beyond.
pub fn rasterise(text: &str, size_px: f32) -> Mask {
    let size = legal_size(size_px);
    let Outline { path, advance } = outline(text, size);
    let bounds = path.as_ref().map(Path::bounds);
    let left = bounds.map_or(0.0, |b| b.left().min(0.0)).floor();
    let right = bounds.map_or(advance, |b| b.right().max(advance)).ceil();
    let top = bounds.map_or(0.0, |b| b.top()).min(-font::ASCENT * size).floor();
    let bottom = bounds.map_or(0.0, |b| b.bottom()).max(font::DESCENT * size).ceil();
    let (width, height) = ((right - left) as u32, (bottom - top) as u32);
    let mut mask = Mask { width, height, alpha: vec![0; width as usize * height as usize], baseline: -top };
    if let (Some(path), Some(mut canvas)) = (path, tiny_skia::Mask::new(width, height)) {
        canvas.fill_path(&path, FillRule::Winding, true, Transform::from_translate(-left, -top));
        mask.alpha = canvas.take();
    }
    mask
}

fn legal_size(size_px: f32) -> f32 {
    if size_px.is_nan() { 1.0 } else { size_px.clamp(1.0, 512.0) }
}
