//! The evidence picture: what was seen, drawn into the frame.

use super::ImagingError;
use super::labels::place;
use super::paint::{Canvas, Colour};
use crate::domain::{BBox, Detection, Frame, PlateRead};
use crate::glyphs::{self, Mask};

const PLATE: Colour = [0, 214, 255];
const PLATE_INK: Colour = [0, 0, 0];
const VEHICLE: Colour = [255, 160, 64];
const VEHICLE_INK: Colour = [255, 255, 255];
const VEHICLE_GROUND: Colour = [96, 48, 0];

/// Height of a plate label's capitals as a share of the frame's: 1/28 is about 2 mm when the picture fills the
/// width of a phone held upright.
const TEXT_SHARE: f32 = 1.0 / 28.0;

/// The second line of a label, and a vehicle's label, against a plate's first line.
const SMALL: f32 = 0.7;

/// Draws the vehicles' boxes with class and confidence, and the plates' boxes with text, province and the text's
/// confidence, into a copy of the frame. A plate's label stands above or below the plate, clear of every plate and every
/// other label wherever the frame has room for that, and inside the frame always. Boxes that lie outside are left out.
pub fn annotate(frame: &Frame, vehicles: &[Detection], plates: &[PlateRead]) -> Result<Frame, ImagingError> {
    let mut canvas = Canvas::over(frame);
    let line = (frame.height() as f32 / 240.0).max(2.0).round();
    let inside = |bbox: &BBox| Some(bbox.clamp_to(frame.width(), frame.height())).filter(BBox::is_valid);

    for area in vehicles.iter().filter_map(|vehicle| inside(&vehicle.bbox)) {
        canvas.outline(&area, VEHICLE, line);
    }
    let mut taken: Vec<BBox> = plates.iter().filter_map(|plate| inside(&plate.bbox)).collect();
    for area in &taken {
        canvas.outline(area, PLATE, line);
    }
    for plate in plates {
        if let Some(area) = inside(&plate.bbox) {
            let label = Label::of_plate(plate, frame);
            let at = place(label.width, label.height, &area, sides(frame), &taken, 2.0 * line);
            label.paint(&mut canvas, &at, PLATE, PLATE_INK);
            taken.push(at);
        }
    }
    for vehicle in vehicles {
        if let Some(area) = inside(&vehicle.bbox) {
            let label = Label::of_vehicle(vehicle, frame);
            let at = BBox::new(area.x1, area.y1, area.x1 + label.width, area.y1 + label.height);
            // A vehicle's class is worth no plate and no second look: where it is in the way it is left out.
            if taken.iter().all(|other| other.intersection(&at).area() == 0.0) {
                label.paint(&mut canvas, &at, VEHICLE_GROUND, VEHICLE_INK);
                taken.push(at);
            }
        }
    }
    canvas.into_frame(frame)
}

fn sides(frame: &Frame) -> (f32, f32) {
    (frame.width() as f32, frame.height() as f32)
}

/// Lines of text with a margin around them.
struct Label {
    lines: Vec<Mask>,
    margin: f32,
    width: f32,
    height: f32,
}

impl Label {
    fn of_plate(plate: &PlateRead, frame: &Frame) -> Self {
        let read = if plate.text.is_empty() {
            format!("? {}", percent(plate.confidence))
        } else {
            format!("{} {}", plate.text, percent(plate.text_confidence))
        };
        let mut lines = vec![(read, 1.0)];
        lines.extend(plate.province.iter().filter(|name| !name.is_empty()).map(|name| (name.clone(), SMALL)));
        Self::fitting(&lines, frame)
    }

    fn of_vehicle(vehicle: &Detection, frame: &Frame) -> Self {
        Self::fitting(&[(format!("{} {}", vehicle.class, percent(vehicle.confidence)), SMALL)], frame)
    }

    /// As large as the frame's height asks for, smaller where that is wider than the frame.
    fn fitting(lines: &[(String, f32)], frame: &Frame) -> Self {
        let (room, height) = sides(frame);
        let size = height * TEXT_SHARE / glyphs::CAP_HEIGHT;
        let label = Self::sized(lines, size);
        if label.width <= room { label } else { Self::sized(lines, size * 0.98 * room / label.width) }
    }

    /// `lines` are texts with their share of `size`, in pixels per em.
    fn sized(lines: &[(String, f32)], size: f32) -> Self {
        let lines: Vec<Mask> = lines.iter().map(|(text, share)| glyphs::rasterise(text, size * share)).collect();
        let margin = (size / 6.0).round();
        let widest = lines.iter().map(|mask| mask.width).max().unwrap_or(0);
        let height: u32 = lines.iter().map(|mask| mask.height).sum();
        Self { width: widest as f32 + 2.0 * margin, height: height as f32, lines, margin }
    }

    fn paint(&self, canvas: &mut Canvas, at: &BBox, ground: Colour, ink: Colour) {
        canvas.fill(at, ground, 1.0);
        let mut top = at.y1;
        for mask in &self.lines {
            canvas.text(mask, at.x1 + self.margin, top, ink);
            top += mask.height as f32;
        }
    }
}

fn percent(share: f32) -> String {
    format!("{:.0}%", share.clamp(0.0, 1.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CaptureTime, Quad};

    fn frame(width: u32, height: u32) -> Frame {
        Frame::new(width, height, vec![90; (width * height * 3) as usize], 7, CaptureTime::default()).unwrap()
    }

    fn plate(bbox: BBox, text: &str, province: Option<&str>) -> PlateRead {
        PlateRead {
            bbox,
            corners: Quad::from(bbox),
            confidence: 0.9,
            text: text.into(),
            text_confidence: 0.97,
            characters: Vec::new(),
            province: province.map(str::to_owned),
            vehicle: None,
            ..PlateRead::default()
        }
    }

    fn painted(frame: &Frame, area: &BBox) -> usize {
        let rows = frame.pixels().chunks_exact(frame.width() as usize * 3);
        let rows = rows.skip(area.y1 as usize).take(area.height() as usize);
        rows.map(|row| row[area.x1 as usize * 3..area.x2 as usize * 3].iter().filter(|v| **v != 90).count()).sum()
    }

    #[test]
    fn the_plate_itself_stays_untouched_and_its_label_is_large_enough() {
        let area = BBox::new(500.0, 400.0, 660.0, 450.0);
        let drawn = annotate(&frame(1280, 720), &[], &[plate(area, "1กข1234", Some("กรุงเทพมหานคร"))]).unwrap();
        assert_eq!((drawn.width(), drawn.height(), drawn.number), (1280, 720, 7));
        assert_eq!(painted(&drawn, &area), 0);
        assert!(painted(&drawn, &BBox::new(400.0, 300.0, 760.0, 392.0)) > 100 * 60 * 3);
        let label = Label::of_plate(&plate(area, "1กข1234", None), &drawn);
        assert!(label.lines[0].height as f32 * glyphs::CAP_HEIGHT > 720.0 / 28.0);
    }

    #[test]
    fn thai_letters_are_drawn_each_in_its_own_shape() {
        let of = |text: &str| Label::sized(&[(text.into(), 1.0)], 60.0).lines.remove(0).alpha;
        assert_ne!(of("กขค"), of("กขฆ"));
        assert_ne!(of("เชียงใหม่"), of("เชยงใหม"));
    }

    #[test]
    fn boxes_beyond_the_frame_or_without_numbers_do_no_harm() {
        let odd = [
            BBox::new(-50.0, -50.0, 30.0, 20.0),
            BBox::new(f32::NAN, 0.0, 10.0, 10.0),
            BBox::new(700.0, 10.0, 800.0, 20.0),
            BBox::new(0.0, 0.0, f32::INFINITY, 30.0),
        ];
        let plates: Vec<PlateRead> = odd.iter().map(|bbox| plate(*bbox, &"W".repeat(300), None)).collect();
        let vehicles = odd.map(|bbox| Detection { bbox, confidence: f32::NAN, class: "car".into(), corners: None });
        for (width, height) in [(640, 360), (1, 1), (3, 500)] {
            annotate(&frame(width, height), &vehicles, &plates).unwrap();
        }
    }
}
