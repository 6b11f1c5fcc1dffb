//! One TLS set-up for both roads: the same authorities, the same client certificate. The only file that makes one.

use super::UplinkError;
use crate::config::UplinkConfig;
use native_tls::{Certificate, Identity, Protocol, TlsConnector};
use std::path::Path;

/// Where certificates come from; an empty name means: none of our own.
#[derive(Debug, Clone, Default)]
pub struct TlsFiles {
    /// PEM, one or more authorities: then no other is trusted.
    pub ca: String,
    /// PEM: our certificate, then its chain.
    pub client_cert: String,
    /// PEM: its key, PKCS#8 without a password.
    pub client_key: String,
}

impl From<&UplinkConfig> for TlsFiles {
    fn from(config: &UplinkConfig) -> Self {
        Self {
            ca: config.ca_file.clone(),
            client_cert: config.client_cert_file.clone(),
            client_key: config.client_key_file.clone(),
        }
    }
}

impl TlsFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// [`UplinkError::Certificate`] names the key and the file; [`UplinkError::Tls`] where OpenSSL itself fails.
    pub fn connector(&self) -> Result<TlsConnector, UplinkError> {
        let mut builder = TlsConnector::builder();
        builder.min_protocol_version(Some(Protocol::Tlsv12));
        if !self.ca.is_empty() {
            let authorities = read("ca_file", &self.ca)?;
            let authorities = Certificate::stack_from_pem(&authorities).map_err(unusable("ca_file", &self.ca))?;
            if authorities.is_empty() {
                return Err(unusable("ca_file", &self.ca)("it holds no certificate in PEM form"));
            }
            builder.disable_built_in_roots(true);
            for authority in authorities {
                builder.add_root_certificate(authority);
            }
        }
        if !self.client_cert.is_empty() {
            let certificate = read("client_cert_file", &self.client_cert)?;
            let key = read("client_key_file", &self.client_key)?;
            // OpenSSL's words about a key are of no use to a technician, and none of the key's may be shown.
            let unusable = |_| {
                let hint = "certificate and key must be PEM and belong together, the key PKCS#8 without a password \
                            (openssl pkcs8 -topk8 -nocrypt)";
                unusable("client_key_file", &self.client_key)(hint)
            };
            builder.identity(Identity::from_pkcs8(&certificate, &key).map_err(unusable)?);
        }
        builder.build().map_err(|error| UplinkError::Tls(error.to_string()))
    }
}

fn read(key: &'static str, file: &str) -> Result<Vec<u8>, UplinkError> {
    std::fs::read(file).map_err(unusable(key, file))
}

fn unusable<E: std::fmt::Display>(key: &'static str, file: &str) -> impl Fn(E) -> UplinkError {
    move |reason| UplinkError::Certificate { key, path: Path::new(file).into(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_used_is_named_with_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem").display().to_string();
        let wrong = |files: TlsFiles| files.connector().unwrap_err().to_string();
        let text = wrong(TlsFiles { ca: file.clone(), ..TlsFiles::default() });
        assert!(text.contains("uplink.ca_file") && text.contains(&file), "{text}");
        std::fs::write(&file, "no certificate").unwrap();
        assert!(wrong(TlsFiles { ca: file.clone(), ..TlsFiles::default() }).contains(&file));
        let text = wrong(TlsFiles { client_cert: file.clone(), client_key: file, ..TlsFiles::default() });
        assert!(text.contains("pkcs8"), "{text}");
        assert!(TlsFiles::default().connector().is_ok());
    }
}
