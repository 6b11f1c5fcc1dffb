//! Whether a request was meant for us: its `Host` (a name that someone else made point here is not ours: DNS rebinding)
//! and its `Origin` (a page of another site). Pure.

use std::net::IpAddr;

/// Where a browser says that a request was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It does not say: no browser, or a plain visit.
    Unsaid,
    /// Our own page.
    Ours,
    /// One of `[auth] cors_origins`.
    Listed,
    Foreign,
}

/// A `Host` header's name and port; brackets of an IPv6 address go.
fn split_host(host: &str) -> (&str, Option<&str>) {
    let host = host.trim();
    if let Some(rest) = host.strip_prefix('[') {
        let (name, after) = rest.split_once(']').unwrap_or((rest, ""));
        return (name, after.strip_prefix(':'));
    }
    match host.rsplit_once(':') {
        // Two colons without brackets: no port, an address.
        Some((name, _)) if name.contains(':') => (host, None),
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    }
}

fn same_name(one: &str, other: &str) -> bool {
    one.trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.'))
}

fn is_listed(name: &str, hosts: &[String]) -> bool {
    hosts.iter().any(|host| same_name(host, name))
}

/// May we be called by this `Host`? Addresses may: no one can make an address point elsewhere.
pub fn host_is_ours(host: &str, hosts: &[String]) -> bool {
    let (name, port) = split_host(host);
    if port.is_some_and(|port| !port.bytes().all(|byte| byte.is_ascii_digit())) {
        return false;
    }
    name.parse::<IpAddr>().is_ok() || same_name(name, "localhost") || is_listed(name, hosts)
}

/// Judges the `Origin` header of a request to `host`.
pub fn judge(origin: Option<&str>, host: Option<&str>, hosts: &[String], cors: &[String]) -> Origin {
    let Some(origin) = origin.map(str::trim) else { return Origin::Unsaid };
    if cors.iter().any(|listed| listed.eq_ignore_ascii_case(origin)) {
        return Origin::Listed;
    }
    let (authority, usual_port) = match origin.split_once("://") {
        Some(("http", authority)) => (authority, "80"),
        Some(("https", authority)) => (authority, "443"),
        _ => return Origin::Foreign,
    };
    let (name, port) = split_host(authority);
    let ours = host.is_some_and(|host| {
        let (our_name, our_port) = split_host(host);
        same_name(name, our_name) && port.unwrap_or(usual_port) == our_port.unwrap_or(usual_port)
    });
    // Behind a proxy the Host is the proxy's word, and the listed name is what the browser sees.
    if ours || is_listed(name, hosts) { Origin::Ours } else { Origin::Foreign }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_loopback_names_and_listed_names_are_ours() {
        let hosts = ["control-room.example".to_owned()];
        for host in [
            "127.0.0.1:8765",
            "10.0.0.7",
            "[::1]:8765",
            "::1",
            "localhost",
            "LOCALHOST:1",
            "Control-Room.example.",
            "control-room.example:443",
        ] {
            assert!(host_is_ours(host, &hosts), "{host}");
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "control-room.example.evil",
            "x@127.0.0.1:1x",
            "",
            "127.0.0.1:80@evil",
        ] {
            assert!(!host_is_ours(host, &hosts), "{host}");
        }
    }

    #[test]
    fn an_origin_is_ours_listed_or_foreign() {
        let hosts = ["control.example".to_owned()];
        let cors = ["https://maps.example".to_owned()];
        let judged = |origin: Option<&str>, host: &str| judge(origin, Some(host), &hosts, &cors);
        assert_eq!(judged(None, "127.0.0.1:8765"), Origin::Unsaid);
        assert_eq!(judged(Some("http://127.0.0.1:8765"), "127.0.0.1:8765"), Origin::Ours);
        assert_eq!(judged(Some("https://10.0.0.7"), "10.0.0.7"), Origin::Ours);
        assert_eq!(judged(Some("http://[::1]:8765"), "[::1]:8765"), Origin::Ours);
        assert_eq!(judged(Some("https://control.example"), "127.0.0.1:8765"), Origin::Ours, "behind a proxy");
        assert_eq!(judged(Some("https://maps.example"), "127.0.0.1:8765"), Origin::Listed);
        for foreign in ["http://127.0.0.1:3000", "null", "https://evil.example", "file://", "", "http://localhost:8765"]
        {
            assert_eq!(judged(Some(foreign), "127.0.0.1:8765"), Origin::Foreign, "{foreign}");
        }
        assert_eq!(judge(Some("http://a"), None, &[], &[]), Origin::Foreign);
    }
}
