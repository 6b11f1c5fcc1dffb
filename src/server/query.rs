//! The query string of searches, exports and lists, read into a filter. Pure.

use super::fault::{Code, Fault};
use super::store::{Filter, Mode, Order, Place, Wanted};
use crate::domain::CameraId;
use crate::wire::timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::json;

/// What `limit` is where it is missing or no number.
const DEFAULT_LIMIT: usize = 20;
/// And at the most, where no pictures are sent along.
const MOST_WITHOUT_PICTURES: usize = 100_000;

/// The query string. Only `limit`, `camera_id` and `checkpoint_id` are of the contract.
#[derive(Debug, Default, Deserialize)]
pub struct Query {
    limit: Option<String>,
    camera_id: Option<String>,
    checkpoint_id: Option<String>,
    from: Option<String>,
    to: Option<String>,
    plate: Option<String>,
    province: Option<String>,
    #[serde(rename = "match")]
    mode: Option<String>,
    cursor: Option<String>,
    order: Option<String>,
    images: Option<String>,
    format: Option<String>,
}

/// How pictures come with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pictures {
    /// Only `image_url` and `crop_urls`.
    None,
    /// The address of each, and of a thumbnail.
    Url,
    /// Base64, as in the contract.
    Inline,
}

/// What an export is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    JsonLines,
}

impl Query {
    /// Which records, pictures apart; `most` of them where their pictures come inline.
    pub fn filter(&self, zone: &TimeZone, most: usize) -> Result<Filter, Fault> {
        let most = match self.pictures()? {
            Pictures::Inline => most,
            Pictures::None | Pictures::Url => MOST_WITHOUT_PICTURES,
        };
        self.filter_of(zone, self.limit(most))
    }

    /// Which records an export gives: all, where no positive `limit` is given.
    pub fn export(&self, zone: &TimeZone) -> Result<Filter, Fault> {
        let limit = self.number().filter(|limit| *limit > 0).and_then(|limit| usize::try_from(limit).ok());
        let mut filter = self.filter_of(zone, limit.unwrap_or(usize::MAX))?;
        if filter.order == Order::Last {
            filter.order = Order::Asc;
        }
        Ok(filter)
    }

    fn filter_of(&self, zone: &TimeZone, limit: usize) -> Result<Filter, Fault> {
        let filter = Filter {
            camera_id: self.camera_id(),
            checkpoint_id: self.checkpoint_id(),
            from_us: moment("from", &self.from, zone)?,
            to_us: moment("to", &self.to, zone)?,
            plate: self.wanted()?,
            order: choice("order", &self.order, &[("asc", Order::Asc), ("desc", Order::Desc)])?.unwrap_or_default(),
            cursor: None,
            limit,
        };
        let Some(cursor) = given(&self.cursor) else { return Ok(filter) };
        let cursor = Place::parse(cursor).filter(|place| place.at_us.is_some() == filter.by_time());
        let cursor = cursor.ok_or_else(|| {
            invalid("cursor", "cursor is not a next_cursor of this search; leave it out to begin at the beginning")
        })?;
        Ok(Filter { cursor: Some(cursor), ..filter })
    }

    /// `limit` ≤ 0 means all, under `most` (PROTOCOL 1.7).
    pub fn limit(&self, most: usize) -> usize {
        match self.number() {
            Some(limit) if limit <= 0 => most,
            Some(limit) => usize::try_from(limit).unwrap_or(most).min(most),
            None => DEFAULT_LIMIT.min(most),
        }
    }

    fn number(&self) -> Option<i64> {
        self.limit.as_deref()?.trim().parse().ok()
    }

    pub fn camera_id(&self) -> Option<String> {
        given(&self.camera_id).map(compared)
    }

    pub fn checkpoint_id(&self) -> Option<String> {
        given(&self.checkpoint_id).map(compared)
    }

    pub fn pictures(&self) -> Result<Pictures, Fault> {
        let known = [("none", Pictures::None), ("url", Pictures::Url), ("inline", Pictures::Inline)];
        Ok(choice("images", &self.images, &known)?.unwrap_or(Pictures::Inline))
    }

    pub fn format(&self) -> Result<Format, Fault> {
        let known = [("csv", Format::Csv), ("jsonl", Format::JsonLines)];
        Ok(choice("format", &self.format, &known)?.unwrap_or(Format::Csv))
    }

    /// `from` and `to`.
    pub fn span(&self, zone: &TimeZone) -> Result<(Option<i64>, Option<i64>), Fault> {
        Ok((moment("from", &self.from, zone)?, moment("to", &self.to, zone)?))
    }

    fn wanted(&self) -> Result<Option<Wanted>, Fault> {
        let known = [("exact", Mode::Exact), ("prefix", Mode::Prefix), ("fuzzy", Mode::Fuzzy)];
        let mode = choice("match", &self.mode, &known)?.unwrap_or(Mode::Exact);
        let plate = given(&self.plate)
            .map(|plate| Wanted::new(plate, mode).ok_or_else(|| invalid("plate", "plate has no letter and no digit")));
        let (plate, province) = (plate.transpose()?, given(&self.province));
        let Some(province) = province else { return Ok(plate) };
        let wanted = Wanted::in_province(plate, province);
        wanted.map(Some).ok_or_else(|| invalid("province", "province has no letter"))
    }
}

fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.trim().is_empty())
}

fn choice<T: Copy>(field: &str, text: &Option<String>, known: &[(&str, T)]) -> Result<Option<T>, Fault> {
    let Some(text) = given(text) else { return Ok(None) };
    let found = known.iter().find(|(name, _)| *name == text.trim());
    let names = || known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    found.map(|(_, value)| Some(*value)).ok_or_else(|| invalid(field, format!("{field} must be one of: {}", names())))
}

/// A time of the query string.
pub fn moment(field: &str, text: &Option<String>, zone: &TimeZone) -> Result<Option<i64>, Fault> {
    let Some(text) = given(text) else { return Ok(None) };
    let parse = |text: &str| timestamp::parse(&json!(text), zone);
    // A plus sign that nobody escaped arrives as a space.
    let escaped = || text.rsplit_once(' ').and_then(|(before, offset)| parse(&format!("{before}+{offset}")));
    let us = parse(text).or_else(escaped);
    us.map(Some).ok_or_else(|| invalid(field, format!("{field} is no time; write it as 2024-12-19T10:00:00Z")))
}

fn invalid(field: &str, message: impl Into<String>) -> Fault {
    Fault { field: Some(field.to_owned()), ..Fault::new(Code::Invalid, message) }
}

/// An id in the form in which ids are compared; what is no id is found nowhere.
fn compared(id: &str) -> String {
    CameraId::new(id).map_or_else(|_| id.to_owned(), |id| id.normalised().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: i64 = 1_734_602_400_000_000; // 2024-12-19T10:00:00Z

    #[test]
    fn limit_follows_the_first_generation_under_our_cap() {
        let limit = |text: Option<&str>| Query { limit: text.map(str::to_owned), ..Query::default() }.limit(1000);
        assert_eq!(limit(None), 20);
        assert_eq!(limit(Some("5")), 5);
        assert_eq!(limit(Some("0")), 1000);
        assert_eq!(limit(Some("-3")), 1000);
        assert_eq!(limit(Some("99999999999")), 1000);
        assert_eq!(limit(Some("many")), 20);
        assert_eq!(limit(Some("")), 20);
    }

    #[test]
    fn a_hundred_thousand_records_come_only_without_their_pictures() {
        let limit = |images: &str| {
            let query = Query { limit: Some("100000".into()), images: Some(images.into()), ..Query::default() };
            query.filter(&TimeZone::UTC, 500).unwrap().limit
        };
        assert_eq!((limit("none"), limit("url"), limit("inline"), limit("")), (100_000, 100_000, 500, 500));
    }

    #[test]
    fn times_are_read_in_every_form_of_the_protocol_and_with_an_unescaped_plus() {
        let bangkok = TimeZone::get("Asia/Bangkok").unwrap();
        let forms = [
            "2024-12-19T10:00:00Z",
            "2024-12-19 17:00:00",
            "1734602400",
            "2024-12-19T17:00:00+07:00",
            "2024-12-19T17:00:00 07:00",
        ];
        for text in forms {
            let query = Query { from: Some(text.into()), ..Query::default() };
            assert_eq!(query.filter(&bangkok, 1).unwrap().from_us, Some(US), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let faulty: [(&str, Query); 8] = [
            ("from", Query { from: Some("yesterday".into()), ..Query::default() }),
            ("to", Query { to: Some("-1".into()), ..Query::default() }),
            ("plate", Query { plate: Some("--".into()), ..Query::default() }),
            ("province", Query { province: Some("- ".into()), ..Query::default() }),
            ("match", Query { mode: Some("like".into()), ..Query::default() }),
            ("order", Query { order: Some("up".into()), ..Query::default() }),
            ("images", Query { images: Some("all".into()), ..Query::default() }),
            ("cursor", Query { cursor: Some("t5.1".into()), ..Query::default() }),
        ];
        for (field, query) in faulty {
            let fault = query.filter(&TimeZone::UTC, 1).unwrap_err();
            assert_eq!((fault.code, fault.field.as_deref()), (Code::Invalid, Some(field)));
        }
    }
}
