//! The server's addresses, from the one URL in the configuration.

use super::UplinkError;
use crate::config::{shown_url, url_fault};

/// Where REST calls and the socket go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `http(s)://host[:port][/prefix]`, without a slash at the end.
    base: String,
}

impl Endpoint {
    /// Accepts `http(s)://` and `ws(s)://`, a port, and a path prefix (PROTOCOL 1.7).
    ///
    /// # Errors
    /// [`UplinkError::Url`] for anything else; credentials in a URL are refused, since URLs end up in logs.
    pub fn parse(url: &str) -> Result<Self, UplinkError> {
        if let Some(reason) = url_fault(url) {
            return Err(UplinkError::Url { url: shown_url(url), reason: reason.to_owned() });
        }
        let (scheme, rest) = url.trim().split_once("://").unwrap_or_default();
        let encrypted = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("wss");
        let scheme = if encrypted { "https" } else { "http" };
        Ok(Self { base: format!("{scheme}://{}", rest.trim_end_matches('/')) })
    }

    /// A REST call's URL; `path` begins with a slash.
    pub fn rest(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The socket's URL.
    pub fn socket(&self) -> String {
        format!("{}/socket.io/", self.base)
    }

    /// The same as a WebSocket's, Engine.IO 4.
    pub fn websocket(&self) -> String {
        let socket = self.socket();
        // `http` → `ws`, `https` → `wss`.
        format!("ws{}?EIO=4&transport=websocket", socket.trim_start_matches("http"))
    }

    /// Encrypted?
    pub fn is_tls(&self) -> bool {
        self.base.starts_with("https:")
    }

    /// Host (an IPv6 address without brackets) and port of the TCP connection.
    pub fn address(&self) -> (String, u16) {
        let rest = self.base.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or_default();
        let usual = if self.is_tls() { 443 } else { 80 };
        let (host, port) = match authority.strip_prefix('[').and_then(|v6| v6.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        (host.to_owned(), port.and_then(|port| port.parse().ok()).unwrap_or(usual))
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_contract_is_understood() {
        for (url, rest, socket) in [
            ("http://h:8765", "http://h:8765/api/test", "http://h:8765/socket.io/"),
            ("ws://h:8765/", "http://h:8765/api/test", "http://h:8765/socket.io/"),
            ("https://host/lpr", "https://host/lpr/api/test", "https://host/lpr/socket.io/"),
            ("WSS://host/lpr//", "https://host/lpr/api/test", "https://host/lpr/socket.io/"),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!((endpoint.rest("/api/test").as_str(), endpoint.socket().as_str()), (rest, socket), "{url}");
        }
    }

    #[test]
    fn the_websocket_goes_to_the_same_host_and_prefix() {
        for (url, websocket, host, port) in [
            ("http://h:8765", "ws://h:8765/socket.io/?EIO=4&transport=websocket", "h", 8765),
            ("https://h/lpr", "wss://h/lpr/socket.io/?EIO=4&transport=websocket", "h", 443),
            ("ws://[::1]", "ws://[::1]/socket.io/?EIO=4&transport=websocket", "::1", 80),
            ("ws://[::1]:81/", "ws://[::1]:81/socket.io/?EIO=4&transport=websocket", "::1", 81),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!(
                (endpoint.websocket().as_str(), endpoint.address()),
                (websocket, (host.to_owned(), port)),
                "{url}"
            );
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_and_a_password_is_not_repeated() {
        for url in
            ["", "host:8765", "ftp://host", "http://", "http://:80", "http://h/?a=b", "http://h/ x", "http://h:x/"]
        {
            assert!(Endpoint::parse(url).is_err(), "{url}");
        }
        let text = Endpoint::parse("http://user:hunter2@host").unwrap_err().to_string();
        assert!(!text.contains("hunter2"), "{text}");
    }
}
