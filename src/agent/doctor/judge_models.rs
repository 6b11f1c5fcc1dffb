//! What the models did, in words. Pure.

use super::line::{Check, Line, words};
use super::models::{Drawn, Golden, Loaded};
use std::path::Path;

/// Milliseconds of one picture beyond which cars pass unread.
const SLOW_MS: u128 = 1000;

/// `has_regions`: the configuration says whose plates pass.
pub fn loaded(facts: &Loaded, has_regions: bool) -> Vec<Line> {
    let info = &facts.info;
    let names: Vec<String> =
        info.models.iter().map(|model| format!("{} {} ({})", model.role, model.name, model.provider)).collect();
    let (names, version, ms) = (names.join(", "), &info.runtime_version, facts.took.as_millis());
    let said = words!(
        "{names}; ONNX Runtime {version}, loaded in {ms} ms",
        "{names} ใช้ ONNX Runtime {version} โหลดใน {ms} ms"
    );
    let mut lines = vec![Line::ok(Check::Models, said), reading(&facts.golden)];
    lines.extend(has_regions.then(|| alphabet(&info.alphabet_lacks)));
    lines
}

/// `dir`: the models folder.
pub fn not_loaded(reason: &str, dir: &Path) -> Line {
    let dir = dir.display();
    Line::fail(
        Check::Models,
        words!("{reason}", "โหลดโมเดลไม่ได้: {reason}"),
        words!(
            "lpr-agent models verify --dir {dir} shows what is wrong and how it comes back",
            "ใช้ lpr-agent models verify --dir {dir} เพื่อดูปัญหาและวิธีแก้"
        ),
    )
}

fn reading(golden: &Result<Golden, String>) -> Line {
    let broken =
        || words!("lpr-agent models verify; then choose other models", "ใช้ lpr-agent models verify แล้วลองโมเดลอื่น");
    let golden = match golden {
        Ok(golden) => golden,
        Err(reason) => {
            let said = words!("a drawn picture cannot be read: {reason}", "อ่านภาพวาดทดสอบไม่ได้: {reason}");
            return Line::fail(Check::Reading, said, broken());
        }
    };
    if let Some(Drawn { written, read }) = golden.misread() {
        let (written, read) = (written.join(", "), read.join(", "));
        let said = words!(
            "a drawn plate says \"{written}\" and was read as \"{read}\"",
            "ป้ายวาดทดสอบเขียนว่า \"{written}\" แต่อ่านได้ \"{read}\""
        );
        return Line::warn(Check::Reading, said, broken());
    }
    let texts: Vec<String> = golden.pictures.iter().map(|drawn| drawn.read.join(", ")).collect();
    let (texts, ms) = (texts.join(", "), golden.took.as_millis());
    let said = words!(
        "drawn plates are read rightly ({texts}), a picture in {ms} ms",
        "อ่านป้ายวาดทดสอบถูกต้อง ({texts}) ภาพละ {ms} ms"
    );
    if golden.took.as_millis() > SLOW_MS {
        let remedy = words!(
            "slow: set max_fps lower, models.vehicle = \"none\", or use a faster box",
            "ช้า: ลด max_fps ตั้ง models.vehicle = \"none\" หรือใช้เครื่องที่เร็วขึ้น"
        );
        return Line::warn(Check::Reading, said, remedy);
    }
    Line::ok(Check::Reading, said)
}

fn alphabet(lacks: &str) -> Line {
    if lacks.is_empty() {
        return Line::ok(Check::Alphabet, words!("has all letters of models.regions", "มีตัวอักษรครบตาม models.regions"));
    }
    Line::warn(
        Check::Alphabet,
        words!("the recogniser does not know: {lacks}", "ตัวอ่านไม่รู้จักตัวอักษร: {lacks}"),
        words!(
            "choose another models.ocr (docs/models.md), or correct models.regions",
            "เลือก models.ocr อื่น (docs/models.md) หรือแก้ models.regions"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::line::Status;
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_misread_plate_is_a_warning_and_a_broken_model_a_failure() {
        let golden = |read: &str, ms| {
            let pictures = vec![Drawn { written: vec!["AB12".into()], read: vec![read.into()] }];
            Ok(Golden { pictures, took: Duration::from_millis(ms) })
        };
        assert_eq!(reading(&golden("AB12", 90)).status, Status::Ok);
        assert_eq!(reading(&golden("AB12", 3000)).status, Status::Warn);
        assert_eq!(reading(&golden("A812", 90)).status, Status::Warn);
        assert_eq!(reading(&Err("x".into())).status, Status::Fail);
        assert_eq!(alphabet("กข").status, Status::Warn);
    }
}
