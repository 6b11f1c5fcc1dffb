//! A device fetches its token with the code that an admin made for it.

use super::{Guard, code, lock, token};
use crate::domain::CameraKey;
use crate::server::app::App;
use crate::server::body;
use crate::server::fault::{Code, Fault};
use crate::server::routes::Shared;
use crate::server::store::{AuditRow, StoreError, TokenFile, TokenRow, Unnamed, tokens};
use crate::wire::timestamp;
use axum::extract::{Request, State};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::net::IpAddr;

/// A code is small.
const MOST_BYTES: usize = 1024;

/// `POST /api/provision`.
pub fn router() -> Router<Shared> {
    Router::new().route("/api/provision", post(provision))
}

async fn provision(State(shared): State<Shared>, request: Request) -> Result<Json<Value>, Fault> {
    let app = &shared.app;
    let address = super::address_of(request.extensions());
    let payload = body::read(request, MOST_BYTES).await?;
    let missing = || Fault { field: Some("code".into()), ..Fault::new(Code::Invalid, "code must be a text") };
    let (row, text) = app.guard.redeem(app, payload["code"].as_str().ok_or_else(missing)?, address).await?;
    let camera = |key: &CameraKey| json!({"camera_id": key.camera.as_str(), "checkpoint_id": key.checkpoint.as_str()});
    let cameras: Vec<Value> = row.cameras.iter().map(camera).collect();
    Ok(Json(json!({
        "success": true, "message": "Token made", "token": text, "token_id": row.token_id, "name": row.name,
        "cameras": cameras, "timestamp": timestamp::format(app.now_us()),
    })))
}

impl Guard {
    /// The token in exchange for the code. An address that has guessed too often is not listened to, right or wrong.
    async fn redeem(&self, app: &App, text: &str, address: IpAddr) -> Result<(TokenRow, String), Fault> {
        if let Err(wait) = lock(&self.throttle).may_try(address, self.clock.monotonic()) {
            let retry_after_s = Some(wait.as_secs().max(1));
            let fault = Fault::new(Code::RateLimited, "too many wrong codes from this address; try again later");
            return Err(Fault { retry_after_s, ..fault });
        }
        let Some(hash) = code::hash(text) else { return Err(self.wrong_code(address)) };
        let fresh = token::make().map_err(|error| {
            tracing::error!(%error, "the system gives no random numbers");
            Fault::new(Code::Unavailable, "no token can be made at the moment; try again later")
        })?;
        let (path, unnamed) = (self.config.data_dir.join("lpr-server.db"), Unnamed::of(&fresh));
        let trail = AuditRow {
            at_us: self.clock.wall_us(),
            who: String::new(),
            action: "token fetched".into(),
            what: String::new(),
            address: address.to_canonical().to_string(),
        };
        // Synced: a token that was handed out must outlive a power cut.
        let redeemed =
            tokio::task::spawn_blocking(move || TokenFile::open(&path, false)?.redeem(&hash, unnamed, trail));
        let redeemed = redeemed.await.map_err(|_| StoreError::Closed)??;
        let Some(row) = redeemed else { return Err(self.wrong_code(address)) };
        let known = app.store.read(tokens).await?;
        self.book_mut().take_tokens(known);
        tracing::info!(name = row.name, token = row.token_id, %address, "a device has fetched its token");
        Ok((row, fresh.text.reveal().to_owned()))
    }

    fn wrong_code(&self, address: IpAddr) -> Fault {
        let now = self.clock.monotonic();
        let mut throttle = lock(&self.throttle);
        let wrong = throttle.wrong(address, now);
        if throttle.may_note(now) {
            self.note("-", "code refused", &format!("wrong code, {wrong} within a minute"), address);
            tracing::warn!(%address, wrong, "a wrong code was tried");
        }
        Fault::new(Code::Unauthorized, "this code is unknown here, used, or over; ask for a new one")
    }
}

impl Unnamed {
    fn of(fresh: &token::Fresh) -> Self {
        Self { token_id: fresh.id.clone(), hash: fresh.hash.to_vec() }
    }
}
