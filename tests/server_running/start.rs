//! What a technician is told before it runs.

use std::fs;
use std::process::Command;

/// Exit code, standard output, standard error of `lpr-server check-config` on this text.
fn check(dir: &std::path::Path, config: &str) -> (Option<i32>, String, String) {
    let file = dir.join("server.toml");
    fs::write(&file, config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lpr-server")).args(["check-config", "--config"]).arg(&file).output();
    let output = output.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_configuration_is_checked_with_the_files_that_it_names_and_nothing_is_started_or_written() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let good = format!("data_dir = \"{}\"\n", data.display());
    let (code, said, _) = check(dir.path(), &good);
    assert_eq!(code, Some(0));
    assert!(said.contains("server.toml is valid: listens on 127.0.0.1:8765"), "{said}");
    assert!(!data.exists());

    let (code, _, said) = check(dir.path(), "listen = \"here\"\nmax_records = 0\n");
    assert!(code == Some(10) && said.contains("listen") && said.contains("max_records"), "{said}");
    let (code, _, said) = check(dir.path(), "[tls]\ncert_file = \"/no/such.pem\"\nkey_file = \"/no/such.key\"\n");
    assert!(code == Some(10) && said.contains("tls.cert_file: /no/such.pem"), "{said}");
    let webhook = "[webhook]\nurl = \"https://receiver.example/\"\nsecret_file = \"/no/such.secret\"\n";
    let (code, _, said) = check(dir.path(), webhook);
    assert!(code == Some(10) && said.contains("webhook.secret_file: /no/such.secret"), "{said}");
}
