//! What a check says: in both languages, and what to do about it. Pure.

use serde_json::{Value, json};

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Lang {
    Th,
    En,
}

impl Lang {
    /// Of the environment: the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set decides.
    pub fn of_env(get: impl Fn(&str) -> Option<String>) -> Self {
        let said = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(get).find(|value| !value.is_empty());
        if said.is_some_and(|value| value.starts_with("th")) { Self::Th } else { Self::En }
    }
}

/// The same in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    pub en: String,
    pub th: String,
}

impl Words {
    pub fn of(&self, lang: Lang) -> &str {
        match lang {
            Lang::Th => &self.th,
            Lang::En => &self.en,
        }
    }

    /// What has no translation, e.g. the words of another program.
    pub fn same(text: impl Into<String>) -> Self {
        let en = text.into();
        Self { th: en.clone(), en }
    }
}

/// `words!("there are {n}", "มี {n}")`.
macro_rules! words {
    ($en:literal, $th:literal) => {
        $crate::agent::doctor::line::Words { en: format!($en), th: format!($th) }
    };
}
pub(super) use words;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Ok,
    /// Could not be looked at, and that is no fault.
    Skip,
    Warn,
    Fail,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skip => "skip",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    Config,
    Service,
    Camera,
    Picture,
    Plates,
    Models,
    Reading,
    Alphabet,
    Threads,
    Temperature,
    Power,
    Memory,
    Disk,
    Wear,
    Outbox,
    Clock,
    Name,
    Connection,
    Token,
    Server,
    Socket,
    Record,
}

impl Check {
    /// For programs.
    pub fn key(self) -> &'static str {
        self.names().0
    }

    /// For people.
    pub fn name(self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.key(),
            Lang::Th => self.names().1,
        }
    }

    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Config => ("config", "ไฟล์ตั้งค่า"),
            Self::Service => ("service", "บริการ"),
            Self::Camera => ("camera", "กล้อง"),
            Self::Picture => ("picture", "ภาพ"),
            Self::Plates => ("plates", "ขนาดป้าย"),
            Self::Models => ("models", "โมเดล"),
            Self::Reading => ("reading", "การอ่าน"),
            Self::Alphabet => ("alphabet", "ตัวอักษร"),
            Self::Threads => ("threads", "เธรด"),
            Self::Temperature => ("temperature", "อุณหภูมิ"),
            Self::Power => ("power", "ไฟเลี้ยง"),
            Self::Memory => ("memory", "หน่วยความจำ"),
            Self::Disk => ("disk", "ดิสก์"),
            Self::Wear => ("wear", "อายุดิสก์"),
            Self::Outbox => ("outbox", "คิวส่ง"),
            Self::Clock => ("clock", "นาฬิกา"),
            Self::Name => ("name", "ชื่อเครื่อง"),
            Self::Connection => ("connection", "การเชื่อมต่อ"),
            Self::Token => ("token", "โทเคน"),
            Self::Server => ("server", "เซิร์ฟเวอร์"),
            Self::Socket => ("socket", "ซ็อกเก็ต"),
            Self::Record => ("record", "ส่งทดสอบ"),
        }
    }
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub check: Check,
    pub status: Status,
    /// Which of several: a camera's key; else empty.
    pub about: String,
    pub said: Words,
    /// What to do; where something is to be done.
    pub remedy: Option<Words>,
}

impl Line {
    pub fn ok(check: Check, said: Words) -> Self {
        Self { check, status: Status::Ok, about: String::new(), said, remedy: None }
    }

    pub fn skip(check: Check, said: Words) -> Self {
        Self { status: Status::Skip, ..Self::ok(check, said) }
    }

    pub fn warn(check: Check, said: Words, remedy: Words) -> Self {
        Self { status: Status::Warn, remedy: Some(remedy), ..Self::ok(check, said) }
    }

    pub fn fail(check: Check, said: Words, remedy: Words) -> Self {
        Self { status: Status::Fail, remedy: Some(remedy), ..Self::ok(check, said) }
    }

    pub fn about(self, about: &str) -> Self {
        Self { about: about.to_owned(), ..self }
    }

    pub fn as_json(&self, lang: Lang) -> Value {
        json!({
            "check": self.check.key(),
            "about": self.about,
            "status": self.status.as_str(),
            "said": one_line(self.said.of(lang)),
            "remedy": self.remedy.as_ref().map(|remedy| one_line(remedy.of(lang))),
        })
    }
}

/// A server's words, or a driver's, must not draw on our terminal.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(400).collect()
}

/// How many of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub ok: usize,
    pub skip: usize,
    pub warn: usize,
    pub fail: usize,
}

impl Tally {
    pub fn of(lines: &[Line]) -> Self {
        let count = |status| lines.iter().filter(|line| line.status == status).count();
        Self { ok: count(Status::Ok), skip: count(Status::Skip), warn: count(Status::Warn), fail: count(Status::Fail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_gives_the_language() {
        let lang = |pairs: &'static [(&str, &str)]| {
            Lang::of_env(|key| pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(lang(&[("LANG", "th_TH.UTF-8")]), Lang::Th);
        assert_eq!(lang(&[("LANG", "th_TH.UTF-8"), ("LC_ALL", "C")]), Lang::En);
        assert_eq!(lang(&[("LANG", "th_TH.UTF-8"), ("LC_ALL", "")]), Lang::Th);
        assert_eq!(lang(&[]), Lang::En);
    }

    #[test]
    fn foreign_words_stay_on_their_line() {
        let line = Line::ok(Check::Server, Words::same("evil\n\u{1b}[2J")).as_json(Lang::En);
        assert_eq!(line["said"], "evil  [2J");
    }
}
