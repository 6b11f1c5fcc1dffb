//! Many small pictures with a caption each, on one sheet.

use super::paint::Canvas;
use super::warp::{Filter, PixelRect, Resampler};
use super::{ImagingError, WarpError};
use crate::domain::{CaptureTime, Frame};
use crate::glyphs::{self, Mask};

/// Pixels of a cell's picture, and of one line of its caption.
const WIDTH: u32 = 280;
const HEIGHT: u32 = 140;
const LINE: u32 = 22;
const GAP: u32 = 8;
const COLUMNS: usize = 4;
/// A sheet is at most so many rows high.
const MAX_ROWS: usize = 80;
const GROUND: u8 = 24;
const INK: [u8; 3] = [235, 235, 235];
const INK_SIZE: f32 = 17.0;

/// Why a sheet could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    #[error(transparent)]
    Imaging(#[from] ImagingError),
    #[error(transparent)]
    Warp(#[from] WarpError),
}

/// One cell: a picture and the lines under it.
#[derive(Debug, Clone)]
pub struct Cell {
    pub picture: Frame,
    pub caption: Vec<String>,
}

/// The cells in rows of four, each picture scaled to its cell with its aspect kept. What is beyond 320 cells is left out.
pub fn contact_sheet(cells: &[Cell]) -> Result<Frame, SheetError> {
    let cells = &cells[..cells.len().min(COLUMNS * MAX_ROWS)];
    let lines = cells.iter().map(|cell| cell.caption.len()).max().unwrap_or(0) as u32;
    let (cell_width, cell_height) = (WIDTH + GAP, HEIGHT + lines * LINE + GAP);
    let columns = cells.len().clamp(1, COLUMNS);
    let rows = cells.len().div_ceil(columns).max(1);
    let (width, height) = (cell_width * columns as u32 + GAP, cell_height * rows as u32 + GAP);
    let mut pixels = vec![GROUND; width as usize * height as usize * 3];
    let mut resampler = Resampler::new()?;
    for (index, cell) in cells.iter().enumerate() {
        let (left, top) = place(index, columns, cell_width, cell_height);
        paste(&mut pixels, width, &mut resampler, &cell.picture, (left, top))?;
    }
    let sheet = Frame::new(width, height, pixels, 1, CaptureTime::default()).map_err(ImagingError::from)?;
    let mut canvas = Canvas::over(&sheet);
    for (index, cell) in cells.iter().enumerate() {
        let (left, top) = place(index, columns, cell_width, cell_height);
        for (line, text) in cell.caption.iter().enumerate() {
            let mask = line_of(text);
            canvas.text(&mask, left as f32, (top + HEIGHT + line as u32 * LINE) as f32, INK);
        }
    }
    Ok(canvas.into_frame(&sheet)?)
}

/// Smaller where it would reach into the next cell.
fn line_of(text: &str) -> Mask {
    let mask = glyphs::rasterise(text, INK_SIZE);
    if mask.width <= WIDTH {
        return mask;
    }
    glyphs::rasterise(text, INK_SIZE * 0.98 * WIDTH as f32 / mask.width as f32)
}

fn place(index: usize, columns: usize, width: u32, height: u32) -> (u32, u32) {
    (GAP + (index % columns) as u32 * width, GAP + (index / columns) as u32 * height)
}

fn paste(
    sheet: &mut [u8],
    sheet_width: u32,
    resampler: &mut Resampler,
    picture: &Frame,
    (left, top): (u32, u32),
) -> Result<(), SheetError> {
    let scale = (f64::from(WIDTH) / f64::from(picture.width())).min(f64::from(HEIGHT) / f64::from(picture.height()));
    let side = |length: u32, limit: u32| ((f64::from(length) * scale).round() as u32).clamp(1, limit);
    let (width, height) = (side(picture.width(), WIDTH), side(picture.height(), HEIGHT));
    let filter = if scale < 1.0 { Filter::Area } else { Filter::Linear };
    let small = resampler.resize(picture, PixelRect::whole(picture), width, height, filter)?;
    let (left, top) = (left + (WIDTH - width) / 2, top + (HEIGHT - height) / 2);
    for (row, line) in small.chunks_exact(width as usize * 3).enumerate() {
        let at = ((top as usize + row) * sheet_width as usize + left as usize) * 3;
        sheet[at..at + line.len()].copy_from_slice(line);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_any_shape_fit_and_none_is_an_empty_sheet() {
        let cell = |width: u32, height: u32| Cell {
            picture: Frame::new(width, height, vec![200; (width * height * 3) as usize], 1, CaptureTime::default())
                .unwrap(),
            caption: vec!["eu/a.jpg".into(), "AB 12 → AB 1Z".into()],
        };
        let sheet = contact_sheet(&[cell(1, 900), cell(900, 1), cell(3, 2), cell(640, 480), cell(10, 10)]).unwrap();
        assert_eq!((sheet.width(), sheet.height()), (4 * 288 + 8, 2 * (140 + 2 * 22 + 8) + 8));
        assert!(sheet.pixels().contains(&200) && sheet.pixels().contains(&GROUND));
        assert!(contact_sheet(&[]).is_ok());
    }
}
