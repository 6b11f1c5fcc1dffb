//! Is this read one of those that somebody waits for? Pure.

use super::entry::{Entry, Mode, Severity};
use crate::domain::{Likeness, confusion_key, likeness, plate_key, province_key};
use serde_json::{Map, Value};

/// Plates of one detection that are looked for. A vehicle has one or two; what sends more is broken or means harm, and
/// each costs the writer a look into the lists.
const MAX_READS: usize = 64;

/// Longest text that can be a plate, in bytes.
const MAX_TEXT: usize = 256;

/// A plate as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    pub text: String,
    /// `None` where it was not read.
    pub province: Option<String>,
}

impl Read {
    /// The plates of a detection's body, each plate and province once.
    pub fn all(body: &Map<String, Value>) -> Vec<Self> {
        let texts = body.get("ocr_results").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut reads: Vec<Self> = Vec::new();
        for (index, text) in texts.iter().enumerate().take(MAX_READS) {
            let Some(text) = text.as_str().filter(|text| text.len() <= MAX_TEXT) else { continue };
            let read = Self { text: text.to_owned(), province: province(body, index) };
            if !plate_key(text).is_empty() && !reads.contains(&read) {
                reads.push(read);
            }
        }
        reads
    }

    pub fn confusion_key(&self) -> String {
        confusion_key(&self.text)
    }
}

/// Parallel to `ocr_results`, or one text for all.
fn province(body: &Map<String, Value>, index: usize) -> Option<String> {
    let province = match body.get("province")? {
        Value::Array(provinces) => provinces.get(index)?.as_str()?,
        one => one.as_str()?,
    };
    (province.len() <= MAX_TEXT && !plate_key(province).is_empty()).then(|| province.to_owned())
}

/// An entry with what its list says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub entry_id: i64,
    pub watchlist_id: i64,
    pub watchlist: String,
    pub entry: Entry,
    /// The entry's, else its list's.
    pub severity: Severity,
    pub note: String,
}

/// A read that an entry waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub wanted: Wanted,
    /// As it was read.
    pub plate: String,
    /// For a person.
    pub why: String,
}

/// What `reads`, captured at `at_us`, hit among `wanted`: each entry once, by the read that is most like it.
pub fn hits(reads: &[Read], wanted: Vec<Wanted>, at_us: i64) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    for wanted in wanted {
        if !wanted.entry.is_valid(at_us) || hits.iter().any(|hit| hit.wanted.entry_id == wanted.entry_id) {
            continue;
        }
        let found = reads.iter().filter_map(|read| Some((why(read, &wanted.entry)?, read)));
        if let Some(((_, why), read)) = found.min_by_key(|((rank, _), _)| *rank) {
            hits.push(Hit { wanted, plate: read.text.clone(), why });
        }
    }
    hits
}

/// Why `read` is taken for `entry`, after how far it is from it; `None` if it is not.
fn why(read: &Read, entry: &Entry) -> Option<(usize, String)> {
    let likeness = likeness(&entry.plate, &read.text)?;
    let swaps = match (&likeness, entry.mode) {
        (Likeness::Same, _) => 0,
        (Likeness::LookAlike(swaps), Mode::Fuzzy) => swaps.len(),
        _ => return None,
    };
    let wanted = province_key(&entry.province);
    let other = read.province.as_ref().filter(|province| !wanted.is_empty() && province_key(province) != wanted);
    match (other, entry.mode) {
        (None, _) => Some((swaps * 2, likeness.to_string())),
        // Provinces are read worse than plates: who asks for look-alikes is told rather than spared.
        (Some(province), Mode::Fuzzy) => Some((swaps * 2 + 1, format!("{likeness}; province read as {province}"))),
        (Some(_), Mode::Exact) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;
    use serde_json::json;

    fn wanted(entry_id: i64, plate: &str, mode: &str, province: &str) -> Wanted {
        let text_of = |field: &str| match field {
            "plate" => plate,
            "match" => mode,
            "province" => province,
            _ => "",
        };
        let entry = Entry::read(text_of, &TimeZone::UTC).unwrap();
        let (severity, note) = (Severity::Warning, String::new());
        Wanted { entry_id, watchlist_id: 1, watchlist: "Stolen".into(), entry, severity, note }
    }

    fn read(text: &str, province: Option<&str>) -> Read {
        Read { text: text.into(), province: province.map(str::to_owned) }
    }

    fn why_of(reads: &[Read], wanted: Wanted) -> Option<String> {
        hits(reads, vec![wanted], 0).pop().map(|hit| hit.why)
    }

    #[test]
    fn spelling_never_matters_and_look_alikes_only_where_asked_for() {
        assert_eq!(why_of(&[read("abc-123", None)], wanted(1, "ABC 123", "exact", "")).as_deref(), Some("same plate"));
        assert_eq!(why_of(&[read("A8C123", None)], wanted(1, "ABC123", "exact", "")), None);
        let why = why_of(&[read("A8C123", None)], wanted(1, "ABC123", "fuzzy", "")).unwrap();
        assert_eq!(why, "look-alikes: B read as 8");
        assert_eq!(why_of(&[read("AXC123", None)], wanted(1, "ABC123", "fuzzy", "")), None, "one off is another car");
    }

    #[test]
    fn a_province_that_was_read_tells_two_cars_apart() {
        let thai = |mode| wanted(1, "กก1234", mode, "เชียงใหม่");
        assert!(why_of(&[read("กก1234", Some("เชียงใหม่"))], thai("exact")).is_some());
        assert!(why_of(&[read("กก1234", None)], thai("exact")).is_some(), "it was not read");
        assert_eq!(why_of(&[read("กก1234", Some("ชลบุรี"))], thai("exact")), None);
        assert!(why_of(&[read("กก1234", Some("ชลบุรี"))], thai("fuzzy")).unwrap().contains("ชลบุรี"));
        let bangkok = [read("กก1234", Some("กรุงเทพมหานคร"))];
        assert!(why_of(&bangkok, wanted(1, "กก1234", "exact", "กทม.")).is_some(), "as people write it");
    }

    #[test]
    fn an_entry_hits_once_by_the_read_most_like_it() {
        let reads = [read("A8C123", None), read("ABC123", None)];
        let hit = hits(&reads, vec![wanted(1, "ABC123", "fuzzy", ""), wanted(1, "ABC123", "fuzzy", "")], 0);
        assert_eq!((hit.len(), hit[0].plate.as_str()), (1, "ABC123"));
    }

    #[test]
    fn the_plates_of_a_body_are_taken_with_their_provinces() {
        let body = json!({"ocr_results": ["A1", "", "B2", "A1", 7], "province": ["x", null, "y", "x"]});
        let reads = Read::all(body.as_object().unwrap());
        assert_eq!(reads, [read("A1", Some("x")), read("B2", Some("y"))]);
        let many = json!({"ocr_results": (0..1000).map(|n| n.to_string()).collect::<Vec<_>>()});
        assert_eq!(Read::all(many.as_object().unwrap()).len(), MAX_READS);
    }

    proptest! {
        #[test]
        fn outside_its_window_an_entry_never_hits(
            from in proptest::option::of(0i64..100), to in proptest::option::of(0i64..100), at in -10i64..110,
            fuzzy in any::<bool>(),
        ) {
            let mut wanted = wanted(1, "ABC123", if fuzzy { "fuzzy" } else { "exact" }, "");
            (wanted.entry.valid_from_us, wanted.entry.valid_to_us) = (from, to);
            let inside = from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to);
            prop_assert_eq!(!hits(&[read("ABC123", None)], vec![wanted], at).is_empty(), inside);
        }

        /// The lists are asked by confusion key alone: nothing that hits may have another one.
        #[test]
        fn what_hits_has_the_entrys_confusion_key(
            plate in "[A-Z0-9กขคชซ]{1,7}", text in "[A-Za-z0-9กขคชซ -]{0,8}", fuzzy in any::<bool>(),
        ) {
            let wanted = wanted(1, &plate, if fuzzy { "fuzzy" } else { "exact" }, "");
            let read = read(&text, None);
            if !hits(std::slice::from_ref(&read), vec![wanted.clone()], 0).is_empty() {
                prop_assert_eq!(wanted.entry.keys().confusion, read.confusion_key());
                prop_assert!(fuzzy || wanted.entry.keys().plate == plate_key(&text));
            } else if fuzzy {
                prop_assert_ne!(wanted.entry.keys().confusion, read.confusion_key());
            }
        }

        #[test]
        fn any_body_gives_an_answer(text in "\\PC{0,40}", province in "\\PC{0,40}") {
            let body = json!({"ocr_results": [text], "province": province});
            let _ = hits(&Read::all(body.as_object().unwrap()), vec![wanted(1, "A1", "fuzzy", "b")], 0);
        }
    }
}
