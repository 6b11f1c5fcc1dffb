//! Who may reach the server, over what, and how much of it: `[auth]`, `[tls]` and `[limits]`.

use super::Fault;
use crate::domain::{CameraId, CameraKey, CheckpointId};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

/// Who may do what, besides what tokens say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthConfig {
    /// Names by which browsers and agents reach the server. Addresses and `localhost` need no line.
    pub hosts: Vec<String>,
    /// Origins whose pages may call the server; empty: none but its own.
    pub cors_origins: Vec<String>,
    /// Hours that a sign-in on the page lasts.
    pub session_h: u64,
    /// Days that the audit trail is kept.
    pub audit_days: u64,
    pub legacy_ingest: LegacyIngest,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            cors_origins: Vec::new(),
            session_h: 12,
            audit_days: 365,
            legacy_ingest: LegacyIngest::default(),
        }
    }
}

/// Agents that cannot send a token: where they are, and which cameras they may bring. Nothing else is open to them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LegacyIngest {
    /// CIDR: `10.0.0.0/8`, `fd00::/8`, or one address.
    pub networks: Vec<String>,
    /// `checkpoint/camera`.
    pub cameras: Vec<String>,
}

/// Certificates; both files or neither.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TlsConfig {
    /// PEM: the server's certificate, then those that vouch for it.
    pub cert_file: PathBuf,
    /// PEM: its key.
    pub key_file: PathBuf,
}

impl TlsConfig {
    pub fn is_on(&self) -> bool {
        !self.cert_file.as_os_str().is_empty()
    }
}

/// How much of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitsConfig {
    /// Events of one device in a second, in the long run; 0: none while everything is open, else 200.
    pub events_per_device_s: u64,
    /// Connections at a time.
    pub connections: usize,
    /// Of them from one address; this machine's own are not counted.
    pub connections_per_address: usize,
    /// Bytes of one picture.
    pub image_bytes: usize,
    /// Width times height that a picture declares.
    pub image_pixels: u64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            events_per_device_s: 0,
            connections: 8192,
            connections_per_address: 512,
            image_bytes: 12_000_000,
            image_pixels: 50_000_000,
        }
    }
}

impl AuthConfig {
    pub(super) fn check(&self, faults: &mut Vec<Fault>) {
        for host in &self.hosts {
            if host.is_empty() || host.contains(['/', ':', ' ', '*']) {
                faults.push(Fault::new("auth.hosts", format!("\"{host}\" is no host name, e.g. control-room.example")));
            }
        }
        for origin in &self.cors_origins {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            if host.is_none_or(|host| host.is_empty() || host.contains(['/', '*', ' '])) {
                let what = format!("\"{origin}\" is no origin, e.g. https://maps.example (no path, no *)");
                faults.push(Fault::new("auth.cors_origins", what));
            }
        }
        if !(1..=8760).contains(&self.session_h) {
            faults.push(Fault::new("auth.session_h", "must be 1 to 8760"));
        }
        if !(1..=36_500).contains(&self.audit_days) {
            faults.push(Fault::new("auth.audit_days", "must be 1 to 36500"));
        }
        self.legacy_ingest.check(faults);
    }
}

impl LegacyIngest {
    fn check(&self, faults: &mut Vec<Fault>) {
        for network in &self.networks {
            if Network::parse(network).is_none() {
                let what = format!("\"{network}\" is no network, e.g. 10.20.0.0/16 or fd00::/8");
                faults.push(Fault::new("auth.legacy_ingest.networks", what));
            }
        }
        for camera in &self.cameras {
            if parse_camera(camera).is_none() {
                let what = format!("\"{camera}\" is not CHECKPOINT/CAMERA, e.g. checkpoint_001/camera_001");
                faults.push(Fault::new("auth.legacy_ingest.cameras", what));
            }
        }
        if self.networks.is_empty() != self.cameras.is_empty() {
            faults.push(Fault::new("auth.legacy_ingest", "needs both: networks and cameras"));
        }
    }

    pub fn is_on(&self) -> bool {
        !self.networks.is_empty() && !self.cameras.is_empty()
    }
}

impl TlsConfig {
    pub(super) fn check(&self, faults: &mut Vec<Fault>) {
        if self.cert_file.as_os_str().is_empty() != self.key_file.as_os_str().is_empty() {
            faults.push(Fault::new("tls", "needs both: cert_file and key_file"));
        }
    }
}

impl LimitsConfig {
    pub(super) fn check(&self, faults: &mut Vec<Fault>) {
        let mut range = |key: &str, value: u64, from: u64, to: u64| {
            if !(from..=to).contains(&value) {
                faults.push(Fault::new(format!("limits.{key}"), format!("must be {from} to {to}")));
            }
        };
        range("events_per_device_s", self.events_per_device_s, 0, 1_000_000);
        range("connections", self.connections as u64, 1, 1_000_000);
        range("connections_per_address", self.connections_per_address as u64, 1, 1_000_000);
        range("image_bytes", self.image_bytes as u64, 1000, 100_000_000);
        range("image_pixels", self.image_pixels, 10_000, 1_000_000_000);
    }
}

/// `CHECKPOINT/CAMERA`, as a camera is shown everywhere.
pub fn parse_camera(text: &str) -> Option<CameraKey> {
    let (checkpoint, camera) = text.split_once('/')?;
    Some(CameraKey { camera: CameraId::new(camera).ok()?, checkpoint: CheckpointId::new(checkpoint).ok()? })
}

/// Addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u32,
}

impl Network {
    /// `10.0.0.0/8`; an address alone is a network of one.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse().ok()?, Some(bits.parse().ok()?)),
            None => (text.parse().ok()?, None),
        };
        let most = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { first: address, bits })
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(Ipv4Addr::BITS - self.bits).unwrap_or(0);
                first.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(Ipv6Addr::BITS - self.bits).unwrap_or(0);
                first.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_what_begins_with_its_bits() {
        let contains = |network: &str, address: &str| {
            Network::parse(network).is_some_and(|network| network.contains(address.parse().unwrap()))
        };
        assert!(contains("10.1.0.0/16", "10.1.255.3") && !contains("10.1.0.0/16", "10.2.0.1"));
        assert!(contains("10.1.2.3", "10.1.2.3") && !contains("10.1.2.3", "10.1.2.4"));
        assert!(contains("10.1.0.0/16", "::ffff:10.1.2.3"), "an IPv4 peer of a socket that speaks both");
        assert!(contains("fd00::/8", "fd12::1") && !contains("fd00::/8", "fe80::1"));
        assert!(contains("0.0.0.0/0", "203.0.113.9") && !contains("0.0.0.0/0", "::1"));
        for wrong in ["", "10.0.0.0/33", "ten", "10.0.0.0/", "::/129"] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn half_an_answer_is_a_fault() {
        let mut faults = Vec::new();
        let legacy = LegacyIngest { networks: vec!["10.0.0.0/8".into()], cameras: Vec::new() };
        AuthConfig { legacy_ingest: legacy, hosts: vec!["http://x".into()], ..AuthConfig::default() }
            .check(&mut faults);
        TlsConfig { cert_file: "a.pem".into(), ..TlsConfig::default() }.check(&mut faults);
        let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
        assert_eq!(keys, ["auth.hosts", "auth.legacy_ingest", "tls"]);
    }
}
