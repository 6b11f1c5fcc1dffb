//! `GET /api/records`: every stored field of each record, pictures inline as the contract has them, streamed so that
//! a long list costs no more memory than a few records.

use super::app::App;
use super::fault::{Code, Fault};
use super::images::ImageStore;
use super::query::Pictures;
pub use super::query::Query;
use super::store::{self, Filter, Place, RecordRow, Store, StoreError, Wanted};
use crate::wire::timestamp;
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use uuid::Uuid;

/// Records that are read at a time, with their pictures and without.
const FEW: usize = 4;
const MANY: usize = 200;
/// Places that are found at a time where a search goes on for long.
const FAR: usize = 20_000;

/// How records are shown.
#[derive(Clone)]
pub struct View {
    pub pictures: Pictures,
    /// For the reason why a record was found.
    pub wanted: Option<Wanted>,
    pub folder: ImageStore,
}

/// Records one after the other, however many there are: only their places are in memory, and those of a long search only
/// in part.
pub struct Records {
    store: Arc<Store>,
    places: VecDeque<Place>,
    /// Finds the next places.
    rest: Option<Filter>,
    left: usize,
}

impl Records {
    pub fn of(store: Arc<Store>, places: Vec<Place>) -> Self {
        Self { store, left: places.len(), places: places.into(), rest: None }
    }

    /// All that match, up to the filter's limit.
    pub fn all(store: Arc<Store>, filter: Filter) -> Self {
        Self { store, places: VecDeque::new(), left: filter.limit, rest: Some(filter) }
    }

    /// The text that `write` makes of the next up to `most` records, and how many those are; `None` at the end. A record
    /// that was removed meanwhile is left out.
    pub async fn next(
        &mut self,
        most: usize,
        write: impl Fn(&RecordRow) -> String + Send + 'static,
    ) -> Result<Option<(String, usize)>, StoreError> {
        // A page may be empty and yet not be the last.
        while self.places.is_empty()
            && let Some(mut filter) = self.rest.take().filter(|_| self.left > 0)
        {
            filter.limit = FAR.min(self.left);
            let (found, filter) = self.store.read(move |conn| Ok((filter.find(conn)?, filter))).await?;
            self.rest = found.next.map(|next| Filter { cursor: Some(next), ..filter });
            self.places = found.places.into();
        }
        let places: Vec<Place> = self.places.drain(..most.min(self.places.len())).collect();
        if places.is_empty() {
            return Ok(None);
        }
        self.left -= places.len();
        let written = self.store.read(move |conn| {
            let records = store::records(conn, &places)?;
            Ok((records.iter().map(write).collect(), records.len()))
        });
        written.await.map(Some)
    }
}

/// `GET /api/records`.
pub async fn list(app: &App, query: &Query) -> Result<Response, Fault> {
    let filter = query.filter(&app.zone, app.config.max_records)?;
    let view = View { pictures: query.pictures()?, wanted: filter.plate.clone(), folder: app.images.clone() };
    let limit = filter.limit;
    let find = app.store.read(move |conn| {
        let known = filter.plate.as_ref().map_or(Ok(true), |wanted| store::knows_all(conn, wanted))?;
        Ok((filter.find(conn)?, known))
    });
    let (found, known) = find.await?;
    let looks_on = found.next.is_some() && found.places.len() < limit;
    let mut head = json!({
        "success": true, "total_count": found.total, "total_count_exact": found.total_is_exact,
        "next_cursor": found.next.map(|next| next.to_string()), "timestamp": timestamp::format(app.now_us()),
    });
    if !known {
        head["message"] =
            json!("records of an older version are still being looked through; older plates may be missing");
    }
    if looks_on {
        head["message"] = json!("only a part was looked through; next_cursor goes on");
    }
    let head = head.to_string();
    let records = Records::of(app.store.clone(), found.places);
    let body = Body::from_stream(listing(records, view, head));
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// `{…head, "records": […], "returned_count": n}`.
fn listing(records: Records, view: View, head: String) -> impl futures_util::Stream<Item = Result<Bytes, StoreError>> {
    let begin = format!("{},\"records\":[", &head[..head.len() - 1]);
    let step = if view.pictures == Pictures::Inline { FEW } else { MANY };
    futures_util::stream::unfold((Some(records), begin, 0), move |(records, mut text, sent)| {
        let view = view.clone();
        async move {
            let mut records = records?;
            match records.next(step, move |row| format!("{},", record(row, &view))).await {
                Ok(Some((more, count))) => {
                    if sent > 0 && count > 0 {
                        text.push(',');
                    }
                    text += more.strip_suffix(',').unwrap_or(&more);
                    Some((Ok(Bytes::from(text)), (Some(records), String::new(), sent + count)))
                }
                Ok(None) => {
                    text += &format!("],\"returned_count\":{sent}}}");
                    Some((Ok(Bytes::from(text)), (None, String::new(), sent)))
                }
                // The answer is cut off: its reader must not take it for the whole.
                Err(error) => Some((Err(error), (None, String::new(), sent))),
            }
        }
    })
}

/// `GET /api/records/{detection_id}`, our extension: one record, without inline pictures.
pub async fn one(app: &App, detection_id: &str) -> Result<Value, Fault> {
    let missing = || Fault::new(Code::NotFound, "there is no such record");
    let id = detection_id.parse::<Uuid>().map_err(|_| missing())?.to_string();
    let row = app.store.read(move |conn| RecordRow::find(conn, &id)).await?.ok_or_else(missing)?;
    let view = View { pictures: Pictures::Url, wanted: None, folder: app.images.clone() };
    Ok(json!({"success": true, "record": record(&row, &view)}))
}

/// The record as JSON. Blocks where pictures are read.
pub fn record(row: &RecordRow, view: &View) -> Value {
    // We wrote it as an object; if a disk fault made it something else the rest of the record still counts.
    let mut record: Map<String, Value> = serde_json::from_str(&row.body).unwrap_or_default();
    record.insert("detection_id".into(), json!(row.detection_id));
    record.insert("received_at".into(), json!(timestamp::format(row.received_us)));
    let has = |name: &str| row.images.iter().any(|image| image.name == name);
    let address = |name: &str| format!("/images/{}/{name}", row.detection_id);
    let url = |name: &str| if has(name) { json!(address(name)) } else { Value::Null };
    let whole = ["frame", "original", "data"].into_iter().find(|name| has(name));
    let crops = crop_count(row);
    let crop_urls: Vec<Value> = (0..crops).map(|index| url(&format!("crop-{index}"))).collect();
    record.insert("image_url".into(), whole.map_or(Value::Null, url));
    record.insert("crop_urls".into(), json!(crop_urls));
    if let Some(wanted) = &view.wanted {
        record.insert("matched".into(), matched(&record, wanted));
    }
    match view.pictures {
        Pictures::None => {}
        Pictures::Url => {
            let small = whole.map(str::to_owned).or_else(|| row.images.first().map(|image| image.name.clone()));
            let thumbnail = small.map(|name| format!("{}?size=thumb", address(&name)));
            record.insert("annotated_image_url".into(), whole.map_or(Value::Null, url));
            record.insert("cropped_plate_urls".into(), json!(crop_urls));
            record.insert("thumbnail_url".into(), json!(thumbnail));
        }
        Pictures::Inline => {
            let picture = |name: &str| picture(row, name, &view.folder);
            for (key, name) in [("original_image", "original"), ("image_data", "data")] {
                if has(name) {
                    record.insert(key.into(), json!(picture(name)));
                }
            }
            record.insert("annotated_image".into(), json!(picture("frame")));
            record.insert("cropped_plates".into(), (0..crops).map(|index| picture(&format!("crop-{index}"))).collect());
        }
    }
    Value::Object(record)
}

/// The text that was found, and why.
fn matched(record: &Map<String, Value>, wanted: &Wanted) -> Value {
    let texts = record.get("ocr_results").and_then(Value::as_array).into_iter().flatten().enumerate();
    let mut reasons = texts.filter_map(|(index, text)| {
        let text = text.as_str()?;
        Some((text, wanted.why(text, store::province_of(record.get("province"), index))?))
    });
    reasons.next().map_or(Value::Null, |(text, why)| json!({"text": text, "why": why}))
}

/// One above the highest crop, so that positions stay parallel to `ocr_results`.
fn crop_count(row: &RecordRow) -> usize {
    let indices = row.images.iter().filter_map(|image| image.name.strip_prefix("crop-")?.parse::<usize>().ok());
    indices.max().map_or(0, |highest| highest + 1)
}

/// Base64 of the picture; empty where there is none.
fn picture(row: &RecordRow, name: &str, folder: &ImageStore) -> String {
    let Some(image) = row.images.iter().find(|image| image.name == name) else { return String::new() };
    match folder.read(&image.path) {
        Ok((bytes, _)) => STANDARD.encode(bytes),
        Err(error) => {
            tracing::warn!(file = image.path, %error, "a stored image cannot be read");
            String::new()
        }
    }
}

/// `GET /images/{detection_id}/{name}`: a stored picture, or with `small` its thumbnail. The id must be a UUID and only
/// names in the database exist.
pub async fn image(app: &App, detection_id: &str, name: &str, small: bool) -> Result<Response, Fault> {
    let missing = || Fault::new(Code::NotFound, "there is no such image");
    let id = detection_id.parse::<Uuid>().map_err(|_| missing())?.to_string();
    let name = name.to_owned();
    let path = app.store.read(move |conn| store::image_path(conn, &id, &name)).await?.ok_or_else(missing)?;
    let (bytes, media_type) = match small {
        true => app.thumbs.of(&app.images, path).await.ok_or_else(missing)?,
        false => {
            let folder = app.images.clone();
            let read = tokio::task::spawn_blocking(move || folder.read(&path)).await;
            let Ok(Ok((bytes, media_type))) = read else { return Err(missing()) };
            (Bytes::from(bytes), media_type)
        }
    };
    let headers = [(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "private, max-age=3600")];
    Ok((headers, bytes).into_response())
}
