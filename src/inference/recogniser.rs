//! A text recogniser: a plate's box in, its text out.

use super::decode::{Decoded, Decoder, Letters};
use super::model::{Model, ordered};
use super::ort_engine::Runtime;
use super::plate_text::PlateText;
use super::plates::FoundPlate;
use super::{InferenceError, Look, RecogniserLayout, RecogniserSpec, Role, Sight};
use crate::config::ModelsConfig;
use crate::domain::{BBox, Detection, Frame, Point, Quad};
use crate::imaging::{Filter, PixelRect, Resampler};
use crate::vision::{Alphabet, Grammar, Letterbox, Script};
use std::time::Duration;

pub(super) struct Recogniser {
    pub(super) model: Model,
    spec: RecogniserSpec,
    alphabet: Alphabet,
    outputs: Vec<usize>,
    letters: Letters,
}

/// A frame that is being read: what its plates may say, and what every look at it needs.
pub(super) struct Scene<'a> {
    pub(super) frame: &'a Frame,
    pub(super) grammar: &'a Grammar,
    pub(super) resampler: &'a mut Resampler,
    /// Time inside the runtime.
    pub(super) spent: &'a mut Duration,
}

/// What is given to a recogniser.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    /// Whether a Thai plate may come.
    pub(super) thai: bool,
    /// Whether the boxes hold whole plates, both rows of them.
    pub(super) whole: bool,
}

impl Recogniser {
    pub(super) fn load(
        runtime: &Runtime,
        config: &ModelsConfig,
        name: &str,
        given: Given,
    ) -> Result<Self, InferenceError> {
        let model = Model::load(runtime, config, Role::Ocr, name)?;
        let (mut spec, alphabet, outputs) =
            plan(&model).map_err(|message| model.contradiction(&config.dir, message))?;
        let letters = match (alphabet.knows(Script::Thai), given.thai) {
            (false, _) => Letters::All,
            (true, false) => Letters::Latin,
            (true, true) => Letters::OneScript,
        };
        if letters == Letters::Latin || given.whole {
            // The row of the province: no plate has one that comes here, or it is in the box.
            spec.extend_down = 0.0;
        }
        if given.whole {
            spec.looks.retain(|look| look.extend_down == 0.0);
        } else {
            spec.trim = 0.0;
        }
        Ok(Self { model, spec, alphabet, outputs, letters })
    }

    pub(super) fn with_model(self, of: impl FnOnce(Model) -> Model) -> Self {
        Self { model: of(self.model), ..self }
    }

    /// Does it read Thai letters?
    pub(super) fn knows_thai(&self) -> bool {
        self.letters != Letters::All
    }

    /// Does it know letters of this script?
    pub(super) fn reads(&self, script: Script) -> bool {
        self.alphabet.knows(script)
    }

    /// Is it in the alphabet, or its lower case?
    pub(super) fn knows(&self, letter: char) -> bool {
        self.alphabet.has(letter) || letter.to_lowercase().any(|lower| self.alphabet.has(lower))
    }

    /// Is a read so sure that no other is needed?
    pub(super) fn is_sure(&self, text: &PlateText, grammar: &Grammar) -> bool {
        text.fits(grammar) && text.read.least_certain() >= self.spec.sure
    }

    /// Reads a plate; where its box is unsure, with what may stand beside it.
    pub(super) fn read(&mut self, scene: &mut Scene<'_>, plate: &FoundPlate) -> Result<PlateText, InferenceError> {
        let mut best = self.surest(scene, plate)?;
        let fits = scene.grammar.judge(&best.read.text).fits == Some(true);
        if fits || !best.read.may_be_a_part() || plate.best().confidence >= SURE_BOX {
            return Ok(best);
        }
        for beside in BESIDE {
            let look = Look { margin_x: Some(beside), ..self.first_look() };
            let wider = self.read_look(scene, plate, look)?;
            if !wider.read.continues(&best.read) {
                break;
            }
            if wider.read.least_certain() >= SURE {
                best = wider;
            }
        }
        Ok(best)
    }

    fn first_look(&self) -> Look {
        let RecogniserSpec { margin, rectify, .. } = self.spec;
        Look { sight: Sight::Close, margin, rectify, unfit_only: false, margin_x: None, rows: 1, extend_down: 0.0 }
    }

    /// Where the first look is unsure, reads it in every other way the manifest knows; the surest read stays.
    fn surest(&mut self, scene: &mut Scene<'_>, plate: &FoundPlate) -> Result<PlateText, InferenceError> {
        let mut best = self.read_look(scene, plate, self.first_look())?;
        if self.is_sure(&best, scene.grammar) {
            return Ok(best);
        }
        for index in 0..self.spec.looks.len() {
            let look = self.spec.looks[index];
            if look.unfit_only && best.fits(scene.grammar) {
                continue;
            }
            let text = self.read_look(scene, plate, look)?;
            if text.rank(scene.grammar) > best.rank(scene.grammar) {
                best = text;
            }
        }
        Ok(best)
    }

    /// A plate whose second row may be missing from the box is read with it, and where there is none, without.
    fn read_look(
        &mut self,
        scene: &mut Scene<'_>,
        plate: &FoundPlate,
        look: Look,
    ) -> Result<PlateText, InferenceError> {
        let plate = match look.sight {
            Sight::Close => plate.best(),
            Sight::First => plate.first.clone(),
            Sight::Mean => plate.mean(),
        };
        if look.rows == 2 {
            return self.read_rows(scene, &plate, look);
        }
        let extended = self.read_part(scene, &plate, look, self.spec.extend_down)?;
        let one_row = !self.spec.provinces.is_empty() && extended.province.is_none();
        if self.spec.extend_down > 0.0 && one_row {
            return self.read_part(scene, &plate, look, 0.0);
        }
        Ok(extended)
    }

    /// The upper row and the lower one, one after the other; nothing of a plate too long for two.
    fn read_rows(&mut self, scene: &mut Scene<'_>, plate: &Detection, look: Look) -> Result<PlateText, InferenceError> {
        let mut joined = PlateText { corners: plate.bbox.into(), ..PlateText::default() };
        let Some(rows) = rows_of(&plate.bbox, look.extend_down) else { return Ok(joined) };
        for bbox in rows {
            let row = Detection { bbox, corners: None, ..plate.clone() };
            let text = self.read_part(scene, &row, look, 0.0)?;
            joined.read = joined.read.followed_by(text.read);
        }
        joined.corners = rows[0].union(&rows[1]).into();
        Ok(joined)
    }

    fn read_part(
        &mut self,
        scene: &mut Scene<'_>,
        plate: &Detection,
        look: Look,
        extend_down: f32,
    ) -> Result<PlateText, InferenceError> {
        let bbox = BBox { y2: plate.bbox.y2 + plate.bbox.height() * extend_down, ..plate.bbox };
        // A long plate has no words above or below.
        let trim = if plate.bbox.width() < SHORT * plate.bbox.height() { self.spec.trim } else { 0.0 };
        let margins = (look.margin_x.unwrap_or(look.margin) - trim, look.margin - trim);
        let wide = bbox.widen(margins.0, margins.1);
        let Some(area) = PixelRect::of(&wide, scene.frame) else {
            return Ok(PlateText { corners: plate.bbox.into(), ..PlateText::default() });
        };
        let tilted = plate.corners.filter(|_| look.rectify).map(|quad| stretch(&quad, extend_down, margins));
        let (width, height) = match &tilted {
            Some(quad) => side_lengths(quad),
            None => (area.width, area.height),
        };
        let input = &self.model.manifest.input;
        let place = Letterbox::new(input.fit, width, height, input.width, input.height);
        let size = (place.width as u32, place.height as u32);
        let reduced = area.height as usize > place.height;
        let filter = if input.reduce_by_area && reduced { Filter::Area } else { Filter::Linear };
        let (pixels, corners) = match tilted {
            Some(quad) => (scene.resampler.rectify(scene.frame, &quad, size.0, size.1)?, quad),
            None => (scene.resampler.resize(scene.frame, area, size.0, size.1, filter)?, area.bbox().into()),
        };
        let Self { model, spec, alphabet, outputs, letters } = self;
        let Model { manifest, engine, packing, buffer } = model;
        buffer
            .pack(pixels, &place, packing)
            .map_err(|source| InferenceError::Input { model: manifest.name.clone(), source })?;
        // A row of two is no plate of a format.
        let formats = Some(scene.grammar).filter(|_| look.rows == 1);
        let decoder = Decoder { spec, alphabet, letters: *letters };
        let mut decoded = Decoded::default();
        *scene.spent += engine.run(buffer, &mut |given| {
            decoded = decoder.decode(&ordered(given, outputs), formats)?;
            Ok(())
        })?;
        let Decoded { read, fitting, province } = decoded;
        Ok(PlateText { read, fitting, province, corners })
    }
}

/// Holds a manifest's `[recogniser]` against its graph.
fn plan(model: &Model) -> Result<(RecogniserSpec, Alphabet, Vec<usize>), String> {
    let spec = model.manifest.recogniser.clone().ok_or("[recogniser] is missing")?;
    let alphabet = if spec.alphabet_metadata.is_empty() {
        Alphabet::from_text(&spec.alphabet)
    } else {
        let key = &spec.alphabet_metadata;
        let lines = model
            .engine
            .metadata(key)
            .ok_or_else(|| format!("recogniser.alphabet_metadata is \"{key}\", the file carries no such text"))?;
        Alphabet::from_lines(&lines)
    };
    let classes = match spec.layout {
        RecogniserLayout::Ctc => alphabet.len() + 1,
        RecogniserLayout::Slots => alphabet.len(),
    };
    let mut expected = vec![vec![Some(1), None, Some(classes)]];
    if !spec.provinces.is_empty() {
        expected.push(vec![Some(1), Some(spec.provinces.len())]);
    }
    let outputs = model.output_order(&spec.outputs, expected.len())?;
    model.check_outputs(&outputs, &expected)?;
    Ok((spec, alphabet, outputs))
}

/// A box of which the detector is less sure may hold a part of the plate only …
const SURE_BOX: f32 = 0.8;
/// … so the text is also looked for this far beside it, in widths of the box …
const BESIDE: [f32; 2] = [0.5, 1.0];
/// … and believed if it is as sure as this in each of its characters.
const SURE: f32 = 0.9;

/// A plate of two rows, or with words above or below its one, is at most so many times as wide as high.
const SHORT: f32 = 2.5;
/// Rows overlap by this share of the plate's height: the line between them is not exactly in the middle.
const ROWS_OVERLAP: f32 = 0.04;

/// The two rows of a plate whose box is first lengthened downwards; `None` where it is too long for that.
fn rows_of(plate: &BBox, extend_down: f32) -> Option<[BBox; 2]> {
    let whole = BBox { y2: plate.y2 + plate.height() * extend_down, ..*plate };
    let (middle, overlap) = (whole.center().y, whole.height() * ROWS_OVERLAP);
    let rows = [BBox { y2: middle + overlap, ..whole }, BBox { y1: middle - overlap, ..whole }];
    (whole.is_valid() && whole.width() < SHORT * whole.height()).then_some(rows)
}

/// The quadrilateral lengthened downwards and then widened on every side, along its own edges.
fn stretch(quad: &Quad, extend_down: f32, margins: (f32, f32)) -> Quad {
    let [tl, tr, br, bl] = quad.0;
    let along = |from: Point, to: Point, share: f32| {
        Point::new(from.x + (to.x - from.x) * share, from.y + (to.y - from.y) * share)
    };
    let (bl, br) = (along(tl, bl, 1.0 + extend_down), along(tr, br, 1.0 + extend_down));
    // Bilinear continuation of the quadrilateral's own coordinates.
    let at = |u: f32, v: f32| along(along(tl, tr, u), along(bl, br, u), v);
    let (left, right, top, bottom) = (-margins.0, 1.0 + margins.0, -margins.1, 1.0 + margins.1);
    Quad([at(left, top), at(right, top), at(right, bottom), at(left, bottom)])
}

/// The longer of each pair of opposite edges, in whole pixels, at least 1.
fn side_lengths(quad: &Quad) -> (u32, u32) {
    let [tl, tr, br, bl] = quad.0;
    let pixels = |a: f32, b: f32| (a.max(b).round() as u32).clamp(1, 16_384);
    (pixels(tl.distance(tr), bl.distance(br)), pixels(tl.distance(bl), tr.distance(br)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_stretched_as_a_quad_is_the_box_widened() {
        let bbox = BBox::new(10.0, 20.0, 50.0, 30.0);
        let quad = stretch(&bbox.into(), 0.5, (0.1, 0.1));
        let expected = BBox { y2: 35.0, ..bbox }.widen(0.1, 0.1);
        let got = quad.bbox();
        for (a, b) in <[f32; 4]>::from(got).into_iter().zip(<[f32; 4]>::from(expected)) {
            assert!((a - b).abs() < 1e-4, "{got:?} is not {expected:?}");
        }
        assert_eq!(side_lengths(&bbox.into()), (40, 10));
    }

    #[test]
    fn a_long_plate_has_no_second_row_and_a_square_one_has_it_below() {
        assert_eq!(rows_of(&BBox::new(0.0, 0.0, 100.0, 20.0), 0.0), None);
        assert_eq!(rows_of(&BBox::new(0.0, 0.0, f32::NAN, 20.0), 0.0), None);
        let [upper, lower] = rows_of(&BBox::new(0.0, 0.0, 100.0, 40.0), 0.25).unwrap();
        assert_eq!((upper.y1, upper.y2, lower.y1, lower.y2), (0.0, 27.0, 23.0, 50.0));
    }

    #[test]
    fn corners_far_out_give_a_size_that_can_be_made() {
        let far = Point::new(1e9, f32::NAN);
        let (width, height) = side_lengths(&Quad([Point::default(), far, far, Point::default()]));
        assert!((1..=16_384).contains(&width) && (1..=16_384).contains(&height));
    }
}
