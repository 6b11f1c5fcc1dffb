//! Names of evidence files. A name of this type cannot lead out of the evidence folder: it has one form only.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// `YYYY-MM-DD/EVENT-frame.jpg` or `YYYY-MM-DD/EVENT-plate-N.jpg`, relative to the evidence folder. Pictures of a later
/// revision have `-rN` behind `EVENT`.
///
/// The day is the UTC day of capture as the wall clock stood then; it spreads the files, nothing is read from it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EvidencePath(String);

/// A text that names no evidence file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" does not name an evidence file (YYYY-MM-DD/EVENT-frame.jpg or YYYY-MM-DD/EVENT-plate-N.jpg)")]
pub struct PathError(String);

impl EvidencePath {
    /// The annotated frame of an event captured at `wall_us`.
    pub fn frame(event_id: Uuid, wall_us: i64) -> Self {
        Self::frame_of(event_id, 0, wall_us)
    }

    /// Likewise, of a revision.
    pub fn frame_of(event_id: Uuid, revision: u32, wall_us: i64) -> Self {
        Self(format!("{}/{event_id}{}-frame.jpg", day(wall_us), mark(revision)))
    }

    /// Crop number `index` (from 0, as in `ocr_results`) of an event captured at `wall_us`.
    pub fn plate(event_id: Uuid, wall_us: i64, index: usize) -> Self {
        Self::plate_of(event_id, 0, wall_us, index)
    }

    /// Likewise, of a revision.
    pub fn plate_of(event_id: Uuid, revision: u32, wall_us: i64, index: usize) -> Self {
        Self(format!("{}/{event_id}{}-plate-{index}.jpg", day(wall_us), mark(revision)))
    }

    /// Reads back what [`fmt::Display`] wrote; everything else is refused.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let known = text.split_once('/').is_some_and(|(day, name)| is_day(day) && is_name(name));
        if known { Ok(Self(text.to_owned())) } else { Err(PathError(text.chars().take(120).collect())) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whose picture it is.
    pub fn event_id(&self) -> Uuid {
        let name = self.0.split_once('/').map_or("", |(_, name)| name);
        // Of this type's one form, so that it parses.
        name.get(..36).and_then(|id| Uuid::try_parse(id).ok()).unwrap_or_default()
    }

    /// The folder part, `YYYY-MM-DD`.
    pub fn folder(&self) -> &str {
        self.0.split_once('/').map_or("", |(day, _)| day)
    }
}

/// Nothing for the first.
fn mark(revision: u32) -> String {
    if revision == 0 { String::new() } else { format!("-r{revision}") }
}

fn day(wall_us: i64) -> String {
    // A clock before the epoch or beyond 9999 says nothing; such pictures share one folder.
    let at = Timestamp::from_microsecond(wall_us.clamp(0, 253_370_764_800_000_000)).unwrap_or_default();
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d").to_string()
}

/// `YYYY-MM-DD`, digits only.
pub(super) fn is_day(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() })
}

fn is_name(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".jpg") else { return false };
    let Some((event, what)) = stem.split_at_checked(36) else { return false };
    let is_event = Uuid::try_parse(event).is_ok_and(|id| id.to_string() == event);
    let what = match what.strip_prefix("-r").and_then(|rest| rest.split_once('-')) {
        Some((revision, _)) if revision.parse::<u32>().is_ok_and(|n| n > 0 && n.to_string() == revision) => {
            &what[2 + revision.len()..]
        }
        _ => what,
    };
    let number = what.strip_prefix("-plate-");
    is_event
        && (what == "-frame"
            || number.is_some_and(|n| (1..=4).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit())))
}

impl fmt::Display for EvidencePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for EvidencePath {
    type Error = PathError;
    fn try_from(text: String) -> Result<Self, PathError> {
        Self::parse(&text)
    }
}

impl From<EvidencePath> for String {
    fn from(path: EvidencePath) -> String {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_could_lead_out_of_the_folder_is_refused() {
        let id = Uuid::now_v7();
        for text in [
            "../../etc/passwd".to_owned(),
            format!("2026-01-01/../{id}-frame.jpg"),
            format!("/2026-01-01/{id}-frame.jpg"),
            format!("2026-01-01/{id}-frame.jpg/x"),
            format!("2026-01-01/{id}-plate-.jpg"),
            format!("2026-01-01/{id}-frame.jpg\0"),
            format!("2026-01-01/{id}-r0-frame.jpg"),
            format!("2026-01-01/{id}-r01-frame.jpg"),
            format!("2026-01-01/{id}-r/../x-frame.jpg"),
            format!("....-..-../{id}-frame.jpg"),
            format!("{id}-frame.jpg"),
            String::new(),
        ] {
            assert!(EvidencePath::parse(&text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_name_we_make_reads_back(
            id in any::<u128>(), revision in any::<u32>(), wall_us in any::<i64>(), index in 0usize..1000,
        ) {
            let id = Uuid::from_u128(id);
            let named = [EvidencePath::frame(id, wall_us), EvidencePath::plate(id, wall_us, index)];
            let of = [EvidencePath::frame_of(id, revision, wall_us), EvidencePath::plate_of(id, revision, wall_us, index)];
            for path in named.into_iter().chain(of) {
                prop_assert_eq!(EvidencePath::parse(path.as_str()), Ok(path.clone()));
                prop_assert_eq!(path.event_id(), id);
            }
        }

        #[test]
        fn what_parses_has_two_plain_parts(text in "\\PC*") {
            if let Ok(path) = EvidencePath::parse(&text) {
                prop_assert_eq!(std::path::Path::new(path.as_str()).components().count(), 2);
                prop_assert!(!path.as_str().contains(".."));
            }
        }
    }
}
