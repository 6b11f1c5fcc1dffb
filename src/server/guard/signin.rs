//! Signing in on the page, and reading the audit trail.

use super::book::MOST_SESSIONS;
use super::door::{COOKIE, address_of};
use super::rules::Need;
use super::who::{By, Role, Who};
use super::{Guard, lock, token};
use crate::server::app::App;
use crate::server::fault::{Code, Fault};
use crate::server::routes::Shared;
use crate::server::store::{self, SessionRow};
use crate::server::{body, errors};
use crate::wire::timestamp;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::IpAddr;

/// A sign-in is small.
const MOST_BYTES: usize = 4096;

/// Lines of one answer of `/api/audit`.
const MOST_LINES: usize = 1000;

/// `POST /api/signin`, `POST /api/signout`, `GET /api/me`, `GET /api/audit`.
pub fn router() -> Router<Shared> {
    Router::new()
        .route("/api/signin", post(sign_in))
        .route("/api/signout", post(sign_out))
        .route("/api/me", get(me))
        .route("/api/audit", get(audit))
}

async fn sign_in(State(shared): State<Shared>, request: Request) -> Result<Response, Fault> {
    let (app, guard) = (&shared.app, &shared.app.guard);
    let address = address_of(request.extensions());
    let payload = body::read(request, MOST_BYTES).await?;
    if guard.is_open() {
        return Ok(Json(json!({"success": true, "name": "-", "role": Role::Open.as_str()})).into_response());
    }
    let missing = || Fault { field: Some("token".into()), ..Fault::new(Code::Invalid, "token must be a text") };
    let who = guard.try_token(payload["token"].as_str().ok_or_else(missing)?, address)?;
    let cookie = guard.open_session(app, &who).await?;
    guard.note(&who.name, "signed in", who.role.as_str(), address);
    tracing::info!(name = who.name, role = who.role.as_str(), %address, "signed in");
    let body = Json(json!({"success": true, "name": who.name, "role": who.role.as_str()}));
    Ok(([(header::SET_COOKIE, cookie)], body).into_response())
}

async fn sign_out(State(shared): State<Shared>, request: Request) -> Result<Response, Fault> {
    let (app, guard) = (&shared.app, &shared.app.guard);
    let address = address_of(request.extensions());
    if let Some(Who { name, by: By::Session { session_id, .. }, .. }) = request.extensions().get::<Who>().cloned() {
        guard.book_mut().end_session(&session_id);
        shared.hub.dismiss(guard);
        app.store.write_aside(move |conn| store::end_session(conn, &session_id)).await?;
        guard.note(&name, "signed out", "", address);
    }
    let cookie = guard.set_cookie("", 0)?;
    Ok(([(header::SET_COOKIE, cookie)], Json(json!({"success": true}))).into_response())
}

async fn me(Extension(who): Extension<Who>) -> Json<Value> {
    Json(json!({"success": true, "name": who.name, "role": who.role.as_str()}))
}

#[derive(Debug, Deserialize)]
struct AuditQuery {
    limit: Option<usize>,
    cursor: Option<i64>,
}

async fn audit(
    State(shared): State<Shared>,
    query: Result<Query<AuditQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Fault> {
    let query = errors::query(query)?;
    let limit = query.limit.unwrap_or(100).clamp(1, MOST_LINES);
    let before = query.cursor.unwrap_or(i64::MAX);
    let lines = shared.app.store.read(move |conn| store::audit(conn, before, limit)).await?;
    let next = lines.last().filter(|_| lines.len() == limit).map(|(seq, _)| seq.to_string());
    let entries: Vec<Value> = lines
        .iter()
        .map(|(_, line)| {
            json!({"at": timestamp::format(line.at_us), "who": line.who, "action": line.action, "what": line.what,
                "address": line.address})
        })
        .collect();
    Ok(Json(json!({"success": true, "entries": entries, "next_cursor": next})))
}

impl Guard {
    /// Whose token someone typed; counts wrong ones.
    fn try_token(&self, token: &str, address: IpAddr) -> Result<Who, Fault> {
        let now = self.clock.monotonic();
        let known = self.book().by_token(token);
        // Nobody guesses a token; but behind one address there may be a whole control room, which a neighbour's wrong
        // tries must not keep out.
        if known.is_none()
            && let Err(wait) = lock(&self.throttle).may_try(address, now)
        {
            let retry_after_s = Some(wait.as_secs().max(1));
            let fault = Fault::new(Code::RateLimited, "too many wrong tokens from this address; try again later");
            return Err(Fault { retry_after_s, ..fault });
        }
        match known {
            Some(who) if who.role.may(Need::View) => Ok(who),
            Some(who) => {
                self.note(&who.name, "sign-in refused", "a device's token", address);
                Err(Fault::new(Code::Forbidden, "a device's token is not for people; ask for one of the role viewer"))
            }
            None => {
                let mut throttle = lock(&self.throttle);
                let wrong = throttle.wrong(address, now);
                if throttle.may_note(now) {
                    self.note("-", "sign-in refused", &format!("wrong token, {wrong} within a minute"), address);
                    tracing::warn!(%address, wrong, "a wrong token was tried");
                }
                drop(throttle);
                Err(Fault::new(Code::Unauthorized, "this token is unknown here, or revoked"))
            }
        }
    }

    /// Keeps a new session; gives its cookie.
    async fn open_session(&self, app: &App, who: &Who) -> Result<HeaderValue, Fault> {
        let By::Token { token_id } = &who.by else {
            return Err(Fault::new(Code::Unauthorized, "sign in with a token"));
        };
        let fresh = token::make().map_err(|error| {
            tracing::error!(%error, "the system gives no random numbers");
            Fault::new(Code::Unavailable, "nobody can sign in at the moment; try again later")
        })?;
        let seconds = i64::try_from(self.config.auth.session_h).unwrap_or(1).saturating_mul(3600);
        let row = SessionRow {
            session_id: fresh.id.clone(),
            hash: fresh.hash.to_vec(),
            token_id: token_id.clone(),
            expires_us: self.clock.wall_us().saturating_add(seconds * 1_000_000),
        };
        let kept = row.clone();
        let ended = app.store.write_aside(move |conn| kept.insert(conn, MOST_SESSIONS)).await?;
        let mut book = self.book_mut();
        ended.iter().for_each(|session_id| book.end_session(session_id));
        book.add_session(row);
        drop(book);
        self.set_cookie(fresh.text.reveal(), seconds)
    }

    fn set_cookie(&self, value: &str, seconds: i64) -> Result<HeaderValue, Fault> {
        let secure = if self.config.tls.is_on() { "; Secure" } else { "" };
        let text = format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| Fault::new(Code::Unavailable, "nobody can sign in at the moment; try again later"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}
