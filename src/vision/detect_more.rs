//! Layouts of detectors that ship with no model of ours.

use super::TensorView;
use super::detect::{Candidate, STRIDES, best_class, in_reading_order};
use crate::domain::{BBox, Point};

/// Bins of a side's distance.
pub(super) const BINS: usize = 8;

pub(super) fn yolov5(
    data: &[f32],
    classes: usize,
    landmarks: usize,
    threshold: f32,
    keep: &impl Fn(usize) -> bool,
) -> Vec<Candidate> {
    let first_class = 5 + 2 * landmarks;
    data.chunks_exact(first_class + classes)
        .filter(|row| row[4] >= threshold)
        .filter_map(|row| {
            let (class, score) = best_class(row[first_class..].iter().copied(), keep)?;
            let point = |i: usize| Point::new(row[5 + 2 * i], row[6 + 2 * i]);
            let corners = (landmarks == 4).then(|| in_reading_order([point(0), point(1), point(2), point(3)]));
            let bbox = BBox::from_center(row[0], row[1], row[2], row[3]);
            Some(Candidate { bbox, score: row[4] * score, class, corners })
        })
        .collect()
}

pub(super) fn nanodet(
    outputs: &[TensorView<'_>],
    classes: usize,
    width: usize,
    threshold: f32,
    keep: &impl Fn(usize) -> bool,
) -> Vec<Candidate> {
    let (scores, distances) = outputs.split_at(STRIDES.len());
    let mut found = Vec::new();
    for ((scores, distances), stride) in scores.iter().zip(distances).zip(STRIDES) {
        let columns = width.div_ceil(stride).max(1);
        let rows = scores.data.chunks_exact(classes).zip(distances.data.chunks_exact(4 * BINS));
        for (cell, (scores, sides)) in rows.enumerate() {
            let Some((class, score)) = best_class(scores.iter().copied(), keep).filter(|(_, s)| *s >= threshold) else {
                continue;
            };
            let center = |n: usize| (n as f32 + 0.5) * stride as f32;
            let (x, y) = (center(cell % columns), center(cell / columns));
            let [left, top, right, bottom] =
                std::array::from_fn(|side| expectation(&sides[side * BINS..][..BINS]) * stride as f32);
            let bbox = BBox::new(x - left, y - top, x + right, y + bottom);
            found.push(Candidate { bbox, score, class, corners: None });
        }
    }
    found
}

/// The mean bin of a softmax over them.
fn expectation(bins: &[f32]) -> f32 {
    let highest = bins.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f32> = bins.iter().map(|bin| (bin - highest).exp()).collect();
    let sum: f32 = weights.iter().sum();
    weights.iter().enumerate().map(|(bin, weight)| bin as f32 * weight).sum::<f32>() / sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::{DetectLayout, Detector};

    fn view<'a>(shape: &'a [usize], data: &'a [f32]) -> TensorView<'a> {
        TensorView { name: "output", shape, data }
    }

    #[test]
    fn yolov5_rows_have_objectness_and_may_have_corners() {
        let plain = Detector { layout: DetectLayout::Yolov5, classes: 2, landmarks: 0 };
        let data = [50.0, 60.0, 8.0, 10.0, 0.9, 0.1, 0.8, 1.0, 1.0, 4.0, 4.0, 0.1, 0.9, 0.9];
        let found = plain.decode(&[view(&[1, 2, 7], &data)], 64, 64, 0.3, |_| true).unwrap();
        assert_eq!((found.len(), found[0].class, found[0].score), (1, 1, 0.9 * 0.8));
        assert_eq!(found[0].bbox, BBox::new(46.0, 55.0, 54.0, 65.0));
        let cornered = Detector { layout: DetectLayout::Yolov5, classes: 1, landmarks: 4 };
        let data = [50.0, 60.0, 20.0, 10.0, 0.9, 60.0, 65.0, 40.0, 64.0, 40.0, 55.0, 60.0, 56.0, 1.0];
        let found = cornered.decode(&[view(&[1, 1, 14], &data)], 64, 64, 0.3, |_| true).unwrap();
        let corners = found[0].corners.unwrap().0.map(|p| (p.x, p.y));
        assert_eq!(corners, [(40.0, 55.0), (60.0, 56.0), (60.0, 65.0), (40.0, 64.0)]);
        assert!(plain.decode(&[view(&[1, 1, 14], &data)], 64, 64, 0.3, |_| true).is_err());
    }

    #[test]
    fn nanodet_distances_are_the_mean_of_their_bins() {
        let detector = Detector { layout: DetectLayout::Nanodet, classes: 2, landmarks: 0 };
        // 32 × 32: 16, 4 and 1 cells.
        let mut scores = [vec![0.0; 32], vec![0.0; 8], vec![0.0; 2]];
        let mut distances = [vec![0.0; 16 * 32], vec![0.0; 4 * 32], vec![0.0; 32]];
        scores[1][3 * 2 + 1] = 0.7; // stride 16, second column, second row
        for (side, bin) in [(0, 1), (1, 2), (3, 1)] {
            distances[1][3 * 32 + side * 8 + bin] = 100.0;
        }
        // The right side's bins are all alike: 3.5.
        let shapes = [[1, 16, 2], [1, 4, 2], [1, 1, 2], [1, 16, 32], [1, 4, 32], [1, 1, 32]];
        let data: Vec<&Vec<f32>> = scores.iter().chain(&distances).collect();
        let outputs: Vec<_> = shapes.iter().zip(&data).map(|(shape, data)| view(shape, data)).collect();
        let found = detector.decode(&outputs, 32, 32, 0.3, |_| true).unwrap();
        assert_eq!((found.len(), found[0].class, found[0].score), (1, 1, 0.7));
        assert_eq!((found[0].bbox.x1, found[0].bbox.x2), (24.0 - 16.0, 24.0 + 56.0));
    }
}
