//! Lists and numbers in the many shapes that peers give them (PROTOCOL 3.2.2 and 3.2.3).

use super::Invalid;
use super::envelope::kind;
use super::json;
use serde_json::{Map, Number, Value, json};

/// A list, or JSON text of one; empty where absent or null. One object alone is a list of one.
pub fn list(payload: &Map<String, Value>, field: &str) -> Result<Vec<Value>, Invalid> {
    match payload.get(field) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => Ok(items.clone()),
        Some(one @ Value::Object(_)) => Ok(vec![one.clone()]),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(Vec::new()),
        Some(Value::String(text)) => match json::parse(text) {
            Ok(Value::Array(items)) => Ok(items),
            Ok(one @ Value::Object(_)) => Ok(vec![one]),
            Ok(Value::Null) => Ok(Vec::new()),
            _ => Err(Invalid::new(field, "must be a list, or JSON text of one")),
        },
        Some(other) => Err(Invalid::new(field, format!("must be a list, not {}", kind(other)))),
    }
}

/// `ocr_results`: texts, objects with `text`, or one plain text.
pub fn texts(payload: &Map<String, Value>, field: &str) -> Result<Vec<Value>, Invalid> {
    match (list(payload, field), payload.get(field)) {
        (Err(_), Some(Value::String(text))) => Ok(vec![Value::String(text.clone())]),
        (items, _) => items,
    }
}

/// The text of one item of `ocr_results`; empty where there is none, so that positions stay parallel.
pub fn text_of(item: &Value) -> String {
    match item {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Object(object) => object.get("text").map(text_of_leaf).unwrap_or_default(),
        _ => String::new(),
    }
}

fn text_of_leaf(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// One found object with `bbox`, `confidence` and `class` under those names; its other keys stay.
pub fn detection(item: &Value) -> Value {
    let Some(object) = item.as_object() else {
        return json!({"bbox": null, "confidence": null});
    };
    let mut clean = object.clone();
    let score = clean.remove("score");
    let confidence = clean.remove("confidence").filter(|value| !value.is_null()).or(score);
    let class = ["class", "label", "vehicle_class"]
        .iter()
        .filter_map(|key| clean.remove(*key))
        // A class by its number in the model's list is kept as text.
        .map(|value| text_of_leaf(&value))
        .find(|text| !text.is_empty());
    let bbox = bbox(clean.get("bbox"));
    clean.insert("bbox".into(), bbox);
    clean.insert("confidence".into(), share(confidence.as_ref()));
    if let Some(class) = class {
        clean.insert("class".into(), json!(class));
    }
    Value::Object(clean)
}

/// Four finite numbers as they were sent, else null.
fn bbox(value: Option<&Value>) -> Value {
    let items = match value {
        Some(Value::Array(items)) => items.clone(),
        Some(Value::String(text)) => match json::parse(text) {
            Ok(Value::Array(items)) => items,
            _ => return Value::Null,
        },
        _ => return Value::Null,
    };
    let four = items.len() == 4 && items.iter().all(Value::is_number);
    if four { Value::Array(items) } else { Value::Null }
}

/// A share 0–1 from a share or a percentage; null where it is neither.
pub fn share(value: Option<&Value>) -> Value {
    let Some(number) = number(value) else { return Value::Null };
    let share = match number {
        share if (0.0..=1.0).contains(&share) => share,
        percent if (1.0..=100.0).contains(&percent) => percent / 100.0,
        _ => return Value::Null,
    };
    Number::from_f64(share).map_or(Value::Null, Value::Number)
}

/// A number, or text of one.
pub fn number(value: Option<&Value>) -> Option<f64> {
    let number = match value? {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().trim_end_matches('%').trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// A count that was sent, else the length of the list it counts.
pub fn count(value: Option<&Value>, counted: usize) -> u64 {
    match number(value) {
        Some(count) if (0.0..=1e6).contains(&count) => count as u64,
        _ => counted as u64,
    }
}
