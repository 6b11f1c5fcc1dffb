//! People's tokens, sign-ins and browsers: other sites' pages, foreign names, guessed tokens.

use crate::event_client::{Said, Socket};
use crate::lpr_server::LprServer;
use crate::site::{Answer, NOTICED, Site, Token, call, detection, get, noticed};
use serde_json::{Value, json};
use std::time::Instant;

fn sign_in(at: &str, token: &Token, headers: &str) -> Answer {
    call(at, "POST", "/api/signin", headers, &token.auth())
}

/// The session cookie as a browser sends it back.
fn cookie(signed_in: &Answer) -> String {
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    let value = signed_in.header("set-cookie").unwrap().split(';').next().unwrap();
    format!("Cookie: {value}\r\n")
}

fn own_page(server: &LprServer) -> String {
    format!("Host: {0}\r\nOrigin: http://{0}\r\n", server.address)
}

#[test]
fn a_viewer_reads_and_changes_nothing() {
    let site = Site::new();
    let (viewer, admin) = (site.viewer(), site.admin());
    let server = site.start();
    let at = server.address.as_str();
    for path in ["/api/test", "/api/records", "/api/statistics", "/api/cameras", "/api/gaps"] {
        assert_eq!((path, get(at, path, &viewer.bearer()).status), (path, 200));
    }
    assert_eq!(get(at, "/api/me", &viewer.bearer()).body, json!({"success": true, "name": "Vera", "role": "viewer"}));
    for path in ["/api/detection", "/api/health", "/api/cameras/register"] {
        let answer = call(at, "POST", path, &viewer.bearer(), &detection("gate", "cam-1"));
        assert_eq!((path, answer.refused()), (path, (403, "forbidden")));
    }
    assert_eq!(get(at, "/api/audit", &viewer.bearer()).refused(), (403, "forbidden"));
    let mut socket = Socket::connect_as(at, &viewer.auth(), "").unwrap();
    assert_eq!(socket.call("lpr_data", &detection("gate", "cam-1")).unwrap()["code"], "forbidden");
    assert!(socket.call("join_dashboard", "null").unwrap()["message"].is_string());
    // It hears what an admin, who may everything, brings.
    assert_eq!(call(at, "POST", "/api/detection", &admin.bearer(), &detection("gate", "cam-1")).status, 200);
    loop {
        if matches!(socket.hear().unwrap(), Said::Event(name, _) if name == "new_detection") {
            break;
        }
    }
    assert_eq!(get(at, "/api/audit", &admin.bearer()).status, 200);
}

#[test]
fn a_page_of_another_site_cannot_use_a_visitors_browser() {
    let site = Site::new();
    let viewer = site.viewer();
    let server = site.start();
    let at = server.address.as_str();
    let cookie = cookie(&sign_in(at, &viewer, &own_page(&server)));
    assert_eq!(get(at, "/api/me", &cookie).body["name"], "Vera");
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost:3000", "file://"] {
        let theirs = format!("Host: {at}\r\nOrigin: {origin}\r\n{cookie}");
        let read = get(at, "/api/records", &theirs);
        assert_eq!((origin, read.refused()), (origin, (403, "forbidden")));
        assert!(read.header("access-control-allow-origin").is_none(), "CORS is off unless listed");
        assert_eq!((origin, call(at, "POST", "/api/signout", &theirs, "").status), (origin, 403));
        assert_eq!((origin, call(at, "OPTIONS", "/api/records", &theirs, "").status), (origin, 403));
        let socket = Socket::connect_as(at, "", &theirs).err().unwrap().to_string();
        assert!(socket.contains("403"), "cross-site websocket hijacking from {origin}: {socket}");
        let polling = get(at, "/socket.io/?EIO=4&transport=polling", &theirs);
        assert_eq!((origin, polling.status), (origin, 403));
    }
    // A browser always says where a changing call comes from: one that does not is not our page.
    assert_eq!(call(at, "POST", "/api/signout", &cookie, "").refused(), (403, "forbidden"));
    assert_eq!(get(at, "/api/me", &cookie).status, 200, "still signed in");
    let ours = own_page(&server) + &cookie;
    assert_eq!(call(at, "POST", "/api/signout", &ours, "").status, 200);
}

#[test]
fn other_sites_pages_cannot_reach_a_server_that_is_open_to_its_own_machine() {
    let site = Site::new();
    let server = site.start();
    let at = server.address.as_str();
    let theirs = "Origin: https://evil.example\r\n";
    assert_eq!(call(at, "POST", "/api/detection", theirs, &detection("gate", "x")).refused(), (403, "forbidden"));
    assert!(Socket::connect_as(at, "", theirs).is_err());
    // DNS rebinding: the attacker's name points here, so that its page counts as ours.
    for host in ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "localhost.evil.example"] {
        let rebound = format!("Host: {host}\r\n");
        for path in ["/", "/api/records", "/api/statistics", "/socket.io/?EIO=4&transport=polling"] {
            let answer = get(at, path, &rebound);
            assert_eq!((host, path, answer.refused()), (host, path, (403, "forbidden")));
            assert!(answer.body["message"].as_str().unwrap().contains("[auth] hosts"));
        }
        assert!(Socket::connect_as(at, "", &format!("{rebound}Origin: http://{host}\r\n")).is_err());
    }
    assert_eq!(get(at, "/api/statistics", "Host: localhost\r\nHost: evil.example\r\n").status, 403);
    assert_eq!(get(at, "/api/statistics", "").body["data"]["total_detections"], 0);
}

#[test]
fn listed_names_and_listed_origins_are_let_in_and_no_others() {
    let site = Site::new();
    let viewer = site.viewer();
    let config = "[auth]\nhosts = [\"control.example\"]\ncors_origins = [\"https://maps.example\"]\n";
    let server = site.start_with("127.0.0.1:0", config);
    let at = server.address.as_str();
    let named = format!("Host: control.example\r\n{}", viewer.bearer());
    assert_eq!(get(at, "/api/records", &named).status, 200);
    // A token is enough by any name; a browser's page is not, by a name that is not listed.
    let unlisted = format!("Host: x.control.example\r\n{}", viewer.bearer());
    assert_eq!(get(at, "/api/records", &unlisted).status, 200);
    assert_eq!(get(at, "/api/records", &format!("{unlisted}Origin: http://x.control.example\r\n")).status, 403);
    let listed = format!("Origin: https://maps.example\r\n{}", viewer.bearer());
    let answer = get(at, "/api/records", &listed);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("https://maps.example")));
    assert!(answer.header("access-control-allow-credentials").is_none());
    let preflight = "Origin: https://maps.example\r\nAccess-Control-Request-Method: GET\r\n";
    let answer = call(at, "OPTIONS", "/api/records", preflight, "");
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some("https://maps.example")));
    assert_eq!(get(at, "/api/records", "Origin: https://maps.example\r\n").status, 401, "it still needs a token");
    // Nor does our page's cookie count for it: it reads nothing, changes nothing, and signs nobody out.
    let cookie = cookie(&sign_in(at, &viewer, &own_page(&server)));
    let theirs = format!("Origin: https://maps.example\r\n{cookie}");
    assert_eq!(get(at, "/api/records", &theirs).refused(), (401, "unauthorized"));
    assert_eq!(call(at, "POST", "/api/alerts/1/ack", &theirs, "").refused(), (401, "unauthorized"));
    call(at, "POST", "/api/signout", &theirs, "");
    assert_eq!(get(at, "/api/me", &cookie).status, 200);
}

#[test]
fn a_session_ends_with_its_sign_out_and_with_its_token() {
    let site = Site::new();
    let viewer = site.viewer();
    let server = site.start();
    let at = server.address.as_str();
    let ours = own_page(&server);
    let signed_in = sign_in(at, &viewer, &ours);
    let set = signed_in.header("set-cookie").unwrap();
    for word in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(set.contains(word), "{word}: {set}");
    }
    assert!(!set.contains(&viewer.text[17..]), "the cookie is not the token");
    let (first, second) = (cookie(&signed_in), cookie(&sign_in(at, &viewer, &ours)));
    let mut socket = Socket::connect_as(at, "", &(ours.clone() + &first)).unwrap();
    assert!(socket.call("join_dashboard", "null").unwrap()["message"].is_string());
    assert_eq!(call(at, "POST", "/api/signout", &(ours.clone() + &first), "").status, 200);
    assert_eq!(get(at, "/api/me", &first).status, 401, "the cookie is dead, whoever kept it");
    while socket.text().is_ok() {}
    assert_eq!(get(at, "/api/me", &second).status, 200);
    // Sessions outlive a restart, and end with their token.
    drop(server);
    let server = site.start();
    let at = server.address.as_str();
    assert_eq!(get(at, "/api/me", &second).status, 200);
    assert_eq!(get(at, "/api/me", &first).status, 401);
    let mut socket = Socket::connect_as(at, "", &(own_page(&server) + &second)).unwrap();
    site.revoke(&viewer);
    let begun = Instant::now();
    while socket.text().is_ok() {}
    assert!(begun.elapsed() < NOTICED);
    noticed("the session is over", || get(at, "/api/me", &second).status == 401);
    let forged = format!("Cookie: lpr_session=lpr_{}_{}\r\n", "0".repeat(12), "A".repeat(43));
    assert_eq!(get(at, "/api/me", &forged).status, 401);
}

#[test]
fn a_page_on_another_port_of_this_host_has_the_cookie_and_may_nothing_by_it() {
    let site = Site::new();
    let admin = site.admin();
    let server = site.start_with("127.0.0.1:0", "[auth]\nhosts = [\"control.example\"]\n");
    let at = server.address.as_str();
    let host = "Host: control.example\r\n";
    let ours = format!("{host}Origin: https://control.example\r\n");
    let cookie = cookie(&sign_in(at, &admin, &ours));
    let list = |headers: String, name: &str| {
        call(at, "POST", "/api/watchlists", &headers, &json!({"name": name}).to_string()).status
    };
    assert_eq!(list(format!("{ours}{cookie}Sec-Fetch-Site: same-origin\r\n"), "ours"), 200);
    let neighbour = format!("{host}Origin: https://control.example:8443\r\n{cookie}Sec-Fetch-Site: same-site\r\n");
    assert_eq!(list(neighbour.clone(), "theirs"), 401);
    assert!(Socket::connect_as(at, "", &neighbour).is_err(), "nor does it listen");
    assert!(Socket::connect_as(at, "", &format!("{ours}{cookie}Sec-Fetch-Site: same-origin\r\n")).is_ok());
}

#[test]
fn guessing_at_the_sign_in_is_slowed_down_and_remembered() {
    let site = Site::new();
    let (viewer, admin) = (site.viewer(), site.admin());
    let server = site.start();
    let at = server.address.as_str();
    // What is no token is no guess either.
    for body in ["{}", "{\"token\":7}", "[]"] {
        let answer = call(at, "POST", "/api/signin", "", body);
        assert_eq!((answer.refused(), &answer.body["field"]), ((400, "invalid"), &json!("token")), "{body}");
    }
    for query in ["limit=-1", "cursor=x"] {
        let answer = get(at, &format!("/api/audit?{query}"), &admin.bearer());
        assert_eq!((answer.refused().0, answer.body["field"].as_str()), (400, query.split('=').next()), "{query}");
    }
    for n in 0..10 {
        let guess = json!({"token": format!("lpr_{}_{n}", viewer.id)}).to_string();
        assert_eq!(call(at, "POST", "/api/signin", "", &guess).refused(), (401, "unauthorized"));
    }
    assert_eq!(sign_in(at, &viewer, "").status, 200, "a neighbour's guesses keep nobody out");
    let guess = json!({"token": format!("lpr_{}_eleventh", viewer.id)}).to_string();
    let answer = call(at, "POST", "/api/signin", "", &guess);
    assert_eq!(answer.refused(), (429, "rate_limited"), "whoever is wrong is told to wait");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    assert_eq!(get(at, "/api/me", &viewer.bearer()).status, 200, "who is in goes on");
    for body in ["", "{", "[]", "{\"token\":{\"$ne\":null}}", "{\"token\":[\"x\"]}", "{\"token\":true}"] {
        assert!(call(at, "POST", "/api/signin", "", body).status >= 400, "{body}");
    }
    let large = json!({"token": "x".repeat(100_000)}).to_string();
    assert_eq!(call(at, "POST", "/api/signin", "", &large).refused(), (413, "too_large"));
    let refused = || {
        let entries = get(at, "/api/audit?limit=1000", &admin.bearer()).body["entries"].clone();
        entries.as_array().unwrap().iter().filter(|entry| entry["action"] == "sign-in refused").count()
    };
    noticed("the trail has all of them", || refused() == 10);
}

#[test]
fn the_trail_says_who_did_what_from_where_and_only_an_admin_reads_it() {
    let site = Site::new();
    let (viewer, admin) = (site.viewer(), site.admin());
    let server = site.start();
    let at = server.address.as_str();
    let ours = own_page(&server);
    let cookie = cookie(&sign_in(at, &viewer, &ours));
    get(at, "/api/records?camera_id=cam-1%0d%0aforged&limit=5", &cookie);
    get(at, "/api/records?limit=40&images=none", &cookie);
    get(at, "/api/records?camera_id=nobody", "");
    call(at, "POST", "/api/signout", &(ours + &cookie), "");
    site.revoke(&viewer);
    let entries = || {
        let body = get(at, "/api/audit", &admin.bearer()).body;
        body["entries"].as_array().unwrap().clone()
    };
    noticed("the trail is written", || entries().len() == 6);
    let told: Vec<(Value, Value)> =
        entries().into_iter().rev().map(|entry| (entry["who"].clone(), entry["action"].clone())).collect();
    let expected = [
        ("command line", "token created"),
        ("command line", "token created"),
        ("Vera", "signed in"),
        ("Vera", "search"),
        ("Vera", "signed out"),
        ("command line", "token revoked"),
    ];
    let mut expected: Vec<(Value, Value)> = expected.iter().map(|(who, action)| (json!(who), json!(action))).collect();
    let mut told_sorted = told.clone();
    // The server gathers its lines for a moment; another process's may come between.
    told_sorted.sort_by_key(|line| format!("{line:?}"));
    expected.sort_by_key(|line| format!("{line:?}"));
    assert_eq!(told_sorted, expected, "{told:?}");
    let search = entries().into_iter().find(|entry| entry["action"] == "search").unwrap();
    assert_eq!(search["what"], "/api/records?camera_id=cam-1%0d%0aforged&limit=5");
    assert_eq!(search["address"], "127.0.0.1");
    let page = get(at, "/api/audit?limit=2", &admin.bearer()).body;
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = get(at, &format!("/api/audit?limit=10&cursor={cursor}"), &admin.bearer()).body;
    assert_eq!((next["entries"].as_array().unwrap().len(), &next["next_cursor"]), (4, &Value::Null));
    assert_eq!(get(at, "/api/audit?limit=x", &admin.bearer()).refused(), (400, "invalid"));
}

#[test]
fn reading_and_signing_in_do_not_raise_the_checkpoint_by_which_agents_notice_a_loss() {
    let site = Site::new();
    let viewer = site.viewer();
    let admin = site.admin();
    let server = site.start();
    let at = server.address.as_str();
    let checkpoint = || get(at, "/api/test", &viewer.bearer()).body["checkpoint"].clone();
    let before = checkpoint();
    assert_eq!(sign_in(at, &viewer, "").status, 200);
    get(at, "/api/records?plate=ABC", &viewer.bearer());
    site.viewer();
    let lines = || get(at, "/api/audit", &admin.bearer()).body["entries"].as_array().unwrap().len();
    noticed("the trail is written", || lines() == 5);
    assert_eq!(checkpoint(), before);
}
