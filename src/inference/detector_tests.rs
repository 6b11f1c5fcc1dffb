//! With an engine that gives what a test tells it to.

use super::*;
use crate::domain::CaptureTime;
use crate::inference::{Engine, Port, Provider, Signature};
use crate::vision::{DecodeError, Element, TensorBuffer, TensorView};
use std::path::Path;

const YOLOX: &str = include_str!("../../models/yolox-nano.toml");
/// Cells of a 416 × 416 input, numbers of a cell.
const SHAPE: [usize; 3] = [1, 3549, 85];

struct Scripted {
    signature: Signature,
    shape: Vec<usize>,
    data: Vec<f32>,
}

impl Engine for Scripted {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn metadata(&self, _key: &str) -> Option<String> {
        None
    }

    fn provider(&self) -> Provider {
        Provider::Cpu
    }

    fn run(
        &mut self,
        input: &TensorBuffer,
        read: &mut dyn FnMut(&[TensorView<'_>]) -> Result<(), DecodeError>,
    ) -> Result<Duration, InferenceError> {
        assert_eq!(input.shape(), [1, 3, 416, 416]);
        let view = TensorView { name: "output", shape: &self.shape, data: &self.data };
        read(&[view]).map_err(|source| InferenceError::Output { model: "scripted".into(), source })?;
        Ok(Duration::from_millis(1))
    }
}

/// A YOLOX that answers with `data` of `shape`, whatever its graph promised.
fn detector(shape: &[usize], data: Vec<f32>) -> DetectorModel {
    let port = |name: &str, shape: &[usize]| Port {
        name: name.into(),
        element: Some(Element::F32),
        shape: shape.iter().map(|side| Some(*side)).collect(),
    };
    let signature =
        Signature { inputs: vec![port("images", &[1, 3, 416, 416])], outputs: vec![port("output", &SHAPE)] };
    let engine = Scripted { signature, shape: shape.to_vec(), data };
    let manifest = Manifest::parse(YOLOX, "yolox-nano").unwrap();
    let model = Model::new(manifest, Box::new(engine), Path::new("models")).unwrap();
    let plan = Plan::of(&model).unwrap();
    DetectorModel { model, plan }
}

fn grey(width: u32, height: u32) -> Frame {
    let pixels = vec![128; width as usize * height as usize * 3];
    Frame::new(width, height, pixels, 1, CaptureTime::default()).unwrap()
}

fn look(detector: &mut DetectorModel, area: PixelRect) -> Result<Vec<Detection>, InferenceError> {
    let mut spent = Duration::ZERO;
    detector.detect(&grey(1000, 800), area, View::Frame, &mut Resampler::new().unwrap(), &mut spent)
}

/// Sets one cell of the finest grid (52 cells a row): a box of 8 × 8 tensor pixels around the cell's corner.
fn set(data: &mut [f32], column: usize, row: usize, class: usize, score: f32) {
    let cell = &mut data[(row * 52 + column) * 85..][..85];
    (cell[4], cell[5 + class]) = (1.0, score);
}

#[test]
fn a_box_in_a_part_of_the_frame_comes_back_in_the_frames_pixels() {
    const CAR: usize = 2;
    let mut data = vec![0.0; 3549 * 85];
    set(&mut data, 10, 5, CAR, 0.9);
    // Half of it beyond the part's edge, and of the frame's.
    set(&mut data, 0, 20, CAR, 0.8);
    // A person is not wanted; a faint car is not believed.
    set(&mut data, 20, 10, 0, 0.9);
    set(&mut data, 30, 10, CAR, 0.2);
    let area = PixelRect { x: 0, y: 100, width: 832, height: 416 };
    let found = look(&mut detector(&SHAPE, data), area).unwrap();
    // The part is reduced to a half: a tensor's pixel is two of the frame's.
    let boxes: Vec<BBox> = found.iter().map(|d| d.bbox).collect();
    assert_eq!(boxes, [BBox::new(152.0, 172.0, 168.0, 188.0), BBox::new(0.0, 412.0, 8.0, 428.0)]);
    assert!(found.iter().all(|d| d.class == "car"));
}

#[test]
fn what_is_half_as_sure_as_it_should_be_is_told_apart() {
    const CAR: usize = 2;
    let mut data = vec![0.0; 3549 * 85];
    for (column, score) in [(10, 0.20), (20, 0.90), (30, 0.14), (40, 0.31)] {
        set(&mut data, column, 20, CAR, score);
    }
    let (frame, mut spent) = (grey(416, 416), Duration::ZERO);
    let (whole, mut resampler) = (PixelRect::whole(&frame), Resampler::new().unwrap());
    let mut detector = detector(&SHAPE, data);
    let (sure, faint) = detector.detect_with_faint(&frame, whole, View::Frame, &mut resampler, &mut spent).unwrap();
    let scores = |found: &[Detection]| found.iter().map(|d| d.confidence).collect::<Vec<_>>();
    assert_eq!((scores(&sure), scores(&faint)), (vec![0.90, 0.31], vec![0.20]));
    assert_eq!(detector.detect(&frame, whole, View::Frame, &mut resampler, &mut spent).unwrap(), sure);
}

#[test]
fn an_output_that_breaks_the_graphs_promise_is_an_error_not_a_panic() {
    for shape in [vec![1, 84, 8400], vec![1, 3549, 84], vec![], vec![3549, 85], vec![1, 0, 85]] {
        let data = vec![1.0; shape.iter().product()];
        let error = look(&mut detector(&shape, data), PixelRect { x: 0, y: 0, width: 10, height: 10 }).unwrap_err();
        assert!(matches!(error, InferenceError::Output { .. }), "{shape:?}");
        assert!(error.to_string().contains("[1, 3549, 85]"), "{error}");
    }
}

#[test]
fn numbers_that_are_none_give_no_boxes() {
    let found = look(&mut detector(&SHAPE, vec![f32::NAN; 3549 * 85]), PixelRect { x: 5, y: 5, width: 9, height: 9 });
    assert!(found.unwrap().is_empty());
}
