//! Reads as they arrive; a server that goes and comes back; the keyboard.

use super::*;

#[test]
fn a_read_is_on_the_page_within_a_second_and_the_page_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = LprServer::start(&data, "127.0.0.1:0", &[]);
    let address = server.address.clone();
    let browser = Browser::start(&dir.path().join("profile"));
    browser.screen(1280, 800, false, "light");
    open(&browser, &server, "live");
    browser.wait("an empty list says so", PATIENCE, &count("total", "0"));
    browser.wait("in words", PATIENCE, "return document.body.innerText.includes('No reads yet')");

    post(&server, "/api/detection", &read("lane_1", "ABC1234", "plate-latin.jpg", 0.97, "car"));
    browser.wait("the read with its crop", SECOND, &row("ABC1234"));
    post(&server, "/api/detection", &read("lane_2", "กข 1234", "plate-thai.jpg", 0.91, "truck"));
    browser.wait("the Thai read with its crop", SECOND, &row("กข 1234"));
    browser.wait(
        "the newest comes first",
        SECOND,
        "return document.querySelector('[aria-posinset=\"1\"] .plate').lang === 'th'",
    );
    browser.wait(
        "its picture is beside the list",
        PATIENCE,
        "return document.querySelector('.beside .scene img')?.naturalWidth > 0",
    );
    browser.wait(
        "with its votes and times",
        SECOND,
        "const text = document.querySelector('.beside').innerText;
        return ['Votes', '7', 'กรุงเทพมหานคร', 'Captured', 'Received'].every((word) => text.includes(word))",
    );

    for (name, text) in [("total", "2"), ("today", "2"), ("cameras", "2 / 2")] {
        browser.wait("the counts agree", 3 * SECOND, &count(name, text));
    }
    post(&server, "/api/health", &health("lane_2", "warning"));
    browser.wait("a health report is counted", 3 * SECOND, &count("checks", "1"));
    let markup = "<img src=x onerror=alert(1)>";
    post(&server, "/api/detection", &read("lane_1", markup, "plate-latin.jpg", 0.5, "car"));
    browser.wait("markup from a peer is text", SECOND, &row(markup));
    assert_silent(&browser);
    let hosts = browser
        .run("return [...new Set(performance.getEntriesByType('resource').map((one) => new URL(one.name).host))]");
    assert_eq!(hosts, json!([address]), "no other host is asked");

    assert!(server.stop("TERM", Duration::from_secs(10)).success());
    let gone = "return document.getElementById('link').dataset.state === 'reconnecting'
        && !document.getElementById('lost').hidden";
    browser.wait("the page notices and says so", PATIENCE, gone);
    // Reads that the page cannot hear of: more than it asks for at once.
    let elsewhere = LprServer::start(&data, "127.0.0.1:0", &[]);
    post_many(&elsewhere, 0..450);
    assert!(elsewhere.stop("TERM", Duration::from_secs(10)).success());
    let server = LprServer::start(&data, &address, &[]);
    wait_live(&browser);
    post(&server, "/api/detection", &read("lane_1", "AFTER99", "plate-latin.jpg", 0.88, "bus"));
    browser.wait("a read after the restart", SECOND, &row("AFTER99"));
    browser.wait("the counts are the server's", 3 * SECOND, &count("total", "454"));
    browser.wait("the warning is gone", SECOND, "return document.getElementById('lost').hidden");
    assert_eq!(texts_of_all_rows(&browser, 454), 454, "nothing was forgotten, nothing is double");
    // What the browser itself says about refused connections while the server was away.
    browser.console();
    post(&server, "/api/detection", &read("lane_1", "LAST11", "plate-latin.jpg", 0.88, "bus"));
    browser.run("document.querySelector('.rows').scrollTop = 0");
    browser.wait("and it goes on", SECOND, &row("LAST11"));
    assert_silent(&browser);
}

/// The agent's own outbox and uplink, over Socket.IO, with its token; the page of somebody who signed in.
#[cfg(feature = "uplink")]
#[tokio::test(flavor = "multi_thread")]
async fn a_real_agents_read_is_on_the_page_within_a_second_of_its_event() {
    let site = crate::site::Site::new();
    let (viewer, device) = (site.viewer(), site.device("Pi 1", &["gate/cam-1"]));
    let server = site.start();
    let token = site.dir.path().join("token");
    fs::write(&token, &device.text).unwrap();
    let browser = Browser::start(&site.dir.path().join("profile"));
    browser.screen(1280, 800, false, "light");
    browser.open(&server.url());
    browser.wait("the page asks", PATIENCE, "return document.activeElement?.name === 'token'");
    crate::people::sign_in(&browser, &viewer);
    let agent = crate::test_agent::Agent::start(&site.dir.path().join("agent"), &server.url(), |config| {
        config.token_file = token.display().to_string();
    });
    agent.status(|status| status.link == lpr::uplink::Link::Socket).await;
    browser.wait("the camera is online", PATIENCE, &count("cameras", "1 / 1"));
    let picture = |name: &str| fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page").join(name)).unwrap();
    agent.submit_pictures("AGENT 7", &picture("frame.jpg"), picture("plate-latin.jpg")).await;
    browser.wait("the agent's read with its crop", SECOND, &row("AGENT 7"));
    agent.stop().await;
    browser.wait("the camera is offline", PATIENCE, &count("cameras", "0 / 1"));
    assert_silent(&browser);
}

/// Goes through the whole list until it has `total` rows; how many different texts it has.
fn texts_of_all_rows(browser: &Browser, total: usize) -> u64 {
    browser.wait(
        "all are in the list",
        PATIENCE,
        &format!(
            "const rows = document.querySelector('.rows');
         rows.scrollTop = rows.scrollHeight;
         return document.querySelector('.row')?.getAttribute('aria-setsize') === '{total}'"
        ),
    );
    browser.run("window.seen = new Set(); document.querySelector('.rows').scrollTop = 0");
    let all = "const rows = document.querySelector('.rows');
        for (const row of rows.querySelectorAll('.row')) seen.add(row.dataset.key + row.querySelector('.plate').textContent);
        const end = rows.scrollTop + rows.clientHeight >= rows.scrollHeight - 1;
        rows.scrollTop += rows.clientHeight / 2;
        return end && seen.size";
    browser.wait("the end of the list", PATIENCE, all).as_u64().unwrap()
}

#[test]
fn the_keyboard_alone_is_enough() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    for (text, crop) in [("OLD1", "plate-latin.jpg"), ("MID2", "plate-latin.jpg"), ("NEW3", "plate-thai.jpg")] {
        post(&server, "/api/detection", &read("lane_1", text, crop, 0.9, "car"));
    }
    let browser = Browser::start(&dir.path().join("profile"));
    browser.screen(1440, 900, false, "dark");
    open(&browser, &server, "live");
    browser.wait("three reads", PATIENCE, "return document.querySelectorAll('.row').length === 3");
    let chosen = |text: &str| {
        format!(
            "return document.querySelector('[aria-selected=true] .plate')?.textContent === '{text}'
            && document.querySelector('.beside .plate').textContent === '{text}'"
        )
    };
    browser.press(DOWN);
    browser.wait("an arrow chooses the newest", SECOND, &chosen("NEW3"));
    browser.press(&[DOWN, DOWN, UP].concat());
    browser.wait("and moves on", SECOND, &chosen("MID2"));
    post(&server, "/api/detection", &read("lane_1", "LATER4", "plate-latin.jpg", 0.9, "car"));
    browser.wait("a new read arrives", SECOND, "return document.querySelectorAll('.row').length === 4");
    browser.wait("the choice stays", SECOND, &chosen("MID2"));
    browser.press(ENTER);
    let large =
        "return document.getElementById('viewer').open && document.querySelector('#viewer img').naturalWidth > 0";
    browser.wait("Enter opens the picture", PATIENCE, large);
    browser.press(ESCAPE);
    browser.wait("Esc closes it", SECOND, "return !document.getElementById('viewer').open");
    browser.press(ESCAPE);
    let following = "return !document.querySelector('[aria-selected=true]') && document.querySelector('.beside .plate').textContent === 'LATER4'";
    browser.wait("Esc again follows the newest", SECOND, following);
    browser.press("?");
    browser.wait("? explains the keys", SECOND, "return document.querySelector('dialog[open] .keys') !== null");
    browser.press(ESCAPE);
    browser.press("/");
    let searching = "return document.getElementById('main').dataset.view === 'search' && document.activeElement?.form?.role === 'search'";
    browser.wait("/ goes to the search", SECOND, searching);
    browser.press(&[ESCAPE, "3"].concat());
    browser.wait(
        "a number goes to a view",
        SECOND,
        "return document.querySelector('[data-view=cameras] .camera') !== null",
    );
    assert_silent(&browser);
}
