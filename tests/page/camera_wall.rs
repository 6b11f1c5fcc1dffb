//! Cameras: who is there, what is the matter with each, what was lost, how each was.

use super::*;
use crate::site::Site;

/// A condition: the card of `camera` says `text`.
fn card(camera: &str, text: &str) -> String {
    format!(
        "return [...document.querySelectorAll('.camera')].some((card) => card.querySelector('h3').firstChild.textContent === '{camera}'
            && card.innerText.includes('{text}'))"
    )
}

/// A health report of `ago` seconds ago.
fn report(camera: &str, component: &str, status: &str, ago: f64, details: Value) -> Value {
    json!({"type": "health_check", "camera_id": camera, "checkpoint_id": "north_gate", "timestamp": now() - ago,
        "component": component, "status": status, "message": format!("{component} is {status}"), "details": details,
        "event_id": uuid::Uuid::now_v7()})
}

#[test]
fn whatever_is_the_matter_with_a_camera_is_on_its_card_in_the_bar_and_among_the_alerts() {
    let site = Site::new();
    let config = "[cameras]\nhealth_interval_s = 2\nsilent_after = 2\n";
    let server = site.start_with("127.0.0.1:0", config);
    let browser = desk(site.dir.path(), &server, "cameras");
    // Two reports in succession make a problem.
    let twice = |camera: &str, component: &str, status: &str, details: &Value| {
        for ago in [0.2, 0.1] {
            post(&server, "/api/health", &report(camera, component, status, ago, details.clone()));
        }
    };
    let announced = |what: &str| says(".announcement", what);
    twice("hot_one", "system", "warning", &json!({"temperature": 91, "cpu_usage": 97, "memory_usage": 78}));
    browser.wait("too hot is announced", PATIENCE, &announced("Too hot"));
    twice("full_one", "system", "warning", &json!({"disk_usage": 99}));
    browser.wait("a full disk", PATIENCE, &announced("Disk full"));
    twice("frozen_one", "camera", "error", &json!({}));
    browser.wait("a frozen picture", PATIENCE, &announced("Picture frozen"));
    let skewed = |ahead: f64| json!({"camera_id": "skewed_one", "checkpoint_id": "north_gate", "timestamp": now() + ahead, "clock_synced": true});
    post(&server, "/api/cameras/register", &skewed(7200.0));
    browser.wait("a wrong clock", PATIENCE, &announced("Clock wrong"));
    for (camera, text) in [
        ("hot_one", "Too hot"),
        ("full_one", "Disk full"),
        ("frozen_one", "Picture frozen"),
        ("skewed_one", "2 h ahead"),
    ] {
        browser.wait(text, PATIENCE, &card(camera, text));
    }
    browser.wait("silence", PATIENCE, &card("hot_one", "Silent"));
    browser.wait("is offline", PATIENCE, &card("hot_one", "Offline"));
    browser.wait("last seen", PATIENCE, &card("hot_one", "s ago"));
    go(&browser, "alerts");
    for problem in ["Too hot", "Disk full", "Picture frozen", "Clock wrong", "Silent"] {
        browser.wait(problem, PATIENCE, &says(".alert", problem));
    }
    // One that speaks again and is well: its alerts end, the announcement goes.
    twice("hot_one", "system", "healthy", &json!({"temperature": 50}));
    browser.wait(
        "it is over",
        PATIENCE,
        "return ![...document.querySelectorAll('.alert')].some((one) => one.innerText.includes('hot_one'))",
    );
    assert_silent(&browser);
}

#[test]
fn what_was_lost_and_how_each_part_was_is_kept_with_its_camera() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    post(&server, "/api/detection", &read("lane_1", "ABC1234", "plate-latin.jpg", 0.97, "car"));
    for (ago, status) in [(600.0, "healthy"), (300.0, "warning"), (10.0, "healthy")] {
        post(&server, "/api/health", &report("lane_1", "system", status, ago, json!({"cpu_usage": 41})));
    }
    let lost = json!({"epoch": uuid::Uuid::now_v7(), "from_seq": 5, "to_seq": 16, "count": 12, "kind": "plate", "reason": "disk"});
    post(&server, "/api/health", &report("lane_1", "outbox", "warning", 5.0, lost));
    let browser = desk(dir.path(), &server, "cameras");
    browser.wait("how many are lost", PATIENCE, &card("lane_1", "12 reads lost"));
    browser.wait("its last read", PATIENCE, "return document.querySelector('.camera .crop img')?.naturalWidth > 0");
    browser.wait("it needs attention", PATIENCE, &says(".segments button", "Needs attention 1"));
    click(&browser, ".camera .links button");
    let gap = "return [...document.querySelectorAll('dialog[open] .gaps tbody tr')].map((row) => [...row.cells].slice(1).map((cell) => cell.textContent))";
    browser.wait("the history", PATIENCE, "return document.querySelectorAll('dialog[open] tbody tr').length === 5");
    assert_eq!(browser.run(gap), json!([["12", "Reads", "The agent's disk was full"]]));
    let states = "return [...document.querySelectorAll('dialog[open] table:not(.gaps) tbody tr')].map((row) => row.cells[1].textContent + ' ' + row.dataset.state)";
    assert_eq!(browser.run(states), json!(["outbox warning", "system healthy", "system warning", "system healthy"]));
    assert_silent(&browser);
}
