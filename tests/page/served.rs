//! How the page's files are served.

use super::*;

#[test]
fn files_come_with_their_type_a_strict_policy_and_a_validator() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    let mut http = Http::connect(&server);
    let files = [
        ("/", "text/html; charset=utf-8"),
        ("/assets/app.js", "text/javascript; charset=utf-8"),
        ("/assets/base.css", "text/css; charset=utf-8"),
        ("/assets/icon.svg", "image/svg+xml"),
        ("/assets/plate-thai.ttf", "font/ttf"),
    ];
    for (path, media_type) in files {
        let (head, body) = http.ask("GET", path, "", "");
        assert!(head.starts_with("http/1.1 200") && !body.is_empty(), "{path}: {head}");
        for line in
            [&format!("content-type: {media_type}"), "x-content-type-options: nosniff", "cache-control: no-cache"]
        {
            assert!(head.contains(line), "{path}: {line} is missing: {head}");
        }
        let line = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        let policy = line("content-security-policy:");
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        for word in ["unsafe", "http:", "https:", "data:", "*"] {
            assert!(!policy.contains(word), "{word} in {policy}");
        }
        let tag = line("etag:");
        assert!(tag.starts_with('"'), "a strong validator: {tag}");
        let (head, body) = http.ask("GET", path, &format!("If-None-Match: {tag}\r\n"), "");
        assert!(head.starts_with("http/1.1 304") && head.contains(&tag) && body.is_empty(), "{path}: {head}");
    }
    let html = String::from_utf8(http.ask("GET", "/", "", "").1).unwrap();
    assert!(
        !html.contains("<script>") && !html.contains("<style") && !html.contains(" style=") && !html.contains("//")
    );
}
