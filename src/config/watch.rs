//! `[cameras]` and `[webhook]` of the server's file.

use super::agent::range;
use super::{Fault, is_plain_to_another_machine};
use serde::{Deserialize, Serialize};

/// When a camera counts as silent, hot, full, frozen, skewed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CamerasConfig {
    /// Seconds between the health reports of an agent.
    pub health_interval_s: f64,
    /// Silent after so many of them.
    pub silent_after: u32,
    /// Hot from so many degrees Celsius on.
    pub hot_celsius: f64,
    /// Full from so many percent of the disk on.
    pub full_percent: f64,
    /// Frozen where the newest frame is so many seconds old.
    pub frozen_s: f64,
    /// Skewed where its clock and ours are so many seconds apart.
    pub skew_s: f64,
}

impl Default for CamerasConfig {
    fn default() -> Self {
        Self {
            health_interval_s: 30.0,
            silent_after: 10,
            hot_celsius: 80.0,
            full_percent: 95.0,
            frozen_s: 60.0,
            skew_s: 30.0,
        }
    }
}

/// Where alerts are sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WebhookConfig {
    /// `https://` or `http://`; empty: nowhere.
    pub url: String,
    /// File with the secret that signs what is sent.
    pub secret_file: String,
    /// PEM file with an authority that may vouch for the receiver, beside the system's; empty: none.
    pub ca_file: String,
    /// Plain `http://` to another machine is allowed.
    pub allow_insecure: bool,
    /// Seconds for one attempt, 1–60.
    pub timeout_s: f64,
    /// Hours after which a delivery is tried no more.
    pub give_up_h: f64,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            secret_file: String::new(),
            ca_file: String::new(),
            allow_insecure: false,
            timeout_s: 10.0,
            give_up_h: 24.0,
        }
    }
}

impl CamerasConfig {
    pub fn check(&self, faults: &mut Vec<Fault>) {
        range(faults, "cameras.health_interval_s", self.health_interval_s, 1.0, 86_400.0);
        range(faults, "cameras.silent_after", f64::from(self.silent_after), 1.0, 1000.0);
        range(faults, "cameras.hot_celsius", self.hot_celsius, 20.0, 150.0);
        range(faults, "cameras.full_percent", self.full_percent, 10.0, 100.0);
        range(faults, "cameras.frozen_s", self.frozen_s, 1.0, 86_400.0);
        range(faults, "cameras.skew_s", self.skew_s, 1.0, 86_400.0);
    }
}

impl WebhookConfig {
    pub fn check(&self, faults: &mut Vec<Fault>) {
        range(faults, "webhook.timeout_s", self.timeout_s, 1.0, 60.0);
        range(faults, "webhook.give_up_h", self.give_up_h, 0.001, 720.0);
        if self.url.is_empty() {
            return;
        }
        let scheme = self.url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        if !matches!(scheme.as_deref(), Some("http" | "https")) {
            faults.push(Fault::new("webhook.url", "must begin with https:// or http://"));
        } else if self.url.split(['/', '?', '#']).nth(2).is_some_and(|authority| authority.contains('@')) {
            faults.push(Fault::new("webhook.url", "must not hold a password; the receiver checks the signature"));
        }
        if !self.allow_insecure && is_plain_to_another_machine(&self.url) {
            faults.push(Fault::new(
                "webhook.url",
                "is not encrypted and leaves this machine: plates could be read on the way; use https://, or set \
                 webhook.allow_insecure = true where the network itself is encrypted (Tailscale, a VPN)",
            ));
        }
        if self.secret_file.is_empty() {
            faults.push(Fault::new(
                "webhook.secret_file",
                "is missing: without a signature anyone could send alerts; put a long random text into a file and name it",
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(config: &WebhookConfig) -> Vec<String> {
        let mut faults = Vec::new();
        config.check(&mut faults);
        faults.into_iter().map(|fault| fault.key).collect()
    }

    #[test]
    fn a_webhook_is_signed_and_encrypted_or_refused() {
        let config = |url: &str, secret: &str| WebhookConfig {
            url: url.into(),
            secret_file: secret.into(),
            ..WebhookConfig::default()
        };
        assert!(faults(&WebhookConfig::default()).is_empty());
        assert!(faults(&config("https://host/hook", "s")).is_empty());
        assert!(faults(&config("http://127.0.0.1:9/hook", "s")).is_empty());
        assert_eq!(faults(&config("https://host/hook", "")), ["webhook.secret_file"]);
        assert_eq!(faults(&config("http://host/hook", "s")), ["webhook.url"]);
        assert_eq!(faults(&config("ftp://host/hook", "s")), ["webhook.url"]);
        assert_eq!(faults(&config("https://me:word@host/hook", "s")), ["webhook.url"]);
        assert!(faults(&WebhookConfig { allow_insecure: true, ..config("http://host/", "s") }).is_empty());
    }
}
