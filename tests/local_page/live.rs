//! What an installer sees: the live picture and its numbers, the last reads, why not, how the parts feel.

use super::*;

#[test]
fn an_installer_sees_the_picture_the_plate_the_reads_and_the_health() {
    // Nothing is as sure as that.
    let site = Site::start(|text| format!("{text}[pipeline]\ndoubtful_below = 1.0\n"));
    let browser = site.desk("aim");
    browser.wait("the live picture", PATIENCE, PICTURE);
    assert!(browser.run("return document.querySelector('.stage img').naturalWidth <= 960") == true);
    let height = "const text = document.querySelector('[data-part=height]').textContent; return /^[0-9]+$/.test(text) && Number(text)";
    let height = browser.wait("the height of a plate", PATIENCE, height);
    assert!((4.0..400.0).contains(&height.as_f64().unwrap()), "{height}");
    browser.wait("a verdict", PATIENCE, "return document.querySelector('.figures').dataset.level !== 'none'");
    let size =
        browser.run("return parseFloat(getComputedStyle(document.querySelector('[data-part=height]')).fontSize)");
    assert!(size.as_f64().unwrap() >= 64.0, "to be read from a ladder: {size} px");

    click(&browser, "#nav [data-view=reads]");
    let crop = "const crop = document.querySelector('.read-card .crop img'); return crop?.naturalWidth > 0 && crop.src";
    let crop = browser.wait("a read with its crop", PATIENCE, crop);
    let text = browser.run("return document.querySelector('.read-card .plate').textContent");
    assert!(text.as_str().unwrap().chars().count() >= 3, "{text}");
    browser.wait(
        "that it is doubtful",
        PATIENCE,
        "return document.querySelector('.read-card .warn')?.textContent.startsWith('Doubtful')",
    );
    wait_for("the picture to be given up with its view", PATIENCE, || (site.state()["watchers"] == 0).then_some(()));
    let read = site.state()["reads"][0].clone();
    assert!(read["plates"][0]["height"].as_f64().unwrap() > 4.0, "{read}");
    assert!(site.get(crop.as_str().unwrap().strip_prefix(&site.url()).unwrap()).body.starts_with(&[0xff, 0xd8]));

    click(&browser, "#nav [data-view=unread]");
    let counted = "return Number(document.querySelector('[data-reason=sent] .count')?.textContent) > 0";
    browser.wait("the funnel", PATIENCE, counted);
    click(&browser, "#nav [data-view=health]");
    let reported = "return ['camera', 'system'].every((name) => document.querySelector(`[data-component=${name}]`))";
    browser.wait("the reports", PATIENCE, reported);
    let state = site.state();
    assert!(["probing", "down"].contains(&state["link"]["state"].as_str().unwrap()), "{}", state["link"]);
    assert!(state["outbox"]["pending"].as_u64().unwrap() > 0 && state["cameras"][0]["state"] == "streaming", "{state}");
    assert_eq!(browser.console(), Vec::<Value>::new(), "the console is silent");
}

/// Reads parts of the live picture until `parts` have come; gives the last one.
fn watch(site: &Site, parts: usize) -> (TcpStream, Vec<u8>) {
    let stream = TcpStream::connect(&site.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(&stream, "GET /live/0 HTTP/1.1\r\nHost: {}\r\n\r\n", site.address).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut jpeg = Vec::new();
    for _ in 0..parts {
        let mut length = None;
        let mut line = String::new();
        // The heads of the answer, of its chunks and of the parts; a part's ends with an empty line.
        while length.is_none() || !line.trim().is_empty() {
            line.clear();
            assert!(reader.read_line(&mut line).unwrap() > 0, "the pictures end");
            length = line.to_lowercase().strip_prefix("content-length: ").map(|n| n.trim().parse().unwrap()).or(length);
        }
        jpeg = vec![0; length.unwrap()];
        reader.read_exact(&mut jpeg).unwrap();
    }
    (stream, jpeg)
}

#[test]
fn pictures_come_while_someone_watches_and_none_is_made_afterwards() {
    let site = Site::start(|text| text.replace("fps=5", "fps=12"));
    let metrics = || site.get("/metrics").text();
    assert_eq!(metric(&metrics(), "lpr_agent_page_pictures_total"), 0.0, "nobody has watched yet");
    let began = std::time::Instant::now();
    let (stream, jpeg) = watch(&site, 6);
    let took = began.elapsed();
    assert!(jpeg.starts_with(&[0xff, 0xd8]) && jpeg.ends_with(&[0xff, 0xd9]) && jpeg.len() < 200_000, "{}", jpeg.len());
    assert!(took >= Duration::from_millis(900), "at most five a second: six took {took:?}");
    assert_eq!(metric(&metrics(), "lpr_agent_page_watchers"), 1.0);

    drop(stream);
    wait_for("the watcher to be gone", PATIENCE, || {
        (metric(&metrics(), "lpr_agent_page_watchers") == 0.0).then_some(())
    });
    let frames =
        |text: &str| metric(text, "lpr_agent_camera_frames_total{camera=\"north\",checkpoint=\"checkpoint_001\"}");
    let later = |count: f64| {
        let enough = || Some(metrics()).filter(|text| frames(text) >= count);
        wait_for("more frames", PATIENCE, enough)
    };
    // One picture may have been under way.
    let settled = later(frames(&metrics()) + 12.0);
    let after = later(frames(&settled) + 24.0);
    assert_eq!(metric(&after, "lpr_agent_page_pictures_total"), metric(&settled, "lpr_agent_page_pictures_total"));
    assert!(metric(&after, "lpr_agent_frames_total") > 0.0);
}
