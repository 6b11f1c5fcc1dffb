//! An alert is announced whichever way its news and the list of the open ones cross on a slow link.

use super::*;

/// Before any script of the page: `hold('lists')` keeps back the answers with the open alerts, `hold('events')` what the
/// socket says, until `release()`; `held()` says how many of them wait, `asked()` how often the list was asked for.
const SLOW_LINK: &str = "{
    let kept = '', waiting = [], lists = 0;
    window.hold = (what) => { kept = what; };
    window.release = () => { kept = ''; waiting.splice(0).forEach((go) => go()); };
    window.held = () => waiting.length;
    window.asked = () => lists;
    const { fetch } = window;
    window.fetch = async (...request) => {
      const isList = String(request[0]).includes('api/alerts');
      lists += isList;
      const answer = await fetch(...request);
      if (kept === 'lists' && isList) await new Promise((go) => waiting.push(go));
      return answer;
    };
    const { set } = Object.getOwnPropertyDescriptor(WebSocket.prototype, 'onmessage');
    Object.defineProperty(WebSocket.prototype, 'onmessage', { set(hear) {
      set.call(this, (said) => kept === 'events' ? waiting.push(() => hear(said)) : hear(said));
    } });
}";

const COUNTED: &str = "return document.getElementById('alert-count').textContent === '1'";

/// A page over such a link, and a watchlist with ABC1234.
fn guarded(dir: &Path, server: &LprServer) -> Browser {
    let mut http = Http::connect(server);
    let list = http.post("/api/watchlists", &json!({"name": "Stolen", "severity": "critical"}));
    http.post(&format!("/api/watchlists/{}/entries", list["watchlist_id"]), &json!({"plate": "ABC1234"}));
    let browser = Browser::start(&dir.join("profile"));
    browser.screen(1440, 900, false, "light");
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": SLOW_LINK}));
    open(&browser, server, "live");
    browser
}

#[test]
fn a_list_that_was_asked_for_before_an_alert_and_comes_after_it_takes_no_announcement_away() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    let browser = guarded(dir.path(), &server);
    browser.run("hold('lists')");
    go(&browser, "alerts");
    browser.wait("an old list is on its way", PATIENCE, "return held() > 0");
    post(&server, "/api/detection", &read("lane_1", "ABC1234", "plate-latin.jpg", 0.97, "car"));
    browser.wait("the alert is announced", PATIENCE, &says(".announcement", "Stolen"));
    let asked = browser.run("release(); return asked()");
    browser.wait("the list is asked for anew", PATIENCE, &format!("return asked() > {asked}"));
    browser.wait("and has the alert", PATIENCE, &says(".alert", "Stolen"));
    assert_eq!(browser.run(&says(".announcement", "Stolen")), true);
    assert_eq!(browser.run(COUNTED), true);
    assert_silent(&browser);
}

#[test]
fn an_alert_that_the_list_had_before_the_socket_told_of_it_is_announced_and_only_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    let browser = guarded(dir.path(), &server);
    browser.run("hold('events')");
    post(&server, "/api/detection", &read("lane_1", "ABC1234", "plate-latin.jpg", 0.97, "car"));
    browser.wait("its news is on its way", PATIENCE, "return held() > 0");
    go(&browser, "alerts");
    browser.wait("the list has it", PATIENCE, COUNTED);
    browser.run("release()");
    browser.wait("the alert is announced", PATIENCE, &says(".announcement", "Stolen"));
    assert_eq!(browser.run("return document.querySelectorAll('.announcement').length"), 1);
    assert_silent(&browser);
}
