//! Watchlists and alerts, by an administrator and by the keyboard's `a`: made on the page, matched, announced, acknowledged,
//! remembered; as files in and out.

use super::*;
use crate::people::sign_in;
use crate::site::Site;

fn arrive(site: &Site, server: &LprServer, token: &site::Token) -> Browser {
    let browser = Browser::start(&site.dir.path().join("profile"));
    browser.screen(1440, 900, false, "light");
    browser.open(&server.url());
    browser.wait("the page asks", PATIENCE, "return document.activeElement?.name === 'token'");
    sign_in(&browser, token);
    browser
}

#[test]
fn a_list_made_on_the_page_alerts_within_a_second_and_who_acknowledged_is_remembered() {
    let site = Site::new();
    let (admin, viewer) = (site.admin(), site.viewer());
    let camera = site.device("Pi 1", &["north_gate/lane_1"]);
    let server = site.start();
    let browser = arrive(&site, &server, &admin);
    go(&browser, "watchlists");
    click(&browser, ".view-head .primary");
    submit(&browser, &[("name", "Stolen <b>cars</b>"), ("severity", "critical"), ("note", "by hand")]);
    browser.wait("the list", PATIENCE, &says(".side b", "Stolen <b>cars</b>"));
    click(&browser, "[data-key=new-entry]");
    submit(&browser, &[("plate", "กข 1234"), ("note", "white pickup")]);
    browser.wait("the plate", PATIENCE, &says(".entries tbody .plate", "กข 1234"));

    go(&browser, "live");
    let mut agent = Http::connect_as(&server, &camera.bearer());
    agent.post("/api/detection", &read("lane_1", "กข1234", "plate-thai.jpg", 0.97, "car"));
    let announced = "return document.querySelector('.announcement[data-severity=critical]')?.innerText.includes('Stolen <b>cars</b>')
        && document.getElementById('alert-count').textContent === '1'";
    browser.wait("the alert is announced within a second", SECOND, announced);
    browser.wait("and on its read", SECOND, &says(".row .badge", "Stolen <b>cars</b>"));
    click(&browser, ".announcement .buttons button:first-child");
    browser.wait("it is shown with its note", PATIENCE, &says("dialog[open] .reason", "white pickup"));
    browser.press(ESCAPE);
    click(&browser, ".announcement .primary");
    browser.wait("a note is asked for", PATIENCE, "return document.activeElement?.tagName === 'TEXTAREA'");
    browser.press("stopped at gate 2");
    browser.run("document.querySelector('dialog[open] [type=submit]').click()");
    let done = "return !document.querySelector('.announcement') && document.getElementById('alert-count').hidden";
    browser.wait("it is over", PATIENCE, done);

    browser.open("about:blank");
    browser.open(&format!("{}/#/alerts", server.url()));
    wait_live(&browser);
    browser.wait("none is open after a reload", PATIENCE, &says(".empty b", "No open alert"));
    click(&browser, ".segments button:last-child");
    browser.wait("and it is known who acknowledged", PATIENCE, &says(".alert .acked", "Acknowledged by Ada"));
    assert_eq!(browser.run(&says(".alert .acked", "stopped at gate 2")), true);
    browser.wait("with its crop", PATIENCE, "return document.querySelector('.alert .crop img')?.naturalWidth > 0");

    // Another person acknowledges: the announcement goes here too.
    agent.post("/api/detection", &read("lane_1", "กข1234", "plate-thai.jpg", 0.97, "car"));
    browser.wait("a second alert", SECOND, announced);
    let mut other = Http::connect_as(&server, &viewer.bearer());
    let open = other.get("/api/alerts");
    other.post(&format!("/api/alerts/{}/ack", open["alerts"][0]["alert_id"].as_str().unwrap()), &json!({}));
    browser.wait("it is gone from the bar", SECOND, done);
    browser.wait("and says by whom", PATIENCE, &says(".alert .acked", "Acknowledged by Vera"));
    assert_silent(&browser);
}

#[test]
fn a_list_is_changed_filled_from_a_file_saved_as_one_and_removed() {
    let site = Site::new();
    let admin = site.admin();
    let server = site.start();
    let browser = arrive(&site, &server, &admin);
    let downloads = site.dir.path().join("downloads");
    browser.download_to(&downloads);
    go(&browser, "watchlists");
    click(&browser, ".view-head .primary");
    submit(&browser, &[("name", "Visitors"), ("severity", "info")]);
    let file = |name: &str, text: &str| {
        let path = site.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let import = |path: &Path, how: &str| {
        browser.wait("the tools", PATIENCE, "return document.querySelector('input[type=file]') !== null");
        browser.choose_file("input[type=file]", path);
        click(&browser, &format!("dialog[open] .{how}"));
    };
    let close = || {
        browser.press(ESCAPE);
        browser.wait("closed", PATIENCE, "return !document.querySelector('dialog[open]')");
    };
    let plates = "return [...document.querySelectorAll('.entries tbody .plate')].map((one) => one.textContent)";
    let have = |wanted: Value| {
        browser.wait(
            &format!("{wanted}"),
            PATIENCE,
            &format!("return JSON.stringify((() => {{ {plates} }})()) === JSON.stringify({wanted})"),
        );
    };

    import(&file("good.csv", "plate;province;note\r\nกข 1234;กรุงเทพมหานคร;staff\r\nABC 12;;=1+1\r\n"), "primary");
    browser.wait("said", PATIENCE, &says("dialog[open]", "2 plates imported"));
    close();
    have(json!(["กข 1234", "ABC 12"]));
    browser.wait("counted", PATIENCE, &says(".side .soft", "2 plates"));

    import(&file("bad.csv", "plate,valid_from\nDEF 34,tomorrow\n--,\n"), "primary");
    browser.wait("the lines are named", PATIENCE, &says("dialog[open] .bad-lines", "Line 2: valid_from"));
    assert_eq!(browser.run(&says("dialog[open] .bad-lines", "Line 3: plate")), true);
    close();
    have(json!(["กข 1234", "ABC 12"]));
    // Chromium's word for the 400.
    browser.console();

    click(&browser, ".entries a[download]");
    let saved = wait_file(&downloads, ".csv");
    assert!(saved.contains("กข 1234,กรุงเทพมหานคร,staff") && saved.contains("'=1+1"), "{saved}");

    import(&file("new.csv", "plate\nNEW 1\n"), "danger");
    browser.wait("said", PATIENCE, &says("dialog[open]", "1 plate imported"));
    close();
    have(json!(["NEW 1"]));

    click(&browser, ".entries .actions button:first-child");
    submit(
        &browser,
        &[("plate", "NEW 2"), ("match", "fuzzy"), ("severity", "critical"), ("valid_to", "2020-01-01T00:00")],
    );
    have(json!(["NEW 2"]));
    assert_eq!(browser.run(&says(".entries tbody tr[data-state=over]", "expired")), true);
    // A plate that is there already is refused beside its field.
    click(&browser, "[data-key=new-entry]");
    browser.wait("the form", PATIENCE, "return document.querySelector('dialog[open] [name=plate]') !== null");
    browser.run("document.querySelector('dialog[open] [name=plate]').value = 'new-2'; document.querySelector('dialog[open] [type=submit]').click()");
    browser.wait("refused", PATIENCE, &says("dialog[open] .fault", "on this list already"));
    let marked = "return document.activeElement?.name === 'plate' && document.activeElement.getAttribute('aria-invalid') === 'true'";
    assert_eq!(browser.run(marked), true);
    close();
    browser.console();

    click(&browser, ".entries .actions .quiet:last-child");
    click(&browser, "dialog[open] .danger");
    browser.wait("no plate is left", PATIENCE, &says(".entries .empty", "No plate on this list"));
    click(&browser, "[data-key=edit-list]");
    submit(&browser, &[("name", "Guests"), ("severity", "warning")]);
    browser.wait("renamed", PATIENCE, &says(".side b", "Guests"));
    click(&browser, "[data-key=drop-list]");
    click(&browser, "dialog[open] .danger");
    browser.wait("removed", PATIENCE, &says(".entries .empty", "No watchlist yet"));
    assert_silent(&browser);
}

/// The content of the file that ends in `end`, once the browser has written it.
pub fn wait_file(folder: &Path, end: &str) -> String {
    for _ in 0..1000 {
        let files = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
        let found = files.into_iter().find(|path| path.to_string_lossy().ends_with(end));
        // An empty file of that name keeps its place until the whole one is moved there.
        if let Some(text) = found.map(|file| fs::read_to_string(file).unwrap()).filter(|text| !text.is_empty()) {
            return text;
        }
        std::thread::sleep(SECOND / 50);
    }
    panic!("no file {end} in {}, or an empty one", folder.display());
}
