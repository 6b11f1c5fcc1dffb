//! `GET /api/export`: any search as a file, written while it is read: however long it is, a few records are in memory.

use super::app::App;
use super::fault::Fault;
use super::query::{Format, Pictures, Query};
use super::records::{self, Records, View};
use super::store::{self, RecordRow, StoreError, Wanted};
use super::watch::sheet::is_formula;
use crate::wire::timestamp;
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

/// Records that are read at a time.
const STEP: usize = 500;

const COLUMNS: &str = "detection_id,timestamp,received_at,camera_id,checkpoint_id,plate,province,confidence,direction,\
                       vehicles_count,image,why\r\n";

/// One file, oldest record first where no `order` is given.
pub async fn export(app: &App, query: &Query) -> Result<Response, Fault> {
    let (format, filter) = (query.format()?, query.export(&app.zone)?);
    let view = View { pictures: Pictures::None, wanted: filter.plate.clone(), folder: app.images.clone() };
    let records = Records::all(app.store.clone(), filter);
    let (media_type, name, head) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "records.csv", COLUMNS),
        Format::JsonLines => ("application/x-ndjson", "records.jsonl", ""),
    };
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, Body::from_stream(lines(records, view, format, head))).into_response())
}

fn lines(
    records: Records,
    view: View,
    format: Format,
    head: &'static str,
) -> impl futures_util::Stream<Item = Result<Bytes, StoreError>> {
    futures_util::stream::unfold((Some(records), head), move |(records, head)| {
        let view = view.clone();
        let write = move |row: &RecordRow| match format {
            Format::Csv => csv(row, view.wanted.as_ref()),
            Format::JsonLines => format!("{}\n", records::record(row, &view)),
        };
        async move {
            let mut records = records?;
            match records.next(STEP, write).await {
                Ok(Some((text, _))) => Some((Ok(Bytes::from(format!("{head}{text}"))), (Some(records), ""))),
                Ok(None) if head.is_empty() => None,
                Ok(None) => Some((Ok(Bytes::from(head)), (None, ""))),
                Err(error) => Some((Err(error), (None, ""))),
            }
        }
    })
}

/// A line for each plate, of those that were looked for; one without a plate where there is none.
fn csv(row: &RecordRow, wanted: Option<&Wanted>) -> String {
    let body: Map<String, Value> = serde_json::from_str(&row.body).unwrap_or_default();
    let text = |key: &str| plain(body.get(key));
    let plates: Vec<&str> = body
        .get("ocr_results")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|text| text.as_str().unwrap_or(""))
        .collect();
    let picture = ["frame", "original", "data"].into_iter().find(|name| row.images.iter().any(|i| i.name == *name));
    let line = |index: usize, plate: &str, why: &str| {
        let confidence = body.get("plate_detections").and_then(|all| all.get(index)?.get("confidence"));
        let fields = [
            row.detection_id.clone(),
            text("timestamp"),
            timestamp::format(row.received_us),
            text("camera_id"),
            text("checkpoint_id"),
            plate.to_owned(),
            of_plate(body.get("province"), index),
            plain(confidence),
            of_plate(body.get("direction"), index),
            text("vehicles_count"),
            picture.map(|name| format!("/images/{}/{name}", row.detection_id)).unwrap_or_default(),
            why.to_owned(),
        ];
        fields.iter().map(|field| cell(field)).collect::<Vec<_>>().join(",") + "\r\n"
    };
    match wanted {
        None if plates.is_empty() => line(0, "", ""),
        None => plates.iter().enumerate().map(|(index, plate)| line(index, plate, "")).collect(),
        Some(wanted) => {
            let province = |index| store::province_of(body.get("province"), index);
            let why = |(index, plate): (usize, &&str)| wanted.why(plate, province(index));
            let found =
                plates.iter().enumerate().filter_map(|(index, plate)| Some((index, plate, why((index, plate))?)));
            found.map(|(index, plate, why)| line(index, plate, &why)).collect()
        }
    }
}

/// Lists are parallel to the plates; one value is for all.
fn of_plate(value: Option<&Value>, index: usize) -> String {
    match value {
        Some(Value::Array(all)) => plain(all.get(index)),
        value => plain(value),
    }
}

fn plain(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

/// RFC 4180. What a peer sent must not become a formula where a spreadsheet opens the file.
fn cell(text: &str) -> String {
    let formula = is_formula(text) && text.parse::<f64>().is_err();
    let mut text = if formula { format!("'{text}") } else { text.to_owned() };
    // Where the list separator is a semicolon a spreadsheet begins a cell after each of them, whatever we meant.
    if let Some((first, rest)) = text.split_once(';') {
        let cells = rest.split(';').map(|cell| if is_formula(cell) { format!(";'{cell}") } else { format!(";{cell}") });
        text = format!("{first}{}", cells.collect::<String>());
    }
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::super::store::Mode;
    use super::*;

    fn row(body: &str) -> RecordRow {
        RecordRow { detection_id: "id".into(), received_us: 0, body: body.into(), images: Vec::new() }
    }

    #[test]
    fn a_record_has_a_line_for_each_plate_with_what_belongs_to_it() {
        let body = r#"{"timestamp":"t","camera_id":"c","checkpoint_id":"p","ocr_results":["กข 1","X,2"],
            "province":["กทม",null],"plate_detections":[{"confidence":0.9},{"confidence":0.5}],"vehicles_count":2}"#;
        let lines = csv(&row(body), None);
        let at = timestamp::format(0);
        assert_eq!(lines, format!("id,t,{at},c,p,กข 1,กทม,0.9,,2,,\r\nid,t,{at},c,p,\"X,2\",,0.5,,2,,\r\n"));
        let wanted = Wanted::new("x2", Mode::Exact).unwrap();
        assert_eq!(csv(&row(body), Some(&wanted)), format!("id,t,{at},c,p,\"X,2\",,0.5,,2,,same plate\r\n"));
        let wanted = Wanted::new("กข1 กรุงเทพ", Mode::Exact).unwrap();
        let why = "same plate; province กทม";
        assert_eq!(csv(&row(body), Some(&wanted)), format!("id,t,{at},c,p,กข 1,กทม,0.9,,2,,{why}\r\n"));
        assert_eq!(csv(&row("{}"), None), format!("id,,{at},,,,,,,,,\r\n"), "one without a plate");
    }

    #[test]
    fn nothing_that_was_sent_becomes_a_formula_or_breaks_a_line() {
        assert_eq!(cell("=HYPERLINK(\"http://x\")"), "\"'=HYPERLINK(\"\"http://x\"\")\"");
        assert_eq!(cell("@SUM(A1)"), "'@SUM(A1)");
        assert_eq!(cell("-5"), "-5", "a number is none");
        assert_eq!(cell("＝1+1"), "'＝1+1");
        assert_eq!(cell("A;=1+1;B;-2"), "A;'=1+1;B;'-2", "where a semicolon begins a cell");
        assert_eq!(cell("a\r\nb"), "\"a\r\nb\"");
    }
}
