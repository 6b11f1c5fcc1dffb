//! Certificates from files, taken up anew when the files change: a renewed certificate needs no restart, and connections
//! that are open stay open.

use crate::config::TlsConfig;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};

/// The files are looked at so often.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("tls.{key}: {file} cannot be read: {reason}; it must be a PEM file that this user may read")]
    File { key: &'static str, file: String, reason: pem::Error },
    #[error("tls.cert_file: {0} holds no certificate")]
    NoCertificate(String),
    #[error("tls: certificate and key do not go together: {0}")]
    Pair(rustls::Error),
    #[error("tls: {0}")]
    Other(rustls::Error),
}

/// The certificate that is shown at the moment.
#[derive(Debug)]
pub struct Certificates {
    files: TlsConfig,
    provider: Arc<CryptoProvider>,
    shown: RwLock<Arc<CertifiedKey>>,
    /// Of the files, before they were read.
    loaded: Stamp,
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// What tells a changed file from the one that was read.
type Stamp = [Option<(SystemTime, u64)>; 2];

fn stamp(files: &TlsConfig) -> Stamp {
    [&files.cert_file, &files.key_file].map(|file| {
        let meta = std::fs::metadata(file).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    })
}

impl Certificates {
    pub fn load(files: &TlsConfig) -> Result<Arc<Self>, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let loaded = stamp(files);
        let shown = RwLock::new(read(files, &provider)?);
        Ok(Arc::new(Self { files: files.clone(), provider, shown, loaded }))
    }

    pub fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, TlsError> {
        let mut config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Other)?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn take_up(&self) -> Result<(), TlsError> {
        let fresh = read(&self.files, &self.provider)?;
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }
}

/// Looks at the files for ever; what cannot be used leaves the old certificate in its place, and is tried again: a file may
/// get its rights, or its other half, after it has come.
pub async fn watch(certificates: Arc<Certificates>) {
    let mut shown = certificates.loaded;
    let mut said = String::new();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let stamp = stamp(&certificates.files);
        if stamp == shown {
            continue;
        }
        match certificates.take_up() {
            Ok(()) => {
                shown = stamp;
                said.clear();
                tracing::info!("the new certificate is shown from now on");
            }
            Err(error) if error.to_string() != said => {
                tracing::warn!(%error, "the changed certificate cannot be used; the old one is still shown");
                said = error.to_string();
            }
            Err(_) => {}
        }
    }
}

fn read(files: &TlsConfig, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
    let file = |path: &Path| path.display().to_string();
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.cert_file)
        .and_then(Iterator::collect)
        .map_err(|reason| TlsError::File { key: "cert_file", file: file(&files.cert_file), reason })?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(file(&files.cert_file)));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key_file).map_err(|reason| TlsError::File {
        key: "key_file",
        file: file(&files.key_file),
        reason,
    })?;
    CertifiedKey::from_der(chain, key, provider).map(Arc::new).map_err(TlsError::Pair)
}
