//! The file for support: what the doctor found, the configuration without secrets, the log, the outbox's numbers, a picture of
//! each camera.

use super::machine::look_at_outbox;
use super::within;
use crate::clock::SystemClock;
use crate::config::{AgentConfig, SourceSpec, shown_url};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Lines of the journal.
const LOG_LINES: &str = "3000";
/// For another program's words.
const PATIENCE: Duration = Duration::from_secs(8);

/// What goes into it.
pub struct Contents<'a> {
    pub report_text: String,
    pub report_json: String,
    /// `None` where it cannot be used; its faults are in the report.
    pub config: Option<&'a AgentConfig>,
    pub pictures: &'a [(String, Vec<u8>)],
    /// Microseconds since the epoch.
    pub wall_us: i64,
}

/// Writes it, readable for its owner only: there are plates in it.
pub fn write(path: &Path, contents: &Contents<'_>) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::default()));
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(contents.wall_us / 1_000_000).unwrap_or(0));
        archive.append_data(&mut header, format!("lpr-agent-support/{name}"), bytes)
    };
    add("doctor.txt", contents.report_text.as_bytes())?;
    add("doctor.json", contents.report_json.as_bytes())?;
    add("version.txt", format!("lpr-agent {}\n", env!("CARGO_PKG_VERSION")).as_bytes())?;
    add("system.txt", system().as_bytes())?;
    add("journal.txt", scrubbed(&journal()).as_bytes())?;
    if let Some(config) = contents.config {
        add("agent.toml", without_secrets(config).as_bytes())?;
        add("outbox.txt", format!("{:#?}\n", look_at_outbox(config, &SystemClock)).as_bytes())?;
        let link = std::fs::read(config.data_dir.join("uplink-status.json")).unwrap_or_default();
        add("uplink-status.json", scrubbed(&String::from_utf8_lossy(&link)).as_bytes())?;
    }
    for (camera, jpeg) in contents.pictures {
        add(&format!("picture-{}.jpg", file_name(camera)), jpeg)?;
    }
    let mut file = archive.into_inner()?.finish()?;
    file.flush()?;
    file.sync_all()
}

/// The configuration as it is used, file and environment together. Comments are left out: nobody knows what is in them.
fn without_secrets(config: &AgentConfig) -> String {
    let mut shown = config.clone();
    shown.uplink.server_url = shown_url(&shown.uplink.server_url);
    for camera in &mut shown.camera {
        camera.source = SourceSpec::parse(&camera.source).map_or("***".into(), |spec| spec.to_string());
    }
    toml::to_string(&shown).unwrap_or_default()
}

/// Without what stands between `://` and `@`: a log has no secrets, but other programs' words may.
fn scrubbed(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let authority = after.find(|c: char| c.is_whitespace() || "\"'<>".contains(c)).unwrap_or(after.len());
        match after[..authority].rfind('@') {
            Some(end) => {
                clean.push_str("***");
                rest = &after[end..];
            }
            None => rest = after,
        }
    }
    clean.push_str(rest);
    clean
}

fn system() -> String {
    let files = ["/etc/os-release", "/proc/version", "/proc/uptime", "/proc/loadavg", "/proc/meminfo"];
    let shown = files.map(|file| format!("{file}\n{}\n", std::fs::read_to_string(file).unwrap_or_default()));
    shown.concat()
}

fn journal() -> String {
    let run = || {
        let asked = Command::new("journalctl")
            .args(["--unit=lpr-agent", "--no-pager", "--output=short-iso", "--lines", LOG_LINES])
            .stdin(Stdio::null())
            .output();
        match asked {
            Ok(output) => String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
            Err(error) => format!("journalctl: {error}\n"),
        }
    };
    within::start("journal", PATIENCE, run).wait().unwrap_or_else(|| "journalctl gave no answer\n".into())
}

/// A camera's key as part of a file's name.
fn file_name(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' }).take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CameraConfig;
    use proptest::prelude::*;
    use std::io::Read;

    fn config() -> AgentConfig {
        let source = "rtsp://user:hunter2@cam/live".to_owned();
        let mut config =
            AgentConfig { camera: vec![CameraConfig { source, ..CameraConfig::default() }], ..AgentConfig::default() };
        config.uplink.server_url = "https://me:hunter2@host/x".into();
        config
    }

    #[test]
    fn the_bundle_holds_everything_but_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("support.tar.gz");
        let config = AgentConfig { data_dir: dir.path().join("data"), ..config() };
        let pictures = [("gate/../cam 1".to_owned(), vec![0xff, 0xd8])];
        let contents = Contents {
            report_text: "all well".into(),
            report_json: "{}".into(),
            config: Some(&config),
            pictures: &pictures,
            wall_us: 1_700_000_000_000_000,
        };
        write(&path, &contents).unwrap();
        let file = std::fs::File::open(&path).unwrap();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions()) & 0o777, 0o600);
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
        let mut names = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            names.push(entry.path().unwrap().display().to_string());
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"), "{names:?}");
        }
        for name in ["doctor.txt", "agent.toml", "journal.txt", "picture-gate____cam_1.jpg"] {
            assert!(names.iter().any(|found| found.ends_with(name)), "{name} is not in {names:?}");
        }
    }

    #[test]
    fn a_configuration_is_shown_as_it_is_used() {
        let shown = without_secrets(&config());
        assert!(shown.contains("rtsp://") && shown.contains("https://host/"), "{shown}");
    }

    proptest! {
        #[test]
        fn no_password_before_an_at_survives(user in "[a-z]{1,8}", password in "Zq[a-z:/]{0,12}", before in "[ -~]{0,20}") {
            let text = format!("{before} rtsp://{user}:{password}@cam/live ฿ next");
            prop_assert!(!scrubbed(&text).contains(&password) || before.contains(&password));
            prop_assert!(scrubbed(&text).ends_with("@cam/live ฿ next"));
        }
    }
}
