//! How registrations are written in a country, as character classes by position. A format tells an O from a 0 where a
//! recogniser cannot; where it does not tell, the text stays as it was read.

use super::{Script, normalise};

/// Formats of the configured regions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grammar {
    formats: Vec<Vec<Place>>,
}

/// A text held against a grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// As it was read, or with the confusions replaced that the grammar decides.
    pub text: String,
    /// Does it fit a format? `None` where no region is configured.
    pub fits: Option<bool>,
}

/// The formats that a text may still become as far as it goes.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    formats: Vec<usize>,
    length: usize,
}

/// A region or format that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrammarError {
    #[error("\"{name}\" is no known region;{nearest} known are {known}; or write a format such as \"LL DDD LL\"")]
    Region { name: String, nearest: String, known: String },
    #[error("the format \"{format}\" cannot be used: {message}")]
    Format { format: String, message: &'static str },
}

/// What may stand at one position.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Digit,
    Letter,
    Thai,
    OneOf(Vec<char>),
}

/// A format may be so long, stand for so many lengths, and change so many characters of a text: one that needs two is
/// more likely another country's.
const MAX_LENGTH: usize = 12;
const MAX_VARIANTS: usize = 512;
const MAX_CHANGES: usize = 1;
/// A name this much like a region's, or its country's, may be meant for it (Jaro and Winkler, 0–1).
const ALIKE: f64 = 0.5;

/// `D` a digit, `L` a letter A–Z, `T` a Thai consonant, `[…]` one of these, `?` after any: or nothing. Formats of cars on
/// the road, those no longer given out among them; of Australia those of most states. Where a country has too many to tell
/// anything (US: each state its own, vanity plates) it is not listed.
const REGIONS: &[(&str, &str, &[&str])] = &[
    ("at", "austria", &["LL?DDD?D?D?L?L?L?"]),
    (
        "au",
        "australia",
        &["LLLDDD", "LLLDDL", "LLDDLL", "LLDDDL", "DLLDLL", "DDDLLL", "DDDLLD", "DLLLDDD", "SDDDLLL", "LDDLL"],
    ),
    ("be", "belgium", &["[1-9]LLLDDD"]),
    ("br", "brazil", &["LLLDDDD", "LLLDLDD"]),
    ("ch", "switzerland", &["LLDDDD?D?D?"]),
    ("cz", "czechia", &["DLDDDDD", "DLLDDDD", "LLLDDDD"]),
    ("de", "germany", &["LL?L?LL?DD?D?D?[EH]?"]),
    ("dk", "denmark", &["LLDDDDD"]),
    ("ee", "estonia", &["DDDLLL"]),
    ("es", "spain", &["DDDDLLL", "LL?DDDDLL?"]),
    ("fi", "finland", &["LLLDDD"]),
    ("fr", "france", &["LLDDDLL", "D?D?DDLL?L?DD"]),
    ("gb", "great britain", &["LLDDLLL"]),
    ("hr", "croatia", &["LLDDDD?LL?"]),
    ("hu", "hungary", &["LLLDDD", "LLLLDDD"]),
    ("in", "india", &["LLDD?L?L?L?DDDD", "DDBHDDDDLL?"]),
    ("it", "italy", &["LLDDDLL"]),
    ("lt", "lithuania", &["LLLDDD"]),
    ("lv", "latvia", &["LLDDDD"]),
    ("nl", "netherlands", &["LLDDLL", "DDLLLD", "DLLLDD", "LLDDDL", "LDDDLL", "LLLDDL", "DDLLDD", "DDLLLL"]),
    ("no", "norway", &["LLDDDDD"]),
    ("pl", "poland", &["LLL?DDDDD", "LLL?DDDDL", "LLL?DDDLL", "LLLLDDD", "LLLDLDDD", "LLLDDLDD"]),
    ("pt", "portugal", &["DDLLDD", "DDDDLL", "LLDDDD", "LLDDLL"]),
    ("ro", "romania", &["LLDDLLL", "BDDD?LLL"]),
    ("se", "sweden", &["LLLDDD", "LLLDDL"]),
    ("si", "slovenia", &["LLDDDLL", "LLLLDDD"]),
    ("sk", "slovakia", &["LLDDDLL"]),
    ("th", "thailand", &["D?TTDD?D?D?", "DDDDDD?"]),
];

/// What a letter is where a digit must stand, and a digit where a letter must.
const AS_DIGIT: &[(char, char)] = &[
    ('O', '0'),
    ('D', '0'),
    ('Q', '0'),
    ('I', '1'),
    ('L', '1'),
    ('Z', '2'),
    ('A', '4'),
    ('S', '5'),
    ('G', '6'),
    ('T', '7'),
    ('B', '8'),
];
const AS_LETTER: &[(char, char)] =
    &[('0', 'O'), ('1', 'I'), ('2', 'Z'), ('4', 'A'), ('5', 'S'), ('6', 'G'), ('7', 'T'), ('8', 'B')];

impl Grammar {
    /// The formats of these regions; an entry that is no region's name is a format of its own.
    pub fn of(regions: &[String]) -> Result<Self, GrammarError> {
        let mut formats: Vec<Vec<Place>> = Vec::new();
        for region in regions {
            let known = REGIONS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(region));
            match known {
                Some((.., texts)) => {
                    for text in *texts {
                        formats.extend(variants(text)?);
                    }
                }
                None if is_format(region) => formats.extend(variants(region)?),
                None => return Err(unknown(region)),
            }
        }
        Ok(Self { formats })
    }

    /// A text that fits stays. One that fits after replacing one confusion is replaced, if there is one way; where there are
    /// several nothing is decided.
    pub fn judge(&self, text: &str) -> Judged {
        if self.formats.is_empty() {
            return Judged { text: text.to_owned(), fits: None };
        }
        if self.fits(text) {
            return Judged { text: text.to_owned(), fits: Some(true) };
        }
        let read: Vec<char> = text.chars().collect();
        let mut ways: Vec<String> = self.formats.iter().filter_map(|format| replaced(&read, format)).collect();
        ways.sort();
        ways.dedup();
        match ways.as_slice() {
            [only] => Judged { text: only.clone(), fits: Some(true) },
            _ => Judged { text: text.to_owned(), fits: Some(false) },
        }
    }

    /// Is it a text of one of the formats, as it stands? Any is where no region is configured.
    pub fn fits(&self, text: &str) -> bool {
        let begun = text.chars().try_fold(self.begin(), |begun, character| self.followed_by(&begun, character));
        self.formats.is_empty() || begun.is_some_and(|begun| self.is_whole(&begun))
    }

    /// No text yet.
    pub(super) fn begin(&self) -> Begun {
        Begun { formats: (0..self.formats.len()).collect(), length: 0 }
    }

    /// With one character more; `None` where no format begins so.
    pub(super) fn followed_by(&self, begun: &Begun, character: char) -> Option<Begun> {
        let takes = |format: &usize| {
            let place = self.formats.get(*format).and_then(|places| places.get(begun.length));
            place.is_some_and(|place| place_takes(place, character))
        };
        let formats: Vec<usize> = begun.formats.iter().copied().filter(takes).collect();
        (!formats.is_empty()).then_some(Begun { formats, length: begun.length + 1 })
    }

    /// Does a format end here?
    pub(super) fn is_whole(&self, begun: &Begun) -> bool {
        begun.formats.iter().any(|format| self.formats.get(*format).is_some_and(|places| places.len() == begun.length))
    }

    /// May a plate of these regions carry letters of this script? Any may where no format has letters.
    pub fn takes(&self, script: Script) -> bool {
        let of = |script: Script| {
            self.formats.iter().flatten().any(|place| match place {
                Place::Digit => false,
                Place::Letter => script == Script::Latin,
                Place::Thai => script == Script::Thai,
                Place::OneOf(characters) => characters.iter().any(|&c| script.has(c)),
            })
        };
        of(script) || !of(script.other())
    }

    /// Letters of the formats that an alphabet lacks, as far as the formats need certain ones: all of `A`–`Z`, the Thai
    /// consonants, the digits.
    pub fn missing_from(&self, has: impl Fn(char) -> bool) -> String {
        let needed = |place: Place, all: std::ops::RangeInclusive<char>| {
            let used = self.formats.iter().flatten().any(|p| *p == place);
            all.filter(move |_| used)
        };
        let digits = needed(Place::Digit, '0'..='9');
        let letters = needed(Place::Letter, 'A'..='Z');
        let thai = needed(Place::Thai, 'ก'..='ฮ').filter(|c| place_takes(&Place::Thai, *c));
        digits.chain(letters).chain(thai).filter(|c| !has(*c)).collect()
    }
}

/// A format has no small letters, and is no country's name in capitals.
fn is_format(text: &str) -> bool {
    let is_country = || REGIONS.iter().any(|(_, country, _)| country.eq_ignore_ascii_case(text));
    text.chars().any(|c| "DLT[".contains(c)) && !text.chars().any(char::is_lowercase) && !is_country()
}

fn unknown(name: &str) -> GrammarError {
    let typed = name.to_lowercase();
    let alike =
        |known: &str, country: &str| strsim::jaro_winkler(&typed, known).max(strsim::jaro_winkler(&typed, country));
    let nearest = REGIONS.iter().map(|(known, country, _)| (alike(known, country), known));
    let nearest = nearest.filter(|(likeness, _)| *likeness > ALIKE).max_by(|a, b| a.0.total_cmp(&b.0));
    let nearest = nearest.map(|(_, known)| format!(" did you mean \"{known}\"?")).unwrap_or_default();
    let known = REGIONS.iter().map(|(known, ..)| *known).collect::<Vec<_>>().join(", ");
    GrammarError::Region { name: name.to_owned(), nearest, known }
}

/// The text as the format would have it; `None` where it cannot have it, or only with more than `MAX_CHANGES`.
fn replaced(read: &[char], format: &[Place]) -> Option<String> {
    if read.len() != format.len() {
        return None;
    }
    let mut changes = 0;
    let mut text = String::with_capacity(read.len());
    for (&character, place) in read.iter().zip(format) {
        let fitting = if place_takes(place, character) { Some(character) } else { confused_with(character) };
        let fitting = fitting.filter(|c| place_takes(place, *c))?;
        changes += usize::from(fitting != character);
        text.push(fitting);
    }
    (changes <= MAX_CHANGES).then_some(text)
}

fn confused_with(character: char) -> Option<char> {
    AS_DIGIT.iter().chain(AS_LETTER).find(|(read, _)| *read == character).map(|(_, meant)| *meant)
}

fn place_takes(place: &Place, character: char) -> bool {
    match place {
        Place::Digit => character.is_ascii_digit(),
        Place::Letter => character.is_ascii_uppercase() || ('\u{c0}'..='\u{17f}').contains(&character),
        // No plate carries ฃ, ฅ, or the vocalic ฤ and ฦ.
        Place::Thai => ('ก'..='ฮ').contains(&character) && !"ฃฅฤฦ".contains(character),
        Place::OneOf(characters) => characters.contains(&character),
    }
}

/// All lengths a format stands for.
fn variants(format: &str) -> Result<Vec<Vec<Place>>, GrammarError> {
    let wrong = |message| GrammarError::Format { format: format.to_owned(), message };
    let mut all: Vec<Vec<Place>> = vec![Vec::new()];
    let mut characters = format.chars().filter(|c| !c.is_whitespace()).peekable();
    while let Some(character) = characters.next() {
        let place = match character {
            'D' => Place::Digit,
            'L' => Place::Letter,
            'T' => Place::Thai,
            '[' => {
                let inside: Vec<char> = characters.by_ref().take_while(|c| *c != ']').collect();
                one_of(&inside).ok_or_else(|| wrong("[…] needs characters, as in [ABC] or [1-9]"))?
            }
            '-' => continue,
            c if !normalise(&c.to_string()).is_empty() => Place::OneOf(normalise(&c.to_string()).chars().collect()),
            _ => return Err(wrong("use D, L, T, […], ? and plain letters and digits")),
        };
        let without = if characters.next_if_eq(&'?').is_some() { all.clone() } else { Vec::new() };
        all.iter_mut().for_each(|variant| variant.push(place.clone()));
        all.extend(without);
        all.retain(|variant| variant.len() <= MAX_LENGTH);
        if all.len() > MAX_VARIANTS {
            return Err(wrong("it has too many places with ?"));
        }
    }
    all.retain(|variant| !variant.is_empty());
    if all.is_empty() {
        return Err(wrong("it is empty, or longer than 12 characters"));
    }
    Ok(all)
}

/// `ABC`, or a range such as `1-9`.
fn one_of(inside: &[char]) -> Option<Place> {
    let mut characters = Vec::new();
    let mut rest = inside;
    while let [first, tail @ ..] = rest {
        rest = match tail {
            ['-', last, tail @ ..] if first <= last => {
                characters.extend(*first..=*last);
                tail
            }
            _ => {
                characters.push(*first);
                tail
            }
        };
    }
    (!characters.is_empty()).then_some(Place::OneOf(characters))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grammar(regions: &[&str]) -> Grammar {
        Grammar::of(&regions.iter().map(|&r| r.to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn judged(regions: &[&str], text: &str) -> (String, Option<bool>) {
        let Judged { text, fits } = grammar(regions).judge(text);
        (text, fits)
    }

    #[test]
    fn a_confusion_is_replaced_where_the_format_decides_it() {
        assert_eq!(judged(&["sk"], "BB135B0"), ("BB135BO".into(), Some(true)));
        assert_eq!(judged(&["sk"], "RK708A1"), ("RK708AI".into(), Some(true)));
        assert_eq!(judged(&["br"], "ABC123O"), ("ABC1230".into(), Some(true)));
        assert_eq!(judged(&["LL DD"], "ABO1"), ("AB01".into(), Some(true)), "a format of one's own");
        assert_eq!(judged(&["[1-9]LLLDDD"], "0ABC123").1, Some(false));
    }

    #[test]
    fn what_fits_is_left_alone_and_so_is_what_nothing_decides() {
        assert_eq!(judged(&[], "BB135B0"), ("BB135B0".into(), None));
        assert_eq!(judged(&["sk"], "RK099AN"), ("RK099AN".into(), Some(true)));
        assert_eq!(judged(&["sk"], "0440"), ("0440".into(), Some(false)));
        assert_eq!(judged(&["LLD", "DLL"], "0I1"), ("0I1".into(), Some(false)), "two ways");
        assert_eq!(judged(&["LLLDDDD", "LLLDLDD"], "ABC1I23"), ("ABC1I23".into(), Some(true)), "it fits the second");
        assert_eq!(judged(&["cz"], "X053011"), ("X053011".into(), Some(false)), "a foreign plate with two likenesses");
        assert_eq!(judged(&["sk"], "8813580"), ("8813580".into(), Some(false)), "too many changes");
    }

    #[test]
    fn thai_letters_are_no_latin_ones() {
        assert_eq!(judged(&["th"], "4ขท3055").1, Some(true));
        assert_eq!(judged(&["th"], "กพ1687").1, Some(true));
        assert_eq!(judged(&["th"], "4UW3055").1, Some(false));
        assert_eq!(grammar(&["th"]).missing_from(|c| c.is_ascii()).chars().count(), 42);
        assert_eq!(grammar(&["sk"]).missing_from(|c| c.is_ascii()), "");
    }

    #[test]
    fn regions_say_which_scripts_may_come() {
        let scripts = |regions: &[&str]| {
            let grammar = grammar(regions);
            (grammar.takes(Script::Latin), grammar.takes(Script::Thai))
        };
        assert_eq!(scripts(&[]), (true, true));
        assert_eq!(scripts(&["th"]), (false, true));
        assert_eq!(scripts(&["de", "LL [12]"]), (true, false));
        assert_eq!(scripts(&["th", "de"]), (true, true));
        assert_eq!(scripts(&["[กข] DDDD"]), (false, true));
        assert_eq!(scripts(&["DDDD"]), (true, true), "digits alone say nothing");
    }

    #[test]
    fn unknown_regions_and_formats_are_named() {
        let error = Grammar::of(&["xx".into()]).unwrap_err().to_string();
        assert!(error.starts_with("\"xx\" is no known region; known are at,"), "{error}");
        for (typed, meant) in
            [("svk", "sk"), ("Slovakia", "sk"), ("Czech Republic", "cz"), ("Thailand", "th"), ("ITALY", "it")]
        {
            let error = Grammar::of(&[typed.to_owned()]).unwrap_err().to_string();
            assert!(error.contains(&format!("did you mean \"{meant}\"?")), "{error}");
        }
        for format in ["D?", "[", "L".repeat(13).as_str(), "LL%"] {
            let result = Grammar::of(&[format.to_owned()]);
            assert_eq!(result.is_ok(), format == "D?", "{format}: {result:?}");
        }
        for (name, ..) in REGIONS {
            assert!(Grammar::of(&[(*name).to_owned()]).is_ok(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_judged_text_differs_in_at_most_one_confusion_and_judging_again_changes_nothing(text in "[0-9A-Zกขท]{0,9}") {
            let grammar = grammar(&["sk", "cz", "br", "th", "de"]);
            let judged = grammar.judge(&text);
            prop_assert_eq!(judged.text.chars().count(), text.chars().count());
            let changed: Vec<(char, char)> = text.chars().zip(judged.text.chars()).filter(|(a, b)| a != b).collect();
            prop_assert!(changed.len() <= 1);
            prop_assert!(changed.iter().all(|(a, b)| confused_with(*a) == Some(*b)));
            prop_assert_eq!(grammar.judge(&judged.text), judged);
        }
    }
}
