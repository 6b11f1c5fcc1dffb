//! The contact sheet of what was not read right.

use super::report::Miss;
use super::truth::Truth;
use crate::agent::{Exit, Failure};
use crate::domain::{Frame, FrameReading};
use crate::imaging::{Cell, SheetError, contact_sheet, crop, encode_png};
use std::path::Path;

#[derive(Debug, Default)]
pub struct Failures(Vec<Cell>);

/// So much of the plate's width and height is shown around it.
const AROUND: (f32, f32) = (0.4, 0.8);

impl Failures {
    /// Shows the labelled plate, else the surest found, else the whole photo.
    pub fn add(&mut self, frame: &Frame, truth: &Truth, reading: &FrameReading, miss: &Miss) {
        let area = truth.bbox.or_else(|| reading.plates.first().map(|plate| plate.bbox));
        let picture =
            area.and_then(|area| crop(frame, &area.widen(AROUND.0, AROUND.1))).unwrap_or_else(|| frame.clone());
        let caption = vec![
            miss.file.clone(),
            format!("is {} {}", miss.text, miss.province).trim_end().to_owned(),
            format!("read {} {}", if miss.read.is_empty() { "nothing" } else { &miss.read }, miss.read_province)
                .trim_end()
                .to_owned(),
        ];
        self.0.push(Cell { picture, caption });
    }

    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let internal = |error: SheetError| Failure::new(Exit::Internal, format!("cannot draw the sheet: {error}"));
        let png = encode_png(&contact_sheet(&self.0).map_err(internal)?).map_err(|error| internal(error.into()))?;
        std::fs::write(path, png).map_err(|error| {
            let advice = "name another file with --sheet";
            Failure::new(Exit::Storage, format!("cannot write {}: {error}; {advice}", path.display()))
        })
    }
}
