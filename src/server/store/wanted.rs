//! A plate that is looked for, and where its like may lie in the index.

use super::plates::stored_key;
use crate::domain::{confusion_key, likeness};
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

/// A plate that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    mode: Mode,
    key: String,
    confusion: String,
}

impl Wanted {
    /// `None` where `text` has no letter or digit.
    pub fn new(text: &str, mode: Mode) -> Option<Self> {
        let key = stored_key(text);
        (!key.is_empty()).then(|| Self { mode, confusion: confusion_key(&key), key })
    }

    /// Is a stored key one of those that are looked for?
    pub fn matches(&self, key: &str) -> bool {
        match self.mode {
            Mode::Exact => key == self.key,
            Mode::Prefix => key.starts_with(&self.key),
            Mode::Fuzzy => likeness(&self.key, key).is_some(),
        }
    }

    /// Why a text matches, for a person.
    pub fn why(&self, text: &str) -> Option<String> {
        let key = stored_key(text);
        match self.mode {
            _ if !self.matches(&key) => None,
            Mode::Prefix if key != self.key => Some(format!("begins with {}", self.key)),
            Mode::Exact | Mode::Prefix => Some("same plate".to_owned()),
            Mode::Fuzzy => likeness(&self.key, &key).map(|likeness| likeness.to_string()),
        }
    }

    /// The spans of confusion keys, both ends included, that hold all that match and little else.
    pub fn spans(&self, conn: &Connection) -> Result<Vec<(String, String)>> {
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
