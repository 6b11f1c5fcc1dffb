//! What is written for a health report, inside the writer's transaction.

use super::clocks::{self, Timed};
use super::gaps;
use super::keys;
use super::tally::{self, Kind};
use super::write::{Accepted, Receipt, Verdict, touch};
use crate::domain::CameraKey;
use crate::wire::incoming::{ClockReport, Gap};
use rusqlite::{Connection, Result, params};

/// A health report.
#[derive(Debug, Clone)]
pub struct NewHealth {
    pub camera: CameraKey,
    pub key: String,
    pub revision: i64,
    pub health_id: String,
    pub component: String,
    /// `healthy`, `warning` or `error`.
    pub status: String,
    pub message: String,
    pub at: Timed,
    pub received_us: i64,
    /// What it says was lost.
    pub gap: Option<Gap>,
    /// How wrong it says a clock was.
    pub clock: Option<ClockReport>,
}

impl NewHealth {
    pub fn insert(mut self, conn: &Connection) -> Result<Accepted> {
        touch(conn, &self.camera, self.received_us)?;
        if let Some(receipt) = Receipt::find(conn, Kind::Health, &self.camera, &self.key)? {
            keys::used(conn, Kind::Health, &self.camera, &self.key, self.received_us)?;
            let (verdict, record_id) = (Verdict::Duplicate, receipt.record_id);
            return Ok(Accepted { verdict, record_id, orphans: Vec::new(), corrected_us: None });
        }
        let corrected_us = self.at.settle(conn)?;
        self.insert_row(conn)?;
        if let Some(gap) = &self.gap {
            gaps::keep(conn, &self.camera, &self.health_id, (self.at.at_us, self.received_us), gap)?;
        }
        if let Some(clock) = &self.clock {
            let corrected = clocks::report(conn, &self.camera, clock, self.received_us)?;
            tracing::info!(camera = %self.camera, offset_us = clock.offset_us, corrected, "an agent's clock was set");
        }
        let receipt = Receipt { revision: self.revision, record_id: self.health_id.clone() };
        receipt.keep(conn, Kind::Health, &self.camera, &self.key, self.received_us)?;
        Ok(Accepted { verdict: Verdict::New, record_id: self.health_id, orphans: Vec::new(), corrected_us })
    }

    fn insert_row(&self, conn: &Connection) -> Result<()> {
        let (camera, checkpoint) = (self.camera.camera.as_str(), self.camera.checkpoint.as_str());
        let at = &self.at;
        conn.prepare_cached(
            "INSERT INTO health (health_id, camera_id, checkpoint_id, at_us, received_us, body, raw_boot)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            self.health_id,
            camera,
            checkpoint,
            at.at_us,
            self.received_us,
            at.body,
            at.raw_boot
        ])?;
        tally::add(conn, Kind::Health, &self.camera, at.at_us)?;
        // Details that would swell every answer stay in the report alone.
        // A backlog may arrive late: only the latest report is a component's state.
        conn.prepare_cached(
            "INSERT INTO component_health VALUES (?1, ?2, ?3, ?4, ?5, ?6, 
                 coalesce((SELECT d FROM (SELECT json_extract(?7, '$.details') AS d) WHERE length(d) <= 65536), '{}'))
             ON CONFLICT DO UPDATE SET status = excluded.status, message = excluded.message, at_us = excluded.at_us,
                 details = excluded.details
             WHERE excluded.at_us >= at_us",
        )?
        .execute(params![camera, checkpoint, self.component, self.status, self.message, at.at_us, at.body])?;
        Ok(())
    }
}
