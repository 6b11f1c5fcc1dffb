//! `GET /api/records`: every stored field of each record, pictures inline as the contract has them, streamed so that
//! a long list costs no more memory than its longest record.

use super::app::App;
use super::fault::{Code, Fault};
use super::images::ImageStore;
use super::store::{self, Filter, RecordRow};
use crate::domain::CameraId;
use crate::wire::timestamp;
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

/// What `limit` is where it is missing or no number.
const DEFAULT_LIMIT: usize = 20;

/// The query string.
#[derive(Debug, Default, Deserialize)]
pub struct Query {
    limit: Option<String>,
    camera_id: Option<String>,
    checkpoint_id: Option<String>,
    /// Our extension: `none` leaves the pictures out; their addresses stay.
    images: Option<String>,
}

impl Query {
    /// `limit` ≤ 0 means all, under `cap` (PROTOCOL 1.7).
    pub fn filter(&self, cap: usize) -> Filter {
        let limit = match self.limit.as_deref().map(|text| text.trim().parse::<i64>()) {
            Some(Ok(limit)) if limit <= 0 => cap,
            Some(Ok(limit)) => usize::try_from(limit).unwrap_or(cap).min(cap),
            Some(Err(_)) | None => DEFAULT_LIMIT.min(cap),
        };
        let given = |text: &Option<String>| text.as_deref().filter(|text| !text.trim().is_empty()).map(compared);
        Filter { camera_id: given(&self.camera_id), checkpoint_id: given(&self.checkpoint_id), limit }
    }

    fn inline(&self) -> bool {
        self.images.as_deref() != Some("none")
    }
}

/// An id in the form in which ids are compared; what is no id is found nowhere.
fn compared(id: &str) -> String {
    CameraId::new(id).map_or_else(|_| id.to_owned(), |id| id.normalised().into())
}

/// `GET /api/records`.
pub async fn list(app: &App, query: &Query) -> Result<Response, Fault> {
    let filter = query.filter(app.config.max_records);
    let (total, records) = app.store.read(move |conn| filter.select(conn)).await?;
    let head = json!({
        "success": true, "total_count": total, "returned_count": records.len(),
        "timestamp": timestamp::format(app.now_us()),
    });
    let (chunks, body) = mpsc::channel::<Bytes>(4);
    let (images, inline) = (app.images.clone(), query.inline());
    // Ends early where the client goes away: sending fails then.
    tokio::task::spawn_blocking(move || {
        let mut text = head.to_string();
        text.pop();
        text += ",\"records\":[";
        for (index, row) in records.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text += &record(row, inline.then_some(&images)).to_string();
            if chunks.blocking_send(Bytes::from(std::mem::take(&mut text))).is_err() {
                return;
            }
        }
        text += "]}";
        let _ = chunks.blocking_send(Bytes::from(text));
    });
    let stream = futures_util::stream::unfold(body, |mut body| async move {
        let chunk = body.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(chunk), body))
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from_stream(stream)).into_response())
}

/// `GET /api/records/{detection_id}`, our extension: one record, without inline pictures.
pub async fn one(app: &App, detection_id: &str) -> Result<Value, Fault> {
    let missing = || Fault::new(Code::NotFound, "there is no such record");
    let id = detection_id.parse::<Uuid>().map_err(|_| missing())?.to_string();
    let row = app.store.read(move |conn| RecordRow::find(conn, &id)).await?.ok_or_else(missing)?;
    Ok(json!({"success": true, "record": record(&row, None)}))
}

/// The record as JSON; pictures inline where a folder is given to read them from. Blocks then.
fn record(row: &RecordRow, inline: Option<&ImageStore>) -> Value {
    // We wrote it as an object; if a disk fault made it something else the rest of the record still counts.
    let mut record: Map<String, Value> = serde_json::from_str(&row.body).unwrap_or_default();
    record.insert("detection_id".into(), json!(row.detection_id));
    record.insert("received_at".into(), json!(timestamp::format(row.received_us)));
    let has = |name: &str| row.images.iter().any(|image| image.name == name);
    let url = |name: &str| if has(name) { json!(format!("/images/{}/{name}", row.detection_id)) } else { Value::Null };
    let whole = ["frame", "original", "data"].into_iter().find(|name| has(name));
    record.insert("image_url".into(), whole.map_or(Value::Null, url));
    let crops = crop_count(row);
    record.insert("crop_urls".into(), (0..crops).map(|index| url(&format!("crop-{index}"))).collect());
    if let Some(folder) = inline {
        let picture = |name: &str| picture(row, name, folder);
        for (key, name) in [("original_image", "original"), ("image_data", "data")] {
            if has(name) {
                record.insert(key.into(), json!(picture(name)));
            }
        }
        record.insert("annotated_image".into(), json!(picture("frame")));
        record.insert("cropped_plates".into(), (0..crops).map(|index| picture(&format!("crop-{index}"))).collect());
    }
    Value::Object(record)
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

/// `GET /images/{detection_id}/{name}`: a stored picture. The id must be a UUID and only names in the database exist.
pub async fn image(app: &App, detection_id: &str, name: &str) -> Result<Response, Fault> {
    let missing = || Fault::new(Code::NotFound, "there is no such image");
    let id = detection_id.parse::<Uuid>().map_err(|_| missing())?.to_string();
    let name = name.to_owned();
    let path = app.store.read(move |conn| store::image_path(conn, &id, &name)).await?.ok_or_else(missing)?;
    let folder = app.images.clone();
    let read = tokio::task::spawn_blocking(move || folder.read(&path)).await;
    let Ok(Ok((bytes, media_type))) = read else { return Err(missing()) };
    let headers = [(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "private, max-age=3600")];
    Ok((headers, bytes).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_follows_the_first_generation_under_our_cap() {
        let limit =
            |text: Option<&str>| Query { limit: text.map(str::to_owned), ..Query::default() }.filter(1000).limit;
        assert_eq!(limit(None), 20);
        assert_eq!(limit(Some("5")), 5);
        assert_eq!(limit(Some("0")), 1000);
        assert_eq!(limit(Some("-3")), 1000);
        assert_eq!(limit(Some("99999999999")), 1000);
        assert_eq!(limit(Some("many")), 20);
        assert_eq!(limit(Some("")), 20);
    }
}
