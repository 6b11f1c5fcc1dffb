//! The keyboard alone: everything can be reached and is seen to be reached; a dialog keeps the focus and gives it back.

use super::*;
use crate::looks::fill;

/// What can be used on the page now, each marked with a number.
const MARK: &str = "const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex=\"0\"]')]
    .filter((one) => !one.disabled && one.tabIndex >= 0 && one.checkVisibility({ visibilityProperty: true }) && !one.closest('[inert]'));
    all.forEach((one, index) => (one.dataset.stop = index));
    document.activeElement?.blur();
    return all.map((one) => `${one.tagName} ${one.className} ${(one.innerText || one.getAttribute('aria-label') || one.name || '').slice(0, 30)}`)";

/// Which of them has the focus, and whether that can be seen.
const FOCUS: &str = "const one = document.activeElement;
    if (!one || one === document.body) return null;
    const style = getComputedStyle(one);
    const box = one.getBoundingClientRect();
    const inside = box.right > 0 && box.left < innerWidth && box.bottom > 0 && box.top < innerHeight;
    return { stop: one.dataset.stop === undefined ? null : Number(one.dataset.stop), seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && inside }";

/// Walks through the page with Tab.
fn walk(browser: &Browser, what: &str) {
    let stops = browser.run(MARK);
    let stops: Vec<&str> = stops.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let mut missing: std::collections::BTreeSet<usize> = (0..stops.len()).collect();
    for _ in 0..stops.len() + 3 {
        browser.press(TAB);
        let focus = browser.run(FOCUS);
        let Some(stop) = focus["stop"].as_u64().and_then(|stop| usize::try_from(stop).ok()) else { continue };
        assert_eq!(focus["seen"], true, "{what}: one does not see that {} has the focus", stops[stop]);
        missing.remove(&stop);
    }
    // Parts of a field for dates are stops of their own.
    for _ in 0..40 {
        if missing.is_empty() {
            break;
        }
        browser.press(TAB);
        if let Some(stop) = browser.run(FOCUS)["stop"].as_u64() {
            missing.remove(&usize::try_from(stop).unwrap());
        }
    }
    let missing: Vec<_> = missing.into_iter().map(|stop| stops[stop]).collect();
    assert!(missing.is_empty(), "{what}: Tab does not reach {missing:?} of {stops:?}");
}

#[test]
fn every_control_of_every_view_is_reached_by_tab_and_seen_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    fill(&server);
    let browser = desk(dir.path(), &server, "live");
    for view in ["live", "search", "cameras", "alerts", "watchlists", "figures", "audit"] {
        go(&browser, view);
        settled(&browser, view);
        walk(&browser, view);
    }
    assert_silent(&browser);
}

/// Waits until a view shows what it has.
pub fn settled(browser: &Browser, view: &str) {
    let there = match view {
        "live" | "search" => ".row .crop img",
        "cameras" => ".camera",
        "alerts" => ".alert",
        "watchlists" => ".entries tbody tr",
        "figures" => ".chart",
        _ => "table.trail, .empty",
    };
    browser.wait(view, PATIENCE, &format!("return document.querySelector('#main :is({there})') !== null"));
}

#[test]
fn a_dialog_keeps_the_focus_inside_and_gives_it_back_to_what_opened_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    fill(&server);
    let browser = desk(dir.path(), &server, "live");
    let openers = [
        ("live", "[data-setting=help]"),
        ("live", ".beside .scene"),
        ("cameras", ".camera .links button"),
        ("alerts", ".alert .buttons button:first-child"),
        ("alerts", ".alert .buttons .primary"),
        ("watchlists", ".view-head .primary"),
        ("watchlists", "[data-key=edit-list]"),
        ("watchlists", "[data-key=drop-list]"),
        ("watchlists", "[data-key=new-entry]"),
        ("watchlists", ".entries .actions button:first-child"),
    ];
    for (view, opener) in openers {
        go(&browser, view);
        settled(&browser, view);
        browser.wait(
            opener,
            PATIENCE,
            &format!("const one = document.querySelector('{opener}'); one?.focus(); return !!one"),
        );
        browser.press(ENTER);
        browser.wait(&format!("{opener} opens"), PATIENCE, "return document.querySelector('dialog[open]') !== null");
        let inside = "return document.querySelector('dialog[open]').contains(document.activeElement) || document.activeElement === document.body";
        for _ in 0..15 {
            assert_eq!(browser.run(inside), true, "{opener}: the focus is inside");
            browser.press(TAB);
        }
        browser.press(ESCAPE);
        // In a field Esc first leaves the field.
        if browser.run("return document.querySelector('dialog[open]') !== null") == true {
            browser.press(ESCAPE);
        }
        browser.wait(opener, PATIENCE, "return document.querySelector('dialog[open]') === null");
        let back = format!("return document.activeElement === document.querySelector('{opener}')");
        assert_eq!(browser.run(&back), true, "{opener}: the focus is back");
    }
    // What is drawn anew meanwhile has a successor.
    go(&browser, "watchlists");
    browser.wait(
        "edit",
        PATIENCE,
        "const one = document.querySelector('[data-key=edit-list]'); one?.focus(); return !!one",
    );
    browser.press(ENTER);
    submit(&browser, &[("note", "seen twice")]);
    browser.wait("the new note", PATIENCE, &says(".entries", "seen twice"));
    browser.wait("the focus", PATIENCE, "return document.activeElement.dataset.key === 'edit-list'");
    // `a` acknowledges the newest alert, wherever one is.
    browser.run("document.activeElement.blur()");
    browser.press("a");
    browser.wait("asked", PATIENCE, "return document.activeElement?.tagName === 'TEXTAREA'");
    browser.run("document.querySelector('dialog[open] [type=submit]').click()");
    browser.wait("done", PATIENCE, "return !document.querySelector('dialog[open]')");
    assert_silent(&browser);
}
