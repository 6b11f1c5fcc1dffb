//! Is it running, is it ready, how is it: `/healthz`, `/readyz`, `/metrics`, for those who run the server.

use super::fault::{Code, Fault};
use super::metrics::{self, Now, Watching};
use super::routes::Shared;
use super::store;
use crate::telemetry::process;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::fs;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A commit that takes longer than this is none to wait for.
const COMMIT_WITHIN: Duration = Duration::from_secs(3);

/// However often it is asked, the disk is asked once in so long.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// `GET /healthz`, `/readyz`, `/metrics`.
pub fn router() -> Router<Shared> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).route("/metrics", get(metrics))
}

/// The process lives and answers: nothing more is looked at, so that a full disk leads to no restart.
async fn healthz() -> Json<Value> {
    Json(json!({"success": true, "message": "alive"}))
}

/// When the last commit for `/readyz` ended, and whether it succeeded.
static LAST: Mutex<Option<(Instant, bool)>> = Mutex::new(None);

/// Events can be taken: the database commits, and the server is not about to end.
async fn readyz(State(shared): State<Shared>) -> Result<Json<Value>, Fault> {
    if shared.app.is_stopping() {
        return Err(Fault::new(Code::Unavailable, "the server is stopping"));
    }
    let last = *LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let commits = match last {
        Some((at, commits)) if at.elapsed() < ASK_EVERY => commits,
        _ => {
            let commit = tokio::time::timeout(COMMIT_WITHIN, shared.app.store.write(|_| Ok(()))).await;
            let commits = matches!(commit, Ok(Ok(_)));
            *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), commits));
            commits
        }
    };
    if commits {
        Ok(Json(json!({"success": true, "message": "ready"})))
    } else {
        Err(Fault::new(Code::Unavailable, "the database does not commit; look at the data directory's disk"))
    }
}

async fn metrics(State(shared): State<Shared>) -> Result<impl IntoResponse, Fault> {
    let text = metrics::render(&look(&shared).await?);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}

async fn look(shared: &Shared) -> Result<Now, Fault> {
    let app = &shared.app;
    // "Today" is of no interest here.
    let read = app.store.read(|conn| {
        let (counts, cameras) = (store::counts(conn, (0, 0))?, store::cameras(conn)?);
        Ok((counts, cameras, store::problems(conn)?, store::open_alerts(conn)?, store::backlog(conn)?))
    });
    let (counts, cameras, problems, open, (waiting, oldest_us, given_up)) = read.await?;
    let now_us = app.now_us();
    let entries = app.watch.valid_entries(&app.store, now_us).await?;
    let oldest_s = oldest_us.map_or(0.0, |oldest_us| now_us.saturating_sub(oldest_us).max(0) as f64 / 1e6);
    let cameras_online = cameras.iter().filter(|row| app.looked_at(row).0).count();
    let data = &app.config.data_dir;
    let size = |name: &str| fs::metadata(data.join(name)).ok().map(|file| file.len());
    let disk = rustix::fs::statvfs(data).ok();
    Ok(Now {
        connections: shared.hub.connected(),
        cameras_online,
        cameras_offline: cameras.len() - cameras_online,
        lost: [counts.lost_events, counts.lost_health, counts.lost_pictures],
        images_dropped: app.images_dropped.load(Ordering::Relaxed),
        watching: Watching { entries, open, problems, waiting, given_up, oldest_s },
        checkpoint: app.store.checkpoint(),
        database_bytes: size("lpr-server.db"),
        log_bytes: size("lpr-server.db-wal"),
        disk_free_bytes: disk.map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
        resident_bytes: process::resident_bytes(),
        open_files: process::open_files(),
        started_s: app.started_us as f64 / 1e6,
    })
}
