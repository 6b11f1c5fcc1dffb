//! How the page looks: on a desk and a phone, by day and by night, in both languages, to eyes and to helpers of eyes.

use super::*;
use crate::judge::Judge;
use crate::keyboard::settled;
use crate::site::Site;

/// Each screen: name, size, is it a phone, colours, language. Of these three each value is seen with each of the others.
const SCREENS: [(&str, u32, u32, bool, &str, &str); 4] = [
    ("desktop", 1280, 800, false, "light", "en"),
    ("desktop", 1280, 800, false, "dark", "th"),
    ("phone", 390, 844, true, "light", "th"),
    ("phone", 390, 844, true, "dark", "en"),
];

/// A checkpoint with something to see in every view.
pub fn fill(server: &LprServer) {
    fill_as(server, "");
}

fn fill_as(server: &LprServer, who: &str) {
    let mut http = Http::connect_as(server, who);
    let lists =
        [("รถหาย / Stolen", "critical", "Call 191, do not stop it yourself."), ("Visitors of the week", "info", "")];
    for (name, severity, note) in lists {
        let list = http.post("/api/watchlists", &json!({"name": name, "severity": severity, "note": note}));
        let path = format!("/api/watchlists/{}/entries", list["watchlist_id"]);
        for entry in [
            json!({"plate": "กข 1234", "province": "กรุงเทพมหานคร", "note": "White pickup, dent on the left door", "match": "fuzzy"}),
            json!({"plate": "XYZ 999", "severity": "warning", "valid_to": "2020-01-01"}),
            json!({"plate": "1กท 9999", "province": "เชียงใหม่", "valid_from": "2030-01-01"}),
        ] {
            http.post(&path, &entry);
        }
    }
    let plates = [
        ("lane_1", "ABC1234", "plate-latin.jpg", 0.97, "car"),
        ("lane_2", "กข 1234", "plate-thai.jpg", 0.91, "truck"),
        ("lane_2", "", "plate-thai.jpg", 0.42, "motorcycle"),
        ("lane_1", "1กท 9999", "plate-thai.jpg", 0.88, "car"),
        ("south_exit_camera_with_a_long_name", "ABC1234", "plate-latin.jpg", 0.93, "bus"),
    ];
    for (camera, text, crop, confidence, class) in plates {
        let mut read = read(camera, text, crop, confidence, class);
        read["votes"] =
            json!([[{"text": text, "reads": 7, "support": 6.25}, {"text": "A8C1234", "reads": 2, "support": 1.1}]]);
        read["plate_detections"][0]["doubtful"] = (text == "กข 1234").into();
        http.post("/api/detection", &read);
    }
    let report = |camera: &str, component: &str, status: &str, message: &str, details: Value| {
        json!({"type": "health_check", "camera_id": camera, "checkpoint_id": "north_gate", "timestamp": now(),
            "component": component, "status": status, "message": message, "details": details, "event_id": uuid::Uuid::now_v7()})
    };
    let usage = json!({"cpu_usage": 41.2, "memory_usage": 78, "disk_usage": 62, "temperature": 64.5});
    http.post("/api/health", &report("lane_1", "system", "healthy", "", usage));
    http.post("/api/health", &report("lane_1", "camera", "healthy", "", json!({})));
    for _ in 0..2 {
        let hot = json!({"cpu_usage": 97, "memory_usage": 91, "disk_usage": 96, "temperature": 92});
        http.post("/api/health", &report("lane_2", "system", "warning", "The processor is throttled: 92 °C", hot));
        let frozen = json!({"frame_age_ms": 90_000});
        http.post(
            "/api/health",
            &report("south_exit_camera_with_a_long_name", "camera", "error", "No frame for 90 s", frozen),
        );
    }
    let lost = json!({"epoch": uuid::Uuid::now_v7(), "from_seq": 5, "to_seq": 1239, "count": 1234, "kind": "plate", "reason": "disk"});
    http.post("/api/health", &report("lane_2", "outbox", "warning", "1234 events were evicted", lost));
    let open = http.get("/api/alerts");
    let frozen = open["alerts"].as_array().unwrap().iter().find(|alert| alert["problem"] == "frozen").unwrap();
    http.post(
        &format!("/api/alerts/{}/ack", frozen["alert_id"].as_str().unwrap()),
        &json!({"note": "Technician is on the way"}),
    );
}

fn crops_loaded(n: usize) -> String {
    format!(
        "const crops = [...document.querySelectorAll('.rows .crop img')];
         return crops.length === {n} && crops.every((crop) => crop.complete && crop.naturalWidth > 0)"
    )
}

/// Opens something over `view`, judges it, closes it.
fn over(browser: &Browser, judge: &Judge, view: &str, opener: &str, name: &str) {
    go_anyhow(browser, view);
    settled(browser, view);
    click(browser, opener);
    browser.wait(
        name,
        PATIENCE,
        "const one = document.querySelector('dialog[open]'); return one && !one.innerText.includes('…')",
    );
    browser.wait(
        name,
        PATIENCE,
        "return [...document.querySelectorAll('dialog[open] img')].every((image) => image.naturalWidth > 0)",
    );
    judge.check(browser, name);
    browser.run("document.querySelectorAll('dialog[open]').forEach((one) => one.close())");
}

/// To a view whose link a phone has elsewhere.
fn go_anyhow(browser: &Browser, view: &str) {
    browser.run(&format!("location.hash = '#/{view}'"));
    browser.wait(view, PATIENCE, &format!("return document.getElementById('main').dataset.view === '{view}'"));
}

#[test]
fn every_view_fits_and_is_accessible_on_desk_and_phone_by_day_and_night_in_both_languages() {
    let site = Site::new();
    let admin = site.admin();
    let server = site.start();
    fill_as(&server, &admin.bearer());
    let judge = Judge::new();
    let browser = Browser::start(&site.dir.path().join("profile"));
    browser.screen(1280, 800, false, "light");
    browser.open(&server.url());
    browser.wait("the page asks", PATIENCE, "return document.activeElement?.name === 'token'");
    crate::people::sign_in(&browser, &admin);
    for (name, width, height, phone, scheme, language) in SCREENS {
        browser.screen(width, height, phone, scheme);
        browser.run(&format!("localStorage.setItem('lpr.language', '{language}')"));
        open(&browser, &server, "live");
        assert_eq!(browser.run("return document.documentElement.lang"), language);
        let screen = format!("{name}-{scheme}-{language}");
        for view in ["live", "search", "cameras", "alerts", "watchlists", "figures", "audit"] {
            go_anyhow(&browser, view);
            settled(&browser, view);
            if ["live", "search"].contains(&view) {
                browser.wait("all crops", PATIENCE, &crops_loaded(5));
            }
            judge.check(&browser, &format!("{screen}-{view}"));
        }
        over(&browser, &judge, "live", "[data-setting=signout]", &format!("{screen}-signout"));
        over(&browser, &judge, "cameras", ".camera:nth-child(2) .links button", &format!("{screen}-history"));
        over(&browser, &judge, "alerts", ".alert .buttons .primary", &format!("{screen}-acknowledge"));
        over(&browser, &judge, "alerts", ".alert .buttons button:not(.primary)", &format!("{screen}-detail"));
        over(&browser, &judge, "watchlists", "[data-key=new-entry]", &format!("{screen}-entry"));
        over(&browser, &judge, "watchlists", "[data-key=drop-list]", &format!("{screen}-remove"));
        go_anyhow(&browser, "alerts");
        click(&browser, ".segments button:last-child");
        browser.wait("past ones", PATIENCE, "return document.querySelector('.alert .acked') !== null");
        judge.check(&browser, &format!("{screen}-past"));
    }
    assert_silent(&browser);
}

#[test]
fn the_sign_in_an_announcement_and_an_empty_server_fit_and_are_accessible_too() {
    let site = Site::new();
    let admin = site.admin();
    let server = site.start();
    let mut http = Http::connect_as(&server, &admin.bearer());
    let judge = Judge::new();
    for (index, (name, width, height, phone, scheme, language)) in SCREENS.into_iter().enumerate() {
        let screen = format!("{name}-{scheme}-{language}");
        let browser = Browser::start(&site.dir.path().join(format!("profile-{index}")));
        browser.screen(width, height, phone, scheme);
        browser.open(&server.url());
        browser.run(&format!("localStorage.setItem('lpr.language', '{language}')"));
        browser.open(&server.url());
        browser.wait("the page asks", PATIENCE, "return document.activeElement?.name === 'token'");
        browser.press(&["guess", ENTER].concat());
        browser.wait("refused", PATIENCE, "return document.querySelector('#signin .fault')?.innerText !== ''");
        judge.check(&browser, &format!("{screen}-signin"));
        browser.run("document.querySelector('[name=token]').select()");
        crate::people::sign_in(&browser, &admin);
        if index == 0 {
            for view in ["live", "search", "cameras", "alerts", "watchlists", "figures"] {
                go_anyhow(&browser, view);
                browser.wait(
                    "it says so",
                    PATIENCE,
                    "return document.querySelector('#main .empty, #main .chart') !== null",
                );
                judge.check(&browser, &format!("{screen}-empty-{view}"));
            }
            let list = http.post("/api/watchlists", &json!({"name": "รถหาย / Stolen", "severity": "critical"}));
            http.post(&format!("/api/watchlists/{}/entries", list["watchlist_id"]), &json!({"plate": "กข 1234"}));
            go_anyhow(&browser, "live");
        }
        http.post("/api/detection", &read("lane_2", "กข 1234", "plate-thai.jpg", 0.91, "truck"));
        browser.wait("announced", PATIENCE, "return document.querySelector('.announcement') !== null");
        browser.wait("its crop", PATIENCE, &row("กข 1234"));
        judge.check(&browser, &format!("{screen}-announced"));
    }
}

/// What of the bars lies on something else or is cut off.
const CROWDED: &str = "const all = [...document.querySelectorAll('#nav a, #link, #menu > *, #shell h1')]
        .filter((one) => one.checkVisibility() && one.getBoundingClientRect().width > 1 && getComputedStyle(one).clipPath === 'none');
    const name = (one) => one.innerText.trim() || one.getAttribute('aria-label') || one.tagName;
    const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
    const boxes = all.map((one) => one.getBoundingClientRect());
    return all.flatMap((one, index) => [
        ...(boxes[index].left < -1 || boxes[index].right > innerWidth + 1 || one.scrollWidth > one.clientWidth + 1 ? [`${name(one)} is cut off`] : []),
        ...all.slice(0, index).filter((_, other) => meet(boxes[index], boxes[other])).map((other) => `${name(one)} lies on ${name(other)}`),
    ])";

#[test]
fn the_bars_have_room_for_everything_on_every_screen() {
    let site = Site::new();
    let admin = site.admin();
    let server = site.start();
    fill_as(&server, &admin.bearer());
    let browser = Browser::start(&site.dir.path().join("profile"));
    browser.screen(1280, 800, false, "light");
    browser.open(&server.url());
    browser.wait("the page asks", PATIENCE, "return document.activeElement?.name === 'token'");
    crate::people::sign_in(&browser, &admin);
    for language in ["en", "th"] {
        browser.run(&format!("localStorage.setItem('lpr.language', '{language}')"));
        open(&browser, &server, "live");
        browser.wait(
            "the count of alerts",
            PATIENCE,
            "return document.getElementById('alert-count')?.textContent === '4'",
        );
        for touch in [false, true] {
            browser.devtools("Emulation.setTouchEmulationEnabled", json!({"enabled": touch}));
            for width in
                [320, 360, 390, 600, 768, 900, 959, 960, 1024, 1087, 1088, 1100, 1279, 1280, 1300, 1407, 1408, 1600]
            {
                browser.screen(width, 800, touch, "light");
                assert_eq!(browser.run(CROWDED), json!([]), "{language}, {width} px, touch: {touch}");
            }
        }
    }
}

#[test]
fn language_and_colours_are_chosen_by_a_person_and_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    fill(&server);
    let browser = Browser::start(&dir.path().join("profile"));
    browser.screen(1280, 800, false, "light");
    open(&browser, &server, "live");
    let looks =
        "return [document.documentElement.lang, document.querySelector('#nav a').innerText.trim(), document.title.replace(/^\\(.*\\) /, ''),
        getComputedStyle(document.body).backgroundColor]";
    let light = browser.run(looks);
    assert_eq!(light[0], "en");
    assert_eq!(light[1], "Live");
    browser.run("document.querySelector('[data-setting=language]').click()");
    browser.run("document.querySelector('[data-setting=theme]').click()");
    browser.run("document.querySelector('[data-setting=theme]').click()");
    let dark = browser.run(looks);
    assert_eq!(dark[0], "th");
    assert_eq!(dark[1], "สด");
    assert_ne!(dark[2], light[2], "the title is translated");
    assert_ne!(dark[3], light[3], "the colours are dark");
    open(&browser, &server, "live");
    assert_eq!(browser.run(looks), dark, "remembered");
    browser.wait("the counts are there", PATIENCE, &count("total", "5"));
    let english = "return /[A-Za-z]{4,}/.exec([...document.querySelectorAll('header, .strip dt, h2, h3, .pane-title, .facts dt, th[scope=col]')]
        .map((one) => one.innerText).join(' ').replace('English', ''))?.[0] ?? null";
    assert_eq!(browser.run(english), Value::Null, "no English word is left");
}
