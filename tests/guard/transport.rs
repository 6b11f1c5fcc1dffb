//! TLS: what is on the wire, and certificates that change.

use crate::site::{Site, Token, answer, detection, noticed};
use crate::tls::{Authority, Signed};
use openssl::ssl::{SslConnector, SslMethod, SslStream};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub struct Secure {
    child: Child,
    pub address: String,
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn put(dir: &Path, shown: &Signed) {
    fs::write(dir.join("server.key"), shown.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    fs::write(dir.join("server.pem"), shown.certificate.to_pem().unwrap()).unwrap();
}

pub fn start(site: &Site, shown: &Signed) -> Secure {
    let dir = site.dir.path();
    put(dir, shown);
    let mut child = Command::new(env!("CARGO_BIN_EXE_lpr-server"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(site.data())
        .env("LPR_SERVER_TLS_CERT_FILE", dir.join("server.pem"))
        .env("LPR_SERVER_TLS_KEY_FILE", dir.join("server.key"))
        .env("LPR_SERVER_LOG_LEVEL", "error")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit_once("https://").unwrap().1.to_owned();
    Secure { child, address }
}

fn connect(address: &str, ca: &Path) -> Option<SslStream<TcpStream>> {
    let mut connector = SslConnector::builder(SslMethod::tls()).unwrap();
    connector.set_ca_file(ca).unwrap();
    connector.build().connect("127.0.0.1", TcpStream::connect(address).unwrap()).ok()
}

fn ask(stream: &mut SslStream<TcpStream>, method: &str, path: &str, token: &Token, body: &str) -> crate::site::Answer {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{body}",
        body.len(),
        token.bearer()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    // Answers here are small: one read has the head, and the body soon after.
    while !bytes.ends_with(b"}") {
        let mut buffer = [0; 16_384];
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => bytes.extend(&buffer[..count]),
        }
    }
    answer(&bytes)
}

#[test]
fn a_renewed_certificate_is_shown_without_a_restart_and_no_connection_is_dropped() {
    let site = Site::new();
    let device = site.device("Pi 1", &["gate/cam-1"]);
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let old_ca = old.file(site.dir.path(), "old-ca.pem");
    let new_ca = new.file(site.dir.path(), "new-ca.pem");
    let server = start(&site, &old.vouch_for("127.0.0.1"));
    let at = server.address.as_str();
    let mut open = connect(at, &old_ca).unwrap();
    assert_eq!(ask(&mut open, "GET", "/api/test", &device, "").status, 200);
    assert!(connect(at, &new_ca).is_none());

    // Files that cannot be used leave the old one in its place.
    fs::write(site.dir.path().join("server.pem"), "not a certificate").unwrap();
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert!(connect(at, &old_ca).is_some());
    // So does half of a pair.
    fs::write(site.dir.path().join("server.pem"), new.vouch_for("127.0.0.1").certificate.to_pem().unwrap()).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert!(connect(at, &old_ca).is_some());

    put(site.dir.path(), &new.vouch_for("127.0.0.1"));
    let after = noticed("the new certificate", || connect(at, &new_ca).is_some());
    println!("a new certificate was shown after {after:?}");
    assert!(connect(at, &old_ca).is_none());
    let stored = ask(&mut open, "POST", "/api/detection", &device, &detection("gate", "cam-1"));
    assert_eq!(stored.status, 200, "the connection of before goes on");
}

/// A deploy script writes a file and gives it its rights, or its other half, afterwards: the file's time stays as it was.
#[test]
fn a_certificate_that_could_not_be_used_at_first_is_tried_again() {
    let site = Site::new();
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let old_ca = old.file(site.dir.path(), "old-ca.pem");
    let new_ca = new.file(site.dir.path(), "new-ca.pem");
    let server = start(&site, &old.vouch_for("127.0.0.1"));
    let renewed = new.vouch_for("127.0.0.1");
    put(site.dir.path(), &renewed);
    let key = site.dir.path().join("server.key");
    let whole = fs::read(&key).unwrap();
    fs::write(&key, vec![b'x'; whole.len()]).unwrap();
    let moment = fs::metadata(&key).unwrap().modified().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert!(connect(&server.address, &old_ca).is_some(), "meanwhile the old one is shown");
    fs::write(&key, &whole).unwrap();
    fs::File::options().write(true).open(&key).unwrap().set_modified(moment).unwrap();
    noticed("the new certificate", || connect(&server.address, &new_ca).is_some());
}

#[test]
fn nobody_speaks_in_the_clear_to_a_server_with_a_certificate() {
    let site = Site::new();
    let viewer = site.viewer();
    let authority = Authority::new("ours");
    let ca = authority.file(site.dir.path(), "ca.pem");
    let server = start(&site, &authority.vouch_for("127.0.0.1"));
    let mut plain = TcpStream::connect(&server.address).unwrap();
    plain
        .write_all(format!("GET /api/records HTTP/1.1\r\nHost: localhost\r\n{}\r\n", viewer.bearer()).as_bytes())
        .unwrap();
    let mut bytes = Vec::new();
    let _ = plain.read_to_end(&mut bytes);
    assert!(!bytes.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&bytes));
    let mut secure = connect(&server.address, &ca).unwrap();
    let signed_in = ask(&mut secure, "POST", "/api/signin", &viewer, &viewer.auth());
    assert!(signed_in.header("set-cookie").unwrap().contains("; Secure"), "{signed_in:?}");
}

#[test]
fn files_that_cannot_be_used_are_named_at_the_start() {
    let site = Site::new();
    let authority = Authority::new("ours");
    let (one, other) = (authority.vouch_for("127.0.0.1"), authority.vouch_for("127.0.0.1"));
    let dir = site.dir.path();
    let attempt = |change: &dyn Fn()| {
        put(dir, &one);
        change();
        let output = Command::new(env!("CARGO_BIN_EXE_lpr-server"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(site.data())
            .env("LPR_SERVER_TLS_CERT_FILE", dir.join("server.pem"))
            .env("LPR_SERVER_TLS_KEY_FILE", dir.join("server.key"))
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let wrong_key = || fs::write(dir.join("server.key"), other.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let (code, said) = attempt(&wrong_key);
    assert!(code == Some(10) && said.contains("do not go together"), "{said}");
    let (code, said) = attempt(&|| fs::remove_file(dir.join("server.key")).unwrap());
    assert!(code == Some(10) && said.contains("tls.key_file") && said.contains("server.key"), "{said}");
    let (code, said) = attempt(&|| fs::write(dir.join("server.pem"), "").unwrap());
    assert!(code == Some(10) && said.contains("tls.cert_file"), "{said}");
}
