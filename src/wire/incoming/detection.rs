//! A detection (PROTOCOL 1.4), also in the oldest dialect (3.2.7).

use super::envelope::{check_type, is_given, object, time_of};
use super::images::IMAGE_KEYS;
use super::lists;
use super::{Context, Envelope, Images, Invalid};
use crate::wire::timestamp;
use serde_json::{Map, Value, json};

/// A detection in one form, whatever the peer's dialect.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    pub envelope: Envelope,
    /// Capture time, microseconds since the epoch, UTC.
    pub captured_us: i64,
    /// The payload without its pictures: the keys of 1.4 in their one form, `timestamp` in UTC beside
    /// `timestamp_original`, and every other key as sent.
    pub body: Map<String, Value>,
    pub images: Images,
}

/// What broadcasts say of a detection.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    pub vehicles_count: u64,
    pub plates_count: u64,
    pub ocr_results: Value,
    pub timestamp: String,
}

impl Detection {
    /// Reads a payload, or says which field is at fault.
    pub fn read(payload: &Value, context: Context<'_>) -> Result<Self, Invalid> {
        let payload = object(payload)?;
        let mut envelope = Envelope::read(payload)?;
        let plate = payload.get("plate_number").filter(|plate| !plate.is_null() && !is_given(payload, "ocr_results"));
        let plate = plate.map(lists::text_of);
        let is_oldest = plate.is_some() && !is_given(payload, "type");
        let images = Images::read(payload);
        let (captured_us, sent) = if is_oldest && !is_given(payload, "timestamp") {
            // The same car may pass again tomorrow and look the same in everything but its picture.
            if images.is_empty() && !is_given(payload, "created_at") {
                envelope.is_known_by_arrival(context.received_us);
            }
            (context.received_us, String::new())
        } else {
            time_of(payload, context)?
        };
        if !is_oldest {
            check_type(payload, "detection_result")?;
        }
        // Never copies the pictures, which are most of a payload.
        let kept = payload.iter().filter(|(key, _)| !IMAGE_KEYS.contains(&key.as_str()));
        let mut body: Map<String, Value> = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
        fill(&mut body, payload)?;
        if let Some(plate) = plate {
            fill_from_oldest(&mut body, plate, payload);
        }
        body.insert("type".into(), json!("detection_result"));
        body.insert("camera_id".into(), json!(envelope.named.camera.as_str()));
        body.insert("checkpoint_id".into(), json!(envelope.named.checkpoint.as_str()));
        body.insert("timestamp".into(), json!(timestamp::format(captured_us)));
        body.insert("timestamp_original".into(), json!(sent));
        Ok(Self { envelope, captured_us, body, images })
    }

    pub fn overview(&self) -> Overview {
        Overview::of(&self.body)
    }
}

impl Overview {
    /// Of a body that [`Detection::read`] made.
    pub fn of(body: &Map<String, Value>) -> Self {
        let count = |key| body.get(key).and_then(Value::as_u64).unwrap_or(0);
        Self {
            vehicles_count: count("vehicles_count"),
            plates_count: count("plates_count"),
            ocr_results: body.get("ocr_results").cloned().unwrap_or_else(|| json!([])),
            timestamp: body.get("timestamp").and_then(Value::as_str).unwrap_or_default().to_owned(),
        }
    }
}

fn fill(body: &mut Map<String, Value>, payload: &Map<String, Value>) -> Result<(), Invalid> {
    let vehicles: Vec<Value> = lists::list(payload, "vehicle_detections")?.iter().map(lists::detection).collect();
    let mut plates: Vec<Value> = lists::list(payload, "plate_detections")?.iter().map(lists::detection).collect();
    let results = lists::texts(payload, "ocr_results")?;
    let mut texts: Vec<String> = results.iter().map(lists::text_of).collect();
    if texts.is_empty() {
        texts = plates.iter().map(lists::text_of).collect();
        if texts.iter().all(String::is_empty) {
            texts.clear();
        }
    }
    if plates.is_empty() && results.iter().any(Value::is_object) {
        plates = results.iter().map(lists::detection).collect();
    }
    body.insert("vehicles_count".into(), json!(lists::count(payload.get("vehicles_count"), vehicles.len())));
    body.insert("plates_count".into(), json!(lists::count(payload.get("plates_count"), plates.len().max(texts.len()))));
    body.insert("ocr_results".into(), json!(texts));
    body.insert("vehicle_detections".into(), Value::Array(vehicles));
    body.insert("plate_detections".into(), Value::Array(plates));
    Ok(())
}

/// `{camera_id, plate_number, confidence 60–95, image_data, location}`.
fn fill_from_oldest(body: &mut Map<String, Value>, plate: String, payload: &Map<String, Value>) {
    let confidence = lists::share(payload.get("confidence"));
    body.insert("plates_count".into(), json!(lists::count(payload.get("plates_count"), 1)));
    body.insert("ocr_results".into(), json!([plate]));
    if !is_given(payload, "plate_detections") {
        body.insert("plate_detections".into(), json!([{"bbox": null, "confidence": confidence, "text": plate}]));
    }
}
