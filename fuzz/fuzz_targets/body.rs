//! A REST body: bytes, to JSON, to each of the three payloads. Whatever the bytes, there is an event in the contract's
//! form or a refusal that names its field.

#![no_main]

use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use lpr::wire::incoming::{ClockReport, Context, Detection, EventRef, Gap, Health, Registration, json};
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Ok(payload) = json::parse_bytes(bytes) else { return };
    let context = Context { zone: &TimeZone::UTC, received_us: 1_734_602_400_000_000 };
    let _ = EventRef::peek(&payload);
    match Registration::read(&payload) {
        Ok(registration) => assert!(!registration.camera.camera.as_str().chars().any(char::is_control)),
        Err(invalid) => assert!(invalid.message.contains(&invalid.field)),
    }
    match Detection::read(&payload, context) {
        Ok(detection) => look(&detection),
        Err(invalid) => assert!(invalid.message.contains(&invalid.field)),
    }
    match Health::read(&payload, context) {
        Ok(health) => {
            assert!(health.body["details"].is_object() && !health.component.chars().any(char::is_control));
            assert!(Gap::of(&health).is_none_or(|gap| gap.count >= 0));
            let _ = ClockReport::of(&health);
        }
        Err(invalid) => assert!(invalid.message.contains(&invalid.field)),
    }
});

fn look(detection: &Detection) {
    let body = &detection.body;
    assert!(body["ocr_results"].as_array().is_some_and(|results| results.iter().all(Value::is_string)));
    for found in [&body["plate_detections"], &body["vehicle_detections"]].into_iter().filter_map(Value::as_array).flatten() {
        assert!(found["confidence"].as_f64().is_none_or(|share| (0.0..=1.0).contains(&share)));
        assert!(found["bbox"].as_array().is_none_or(|bbox| bbox.len() == 4));
    }
    assert!(["annotated_image", "cropped_plates", "original_image", "image_data"].iter().all(|key| !body.contains_key(*key)));
    // What is stored reads back as what was meant.
    let text = Value::Object(body.clone()).to_string();
    assert!(serde_json::from_str::<Value>(&text).is_ok());
}
