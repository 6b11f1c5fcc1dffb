//! How the page looks: on a desk and a phone, by day and by night, in both languages, to eyes and to helpers of eyes.

use super::*;

/// The rules of WCAG 2.2 A and AA and axe's good practice.
const AXE: &str = "return axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
    .then(({ violations }) => violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.target.join(' ')).slice(0, 4).join(' | ')}`))";

/// What axe finds fault with.
fn faults(browser: &Browser, axe: &str) -> Value {
    browser.run(&format!("{axe};"));
    browser.run(AXE)
}

fn fill(server: &LprServer) {
    let plates = [
        ("lane_1", "ABC1234", "plate-latin.jpg", 0.97, "car"),
        ("lane_2", "กข 1234", "plate-thai.jpg", 0.91, "truck"),
        ("lane_2", "", "plate-thai.jpg", 0.42, "motorcycle"),
        ("lane_1", "1กท 9999", "plate-thai.jpg", 0.88, "car"),
        ("south_exit_camera_with_a_long_name", "ABC1234", "plate-latin.jpg", 0.93, "bus"),
    ];
    for (camera, text, crop, confidence, class) in plates {
        post(server, "/api/detection", &read(camera, text, crop, confidence, class));
    }
    post(server, "/api/health", &health("lane_1", "healthy"));
    post(server, "/api/health", &health("lane_2", "warning"));
    post(server, "/api/health", &health("south_exit_camera_with_a_long_name", "error"));
}

fn crops_loaded(n: usize) -> String {
    format!(
        "const crops = [...document.querySelectorAll('.rows .crop img')];
         return crops.length === {n} && crops.every((crop) => crop.complete && crop.naturalWidth > 0)"
    )
}

#[test]
fn every_view_fits_and_is_accessible_on_desk_and_phone_by_day_and_night_in_both_languages() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    fill(&server);
    let shots = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/page");
    fs::create_dir_all(&shots).unwrap();
    let axe = fs::read_to_string(tool("node/node_modules/axe-core/axe.min.js")).unwrap();
    let browser = Browser::start(&dir.path().join("profile"));
    let screens = [
        ("desktop", 1440, 900, false, "light", "en"),
        ("desktop", 1440, 900, false, "dark", "th"),
        ("phone", 390, 844, true, "light", "th"),
        ("phone", 390, 844, true, "dark", "en"),
    ];
    for (name, width, height, phone, scheme, language) in screens {
        browser.screen(width, height, phone, scheme);
        open(&browser, &server, "live");
        browser.run(&format!("localStorage.setItem('lpr.language', '{language}')"));
        open(&browser, &server, "live");
        let views = browser.run("return [...document.querySelectorAll('#nav a')].map((link) => link.dataset.view)");
        for view in views.as_array().unwrap().iter().filter_map(Value::as_str) {
            browser.run(&format!("document.querySelector('#nav [data-view={view}]').click()"));
            let there = format!(
                "return document.getElementById('main').dataset.view === '{view}'
                && document.documentElement.lang === '{language}'"
            );
            browser.wait(view, PATIENCE, &there);
            if ["live", "search"].contains(&view) {
                browser.wait("all crops", PATIENCE, &crops_loaded(5));
            }
            check(&browser, &axe, &format!("{name}-{scheme}-{language}-{view}"), &shots);
        }
        let sideways = "document.querySelector('#nav [data-view=live]').click()";
        browser.run(sideways);
        browser.wait("rows", PATIENCE, &crops_loaded(5));
        browser.run("document.querySelector('.row').click()");
        if phone {
            let picture = "return document.querySelector('dialog[open] .scene img')?.naturalWidth > 0";
            browser.wait("a tap opens the read", PATIENCE, picture);
        }
        check(&browser, &axe, &format!("{name}-{scheme}-{language}-detail"), &shots);
    }
    assert_eq!(console(&browser, &server), Vec::<Value>::new(), "the console is silent");
}

fn check(browser: &Browser, axe: &str, name: &str, shots: &Path) {
    let overflow = browser.run("return document.documentElement.scrollWidth - innerWidth");
    assert!(overflow.as_i64().unwrap() <= 0, "{name}: the page is {overflow} px too wide");
    browser.screenshot(&shots.join(format!("{name}.png")));
    assert_eq!(faults(browser, axe), json!([]), "{name}");
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
        "return [document.documentElement.lang, document.querySelector('#nav a').innerText.trim(), document.title,
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
