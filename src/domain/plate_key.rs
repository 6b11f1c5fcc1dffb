//! How plates are compared. A *plate key* is what is left of a plate's text when nobody minds how it was written; a
//! *confusion key* is what is left when nobody minds either which of two look-alike characters was read.
//!
//! Both are for comparing only: what was sent is stored and shown as it was.

use icu_normalizer::ComposingNormalizerBorrowed;
use std::fmt;

/// Characters that a camera takes for one another. Each row is one class, named by its first character; the digit goes
/// first where there is one, and a Thai digit is the digit it means. A character is in one row at the most.
const LOOK_ALIKES: &[&str] = &[
    "0OQD๐",
    "1IL๑",
    "2Z๒",
    "3๓",
    "4๔",
    "5S๕",
    "6G๖",
    "7๗",
    "8B๘",
    "9๙",
    "กถภ",
    "ขฃชซ",
    "คฅศดต",
    "ฎฏ",
    "ณฌญ",
    "ทฑห",
    "นม",
    "บปษ",
    "พฟผฝฬ",
    "รธฐ",
    "ลส",
    "อฮ",
];

/// Shorter plates are alike only by look-alikes: a character more or less would make too many of them the same.
const ONE_OFF_FROM: usize = 4;

/// NFC, upper case, and of that only letters, digits and the marks that belong to Thai letters: no spaces, dashes, dots.
///
/// ```
/// assert_eq!(lpr::domain::plate_key(" 1กก-1234 "), "1กก1234");
/// ```
pub fn plate_key(text: &str) -> String {
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    let upper = nfc.normalize(text).to_uppercase();
    // Upper-casing may decompose, and what fell may have stood between a letter and its mark.
    let kept: String = nfc.normalize(&upper).chars().filter(|&c| is_key_character(c)).collect();
    nfc.normalize(&kept).into_owned()
}

/// The plate key with every look-alike written as the first of its class. It has as many characters as the plate key.
///
/// ```
/// use lpr::domain::confusion_key;
/// assert_eq!(confusion_key("OB 1Z"), confusion_key("08-I2"));
/// ```
pub fn confusion_key(text: &str) -> String {
    plate_key(text).chars().map(class_of).collect()
}

fn is_key_character(c: char) -> bool {
    // The vowels and tone marks of Thai: not all of them are letters to Unicode.
    c.is_alphanumeric() || matches!(c, '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}')
}

fn class_of(c: char) -> char {
    let class = LOOK_ALIKES.iter().find(|class| class.contains(c));
    class.and_then(|class| class.chars().next()).unwrap_or(c)
}

/// How a read is like the plate that was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Likeness {
    /// The same plate key.
    Same,
    /// Only look-alikes differ.
    LookAlike(Vec<Swap>),
    /// One character is another, missing, or too many; look-alikes may differ beside it.
    OneOff { change: Change, swaps: Vec<Swap> },
}

/// A look-alike: `wanted` was read as `read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swap {
    pub wanted: char,
    pub read: char,
}

/// The one difference that no look-alike explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Other(Swap),
    /// The read lacks it.
    Missing(char),
    /// The read has it in addition.
    Extra(char),
}

/// Is `read` the plate `wanted`, or like enough to be shown for it? `None` if not, and where either has no letter or
/// digit at all.
pub fn likeness(wanted: &str, read: &str) -> Option<Likeness> {
    let (wanted, read): (Vec<char>, Vec<char>) =
        (plate_key(wanted).chars().collect(), plate_key(read).chars().collect());
    if wanted.is_empty() || read.is_empty() {
        return None;
    }
    if wanted == read {
        return Some(Likeness::Same);
    }
    let same = |a: &char, b: &char| class_of(*a) == class_of(*b);
    let head = wanted.iter().zip(&read).take_while(|(a, b)| same(a, b)).count();
    if head == wanted.len() && head == read.len() {
        return Some(Likeness::LookAlike(swaps(&wanted, &read)));
    }
    if wanted.len().min(read.len()) < ONE_OFF_FROM {
        return None;
    }
    let (w, r) = (&wanted[head..], &read[head..]);
    let ends_alike = |w: &[char], r: &[char]| w.len() == r.len() && w.iter().zip(r).all(|(a, b)| same(a, b));
    let (change, w, r) = match (w, r) {
        ([a, w @ ..], [b, r @ ..]) if ends_alike(w, r) => (Change::Other(Swap { wanted: *a, read: *b }), w, r),
        ([a, w @ ..], r) if ends_alike(w, r) => (Change::Missing(*a), w, r),
        (w, [b, r @ ..]) if ends_alike(w, r) => (Change::Extra(*b), w, r),
        _ => return None,
    };
    let mut all = swaps(&wanted[..head], &read[..head]);
    all.extend(swaps(w, r));
    Some(Likeness::OneOff { change, swaps: all })
}

fn swaps(wanted: &[char], read: &[char]) -> Vec<Swap> {
    let pairs = wanted.iter().zip(read).filter(|(a, b)| a != b);
    pairs.map(|(&wanted, &read)| Swap { wanted, read }).collect()
}

impl fmt::Display for Swap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} read as {}", self.wanted, self.read)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Other(swap) => swap.fmt(f),
            Change::Missing(c) => write!(f, "{c} not read"),
            Change::Extra(c) => write!(f, "{c} read in addition"),
        }
    }
}

/// Why it matched, for a person.
impl fmt::Display for Likeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |swaps: &[Swap]| swaps.iter().map(Swap::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Likeness::Same => f.write_str("same plate"),
            Likeness::LookAlike(swaps) => write!(f, "look-alikes: {}", list(swaps)),
            Likeness::OneOff { change, swaps } if swaps.is_empty() => write!(f, "one character differs: {change}"),
            Likeness::OneOff { change, swaps } => {
                write!(f, "one character differs: {change}; look-alikes: {}", list(swaps))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Levenshtein's distance, the slow and sure way.
    fn distance(a: &[char], b: &[char]) -> usize {
        let mut row: Vec<usize> = (0..=b.len()).collect();
        for (i, x) in a.iter().enumerate() {
            let mut corner = std::mem::replace(&mut row[0], i + 1);
            for (j, y) in b.iter().enumerate() {
                let cost = corner + usize::from(x != y);
                corner = row[j + 1];
                row[j + 1] = cost.min(row[j] + 1).min(corner + 1);
            }
        }
        row[b.len()]
    }

    fn why(wanted: &str, read: &str) -> Option<String> {
        likeness(wanted, read).map(|likeness| likeness.to_string())
    }

    proptest! {
        #[test]
        fn a_key_is_its_own_key(text in "\\PC{0,20}") {
            let key = plate_key(&text);
            prop_assert_eq!(plate_key(&key), key.clone());
            let confusion = confusion_key(&text);
            prop_assert_eq!(confusion_key(&confusion), confusion.clone());
            prop_assert_eq!(confusion_key(&key), confusion);
        }

        #[test]
        fn case_and_what_stands_between_never_matter(plate in "[0-9A-Zก-ฮ]{1,8}", between in "[ .\\-·/_]{0,3}") {
            let spaced: String = plate.to_lowercase().chars().flat_map(|c| [c.to_string(), between.clone()]).collect();
            prop_assert_eq!(plate_key(&spaced), plate);
        }

        #[test]
        fn both_keys_have_as_many_characters(text in "\\PC{0,20}") {
            prop_assert_eq!(plate_key(&text).chars().count(), confusion_key(&text).chars().count());
        }

        #[test]
        fn likeness_is_distance_one_between_confusion_keys(a in "[0O1IกถAข]{3,7}", b in "[0O1IกถAข]{3,7}") {
            let (one, two): (Vec<_>, Vec<_>) = (confusion_key(&a).chars().collect(), confusion_key(&b).chars().collect());
            let expected = match distance(&one, &two) {
                0 => true,
                1 => one.len().min(two.len()) >= ONE_OFF_FROM,
                _ => false,
            };
            prop_assert_eq!(likeness(&a, &b).is_some(), expected);
            prop_assert_eq!(likeness(&b, &a).is_some(), expected, "the same the other way round");
        }
    }

    #[test]
    fn no_character_has_two_classes() {
        let all: Vec<char> = LOOK_ALIKES.iter().flat_map(|class| class.chars()).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }

    #[test]
    fn composed_and_decomposed_upper_and_lower_are_one_key() {
        assert_eq!(plate_key("m-u\u{308} 1"), "MÜ1");
        assert_eq!(plate_key("MÜ 1"), "MÜ1");
        assert_eq!(plate_key("straße 5"), "STRASSE5");
        assert_eq!(plate_key("กท. ๑๒๓๔"), "กท๑๒๓๔");
        assert_eq!(plate_key("น้ำ"), "น้ำ", "Thai vowels and tone marks stay");
        assert_eq!(plate_key(" -·. "), "");
    }

    #[test]
    fn look_alikes_have_one_confusion_key() {
        for (one, two) in
            [("O", "0"), ("Q", "D"), ("I", "1"), ("L", "I"), ("B", "8"), ("S", "5"), ("Z", "2"), ("G", "6")]
        {
            assert_eq!(confusion_key(one), confusion_key(two), "{one} {two}");
        }
        for (one, two) in
            [("ค", "ศ"), ("ด", "ต"), ("ช", "ซ"), ("ข", "ฃ"), ("ฎ", "ฏ"), ("บ", "ป"), ("พ", "ฟ"), ("ผ", "ฝ")]
        {
            assert_eq!(confusion_key(one), confusion_key(two), "{one} {two}");
        }
        assert_eq!(confusion_key("๑กข๙"), confusion_key("1กข9"));
        assert_ne!(confusion_key("A"), confusion_key("4"));
    }

    #[test]
    fn a_match_says_why() {
        assert_eq!(why("ab 123", "AB-123").as_deref(), Some("same plate"));
        assert_eq!(why("1กข 808", "1กช 8O8").as_deref(), Some("look-alikes: ข read as ช, 0 read as O"));
        assert_eq!(why("AB1234", "AB1734").as_deref(), Some("one character differs: 2 read as 7"));
        assert_eq!(why("AB1234", "AB234").as_deref(), Some("one character differs: 1 not read"));
        assert_eq!(why("AB1234", "AB12349").as_deref(), Some("one character differs: 9 read in addition"));
        let both = "one character differs: A read as 4; look-alikes: B read as 8";
        assert_eq!(why("AB1234", "481234").as_deref(), Some(both));
        assert_eq!(why("AB12", "CD12"), None);
        assert_eq!(why("AB1", "AB7"), None, "too short to forgive a character");
        assert_eq!(why("", ""), None);
        assert_eq!(why("--", "AB"), None);
    }
}
