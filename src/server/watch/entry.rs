//! Entries of watchlists: their words, and how they are read from what a person or a file says. Pure.

use crate::domain::{confusion_key, plate_key};
use crate::wire::incoming::Invalid;
use crate::wire::timestamp;
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

/// How much an alert matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }

    /// `None` for any other word.
    pub fn parse(text: &str) -> Option<Self> {
        [Severity::Info, Severity::Warning, Severity::Critical].into_iter().find(|severity| severity.as_str() == text)
    }
}

/// Which reads of a plate are taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The same plate key.
    Exact,
    /// Look-alikes too.
    Fuzzy,
}

impl Mode {
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Exact => "exact",
            Mode::Fuzzy => "fuzzy",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Mode::Exact, Mode::Fuzzy].into_iter().find(|mode| mode.as_str() == text)
    }
}

/// A plate on a list, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As it was written, trimmed.
    pub plate: String,
    /// Empty: any.
    pub province: String,
    pub note: String,
    /// `None`: the list's.
    pub severity: Option<Severity>,
    /// From this moment on.
    pub valid_from_us: Option<i64>,
    /// Up to, not including, this moment.
    pub valid_to_us: Option<i64>,
    pub mode: Mode,
}

/// What an entry is found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    pub plate: String,
    pub confusion: String,
    /// Empty: any.
    pub province: String,
}

/// The names of an entry's fields, in the order of the columns of a file.
pub const FIELDS: [&str; 7] = ["plate", "province", "note", "severity", "valid_from", "valid_to", "match"];

/// Longest texts, in characters.
const MAX_PLATE: usize = 64;
const MAX_PROVINCE: usize = 100;
pub const MAX_NOTE: usize = 2000;

/// What is wrong with `field`.
pub fn invalid(field: &str, what: impl std::fmt::Display) -> Invalid {
    Invalid { field: field.to_owned(), message: format!("{field} {what}") }
}

/// Trimmed text without control characters but line breaks and tabs, at most `most` characters.
pub fn checked(field: &str, text: &str, most: usize) -> Result<String, Invalid> {
    let text = text.trim();
    if text.chars().count() > most {
        return Err(invalid(field, format!("must be at most {most} characters")));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(invalid(field, "must not contain control characters"));
    }
    Ok(text.to_owned())
}

impl Entry {
    /// From the text of each field, empty where it is not given. `zone` is that of dates and of times without one.
    pub fn read<'a>(text_of: impl Fn(&str) -> &'a str, zone: &TimeZone) -> Result<Self, Invalid> {
        let plate = checked("plate", text_of("plate"), MAX_PLATE)?;
        if plate_key(&plate).is_empty() {
            return Err(invalid("plate", "must hold at least one letter or digit"));
        }
        let severity = match text_of("severity").trim() {
            "" => None,
            text => Some(Severity::parse(text).ok_or_else(|| invalid("severity", SEVERITIES))?),
        };
        let mode = match text_of("match").trim() {
            "" => Mode::Exact,
            text => Mode::parse(text).ok_or_else(|| invalid("match", "must be exact or fuzzy"))?,
        };
        let valid_from_us = moment("valid_from", text_of("valid_from"), zone, 0)?;
        let valid_to_us = moment("valid_to", text_of("valid_to"), zone, 1)?;
        if let (Some(from), Some(to)) = (valid_from_us, valid_to_us)
            && from >= to
        {
            return Err(invalid("valid_to", "must be later than valid_from"));
        }
        Ok(Self {
            plate,
            province: checked("province", text_of("province"), MAX_PROVINCE)?,
            note: checked("note", text_of("note"), MAX_NOTE)?,
            severity,
            valid_from_us,
            valid_to_us,
            mode,
        })
    }

    /// What it is found by.
    pub fn keys(&self) -> Keys {
        Keys {
            plate: plate_key(&self.plate),
            confusion: confusion_key(&self.plate),
            province: plate_key(&self.province),
        }
    }

    /// Each field as text, as [`Entry::read`] takes it.
    pub fn texts(&self) -> [String; 7] {
        let moment = |us: Option<i64>| us.map(timestamp::format).unwrap_or_default();
        [
            self.plate.clone(),
            self.province.clone(),
            self.note.clone(),
            self.severity.map(Severity::as_str).unwrap_or_default().to_owned(),
            moment(self.valid_from_us),
            moment(self.valid_to_us),
            self.mode.as_str().to_owned(),
        ]
    }

    /// As the calls say it; what is not set is null.
    pub fn json(&self) -> Value {
        let moment = |us: Option<i64>| us.map(timestamp::format);
        json!({
            "plate": self.plate,
            "province": if self.province.is_empty() { Value::Null } else { json!(self.province) },
            "note": self.note,
            "severity": self.severity.map(Severity::as_str),
            "valid_from": moment(self.valid_from_us),
            "valid_to": moment(self.valid_to_us),
            "match": self.mode.as_str(),
        })
    }

    pub fn is_valid(&self, at_us: i64) -> bool {
        self.valid_from_us.is_none_or(|from| from <= at_us) && self.valid_to_us.is_none_or(|to| at_us < to)
    }
}

/// What a severity may be.
pub const SEVERITIES: &str = "must be info, warning or critical";

/// A moment, or a whole day: then its first moment, `day` days later.
fn moment(field: &str, text: &str, zone: &TimeZone, day: i64) -> Result<Option<i64>, Invalid> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let unreadable = || invalid(field, "cannot be read; write it like 2024-12-19 or 2024-12-19T10:00:00+07:00");
    if let Ok(date) = text.parse::<Date>()
        && text.len() == 10
    {
        let first = date.checked_add(day.days()).and_then(|date| date.to_zoned(zone.clone()));
        return first.map(|first| Some(first.timestamp().as_microsecond())).map_err(|_| unreadable());
    }
    timestamp::parse(&Value::String(text.to_owned()), zone).map(Some).ok_or_else(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&str, &'static str)]) -> Result<Entry, Invalid> {
        let text_of = |field: &str| fields.iter().find(|(name, _)| *name == field).map_or("", |(_, text)| *text);
        Entry::read(text_of, &TimeZone::get("Asia/Bangkok").unwrap())
    }

    #[test]
    fn a_plate_alone_is_an_entry_that_is_always_valid() {
        let entry = read(&[("plate", " กก 1234 ")]).unwrap();
        assert_eq!((entry.plate.as_str(), entry.mode, entry.severity), ("กก 1234", Mode::Exact, None));
        assert!(entry.is_valid(i64::MIN) && entry.is_valid(i64::MAX));
    }

    #[test]
    fn a_day_is_whole_in_the_servers_zone_and_the_end_does_not_belong() {
        let entry = read(&[("plate", "A1"), ("valid_from", "2024-12-19"), ("valid_to", "2024-12-19")]).unwrap();
        let us = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_microsecond();
        assert_eq!(entry.valid_from_us, Some(us("2024-12-18T17:00:00Z")));
        assert_eq!(entry.valid_to_us, Some(us("2024-12-19T17:00:00Z")));
        assert!(!entry.is_valid(us("2024-12-18T16:59:59Z")) && entry.is_valid(us("2024-12-18T17:00:00Z")));
        assert!(entry.is_valid(us("2024-12-19T16:59:59Z")) && !entry.is_valid(us("2024-12-19T17:00:00Z")));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let field = |fields| read(fields).unwrap_err().field;
        assert_eq!(field(&[]), "plate");
        assert_eq!(field(&[("plate", " - ")]), "plate");
        assert_eq!(field(&[("plate", "A\u{7}1")]), "plate");
        assert_eq!(field(&[("plate", "A1"), ("severity", "high")]), "severity");
        assert_eq!(field(&[("plate", "A1"), ("match", "some")]), "match");
        assert_eq!(field(&[("plate", "A1"), ("valid_from", "tomorrow")]), "valid_from");
        assert_eq!(field(&[("plate", "A1"), ("valid_from", "2024-12-20"), ("valid_to", "2024-12-19")]), "valid_to");
    }
}
