//! What an alert says: to the room, to the webhook, to those who ask. Pure.

use crate::server::answer::{Broadcast, Room};
use crate::server::store::AlertRow;
use crate::wire::timestamp;
use serde_json::{Value, json};

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    Opened,
    /// What it says is another.
    Changed,
    /// It is no longer so: the text was revised, the camera is well.
    Ended,
    Acknowledged,
}

/// An alert to tell of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub happening: Happening,
    pub alert: AlertRow,
}

impl Told {
    /// For the dashboard. A camera's alert is no `blacklist_alert`, however new: that one stands for a plate.
    pub fn broadcast(&self) -> Broadcast {
        let event = match (self.happening, &self.alert.plate) {
            (Happening::Opened, Some(_)) => "blacklist_alert",
            _ => "alert_update",
        };
        Broadcast { room: Room::Dashboard, event, payload: json(&self.alert) }
    }

    /// The webhook's word for it; `None` for what it is not told.
    pub fn webhook_event(&self) -> Option<&'static str> {
        match (self.happening, &self.alert.plate) {
            (Happening::Opened, Some(_)) => Some("blacklist_alert"),
            (Happening::Opened, None) => Some("camera_alert"),
            (Happening::Ended, _) => Some("alert_ended"),
            (Happening::Changed, _) => Some("alert_changed"),
            (Happening::Acknowledged, _) => None,
        }
    }
}

/// One item of `GET /api/alerts`.
pub fn json(row: &AlertRow) -> Value {
    let moment = |us: Option<i64>| us.map(timestamp::format);
    let mut alert = json!({
        "alert_id": row.alert_id,
        "kind": row.kind,
        "severity": row.severity,
        "title": row.title,
        "camera_id": row.camera_id,
        "checkpoint_id": row.checkpoint_id,
        "timestamp": timestamp::format(row.at_us),
        "ended": moment(row.ended_us),
        "acknowledged": row.acknowledged_us.map(|at_us| json!({
            "by": row.acknowledged_by, "at": timestamp::format(at_us), "note": row.acknowledged_note,
        })),
    });
    if let Some(plate) = &row.plate {
        alert["plate"] = json!(plate);
        alert["detection_id"] = json!(row.detection_id);
        alert["matched"] = json!({
            "plate": row.entry_plate, "why": row.why, "entry_id": row.entry_id, "watchlist_id": row.watchlist_id,
            "watchlist": row.watchlist, "note": row.note,
        });
    }
    if let Some(problem) = &row.problem {
        alert["problem"] = json!(problem);
    }
    alert
}
