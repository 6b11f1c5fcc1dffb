//! `/api/watchlists…`: lists, their entries, files.

use super::entry::{Entry, FIELDS, MAX_NOTE, SEVERITIES, Severity, checked, invalid};
use super::import::{self, Imported};
use super::{id, missing, sheet};
use crate::domain::plate_key;
use crate::server::fault::{Code, Fault};
use crate::server::routes::Shared;
use crate::server::store::{self, Watchlist, Written};
use crate::server::{body, errors};
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub fn router() -> Router<Shared> {
    Router::new()
        .route("/api/watchlists", get(list).post(create))
        .route("/api/watchlists/{id}", get(one).put(change).delete(remove))
        .route("/api/watchlists/{id}/entries", get(entries).post(add_entry))
        .route("/api/watchlists/{id}/entries/{entry_id}", put(change_entry).delete(remove_entry))
        .route("/api/watchlists/{id}/export", get(export))
        .route("/api/watchlists/{id}/import", post(take_file))
}

type Answer = Result<Json<Value>, Fault>;
type Asked<T> = Result<Query<T>, QueryRejection>;

/// Longest name of a list, in characters.
const MAX_NAME: usize = 200;

fn list_json(list: &Watchlist) -> Value {
    json!({
        "watchlist_id": list.watchlist_id, "name": list.name, "severity": list.severity.as_str(), "note": list.note,
        "entries_count": list.entries_count,
    })
}

fn entry_json(entry_id: i64, entry: &Entry) -> Value {
    let mut json = entry.json();
    json["entry_id"] = json!(entry_id);
    json
}

async fn list(State(shared): State<Shared>) -> Answer {
    let lists = shared.app.store.read(store::watchlists).await?;
    Ok(Json(json!({"success": true, "watchlists": lists.iter().map(list_json).collect::<Vec<_>>()})))
}

async fn one(State(shared): State<Shared>, Path(list_id): Path<String>) -> Answer {
    let list = find(&shared, id(&list_id)?).await?;
    Ok(Json(json!({"success": true, "watchlist": list_json(&list)})))
}

async fn find(shared: &Shared, list_id: i64) -> Result<Watchlist, Fault> {
    shared.app.store.read(move |conn| store::find_watchlist(conn, list_id)).await?.ok_or_else(missing)
}

/// `field` is what something else has already.
fn taken(field: &str, what: &str) -> Fault {
    Fault { code: Code::Conflict, ..invalid(field, what).into() }
}

/// The text of a field: empty where it is null. `None` where it is not there.
fn text_in(body: &Map<String, Value>, field: &str) -> Result<Option<String>, Fault> {
    match body.get(field) {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(String::new())),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(invalid(field, "must be a text").into()),
    }
}

async fn object(shared: &Shared, request: Request) -> Result<Map<String, Value>, Fault> {
    match shared.body(request).await? {
        Value::Object(body) => Ok(body),
        _ => Err(Fault::new(Code::Invalid, "a JSON object is expected")),
    }
}

async fn create(State(shared): State<Shared>, request: Request) -> Answer {
    let body = object(&shared, request).await?;
    put_list(&shared, None, &body, None).await
}

async fn change(State(shared): State<Shared>, Path(list_id): Path<String>, request: Request) -> Answer {
    let before = find(&shared, id(&list_id)?).await?;
    let body = object(&shared, request).await?;
    put_list(&shared, Some(before.watchlist_id), &body, Some(before)).await
}

/// What is not said stays as it was.
async fn put_list(
    shared: &Shared,
    list_id: Option<i64>,
    body: &Map<String, Value>,
    before: Option<Watchlist>,
) -> Answer {
    let before = before.map(|list| (list.name, list.severity.as_str().to_owned(), list.note));
    let (name, severity, note) = before.unwrap_or_else(|| (String::new(), "warning".into(), String::new()));
    let name = checked("name", &text_in(body, "name")?.unwrap_or(name), MAX_NAME)?;
    if name.is_empty() {
        return Err(invalid("name", "is missing").into());
    }
    let severity = text_in(body, "severity")?.unwrap_or(severity);
    let severity = Severity::parse(severity.trim()).ok_or_else(|| invalid("severity", SEVERITIES))?;
    let note = checked("note", &text_in(body, "note")?.unwrap_or(note), MAX_NOTE)?;
    let write = move |conn: &store::Connection| store::put_watchlist(conn, list_id, &name, severity, &note);
    match shared.app.store.write(write).await?.value {
        Written::Done(list_id) => {
            let list = find(shared, list_id).await?;
            Ok(Json(json!({"success": true, "watchlist_id": list_id, "watchlist": list_json(&list)})))
        }
        Written::Missing => Err(missing()),
        Written::Taken => Err(taken("name", "is that of another list")),
    }
}

async fn remove(State(shared): State<Shared>, Path(list_id): Path<String>) -> Answer {
    let list_id = find(&shared, id(&list_id)?).await?.watchlist_id;
    // A long list goes piece by piece, so that events are stored in between.
    let ids = shared.app.store.read(move |conn| store::entry_ids(conn, list_id, |_, _| true)).await?;
    let removed = import::remove(&shared.app.store, list_id, ids).await;
    shared.app.watch.changed();
    removed?;
    let deleted = shared.app.store.write(move |conn| store::delete_watchlist(conn, list_id)).await?.value;
    shared.app.watch.changed();
    if deleted { Ok(Json(json!({"success": true}))) } else { Err(missing()) }
}

/// The query string of the entries.
#[derive(Debug, Default, Deserialize)]
struct Page {
    limit: Option<usize>,
    cursor: Option<i64>,
    plate: Option<String>,
}

const DEFAULT_LIMIT: usize = 1000;
const MAX_LIMIT: usize = 10_000;

async fn entries(State(shared): State<Shared>, Path(list_id): Path<String>, query: Asked<Page>) -> Answer {
    let page = errors::query(query)?;
    let list_id = find(&shared, id(&list_id)?).await?.watchlist_id;
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let prefix = plate_key(&page.plate.unwrap_or_default());
    let after = page.cursor.unwrap_or(0);
    let rows = shared.app.store.read(move |conn| store::entries(conn, list_id, &prefix, after, limit)).await?;
    let next_cursor = rows.last().filter(|_| rows.len() == limit).map(|(entry_id, _)| entry_id.to_string());
    let entries: Vec<Value> = rows.iter().map(|(entry_id, entry)| entry_json(*entry_id, entry)).collect();
    Ok(Json(json!({"success": true, "entries": entries, "next_cursor": next_cursor})))
}

/// An entry from what is said and, where nothing is, from what it was.
fn entry_of(shared: &Shared, body: &Map<String, Value>, before: Option<&Entry>) -> Result<Entry, Fault> {
    let mut texts = before.map(Entry::texts).unwrap_or_default();
    for (field, text) in FIELDS.iter().zip(&mut texts) {
        if let Some(said) = text_in(body, field)? {
            *text = said;
        }
    }
    let text_of = |field: &str| {
        let index = FIELDS.iter().position(|known| *known == field);
        index.map_or("", |index| texts[index].as_str())
    };
    Ok(Entry::read(text_of, &shared.app.zone)?)
}

async fn add_entry(State(shared): State<Shared>, Path(list_id): Path<String>, request: Request) -> Answer {
    let list_id = id(&list_id)?;
    let body = object(&shared, request).await?;
    let entry = entry_of(&shared, &body, None)?;
    put_entry(&shared, list_id, None, entry).await
}

async fn change_entry(
    State(shared): State<Shared>,
    Path((list_id, entry_id)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let (list_id, entry_id) = (id(&list_id)?, id(&entry_id)?);
    let body = object(&shared, request).await?;
    let before = shared.app.store.read(move |conn| store::find_entry(conn, list_id, entry_id)).await?;
    let entry = entry_of(&shared, &body, Some(&before.ok_or_else(missing)?))?;
    put_entry(&shared, list_id, Some(entry_id), entry).await
}

async fn put_entry(shared: &Shared, list_id: i64, entry_id: Option<i64>, entry: Entry) -> Answer {
    let kept = entry.clone();
    let written = shared.app.store.write(move |conn| store::put_entry(conn, list_id, entry_id, &kept)).await?.value;
    shared.app.watch.changed();
    match written {
        Written::Done(entry_id) => Ok(Json(json!({
            "success": true, "entry_id": entry_id, "entry": entry_json(entry_id, &entry),
        }))),
        Written::Missing => Err(missing()),
        Written::Taken => Err(taken("plate", "is on this list already")),
    }
}

async fn remove_entry(State(shared): State<Shared>, Path((list_id, entry_id)): Path<(String, String)>) -> Answer {
    let (list_id, entry_id) = (id(&list_id)?, id(&entry_id)?);
    let deleted = shared.app.store.write(move |conn| store::delete_entry(conn, list_id, entry_id)).await?.value;
    shared.app.watch.changed();
    if deleted { Ok(Json(json!({"success": true}))) } else { Err(missing()) }
}

/// Entries that are read at a time for a file.
const CHUNK: usize = 2000;

async fn export(State(shared): State<Shared>, Path(list_id): Path<String>) -> Result<Response, Fault> {
    let list_id = find(&shared, id(&list_id)?).await?.watchlist_id;
    let store = shared.app.store.clone();
    // A list may be longer than memory should hold as text.
    let chunks = futures_util::stream::unfold(Some(0), move |after| {
        let store = store.clone();
        async move {
            let after = after?;
            let rows = match store.read(move |conn| store::entries(conn, list_id, "", after, CHUNK)).await {
                Ok(rows) => rows,
                // The answer has begun: cutting it off is the only way to say that it is not whole.
                Err(error) => return Some((Err(std::io::Error::other(error)), None)),
            };
            let mut text = if after == 0 { sheet::heading() } else { String::new() };
            text.extend(rows.iter().map(|(_, entry)| sheet::line(entry)));
            let next = rows.last().filter(|_| rows.len() == CHUNK).map(|(entry_id, _)| *entry_id);
            Some((Ok(Bytes::from(text)), next))
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"watchlist-{list_id}.csv\"")),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

/// The query string of a file.
#[derive(Debug, Default, Deserialize)]
struct Mode {
    /// `add`, or `replace` what the list has.
    mode: Option<String>,
}

async fn take_file(
    State(shared): State<Shared>,
    Path(list_id): Path<String>,
    query: Asked<Mode>,
    request: Request,
) -> Result<Response, Fault> {
    let list_id = id(&list_id)?;
    let Mode { mode } = errors::query(query)?;
    let replace = match mode.as_deref() {
        None | Some("" | "add") => false,
        Some("replace") => true,
        Some(_) => return Err(invalid("mode", "must be add or replace").into()),
    };
    let bytes = body::bytes(request, shared.app.config.max_event_bytes).await?;
    let zone = shared.app.zone.clone();
    let read = tokio::task::spawn_blocking(move || sheet::read(&bytes, &zone)).await;
    let entries = match read.map_err(|_| Fault::new(Code::Unavailable, "the server is stopping"))? {
        Ok(entries) => entries,
        Err(refused) => return Ok(refusal(&refused)),
    };
    let imported = entries.len();
    let _turn = shared.app.watch.importing.lock().await;
    let outcome = import::import(&shared.app.store, list_id, entries, replace).await;
    shared.app.watch.changed();
    match outcome {
        Imported::Whole(count) => {
            Ok(Json(json!({"success": true, "imported": imported, "entries_count": count})).into_response())
        }
        Imported::Missing => Err(missing()),
        Imported::CutOff(done, error) => {
            let message =
                format!("the server could not store more than {done} of the {imported} lines; import the file again");
            Err(Fault { message, ..error.into() })
        }
    }
}

/// Names every bad line, as far as they are not too many.
fn refusal(refused: &sheet::Refused) -> Response {
    let lines: Vec<Value> =
        refused.lines.iter().map(|bad| json!({"line": bad.line, "field": bad.field, "message": bad.message})).collect();
    let message = match refused.lines.first() {
        Some(first) if refused.count == 1 => format!("nothing was imported: line {}: {}", first.line, first.message),
        _ => format!("nothing was imported: {} lines are wrong", refused.count),
    };
    let field = refused.lines.first().map(|first| first.field.clone());
    let body = json!({
        "success": false, "code": Code::Invalid.as_str(), "message": message, "field": field, "lines": lines,
        "lines_count": refused.count,
    });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}
