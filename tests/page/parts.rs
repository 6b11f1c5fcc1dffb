//! What the page shows of the parts of the API that a server may or may not have: search, watchlists, alerts, hours.
//! A part that is not there is not shown, and that is tested too.

use super::*;

fn desk(dir: &Path, server: &LprServer, place: &str) -> Browser {
    let browser = Browser::start(&dir.join("profile"));
    browser.screen(1440, 900, false, "light");
    open(&browser, server, place);
    browser
}

#[test]
fn a_part_that_the_server_lacks_is_not_shown_and_one_that_it_has_is() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    post(&server, "/api/detection", &read("lane_1", "ABC1234", "plate-latin.jpg", 0.97, "car"));
    let browser = desk(dir.path(), &server, "figures");
    for (part, selector) in [
        ("alerts", "#nav [data-view=alerts]"),
        ("watchlists", "#nav [data-view=watchlists]"),
        ("hours", "#main .drawing"),
    ] {
        let there = browser.run(&format!("return document.querySelector('{selector}') !== null"));
        assert_eq!(there, has(&server, part), "{part}");
    }
    browser.run("document.querySelector('#nav [data-view=search]').click()");
    browser.wait("the search", PATIENCE, "return document.querySelector('form[role=search]') !== null");
    let plate = browser.run("return document.querySelector('[name=plate]') !== null");
    assert_eq!(plate, can_search(&server), "a plate can be asked for where the server understands it");
    browser.wait("the newest are listed", PATIENCE, &row("ABC1234"));
    if has(&server, "hours") {
        browser.run("document.querySelector('#nav [data-view=figures]').click()");
        let bar = "return [...document.querySelectorAll('.chart .bar')].some((bar) => Number(bar.getAttribute('height')) > 1)";
        browser.wait("this hour's bar", PATIENCE, bar);
    }
    assert_eq!(console(&browser, &server), Vec::<Value>::new(), "the console is silent");
}

#[test]
fn a_plate_is_found_by_its_beginning_and_by_what_it_resembles() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    if !can_search(&server) {
        eprintln!("this server cannot search: only the list of the newest is tested");
        return;
    }
    for (text, crop) in [("KO0 881", "plate-latin.jpg"), ("KOO 881", "plate-latin.jpg"), ("กข 1234", "plate-thai.jpg")]
    {
        post(&server, "/api/detection", &read("lane_1", text, crop, 0.97, "car"));
    }
    let browser = desk(dir.path(), &server, "live");
    let found = |n: usize| {
        format!(
            "return document.querySelectorAll('.row').length === {n} || {n} === 0 && document.querySelector('.listing .empty b') !== null"
        )
    };
    for (query, n) in [
        ("plate=ko", 2),
        ("plate=KO0881&match=exact", 1),
        ("plate=K00881&match=fuzzy", 2),
        ("plate=กข1234&match=exact", 1),
        ("plate=ZZZ", 0),
        ("from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z", 0),
    ] {
        open(&browser, &server, &format!("search?{query}"));
        browser.wait(query, PATIENCE, "return document.querySelector('.found')?.textContent !== '' || document.querySelector('.listing .empty b') !== null");
        browser.wait(query, PATIENCE, &found(n));
    }
    open(&browser, &server, "search?plate=K00881&match=fuzzy");
    browser.wait("the reads", PATIENCE, &found(2));
    browser.run("document.querySelector('.row').click()");
    browser.wait(
        "why it was found",
        PATIENCE,
        "return document.querySelector('.beside .reason')?.innerText.includes('K')",
    );
    let export = browser.run("return [...document.querySelectorAll('.listing a[download]')].map((link) => link.href)");
    for link in export.as_array().unwrap() {
        let path = link.as_str().unwrap().split_once(&server.address).unwrap().1;
        assert!(path.contains("plate=K00881"), "{path}");
        assert_eq!(Http::connect(&server).status(path), 200, "{path}");
    }
    assert_eq!(console(&browser, &server), Vec::<Value>::new(), "the console is silent");
}

#[test]
fn a_plate_put_on_a_watchlist_raises_an_alert_that_a_person_acknowledges() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    if !has(&server, "watchlists") || !has(&server, "alerts") {
        eprintln!("this server has no watchlists: their views are not tested");
        return;
    }
    let browser = desk(dir.path(), &server, "watchlists");
    let click = |what: &str, selector: &str| {
        browser.wait(
            what,
            PATIENCE,
            &format!("const found = document.querySelector('{selector}'); found?.click(); return !!found"),
        );
    };
    let save = |values: &[(&str, &str)]| {
        for (name, value) in values {
            let field = format!("document.querySelector('dialog[open] [name={name}]')");
            browser.wait(
                name,
                PATIENCE,
                &format!("const field = {field}; if (field) field.value = '{value}'; return !!field"),
            );
        }
        browser.run("document.querySelector('dialog[open] [type=submit]').click()");
        browser.wait("it is saved", PATIENCE, "return !document.querySelector('dialog[open]')");
    };
    click("a new list", ".view-head .primary");
    save(&[("name", "Stolen <b>cars</b>"), ("severity", "critical"), ("note", "by hand")]);
    browser.wait(
        "the list",
        PATIENCE,
        "return document.querySelector('.side b')?.textContent === 'Stolen <b>cars</b>'",
    );
    click("a new plate", ".entries .block-tools .primary");
    save(&[("plate", "กข 1234"), ("note", "white pickup")]);
    browser.wait(
        "the plate",
        PATIENCE,
        "return document.querySelector('.entries tbody .plate')?.textContent === 'กข 1234'",
    );
    browser.run("document.querySelector('#nav [data-view=live]').click()");
    browser.wait("the live view", PATIENCE, "return document.querySelector('.listing') !== null");
    post(&server, "/api/detection", &read("lane_1", "กข1234", "plate-thai.jpg", 0.97, "car"));
    let announced = "return document.querySelector('.announcement[data-severity=critical]')?.innerText.includes('Stolen <b>cars</b>')
        && document.getElementById('alert-count').textContent === '1'";
    browser.wait("the alert is announced within a second", SECOND, announced);
    click("acknowledge", ".announcement .primary");
    browser.wait(
        "a note",
        PATIENCE,
        "const note = document.querySelector('dialog[open] textarea'); if (note) note.value = 'stopped'; return !!note",
    );
    browser.run("document.querySelector('dialog[open] [type=submit]').click()");
    let done = "return !document.querySelector('.announcement') && document.getElementById('alert-count').hidden";
    browser.wait("it is over", PATIENCE, done);
    browser.run("document.querySelector('#nav [data-view=alerts]').click()");
    click("all alerts", ".segments button:last-child");
    let remembered = "return document.querySelector('.alert .acked')?.innerText.includes('stopped')";
    browser.wait("and remembered", PATIENCE, remembered);
    assert_eq!(console(&browser, &server), Vec::<Value>::new(), "the console is silent");
}
