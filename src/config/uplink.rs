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
        let known = ["http://", "https://", "ws://", "wss://"];
        if !known.iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme)) {
            faults.push(Fault::new(
                "uplink.server_url",
                "must begin with http://, https://, ws:// or wss:// and name a host",
            ));
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
