//! Keys of events are forgotten once a day, long after anybody can send the event again.

use super::app::App;
use super::store::{self, Kind, StoreError};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(86_400);
/// Keys that are looked at, and that are removed, at a time.
const LOOKS: usize = 2000;
const ROWS: usize = 200;
/// Between two steps: others want to read and write too.
const PAUSE: Duration = Duration::from_millis(5);

const DAY_US: f64 = 86_400e6;

/// Keeps `retention.keys_days`.
#[derive(Debug, Default)]
pub struct ForgetKeys {
    looked: Option<Instant>,
}

impl ForgetKeys {
    pub fn is_due(&self, app: &App) -> bool {
        app.config.retention.keys_days > 0.0 && self.looked.is_none_or(|looked| looked.elapsed() >= EVERY)
    }

    pub async fn forget(&mut self, app: &App) -> Result<(), StoreError> {
        if !self.is_due(app) {
            return Ok(());
        }
        let before_us = app.now_us().saturating_sub((app.config.retention.keys_days * DAY_US) as i64);
        let mut keys = 0;
        for camera in app.store.read(move |conn| store::old_cameras(conn, before_us)).await? {
            for kind in [Kind::Detection, Kind::Health] {
                keys += of_camera(app, kind, &camera, before_us).await?;
            }
        }
        self.looked = Some(Instant::now());
        if keys > 0 {
            tracing::info!(keys, "keys of events that nobody sent again for long were forgotten");
        }
        Ok(())
    }
}

async fn of_camera(app: &App, kind: Kind, camera: &(String, String), before_us: i64) -> Result<i64, StoreError> {
    let (mut forgotten, mut after) = (0, String::new());
    loop {
        let (of, behind) = (camera.clone(), after);
        let look = move |conn: &store::Connection| store::old_keys(conn, (kind, &of), &behind, before_us, LOOKS);
        let store::OldKeys { keys, next } = app.store.read(look).await?;
        for some in keys.chunks(ROWS) {
            let (of, some) = (camera.clone(), some.to_vec());
            let forget = move |conn: &store::Connection| store::forget_keys(conn, (kind, &of), &some, before_us);
            forgotten += app.store.write(forget).await?.value;
            tokio::time::sleep(PAUSE).await;
        }
        let Some(next) = next else { return Ok(forgotten) };
        after = next;
        tokio::time::sleep(PAUSE).await;
    }
}
