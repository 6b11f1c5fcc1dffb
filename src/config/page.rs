//! `[page]`: what an installer sees of the machine.

use super::Fault;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The agent's own page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PageConfig {
    /// Address and port; empty: no page. One that others reach needs a token.
    pub listen: String,
    /// File with the token that a visitor is asked for; empty: nobody is asked.
    pub token_file: String,
    /// Names under which the page is visited, beside addresses and `localhost`.
    pub hosts: Vec<String>,
}

impl Default for PageConfig {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8088".into(), token_file: String::new(), hosts: Vec::new() }
    }
}

impl PageConfig {
    /// Where it listens; `None` where it is off, or the address is none.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listen.parse().ok()
    }

    pub(super) fn check(&self, faults: &mut Vec<Fault>) {
        for host in &self.hosts {
            if host.is_empty() || !host.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'.') {
                let message = format!("\"{host}\" is no host name; write it without http:// and port");
                faults.push(Fault::new("page.hosts", message));
            }
        }
        if self.listen.is_empty() {
            return;
        }
        match self.address() {
            None => faults.push(Fault::new(
                "page.listen",
                format!("\"{}\" is no address with a port; write \"127.0.0.1:8088\", or \"\" for no page", self.listen),
            )),
            Some(address) if !address.ip().is_loopback() && self.token_file.is_empty() => faults.push(Fault::new(
                "page.listen",
                format!("{address} can be reached from other machines; set page.token_file, or listen on 127.0.0.1"),
            )),
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(listen: &str, token_file: &str, hosts: &[&str]) -> Vec<String> {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let config = PageConfig { listen: listen.into(), token_file: token_file.into(), hosts };
        let mut faults = Vec::new();
        config.check(&mut faults);
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_address_that_others_reach_needs_a_token() {
        for listen in ["127.0.0.1:8088", "[::1]:8088", "127.3.2.1:1", ""] {
            assert_eq!(faults(listen, "", &["gate-3.local"]), Vec::<String>::new(), "{listen}");
        }
        for listen in ["0.0.0.0:8088", "[::]:8088", "192.168.1.7:8088"] {
            assert!(faults(listen, "", &[])[0].contains("page.token_file"), "{listen}");
            assert_eq!(faults(listen, "/etc/lpr/page-token", &[]), Vec::<String>::new(), "{listen}");
        }
    }

    #[test]
    fn what_is_no_address_or_name_is_refused() {
        assert!(faults("localhost:8088", "", &[])[0].contains("no address"));
        assert!(faults("8088", "", &[])[0].contains("no address"));
        assert!(faults("", "", &["http://gate"])[0].contains("no host name"));
    }
}
