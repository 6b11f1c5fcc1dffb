//! `/api/alerts…` and `/api/webhook`: what was found, who has seen it, what the webhook still waits for.

use super::alert::{Happening, Told, json as alert_json};
use super::entry::{MAX_NOTE, checked, invalid};
use super::missing;
use crate::server::fault::Fault;
use crate::server::guard::{Role, Who};
use crate::server::routes::Shared;
use crate::server::store::{self, Delivery};
use crate::server::{body, errors};
use crate::wire::timestamp;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::Extensions;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

pub fn router() -> Router<Shared> {
    Router::new()
        .route("/api/alerts", get(list))
        .route("/api/alerts/{id}", get(one))
        .route("/api/alerts/{id}/ack", post(acknowledge))
        .route("/api/webhook", get(webhook))
}

type Answer = Result<Json<Value>, Fault>;

/// Who asks, as the door has it; nobody where nobody has to sign in.
fn person(extensions: &Extensions) -> String {
    let person = extensions.get::<Who>().filter(|who| who.role != Role::Open);
    person.map_or_else(|| "-".to_owned(), |who| who.name.to_string())
}

/// The query string.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    state: Option<String>,
    limit: Option<usize>,
    cursor: Option<i64>,
}

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

/// A note is not long, in whatever way it is escaped.
const MOST_BYTES: usize = 65_536;

async fn list(State(shared): State<Shared>, query: Result<Query<Asked>, QueryRejection>) -> Answer {
    let asked = errors::query(query)?;
    let open = match asked.state.as_deref() {
        None | Some("" | "open") => true,
        Some("all") => false,
        Some(_) => return Err(invalid("state", "must be open or all").into()),
    };
    let limit = asked.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let before = asked.cursor.unwrap_or(i64::MAX);
    let rows = shared.app.store.read(move |conn| store::alerts(conn, open, before, limit)).await?;
    let next_cursor = rows.last().filter(|_| rows.len() == limit).map(|row| row.seq.to_string());
    let alerts: Vec<Value> = rows.iter().map(alert_json).collect();
    Ok(Json(json!({"success": true, "alerts": alerts, "next_cursor": next_cursor})))
}

async fn one(State(shared): State<Shared>, Path(alert_id): Path<String>) -> Answer {
    let row = shared.app.store.read(move |conn| store::find_alert(conn, &alert_id)).await?.ok_or_else(missing)?;
    Ok(Json(json!({"success": true, "alert": alert_json(&row)})))
}

async fn acknowledge(State(shared): State<Shared>, Path(alert_id): Path<String>, request: Request) -> Answer {
    let by = person(request.extensions());
    let said = body::read_any(request, MOST_BYTES).await?;
    let note = match said.as_ref().and_then(|said| said.get("note")) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(note)) => checked("note", note, MAX_NOTE)?,
        Some(_) => return Err(invalid("note", "must be a text").into()),
    };
    let now_us = shared.app.now_us();
    let write = move |conn: &store::Connection| store::acknowledge(conn, &alert_id, &by, &note, now_us);
    let (alert, first) = shared.app.store.write(write).await?.value.ok_or_else(missing)?;
    let answer = json!({"success": true, "alert": alert_json(&alert)});
    if first {
        shared.hub.publish(&Told { happening: Happening::Acknowledged, alert }.broadcast());
    }
    Ok(Json(answer))
}

/// Deliveries that `GET /api/webhook` shows.
const SHOWN: usize = 100;

async fn webhook(State(shared): State<Shared>) -> Answer {
    let (waiting, given_up, last) = shared.app.store.read(|conn| store::queue(conn, SHOWN)).await?;
    Ok(Json(json!({
        "success": true, "configured": shared.app.watch.webhook, "waiting": waiting, "given_up": given_up,
        "deliveries": last.iter().map(delivery_json).collect::<Vec<_>>(),
    })))
}

fn delivery_json(row: &Delivery) -> Value {
    json!({
        "delivery_id": row.delivery_id,
        "alert_id": row.alert_id,
        "created_at": timestamp::format(row.created_us),
        "attempts": row.attempts,
        "last_error": row.last_error,
        "next_attempt": row.given_up_us.is_none().then(|| timestamp::format(row.due_us)),
        "given_up": row.given_up_us.map(timestamp::format),
    })
}
