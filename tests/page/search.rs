//! Searching: by plate in each way, by time, as files; the vote table; the hours as a chart.

use super::*;
use crate::watched::wait_file;

fn found(n: usize) -> String {
    format!(
        "return {n} > 0 ? document.querySelectorAll('.row').length === {n} && document.querySelector('.found').textContent.startsWith('{n} ')
            : document.querySelector('.listing .empty b')?.textContent === 'No read matches'"
    )
}

#[test]
fn a_plate_is_found_by_its_beginning_and_by_what_it_resembles_and_saved_as_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    for (text, crop) in [("KO0 881", "plate-latin.jpg"), ("KOO 881", "plate-latin.jpg"), ("กข 1234", "plate-thai.jpg")]
    {
        post(&server, "/api/detection", &read("lane_1", text, crop, 0.97, "car"));
    }
    let browser = desk(dir.path(), &server, "live");
    let downloads = dir.path().join("downloads");
    browser.download_to(&downloads);
    for (query, n) in [
        ("plate=ko", 2),
        ("plate=KO0881&match=exact", 1),
        ("plate=K00881&match=fuzzy", 2),
        ("plate=กข1234&match=exact", 1),
        ("plate=ZZZ", 0),
        ("from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z", 0),
        ("from=2020-01-01T00:00:00Z", 3),
    ] {
        open(&browser, &server, &format!("search?{query}"));
        browser.wait(query, PATIENCE, &found(n));
    }
    // By hand: what is asked stands in the address, and can be gone back to.
    open(&browser, &server, "search");
    browser.press("/");
    browser.press("K00881");
    browser.run("const match = document.querySelector('[name=match]'); match.value = 'fuzzy'; match.dispatchEvent(new Event('change'))");
    browser.wait("the reads", PATIENCE, &found(2));
    assert!(browser.run("return location.hash").as_str().unwrap().contains("plate=K00881&match=fuzzy"));
    browser.wait("with their pictures", PATIENCE, &row("KO0 881"));
    click(&browser, ".row");
    browser.wait("why it was found", PATIENCE, &says(".beside .reason", "read as"));

    click(&browser, ".listing a[download]:first-child");
    let csv = wait_file(&downloads, ".csv");
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert!(csv.contains("KO0 881") && csv.contains("KOO 881") && !csv.contains("กข"), "{csv}");
    click(&browser, ".listing a[download]:last-child");
    let lines = wait_file(&downloads, ".jsonl");
    let texts: Vec<_> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["ocr_results"][0].clone()).collect();
    assert_eq!(texts, [json!("KO0 881"), json!("KOO 881")]);
    assert_silent(&browser);
}

#[test]
fn a_thai_plate_is_found_with_its_province_typed_behind_it_which_the_page_shows() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    for province in ["กรุงเทพมหานคร", "เชียงใหม่"] {
        let mut event = read("lane_1", "กพ 1687", "plate-thai.jpg", 0.97, "car");
        event["province"] = json!([province]);
        post(&server, "/api/detection", &event);
    }
    let browser = desk(dir.path(), &server, "search");
    browser.wait("both", PATIENCE, &found(2));
    browser.press("/");
    browser.press("กพ1687 กรุงเทพ");
    browser.wait("the one of Bangkok", PATIENCE, &found(1));
    browser.wait("its province in the list", PATIENCE, &says(".row .what", "กรุงเทพมหานคร"));
    click(&browser, ".row");
    browser.wait("and in the record", PATIENCE, &says(".beside .plate-card", "กรุงเทพมหานคร"));
    browser.wait("why it was found", PATIENCE, &says(".beside .reason", "same plate; province กรุงเทพมหานคร"));
    open(&browser, &server, &format!("search?plate={}", "เชียงใหม่"));
    browser.wait("by the province alone", PATIENCE, &found(1));
    assert_silent(&browser);
}

#[test]
fn a_search_that_the_server_refuses_says_why_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    let browser = desk(dir.path(), &server, "search?plate=--");
    browser.wait("why", PATIENCE, &says(".listing .empty", "no letter and no digit"));
}

#[test]
fn votes_are_a_table_where_an_agent_tells_of_them_and_a_number_or_nothing_where_not() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    let with = |votes: Value| {
        let mut read = read("lane_1", "ABC1234", "plate-latin.jpg", 0.97, "car");
        read["votes"] = votes;
        read
    };
    let browser = desk(dir.path(), &server, "live");
    let table = "return [...document.querySelectorAll('.beside tbody tr')].map((row) => [row.querySelector('.plate')?.textContent, row.cells[1].textContent, row.dataset.won === 'true'])";
    let text = |reads: u32, support: f64, text: &str| json!({"text": text, "reads": reads, "support": support});
    let won = |text: &str, count: &str| json!([text, count, true]);
    let lost = |text: &str, count: &str| json!([text, count, false]);
    let forms = [
        (
            json!([[text(2, 1.25, "A8C1234"), text(7, 6.5, "ABC1234")]]),
            json!([won("ABC1234", "7"), lost("A8C1234", "2")]),
        ),
        (
            json!([text(7, 6.5, "ABC1234"), text(2, 1.25, "A8C1234")]),
            json!([won("ABC1234", "7"), lost("A8C1234", "2")]),
        ),
        (json!([{"ABC1234": 5, "ABC123": 1}]), json!([won("ABC1234", "5"), lost("ABC123", "1")])),
        (json!([[["ABC1234", 5], ["ABC123", 1]]]), json!([won("ABC1234", "5"), lost("ABC123", "1")])),
        (json!([[text(3, 2.0, "XYZ")]]), json!([won("ABC1234", "–"), lost("XYZ", "3")])),
        (json!([7]), json!([won("ABC1234", "7")])),
    ];
    for (votes, wanted) in forms {
        let id = post(&server, "/api/detection", &with(votes.clone()))["detection_id"].as_str().unwrap().to_owned();
        let shown = format!("return document.querySelector('.beside .facts')?.innerText.includes('{id}')");
        browser.wait("the newest is shown", PATIENCE, &shown);
        assert_eq!(browser.run(table), wanted, "{votes}");
    }
    for votes in [Value::Null, json!([]), json!("many"), json!([null]), json!([{"no": "sense"}]), json!({"x": [1]})] {
        let id = post(&server, "/api/detection", &with(votes))["detection_id"].as_str().unwrap().to_owned();
        let shown = format!("return document.querySelector('.beside .facts')?.innerText.includes('{id}')");
        browser.wait("the newest is shown, whatever is said of votes", PATIENCE, &shown);
    }
    assert_silent(&browser);
}

#[test]
fn a_doubtful_text_says_so_in_the_list_beside_its_picture_and_in_its_alert() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    let list = post(&server, "/api/watchlists", &json!({"name": "Wanted", "severity": "critical"}));
    post(&server, &format!("/api/watchlists/{}/entries", list["watchlist_id"]), &json!({"plate": "ABC1234"}));
    let browser = desk(dir.path(), &server, "live");
    let told = |text: &str| {
        format!(
            "const row = [...document.querySelectorAll('.row')].find((row) => row.textContent.includes('{text}'));
            return [row, document.querySelector('.beside')].map((at) => ['.sure', '.doubt'].map((mark) => at.querySelector(mark)?.textContent ?? ''))"
        )
    };
    // How sure the letters are, not how sure it is that there is a plate.
    post(&server, "/api/detection", &read("lane_1", "ABC9999", "plate-latin.jpg", 0.97, "car"));
    browser.wait("a sure read", PATIENCE, "return document.querySelector('.beside .sure')");
    assert_eq!(browser.run(&told("ABC9999")), json!([["90%", ""], ["90%", ""]]));

    let mut torn = read("lane_1", "ABC1234", "plate-latin.jpg", 0.97, "car");
    torn["plate_detections"][0]["text_confidence"] = json!(0.52);
    torn["plate_detections"][0]["doubtful"] = json!(true);
    let id = post(&server, "/api/detection", &torn)["detection_id"].as_str().unwrap().to_owned();
    let shown = format!("return document.querySelector('.beside .facts')?.innerText.includes('{id}')");
    browser.wait("the newest is shown", PATIENCE, &shown);
    assert_eq!(browser.run(&told("ABC1234")), json!([["52%", "doubtful"], ["52%", "doubtful"]]));
    assert_eq!(browser.run("return document.querySelector('.beside .sure').title"), "Letters 52% sure");
    assert_eq!(browser.run("return document.querySelector('.beside .doubt').title"), "Compare it with the picture");
    let seen = "const of = document.querySelector('.row .doubt').getBoundingClientRect(); return of.width > 20 && document.elementFromPoint(of.x + of.width / 2, of.y + of.height / 2)?.className";
    assert_eq!(browser.run(seen), "tag doubt", "it is in sight, however long the province");
    browser.run("location.hash = '#/alerts'");
    browser.wait("its alert", PATIENCE, &says(".alert .doubt", "doubtful"));
    assert_silent(&browser);
}

#[test]
fn the_hours_are_a_chart_and_a_table_and_each_of_two_cameras_of_one_name_has_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    for checkpoint in ["north_gate", "north_gate", "south_gate"] {
        let mut read = read("lane_1", "ABC1234", "plate-latin.jpg", 0.97, "car");
        read["checkpoint_id"] = json!(checkpoint);
        post(&server, "/api/detection", &read);
    }
    let browser = desk(dir.path(), &server, "figures");
    let bar =
        "return [...document.querySelectorAll('.chart .bar')].some((bar) => Number(bar.getAttribute('height')) > 1)";
    browser.wait("this hour's bar", PATIENCE, bar);
    let sum = "return [...document.querySelectorAll('.table-box td')].reduce((sum, cell) => sum + Number(cell.textContent), 0)";
    assert_eq!(browser.run(sum), 3);
    browser.wait(
        "both cameras can be chosen",
        PATIENCE,
        "return document.querySelectorAll('#main select option').length === 3",
    );
    for (checkpoint, n) in [("south_gate", 1), ("north_gate", 2)] {
        browser.run(&format!(
            "const camera = document.querySelector('#main select');
             camera.value = JSON.stringify(['{checkpoint}', 'lane_1']); camera.dispatchEvent(new Event('change'))"
        ));
        browser.wait(checkpoint, PATIENCE, &format!("return (() => {{ {sum} }})() === {n}"));
    }
    for button in ["2", "3", "4"] {
        click(&browser, &format!(".segments button:nth-child({button})"));
        browser.wait("a longer time", PATIENCE, &format!("return (() => {{ {sum} }})() === 2"));
    }
    browser.run("document.querySelector('.chart').focus()");
    browser.press("\u{e012}");
    browser.wait("the keys say each hour", SECOND, &says(".tip", "reads"));
    assert_silent(&browser);
}
