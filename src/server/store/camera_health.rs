//! What is known of cameras and what they reported of their health.

use crate::domain::CameraKey;
use crate::domain::{CameraId, CheckpointId};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A camera as the server finds it when it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub camera: CameraKey,
    pub last_seen_us: i64,
    pub reports_health: bool,
    /// Alerts about it that have not ended.
    pub problems: Vec<String>,
}

/// All cameras that ever spoke.
pub fn known_cameras(conn: &Connection) -> Result<Vec<Known>> {
    let rows = conn
        .prepare(
            "SELECT camera_id, checkpoint_id, last_seen_us, health_count > 0,
                 (SELECT coalesce(group_concat(problem), '') FROM camera_problems p
                  WHERE p.camera_id = c.camera_id AND p.checkpoint_id = c.checkpoint_id AND open)
             FROM cameras c",
        )?
        .query_map([], |row| {
            let ids: (String, String) = (row.get(0)?, row.get(1)?);
            Ok((ids, row.get(2)?, row.get(3)?, row.get::<_, String>(4)?))
        })?
        .collect::<Result<Vec<_>>>()?;
    let known = rows.into_iter().filter_map(|((camera, checkpoint), last_seen_us, reports_health, problems)| {
        // Ids were checked when they came.
        let (camera, checkpoint) = (CameraId::new(&camera).ok()?, CheckpointId::new(&checkpoint).ok()?);
        let problems = problems.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Some(Known { camera: CameraKey { camera, checkpoint }, last_seen_us, reports_health, problems })
    });
    Ok(known.collect())
}

/// The last word of one component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentRow {
    pub camera_id: String,
    pub checkpoint_id: String,
    pub component: String,
    pub status: String,
    pub message: String,
    pub at_us: i64,
    /// A JSON object.
    pub details: String,
}

/// The last words of all components of all cameras.
pub fn components(conn: &Connection) -> Result<Vec<ComponentRow>> {
    conn.prepare_cached(
        "SELECT camera_id, checkpoint_id, component, status, message, at_us, details FROM component_health",
    )?
    .query_map([], |row| {
        Ok(ComponentRow {
            camera_id: row.get(0)?,
            checkpoint_id: row.get(1)?,
            component: row.get(2)?,
            status: row.get(3)?,
            message: row.get(4)?,
            at_us: row.get(5)?,
            details: row.get(6)?,
        })
    })?
    .collect()
}

/// Capture time of the detection that came last.
pub fn last_detection_us(conn: &Connection, camera_id: &str, checkpoint_id: &str) -> Result<Option<i64>> {
    conn.prepare_cached(
        "SELECT captured_us FROM detections WHERE camera_id = ?1 AND checkpoint_id = ?2 ORDER BY seq DESC LIMIT 1",
    )?
    .query_row([camera_id, checkpoint_id], |row| row.get(0))
    .optional()
}

/// Which health reports are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthFilter {
    pub camera_id: Option<String>,
    pub checkpoint_id: Option<String>,
    pub component: Option<String>,
    /// From this moment on.
    pub from_us: Option<i64>,
    /// Up to, not including, this moment.
    pub to_us: Option<i64>,
    /// The latest so many.
    pub limit: usize,
}

/// A stored health report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthRow {
    pub health_id: String,
    pub at_us: i64,
    pub received_us: i64,
    /// A JSON object.
    pub body: String,
}

impl HealthFilter {
    /// The latest `limit` that match, by their time, oldest first.
    pub fn select(&self, conn: &Connection) -> Result<Vec<HealthRow>> {
        // One snapshot for all questions.
        let tx = conn.unchecked_transaction()?;
        let cameras = tx
            .prepare_cached(
                "SELECT camera_id, checkpoint_id FROM cameras
                 WHERE health_count > 0 AND (?1 IS NULL OR camera_id = ?1) AND (?2 IS NULL OR checkpoint_id = ?2)",
            )?
            .query_map(params![self.camera_id, self.checkpoint_id], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<Vec<(String, String)>>>()?;
        let mut latest = BinaryHeap::new();
        for camera in &cameras {
            self.add_latest(&tx, camera, &mut latest)?;
        }
        let mut body = tx.prepare_cached("SELECT health_id, at_us, received_us, body FROM health WHERE seq = ?1")?;
        let places = latest.into_sorted_vec().into_iter().rev();
        places.map(|Reverse((_, seq))| body.query_row([seq], health)).collect()
    }

    /// One way into an index for each camera, as far as what it has is later than what was found before.
    fn add_latest(
        &self,
        conn: &Connection,
        (camera, checkpoint): &(String, String),
        latest: &mut BinaryHeap<Reverse<(i64, i64)>>,
    ) -> Result<()> {
        // Word for word as in the index.
        let (index, condition) = match self.component {
            Some(_) => {
                ("health_by_component", "CASE WHEN json_valid(body) THEN json_extract(body, '$.component') END = ?5")
            }
            None => ("health_by_camera", "?5 IS NULL"),
        };
        let mut statement = conn.prepare_cached(&format!(
            "SELECT at_us, seq FROM health INDEXED BY {index}
             WHERE camera_id = ?1 AND checkpoint_id = ?2 AND {condition} AND at_us >= ?3 AND at_us < ?4
             ORDER BY at_us DESC, seq DESC"
        ))?;
        let mut rows = statement.query(params![camera, checkpoint, self.from(), self.to(), self.component])?;
        while let Some(row) = rows.next()? {
            let place = Reverse((row.get(0)?, row.get(1)?));
            if latest.len() >= self.limit {
                if latest.peek().is_none_or(|earliest| *earliest <= place) {
                    break;
                }
                latest.pop();
            }
            latest.push(place);
        }
        Ok(())
    }

    fn from(&self) -> i64 {
        self.from_us.unwrap_or(i64::MIN)
    }

    fn to(&self) -> i64 {
        self.to_us.unwrap_or(i64::MAX)
    }
}

fn health(row: &Row<'_>) -> Result<HealthRow> {
    Ok(HealthRow { health_id: row.get(0)?, at_us: row.get(1)?, received_us: row.get(2)?, body: row.get(3)? })
}
