//! What a recogniser's output is read as.

use super::*;
use proptest::prelude::*;

fn view<'a>(shape: &'a [usize], data: &'a [f32]) -> TensorView<'a> {
    TensorView { name: "text", shape, data }
}

/// Rows with one sure class each.
fn rows(classes: usize, sure: &[(usize, f32)]) -> Vec<f32> {
    sure.iter().flat_map(|&(class, p)| (0..classes).map(move |c| if c == class { p } else { 0.01 })).collect()
}

#[test]
fn ctc_merges_runs_and_a_blank_parts_doubles() {
    let alphabet = Alphabet::from_text("AB1");
    let data = rows(4, &[(0, 0.9), (1, 0.5), (1, 0.8), (0, 0.9), (1, 0.6), (3, 0.7)]);
    let read = decode_ctc(&view(&[1, 6, 4], &data), &alphabet, Blank::First).unwrap();
    assert_eq!(read.text, "AA1");
    let confidences: Vec<f32> = read.characters.iter().map(|c| c.confidence).collect();
    assert_eq!(confidences, [0.8, 0.6, 0.7]);
    assert!((read.confidence - 0.7 * 0.99).abs() < 1e-6, "mean, and as good as nothing between them");
}

#[test]
fn a_character_that_was_nearly_read_makes_the_text_unsure() {
    let alphabet = Alphabet::from_text("AB1");
    let sure = rows(4, &[(1, 1.0), (0, 0.6), (0, 0.6), (2, 1.0), (0, 0.6), (0, 0.6)]);
    let decode = |data: &[f32]| decode_ctc(&view(&[1, 6, 4], data), &alphabet, Blank::First).unwrap();
    assert!(decode(&sure).least_certain() > 0.98);
    let with = |step: usize, class: usize| {
        let mut data = sure.clone();
        data[step * 4 + class] = 0.4;
        decode(&data)
    };
    let between = with(2, 3);
    assert_eq!(
        (between.text.as_str(), between.lost, between.confidence),
        ("AB", Lost { inside: 0.4, anywhere: 0.4 }, 0.6)
    );
    assert_eq!(between.least_certain(), 0.6);
    let behind = with(5, 3);
    assert!(behind.confidence > 0.98 && behind.least_certain() == 0.6, "{behind:?}");
    assert!(with(4, 2).least_certain() > 0.98, "the end of the B");
}

#[test]
fn a_character_that_two_steps_share_is_read_though_each_of_them_rather_shows_a_gap() {
    let alphabet = Alphabet::from_text("AB1");
    let gap = [0.98, 0.0, 0.0, 0.0];
    let decode = |first: [f32; 4], second: [f32; 4]| {
        let data = [[0.0, 1.0, 0.0, 0.0], gap, first, second, gap, [0.0, 0.0, 1.0, 0.0]].concat();
        decode_ctc(&view(&[1, 6, 4], &data), &alphabet, Blank::First).unwrap()
    };
    let read = decode([0.55, 0.0, 0.0, 0.45], [0.55, 0.0, 0.0, 0.45]);
    assert_eq!((read.text.as_str(), read.lost), ("A1B", Lost::default()), "a gap in both has 0.3 of the probability");
    assert_eq!(read.least_certain(), 0.45, "no surer than a step was of it");
    let read = decode([0.8, 0.0, 0.0, 0.2], [0.8, 0.0, 0.0, 0.2]);
    assert_eq!((read.text.as_str(), read.least_certain()), ("AB", 0.8));
    let read = decode([0.55, 0.0, 0.0, 0.45], [0.55, 0.0, 0.45, 0.0]);
    assert_eq!((read.text.as_str(), read.least_certain()), ("AB", 0.55), "two that are one each are nothing clear");
}

#[test]
fn what_stands_on_no_plate_is_not_lost() {
    let alphabet = Alphabet::from_lines("A\n-\n京");
    let data = [[0.0, 1.0, 0.0, 0.0, 0.0], [0.4, 0.0, 0.3, 0.2, 0.1]].concat();
    let read = decode_ctc(&view(&[1, 2, 5], &data), &alphabet, Blank::First).unwrap();
    assert_eq!((read.text.as_str(), read.lost, read.confidence), ("A", Lost::default(), 1.0));
}

#[test]
fn gaps_fall_and_do_not_count_for_the_confidence() {
    let alphabet = Alphabet::from_lines("a\n-");
    assert_eq!(alphabet.len(), 3, "the space comes on top");
    let data = rows(4, &[(1, 0.8), (2, 0.3), (1, 0.8), (3, 0.2)]);
    let read = decode_ctc(&view(&[1, 4, 4], &data), &alphabet, Blank::First).unwrap();
    assert_eq!((read.text.as_str(), read.confidence), ("AA", 0.8));
}

#[test]
fn the_blank_may_be_last_and_scores_may_be_raw() {
    let alphabet = Alphabet::from_text("AB1");
    let data = rows(4, &[(3, 9.0), (0, 9.0), (3, 9.0), (0, 9.0), (2, 9.0)]);
    let raw = view(&[1, 5, 4], &data);
    let probabilities = softmax(&raw);
    let read = decode_ctc(&TensorView { data: &probabilities, ..raw }, &alphabet, Blank::Last).unwrap();
    assert_eq!(read.text, "AA1");
    assert!(read.confidence > 0.99 && read.confidence < 1.0, "{}", read.confidence);
}

#[test]
fn without_a_script_the_next_likeliest_letter_is_read() {
    let alphabet = Alphabet::from_text("SEร6");
    let mut data = rows(5, &[(2, 0.9), (3, 0.5), (4, 0.9)]);
    data[5 + 1] = 0.4;
    let output = view(&[1, 3, 5], &data);
    assert_eq!(decode_ctc(&output, &alphabet, Blank::First).unwrap().text, "Eร6");
    let latin = without(&output, &alphabet, 1, Script::Thai);
    let read = decode_ctc(&TensorView { data: &latin, ..output }, &alphabet, Blank::First).unwrap();
    assert_eq!((read.text.as_str(), read.characters[1].confidence), ("ES6", 0.4));
}

fn read(text: &str) -> TextRead {
    TextRead::from_raw(text.chars().map(|character| CharRead { character, confidence: 0.9 }), Lost::default())
}

#[test]
fn a_text_cut_off_by_its_box_is_known_again_in_the_whole_one() {
    let part = read("0440");
    assert!(read("1B70440").continues(&part) && read("RK977AF").continues(&read("RK977A")));
    assert!(!read("1B70448").continues(&part), "another text");
    assert!(!part.continues(&part) && !read("44").continues(&part));
    assert!(!read("1B70440").continues(&read("44")), "too little to know it again");
    assert!(part.may_be_a_part() && read("RK977A").may_be_a_part());
    assert!(!read("44").may_be_a_part() && !read("RK977AF").may_be_a_part());
    assert!(!read("CALIFORNIA0440").continues(&part), "no registration is so long");
}

#[test]
fn slots_drop_the_pad() {
    let data = rows(3, &[(0, 0.9), (2, 0.9), (1, 0.7)]);
    let read = decode_slots(&view(&[1, 3, 3], &data), &Alphabet::from_text("A1_"), '_').unwrap();
    assert_eq!(read.text, "A1");
}

#[test]
fn a_foreign_alphabet_or_shape_is_refused() {
    let data = vec![0.1; 12];
    let error = decode_ctc(&view(&[1, 3, 4], &data), &Alphabet::from_text("ABCDEF"), Blank::First).unwrap_err();
    assert!(error.to_string().starts_with("an alphabet of 6 characters does not fit 4 classes"));
    assert!(decode_slots(&view(&[3, 4], &data), &Alphabet::from_text("ABC_"), '_').is_err());
    assert!(decode_ctc(&view(&[1, 0, 0], &[]), &Alphabet::from_text(""), Blank::First).is_err());
}

proptest! {
    #[test]
    fn a_text_with_more_before_or_behind_it_continues_it(
        before in "[A-C1-3]{0,5}", text in "[A-C1-3]{0,8}", behind in "[A-C1-3]{0,5}", other in "[A-C1-3]{0,12}",
    ) {
        let whole = format!("{before}{text}{behind}");
        let known_again = text.len() >= SHORTEST_PART && whole.len() > text.len() && whole.len() <= LONGEST;
        prop_assert_eq!(read(&whole).continues(&read(&text)), known_again);
        if read(&other).continues(&read(&text)) {
            prop_assert!(other.contains(&text) && !read(&text).continues(&read(&other)));
        }
    }

    #[test]
    fn the_likeliest_is_the_first_of_the_highest(
        values in proptest::collection::vec(prop_oneof![4 => 0f32..1.0, 1 => Just(0.5), 1 => Just(f32::NAN)], 0..70),
    ) {
        let mut expected = (0, f32::NEG_INFINITY);
        for (class, &p) in values.iter().enumerate() {
            if p > expected.1 {
                expected = (class, p);
            }
        }
        prop_assert_eq!(most_likely(&values), (expected.0, expected.1.clamp(0.0, 1.0)));
    }

    #[test]
    fn any_numbers_give_a_text_whose_characters_agree_with_it(
        data in proptest::collection::vec(prop_oneof![3 => 0f32..1.0, 1 => any::<f32>()], 60),
    ) {
        let alphabet = Alphabet::from_text("ABก-1");
        for read in [
            decode_ctc(&view(&[1, 10, 6], &data), &alphabet, Blank::First).unwrap(),
            decode_slots(&view(&[1, 12, 5], &data), &alphabet, '-').unwrap(),
        ] {
            prop_assert_eq!(&read.text, &read.characters.iter().map(|c| c.character).collect::<String>());
            prop_assert!((0.0..=1.0).contains(&read.confidence));
            prop_assert!(read.characters.iter().all(|c| (0.0..=1.0).contains(&c.confidence)));
        }
    }
}
