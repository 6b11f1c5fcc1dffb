//! Those who sign in, at the real server with its tokens: what each may do, and what becomes of the page when their right ends.

use super::*;
use crate::site::{NOTICED, Site, Token};

/// A condition: the page asks for a token, ready to type, and shows nothing.
const ASKED: &str = "return document.activeElement?.name === 'token' && !document.getElementById('signin').hidden
    && document.getElementById('main').children.length === 0 && !document.querySelector('dialog[open]')";

/// Opens the page where nobody is signed in.
fn arrive(site: &Site, server: &LprServer) -> Browser {
    let browser = Browser::start(&site.dir.path().join("profile"));
    browser.screen(1280, 800, false, "light");
    browser.open(&server.url());
    browser.wait("the page asks", PATIENCE, ASKED);
    browser
}

/// A condition: what the page asks of itself is answered. A right that ends while a question is on its way ends it with
/// a 401, which the browser writes into the console.
const ANSWERED: &str =
    "return ['records', 'statistics', 'cameras', 'alerts'].every((what) => performance.getEntriesByType('resource')
    .some((entry) => entry.name.includes(`/api/${what}`) && entry.responseStatus === 200))";

/// Types a token and waits until the page is live and has what it wants to know.
pub fn sign_in(browser: &Browser, token: &Token) {
    browser.press(&[&token.text, ENTER].concat());
    browser.wait("the page opens", PATIENCE, "return document.getElementById('signin').hidden");
    wait_live(browser);
    wait_view(browser);
    browser.wait("its questions are answered", PATIENCE, ANSWERED);
}

/// What the console says but for Chromium's own word that a sign-in was refused.
fn assert_silent_but_for_refused_sign_ins(browser: &Browser, many: usize) {
    let (refused, rest): (Vec<_>, Vec<_>) = browser.console().into_iter().partition(|entry| {
        entry["source"] == "network" && entry["message"].as_str().is_some_and(|text| text.contains("/api/signin"))
    });
    assert_eq!((refused.len(), rest), (many, vec![]));
}

#[test]
fn a_viewer_signs_in_sees_everything_and_can_change_no_list() {
    let site = Site::new();
    let (viewer, admin) = (site.viewer(), site.admin());
    let device = site.device("Pi 1", &["north_gate/lane_1"]);
    let server = site.start();
    let mut http = Http::connect_as(&server, &admin.bearer());
    http.post("/api/detection", &read("lane_1", "ABC1234", "plate-latin.jpg", 0.97, "car"));
    let list = http.post("/api/watchlists", &json!({"name": "Stolen", "severity": "critical"}));
    http.post(&format!("/api/watchlists/{}/entries", list["watchlist_id"]), &json!({"plate": "XYZ 99"}));

    let browser = arrive(&site, &server);
    assert_silent(&browser);
    browser.press(&["lpr_wrong_token", ENTER].concat());
    browser.wait("a wrong token is said to be wrong", PATIENCE, &says("#signin .fault", "not known or was revoked"));
    browser.run("document.querySelector('[name=token]').select()");
    browser.press(&[&device.text, ENTER].concat());
    browser.wait("a device's token is not for people", PATIENCE, &says("#signin .fault", "not for people"));
    browser.run("document.querySelector('[name=token]').select()");
    assert_silent_but_for_refused_sign_ins(&browser, 2);
    sign_in(&browser, &viewer);
    browser.wait("the read", PATIENCE, &row("ABC1234"));
    let who = "return document.querySelector('[data-setting=signout]')?.title.includes('Vera (viewer)')";
    browser.wait("who one is", PATIENCE, who);

    go(&browser, "watchlists");
    browser.wait("the list is read", PATIENCE, &says(".entries tbody .plate", "XYZ 99"));
    assert_eq!(browser.run(&says(".view-head", "Only administrators")), true);
    let tools = "return [...document.querySelectorAll('#main button')].map((one) => one.innerText.trim()).filter((text) => !text.startsWith('Stolen'))";
    assert_eq!(browser.run(tools), json!([]), "nothing to change it with");
    assert_eq!(browser.run("return document.querySelectorAll('#main input[type=file]').length"), 0);
    assert_eq!(browser.run("return document.querySelector('[href=\"#/audit\"]')"), Value::Null, "no audit trail");
    browser.run("location.hash = '#/audit'");
    let live = "return document.getElementById('main').dataset.view === 'live'";
    browser.wait("nor by its address", PATIENCE, live);
    assert_silent(&browser);

    // Not by the back door either: the cookie of a viewer changes nothing.
    let refused = browser.run(
        "return fetch('/api/watchlists', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{\"name\":\"x\"}' })
            .then((answer) => answer.status)",
    );
    assert_eq!(refused, 403);
    browser.console();

    click(&browser, "[data-setting=signout]");
    click(&browser, "dialog[open] .primary");
    browser.wait("signed out", PATIENCE, ASKED);
    browser.open(&server.url());
    browser.wait("and so after a reload", PATIENCE, ASKED);
    assert_silent(&browser);
}

#[test]
fn a_revoked_token_takes_the_page_back_to_the_sign_in_within_seconds_and_silently() {
    let site = Site::new();
    let viewer = site.viewer();
    site.admin();
    let server = site.start();
    let browser = arrive(&site, &server);
    sign_in(&browser, &viewer);
    browser.press("?");
    browser.wait("a dialog is open", PATIENCE, "return document.querySelector('dialog[open] .keys') !== null");
    site.revoke(&viewer);
    browser.wait("the page asks again and shows nothing", NOTICED, ASKED);
    browser.press(&[&viewer.text, ENTER].concat());
    browser.wait("the old token is dead", PATIENCE, &says("#signin .fault", "revoked"));
    assert_silent_but_for_refused_sign_ins(&browser, 1);
}

#[test]
fn a_session_outlives_a_restart_of_the_server_and_ends_on_the_page_when_it_expires() {
    let site = Site::new();
    let viewer = site.viewer();
    let server = site.start();
    let address = server.address.clone();
    let browser = arrive(&site, &server);
    sign_in(&browser, &viewer);
    assert!(server.stop("TERM", 10 * SECOND).success());
    browser.wait("the link is lost", PATIENCE, "return !document.getElementById('lost').hidden");
    browser.run("performance.clearResourceTimings()");
    let database = rusqlite::Connection::open(site.data().join("lpr-server.db")).unwrap();
    let expires = ((now() + 25.0) * 1e6) as i64;
    assert_eq!(database.execute("UPDATE sessions SET expires_us = ?1", [expires]).unwrap(), 1);
    drop(database);
    let _server = site.start_with(&address, "");
    wait_live(&browser);
    assert_eq!(browser.run("return document.getElementById('signin').hidden"), true, "still signed in");
    browser.wait("its questions are answered again", PATIENCE, ANSWERED);
    // What Chromium says of a server that was away.
    browser.console();
    browser.wait("the session ends", PATIENCE, ASKED);
    assert!(now() * 1e6 < expires as f64 + 5e6, "within seconds");
    assert_silent(&browser);
}

#[test]
fn who_did_what_is_read_by_administrators() {
    let site = Site::new();
    let admin = site.admin();
    let server = site.start();
    let browser = arrive(&site, &server);
    sign_in(&browser, &admin);
    browser.run("location.hash = '#/search?plate=KO0881&match=exact'");
    browser.wait("a search", PATIENCE, &says(".listing .empty", "No read matches"));
    go(&browser, "audit");
    let line = |action: &str, what: &str| {
        format!(
            "return [...document.querySelectorAll('.trail tbody tr')].some((row) => ['Ada', '{action}', '{what}', '127.0.0.1']
                .every((word) => row.innerText.includes(word)))"
        )
    };
    browser.wait("the sign-in", PATIENCE, &line("signed in", "admin"));
    browser.wait("the search", PATIENCE, &line("searched", "KO0881"));
    assert_eq!(browser.run(&says(".trail", "images")), false, "what the page adds by itself is left out");
    browser.run(
        "const filter = document.querySelector('#main [type=search]'); filter.value = 'ko0881'; filter.dispatchEvent(new Event('input'))",
    );
    browser.wait("filtered", PATIENCE, "return document.querySelectorAll('.trail tbody tr').length === 1");
    assert_silent(&browser);
}
