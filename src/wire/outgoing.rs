//! What the agent says (PROTOCOL 1.3–1.5 and the extra keys of part 2).
//!
//! A payload is made in two steps. The *body* is made with the event and kept in the outbox: everything but ids,
//! times and pictures. [`serialise`] adds those when the event is sent, so that a clock set later still corrects them.

use super::timestamp;
use crate::domain::{
    BBox, BootId, CameraKey, CaptureTime, Detection, EventKind, HealthReport, PassFacts, PlateEvent, PlateRead,
    TextVote, VoteTable,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// What our peers call this program's version.
const AGENT_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Whose payload it is and when it was captured: what the outbox row knows beside the body.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    pub event_id: Uuid,
    pub revision: u32,
    pub kind: EventKind,
    pub camera: &'a CameraKey,
    pub epoch: Uuid,
    pub seq: u64,
    pub boot: &'a BootId,
    /// Raw, as the clocks stood.
    pub at: CaptureTime,
}

/// The pictures of an event as JPEG bytes. `plates[i]` belongs to `ocr_results[i]`.
#[derive(Debug, Clone, Default)]
pub struct Pictures {
    pub frame: Option<Vec<u8>>,
    pub plates: Vec<Option<Vec<u8>>>,
}

/// In a body: its event's final form follows. Only for peers that know revisions (PROTOCOL 2).
pub const PROVISIONAL: &str = "provisional";

/// The body of a detection: made once, kept in the outbox. Moments are microseconds since the epoch as the wall clock
/// stood; [`serialise`] turns them into timestamps. Per-plate keys are parallel to `ocr_results`.
pub fn detection_body(event: &PlateEvent) -> Map<String, Value> {
    let plates = &event.plates;
    let each = |of: &dyn Fn(&PlateRead) -> Value| Value::Array(plates.iter().map(of).collect());
    let mut body = Map::new();
    body.insert("vehicles_count".into(), event.vehicles.len().into());
    body.insert("plates_count".into(), plates.len().into());
    body.insert("ocr_results".into(), each(&|plate| plate.text.as_str().into()));
    body.insert("vehicle_detections".into(), event.vehicles.iter().map(vehicle).collect());
    body.insert("plate_detections".into(), each(&|read| plate(read, &event.pass)));
    body.insert("processing_time_ms".into(), rounded(event.processing_ms, 1));
    body.insert("province".into(), each(&|plate| plate.province.as_deref().into()));
    body.insert("votes".into(), each(&|_| event.reads.into()));
    body.insert("raw_text".into(), each(&|plate| plate.raw_text.as_deref().unwrap_or(&plate.text).into()));
    body.insert("first_seen".into(), each(&|_| event.first_seen.wall_us.into()));
    body.insert("last_seen".into(), each(&|_| event.last_seen.wall_us.into()));
    let dwell_ms = event.last_seen.mono_ms.saturating_sub(event.first_seen.mono_ms);
    body.insert("dwell_ms".into(), each(&|_| dwell_ms.into()));
    add_way(&mut body, event);
    body
}

/// What only a vehicle that moved has.
fn add_way(body: &mut Map<String, Value>, event: &PlateEvent) {
    let pass = &event.pass;
    let mut add = |key: &str, value: Value| {
        body.insert(key.into(), event.plates.iter().map(|_| value.clone()).collect());
    };
    if let Some(direction) = pass.direction {
        add("direction", direction.as_str().into());
    }
    if let Some(track) = pass.track_id {
        add("track_id", track.into());
    }
    if pass.provisional {
        body.insert(PROVISIONAL.into(), true.into());
    }
}

fn vehicle(vehicle: &Detection) -> Value {
    json!({"bbox": bbox(&vehicle.bbox), "confidence": share(vehicle.confidence), "class": vehicle.class})
}

fn plate(plate: &PlateRead, pass: &PassFacts) -> Value {
    let mut value = json!({
        "bbox": bbox(&plate.bbox),
        "confidence": share(plate.confidence),
        "text": plate.text,
        "text_confidence": share(plate.text_confidence),
        "vehicle": plate.vehicle,
    });
    if plate.province.is_some() && plate.province_confidence > 0.0 {
        value["province_confidence"] = share(plate.province_confidence);
    }
    if pass.doubtful {
        value["doubtful"] = true.into();
    }
    if let Some(table) = &pass.votes {
        value["votes"] = votes(table);
    }
    if !pass.lines.is_empty() {
        value["lines"] = json!(pass.lines);
    }
    value
}

/// How the text came about: what was read how often, and how much of it stands for each character.
fn votes(table: &VoteTable) -> Value {
    let text = |row: &TextVote| json!({"text": row.text, "reads": row.reads, "weight": share(row.weight)});
    json!({
        "reads": table.reads,
        "support": table.support.iter().map(|support| share(*support)).collect::<Value>(),
        "texts": table.texts.iter().map(text).collect::<Value>(),
    })
}

fn bbox(b: &BBox) -> Value {
    [b.x1, b.y1, b.x2, b.y2].into_iter().map(|v| rounded(f64::from(v), 1)).collect()
}

fn share(value: f32) -> Value {
    rounded(f64::from(value), 4)
}

/// A number with few digits; JSON knows neither NaN nor infinity, and peers no null here.
fn rounded(value: f64, digits: i32) -> Value {
    let scale = 10f64.powi(digits);
    let value = (value * scale).round() / scale;
    if value.is_finite() { value.into() } else { 0.0.into() }
}

/// The body of a health report.
pub fn health_body(report: &HealthReport) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("component".into(), report.component.as_str().into());
    body.insert("status".into(), json!(report.status));
    body.insert("message".into(), report.message.as_str().into());
    body.insert("details".into(), Value::Object(report.details.clone()));
    body
}

/// Events that will not be delivered (PROTOCOL 2), or not with their pictures.
#[derive(Debug, Clone, Copy)]
pub struct Gap<'a> {
    /// The outbox's in which they were numbered; with both numbers `None` where it is not known which they were.
    pub epoch: Option<&'a str>,
    pub from_seq: Option<u64>,
    pub to_seq: Option<u64>,
    /// At least so many, of this kind, in that range; others in it are not missing.
    pub count: u64,
    pub kind: &'a str,
    pub reason: &'a str,
}

/// The body of a gap report.
pub fn gap_body(gap: &Gap<'_>) -> Map<String, Value> {
    let details = json!({
        "epoch": gap.epoch, "from_seq": gap.from_seq, "to_seq": gap.to_seq,
        "count": gap.count, "kind": gap.kind, "reason": gap.reason,
    });
    let message = format!("{} {}(s) will not be delivered: {}", gap.count, gap.kind, gap.reason);
    report_body("outbox", "warning", message, details)
}

/// The body of the report that a boot's wall clock was off by `offset_ms` until it was set.
pub fn clock_body(boot: &BootId, offset_ms: i64) -> Map<String, Value> {
    let message = format!("the clock was set; before, it was off by {offset_ms} ms");
    report_body("clock", "healthy", message, json!({"boot_id": boot.0, "offset_ms": offset_ms}))
}

/// The body of a report by the outbox about itself.
pub fn report_body(component: &str, status: &str, message: String, details: Value) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("component".into(), component.into());
    body.insert("status".into(), status.into());
    body.insert("message".into(), message.into());
    body.insert("details".into(), details);
    body
}

/// The payload of one event, ready to be sent. `offset_us` is added to every moment where the wall clock was wrong at
/// capture and has been set since.
pub fn serialise(
    envelope: &Envelope<'_>,
    body: &Map<String, Value>,
    pictures: &Pictures,
    offset_us: Option<i64>,
) -> Value {
    let offset = offset_us.unwrap_or(0);
    let mut payload = body.clone();
    for key in ["first_seen", "last_seen"] {
        if let Some(moments) = payload.get_mut(key).and_then(Value::as_array_mut) {
            for moment in moments {
                *moment = moment.as_i64().map(|us| timestamp::format(us.saturating_add(offset))).into();
            }
        }
    }
    let kind = match envelope.kind {
        EventKind::Plate => "detection_result",
        EventKind::Health => "health_check",
    };
    payload.insert("type".into(), kind.into());
    payload.insert("timestamp".into(), timestamp::format(envelope.at.wall_us.saturating_add(offset)).into());
    if envelope.kind == EventKind::Plate {
        add_pictures(&mut payload, pictures);
    }
    payload.insert("seq".into(), envelope.seq.into());
    let who = Who { camera: envelope.camera, epoch: envelope.epoch, boot: envelope.boot, at: envelope.at };
    add_identity(&mut payload, envelope.event_id, envelope.revision, &who);
    payload.insert("time_corrected".into(), offset_us.is_some().into());
    Value::Object(payload)
}

fn add_pictures(payload: &mut Map<String, Value>, pictures: &Pictures) {
    if let Some(frame) = &pictures.frame {
        payload.insert("annotated_image".into(), STANDARD.encode(frame).into());
    }
    // An empty text keeps its place, so that the others still belong to their plates.
    let crops = pictures.plates.iter().map(|crop| STANDARD.encode(crop.as_deref().unwrap_or_default()));
    payload.insert("cropped_plates".into(), crops.collect());
}

/// Who speaks, and how the clocks stand.
#[derive(Debug, Clone, Copy)]
pub struct Who<'a> {
    pub camera: &'a CameraKey,
    pub epoch: Uuid,
    pub boot: &'a BootId,
    pub at: CaptureTime,
}

/// The payload of `camera_register` (PROTOCOL 1.3).
pub fn registration(event_id: Uuid, who: &Who<'_>) -> Value {
    let mut payload = Map::new();
    payload.insert("timestamp".into(), timestamp::format(who.at.wall_us).into());
    add_identity(&mut payload, event_id, 0, who);
    payload.insert("time_corrected".into(), false.into());
    Value::Object(payload)
}

fn add_identity(payload: &mut Map<String, Value>, event_id: Uuid, revision: u32, who: &Who<'_>) {
    payload.insert("camera_id".into(), who.camera.camera.as_str().into());
    payload.insert("aicamera_id".into(), who.camera.camera.as_str().into());
    payload.insert("checkpoint_id".into(), who.camera.checkpoint.as_str().into());
    payload.insert("event_id".into(), event_id.to_string().into());
    payload.insert("revision".into(), revision.into());
    payload.insert("epoch".into(), who.epoch.to_string().into());
    payload.insert("boot_id".into(), who.boot.0.as_str().into());
    payload.insert("mono_ms".into(), who.at.mono_ms.into());
    payload.insert("clock_synced".into(), who.at.synced.into());
    payload.insert("agent_version".into(), AGENT_VERSION.into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CameraId, CheckpointId, Direction, Frame, HealthStatus, LineCrossing, Quad};

    const US: i64 = 1_734_602_400_000_000; // 2024-12-19T10:00:00Z

    fn at(wall_us: i64, mono_ms: u64, synced: bool) -> CaptureTime {
        CaptureTime { wall_us, mono_ms, synced }
    }

    fn camera() -> CameraKey {
        CameraKey {
            camera: CameraId::new("camera_001").unwrap(),
            checkpoint: CheckpointId::new("checkpoint_001").unwrap(),
        }
    }

    fn read(text: &str) -> PlateRead {
        let bbox = BBox::new(150.0, 150.04, 180.0, 170.0);
        PlateRead {
            bbox,
            corners: Quad::from(bbox),
            confidence: 0.92,
            text: text.into(),
            text_confidence: f32::NAN,
            characters: Vec::new(),
            province: Some("กรุงเทพมหานคร".into()),
            vehicle: Some(0),
            ..PlateRead::default()
        }
    }

    fn event() -> PlateEvent {
        PlateEvent {
            event_id: Uuid::now_v7(),
            camera: camera(),
            frame: Frame::new(1, 1, vec![0, 0, 0], 1, at(US, 5000, true)).unwrap(),
            vehicles: vec![Detection {
                bbox: BBox::new(100.0, 100.0, 200.0, 200.0),
                confidence: 0.95,
                class: "car".into(),
                corners: None,
            }],
            plates: vec![PlateRead { raw_text: Some("A8C1234".into()), ..read("ABC1234") }, read("กข1234")],
            first_seen: at(US - 2_000_000, 3000, true),
            last_seen: at(US + 500_000, 5500, true),
            reads: 7,
            processing_ms: 150.0,
            pass: PassFacts {
                track_id: Some(3),
                direction: Some(Direction::Approaching),
                lines: vec![LineCrossing { name: "gate".into(), forward: true }],
                votes: Some(VoteTable {
                    reads: 7,
                    support: vec![1.0, 0.5],
                    texts: vec![TextVote { text: "ABC1234".into(), reads: 7, weight: 3.5 }],
                }),
                ..PassFacts::default()
            },
        }
    }

    fn envelope<'a>(camera: &'a CameraKey, boot: &'a BootId, kind: EventKind, at: CaptureTime) -> Envelope<'a> {
        Envelope { event_id: Uuid::nil(), revision: 0, kind, camera, epoch: Uuid::nil(), seq: 9, boot, at }
    }

    #[test]
    fn a_detection_has_every_field_of_the_contract_and_ours() {
        let event = event();
        let (camera, boot) = (camera(), BootId("boot".into()));
        let pictures = Pictures { frame: Some(b"jpeg".to_vec()), plates: vec![None, Some(b"crop".to_vec())] };
        let envelope = envelope(&camera, &boot, EventKind::Plate, event.frame.captured);
        let payload = serialise(&envelope, &detection_body(&event), &pictures, None);
        let text = json!({"text": "ABC1234", "reads": 7, "weight": 3.5});
        let votes = json!({"reads": 7, "support": [1.0, 0.5], "texts": [text]});
        let lines = json!([{"name": "gate", "forward": true}]);
        assert_eq!(
            payload,
            json!({
                "type": "detection_result", "camera_id": "camera_001", "aicamera_id": "camera_001",
                "checkpoint_id": "checkpoint_001", "timestamp": "2024-12-19T10:00:00.000000+00:00",
                "vehicles_count": 1, "plates_count": 2, "ocr_results": ["ABC1234", "กข1234"],
                "vehicle_detections": [{"bbox": [100.0, 100.0, 200.0, 200.0], "confidence": 0.95, "class": "car"}],
                "plate_detections": [
                    {"bbox": [150.0, 150.0, 180.0, 170.0], "confidence": 0.92, "text": "ABC1234", "text_confidence": 0.0, "vehicle": 0, "votes": votes, "lines": lines},
                    {"bbox": [150.0, 150.0, 180.0, 170.0], "confidence": 0.92, "text": "กข1234", "text_confidence": 0.0, "vehicle": 0, "votes": votes, "lines": lines},
                ],
                "processing_time_ms": 150.0, "annotated_image": "anBlZw==", "cropped_plates": ["", "Y3JvcA=="],
                "province": ["กรุงเทพมหานคร", "กรุงเทพมหานคร"], "votes": [7, 7], "dwell_ms": [2500, 2500],
                "raw_text": ["A8C1234", "กข1234"], "direction": ["approaching", "approaching"], "track_id": [3, 3],
                "first_seen": ["2024-12-19T09:59:58.000000+00:00", "2024-12-19T09:59:58.000000+00:00"],
                "last_seen": ["2024-12-19T10:00:00.500000+00:00", "2024-12-19T10:00:00.500000+00:00"],
                "event_id": "00000000-0000-0000-0000-000000000000", "revision": 0,
                "epoch": "00000000-0000-0000-0000-000000000000", "seq": 9, "boot_id": "boot", "mono_ms": 5000,
                "clock_synced": true, "time_corrected": false, "agent_version": env!("CARGO_PKG_VERSION"),
            })
        );
    }

    #[test]
    fn a_still_picture_has_no_way_and_a_provisional_or_doubtful_event_says_so() {
        let still = detection_body(&PlateEvent { pass: PassFacts::default(), ..event() });
        assert!(["direction", "track_id", PROVISIONAL].iter().all(|key| !still.contains_key(*key)));
        assert!(["votes", "lines", "doubtful"].iter().all(|key| still["plate_detections"][0].get(key).is_none()));
        let pass = PassFacts { provisional: true, ..PassFacts::default() };
        assert_eq!(detection_body(&PlateEvent { pass, ..event() })[PROVISIONAL], true);
        let pass = PassFacts { doubtful: true, ..PassFacts::default() };
        assert_eq!(detection_body(&PlateEvent { pass, ..event() })["plate_detections"][1]["doubtful"], true);
    }

    #[test]
    fn a_health_report_has_every_field_of_the_contract() {
        let report = HealthReport {
            event_id: Uuid::nil(),
            camera: camera(),
            at: at(US, 1, true),
            component: "camera".into(),
            status: HealthStatus::Warning,
            message: "slow".into(),
            details: json!({"cpu_usage": 45.2}).as_object().unwrap().clone(),
        };
        let (camera, boot) = (camera(), BootId("boot".into()));
        let envelope = envelope(&camera, &boot, EventKind::Health, report.at);
        let payload = serialise(&envelope, &health_body(&report), &Pictures::default(), None);
        assert_eq!(payload["type"], "health_check");
        assert_eq!(payload["component"], "camera");
        assert_eq!(payload["status"], "warning");
        assert_eq!(payload["details"]["cpu_usage"], 45.2);
        assert_eq!(payload["timestamp"], "2024-12-19T10:00:00.000000+00:00");
        assert!(payload.get("annotated_image").is_none());
    }

    #[test]
    fn a_clock_set_later_corrects_every_moment_and_says_so() {
        let event = event();
        let (camera, boot) = (camera(), BootId("boot".into()));
        let envelope = envelope(&camera, &boot, EventKind::Plate, at(US, 5000, false));
        let payload = serialise(&envelope, &detection_body(&event), &Pictures::default(), Some(3_600_000_000));
        assert_eq!(payload["timestamp"], "2024-12-19T11:00:00.000000+00:00");
        assert_eq!(payload["first_seen"][0], "2024-12-19T10:59:58.000000+00:00");
        assert_eq!(payload["time_corrected"], true);
        assert_eq!(payload["clock_synced"], false);
    }
}
