//! Alerts about cameras: what is observed, and the alert that it opens or ends, in one transaction.

use super::write::{Accepted, Verdict};
use super::{alerts, webhooks};
use crate::domain::CameraKey;
use crate::server::cameras::problems::{Change, Observation, Problem, Track};
use crate::server::watch::alert::{Happening, Told};
use rusqlite::{Connection, OptionalExtension, Result, params};

/// Where and when something was observed.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    pub camera: &'a CameraKey,
    /// When it was so. Observations of one moment count once.
    pub at_us: i64,
    pub now_us: i64,
    /// There is a webhook to tell.
    pub webhook: bool,
}

/// A health report that may say that something is the matter.
#[derive(Debug, Clone)]
pub struct Reported {
    pub camera: CameraKey,
    pub component: String,
    pub at_us: i64,
    /// The sender's clock was wrong then.
    pub is_raw: bool,
    pub received_us: i64,
    pub observations: Vec<Observation>,
    /// There is a webhook to tell.
    pub webhook: bool,
}

impl Reported {
    /// What the report changes. Only a component's last word counts: a backlog tells of what was.
    pub fn settle(&self, conn: &Connection, accepted: &Accepted) -> Result<Vec<Told>> {
        if accepted.verdict != Verdict::New || self.observations.is_empty() {
            return Ok(Vec::new());
        }
        let at_us = accepted.corrected_us.unwrap_or(self.at_us);
        let last_us: Option<i64> = conn
            .prepare_cached(
                "SELECT at_us FROM component_health WHERE camera_id = ?1 AND checkpoint_id = ?2 AND component = ?3",
            )?
            .query_row([self.camera.camera.as_str(), self.camera.checkpoint.as_str(), &self.component], |row| {
                row.get(0)
            })
            .optional()?;
        let is_unknown = self.is_raw && accepted.corrected_us.is_none();
        if !is_unknown && last_us.is_some_and(|last_us| last_us > at_us) {
            return Ok(Vec::new());
        }
        let observed = Observed { camera: &self.camera, at_us, now_us: self.received_us, webhook: self.webhook };
        observe(conn, &observed, &self.observations)
    }
}

/// Takes note of `observations`; gives what the rooms are to be told after the commit.
pub fn observe(conn: &Connection, observed: &Observed<'_>, observations: &[Observation]) -> Result<Vec<Told>> {
    let mut told = Vec::new();
    for observation in observations {
        told.extend(one(conn, observed, observation)?);
    }
    for told in told.iter().filter(|_| observed.webhook) {
        webhooks::enqueue(conn, told, observed.now_us)?;
    }
    Ok(told)
}

/// For each problem how many cameras have it at the moment.
pub fn problems(conn: &Connection) -> Result<Vec<(&'static str, i64)>> {
    let mut count = conn.prepare_cached("SELECT count(*) FROM camera_problems WHERE problem = ?1 AND open")?;
    let names = Problem::ALL.into_iter().map(Problem::as_str);
    names.map(|name| Ok((name, count.query_row([name], |row| row.get(0))?))).collect()
}

fn one(conn: &Connection, observed: &Observed<'_>, observation: &Observation) -> Result<Option<Told>> {
    let (camera, problem) = (observed.camera, observation.problem);
    let key = params![camera.camera.as_str(), camera.checkpoint.as_str(), problem.as_str()];
    let known = conn
        .prepare_cached(
            "SELECT open, streak, counted_us FROM camera_problems
             WHERE camera_id = ?1 AND checkpoint_id = ?2 AND problem = ?3",
        )?
        .query_row(key, |row| Ok((Track { open: row.get(0)?, streak: row.get(1)? }, row.get::<_, i64>(2)?)))
        .optional()?;
    let before = known.map_or(Track::default(), |(track, _)| track);
    // A box reports each of its cameras at the same moment with the same numbers.
    if before.streak > 0 && known.is_some_and(|(_, counted_us)| counted_us == observed.at_us) {
        return Ok(None);
    }
    let (track, change) = before.step(observation.reading, problem.confirm());
    if track == before {
        return Ok(None);
    }
    if track == Track::default() {
        conn.prepare_cached(
            "DELETE FROM camera_problems WHERE camera_id = ?1 AND checkpoint_id = ?2 AND problem = ?3",
        )?
        .execute(key)?;
    } else {
        conn.prepare_cached(
            "INSERT INTO camera_problems VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE
             SET open = excluded.open, streak = excluded.streak, counted_us = excluded.counted_us",
        )?
        .execute(params![
            camera.camera.as_str(),
            camera.checkpoint.as_str(),
            problem.as_str(),
            track.open,
            track.streak,
            observed.at_us
        ])?;
    }
    let now_us = observed.now_us;
    let told = match change {
        Some(Change::Opens) => {
            let alert = alerts::open_camera(conn, camera, problem.as_str(), &observation.title, now_us)?;
            Some(Told { happening: Happening::Opened, alert })
        }
        Some(Change::Ends) => {
            let alert = alerts::end_camera(conn, camera, problem.as_str(), now_us)?;
            alert.map(|alert| Told { happening: Happening::Ended, alert })
        }
        None => None,
    };
    Ok(told)
}
