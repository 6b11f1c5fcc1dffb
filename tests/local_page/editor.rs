//! Zones, drawn on the page and written into the configuration.

use super::*;
use common::{run, text};

const RIGHT: &str = "\u{e014}";
const DOWN: &str = "\u{e015}";

fn wait_saved(browser: &Browser) {
    browser.wait("it is saved", PATIENCE, "return !!document.querySelector('.outcome .good')");
}

/// Fills the number field as a person does.
fn set_least(browser: &Browser, value: u32) {
    browser.run(&format!(
        "const field = document.querySelector('[name=min_plate_height]'); field.value = {value};
         field.dispatchEvent(new Event('input', {{ bubbles: true }}))"
    ));
}

#[test]
fn a_zone_is_drawn_saved_checked_and_used_at_once_and_after_a_restart() {
    let site = Site::start(|text| text);
    let file = site.dir.path().join("agent.toml");
    // Somebody has changed something else that waits for a restart.
    let before = fs::read_to_string(&file).unwrap().replace("threads = 1 ", "threads = 2 ");
    fs::write(&file, &before).unwrap();
    let browser = site.desk("zones");
    browser.wait("the picture", PATIENCE, PICTURE);
    click(&browser, "[data-act=zone]:not(:disabled)");
    browser.wait("four corners", PATIENCE, "return document.querySelectorAll('.handle').length === 4");
    browser.run("document.querySelector('.handle').focus()");
    browser.press(&format!("{RIGHT}{RIGHT}{DOWN}"));
    // And the second corner by hand: from where it is, a tenth of the picture to the left.
    let drag = browser.run(
        "const box = document.querySelector('.handles').getBoundingClientRect();
         const at = document.querySelectorAll('.handle')[1].getBoundingClientRect();
         return [at.x + at.width / 2, at.y + at.height / 2, box.width / 10]",
    );
    let (x, y, tenth) = (drag[0].as_f64().unwrap(), drag[1].as_f64().unwrap(), drag[2].as_f64().unwrap());
    let mouse = |kind: &str, x: f64, buttons: u32| {
        let params =
            serde_json::json!({"type": kind, "x": x, "y": y, "button": "left", "buttons": buttons, "clickCount": 1});
        browser.devtools("Input.dispatchMouseEvent", params)
    };
    mouse("mousePressed", x, 1);
    mouse("mouseMoved", x - tenth, 1);
    mouse("mouseReleased", x - tenth, 0);
    click(&browser, "[data-act=line]:not(:disabled)");
    browser.wait("the line's two ends", PATIENCE, "return document.querySelectorAll('.handle').length === 2");
    set_least(&browser, 24);
    browser.screenshot(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/page/local-editor.png"));
    click(&browser, "[data-act=save]:not(:disabled)");
    wait_saved(&browser);
    let said = browser.text();
    assert!(said.contains("It holds from now on.") && !said.contains("reload"), "{said}");
    assert!(said.contains("wait for a restart") && said.contains("models.threads"), "{said}");
    browser.screenshot(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/page/local-saved.png"));
    assert_eq!(site.state()["cameras"][0]["min_plate_height"], 24.0);
    let log = site.agent.log();
    for key in ["camera[1].line", "camera[1].min_plate_height", "camera[1].zone"] {
        assert!(log.contains(&format!("{key} holds from now on")), "{key}: {log}");
    }
    assert_eq!(browser.console(), Vec::<Value>::new(), "the console is silent");

    let after = fs::read_to_string(&file).unwrap();
    for kept in ["# The north gate, mounted by Ann", "# above the barrier", "# a small box"] {
        assert!(after.contains(kept), "{kept}: {after}");
    }
    assert_eq!(fs::read_to_string(site.dir.path().join("agent.toml.bak")).unwrap(), before);
    let checked = run(AGENT, &["check-config", "--config", file.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    let config = lpr::config::load_agent(&file, std::iter::empty()).unwrap();
    let camera = &config.camera[0];
    assert_eq!((camera.min_plate_height, camera.zone[0].kind.as_str()), (24.0, "include"));
    assert_eq!(camera.zone[0].points[0], [0.22, 0.31]);
    let dragged = camera.zone[0].points[1];
    assert!((dragged[0] - 0.7).abs() < 0.01 && (dragged[1] - 0.3).abs() < 0.01, "{dragged:?}");
    assert_eq!((camera.line[0].name.as_str(), camera.line[0].from.as_slice()), ("line 1", [0.1, 0.6].as_slice()));

    let Site { dir, mut agent, .. } = site;
    drop(browser);
    assert!(agent.terminate().0.success());
    drop(agent);
    let again = Site::on(dir);
    assert_eq!(again.state()["cameras"][0]["min_plate_height"], 24.0);
    let said = again.get("/api/cameras/0/areas").json();
    assert_eq!(
        (&said["areas"]["zones"][0]["points"][0], &said["writable"]),
        (&serde_json::json!([0.22, 0.31]), &true.into())
    );
}

#[test]
fn what_cannot_be_saved_is_said_and_shown_to_copy() {
    let site = Site::start(|text| text);
    let file = site.dir.path().join("agent.toml");
    let before = fs::read_to_string(&file).unwrap();
    let browser = site.desk("zones");
    click(&browser, "[data-act=zone]:not(:disabled)");
    // The folder in the way of the new file stands for one that cannot be written: root may write everywhere.
    fs::create_dir(site.dir.path().join("agent.toml.new")).unwrap();
    click(&browser, "[data-act=save]:not(:disabled)");
    let snippet = browser.wait("what to copy", PATIENCE, "return document.querySelector('[name=snippet]')?.value");
    let snippet = snippet.as_str().unwrap();
    assert!(snippet.contains("[[camera.zone]]") && snippet.contains("min_plate_height"), "{snippet}");
    let whole = format!("[[camera]]\nsource = \"a.jpg\"\n{snippet}");
    assert_eq!(lpr::config::agent_from(&whole, "copied", std::iter::empty()).unwrap().camera[0].zone.len(), 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), before);

    fs::remove_dir(site.dir.path().join("agent.toml.new")).unwrap();
    fs::write(&file, format!("{before}# someone else\n")).unwrap();
    click(&browser, "[data-act=save]:not(:disabled)");
    browser.wait(
        "a word about it",
        PATIENCE,
        "return document.querySelector('.outcome')?.innerText.includes('meanwhile')",
    );
    let crossed = r#"{"areas":{"min_plate_height":0,"zones":[{"kind":"include","points":[[0,0],[1,1]]}],"lines":[]},"version":"V"}"#;
    let version = site.get("/api/cameras/0/areas").json()["version"].as_str().unwrap().to_owned();
    let put =
        |body: &str| ask(&site.address, "PUT", "/api/cameras/0/areas", "Content-Type: application/json\r\n", body);
    let refused = put(&crossed.replace('V', &version));
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("camera[1].zone[1].points"), "{}", refused.text());
    assert_eq!(put("{}").status, 422);
    assert_eq!(put("no json").status, 400);
}
