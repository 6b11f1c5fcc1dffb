//! What goes on in the background: tokens that another process makes or revokes are noticed, connections that lost their
//! right are closed, the audit trail is written and kept short.

use super::Guard;
use crate::exit::{Exit, Failure};
use crate::server::app::App;
use crate::server::socket::Hub;
use crate::server::store::{self, Store, StoreError, TokenWatch};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A token that was made counts, and one that was revoked stops counting, after no more than this.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Between two tidyings of sessions and audit trail.
const TIDY_EVERY: Duration = Duration::from_secs(3600);

/// Lines of the audit trail that are kept at the most, whatever their age.
const MOST_AUDIT_ROWS: i64 = 1_000_000;

/// Takes up what the store knows, and refuses to be reached by other machines while nobody is said to be allowed in.
pub fn before_listening(guard: &Guard, store: &Store, listen: SocketAddr) -> Result<(), Failure> {
    let failed = |error: StoreError| Failure::new(Exit::Storage, format!("the tokens cannot be read: {error}"));
    let mut watch = store.token_watch().map_err(failed)?;
    let now_us = guard.clock.wall_us();
    let rows = watch.changed().map_err(|error| failed(error.into()))?;
    let sessions = watch.sessions(now_us).map_err(|error| failed(error.into()))?;
    let mut book = guard.book_mut();
    book.take_tokens(rows.unwrap_or_default());
    sessions.into_iter().for_each(|session| book.add_session(session));
    if guard.exposed && !book.has_tokens() && !guard.config.auth.legacy_ingest.is_on() {
        let folder = guard.config.data_dir.display();
        let message = format!(
            "listen: {listen} can be reached from other machines, and there is no token that says who may come in. \
             Make one first: lpr-server token create --role admin --name YOU --data-dir {folder} (then one of the role \
             device for each agent); or listen on 127.0.0.1 only; or admit agents that cannot send tokens by \
             [auth] legacy_ingest"
        );
        return Err(Failure::new(Exit::Config, message));
    }
    if !guard.exposed && !book.has_had_tokens() {
        tracing::info!("there is no token yet: everyone on this machine may do everything, and nobody else anything");
    }
    if guard.exposed && !guard.config.tls.is_on() {
        tracing::warn!(%listen, "without [tls], tokens and pictures can be read on the way; use this inside a VPN only");
    }
    Ok(())
}

/// Works for ever.
pub async fn keep(app: Arc<App>, hub: Arc<Hub>) {
    tokio::spawn({
        let app = app.clone();
        async move { app.guard.trail.keep(app.store.clone()).await }
    });
    let mut watch = None;
    let mut tidied: Option<Duration> = None;
    loop {
        watch = look(&app, watch).await;
        hub.dismiss(&app.guard);
        let now = app.clock.monotonic();
        if tidied.is_none_or(|tidied| now.saturating_sub(tidied) >= TIDY_EVERY) {
            tidied = Some(now);
            tidy(&app).await;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Looks for changed tokens; gives the watch back for the next look.
async fn look(app: &Arc<App>, watch: Option<TokenWatch>) -> Option<TokenWatch> {
    let app = app.clone();
    let looked = tokio::task::spawn_blocking(move || {
        let mut watch = match watch {
            Some(watch) => watch,
            None => app.store.token_watch()?,
        };
        if let Some(rows) = watch.changed()? {
            app.guard.book_mut().take_tokens(rows);
        }
        Ok::<_, StoreError>(watch)
    });
    match looked.await {
        Ok(Ok(watch)) => Some(watch),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the tokens cannot be read; those known go on counting");
            None
        }
        Err(_) => None,
    }
}

async fn tidy(app: &Arc<App>) {
    let now_us = app.now_us();
    app.guard.book_mut().forget_ended(now_us);
    let days = i64::try_from(app.config.auth.audit_days).unwrap_or(365);
    let from_us = now_us.saturating_sub(days.saturating_mul(86_400_000_000));
    let purged = app.store.write_aside(move |conn| store::purge_access(conn, now_us, from_us, MOST_AUDIT_ROWS)).await;
    match purged {
        Ok(purged) if purged > 0 => tracing::info!(lines = purged, "old lines of the audit trail removed"),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the audit trail could not be kept short"),
    }
}

impl Guard {
    /// Writes what the audit trail still has to say; for the end.
    pub async fn flush(&self, store: &Arc<Store>) {
        self.trail.flush(store).await;
    }
}
