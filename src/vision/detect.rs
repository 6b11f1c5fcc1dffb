//! From a detector's output tensors to boxes, one function per layout. Boxes are in pixels of the tensor; NMS and the
//! way back to the picture are the caller's, except where said.

use super::detect_more::{BINS, nanodet, yolov5};
use super::{DecodeError, TensorView};
use crate::domain::{BBox, Point, Quad};

/// A box a detector proposes, in tensor pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub bbox: BBox,
    /// 0–1.
    pub score: f32,
    /// Index in the model's class list.
    pub class: usize,
    pub corners: Option<Quad>,
}

/// How a detector writes its boxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetectLayout {
    /// `[1, A, 5 + C]`, grid-relative, strides 8/16/32; objectness and classes already sigmoid
    /// (Megvii YOLOX, `demo_postprocess`).
    Yolox,
    /// `[1, 4 + C, A]`: centre and size in tensor pixels, class scores (Ultralytics v8/v9/11).
    Yolov8,
    /// `[1, A, 5 + 2K + C]`: centre and size in tensor pixels, objectness, K landmarks, classes (YOLOv5, v7; with
    /// landmarks YOLOv5-face and its kin).
    Yolov5,
    /// Class scores `[1, N, C]` of the strides 8/16/32, then distances `[1, N, 32]` of each: four sides of eight bins
    /// (NanoDet-m).
    Nanodet,
    /// `loc [1, P, 4]`, `conf [1, P, 2]`, `landms [1, P, 8]` over priors of 24/48, 96/192, 384/768 pixels at
    /// strides 8/16/32, variances .1 and .2 (RetinaFace with four corners).
    Retinaface,
    /// `[N, 7]`: batch, x1, y1, x2, y2, class, score; NMS done in the graph.
    Nms7,
    /// `[1, N, 6]`: x1, y1, x2, y2, score, class; NMS done in the graph.
    Nms6,
}

/// A layout with the number of classes its model knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detector {
    pub layout: DetectLayout,
    pub classes: usize,
    /// Points a box comes with, in [`DetectLayout::Yolov5`]; four are the plate's corners.
    pub landmarks: usize,
}

pub(super) const STRIDES: [usize; 3] = [8, 16, 32];

impl Detector {
    /// Whether the graph has done NMS already.
    pub fn has_nms(&self) -> bool {
        matches!(self.layout, DetectLayout::Nms7 | DetectLayout::Nms6)
    }

    /// The shapes this layout gives for a tensor of `width` × `height`; `None` where a side is free.
    pub fn expected_outputs(&self, width: Option<usize>, height: Option<usize>) -> Vec<Vec<Option<usize>>> {
        let size = width.zip(height);
        let one = Some(1);
        match self.layout {
            DetectLayout::Yolox => {
                vec![vec![one, size.map(|(w, h)| yolox_cells(w, h)), Some(5 + self.classes)]]
            }
            DetectLayout::Yolov8 => vec![vec![one, Some(4 + self.classes), None]],
            DetectLayout::Yolov5 => vec![vec![one, None, Some(5 + 2 * self.landmarks + self.classes)]],
            DetectLayout::Nanodet => {
                let cells = STRIDES.map(|s| size.map(|(w, h)| w.div_ceil(s) * h.div_ceil(s)));
                let scores = cells.map(|cells| vec![one, cells, Some(self.classes)]);
                scores.into_iter().chain(cells.map(|cells| vec![one, cells, Some(4 * BINS)])).collect()
            }
            DetectLayout::Retinaface => {
                let priors = size.map(|(w, h)| 2 * prior_cells(w, h));
                [4, 2, 8].map(|n| vec![one, priors, Some(n)]).into()
            }
            DetectLayout::Nms7 => vec![vec![None, Some(7)]],
            DetectLayout::Nms6 => vec![vec![one, None, Some(6)]],
        }
    }

    /// All boxes whose score is at least `threshold` and whose class `keep` wants. `width` × `height` is the tensor's
    /// size. Outputs are told by position.
    pub fn decode(
        &self,
        outputs: &[TensorView<'_>],
        width: usize,
        height: usize,
        threshold: f32,
        keep: impl Fn(usize) -> bool,
    ) -> Result<Vec<Candidate>, DecodeError> {
        let expected = self.expected_outputs(Some(width), Some(height));
        self.check(outputs, &expected)?;
        let mut found = match self.layout {
            DetectLayout::Yolox => yolox(outputs[0].data, self.classes, width, height, threshold, &keep),
            DetectLayout::Yolov8 => yolov8(outputs[0].data, self.classes, threshold, &keep),
            DetectLayout::Yolov5 => yolov5(outputs[0].data, self.classes, self.landmarks, threshold, &keep),
            DetectLayout::Nanodet => nanodet(outputs, self.classes, width, threshold, &keep),
            DetectLayout::Retinaface => {
                let [loc, conf, landms] = [outputs[0].data, outputs[1].data, outputs[2].data];
                retinaface(loc, conf, landms, width, height, threshold)
            }
            DetectLayout::Nms7 => with_nms(outputs[0].data, 7, 1, 6, 5),
            DetectLayout::Nms6 => with_nms(outputs[0].data, 6, 0, 4, 5),
        };
        // A box of NaN or without area is no box; scores are compared so that NaN fails.
        found.retain(|c| c.score >= threshold && c.bbox.is_valid() && keep(c.class));
        Ok(found)
    }

    fn name(&self) -> &'static str {
        match self.layout {
            DetectLayout::Yolox => "yolox",
            DetectLayout::Yolov8 => "yolov8",
            DetectLayout::Yolov5 => "yolov5",
            DetectLayout::Nanodet => "nanodet",
            DetectLayout::Retinaface => "retinaface",
            DetectLayout::Nms7 => "nms7",
            DetectLayout::Nms6 => "nms6",
        }
    }

    fn check(&self, outputs: &[TensorView<'_>], expected: &[Vec<Option<usize>>]) -> Result<(), DecodeError> {
        if outputs.len() < expected.len() {
            return Err(DecodeError::Outputs { layout: self.name(), expected: expected.len(), got: outputs.len() });
        }
        for (output, expected) in outputs.iter().zip(expected) {
            let fits = output.shape.len() == expected.len()
                && output.shape.iter().zip(expected).all(|(&got, want)| want.is_none_or(|want| want == got))
                && output.data.len() == output.shape.iter().product::<usize>();
            if !fits {
                return Err(DecodeError::Shape {
                    layout: self.name(),
                    output: output.name.to_owned(),
                    expected: describe(expected),
                    got: output.shape.to_vec(),
                });
            }
        }
        Ok(())
    }
}

/// `[1, ?, 85]`.
fn describe(shape: &[Option<usize>]) -> String {
    let sides: Vec<String> = shape.iter().map(|side| side.map_or("?".to_owned(), |n| n.to_string())).collect();
    format!("[{}]", sides.join(", "))
}

fn yolox_cells(width: usize, height: usize) -> usize {
    STRIDES.iter().map(|s| (width / s) * (height / s)).sum()
}

fn prior_cells(width: usize, height: usize) -> usize {
    STRIDES.iter().map(|&s| width.div_ceil(s) * height.div_ceil(s)).sum()
}

fn yolox(
    data: &[f32],
    classes: usize,
    width: usize,
    height: usize,
    threshold: f32,
    keep: &impl Fn(usize) -> bool,
) -> Vec<Candidate> {
    let cells = STRIDES.iter().flat_map(|&stride| {
        let columns = width / stride;
        (0..columns * (height / stride)).map(move |i| (i % columns, i / columns, stride as f32))
    });
    let rows = data.chunks_exact(5 + classes);
    let surest = |row: &[f32]| best_class(row[5..].iter().copied(), keep);
    cells
        .zip(rows)
        // No class can lift a score above its objectness.
        .filter(|(_, row)| row[4] >= threshold)
        .filter_map(|((column, line, stride), row)| {
            let (class, score) = surest(row)?;
            let center = ((row[0] + column as f32) * stride, (row[1] + line as f32) * stride);
            let bbox = BBox::from_center(center.0, center.1, row[2].exp() * stride, row[3].exp() * stride);
            Some(Candidate { bbox, score: row[4] * score, class, corners: None })
        })
        .collect()
}

fn yolov8(data: &[f32], classes: usize, threshold: f32, keep: &impl Fn(usize) -> bool) -> Vec<Candidate> {
    let anchors = data.len() / (4 + classes);
    let value = |row: usize, anchor: usize| data[row * anchors + anchor];
    // Neighbouring numbers are of one class, not of one anchor: those of unwanted classes are not touched.
    let wanted: Vec<usize> = (0..classes).filter(|class| keep(*class)).collect();
    (0..anchors)
        .filter_map(|anchor| {
            let scores = wanted.iter().map(|&class| (class, value(4 + class, anchor)));
            let (class, score) = scores.filter(|(_, score)| !score.is_nan()).max_by(|a, b| a.1.total_cmp(&b.1))?;
            let [cx, cy, w, h] = [0, 1, 2, 3].map(|row| value(row, anchor));
            (score >= threshold).then(|| Candidate {
                bbox: BBox::from_center(cx, cy, w, h),
                score,
                class,
                corners: None,
            })
        })
        .collect()
}

/// The wanted class with the highest score; `None` where no wanted class has a score that is a number.
pub(super) fn best_class(scores: impl Iterator<Item = f32>, keep: &impl Fn(usize) -> bool) -> Option<(usize, f32)> {
    scores.enumerate().filter(|(class, score)| keep(*class) && !score.is_nan()).max_by(|a, b| a.1.total_cmp(&b.1))
}

fn retinaface(
    loc: &[f32],
    conf: &[f32],
    landms: &[f32],
    width: usize,
    height: usize,
    threshold: f32,
) -> Vec<Candidate> {
    const SIZES: [[f32; 2]; 3] = [[24.0, 48.0], [96.0, 192.0], [384.0, 768.0]];
    const VARIANCES: [f32; 2] = [0.1, 0.2];
    let priors = STRIDES.iter().zip(SIZES).flat_map(|(&stride, sizes)| {
        let columns = width.div_ceil(stride);
        (0..columns * height.div_ceil(stride)).flat_map(move |i| {
            let center = |n: usize| (n as f32 + 0.5) * stride as f32;
            sizes.map(|size| (Point::new(center(i % columns), center(i / columns)), size))
        })
    });
    let rows = loc.chunks_exact(4).zip(conf.chunks_exact(2)).zip(landms.chunks_exact(8));
    priors
        .zip(rows)
        .filter(|(_, ((_, conf), _))| conf[1] >= threshold)
        .map(|((center, size), ((loc, conf), landms))| {
            let along = |offset: f32, from: f32| from + offset * VARIANCES[0] * size;
            let side = |offset: f32| size * (offset * VARIANCES[1]).exp();
            let bbox = BBox::from_center(along(loc[0], center.x), along(loc[1], center.y), side(loc[2]), side(loc[3]));
            let corner = |i: usize| Point::new(along(landms[2 * i], center.x), along(landms[2 * i + 1], center.y));
            let corners = in_reading_order([corner(0), corner(1), corner(2), corner(3)]);
            Candidate { bbox, score: conf[1], class: 0, corners: Some(corners) }
        })
        .collect()
}

/// Four corners, whatever order the model gives them in, as top left, top right, bottom right, bottom left.
pub(super) fn in_reading_order(mut points: [Point; 4]) -> Quad {
    points.sort_by(|a, b| a.y.total_cmp(&b.y));
    let [a, b, c, d] = points;
    let (top_left, top_right) = if a.x <= b.x { (a, b) } else { (b, a) };
    let (bottom_left, bottom_right) = if c.x <= d.x { (c, d) } else { (d, c) };
    Quad([top_left, top_right, bottom_right, bottom_left])
}

/// Rows of finished boxes: four coordinates from column `at`, score and class in their columns.
fn with_nms(data: &[f32], columns: usize, at: usize, score: usize, class: usize) -> Vec<Candidate> {
    data.chunks_exact(columns)
        .map(|row| Candidate {
            bbox: BBox::new(row[at], row[at + 1], row[at + 2], row[at + 3]),
            score: row[score],
            class: row[class].max(0.0) as usize,
            corners: None,
        })
        .collect()
}

#[cfg(test)]
#[path = "detect_tests.rs"]
mod tests;
