//! Who gets in: tokens, names, other sites; what probes and Prometheus get.

use super::*;
use common::{run, text};

const TOKEN: &str = "3f1c0e5a9b7d4c2e8f6a";

fn with_token(site: &TempDir) -> String {
    let file = site.path().join("page-token");
    fs::write(&file, format!("{TOKEN}\n")).unwrap();
    file.display().to_string()
}

#[test]
fn an_address_that_others_reach_is_refused_without_a_token() {
    let dir = TempDir::new().unwrap();
    let open = |more: &str| {
        config(&dir, |text| text.replace("listen = \"127.0.0.1:0\"", &format!("listen = \"0.0.0.0:0\"\n{more}")))
    };
    let check = |path: PathBuf| run(AGENT, &["check-config", "--config", path.to_str().unwrap()]);
    let refused = check(open(""));
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(10), "{said}");
    assert!(said.contains("page.listen") && said.contains("page.token_file"), "{said}");
    let token = with_token(&dir);
    assert_eq!(check(open(&format!("token_file = \"{token}\""))).status.code(), Some(0));
}

#[test]
fn a_token_is_asked_for_and_gives_a_cookie_that_scripts_do_not_see() {
    let dir = TempDir::new().unwrap();
    let token = with_token(&dir);
    config(&dir, |text| {
        text.replace("listen = \"127.0.0.1:0\"", &format!("listen = \"0.0.0.0:0\"\ntoken_file = \"{token}\""))
    });
    let site = Site::on(dir);
    for path in ["/api/state", "/api/me", "/metrics", "/live/0", "/api/cameras/0/areas", "/api/unread", "/nowhere"] {
        assert_eq!(site.get(path).status, 401, "{path}");
    }
    assert_eq!(site.get("/healthz").text(), "ok\n");
    let bearer = |token: &str| ask(&site.address, "GET", "/metrics", &format!("Authorization: Bearer {token}\r\n"), "");
    assert_eq!((bearer(TOKEN).status, bearer("3f1c0e5a9b7d4c2e8f6b").status), (200, 401));

    let json = "Content-Type: application/json\r\n";
    let signed = ask(&site.address, "POST", "/api/signin", json, &format!("{{\"token\":\"{TOKEN}\"}}"));
    let cookie = signed.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    assert!(cookie.contains("httponly") && cookie.contains("samesite=strict"), "{cookie}");

    let browser = Browser::start(&site.dir.path().join("profile"));
    browser.screen(360, 740, true, "light");
    browser.open(&site.url());
    let sign_in = |text: &str| {
        let fill = format!(
            "const field = document.querySelector('#signin [name=token]'); if (field) field.value = '{text}'; return !!field"
        );
        browser.wait("the form", PATIENCE, &fill);
        click(&browser, "#signin [type=submit]");
    };
    sign_in("a-wrong-one-of-some-length");
    browser.wait(
        "a word about it",
        PATIENCE,
        "return document.querySelector('#signin .fault')?.textContent.length > 0",
    );
    sign_in(TOKEN);
    browser.wait("the picture", PATIENCE, PICTURE);
    assert_eq!(browser.run("return document.cookie"), "", "no script sees the cookie");
    click(&browser, "[data-setting=signout]");
    browser.wait("the form again", PATIENCE, "return !document.getElementById('signin').hidden");
    browser.open(&site.url());
    browser.wait("still the form", PATIENCE, "return !!document.querySelector('#signin [name=token]')");
    assert!(!site.agent.log().contains(TOKEN), "no log has it");
}

#[test]
fn other_names_and_other_sites_are_refused_also_on_loopback() {
    let site = Site::start(|text| text.replace("[page]", "[page]\nhosts = [\"gate-3.local\"]"));
    let to = |method: &str, path: &str, headers: &str| ask(&site.address, method, path, headers, "").status;
    for path in ["/", "/api/state", "/live/0", "/healthz", "/metrics"] {
        assert_eq!(to("GET", path, "Host: rebound.example:8088\r\n"), 421, "{path}");
        assert_eq!(to("GET", path, "Host: 127.0.0.1\r\nHost: rebound.example\r\n"), 421, "{path}: two names");
    }
    assert_eq!(to("GET", "/api/state", "Host: gate-3.local:8088\r\n"), 200);
    assert_eq!(to("GET", "/live/0", "Sec-Fetch-Site: cross-site\r\n"), 403);
    assert_eq!(to("GET", "/", "Sec-Fetch-Site: cross-site\r\n"), 200, "a link may lead here");
    assert_eq!(
        to("PUT", "/api/cameras/0/areas", "Origin: https://evil.example\r\nContent-Type: application/json\r\n"),
        403
    );
    assert_eq!(to("POST", "/api/signin", "Origin: null\r\nContent-Type: application/json\r\n"), 403);

    for path in [
        "/live/7",
        "/live/x",
        "/reads/018f0000-0000-7000-8000-000000000000/0",
        "/unread/0/..%2f..%2fagent/1",
        "/nowhere",
    ] {
        let status = to("GET", path, "");
        assert!([400, 404].contains(&status), "{path}: {status}");
    }
    let home = site.get("/");
    for line in [
        "content-security-policy: default-src 'none'",
        "x-content-type-options: nosniff",
        "cross-origin-resource-policy: same-origin",
    ] {
        assert!(home.head.contains(line), "{line}: {}", home.head);
    }
}

#[test]
fn what_prometheus_gets_is_its_text_form() {
    let site = Site::start(|text| text);
    let answer = site.get("/metrics");
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4"), "{}", answer.head);
    let text = answer.text();
    let mut types = std::collections::BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(types.insert(name.to_owned(), kind).is_none(), "{name} twice");
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let name = name.split('{').next().unwrap();
            assert!(types.contains_key(name), "{name} has no type");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    assert!(types.len() > 10, "{text}");
}

#[test]
fn a_port_that_is_taken_does_not_keep_the_agent_from_reading() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("listen = \"{}\"", taken.local_addr().unwrap());
    let dir = TempDir::new().unwrap();
    let path = config(&dir, |text| text.replace("listen = \"127.0.0.1:0\"", &listen));
    let mut agent = Running::start(Command::new(AGENT).args(["run", "--config"]).arg(path));
    agent.wait_for_log("page.listen", PATIENCE);
    agent.wait_for_log("lpr-agent is running", PATIENCE);
    let (status, _) = agent.terminate();
    assert!(status.success());
}
