//! A frame as a small grid of brightness: what the motion gate and the judge of the camera's picture look at.

use crate::domain::Frame;
use crate::imaging::{Resampler, WarpError};

/// One camera's grid, with the buffers it needs; made with the first frame.
#[derive(Default)]
pub struct LumaGrid {
    resampler: Option<Resampler>,
    cells: Vec<u8>,
}

impl LumaGrid {
    /// The frame as `columns` × `rows` cells, as [`Resampler::luma_grid`] has them.
    pub fn of(&mut self, frame: &Frame, (columns, rows): (usize, usize)) -> Result<&[u8], WarpError> {
        let resampler = match &mut self.resampler {
            Some(resampler) => resampler,
            none => none.insert(Resampler::new()?),
        };
        resampler.luma_grid(frame, columns as u32, rows as u32, &mut self.cells)?;
        Ok(&self.cells)
    }
}
