//! Certificates made for one test, and a TLS door in front of a plain server.

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod, SslStream, SslVerifyMode};
use openssl::x509::extension::{BasicConstraints, KeyUsage, SubjectAlternativeName};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509NameBuilder};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A certificate with its key.
pub struct Signed {
    pub certificate: X509,
    pub key: PKey<Private>,
}

/// Who may vouch.
pub struct Authority(Signed);

fn key() -> PKey<Private> {
    let group = openssl::ec::EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(openssl::ec::EcKey::generate(&group).unwrap()).unwrap()
}

/// `issuer` `None`: signs itself, as an authority does. `name` is a host name or address.
fn certificate(name: &str, issuer: Option<&Signed>) -> Signed {
    let key = key();
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(std::process::id()).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(issuer.map_or(&*subject, |issuer| issuer.certificate.subject_name())).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(3650).unwrap()).unwrap();
    builder.set_pubkey(&key).unwrap();
    match issuer {
        None => {
            builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
            builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build().unwrap()).unwrap();
        }
        Some(_) => {
            let mut names = SubjectAlternativeName::new();
            if name.parse::<std::net::IpAddr>().is_ok() {
                names.ip(name)
            } else {
                names.dns(name)
            };
            let names = names.build(&builder.x509v3_context(None, None)).unwrap();
            builder.append_extension(names).unwrap();
        }
    }
    builder.sign(issuer.map_or(&key, |issuer| &issuer.key), MessageDigest::sha256()).unwrap();
    Signed { certificate: builder.build(), key }
}

impl Authority {
    pub fn new(name: &str) -> Self {
        Self(certificate(name, None))
    }

    pub fn vouch_for(&self, name: &str) -> Signed {
        certificate(name, Some(&self.0))
    }

    /// Its certificate as a PEM file in `dir`.
    pub fn file(&self, dir: &Path, name: &str) -> PathBuf {
        write(dir, name, &self.0.certificate.to_pem().unwrap())
    }
}

impl Signed {
    /// Certificate and key as PEM files in `dir`.
    pub fn files(&self, dir: &Path) -> (PathBuf, PathBuf) {
        let certificate = write(dir, "client.pem", &self.certificate.to_pem().unwrap());
        (certificate, write(dir, "client.key", &self.key.private_key_to_pem_pkcs8().unwrap()))
    }
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// A TLS listener in front of `target` (`127.0.0.1:PORT`) that shows `shown`; with `clients`, only to those whose
/// certificate that authority has signed. Returns its port.
pub fn door(target: &str, shown: &Signed, clients: Option<&Authority>) -> u16 {
    door_on("127.0.0.1:0", target, shown, clients)
}

/// The same at another address.
pub fn door_on(address: &str, target: &str, shown: &Signed, clients: Option<&Authority>) -> u16 {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_certificate(&shown.certificate).unwrap();
    acceptor.set_private_key(&shown.key).unwrap();
    if let Some(authority) = clients {
        let mut store = X509StoreBuilder::new().unwrap();
        store.add_cert(authority.0.certificate.clone()).unwrap();
        acceptor.set_verify_cert_store(store.build()).unwrap();
        acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    }
    let acceptor = Arc::new(acceptor.build());
    let listener = TcpListener::bind(address).unwrap();
    let port = listener.local_addr().unwrap().port();
    let target = target.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (acceptor, target) = (acceptor.clone(), target.clone());
            std::thread::spawn(move || {
                let Ok(secure) = acceptor.accept(stream) else { return };
                if let Ok(plain) = TcpStream::connect(target) {
                    carry(secure, plain);
                }
            });
        }
    });
    port
}

/// Carries bytes both ways until either end closes. One thread: an `SslStream` cannot be shared.
fn carry(mut secure: SslStream<TcpStream>, mut plain: TcpStream) {
    let pause = Some(Duration::from_millis(2));
    secure.get_ref().set_read_timeout(pause).unwrap();
    plain.set_read_timeout(pause).unwrap();
    let mut buffer = vec![0u8; 65_536];
    loop {
        let inward = read(&mut secure, &mut buffer);
        if inward.is_none_or(|count| plain.write_all(&buffer[..count]).is_err()) {
            return;
        }
        let outward = read(&mut plain, &mut buffer);
        if outward.is_none_or(|count| secure.write_all(&buffer[..count]).is_err()) {
            return;
        }
    }
}

/// Bytes read; 0 where none came in time, `None` at the end.
fn read(stream: &mut impl Read, buffer: &mut [u8]) -> Option<usize> {
    match stream.read(buffer) {
        Ok(0) => None,
        Ok(count) => Some(count),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Some(0),
        Err(_) => None,
    }
}
