//! What people at a control room ask of the server, and what keeps its disk in order: the real program, over its port and
//! its command line.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

mod common;
#[path = "common/event_client.rs"]
mod event_client;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::lpr_server::LprServer;
use common::{run_in, text, wait_for};
use event_client::Rest;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const FRAME: &[u8] = include_bytes!("page/frame.jpg");

/// A read of `plate`, `minute` minutes after ten.
fn read(camera: &str, plate: &str, minute: u32) -> Value {
    let texts = if plate.is_empty() { json!([]) } else { json!([plate]) };
    json!({
        "type": "detection_result", "camera_id": camera, "checkpoint_id": "gate",
        "timestamp": format!("2024-12-19T{:02}:{:02}:00Z", 10 + minute / 60, minute % 60), "ocr_results": texts,
        "annotated_image": STANDARD.encode(FRAME), "cropped_plates": [STANDARD.encode(FRAME)],
        "event_id": uuid::Uuid::now_v7(),
    })
}

fn post(rest: &mut Rest, event: &Value) -> String {
    let (status, answer) = rest.post("/api/detection", &event.to_string()).unwrap();
    assert_eq!(status, 200, "{answer}");
    answer["detection_id"].as_str().unwrap().to_owned()
}

fn plates(answer: &Value) -> Vec<&str> {
    let records = answer["records"].as_array().unwrap_or_else(|| panic!("{answer}"));
    records.iter().map(|record| record["ocr_results"][0].as_str().unwrap_or("")).collect()
}

fn lpr_server(args: &[&str]) -> Output {
    run_in(Command::new(env!("CARGO_BIN_EXE_lpr-server")).args(args))
}

fn check(data_dir: &Path) -> (i32, Value) {
    let output = lpr_server(&["check", "--json", "--data-dir", data_dir.to_str().unwrap()]);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    (output.status.code().unwrap(), report)
}

/// Bytes of the disk that a folder takes.
fn space(dir: &Path) -> u64 {
    let output = run_in(Command::new("du").args(["--summarize", "--block-size=1"]).arg(dir));
    text(&output.stdout).split_whitespace().next().unwrap().parse().unwrap()
}

fn end(server: LprServer) {
    assert!(server.stop("TERM", Duration::from_secs(20)).success());
}

#[test]
fn records_are_found_by_plate_time_and_camera_page_by_page() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(dir.path(), "127.0.0.1:0", &[]);
    let mut rest = Rest::connect(&server.address).unwrap();
    for (minute, plate) in ["1กข 808", "AB-123", "1กช 8O8", "", "AB 124", "XY 1"].into_iter().enumerate() {
        post(&mut rest, &read(if minute < 4 { "c1" } else { "c2" }, plate, minute as u32 * 30));
    }
    let mut get = |path: &str| rest.get_json(path).unwrap();
    let found = get("/api/records?images=none&plate=ab123");
    assert_eq!((plates(&found), &found["total_count"]), (vec!["AB-123"], &json!(1)));
    assert_eq!(found["records"][0]["matched"], json!({"text": "AB-123", "why": "same plate"}));
    let found = get("/api/records?images=none&plate=AB&match=prefix&order=desc");
    assert_eq!(plates(&found), ["AB 124", "AB-123"]);
    let found = get("/api/records?images=none&match=fuzzy&plate=1%E0%B8%81%E0%B8%82808");
    assert_eq!(plates(&found), ["1กข 808", "1กช 8O8"]);
    assert_eq!(found["records"][1]["matched"]["why"], "look-alikes: ข read as ช, 0 read as O");

    let found = get("/api/records?images=none&from=2024-12-19T10:30:00Z&to=2024-12-19T12:30:00%2B00:00");
    assert_eq!((plates(&found), &found["total_count"]), (vec!["AB-123", "1กช 8O8", "", "AB 124"], &json!(4)));
    let found = get("/api/records?images=none&camera_id=c1&from=2024-12-19T11:00:00Z");
    assert_eq!((plates(&found), &found["total_count"]), (vec!["1กช 8O8", ""], &json!(2)));

    // The contract's last ones, oldest first; the cursor leads back to what was before.
    let last = get("/api/records?images=none&limit=4");
    assert_eq!(plates(&last), ["1กช 8O8", "", "AB 124", "XY 1"]);
    let before = get(&format!("/api/records?images=none&limit=4&cursor={}", last["next_cursor"].as_str().unwrap()));
    assert_eq!((plates(&before), &before["next_cursor"]), (vec!["1กข 808", "AB-123"], &Value::Null));
    assert_eq!((&before["total_count"], &before["returned_count"]), (&json!(6), &json!(2)));

    for (query, field) in
        [("from=soon", "from"), ("match=like", "match"), ("cursor=x", "cursor"), ("plate=--", "plate")]
    {
        let (status, body) = rest.get(&format!("/api/records?{query}")).unwrap();
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, &answer["field"], &answer["code"]), (400, &json!(field), &json!("invalid")), "{query}");
    }
}

/// As an address has it.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn a_thai_plate_is_found_with_its_province_as_people_write_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(dir.path(), "127.0.0.1:0", &[]);
    let mut rest = Rest::connect(&server.address).unwrap();
    for (minute, (plate, province)) in
        [("กพ1687", Some("กรุงเทพมหานคร")), ("กพ1687", Some("เชียงใหม่")), ("กพ1687", None), ("ขก 9", Some("กทม"))]
            .into_iter()
            .enumerate()
    {
        let mut event = read("c1", plate, minute as u32);
        event["province"] = json!([province]);
        post(&mut rest, &event);
    }
    let mut find = |query: &str| {
        let found = rest.get_json(&format!("/api/records?images=none&{query}")).unwrap();
        let records = found["records"].as_array().unwrap_or_else(|| panic!("{found}"));
        let provinces = records.iter().map(|record| record["province"][0].as_str().unwrap_or("-").to_owned());
        (provinces.collect::<Vec<_>>(), found["records"][0]["matched"]["why"].clone())
    };
    let bangkok = (vec!["กรุงเทพมหานคร".to_owned()], json!("same plate; province กรุงเทพมหานคร"));
    for written in ["กพ1687 กรุงเทพมหานคร", "กพ 1687 กรุงเทพ", "กพ-1687 กทม.", "กพ1687กรุงเทพฯ"]
    {
        for mode in ["exact", "prefix", "fuzzy"] {
            assert_eq!(find(&format!("match={mode}&plate={}", encoded(written))), bangkok, "{written} {mode}");
        }
    }
    assert_eq!(find(&format!("plate={}&province={}", encoded("กพ1687"), encoded("กรุงเทพ"))), bangkok);
    assert_eq!(find(&format!("plate={}", encoded("กพ1687"))).0.len(), 3, "without it, as before");
    let by_province = (vec!["กรุงเทพมหานคร".to_owned(), "กทม".to_owned()], json!("province กรุงเทพมหานคร"));
    assert_eq!(find(&format!("plate={}", encoded("กรุงเทพ"))), by_province);
    assert_eq!(find(&format!("province={}", encoded("กรุงเทพมหานคร"))), by_province);
    assert_eq!(find(&format!("province={}&from=2024-12-19T10:03:00Z", encoded("กทม"))).0, ["กทม"]);
    let (status, body) = rest.get(&format!("/api/export?format=csv&province={}", encoded("เชียง"))).unwrap();
    assert!(
        status == 200 && text(&body).lines().count() == 2 && text(&body).contains("กพ1687,เชียงใหม่,"),
        "{}",
        text(&body)
    );
    assert_eq!(rest.get("/api/records?province=--").unwrap().0, 400);
}

#[test]
fn pictures_have_addresses_and_thumbnails_that_are_small() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(dir.path(), "127.0.0.1:0", &[]);
    let mut rest = Rest::connect(&server.address).unwrap();
    let id = post(&mut rest, &read("c1", "AB 1", 0));
    let record = &rest.get_json("/api/records?images=url").unwrap()["records"][0];
    assert_eq!(record["annotated_image_url"], format!("/images/{id}/frame"));
    assert_eq!(record["cropped_plate_urls"], json!([format!("/images/{id}/crop-0")]));
    assert!(record.get("annotated_image").is_none(), "not inline");
    let (status, small) = rest.get(record["thumbnail_url"].as_str().unwrap()).unwrap();
    assert!(status == 200 && small.starts_with(&[0xff, 0xd8]) && small.len() < FRAME.len(), "{}", small.len());
    assert_eq!(rest.get(&format!("/images/{id}/frame")).unwrap().1, FRAME);
    assert_eq!(rest.get(&format!("/images/{id}/frame2?size=thumb")).unwrap().0, 404);
    let inline = &rest.get_json("/api/records").unwrap()["records"][0];
    assert_eq!(inline["annotated_image"], STANDARD.encode(FRAME), "the contract's default");
}

#[test]
fn a_search_is_exported_as_a_table_and_as_lines_whole_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(dir.path(), "127.0.0.1:0", &[]);
    let mut rest = Rest::connect(&server.address).unwrap();
    // More than one step of the export.
    for number in 0..1100 {
        let mut event = read("c1", &format!("AB {number}"), number / 20);
        event.as_object_mut().unwrap().retain(|key, _| key != "annotated_image" && key != "cropped_plates");
        post(&mut rest, &event);
    }
    post(&mut rest, &read("=2+3", "กข, 1", 5));
    let (status, table) = rest.get("/api/export?format=csv").unwrap();
    let table = String::from_utf8(table).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!((status, lines.len()), (200, 1 + 1101));
    assert!(lines[0].starts_with("detection_id,timestamp,received_at,camera_id,checkpoint_id,plate,"));
    assert!(lines[1].contains(",AB 0,") && lines[1100].contains(",AB 1099,"), "{} {}", lines[1], lines[1100]);
    assert!(lines[1101].contains(",'=2+3,gate,\"กข, 1\","), "{}", lines[1101]);

    let (_, body) = rest.get("/api/export?format=jsonl&plate=AB1&match=prefix&order=desc").unwrap();
    let records: Vec<Value> = text(&body).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 1 + 10 + 100 + 100);
    assert_eq!(
        (&records[0]["ocr_results"][0], &records[0]["matched"]["why"]),
        (&json!("AB 1099"), &json!("begins with AB1"))
    );
    let (_, body) = rest.get("/api/export?format=jsonl&limit=7").unwrap();
    assert_eq!(text(&body).lines().count(), 7);
    assert_eq!(rest.get("/api/export?format=xml").unwrap().0, 400);
    assert_eq!(rest.get("/api/export?plate=none").unwrap().1.iter().filter(|byte| **byte == b'\n').count(), 1);
}

#[test]
fn hours_are_counted_for_a_chart_those_without_a_record_too() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(dir.path(), "127.0.0.1:0", &[]);
    let mut rest = Rest::connect(&server.address).unwrap();
    for (camera, minute) in [("c1", 0), ("c1", 59), ("c2", 130)] {
        post(&mut rest, &read(camera, "AB 1", minute));
    }
    let span = "from=2024-12-19T10:00:00Z&to=2024-12-19T13:00:00Z";
    let hours = rest.get_json(&format!("/api/hours?{span}")).unwrap();
    let hour =
        |hour: u32, detections: u32| json!({"hour": format!("2024-12-19T{hour}:00:00Z"), "detections": detections});
    assert_eq!(hours["hours"], json!([hour(10, 2), hour(11, 0), hour(12, 1)]));
    let hours = rest.get_json(&format!("/api/hours?camera_id=c2&{span}")).unwrap();
    assert_eq!(hours["hours"], json!([hour(10, 0), hour(11, 0), hour(12, 1)]));
    assert_eq!(rest.get_json("/api/hours").unwrap()["hours"].as_array().unwrap().len(), 24);
    let (status, _) = rest.get("/api/hours?from=2020-01-01T00:00:00Z").unwrap();
    assert_eq!(status, 400, "too much at once");
}

#[test]
fn above_the_bound_reads_without_a_text_go_first_with_their_pictures_and_it_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = LprServer::start(&data, "127.0.0.1:0", &[]);
    let mut rest = Rest::connect(&server.address).unwrap();
    // Twice 19 kB of pictures each.
    for number in 0..40 {
        post(&mut rest, &read("c1", if number % 4 == 0 { "" } else { "AB 1" }, number));
    }
    end(server);
    let taken = space(&data.join("images"));
    let config = dir.path().join("server.toml");
    fs::write(&config, "[retention]\nmax_mb = 1\n").unwrap();
    let server = LprServer::start(&data, "127.0.0.1:0", &["--config", config.to_str().unwrap()]);
    let mut rest = Rest::connect(&server.address).unwrap();
    let statistics = wait_for("retention", Duration::from_secs(60), || {
        let statistics = rest.get_json("/api/statistics").unwrap()["data"].clone();
        let retention = &statistics["retention"];
        let bytes = retention["no_text"]["bytes"].as_i64().unwrap() + retention["reads"]["bytes"].as_i64().unwrap();
        (bytes <= 1_000_000).then_some(statistics)
    });
    let retention = &statistics["retention"];
    assert_eq!((&retention["no_text"]["records"], &retention["no_text"]["removed_records"]), (&json!(0), &json!(10)));
    let reads = retention["reads"]["removed_records"].as_i64().unwrap();
    assert!((1..10).contains(&reads), "no more than needed: {reads}");
    assert_eq!(statistics["total_detections"], 30 - reads);
    let records = rest.get_json("/api/records?limit=0&images=url").unwrap();
    assert_eq!((&records["total_count"], plates(&records).contains(&"")), (&json!(30 - reads), false));
    end(server);
    let (code, report) = check(&data);
    assert_eq!((code, &report["ok"], &report["pictures"]), (0, &json!(true), &json!(2 * (30 - reads))), "{report}");
    assert_eq!(report["pictures_unnamed"]["count"], 0, "the pictures are gone");
    let freed = taken - space(&data.join("images"));
    assert!(freed >= (10 + reads as u64) * 2 * FRAME.len() as u64, "their space is free again: {freed}");
}

#[test]
fn pictures_that_an_earlier_version_kept_as_files_are_served_checked_and_backed_up() {
    let dir = tempfile::tempdir().unwrap();
    let (data, to) = (dir.path().join("data"), dir.path().join("backup"));
    let server = LprServer::start(&data, "127.0.0.1:0", &[]);
    let mut rest = Rest::connect(&server.address).unwrap();
    let ids = [0, 1].map(|number| post(&mut rest, &read("c1", "AB 1", number)));
    end(server);
    let conn = rusqlite::Connection::open(data.join("lpr-server.db")).unwrap();
    let path = format!("2024/12/19/{}-frame.jpg", ids[0]);
    fs::create_dir_all(data.join("images/2024/12/19")).unwrap();
    fs::write(data.join("images").join(&path), FRAME).unwrap();
    let sql = "UPDATE images SET path = ?1 WHERE detection_id = ?2 AND name = 'frame'";
    assert_eq!(conn.execute(sql, [&path, &ids[0]]).unwrap(), 1);
    drop(conn);
    let (code, report) = check(&data);
    assert_eq!((code, &report["pictures"]), (0, &json!(4)), "{report}");
    let output = lpr_server(&["backup", "--json", "--data-dir", data.to_str().unwrap(), "--to", to.to_str().unwrap()]);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&said["pictures"]["linked"], &said["pictures"]["copied"]), (&json!(1), &json!(3)), "{said}");
    for folder in [&data, &to] {
        let server = LprServer::start(folder, "127.0.0.1:0", &[]);
        let mut rest = Rest::connect(&server.address).unwrap();
        for id in &ids {
            for name in ["frame", "crop-0"] {
                assert_eq!(rest.get(&format!("/images/{id}/{name}")).unwrap(), (200, FRAME.to_vec()));
            }
            assert_eq!(rest.get(&format!("/images/{id}/frame?size=thumb")).unwrap().0, 200);
        }
        end(server);
    }
    assert_eq!(check(&to).0, 0);
}

#[test]
fn a_backup_made_while_reads_arrive_is_whole_and_a_server_starts_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let (data, to) = (dir.path().join("data"), dir.path().join("backup"));
    let server = LprServer::start(&data, "127.0.0.1:0", &[]);
    let mut rest = Rest::connect(&server.address).unwrap();
    let original = rest.get_json("/api/test").unwrap()["store_id"].clone();
    let first: Vec<String> = (0..30).map(|number| post(&mut rest, &read("c1", "AB 1", number))).collect();
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let address = &server.address;
        let enough = &enough;
        scope.spawn(move || {
            let mut rest = Rest::connect(address).unwrap();
            while !enough.load(Ordering::Relaxed) {
                post(&mut rest, &read("c2", "AB 2", 0));
            }
        });
        let args = ["backup", "--data-dir", data.to_str().unwrap(), "--to", to.to_str().unwrap()];
        let twice = (lpr_server(&args), lpr_server(&[&args[..], &["--json"]].concat()));
        enough.store(true, Ordering::Relaxed);
        assert!(twice.0.status.success(), "{}", text(&twice.0.stderr));
        let said: Value = serde_json::from_slice(&twice.1.stdout).unwrap();
        assert!(said["pictures"]["there_already"].as_i64().unwrap() >= 60, "only what is new is brought: {said}");
    });
    end(server);
    let (code, report) = check(&to);
    assert_eq!((code, &report["ok"]), (0, &json!(true)), "{report}");

    let restored = LprServer::start(&to, "127.0.0.1:0", &[]);
    let mut rest = Rest::connect(&restored.address).unwrap();
    let known = rest.get_json("/api/test").unwrap()["store_id"].clone();
    assert_ne!(known, original, "agents must not take it for the one they know");
    for id in &first {
        assert_eq!(rest.get(&format!("/images/{id}/frame")).unwrap(), (200, FRAME.to_vec()));
    }
    let output = lpr_server(&["backup", "--data-dir", data.to_str().unwrap(), "--to", to.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(13), "a folder that a server works in is no backup");
    let output = lpr_server(&["backup", "--data-dir", data.to_str().unwrap(), "--to", data.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(13), "nor is the data directory itself");
    end(restored);
    let restored = LprServer::start(&to, "127.0.0.1:0", &[]);
    assert_eq!(Rest::connect(&restored.address).unwrap().get_json("/api/test").unwrap()["store_id"], known);
}

#[test]
fn keys_of_events_are_forgotten_when_nobody_can_send_them_again_and_it_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = LprServer::start(&data, "127.0.0.1:0", &[]);
    let mut rest = Rest::connect(&server.address).unwrap();
    let events: Vec<Value> = (0..5).map(|number| read("c1", "", number)).collect();
    for event in &events {
        post(&mut rest, event);
    }
    end(server);
    let conn = rusqlite::Connection::open(data.join("lpr-server.db")).unwrap();
    let age = |days: i64, of: &str| {
        let sql = format!("UPDATE receipts SET received_us = received_us - {days} * 86400000000 WHERE {of}");
        assert!(conn.execute(&sql, []).unwrap() > 0);
    };
    conn.execute("UPDATE cameras SET registered_us = 0", []).unwrap();
    conn.execute("UPDATE detections SET received_us = 0", []).unwrap();
    age(399, "1");
    age(2, &format!("event_key = '{}'", events[0]["event_id"].as_str().unwrap()));
    drop(conn);

    let config = dir.path().join("server.toml");
    fs::write(&config, "[retention]\nno_text_days = 1.0\n").unwrap();
    let server = LprServer::start(&data, "127.0.0.1:0", &["--config", config.to_str().unwrap()]);
    let mut rest = Rest::connect(&server.address).unwrap();
    let keys = json!({"removed_records": 1});
    wait_for("one key forgotten", Duration::from_secs(60), || {
        let retention = rest.get_json("/api/statistics").unwrap()["data"]["retention"].clone();
        (retention["keys"] == keys && retention["no_text"]["removed_records"] == 5).then_some(())
    });
    let mut again = |event: &Value| rest.post("/api/detection", &event.to_string()).unwrap().1;
    assert_eq!(again(&events[0]).get("duplicate"), None);
    for event in &events[1..] {
        assert_eq!(again(event)["duplicate"], true);
    }
}

#[test]
fn check_names_what_is_missing_of_another_size_miscounted_or_damaged_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(dir.path(), "127.0.0.1:0", &[]);
    let mut rest = Rest::connect(&server.address).unwrap();
    let ids: Vec<String> = (0..3).map(|number| post(&mut rest, &read("c1", "AB 1", number))).collect();
    assert_eq!(check(dir.path()).0, 0, "beside a running server");
    end(server);

    let conn = rusqlite::Connection::open(dir.path().join("lpr-server.db")).unwrap();
    // The line before a picture in its segment: taken away, and one that tells of fewer bytes.
    let overwrite = |id: &str, name: &str, line: String| {
        let sql = "SELECT path FROM images WHERE detection_id = ?1 AND name = ?2";
        let path: String = conn.query_row(sql, [id, name], |row| row.get(0)).unwrap();
        let (segment, offset) = path.strip_suffix(".jpg").unwrap().rsplit_once('/').unwrap();
        let file = fs::File::options().write(true).open(dir.path().join("images").join(segment)).unwrap();
        file.write_all_at(format!("{line:<127}\n").as_bytes(), offset.parse().unwrap()).unwrap();
        path
    };
    let gone = overwrite(&ids[0], "frame", String::new());
    overwrite(&ids[1], "crop-0", format!("lpr-picture {} crop-0 jpg 5", ids[1]));
    conn.execute_batch("UPDATE cameras SET detection_count = 7").unwrap();
    let (code, report) = check(dir.path());
    assert_eq!((code, &report["ok"]), (1, &json!(false)));
    assert_eq!(
        (&report["pictures_missing"]["count"], &report["pictures_of_wrong_size"]["count"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(report["pictures_missing"]["examples"][0], gone.as_str());
    assert_eq!(report["counts"][0], json!({"what": "records", "kept": 7, "is": 3}));
    let told = text(&lpr_server(&["check", "--data-dir", dir.path().to_str().unwrap()]).stdout);
    assert!(told.contains("records: 7 by the counters, in truth 3") && told.contains("NOT well"), "{told}");
    let kept: i64 = conn.query_row("SELECT detection_count FROM cameras", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 7);

    // An index that says something else than its table.
    conn.execute_batch(
        "PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(sql, 'captured_us)', 'received_us)') WHERE name = 'detections_by_time';
         PRAGMA writable_schema = OFF;",
    )
    .unwrap();
    let (code, report) = check(dir.path());
    assert_eq!(code, 1);
    assert!(!report["damage"].as_array().unwrap().is_empty(), "{report}");
    let nothing = tempfile::tempdir().unwrap();
    let output = lpr_server(&["check", "--data-dir", nothing.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(13));
}
