//! Plates that somebody waits for.

use crate::event_client::Rest;
use crate::room::{Dashboard, call, done, read, start_on_time, watchlist};
use serde_json::{Value, json};

const AT: &str = "2024-12-19T10:00:00.000000+00:00";

fn alerts(rest: &mut Rest, state: &str) -> Vec<Value> {
    done(rest, "GET", &format!("/api/alerts?state={state}"), &Value::Null)["alerts"].as_array().unwrap().clone()
}

#[test]
fn a_wanted_plate_alerts_once_and_a_person_who_has_seen_it_is_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let server = start_on_time(dir.path(), "");
    let mut rest = Rest::connect(&server.address).unwrap();
    watchlist(&mut rest, "Stolen", &[json!({"plate": "abc-1234", "note": "grey"}), json!({"plate": "XY 9"})]);
    let mut dashboard = Dashboard::join(&server.address);
    for _ in 0..3 {
        done(&mut rest, "POST", "/api/detection", &read("e1", 0, &["ABC1234", "ZZZ1"], AT));
    }
    let told = dashboard.told_of("blacklist_alert");
    assert_eq!(told.len(), 1, "a duplicate never alerts twice: {told:?}");
    let alert = &told[0];
    assert_eq!((&alert["kind"], &alert["severity"]), (&json!("plate"), &json!("critical")));
    assert_eq!(
        (&alert["plate"], &alert["camera_id"], &alert["timestamp"]),
        (&json!("ABC1234"), &json!("c"), &json!(AT))
    );
    let matched = &alert["matched"];
    assert_eq!(
        (&matched["plate"], &matched["watchlist"], &matched["note"]),
        (&json!("abc-1234"), &json!("Stolen"), &json!("grey"))
    );
    let record =
        done(&mut rest, "GET", &format!("/api/records/{}", alert["detection_id"].as_str().unwrap()), &Value::Null);
    assert_eq!(record["record"]["event_id"], "e1");
    assert_eq!(alerts(&mut rest, "open"), told);

    let ack = format!("/api/alerts/{}/ack", alert["alert_id"].as_str().unwrap());
    let seen = done(&mut rest, "POST", &ack, &json!({"note": "stopped it"}))["alert"].clone();
    assert_eq!((&seen["acknowledged"]["note"], &seen["acknowledged"]["by"]), (&json!("stopped it"), &json!("-")));
    assert_eq!(dashboard.wait("alert_update"), seen);
    assert_eq!(done(&mut rest, "POST", &ack, &json!({"note": "me too"}))["alert"], seen, "the first word stays");
    assert!(dashboard.told_of("alert_update").is_empty());
    assert_eq!(call(&mut rest, "POST", "/api/alerts/nothing/ack", &json!({})).0, 404);

    drop(server); // SIGKILL
    let server = start_on_time(dir.path(), "");
    let mut rest = Rest::connect(&server.address).unwrap();
    assert_eq!((alerts(&mut rest, "open"), alerts(&mut rest, "all")), (vec![], vec![seen]));
    done(&mut rest, "POST", "/api/detection", &read("e1", 0, &["ABC1234"], AT));
    assert_eq!(alerts(&mut rest, "all").len(), 1);
}

#[test]
fn a_revision_that_changes_the_text_is_looked_up_anew() {
    let dir = tempfile::tempdir().unwrap();
    let server = start_on_time(dir.path(), "");
    let mut rest = Rest::connect(&server.address).unwrap();
    watchlist(&mut rest, "Stolen", &[json!({"plate": "ABC1234"}), json!({"plate": "XYZ777"})]);
    let mut dashboard = Dashboard::join(&server.address);
    let mut send = |revision, plate: &str| {
        done(&mut rest, "POST", "/api/detection", &read("e", revision, &[plate], AT));
        let told = dashboard.told().into_iter().filter(|(name, _)| name.contains("alert"));
        told.map(|(name, alert)| (name, alert["matched"]["plate"].clone(), !alert["ended"].is_null()))
            .collect::<Vec<_>>()
    };
    let event = |name: &str, plate: &str, ended| (name.to_owned(), json!(plate), ended);
    assert_eq!(send(0, "NOTHING1"), []);
    assert_eq!(send(1, "ABC1234"), [event("blacklist_alert", "ABC1234", false)]);
    assert_eq!(send(2, "ABC1234"), [], "the text is the same");
    assert_eq!(send(3, "XYZ777"), [event("alert_update", "ABC1234", true), event("blacklist_alert", "XYZ777", false)]);
    assert_eq!(send(2, "ABC1234"), [], "a lower revision is a duplicate");
    assert_eq!(send(4, "ABC1234"), [event("alert_update", "ABC1234", false), event("alert_update", "XYZ777", true)]);
    let open = alerts(&mut rest, "open");
    assert_eq!((open.len(), &open[0]["plate"]), (1, &json!("ABC1234")));
    assert_eq!(alerts(&mut rest, "all").len(), 2);
}

#[test]
fn entries_match_by_their_window_at_capture_and_look_alikes_only_where_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let server = start_on_time(dir.path(), "");
    let mut rest = Rest::connect(&server.address).unwrap();
    watchlist(
        &mut rest,
        "Windows",
        &[
            json!({"plate": "DAY1", "valid_from": "2024-12-19", "valid_to": "2024-12-19"}),
            json!({"plate": "BOO111", "match": "fuzzy"}),
            json!({"plate": "SAD555", "match": "exact"}),
            json!({"plate": "กก 1234", "province": "เชียงใหม่"}),
        ],
    );
    let mut number = 0;
    let mut hits = |plate: &str, at: &str, province: Option<&str>| {
        number += 1;
        let mut event = read(&format!("e{number}"), 0, &[plate], at);
        if let Some(province) = province {
            event["province"] = json!([province]);
        }
        let before = alerts(&mut rest, "all").len();
        done(&mut rest, "POST", "/api/detection", &event);
        alerts(&mut rest, "all").len() - before
    };
    assert_eq!(hits("DAY1", "2024-12-18T23:59:59Z", None), 0, "not yet valid");
    assert_eq!(hits("DAY1", "2024-12-19T23:59:59Z", None), 1, "valid when it was captured, long ago");
    assert_eq!(hits("DAY1", "2024-12-20T00:00:00Z", None), 0, "expired");
    assert_eq!(hits("80011I", AT, None), 1);
    assert_eq!(hits("5AD555", AT, None), 0);
    assert_eq!(hits("กก1234", AT, Some("เชียงใหม่")), 1);
    assert_eq!(hits("กก1234", AT, Some("ชลบุรี")), 0);
    let why = alerts(&mut rest, "all")[1]["matched"]["why"].clone();
    assert_eq!(why, "look-alikes: B read as 8, O read as 0, O read as 0, 1 read as I");

    // A clock that is known to be wrong says nothing about validity: then the time of arrival counts.
    let mut raw = read("raw", 0, &["BOO111"], "1970-01-01T00:05:00Z");
    (raw["clock_synced"], raw["boot_id"]) = (json!(false), json!("b"));
    let before = alerts(&mut rest, "all").len();
    done(&mut rest, "POST", "/api/detection", &raw);
    assert_eq!(alerts(&mut rest, "all").len(), before + 1);
}

#[test]
fn alerts_come_in_pages_and_the_statistics_count_the_entries_that_are_valid_now() {
    let dir = tempfile::tempdir().unwrap();
    let server = start_on_time(dir.path(), "");
    let mut rest = Rest::connect(&server.address).unwrap();
    let count = |rest: &mut Rest| rest.get_json("/api/statistics").unwrap()["data"]["blacklist_count"].clone();
    assert_eq!(count(&mut rest), 0);
    let soon = jiff::Timestamp::now() + std::time::Duration::from_secs(3);
    let list = watchlist(
        &mut rest,
        "Many",
        &[
            json!({"plate": "A1"}),
            json!({"plate": "A2", "valid_to": "2020-01-01"}),
            json!({"plate": "A3", "valid_from": "2100-01-01"}),
            json!({"plate": "A4", "valid_to": soon.to_string()}),
        ],
    );
    assert_eq!(count(&mut rest), 2);
    crate::common::wait_for("an entry to expire", std::time::Duration::from_secs(30), || {
        (count(&mut rest) == 1).then_some(())
    });
    for number in 0..5 {
        done(&mut rest, "POST", "/api/detection", &read(&format!("e{number}"), 0, &["A1", "A2", "A3", "A4"], AT));
    }
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let page = done(&mut rest, "GET", &format!("/api/alerts?state=all&limit=2{cursor}"), &Value::Null);
        seen.extend(page["alerts"].as_array().unwrap().iter().map(|alert| alert["alert_id"].to_string()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    // Captured in 2024: A1, and A4 whose end lay ahead; A2 was over and A3 had not begun.
    assert_eq!(seen.iter().collect::<std::collections::HashSet<_>>().len(), 10);
    done(&mut rest, "DELETE", &list, &Value::Null);
    assert_eq!(count(&mut rest), 0);
    assert_eq!(alerts(&mut rest, "all").len(), 10, "alerts outlive their list");
}
