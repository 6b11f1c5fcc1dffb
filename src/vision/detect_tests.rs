use super::*;
use proptest::prelude::*;

fn view<'a>(shape: &'a [usize], data: &'a [f32]) -> TensorView<'a> {
    TensorView { name: "output", shape, data }
}

fn all(_: usize) -> bool {
    true
}

#[test]
fn yolox_boxes_are_grid_relative() {
    let detector = Detector { layout: DetectLayout::Yolox, classes: 3, landmarks: 0 };
    // 32 × 32: 16 cells of stride 8, 4 of 16, 1 of 32.
    let mut data = vec![0.0; 21 * 8];
    let cell = 5; // column 1, row 1 of stride 8
    data[cell * 8..][..8].copy_from_slice(&[0.5, 0.25, 0.0, (2f32).ln(), 0.9, 0.1, 0.8, 0.3]);
    let found = detector.decode(&[view(&[1, 21, 8], &data)], 32, 32, 0.3, all).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].class, found[0].score), (1, 0.9 * 0.8));
    assert_eq!(found[0].bbox, BBox::from_center(12.0, 10.0, 8.0, 16.0));
}

#[test]
fn an_unwanted_class_does_not_hide_a_wanted_one() {
    let detector = Detector { layout: DetectLayout::Yolox, classes: 2, landmarks: 0 };
    let mut data = vec![0.0; 21 * 7];
    data[..7].copy_from_slice(&[0.5, 0.5, 0.0, 0.0, 1.0, 0.9, 0.6]);
    let found = detector.decode(&[view(&[1, 21, 7], &data)], 32, 32, 0.3, |class| class == 1).unwrap();
    assert_eq!((found[0].class, found[0].score), (1, 0.6));
}

#[test]
fn yolov8_boxes_are_columns() {
    let detector = Detector { layout: DetectLayout::Yolov8, classes: 2, landmarks: 0 };
    #[rustfmt::skip]
    let data = [
        10.0, 50.0, 0.0,
        20.0, 60.0, 0.0,
        4.0, 8.0, 0.0,
        6.0, 10.0, 0.0,
        0.1, 0.7, 0.0,
        0.2, 0.1, 0.0,
    ];
    let found = detector.decode(&[view(&[1, 6, 3], &data)], 64, 64, 0.3, all).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].class, found[0].bbox), (0, BBox::new(46.0, 55.0, 54.0, 65.0)));
}

#[test]
fn retinaface_boxes_start_from_their_priors() {
    let detector = Detector { layout: DetectLayout::Retinaface, classes: 1, landmarks: 0 };
    // 20 × 9: strides give 3×2, 2×1 and 1×1 cells, two priors each.
    let priors = 18;
    let (mut loc, mut conf, mut landms) = (vec![0.0; priors * 4], vec![0.0; priors * 2], vec![0.0; priors * 8]);
    let prior = 2 * 4 + 1; // second row, second column of stride 8, the larger size
    conf[prior * 2 + 1] = 0.8;
    loc[prior * 4..][..4].copy_from_slice(&[1.0, 0.0, 5.0, 0.0]);
    // Corners told bottom right first: they come back in reading order.
    landms[prior * 8..][..8].copy_from_slice(&[2.0, 1.0, -2.0, 1.0, -2.0, -1.0, 2.0, -1.0]);
    let (l, c, m) = ([1, priors, 4], [1, priors, 2], [1, priors, 8]);
    let outputs = [view(&l, &loc), view(&c, &conf), view(&m, &landms)];
    let found = detector.decode(&outputs, 20, 9, 0.1, all).unwrap();
    assert_eq!(found.len(), 1);
    let (center, size) = ((12.0 + 4.8, 12.0), 48.0f32);
    assert_eq!(found[0].bbox, BBox::from_center(center.0, center.1, size * 1f32.exp(), size));
    let corners = found[0].corners.unwrap().0;
    assert!(corners[0].x < corners[1].x && corners[0].y < corners[3].y && corners[2].x > corners[3].x);
}

#[test]
fn boxes_with_nms_in_the_graph_are_rows_and_may_be_none() {
    let nms7 = Detector { layout: DetectLayout::Nms7, classes: 1, landmarks: 0 };
    let found = nms7.decode(&[view(&[1, 7], &[0.0, 1.0, 2.0, 3.0, 4.0, 0.0, 0.9])], 64, 64, 0.5, all).unwrap();
    assert_eq!((found[0].bbox, found[0].score), (BBox::new(1.0, 2.0, 3.0, 4.0), 0.9));
    assert!(nms7.decode(&[view(&[0, 7], &[])], 64, 64, 0.5, all).unwrap().is_empty());
    let nms6 = Detector { layout: DetectLayout::Nms6, classes: 3, landmarks: 0 };
    let found = nms6.decode(&[view(&[1, 1, 6], &[1.0, 2.0, 3.0, 4.0, 0.9, 2.0])], 64, 64, 0.5, all).unwrap();
    assert_eq!((found[0].class, found[0].score), (2, 0.9));
}

#[test]
fn a_wrong_shape_is_named_with_what_was_expected() {
    let detector = Detector { layout: DetectLayout::Yolox, classes: 80, landmarks: 0 };
    let error = detector.decode(&[view(&[1, 84, 8400], &vec![0.0; 84 * 8400])], 416, 416, 0.3, all).unwrap_err();
    assert_eq!(error.to_string(), "output \"output\" has shape [1, 84, 8400]; the layout yolox needs [1, 3549, 85]");
    let error = Detector { layout: DetectLayout::Retinaface, classes: 1, landmarks: 0 }
        .decode(&[], 64, 64, 0.3, all)
        .unwrap_err();
    assert_eq!(error, DecodeError::Outputs { layout: "retinaface", expected: 3, got: 0 });
}

fn any_layout() -> impl Strategy<Value = DetectLayout> {
    prop_oneof![
        Just(DetectLayout::Yolox),
        Just(DetectLayout::Yolov8),
        Just(DetectLayout::Yolov5),
        Just(DetectLayout::Nanodet),
        Just(DetectLayout::Retinaface),
        Just(DetectLayout::Nms7),
        Just(DetectLayout::Nms6)
    ]
}

fn any_number() -> impl Strategy<Value = f32> {
    prop_oneof![
        4 => -2f32..3.0,
        1 => Just(f32::NAN),
        1 => Just(f32::INFINITY),
        1 => any::<f32>()
    ]
}

proptest! {
    #[test]
    fn no_numbers_make_a_decoder_panic_or_give_a_box_that_is_none(
        layout in any_layout(), seed in proptest::collection::vec(any_number(), 64), rows in 0usize..5,
    ) {
        let detector = Detector { layout, classes: 2, landmarks: 0 };
        let shapes: Vec<Vec<usize>> = detector
            .expected_outputs(Some(40), Some(24)).into_iter()
            .map(|shape| shape.into_iter().map(|side| side.unwrap_or(rows)).collect()).collect();
        let data: Vec<Vec<f32>> = shapes.iter()
            .map(|s| seed.iter().copied().cycle().take(s.iter().product()).collect()).collect();
        let outputs: Vec<_> = shapes.iter().zip(&data).map(|(s, d)| view(s, d)).collect();
        for candidate in detector.decode(&outputs, 40, 24, 0.3, all).unwrap() {
            prop_assert!(candidate.bbox.is_valid() && candidate.score >= 0.3);
        }
    }

    #[test]
    fn no_shape_makes_a_decoder_panic(
        layout in any_layout(), shape in proptest::collection::vec(0usize..9, 0..5), width in 0usize..70, height in 0usize..70,
    ) {
        let data = vec![0.9; shape.iter().product()];
        let output = view(&shape, &data);
        let _ = Detector { layout, classes: 2, landmarks: 0 }.decode(&[output, output, output], width, height, 0.3, all);
    }
}
