use super::*;
use crate::domain::{BBox, CharRead};
use proptest::prelude::*;

fn read(text: &str, confidence: f32) -> PlateRead {
    PlateRead {
        bbox: BBox::new(0.0, 0.0, 120.0, 30.0),
        text: text.into(),
        text_confidence: confidence,
        ..PlateRead::default()
    }
}

fn cast(ballot: &mut Ballot, plate: &PlateRead) {
    ballot.cast(plate, quality(plate));
}

fn ballot(texts: &[&str]) -> Ballot {
    let mut ballot = Ballot::default();
    texts.iter().for_each(|text| cast(&mut ballot, &read(text, 0.9)));
    ballot
}

fn voted(texts: &[&str]) -> String {
    ballot(texts).verdict().unwrap().text
}

#[test]
fn each_character_is_voted_for_itself() {
    // No frame read it right.
    assert_eq!(voted(&["A8C1234", "ABC12Z4", "ABCI234"]), "ABC1234");
}

#[test]
fn a_read_that_lost_or_gained_a_character_still_votes_for_the_others() {
    assert_eq!(voted(&["BC1234", "ABC1234", "ABC1Z34", "ABC11234", "A8C1234"]), "ABC1234");
    assert_eq!(voted(&["ABC123", "ABC1234", "ABC1234"]), "ABC1234");
    assert_eq!(voted(&["ABC1234", "ABC123", "ABC123"]), "ABC123");
}

#[test]
fn a_missing_character_of_the_reference_is_put_back() {
    // "AC1234" is most like all the others, yet two of three have a B.
    assert_eq!(voted(&["AC1234", "ABC1Z34", "ABC1284"]), "ABC1234");
}

#[test]
fn an_unsure_character_gives_way_to_a_sure_one() {
    let mut ballot = ballot(&[]);
    let mut unsure = read("ABC1Z34", 0.9);
    unsure.characters = "ABC1Z34".chars().map(|character| CharRead { character, confidence: 0.99 }).collect();
    unsure.characters[4].confidence = 0.3;
    cast(&mut ballot, &unsure);
    cast(&mut ballot, &unsure);
    cast(&mut ballot, &read("ABC1234", 0.8));
    let verdict = ballot.verdict().unwrap();
    assert_eq!(verdict.text, "ABC1234");
    assert!(verdict.support[4] < verdict.support[0] && verdict.support[0] > 0.99);
}

#[test]
fn one_doubtful_character_makes_the_whole_text_doubtful() {
    let sure = ballot(&["ABC1234"; 6]).verdict().unwrap().certainty();
    let doubtful = ballot(&["ABC1234", "ABC1Z34", "ABC1234", "ABC1Z34", "ABC1234"]).verdict().unwrap();
    assert_eq!(doubtful.text, "ABC1234");
    assert!(doubtful.certainty() < 0.7 * sure, "{} of {sure}", doubtful.certainty());
    assert!(mean(&doubtful.support) > 0.9, "six of seven are agreed on");
}

/// A Thai plate whose second consonant half of the frames could not make out was sent without it, 91 % sure.
#[test]
fn a_character_that_most_reads_have_and_the_text_leaves_out_makes_it_doubtful() {
    let mut ballot = ballot(&["22544"; 2]);
    let mut unsure = read("2ฟ2544", 0.9);
    unsure.characters = "2ฟ2544".chars().map(|character| CharRead { character, confidence: 0.95 }).collect();
    unsure.characters[1].confidence = 0.4;
    (0..3).for_each(|_| cast(&mut ballot, &unsure));
    let verdict = ballot.verdict().unwrap();
    assert_eq!(verdict.text, "22544", "no read is sure of the letter");
    assert!(verdict.certainty() < 0.5, "{}", verdict.certainty());
}

#[test]
fn a_large_sharp_plate_outweighs_small_and_blurred_ones() {
    let mut ballot = Ballot::default();
    let small = PlateRead { bbox: BBox::new(0.0, 0.0, 30.0, 8.0), ..read("A8C1234", 0.8) };
    let blurred = PlateRead { sharpness: Some(0.1), ..read("A8C1234", 0.6) };
    [small, blurred, read("ABC1234", 0.9)].iter().for_each(|plate| cast(&mut ballot, plate));
    assert_eq!(ballot.verdict().unwrap().text, "ABC1234");
}

#[test]
fn the_province_is_voted_too() {
    let mut ballot = Ballot::default();
    for (province, confidence) in [("สงขลา", 0.7), ("กรุงเทพมหานคร", 0.9), ("กรุงเทพมหานคร", 0.9)]
    {
        let plate =
            PlateRead { province: Some(province.into()), province_confidence: 0.9, ..read("1กข1234", confidence) };
        cast(&mut ballot, &plate);
    }
    cast(&mut ballot, &read("1กข1234", 0.9));
    assert_eq!(ballot.verdict().unwrap().province.as_deref(), Some("กรุงเทพมหานคร"));
}

#[test]
fn one_sure_province_outweighs_two_unsure_ones() {
    let mut ballot = Ballot::default();
    for (province, sure) in [("ตราด", 0.4), ("ตราด", 0.35), ("สตูล", 0.9)] {
        let plate =
            PlateRead { province: Some(province.into()), province_confidence: sure, ..read("1กข1234", 0.9) };
        cast(&mut ballot, &plate);
    }
    let verdict = ballot.verdict().unwrap();
    assert_eq!(verdict.province.as_deref(), Some("สตูล"));
    assert!((0.5..0.9).contains(&verdict.province_confidence), "{}", verdict.province_confidence);
}

#[test]
fn the_table_tells_what_was_read_and_how_often() {
    let ballot = ballot(&["ABC1Z34", "ABC1234", "ABC1234"]);
    let table = ballot.table(&ballot.verdict().unwrap());
    assert_eq!((table.reads, table.support.len()), (3, 7));
    let rows: Vec<(&str, u32)> = table.texts.iter().map(|row| (row.text.as_str(), row.reads)).collect();
    assert_eq!(rows, [("ABC1234", 2), ("ABC1Z34", 1)]);
}

proptest! {
    #[test]
    fn a_majority_without_doubt_wins_whatever_else_is_read(
        truth in "[A-Z0-9]{4,9}", noise in proptest::collection::vec("[A-Z0-9]{0,12}", 0..6),
    ) {
        let mut texts: Vec<&str> = noise.iter().map(String::as_str).collect();
        texts.extend(vec![truth.as_str(); noise.len() + 1]);
        prop_assert_eq!(voted(&texts), truth);
    }

    #[test]
    fn every_voted_character_was_read_and_the_ballot_stays_small(
        reads in proptest::collection::vec(("[A-C0-2]{1,8}", 0f32..1.0), 1..80)
    ) {
        let mut ballot = Ballot::default();
        reads.iter().for_each(|(text, confidence)| cast(&mut ballot, &read(text, *confidence)));
        let verdict = ballot.verdict().unwrap();
        prop_assert_eq!(verdict.text.chars().count(), verdict.support.len());
        prop_assert!(verdict.text.chars().all(|c| reads.iter().any(|(text, _)| text.contains(c))));
        prop_assert!(verdict.support.iter().chain(&verdict.confidence).all(|share| (0.0..=1.0).contains(share)));
        prop_assert!(ballot.texts.len() <= MAX_TEXTS);
        prop_assert!(ballot.table(&verdict).texts.len() <= TABLE_TEXTS);
    }

    #[test]
    fn the_order_of_the_frames_decides_nothing(
        (reads, shuffled) in proptest::collection::vec(("[A-C0-2]{3,6}", 0.3f32..1.0, 8f32..60.0), 1..20)
            .prop_flat_map(|reads| (Just(reads.clone()), Just(reads).prop_shuffle()))
    ) {
        let verdict = |reads: &[(String, f32, f32)]| {
            let mut ballot = Ballot::default();
            for (text, confidence, height) in reads {
                let bbox = BBox::new(0.0, 0.0, 4.0 * height, *height);
                cast(&mut ballot, &PlateRead { bbox, province: Some(text.clone()), province_confidence: *confidence, ..read(text, *confidence) });
            }
            ballot.verdict()
        };
        prop_assert_eq!(verdict(&reads), verdict(&shuffled));
    }

    #[test]
    fn an_alignment_walks_through_both_texts(a in "[A-D]{0,8}", b in "[A-D]{0,8}") {
        let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
        let steps = align(&a, &b);
        prop_assert_eq!(steps.iter().filter(|s| !matches!(s, Step::Extra(_))).count(), a.len());
        let walked: Vec<usize> =
            steps.iter().filter_map(|s| match s { Step::Both(i) | Step::Extra(i) => Some(*i), _ => None }).collect();
        prop_assert_eq!(walked, (0..b.len()).collect::<Vec<_>>());
    }
}
