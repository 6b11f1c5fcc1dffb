//! What was seen through a camera means what? In words. Pure.

use super::cameras::{Look, Moving, Seen};
use super::line::{Check, Line, Words, words};
use crate::capture::CaptureError;
use crate::vision::{Exposure, PictureFault};

/// Fewer frames a second than this let cars pass unseen.
const LEAST_FPS: f64 = 3.0;
/// Pixels that a plate must be high to be read well.
const LEAST_HEIGHT: f32 = 20.0;

pub fn camera(key: &str, source: &str, look: &Look) -> Vec<Line> {
    let lines = match look {
        Look::Busy => vec![Line::skip(
            Check::Camera,
            words!(
                "{source} is in use by the running service; stop it to look through the camera here",
                "{source} ถูกใช้โดยบริการที่ทำงานอยู่ หยุดบริการก่อนถ้าต้องการดูกล้องที่นี่"
            ),
        )],
        Look::Failed(error) => {
            let error_text = error.to_string();
            let said = words!("{error_text}", "เปิดกล้องไม่ได้: {error_text}");
            vec![Line::fail(Check::Camera, said, remedy(error))]
        }
        Look::Seen(seen) => seen_lines(source, seen),
    };
    lines.into_iter().map(|line| line.about(key)).collect()
}

fn remedy(error: &CaptureError) -> Words {
    match error {
        CaptureError::NoDevice { .. } => {
            words!("plug the camera in; ls /dev/video* shows which there are", "เสียบกล้อง แล้วดูว่ามีตัวใดด้วย ls /dev/video*")
        }
        CaptureError::Refused { .. } => words!(
            "put user:password into the camera's credentials_file",
            "ใส่ user:password ในไฟล์ credentials_file ของกล้อง"
        ),
        CaptureError::OpenTimeout { .. } | CaptureError::ReadTimeout { .. } | CaptureError::Lost { .. } => words!(
            "check the camera's power and cable, ping its address, play its stream elsewhere; then switch it off and on",
            "ตรวจไฟและสายของกล้อง ลอง ping ที่อยู่ของกล้อง เล่นสตรีมจากเครื่องอื่น แล้วปิดเปิดกล้องใหม่"
        ),
        CaptureError::Wedged { .. } | CaptureError::Thread { .. } => {
            words!("switch the camera off and on, then restart the service", "ปิดเปิดกล้อง แล้วเริ่มบริการใหม่")
        }
        _ => words!("correct source in the configuration", "แก้ source ในไฟล์ตั้งค่า"),
    }
}

fn seen_lines(source: &str, seen: &Seen) -> Vec<Line> {
    let Some(frame) = seen.frames.last() else { return Vec::new() };
    let (width, height, fps, ms) = (frame.width(), frame.height(), seen.fps, seen.opened.as_millis());
    let said = words!(
        "{source}: {width}x{height}, {fps:.1} frames a second, opened in {ms} ms",
        "{source}: {width}x{height} {fps:.1} ภาพต่อวินาที เปิดใน {ms} ms"
    );
    // A single picture has no pace.
    let said =
        if seen.frames.len() > 1 { said } else { words!("{source}: {width}x{height}", "{source}: {width}x{height}") };
    let slow = seen.moving != Moving::Unknown && fps < LEAST_FPS;
    let camera = if let Some(error) = &seen.lost {
        let error_text = error.to_string();
        Line::fail(Check::Camera, words!("lost: {error_text}", "ภาพขาดหาย: {error_text}"), remedy(error))
    } else if slow {
        let remedy = words!(
            "give the camera light, a shorter exposure or a faster stream; at night cameras slow down",
            "เพิ่มแสง ลดเวลาเปิดรับแสง หรือใช้สตรีมที่เร็วขึ้น กลางคืนกล้องจะช้าลง"
        );
        Line::warn(Check::Camera, said, remedy)
    } else {
        Line::ok(Check::Camera, said)
    };
    let mut lines = vec![camera];
    lines.push(picture(seen.exposure.unwrap_or_default(), seen.moving));
    lines
}

fn picture(exposure: Exposure, moving: Moving) -> Line {
    let Exposure { mean, black, blown, sharpness, .. } = exposure;
    let (black, blown) = (black * 100.0, blown * 100.0);
    let measures = words!(
        "brightness {mean:.0} of 255, {black:.0} % black, {blown:.0} % blown out, sharpness {sharpness:.2}",
        "ความสว่าง {mean:.0} จาก 255 ดำ {black:.0} % ขาวจ้า {blown:.0} % ความคม {sharpness:.2}"
    );
    let with = |what: &str, what_th: &str| {
        let Words { en, th } = &measures;
        words!("{what}: {en}", "{what_th}: {th}")
    };
    if moving == Moving::No {
        let remedy = words!(
            "not one pixel changes: switch the camera off and on; a recorder may repeat its last picture",
            "ภาพไม่เปลี่ยนแม้แต่พิกเซลเดียว ปิดเปิดกล้องใหม่ เครื่องบันทึกอาจส่งภาพเดิมซ้ำ"
        );
        return Line::fail(Check::Picture, with("frozen", "ภาพค้าง"), remedy);
    }
    match exposure.fault() {
        None => Line::ok(Check::Picture, measures),
        Some(PictureFault::Black) => Line::fail(
            Check::Picture,
            with("black", "ภาพดำ"),
            words!(
                "take the cap off, clear the lens, give light; at night use infrared",
                "ถอดฝาเลนส์ เช็ดเลนส์ เพิ่มแสง กลางคืนใช้อินฟราเรด"
            ),
        ),
        Some(PictureFault::Blown) => Line::fail(
            Check::Picture,
            with("blown out", "ภาพขาวจ้า"),
            words!("turn the camera away from sun and lamps, shorten its exposure", "หันกล้องหลบแดดและไฟ ลดเวลาเปิดรับแสง"),
        ),
        Some(PictureFault::Flat) => Line::fail(
            Check::Picture,
            with("nothing to see", "มองไม่เห็นอะไร"),
            words!("is the lens covered, fogged, or facing a wall?", "เลนส์ถูกบัง เป็นฝ้า หรือหันเข้ากำแพงหรือไม่"),
        ),
        Some(PictureFault::Blurred) => Line::warn(
            Check::Picture,
            with("blurred", "ภาพไม่ชัด"),
            words!("set the focus at the distance where plates pass, clean the lens", "ปรับโฟกัสที่ระยะที่ป้ายผ่าน เช็ดเลนส์"),
        ),
    }
}

/// Heights in pixels of the plates in the camera's zone; `None`: the models could not look.
pub fn plates(key: &str, heights: Option<&[f32]>, least_wanted: f64) -> Line {
    let line = match heights {
        None => Line::skip(Check::Plates, words!("the models could not look", "โมเดลดูภาพไม่ได้")),
        Some([]) => Line::skip(
            Check::Plates,
            words!(
                "no plate in view now; run this again while a car stands there",
                "ขณะนี้ไม่มีป้ายในภาพ รันอีกครั้งเมื่อมีรถจอดอยู่"
            ),
        ),
        Some(heights) => {
            let tallest = heights.iter().copied().fold(0.0, f32::max);
            let count = heights.len();
            let said = words!(
                "{count} plate(s) in the zone, the tallest {tallest:.0} px high",
                "พบป้าย {count} ป้ายในโซน สูงสุด {tallest:.0} พิกเซล"
            );
            if f64::from(tallest) < least_wanted {
                let remedy = words!(
                    "min_plate_height is {least_wanted}: no such plate makes an event; lower it or zoom in",
                    "min_plate_height คือ {least_wanted}: ป้ายขนาดนี้จะไม่เกิดเหตุการณ์ ลดค่าลงหรือซูมเข้า"
                );
                Line::warn(Check::Plates, said, remedy)
            } else if tallest < LEAST_HEIGHT {
                let remedy = words!(
                    "zoom in, come closer, or use the camera's main stream: {LEAST_HEIGHT} px are needed",
                    "ซูมเข้า เข้าใกล้ขึ้น หรือใช้สตรีมหลักของกล้อง ควรสูงอย่างน้อย {LEAST_HEIGHT} พิกเซล"
                );
                Line::warn(Check::Plates, said, remedy)
            } else {
                Line::ok(Check::Plates, said)
            }
        }
    };
    line.about(key)
}

/// A source that is refused before it is opened.
pub fn unusable(key: &str, reason: &str) -> Line {
    let remedy = words!(
        "correct this camera in the configuration, or who may read its files",
        "แก้กล้องนี้ในไฟล์ตั้งค่า หรือสิทธิ์การอ่านไฟล์ของมัน"
    );
    Line::fail(Check::Camera, Words::same(reason), remedy).about(key)
}

#[cfg(test)]
mod tests {
    use super::super::line::Status;
    use super::*;

    fn exposure(mean: f32, black: f32, blown: f32, sharpness: f32) -> Exposure {
        Exposure { mean, spread: 40.0, black, blown, sharpness }
    }

    #[test]
    fn each_bad_picture_has_its_own_words() {
        let said = |exposure, moving| {
            let line = picture(exposure, moving);
            (line.status, line.said.en.split(':').next().unwrap_or_default().to_owned())
        };
        assert_eq!(said(exposure(3.0, 0.99, 0.0, 0.0), Moving::Yes), (Status::Fail, "black".into()));
        assert_eq!(said(exposure(250.0, 0.0, 0.8, 0.2), Moving::Yes), (Status::Fail, "blown out".into()));
        assert_eq!(said(exposure(120.0, 0.0, 0.0, 0.01), Moving::Yes), (Status::Warn, "blurred".into()));
        assert_eq!(said(exposure(120.0, 0.0, 0.0, 0.4), Moving::No), (Status::Fail, "frozen".into()));
        assert_eq!(said(exposure(120.0, 0.0, 0.0, 0.4), Moving::Yes).0, Status::Ok);
        assert_eq!(said(exposure(120.0, 0.0, 0.0, 0.4), Moving::Unknown).0, Status::Ok);
    }

    #[test]
    fn a_plate_that_is_too_low_is_a_warning_and_none_is_not() {
        assert_eq!(plates("c", Some(&[]), 0.0).status, Status::Skip);
        assert_eq!(plates("c", Some(&[12.0, 31.0]), 0.0).status, Status::Ok);
        assert_eq!(plates("c", Some(&[12.0]), 0.0).status, Status::Warn);
        let line = plates("c", Some(&[31.0]), 40.0);
        assert!(line.status == Status::Warn && line.remedy.unwrap().en.contains("min_plate_height is 40"));
    }

    #[test]
    fn a_busy_camera_is_no_fault_and_a_lost_one_is() {
        assert_eq!(camera("c", "/dev/video0", &Look::Busy)[0].status, Status::Skip);
        let lost = camera("c", "s", &Look::Failed(CaptureError::Lost { from: "s".into() }));
        assert_eq!((lost[0].status, lost[0].about.as_str()), (Status::Fail, "c"));
        assert!(lost[0].remedy.as_ref().unwrap().th.contains("ping"));
    }
}
