//! Lists as people keep them: by calls and by files.

use crate::event_client::Rest;
use crate::room::{call, done, read, start, start_on_time, watchlist};
use serde_json::{Value, json};
use std::time::Instant;

fn import(rest: &mut Rest, path: &str, mode: &str, csv: &str) -> (u16, Value) {
    let (status, bytes) = rest.call("POST", &format!("{path}/import?mode={mode}"), "text/csv", csv.as_bytes()).unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

fn export(rest: &mut Rest, path: &str) -> String {
    let (status, bytes) = rest.get(&format!("{path}/export")).unwrap();
    assert_eq!(status, 200);
    String::from_utf8(bytes).unwrap()
}

fn entries(rest: &mut Rest, path: &str) -> Vec<Value> {
    done(rest, "GET", &format!("{path}/entries"), &Value::Null)["entries"].as_array().unwrap().clone()
}

#[test]
fn lists_and_entries_are_made_changed_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path(), "");
    let mut rest = Rest::connect(&server.address).unwrap();
    let path =
        watchlist(&mut rest, "Stolen", &[json!({"plate": "ABC 1"}), json!({"plate": "ABC 2", "severity": "info"})]);
    let lists = done(&mut rest, "GET", "/api/watchlists", &Value::Null)["watchlists"].clone();
    let id = &lists[0]["watchlist_id"];
    let expected =
        json!([{"watchlist_id": id, "name": "Stolen", "severity": "critical", "note": "call 191", "entries_count": 2}]);
    assert_eq!(lists, expected);
    let changed = done(&mut rest, "PUT", &path, &json!({"name": "Wanted"}))["watchlist"].clone();
    assert_eq!(
        (&changed["name"], &changed["severity"], &changed["note"]),
        (&json!("Wanted"), &json!("critical"), &json!("call 191"))
    );

    let first = entries(&mut rest, &path)[0].clone();
    let expected = json!({"entry_id": first["entry_id"], "plate": "ABC 1", "province": null, "note": "", "severity": null,
        "valid_from": null, "valid_to": null, "match": "exact"});
    assert_eq!(first, expected);
    let entry = format!("{path}/entries/{}", first["entry_id"]);
    let changed = done(
        &mut rest,
        "PUT",
        &entry,
        &json!({"note": "=now()", "match": "fuzzy", "valid_to": 1_734_602_400}),
    )["entry"]
        .clone();
    assert_eq!(
        (&changed["plate"], &changed["note"], &changed["match"]),
        (&json!("ABC 1"), &json!("=now()"), &json!("fuzzy"))
    );
    assert_eq!(changed["valid_to"], "2024-12-19T10:00:00.000000+00:00");
    assert_eq!(entries(&mut rest, &path)[0], changed);
    done(&mut rest, "DELETE", &entry, &Value::Null);
    assert_eq!(entries(&mut rest, &path).len(), 1);

    for (method, path, body, status, field) in [
        ("POST", "/api/watchlists", json!({"name": " "}), 400, json!("name")),
        ("POST", "/api/watchlists", json!({"name": "Wanted"}), 409, json!("name")),
        ("POST", "/api/watchlists", json!({"name": "x", "severity": "high"}), 400, json!("severity")),
        ("POST", "/api/watchlists", json!([]), 400, Value::Null),
        ("POST", format!("{path}/entries").as_str(), json!({"plate": "abc-2"}), 409, json!("plate")),
        ("POST", format!("{path}/entries").as_str(), json!({"plate": ["A"]}), 400, json!("plate")),
        (
            "POST",
            format!("{path}/entries").as_str(),
            json!({"plate": "A1", "valid_from": "soon"}),
            400,
            json!("valid_from"),
        ),
        ("POST", "/api/watchlists/99/entries", json!({"plate": "A1"}), 404, Value::Null),
        ("PUT", entry.as_str(), json!({"plate": "A1"}), 404, Value::Null),
        ("DELETE", entry.as_str(), json!({}), 404, Value::Null),
        ("GET", "/api/watchlists/../../etc", json!({}), 404, Value::Null),
        ("GET", "/api/alerts?state=some", json!({}), 400, json!("state")),
        ("GET", "/api/alerts?cursor=x", json!({}), 400, json!("cursor")),
    ] {
        let (found, answer) = call(&mut rest, method, path, &body);
        assert_eq!((found, &answer["success"]), (status, &json!(false)), "{method} {path}: {answer}");
        assert_eq!(answer.get("field").cloned().unwrap_or_default(), field, "{method} {path}: {answer}");
    }
    done(&mut rest, "DELETE", &path, &Value::Null);
    assert_eq!(done(&mut rest, "GET", "/api/watchlists", &Value::Null)["watchlists"], json!([]));
}

#[test]
fn a_file_comes_back_as_it_went_and_one_bad_line_stops_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path(), "");
    let mut rest = Rest::connect(&server.address).unwrap();
    let path = watchlist(
        &mut rest,
        "Files",
        &[
            json!({"plate": "กก 1234", "province": "เชียงใหม่", "note": "=HYPERLINK(\"http://x\",\"y\")", "match": "fuzzy"}),
            json!({"plate": "-AB-1", "note": "a,\"b\"\n'c", "severity": "info", "valid_from": "2024-12-19", "valid_to": "2025-01-01"}),
        ],
    );
    let (before, file) = (entries(&mut rest, &path), export(&mut rest, &path));
    assert!(!file.contains(",=") && !file.contains("\"=") && !file.contains("\n-"), "a formula: {file}");

    let bad = "plate,valid_to\nNEW1,\n,2024-12-19\nNEW2,never\nnew-1,\n";
    let (status, answer) = import(&mut rest, &path, "replace", bad);
    assert_eq!((status, &answer["success"], &answer["lines_count"]), (400, &json!(false), &json!(3)), "{answer}");
    let lines: Vec<_> = answer["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bad| (bad["line"].as_u64().unwrap(), bad["field"].as_str().unwrap()))
        .collect();
    assert_eq!(lines, [(3, "plate"), (4, "valid_to"), (5, "plate")]);
    assert_eq!(entries(&mut rest, &path), before, "nothing was taken");

    let (status, answer) = import(&mut rest, &path, "add", "plate\nNEW1\nkk1\n");
    assert_eq!((status, &answer["imported"], &answer["entries_count"]), (200, &json!(2), &json!(4)), "{answer}");
    let (status, _) = import(&mut rest, &path, "replace", &file);
    assert_eq!(status, 200);
    assert_eq!(export(&mut rest, &path), file);
    let without_ids = |entries: Vec<Value>| {
        entries
            .into_iter()
            .map(|mut entry| {
                entry["entry_id"].take();
                entry
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(without_ids(entries(&mut rest, &path)), without_ids(before));
    assert_eq!(import(&mut rest, "/api/watchlists/99", "add", "plate\nA1\n").0, 404);
    assert_eq!(import(&mut rest, &path, "merge", "plate\nA1\n").0, 400);
}

#[test]
fn a_hundred_thousand_entries_slow_nobody_down() {
    let dir = tempfile::tempdir().unwrap();
    let server = start_on_time(dir.path(), "");
    let mut rest = Rest::connect(&server.address).unwrap();
    let path = watchlist(&mut rest, "Long", &[]);
    let time = |rest: &mut Rest, from: usize| {
        let begin = Instant::now();
        for number in from..from + 200 {
            let event = read(&format!("e{number}"), 0, &[&format!("AB{number}"), "XX99"], "2024-12-19T10:00:00Z");
            done(rest, "POST", "/api/detection", &event);
        }
        begin.elapsed()
    };
    time(&mut rest, 0);
    let without = time(&mut rest, 1000);
    let mut csv = "plate,note,match\n".to_owned();
    (0..100_000).for_each(|number| csv += &format!("ก{number:06},one of many,fuzzy\n"));
    let begin = Instant::now();
    assert_eq!(import(&mut rest, &path, "add", &csv).1["entries_count"], 100_000);
    let imported = begin.elapsed();
    let with = time(&mut rest, 2000);
    let begin = Instant::now();
    assert_eq!(rest.get_json("/api/statistics").unwrap()["data"]["blacklist_count"], 100_000);
    let counted = begin.elapsed();
    println!("200 detections {without:?} without entries, {with:?} with; import {imported:?}, first count {counted:?}");
    // A scan of the list for each plate would take a hundred times as long.
    assert!(with < without * 5 + std::time::Duration::from_secs(1), "{without:?}, {with:?}");
    done(&mut rest, "POST", "/api/detection", &read("hit", 0, &["ก099999"], "2024-12-19T10:00:00Z"));
    assert_eq!(done(&mut rest, "GET", "/api/alerts", &Value::Null)["alerts"].as_array().unwrap().len(), 1);
    let page = done(&mut rest, "GET", &format!("{path}/entries?plate=%E0%B8%8109999&limit=4"), &Value::Null);
    assert_eq!((page["entries"].as_array().unwrap().len(), &page["entries"][0]["plate"]), (4, &json!("ก099990")));
    assert_eq!(export(&mut rest, &path).lines().count(), 100_001);
}
