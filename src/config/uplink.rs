//! `[uplink]`: the road to the server.

use super::Fault;
use super::agent::range;
use serde::{Deserialize, Serialize};

/// How to reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Socket.IO first, REST while it is down.
    Auto,
    Socketio,
    Rest,
}

/// Which Socket.IO client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SocketClientKind {
    /// Ours, over WebSocket.
    Own,
    /// The crate, as a reference.
    RustSocketio,
}

/// `[uplink]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UplinkConfig {
    /// `http(s)://` or `ws(s)://`, host, port, optional path prefix.
    pub server_url: String,
    /// Plain `http://` to another machine is allowed.
    pub allow_insecure: bool,
    /// PEM file with the only authorities that may vouch for the server; empty: the system's.
    pub ca_file: String,
    /// PEM file with our certificate and its chain; empty: none.
    pub client_cert_file: String,
    /// PEM file with its key, PKCS#8 without a password.
    pub client_key_file: String,
    /// File with the token; empty: systemd's credential `token` where there is one, else none.
    pub token_file: String,
    pub transport: Transport,
    pub socket_client: SocketClientKind,
    /// Seconds to wait for a connection, 1–120.
    pub connect_timeout_s: f64,
    /// Seconds to wait for the answer to one event, 1–300.
    pub answer_timeout_s: f64,
    /// Bytes of one Socket.IO message at the most; a larger event has its pictures made smaller, or goes by REST. A
    /// server's own limit counts if lower.
    pub max_socket_bytes: usize,
    /// Events in flight at once towards a server of protocol 2, 1–256. Any other gets one.
    pub window: usize,
}

impl Default for UplinkConfig {
    fn default() -> Self {
        Self {
            server_url: "http://127.0.0.1:8765".into(),
            allow_insecure: false,
            ca_file: String::new(),
            client_cert_file: String::new(),
            client_key_file: String::new(),
            token_file: String::new(),
            transport: Transport::Auto,
            socket_client: SocketClientKind::Own,
            connect_timeout_s: 10.0,
            answer_timeout_s: 10.0,
            max_socket_bytes: 900_000,
            window: 16,
        }
    }
}

impl UplinkConfig {
    pub(super) fn check(&self, faults: &mut Vec<Fault>) {
        let url = &self.server_url;
        if let Some(reason) = url_fault(url) {
            faults.push(Fault::new("uplink.server_url", reason));
        }
        if !self.allow_insecure && is_plain_to_another_machine(url) {
            faults.push(Fault::new("uplink.server_url", INSECURE));
        }
        if self.client_cert_file.is_empty() != self.client_key_file.is_empty() {
            faults.push(Fault::new("uplink.client_key_file", "must be set together with uplink.client_cert_file"));
        }
        range(faults, "uplink.connect_timeout_s", self.connect_timeout_s, 1.0, 120.0);
        range(faults, "uplink.answer_timeout_s", self.answer_timeout_s, 1.0, 300.0);
        range(faults, "uplink.max_socket_bytes", self.max_socket_bytes as f64, 10_000.0, 1e8);
        range(faults, "uplink.window", self.window as f64, 1.0, 256.0);
    }
}

/// Why this cannot be a server's URL; `None`: it can.
pub fn url_fault(url: &str) -> Option<&'static str> {
    const SCHEME: &str = "must begin with http://, https://, ws:// or wss:// and name a host";
    let Some((scheme, rest)) = url.trim().split_once("://") else { return Some(SCHEME) };
    if !["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Some(SCHEME);
    }
    if rest.contains('@') {
        return Some("holds a user name or password; put the token into uplink.token_file");
    }
    if rest.contains(['?', '#']) || rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some("may have no query, no fragment and no spaces");
    }
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.is_empty() || authority.starts_with(':') {
        return Some("names no host");
    }
    let port = authority.rsplit_once(']').map_or(authority, |(_, port)| port).split_once(':').map(|(_, port)| port);
    port.is_some_and(|port| port.parse::<u16>().is_err()).then_some("has a port that is no number from 0 to 65535")
}

/// A URL as it may be shown: of one that may carry a secret, the scheme and the host.
pub fn shown_url(url: &str) -> String {
    let line: String = url.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    if !line.contains(['@', '?', '#']) {
        return line;
    }
    let (scheme, rest) = line.split_once("://").map_or(("", line.as_str()), |(scheme, rest)| (scheme, rest));
    let plain = rest.split(['?', '#']).next().unwrap_or_default();
    // A password may hold a slash: the host is what follows the last @ there is.
    let host = plain.rsplit('@').next().unwrap_or_default().split('/').next().unwrap_or_default();
    let host = if rest.contains('@') && !plain.contains('@') { "" } else { host };
    if scheme.is_empty() { format!("{host}…") } else { format!("{scheme}://{host}/…") }
}

/// What is said of a plain URL that leaves the machine.
const INSECURE: &str = "is not encrypted and leaves this machine: plates, pictures and the token could be read on the way; \
     use https://, or set uplink.allow_insecure = true where the network itself is encrypted (Tailscale, a VPN)";

/// Would `url` carry data in the clear beyond this machine? `false` for what is no URL at all.
pub fn is_plain_to_another_machine(url: &str) -> bool {
    let Some((scheme, rest)) = url.trim().split_once("://") else { return false };
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("ws") {
        return false;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let loopback = match host.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    };
    !loopback
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_traffic_that_leaves_the_machine_is_insecure() {
        for url in ["http://127.0.0.1:8765", "ws://localhost/x", "http://[::1]:80/", "https://host", "wss://10.0.0.1"] {
            assert!(!is_plain_to_another_machine(url), "{url}");
        }
        for url in ["http://10.0.0.1:8765", "WS://host", "http://127.0.0.1.example.com", "http://[fd00::1]:80"] {
            assert!(is_plain_to_another_machine(url), "{url}");
        }
    }

    #[test]
    fn a_url_with_a_secret_is_a_fault_and_is_shown_without_it() {
        for url in [
            "https://user:hunter2@host/x",
            "https://host/x?token=hunter2",
            "https://host/#hunter2",
            "https://user:hunt?er2hunter2@host",
            "https://user:a/hunter2@host/x",
            "user:hunter2@host",
        ] {
            let config = UplinkConfig { server_url: url.into(), ..UplinkConfig::default() };
            let mut faults = Vec::new();
            config.check(&mut faults);
            assert!(!faults.is_empty(), "{url}");
            let said = format!("{faults:?} {}", shown_url(url));
            assert!(!said.contains("hunter2"), "{said}");
        }
        assert_eq!(shown_url("https://user:pw@host:1/x"), "https://host:1/…");
        assert_eq!(shown_url("https://host:1/x"), "https://host:1/x");
        for url in ["", "host:8765", "ftp://host", "http://", "http://:80", "http://h:x/", "http://h /"] {
            assert!(url_fault(url).is_some(), "{url}");
        }
        for url in ["http://h", "WSS://h/lpr//", "https://[::1]:8/x"] {
            assert_eq!(url_fault(url), None, "{url}");
        }
    }

    #[test]
    fn a_plain_url_to_another_machine_is_a_fault_that_names_the_remedy() {
        let mut config = UplinkConfig { server_url: "http://control:8765".into(), ..UplinkConfig::default() };
        let faults_of = |config: &UplinkConfig| {
            let mut faults = Vec::new();
            config.check(&mut faults);
            faults
        };
        let faults = faults_of(&config);
        assert!(faults.len() == 1 && faults[0].message.contains("allow_insecure"), "{faults:?}");
        config.allow_insecure = true;
        assert!(faults_of(&config).is_empty());
    }
}
