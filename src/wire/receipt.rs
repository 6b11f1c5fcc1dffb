//! Is an answer a receipt? The rule that lets a row leave the outbox (PROTOCOL part 2):
//!
//! - a server that echoes must name the row's `event_id` and `revision`, and say `success:true`;
//! - from a server that echoes nothing, `success:true` with the row's camera and checkpoint, in the kind of answer that
//!   belongs to the row, while exactly this one event was in flight on the connection;
//! - in a REST response, which belongs to its request by itself, camera and checkpoint need not be there.
//!
//! Everything else is no receipt.

use super::answer::{Answer, Code, Commit};
use crate::domain::{CameraKey, EventKind};
use uuid::Uuid;

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// The response to the very request that carried the event.
    Rest,
    /// Event `lpr_response` on the connection.
    LprResponse,
    /// Event `health_response`.
    HealthResponse,
    /// Event `error`.
    Error,
}

/// An event sent and not yet answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub event_id: Uuid,
    pub revision: u32,
    pub kind: EventKind,
    pub camera: CameraKey,
}

/// What the server says of an event that it has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// It had it already.
    pub duplicate: bool,
    /// `detection_id` or `health_id`, where it gave one.
    pub record_id: Option<String>,
    pub commit: Commit,
    /// It named the event by id and revision, as only a server of protocol 2 does.
    pub echoed: bool,
}

/// What an answer means for what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The server has it: the row at this index may go.
    Receipt { index: usize, receipt: Receipt },
    /// The server answers that row and does not take it.
    Refused { index: usize, code: Option<Code>, reason: String },
    /// It names none of the rows, or not surely: no row may go because of it.
    NoMatch,
}

/// Judges one answer against what is in flight on its connection. `echoes`: the peer has shown protocol 2.
pub fn judge(answer: &Answer, via: Via, sent: &[Sent], echoes: bool) -> Verdict {
    let Some(index) = named(answer, via, sent, echoes) else {
        return Verdict::NoMatch;
    };
    if answer.success == Some(true) && answer.code.is_none() && via != Via::Error {
        let Answer { duplicate, record_id, commit, event_id, .. } = answer.clone();
        return Verdict::Receipt {
            index,
            receipt: Receipt { duplicate, record_id, commit, echoed: event_id.is_some() },
        };
    }
    // A 200 or an lpr_response that says neither yes nor no is not an answer to build on.
    if answer.success.is_none() && answer.code.is_none() {
        return Verdict::NoMatch;
    }
    Verdict::Refused { index, code: answer.code, reason: answer.reason() }
}

/// Which row the answer names.
fn named(answer: &Answer, via: Via, sent: &[Sent], echoes: bool) -> Option<usize> {
    if let Some(event_id) = answer.event_id {
        return sent.iter().position(|row| row.event_id == event_id && Some(row.revision) == answer.revision);
    }
    let [row] = sent else { return None };
    // A refusal that comes in the response to the request itself is this row's even without an echo.
    let refused = answer.success == Some(false);
    if echoes && !(via == Via::Rest && refused) {
        return None;
    }
    let named = match via {
        Via::Rest => true,
        Via::LprResponse => row.kind == EventKind::Plate && same_camera(answer, &row.camera),
        Via::HealthResponse => row.kind == EventKind::Health && same_camera(answer, &row.camera),
        // It has no id of any kind: what it complains of is a guess.
        Via::Error => false,
    };
    named.then_some(0)
}

fn same_camera(answer: &Answer, key: &CameraKey) -> bool {
    answer.camera_id.as_deref() == Some(key.camera.as_str())
        && answer.checkpoint_id.as_deref() == Some(key.checkpoint.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CameraId, CheckpointId};
    use proptest::prelude::*;
    use serde_json::json;

    fn sent(camera: &str, kind: EventKind) -> Sent {
        Sent {
            event_id: Uuid::now_v7(),
            revision: 0,
            kind,
            camera: CameraKey {
                camera: CameraId::new(camera).unwrap(),
                checkpoint: CheckpointId::new("gate").unwrap(),
            },
        }
    }

    fn answer(value: serde_json::Value) -> Answer {
        Answer::parse(&value)
    }

    #[test]
    fn an_echo_of_id_and_revision_is_a_receipt_among_many() {
        let rows = [sent("a", EventKind::Plate), sent("a", EventKind::Plate)];
        let ok = answer(
            json!({"success": true, "event_id": rows[1].event_id, "revision": 0, "duplicate": true, "detection_id": "d"}),
        );
        let expected = Verdict::Receipt {
            index: 1,
            receipt: Receipt { duplicate: true, record_id: Some("d".into()), echoed: true, ..Receipt::default() },
        };
        assert_eq!(judge(&ok, Via::LprResponse, &rows, true), expected);
        let other_revision = answer(json!({"success": true, "event_id": rows[1].event_id, "revision": 1}));
        assert_eq!(judge(&other_revision, Via::LprResponse, &rows, true), Verdict::NoMatch);
        let no_revision = answer(json!({"success": true, "event_id": rows[1].event_id}));
        assert_eq!(judge(&no_revision, Via::LprResponse, &rows, true), Verdict::NoMatch);
    }

    #[test]
    fn without_an_echo_only_one_in_flight_can_be_meant() {
        let rows = [sent("a", EventKind::Plate), sent("a", EventKind::Plate)];
        let ok = answer(json!({"success": true, "camera_id": "a", "checkpoint_id": "gate", "detection_id": "d"}));
        assert_eq!(judge(&ok, Via::LprResponse, &rows, false), Verdict::NoMatch);
        assert!(matches!(judge(&ok, Via::LprResponse, &rows[..1], false), Verdict::Receipt { index: 0, .. }));
        assert_eq!(judge(&ok, Via::HealthResponse, &rows[..1], false), Verdict::NoMatch, "the wrong kind of answer");
        assert_eq!(judge(&ok, Via::LprResponse, &rows[..1], true), Verdict::NoMatch, "this peer would have echoed");
        let other = answer(json!({"success": true, "camera_id": "b", "checkpoint_id": "gate"}));
        assert_eq!(judge(&other, Via::LprResponse, &rows[..1], false), Verdict::NoMatch);
    }

    #[test]
    fn an_error_without_a_name_condemns_nobody() {
        let rows = [sent("a", EventKind::Plate)];
        let error = answer(json!({"message": "Camera not registered"}));
        assert_eq!(judge(&error, Via::Error, &rows, false), Verdict::NoMatch);
        let named = answer(
            json!({"success": false, "message": "no", "code": "invalid", "event_id": rows[0].event_id, "revision": 0}),
        );
        assert!(matches!(judge(&named, Via::Error, &rows, true), Verdict::Refused { code: Some(Code::Invalid), .. }));
    }

    #[test]
    fn a_rest_response_belongs_to_its_request_unless_it_names_another() {
        let rows = [sent("a", EventKind::Health)];
        let ok = answer(json!({"success": true, "health_id": "h"}));
        assert!(matches!(judge(&ok, Via::Rest, &rows, false), Verdict::Receipt { .. }));
        assert_eq!(judge(&ok, Via::Rest, &rows, true), Verdict::NoMatch, "this peer would have echoed");
        let other = answer(json!({"success": true, "event_id": Uuid::now_v7(), "revision": 0}));
        assert_eq!(judge(&other, Via::Rest, &rows, false), Verdict::NoMatch);
        assert_eq!(judge(&answer(json!({"ok": 1})), Via::Rest, &rows, false), Verdict::NoMatch, "some other server");
        let no = answer(json!({"success": false, "message": "Missing field"}));
        assert!(matches!(judge(&no, Via::Rest, &rows, true), Verdict::Refused { code: None, .. }));
    }

    fn any_via() -> impl Strategy<Value = Via> {
        prop_oneof![Just(Via::Rest), Just(Via::LprResponse), Just(Via::HealthResponse), Just(Via::Error)]
    }

    proptest! {
        /// Whatever the answer, a receipt from an echoing peer names its row, and no receipt comes without success.
        #[test]
        fn a_receipt_always_names_its_row(
            via in any_via(), echoes: bool, count in 0usize..4, named in prop::option::of(0usize..5),
            revision in prop::option::of(0u32..3), success in prop::option::of(any::<bool>()),
            camera in prop::option::of("[ab]"), checkpoint in prop::option::of("gate|other"),
        ) {
            let rows: Vec<Sent> = (0..count)
                .map(|n| sent(if n % 2 == 0 { "a" } else { "b" }, if n % 3 == 0 { EventKind::Plate } else { EventKind::Health }))
                .collect();
            let stranger = Uuid::now_v7();
            let answer = Answer {
                success,
                event_id: named.map(|n| rows.get(n).map_or(stranger, |row| row.event_id)),
                revision,
                camera_id: camera,
                checkpoint_id: checkpoint,
                ..Answer::default()
            };
            if let Verdict::Receipt { index, .. } = judge(&answer, via, &rows, echoes) {
                prop_assert_eq!(success, Some(true));
                prop_assert!(via != Via::Error);
                let row = &rows[index];
                match answer.event_id {
                    Some(id) => prop_assert!(id == row.event_id && answer.revision == Some(row.revision)),
                    None => {
                        prop_assert!(!echoes && rows.len() == 1);
                        prop_assert!(via == Via::Rest || same_camera(&answer, &row.camera));
                    }
                }
            }
        }
    }
}
