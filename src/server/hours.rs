//! `GET /api/hours`: how many records each hour has, from what was counted with the commits.

use super::app::App;
use super::fault::{Code, Fault};
use super::query::Query;
use super::store::{self, HOUR_US};
use crate::wire::timestamp;
use serde_json::{Value, json};
use std::collections::HashMap;

/// A year, and a day more.
const MOST: i64 = 367 * 24;

/// Every hour that `from` to `to` touches, those without a record too; without them the last day.
pub async fn hours(app: &App, query: &Query) -> Result<Value, Fault> {
    let now_us = app.now_us();
    let (from_us, to_us) = query.span(&app.zone)?;
    let to = to_us.unwrap_or(now_us).saturating_add(HOUR_US - 1).div_euclid(HOUR_US);
    let from = from_us.map_or(to - 24, |from_us| from_us.div_euclid(HOUR_US));
    if to - from > MOST {
        let message = format!("from lies more than {MOST} hours before to; ask for less at a time");
        return Err(Fault { field: Some("from".into()), ..Fault::new(Code::Invalid, message) });
    }
    let (camera_id, checkpoint_id) = (query.camera_id(), query.checkpoint_id());
    let read =
        app.store.read(move |conn| store::hours(conn, (camera_id.as_deref(), checkpoint_id.as_deref()), (from, to)));
    let counted: HashMap<i64, i64> = read.await?.into_iter().collect();
    let hours: Vec<Value> = (from..to)
        .map(|hour| {
            let detections = counted.get(&hour).copied().unwrap_or(0);
            json!({"hour": timestamp::format(hour * HOUR_US).replace(".000000+00:00", "Z"), "detections": detections})
        })
        .collect();
    Ok(json!({"success": true, "hours": hours, "timestamp": timestamp::format(now_us)}))
}
