//! A plate that is looked for, and where its like may lie in the index.

use super::plates::{stored_key, stored_province};
use crate::domain::{ProvinceStart, confusion_key, likeness, may_be_province, split_province};
use rusqlite::{Connection, OptionalExtension, Result};

/// Greater than every character of a key.
const BEYOND: char = char::MAX;

/// How alike a plate must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The same plate key.
    Exact,
    /// A plate key that begins like this.
    Prefix,
    /// Look-alikes, and one character off.
    Fuzzy,
}

/// Plates that are looked for: what one of the ways finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    ways: Vec<Way>,
}

/// What a plate must be: like the text, where there is one, and of all these provinces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    look: Option<Look>,
    provinces: Vec<ProvinceStart>,
}

/// A text that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Look {
    mode: Mode,
    key: String,
    confusion: String,
}

/// Where to look in an index: keys of `column`, both ends included.
pub(super) struct Span {
    pub column: Column,
    pub from: String,
    pub to: String,
}

/// What an index is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Confusion,
    Province,
}

impl Wanted {
    /// The text is a plate; a plate and the beginning of its province in Thailand; or that beginning alone. `None` where it
    /// has no letter or digit.
    pub fn new(text: &str, mode: Mode) -> Option<Self> {
        let key = stored_key(text);
        if key.is_empty() {
            return None;
        }
        let (mut look, mut province) = (None, may_be_province(&key).then_some(key.as_str()));
        if let Some((registration, behind)) = split_province(&key) {
            // Nothing was left out of it.
            let mode = if mode == Mode::Prefix { Mode::Exact } else { mode };
            (look, province) = (Some(Look::new(registration.to_owned(), mode)), Some(behind));
        }
        let of_province = province.and_then(ProvinceStart::new).map(|start| Way { look, provinces: vec![start] });
        let whole = Way { look: Some(Look::new(key, mode)), provinces: Vec::new() };
        Some(Self { ways: [whole].into_iter().chain(of_province).collect() })
    }

    /// Of any plate, where no `plate` is given, only those of a province that begins so. `None` where the text has no letter.
    pub fn in_province(plate: Option<Self>, text: &str) -> Option<Self> {
        let start = ProvinceStart::new(&stored_key(text))?;
        let any = || Self { ways: vec![Way { look: None, provinces: Vec::new() }] };
        let mut wanted = plate.unwrap_or_else(any);
        for way in &mut wanted.ways {
            way.provinces.push(start.clone());
        }
        Some(wanted)
    }

    /// Must provinces be known to answer it?
    pub fn has_province(&self) -> bool {
        self.ways.iter().any(Way::has_province)
    }

    pub(super) fn ways(&self) -> &[Way] {
        &self.ways
    }

    /// Is a stored plate one of those that are looked for?
    pub fn matches(&self, key: &str, province: Option<&str>) -> bool {
        self.ways.iter().any(|way| way.matches(key, province))
    }

    /// Why a text, of this province, matches, for a person.
    pub fn why(&self, text: &str, province: Option<&str>) -> Option<String> {
        let key = stored_key(text);
        let province_key = province.and_then(stored_province);
        let way = self.ways.iter().find(|way| !key.is_empty() && way.matches(&key, province_key.as_deref()))?;
        let plate = way.look.as_ref().and_then(|look| look.why(&key));
        let province = province.filter(|_| way.has_province()).map(|province| format!("province {province}"));
        Some(plate.into_iter().chain(province).collect::<Vec<_>>().join("; "))
    }
}

impl Way {
    fn matches(&self, key: &str, province: Option<&str>) -> bool {
        self.looks_like(key) && self.is_of(province)
    }

    pub fn looks_like(&self, key: &str) -> bool {
        self.look.as_ref().is_none_or(|look| look.matches(key))
    }

    /// Does it ask for a province?
    pub fn has_province(&self) -> bool {
        !self.provinces.is_empty()
    }

    pub fn is_of(&self, province: Option<&str>) -> bool {
        self.provinces.iter().all(|start| province.is_some_and(|province| start.matches(province)))
    }

    /// The spans that hold all that match and, of plates, little else.
    pub fn spans(&self, conn: &Connection) -> Result<Vec<Span>> {
        if let Some(look) = &self.look {
            let spans = look.spans(conn)?.into_iter();
            return Ok(spans.map(|(from, to)| Span { column: Column::Confusion, from, to }).collect());
        }
        // Those of the shortest beginning would hold what the others hold as well.
        let Some(start) = self.provinces.iter().max_by_key(|start| start.start().len()) else { return Ok(Vec::new()) };
        let known = start.keys().iter().map(|key| (key.clone(), key.clone()));
        let others = (start.start().to_owned(), format!("{}{BEYOND}", start.start()));
        Ok(known.chain([others]).map(|(from, to)| Span { column: Column::Province, from, to }).collect())
    }
}

impl Look {
    fn new(key: String, mode: Mode) -> Self {
        Self { mode, confusion: confusion_key(&key), key }
    }

    fn matches(&self, key: &str) -> bool {
        match self.mode {
            Mode::Exact => key == self.key,
            Mode::Prefix => key.starts_with(&self.key),
            Mode::Fuzzy => likeness(&self.key, key).is_some(),
        }
    }

    fn why(&self, key: &str) -> Option<String> {
        match self.mode {
            Mode::Prefix if key != self.key => Some(format!("begins with {}", self.key)),
            Mode::Exact | Mode::Prefix => Some("same plate".to_owned()),
            Mode::Fuzzy => likeness(&self.key, key).map(|likeness| likeness.to_string()),
        }
    }

    /// The spans of confusion keys, both ends included.
    fn spans(&self, conn: &Connection) -> Result<Vec<(String, String)>> {
        let whole = |key: String| (key.clone(), key);
        match self.mode {
            Mode::Exact => Ok(vec![whole(self.confusion.clone())]),
            Mode::Prefix => Ok(vec![(self.confusion.clone(), format!("{}{BEYOND}", self.confusion))]),
            Mode::Fuzzy => Ok(self.near(conn)?.into_iter().map(whole).collect()),
        }
    }

    /// The stored confusion keys at a distance of one at the most. Walks the index as a tree: which characters follow what
    /// is equal up to here is asked of it, so that the cost depends on the alphabet in use and not on the number of reads.
    fn near(&self, conn: &Connection) -> Result<Vec<String>> {
        let wanted: Vec<char> = self.confusion.chars().collect();
        let mut near = vec![self.confusion.clone()];
        for at in 0..=wanted.len() {
            let head: String = wanted[..at].iter().collect();
            let tail: String = wanted[at..].iter().collect();
            let rest: String = wanted.iter().skip(at + 1).collect();
            if at < wanted.len() {
                near.push(format!("{head}{rest}"));
            }
            let mut following = next(conn, &head, None)?;
            if following.is_none() && !exists(conn, &head)? {
                break;
            }
            while let Some(c) = following {
                near.push(format!("{head}{c}{tail}"));
                if at < wanted.len() && c != wanted[at] {
                    near.push(format!("{head}{c}{rest}"));
                }
                following = next(conn, &head, Some(c))?;
            }
        }
        near.sort_unstable();
        near.dedup();
        let mut stored = Vec::new();
        for key in near {
            if self.matches(&key) && exists(conn, &key)? {
                stored.push(key);
            }
        }
        Ok(stored)
    }
}

/// The first character above `after` that follows `head` in any stored confusion key.
fn next(conn: &Connection, head: &str, after: Option<char>) -> Result<Option<char>> {
    let above = match after {
        // Every character may follow the last one; the whole key is not longer than its head.
        None => "\u{1}".to_owned(),
        Some(c) => format!("{c}{BEYOND}"),
    };
    let found: Option<String> = conn
        .prepare_cached(
            "SELECT confusion FROM plates INDEXED BY plates_by_confusion WHERE confusion > ?1 AND confusion < ?2
             ORDER BY confusion LIMIT 1",
        )?
        .query_row([format!("{head}{above}"), format!("{head}{BEYOND}")], |row| row.get(0))
        .optional()?;
    Ok(found.and_then(|key| key.strip_prefix(head)?.chars().next()))
}

fn exists(conn: &Connection, key: &str) -> Result<bool> {
    conn.prepare_cached("SELECT 1 FROM plates INDEXED BY plates_by_confusion WHERE confusion = ?1 LIMIT 1")?
        .exists([key])
}
