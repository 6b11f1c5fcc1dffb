//! How well reads agree with the truth. Pure.

use serde::Serialize;

/// What is compared of a text: letters of any script, their marks, and digits; upper case.
pub fn plain(text: &str) -> String {
    crate::vision::normalise(text)
}

/// The text with O as 0 and I as 1: what many plates' own fonts do not tell apart.
pub fn merged(text: &str) -> String {
    plain(text).replace('O', "0").replace('I', "1")
}

/// Characters to insert, delete or replace to make one text the other.
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &b) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

/// One photo's reading against its truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome<'a> {
    pub text: &'a str,
    pub province: &'a str,
    /// Of the surest plate.
    pub read: &'a str,
    pub read_province: &'a str,
    /// Where the truth has a box: whether any plate lies on it, and whether the surest does, if there is one.
    pub on_box: Option<(bool, Option<bool>)>,
}

/// Counts of a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub photos: usize,
    pub exact: usize,
    pub merged: usize,
    characters: usize,
    character_errors: usize,
    boxes: usize,
    boxes_found: usize,
    surest: usize,
    surest_right: usize,
    pub provinces: usize,
    pub provinces_right: usize,
}

impl Tally {
    /// Counts one photo; whether its text is exactly right.
    pub fn count(&mut self, outcome: &Outcome<'_>) -> bool {
        let (truth, read) = (plain(outcome.text), plain(outcome.read));
        let length = truth.chars().count();
        let exact = truth == read;
        self.photos += 1;
        self.exact += usize::from(exact);
        self.merged += usize::from(merged(outcome.text) == merged(outcome.read));
        self.characters += length;
        self.character_errors += distance(&truth, &read).min(length);
        if let Some((found, surest)) = outcome.on_box {
            self.boxes += 1;
            self.boxes_found += usize::from(found);
            self.surest += usize::from(surest.is_some());
            self.surest_right += usize::from(surest == Some(true));
        }
        if !outcome.province.is_empty() {
            self.provinces += 1;
            self.provinces_right += usize::from(outcome.province == outcome.read_province);
        }
        exact
    }

    /// Share of the labelled plates on which a plate was found (IoU .5).
    pub fn recall(&self) -> Option<f64> {
        share(self.boxes_found, self.boxes)
    }

    /// Share of the surest plates that lie on the labelled one. Others may be plates too: only one is labelled.
    pub fn precision(&self) -> Option<f64> {
        share(self.surest_right, self.surest)
    }

    /// Share of the characters read right: 1 − edit distance / length, over all photos.
    pub fn character_accuracy(&self) -> Option<f64> {
        share(self.characters - self.character_errors, self.characters)
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// One event of a clip.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClipEvent {
    pub text: String,
    pub province: Option<String>,
    /// Seconds from the clip's first frame to the vehicle's first read, and to its event.
    pub first_seen_s: f64,
    pub event_s: f64,
}

/// A clip's events against the vehicles that pass in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClipScore {
    pub expected: usize,
    /// Vehicles with an event.
    pub found: usize,
    /// Further events of a vehicle that has one.
    pub duplicated: usize,
    /// Events of no vehicle that is expected.
    pub strange: usize,
    pub exact: usize,
    /// Found with all digits right: what a Latin model can do on a Thai plate.
    pub digits: usize,
}

impl ClipScore {
    /// An event is of the expected vehicle whose text is nearest, if at least half of that was read.
    pub fn of(expected: &[&str], events: &[ClipEvent]) -> Self {
        let mut seen: Vec<Vec<&str>> = vec![Vec::new(); expected.len()];
        let mut strange = 0;
        for event in events {
            let apart = |text: &str| distance(&plain(text), &plain(&event.text));
            let nearest = (0..expected.len()).min_by_key(|&i| apart(expected[i]));
            match nearest.filter(|&i| 2 * apart(expected[i]) <= plain(expected[i]).chars().count()) {
                Some(vehicle) => seen[vehicle].push(&event.text),
                None => strange += 1,
            }
        }
        let with = |right: &dyn Fn(&str, &str) -> bool| {
            expected.iter().zip(&seen).filter(|(truth, texts)| texts.iter().any(|text| right(truth, text))).count()
        };
        Self {
            expected: expected.len(),
            found: with(&|_, _| true),
            duplicated: seen.iter().map(|texts| texts.len().saturating_sub(1)).sum(),
            strange,
            exact: with(&|truth, text| plain(truth) == plain(text)),
            digits: with(&|truth, text| digits(truth) == digits(text)),
        }
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read<'a>(text: &'a str, read: &'a str, on_box: Option<(bool, Option<bool>)>) -> Outcome<'a> {
        Outcome { text, province: "", read, read_province: "", on_box }
    }

    #[test]
    fn photos_are_counted_by_text_character_and_box() {
        let mut tally = Tally::default();
        assert!(tally.count(&read("AB 12", "ab-12", Some((true, Some(true))))));
        assert!(!tally.count(&read("AO12", "A012", Some((true, Some(false))))));
        assert!(!tally.count(&read("ABCD", "", Some((false, None)))));
        tally.count(&Outcome {
            province: "สงขลา", read_province: "สงขลา", ..read("กพ1687", "กพ1687", None)
        });
        assert_eq!((tally.photos, tally.exact, tally.merged), (4, 2, 3));
        assert_eq!((tally.recall(), tally.precision()), (Some(2.0 / 3.0), Some(0.5)));
        assert_eq!(tally.character_accuracy(), Some(13.0 / 18.0));
        assert_eq!((tally.provinces, tally.provinces_right), (1, 1));
        assert_eq!(Tally::default().recall(), None, "nothing is no share of nothing");
    }

    #[test]
    fn a_second_event_of_a_vehicle_is_a_duplicate_and_another_text_a_stranger() {
        let event = |text: &str| ClipEvent { text: text.into(), province: None, first_seen_s: 0.0, event_s: 1.0 };
        let score = ClipScore::of(&["4ขท3055", "กพ1687"], &[event("4UW3055"), event("4ขท3055"), event("XYZ")]);
        let expected = ClipScore { expected: 2, found: 1, duplicated: 1, strange: 1, exact: 1, digits: 1 };
        assert_eq!(score, expected);
    }

    proptest! {
        #[test]
        fn distance_is_a_metric(a in "[AB1]{0,6}", b in "[AB1]{0,6}", c in "[AB1]{0,6}") {
            prop_assert_eq!(distance(&a, &b) == 0, a == b);
            prop_assert_eq!(distance(&a, &b), distance(&b, &a));
            prop_assert!(distance(&a, &c) <= distance(&a, &b) + distance(&b, &c));
        }
    }
}
