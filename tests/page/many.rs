//! A list of ten thousand reads: loaded, gone through, added to.

use super::*;

const MANY: usize = 10_000;
/// Frames of the journey through the list.
const FRAMES: usize = 240;

/// Scrolls from the top to the bottom in so many frames, and says how long each took and which tasks blocked the page.
const JOURNEY: &str = "return new Promise((done) => {
    const rows = document.querySelector('.rows');
    const step = (rows.scrollHeight - rows.clientHeight) / FRAMES;
    const blocked = [];
    const watcher = new PerformanceObserver((list) => list.getEntries().forEach((entry) => blocked.push(entry.duration)));
    watcher.observe({ entryTypes: ['longtask'] });
    const gaps = [];
    let most = 0, empty = 0, last = performance.now(), frame = 0;
    rows.scrollTop = 0;
    requestAnimationFrame(function next(now) {
        gaps.push(now - last);
        last = now;
        most = Math.max(most, rows.querySelectorAll('.row').length);
        const middle = rows.getBoundingClientRect();
        const there = document.elementFromPoint(middle.left + 200, middle.top + middle.height / 2)?.closest('.row');
        if (!there) empty += 1;
        if (frame === FRAMES) {
            watcher.disconnect();
            gaps.sort((a, b) => a - b);
            return done({ median: gaps[FRAMES >> 1], p95: gaps[Math.floor(FRAMES * 0.95)], blocked, most, empty });
        }
        frame += 1;
        rows.scrollTop = frame * step;
        requestAnimationFrame(next);
    });
})";

fn metric(browser: &Browser, name: &str) -> f64 {
    let metrics = browser.devtools("Performance.getMetrics", json!({}));
    metrics["metrics"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()["value"].as_f64().unwrap()
}

#[test]
fn of_ten_thousand_reads_only_those_in_sight_are_drawn_and_nothing_moves_under_ones_eyes() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    post_many(&server, 0..MANY);
    let browser = Browser::start(&dir.path().join("profile"));
    browser.screen(1440, 900, false, "light");
    browser.devtools("Performance.enable", json!({}));
    open(&browser, &server, "live");
    let all = format!(
        "const rows = document.querySelector('.rows');
         rows.scrollTop = rows.scrollHeight;
         return document.querySelector('.row')?.getAttribute('aria-setsize') === '{MANY}'"
    );
    browser.wait("all reads are in the list", Duration::from_secs(90), &all);

    let script = metric(&browser, "ScriptDuration");
    let task = metric(&browser, "TaskDuration");
    let journey = browser.run(&JOURNEY.replace("FRAMES", &FRAMES.to_string()));
    let per_frame = |name, before| 1000.0 * (metric(&browser, name) - before) / FRAMES as f64;
    let (script, task) = (per_frame("ScriptDuration", script), per_frame("TaskDuration", task));
    // For who looks: a frame of 60 a second has 16.7 ms. Other work on the machine makes all of them longer.
    println!(
        "{MANY} reads, {FRAMES} frames of {} rows each: script {script:.2} ms a frame, script, style, layout and paint \
         {task:.2} ms; between frames median {:.1} ms, 95 % {:.1} ms; {} tasks over 50 ms",
        MANY / FRAMES,
        journey["median"].as_f64().unwrap(),
        journey["p95"].as_f64().unwrap(),
        journey["blocked"].as_array().unwrap().len()
    );
    assert!(journey["most"].as_u64().unwrap() < 60, "only rows that can be seen exist: {journey}");

    // In the middle of the list a new read moves nothing under one's eyes, and is offered.
    browser.run("const rows = document.querySelector('.rows'); rows.scrollTop = 300000");
    let first = "const top = document.querySelector('.rows').getBoundingClientRect().top;
        return [...document.querySelectorAll('.row')].find((row) => row.getBoundingClientRect().bottom > top + 1)?.dataset.key
            + '@' + [...document.querySelectorAll('.row')].map((row) => Math.round(row.getBoundingClientRect().top)).sort((a, b) => a - b)[0]";
    let drawn = "const top = document.querySelector('.rows').getBoundingClientRect().top;
        return [...document.querySelectorAll('.row')].map((row) => row.getBoundingClientRect())
            .some((box) => box.top <= top && box.bottom > top)";
    browser.wait("rows are drawn where one looks", SECOND, drawn);
    let before = browser.run(first);
    post(&server, "/api/detection", &read("lane_1", "FRESH1", "plate-latin.jpg", 0.9, "car"));
    browser.wait("it is offered", SECOND, "return !document.querySelector('.unseen').hidden");
    assert_eq!(browser.run(first), before, "what one looks at stays");
    browser.run("document.querySelector('.unseen').click()");
    browser.wait("it is there", SECOND, &row("FRESH1"));
    assert_silent(&browser);
}
