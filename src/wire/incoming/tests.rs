use super::*;
use crate::domain::HealthStatus;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const NOW: i64 = 1_734_602_400_000_000;

fn detection(payload: Value) -> Result<Detection, Invalid> {
    Detection::read(&payload, Context { zone: &TimeZone::get("Asia/Bangkok").unwrap(), received_us: NOW })
}

fn health(payload: Value) -> Result<Health, Invalid> {
    Health::read(&payload, Context { zone: &TimeZone::UTC, received_us: NOW })
}

/// The contract's own example with `changes` on top; a null takes the key away.
fn example(changes: Value) -> Value {
    let mut payload = json!({"type":"detection_result","camera_id":"camera_001","checkpoint_id":"checkpoint_001",
        "timestamp":"2024-12-19T10:00:00Z","vehicles_count":1,"plates_count":1,"ocr_results":["ABC1234"],
        "vehicle_detections":[{"bbox":[100,100,200,200],"confidence":0.95,"class":"car"}],
        "plate_detections":[{"bbox":[150,150,180,170],"confidence":0.92,"text":"ABC1234"}],
        "processing_time_ms":150,"annotated_image":JPEG,"cropped_plates":[JPEG]});
    for (key, value) in changes.as_object().unwrap() {
        payload[key.as_str()] = value.clone();
    }
    payload.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    payload
}

/// The start of a JPEG.
const JPEG: &str = "/9j/4AAQSkZJRg==";

#[test]
fn the_contracts_own_example_passes_unchanged() {
    let read = detection(example(json!({}))).unwrap();
    assert_eq!(read.captured_us, NOW);
    assert_eq!(read.envelope.camera.to_string(), "checkpoint_001/camera_001");
    assert_eq!(read.body["timestamp"], "2024-12-19T10:00:00.000000+00:00");
    assert_eq!(read.body["timestamp_original"], "2024-12-19T10:00:00Z");
    assert_eq!(read.body["vehicle_detections"], example(json!({}))["vehicle_detections"]);
    assert_eq!(read.body["plate_detections"], example(json!({}))["plate_detections"]);
    assert_eq!(read.body["processing_time_ms"], 150);
    assert!(!read.body.contains_key("annotated_image"));
    assert!(read.images.frame.is_some() && read.images.crops.len() == 1 && read.images.dropped == 0);
}

#[test]
fn a_missing_or_wrong_field_is_named() {
    for (changes, field) in [
        (json!({"type": null}), "type"),
        (json!({"type": "health_check"}), "type"),
        (json!({"camera_id": null}), "camera_id"),
        (json!({"camera_id": " "}), "camera_id"),
        (json!({"camera_id": {}}), "camera_id"),
        (json!({"camera_id": "a\nb"}), "camera_id"),
        (json!({"camera_id": "x".repeat(10_000)}), "camera_id"),
        (json!({"checkpoint_id": []}), "checkpoint_id"),
        (json!({"timestamp": null}), "timestamp"),
        (json!({"timestamp": "yesterday"}), "timestamp"),
        (json!({"vehicle_detections": 7}), "vehicle_detections"),
        (json!({"plate_detections": "no list"}), "plate_detections"),
        (json!({"event_id": "x".repeat(1000)}), "event_id"),
        (json!({"event_id": "e", "revision": -1}), "revision"),
    ] {
        let error = detection(example(changes.clone())).unwrap_err();
        assert_eq!(error.field, field, "{changes}");
        assert!(error.message.contains(field), "{error}");
    }
    assert_eq!(detection(json!([1])).unwrap_err().field, "");
}

#[test]
fn ids_come_as_numbers_under_another_name_or_not_at_all() {
    let one = |payload| detection(payload).unwrap().envelope.camera.to_string();
    assert_eq!(one(example(json!({"camera_id": 1}))), one(example(json!({"camera_id": "1"}))));
    assert_eq!(one(example(json!({"camera_id": 1.0, "checkpoint_id": 2}))), "2/1");
    assert_eq!(one(example(json!({"camera_id": null, "aicamera_id": "edge-7"}))), "checkpoint_001/edge-7");
    assert_eq!(one(example(json!({"checkpoint_id": null}))), "default/camera_001");
    assert_eq!(one(example(json!({"camera_id": "../../x"}))), "checkpoint_001/../../x");
}

#[test]
fn lists_come_as_json_text_and_results_as_objects() {
    let read = detection(example(json!({
        "ocr_results": "[{\"text\": \"กข 1234\", \"confidence\": 88}, \"B2\", null]",
        "vehicle_detections": "[]",
        "plate_detections": "[{\"bbox\": [1.5, NaN, 3, 4], \"score\": 92, \"label\": \"plate\"}]",
        "vehicles_count": null, "plates_count": "2",
    })))
    .unwrap();
    assert_eq!(read.body["ocr_results"], json!(["กข 1234", "B2", ""]));
    assert_eq!(read.body["plate_detections"], json!([{"bbox": null, "confidence": 0.92, "class": "plate"}]));
    assert_eq!(read.body["vehicles_count"], 0);
    assert_eq!(read.body["plates_count"], 2);
    assert_eq!(detection(example(json!({"ocr_results": "ABC"}))).unwrap().body["ocr_results"], json!(["ABC"]));
}

#[test]
fn a_box_outside_the_frame_is_kept_and_a_naive_time_is_local() {
    let read = detection(example(json!({
        "timestamp": "2024-12-19 17:00:00",
        "vehicle_detections": [{"bbox": [-5, 0, 9999, 1.5], "score": 0.5, "vehicle_class": "bus"}],
    })))
    .unwrap();
    assert_eq!(read.captured_us, NOW);
    assert_eq!(
        read.body["vehicle_detections"],
        json!([{"bbox": [-5, 0, 9999, 1.5], "confidence": 0.5, "class": "bus"}])
    );
}

#[test]
fn unreadable_images_are_dropped_and_positions_stay() {
    let read = detection(example(json!({
        "annotated_image": "base64_encoded_image",
        "original_image": format!("data:image/jpeg;base64,{JPEG}"),
        "cropped_plates": ["", JPEG, "bm8gaW1hZ2U=", 5],
    })))
    .unwrap();
    assert_eq!(read.images.dropped, 3);
    assert!(read.images.frame.is_none() && read.images.original.is_some());
    let crops: Vec<bool> = read.images.crops.iter().map(Option::is_some).collect();
    assert_eq!(crops, [false, true]);
}

#[test]
fn the_oldest_dialect_is_understood() {
    let read = detection(json!({"camera_id": "1", "plate_number": "กข1234", "confidence": 87,
        "image_data": format!("data:image/jpeg;base64,{JPEG}"), "location": "north gate"}))
    .unwrap();
    assert_eq!(read.captured_us, NOW);
    assert_eq!(read.body["ocr_results"], json!(["กข1234"]));
    assert_eq!(read.body["plate_detections"][0]["confidence"], 0.87);
    assert_eq!(read.body["location"], "north gate");
    assert_eq!(read.envelope.camera.to_string(), "default/1");
    assert!(read.images.data.is_some());
    assert_eq!(Registration::read(&json!({"camera_id": 1})).unwrap().camera.to_string(), "default/1");
}

#[test]
fn a_repeat_without_an_event_id_has_the_same_key_and_another_read_has_not() {
    let key = |changes| detection(example(changes)).unwrap().envelope.key;
    let first = key(json!({"created_at": "2024-12-19 10:00:00"}));
    assert_eq!(first, key(json!({"created_at": "2024-12-19 10:00:00", "timestamp": "2024-12-19T11:11:11Z"})));
    assert_ne!(first, key(json!({"created_at": "2024-12-19 10:00:00", "ocr_results": ["XYZ"]})));
    assert_ne!(first, key(json!({"created_at": "2024-12-19 10:00:01"})));
    assert_ne!(key(json!({})), key(json!({"timestamp": "2024-12-19T10:00:01Z"})));
    assert_ne!(key(json!({})), key(json!({"annotated_image": "/9j/4AAQSkZJRgAA"})));
    assert_eq!(key(json!({"event_id": "018f-7"})), "018f-7");
}

#[test]
fn without_any_time_only_a_picture_tells_a_repeat_from_the_same_car_another_day() {
    let zone = TimeZone::UTC;
    let key = |payload: &Value, received_us| {
        Detection::read(payload, Context { zone: &zone, received_us }).unwrap().envelope.key
    };
    let mut payload = json!({"camera_id": 1, "plate_number": "A", "confidence": 87});
    assert_ne!(key(&payload, NOW), key(&payload, NOW + 1));
    payload["image_data"] = json!("a placeholder");
    assert_ne!(key(&payload, NOW), key(&payload, NOW + 1));
    payload["image_data"] = json!(JPEG);
    assert_eq!(key(&payload, NOW), key(&payload, NOW + 1));
    payload["image_data"] = Value::Null;
    payload["created_at"] = json!("2024-12-19 10:00:00");
    assert_eq!(key(&payload, NOW), key(&payload, NOW + 1));
}

#[test]
fn health_is_read_in_every_dialect() {
    let base = json!({"type": "health_check", "camera_id": 3, "timestamp": 1_734_602_400,
        "component": "camera", "status": "PASS", "details": "{\"cpu_percent\": 45.2, \"ram_percent\": 60}"});
    let read = health(base.clone()).unwrap();
    assert_eq!((read.status, read.at_us), (HealthStatus::Healthy, NOW));
    assert_eq!(read.body["status"], "healthy");
    assert_eq!(read.body["status_original"], "PASS");
    assert_eq!(
        read.body["details"],
        json!({"cpu_percent": 45.2, "cpu_usage": 45.2, "ram_percent": 60, "memory_usage": 60.0})
    );
    for (sent, status) in
        [("FAIL", HealthStatus::Error), ("critical", HealthStatus::Error), ("Warning", HealthStatus::Warning)]
    {
        let mut payload = base.clone();
        payload["status"] = json!(sent);
        payload["details"] = Value::Null;
        assert_eq!(health(payload).unwrap().status, status);
    }
    let mut payload = base;
    payload["status"] = json!("fine");
    assert_eq!(health(payload).unwrap_err().field, "status");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        Just(json!(JPEG)),
        Just(json!("[[\"x\"]]")),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_gives_an_answer(payload in any_json()) {
        let _ = detection(payload.clone());
        let _ = health(payload.clone());
        let _ = Registration::read(&payload);
        let _ = EventRef::peek(&payload);
    }

    #[test]
    fn any_value_in_any_field_gives_an_answer_in_the_contracts_form(
        field in prop::sample::select(vec!["camera_id", "checkpoint_id", "timestamp", "type", "ocr_results",
            "vehicle_detections", "plate_detections", "vehicles_count", "plates_count", "annotated_image",
            "cropped_plates", "image_data", "event_id", "revision", "plate_number", "confidence"]),
        value in any_json(),
    ) {
        let mut payload = example(json!({}));
        payload[field] = value;
        match detection(payload) {
            Err(error) => prop_assert!(error.message.contains(&error.field)),
            Ok(read) => {
                prop_assert!(read.body["ocr_results"].as_array().unwrap().iter().all(Value::is_string));
                for plate in read.body["plate_detections"].as_array().unwrap() {
                    let confidence = &plate["confidence"];
                    prop_assert!(confidence.is_null() || (0.0..=1.0).contains(&confidence.as_f64().unwrap()));
                    prop_assert!(plate["bbox"].is_null() || plate["bbox"].as_array().unwrap().len() == 4);
                }
            }
        }
    }
}
