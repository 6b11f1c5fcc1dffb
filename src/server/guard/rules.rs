//! Who may call what: one table. A test holds it and the router together.

/// What a call asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// Any token, or an admitted network.
    Known,
    /// The right to bring events; which cameras' is looked at with each.
    Ingest,
    /// To read.
    View,
    /// Numbers for machines: to read, or to sit on this one.
    Metrics,
    /// Everything else.
    Admin,
}

/// What the audit trail says of a call that was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trail {
    Silent,
    /// Where the query looks for something; the live page's "latest" is no search.
    Search,
    Says(&'static str),
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    pub method: &'static str,
    /// As the router has it; the names in braces do not matter. `*` at the end: whatever follows.
    pub path: &'static str,
    pub need: Need,
    pub trail: Trail,
}

const fn rule(method: &'static str, path: &'static str, need: Need, trail: Trail) -> Rule {
    Rule { method, path, need, trail }
}

use Need::{Admin, Ingest, Known, Metrics, Nothing, View};
use Trail::{Says, Search, Silent};

/// The table.
pub const RULES: &[Rule] = &[
    // The page itself holds nothing; what it shows it asks for.
    rule("GET", "/", Nothing, Silent),
    rule("GET", "/assets/*", Nothing, Silent),
    rule("GET", "/favicon.ico", Nothing, Silent),
    rule("GET", "/manifest.webmanifest", Nothing, Silent),
    rule("POST", "/api/signin", Nothing, Silent),
    rule("POST", "/api/signout", Nothing, Silent),
    // Who has a code is a device that has no token yet.
    rule("POST", "/api/provision", Nothing, Silent),
    rule("GET", "/api/me", View, Silent),
    rule("GET", "/api/openapi.json", Nothing, Silent),
    rule("GET", "/healthz", Nothing, Silent),
    rule("GET", "/readyz", Nothing, Silent),
    rule("GET", "/metrics", Metrics, Silent),
    // Who speaks on a socket is asked when it joins.
    rule("GET", "/socket.io", Nothing, Silent),
    rule("POST", "/socket.io", Nothing, Silent),
    rule("GET", "/socket.io/", Nothing, Silent),
    rule("POST", "/socket.io/", Nothing, Silent),
    // Agents.
    rule("GET", "/api/test", Known, Silent),
    rule("POST", "/api/cameras/register", Ingest, Silent),
    rule("POST", "/api/detection", Ingest, Silent),
    rule("POST", "/api/health", Ingest, Silent),
    // Reading.
    rule("GET", "/api/statistics", View, Silent),
    rule("GET", "/api/hours", View, Silent),
    rule("GET", "/api/cameras", View, Silent),
    rule("GET", "/api/cameras/health", View, Silent),
    rule("GET", "/api/gaps", View, Silent),
    rule("GET", "/api/records", View, Search),
    rule("GET", "/api/records/{}", View, Silent),
    rule("GET", "/images/{}/{}", View, Silent),
    rule("GET", "/api/export", View, Says("export")),
    rule("GET", "/api/retention", View, Silent),
    rule("GET", "/api/watchlists", View, Silent),
    rule("GET", "/api/watchlists/{}", View, Silent),
    rule("GET", "/api/watchlists/{}/entries", View, Silent),
    rule("GET", "/api/watchlists/{}/entries/{}", View, Silent),
    rule("GET", "/api/watchlists/{}/export", View, Says("watchlist exported")),
    rule("GET", "/api/alerts", View, Silent),
    rule("GET", "/api/alerts/{}", View, Silent),
    rule("POST", "/api/alerts/{}/ack", View, Says("alert acknowledged")),
    rule("GET", "/api/webhook", View, Silent),
    // Changing.
    rule("POST", "/api/watchlists", Admin, Says("watchlist created")),
    rule("PUT", "/api/watchlists/{}", Admin, Says("watchlist changed")),
    rule("DELETE", "/api/watchlists/{}", Admin, Says("watchlist removed")),
    rule("POST", "/api/watchlists/{}/entries", Admin, Says("watchlist entry added")),
    rule("PUT", "/api/watchlists/{}/entries/{}", Admin, Says("watchlist entry changed")),
    rule("DELETE", "/api/watchlists/{}/entries/{}", Admin, Says("watchlist entry removed")),
    rule("POST", "/api/watchlists/{}/import", Admin, Says("watchlist imported")),
    rule("POST", "/api/retention", Admin, Says("retention run")),
    rule("PUT", "/api/retention", Admin, Says("retention changed")),
    rule("POST", "/api/backup", Admin, Says("backup")),
    rule("GET", "/api/audit", Admin, Silent),
];

/// What holds for a route that the table does not have: nobody but an admin.
const UNLISTED: Rule = rule("", "", Admin, Silent);

/// The line of a route of the router. `HEAD` asks what `GET` asks.
pub fn find(method: &str, path: &str) -> Option<Rule> {
    let method = if method == "HEAD" { "GET" } else { method };
    RULES.iter().find(|rule| rule.method == method && is_path(rule.path, path)).copied()
}

/// As [`find`]; a route without a line is an admin's.
pub fn of(method: &str, path: &str) -> Rule {
    find(method, path).unwrap_or(UNLISTED)
}

fn is_path(ours: &str, route: &str) -> bool {
    if let Some(start) = ours.strip_suffix('*') {
        return route.starts_with(start);
    }
    let (mut ours, mut route) = (ours.split('/'), route.split('/'));
    loop {
        match (ours.next(), route.next()) {
            (None, None) => return true,
            (Some("{}"), Some(part)) if part.starts_with('{') => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

/// Does the query of a list look for something? Given as it stands in the address.
pub fn looks_for_something(query: &str) -> bool {
    const PAGING: [&str; 5] = ["limit", "images", "order", "cursor", "match"];
    let keys: Vec<&str> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
    // A further page of a search is the same search.
    !keys.contains(&"cursor") && keys.iter().any(|key| !key.is_empty() && !PAGING.contains(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    /// Each `.route("…", get(…).post(…))` and page file below `dir`, as method and path.
    fn routes(dir: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                routes(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                routes_of(text.split("#[cfg(test)]").next().unwrap_or_default(), found);
            }
        }
    }

    fn routes_of(code: &str, found: &mut Vec<(String, String)>) {
        for (at, _) in code.match_indices(".route") {
            let rest = &code[at..];
            let Some(open) = rest.find('(').filter(|open| matches!(&rest[..*open], ".route" | ".route_service")) else {
                continue;
            };
            let call = arguments(&rest[open..]);
            let Some(path) = call.trim_start().strip_prefix('"').and_then(|text| text.split('"').next()) else {
                continue;
            };
            let methods = ["get", "post", "put", "delete", "patch"];
            let named = methods.iter().filter(|method| {
                call.match_indices(&format!("{method}("))
                    .any(|(at, _)| !call[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
            });
            let mut named: Vec<String> = named.map(|method| method.to_uppercase()).collect();
            if rest.starts_with(".route_service") {
                named = vec!["GET".into(), "POST".into()];
            } else if named.is_empty() {
                // What it serves was made elsewhere, as the page's files are.
                named = vec!["GET".into()];
            }
            found.extend(named.into_iter().map(|method| (method, path.to_owned())));
        }
    }

    /// What stands between the parentheses at the start of `text`.
    fn arguments(text: &str) -> &str {
        let mut depth = 0;
        for (at, c) in text.char_indices() {
            match c {
                '(' => depth += 1,
                ')' if depth == 1 => return &text[1..at],
                ')' => depth -= 1,
                _ => {}
            }
        }
        text
    }

    #[test]
    fn every_route_of_the_router_has_a_line_in_the_table() {
        let mut found = Vec::new();
        routes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server"), &mut found);
        assert!(found.contains(&("POST".into(), "/api/detection".into())) && found.len() > 12, "{found:?}");
        let missing: Vec<_> = found.iter().filter(|(method, path)| find(method, path).is_none()).collect();
        assert!(missing.is_empty(), "who may call these is not said in src/server/guard/rules.rs: {missing:?}");
    }

    #[test]
    fn the_look_for_routes_sees_every_form() {
        let mut found = Vec::new();
        routes_of(".route(\n\"/a/{id}\", get(x).post(y),\n).route(\"/b\", axum::routing::put(z))", &mut found);
        let of = |method: &str, path: &str| (method.to_owned(), path.to_owned());
        assert_eq!(found, [of("GET", "/a/{id}"), of("POST", "/a/{id}"), of("PUT", "/b")]);
    }

    #[test]
    fn a_route_without_a_line_is_an_admins() {
        assert_eq!(of("DELETE", "/api/detection").need, Admin);
        assert_eq!(of("GET", "/api/records/{detection_id}").need, View);
        assert_eq!(of("HEAD", "/assets/app.js").need, Nothing);
        assert_eq!(of("GET", "/api/new").need, Admin);
    }

    #[test]
    fn only_a_look_for_something_is_a_search() {
        assert!(!looks_for_something("") && !looks_for_something("limit=40&images=none"));
        assert!(looks_for_something("plate=ABC&limit=5") && looks_for_something("camera_id=c"));
        assert!(!looks_for_something("plate=ABC&cursor=17"));
    }
}
