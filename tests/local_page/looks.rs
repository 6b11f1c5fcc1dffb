//! How the page looks: on a small phone and a desk, by day and by night, in both languages, to eyes and to helpers of eyes.

use super::*;
use crate::judge::Judge;

/// Each screen: device, size, is it a phone, colours, language. Of these three each value is seen with each of the others. The
/// last is Thai, which the test looks at once more.
const SCREENS: [(&str, u32, u32, bool, &str, &str); 4] = [
    ("phone", 360, 740, true, "light", "en"),
    ("desk", 1280, 800, false, "dark", "en"),
    ("phone", 360, 740, true, "dark", "th"),
    ("desk", 1280, 800, false, "light", "th"),
];

/// Each view with the condition under which there is something to see.
const VIEWS: [(&str, &str); 5] = [
    (
        "aim",
        "return document.querySelector('.stage img')?.naturalWidth > 0 && document.querySelector('.figures')?.dataset.level !== 'none'",
    ),
    (
        "reads",
        "const crops = [...document.querySelectorAll('.read-card .crop img')]; return crops.length > 0 && crops.every((crop) => crop.naturalWidth > 0)",
    ),
    ("unread", "return Number(document.querySelector('[data-reason=sent] .count')?.textContent) > 0"),
    ("zones", "return document.querySelector('.stage img')?.naturalWidth > 0 && !!document.querySelector('.pick')"),
    ("health", "return !!document.querySelector('[data-component]')"),
];

#[test]
fn every_view_fits_a_small_phone_and_is_accessible_by_day_and_night_in_both_languages() {
    let zone = "min_plate_height = 18.0\n[[camera.zone]]\nkind = \"include\"\npoints = [[0.1, 0.2], [0.9, 0.2], [0.9, 0.95], [0.1, 0.95]]\n\
                [[camera.line]]\nname = \"gate\"\nfrom = [0.1, 0.6]\nto = [0.9, 0.6]\n";
    let site = Site::start(|text| text.replace("min_plate_height = 0.0\n", zone));
    wait_for("two reads", PATIENCE, || (site.state()["reads"].as_array()?.len() > 1).then_some(()));
    let judge = Judge::new();
    let browser = Browser::start(&site.dir.path().join("profile"));
    for (device, width, height, phone, colours, language) in SCREENS {
        browser.screen(width, height, phone, colours);
        browser.open(&site.url());
        browser.run(&format!("localStorage.setItem('lpr.language', '{language}')"));
        for (view, ready) in VIEWS {
            site.open(&browser, view);
            browser.wait(view, PATIENCE, ready);
            if view == "zones" {
                click(&browser, ".pick");
                browser.wait("corners", PATIENCE, "return document.querySelectorAll('.handle').length > 0");
            }
            judge.check(&browser, &format!("local-{view}-{device}-{colours}-{language}"));
        }
    }
    let english = "return /[A-Za-z]{5,}/.exec([...document.querySelectorAll('header, h2, .pairs:not(.mono) dt, summary')].map((one) => one.innerText).join(' ').replace('English', ''))?.[0] ?? null";
    assert_eq!(browser.run(english), Value::Null, "no English word is left");
    assert_eq!(browser.console(), Vec::<Value>::new(), "the console is silent");
}
