//! What the measures of the box mean, in words. Pure.

use super::line::{Check, Line, Words, words};
use super::machine::{Disk, Machine, OutboxLook};
use crate::config::HealthConfig;
use std::time::Duration;

/// 2025-01-01: no box of ours was made before.
const EARLIEST_US: i64 = 1_735_689_600_000_000;
/// A disk that needs longer for one small file is worn out, or on its way there.
const SLOW_DISK: Duration = Duration::from_secs(1);
/// Less room than this is soon used up.
const LITTLE_ROOM: u64 = 500_000_000;
const NO_ROOM: u64 = 50_000_000;

pub fn machine(facts: &Machine, config: &HealthConfig) -> Vec<Line> {
    let mut lines = Vec::new();
    lines.extend(facts.threads.map(|threads| self::threads(threads, facts.cores)));
    lines.push(temperature(facts.sample.temperature, config));
    lines.extend(facts.throttled.map(power));
    lines.extend(facts.sample.memory_usage.map(|used| memory(used, config)));
    lines.push(clock(facts.synced, facts.wall_us));
    lines
}

fn threads(threads: usize, cores: usize) -> Line {
    let said = words!("{threads} of {cores} cores for one inference", "ใช้ {threads} จาก {cores} คอร์ต่อการอ่านหนึ่งครั้ง");
    if threads > cores {
        let remedy = words!("set models.threads to {cores} or less", "ตั้ง models.threads ไม่เกิน {cores}");
        return Line::warn(Check::Threads, said, remedy);
    }
    Line::ok(Check::Threads, said)
}

fn temperature(celsius: Option<f64>, config: &HealthConfig) -> Line {
    let Some(celsius) = celsius else {
        return Line::skip(Check::Temperature, words!("this box has no sensor", "เครื่องนี้ไม่มีตัววัดอุณหภูมิ"));
    };
    let said = words!("{celsius:.0} °C", "{celsius:.0} °C");
    let remedy = words!(
        "clean the fan and the vents, give shade; a hot box reads slower",
        "ทำความสะอาดพัดลมและช่องระบาย ให้อยู่ในร่ม เครื่องร้อนจะอ่านช้าลง"
    );
    if celsius >= config.error_celsius {
        Line::fail(Check::Temperature, said, remedy)
    } else if celsius >= config.warning_celsius {
        Line::warn(Check::Temperature, said, remedy)
    } else {
        Line::ok(Check::Temperature, said)
    }
}

/// Bits of the Raspberry Pi's firmware: 0 too little voltage now, 1 and 2 slowed down now, 3 too hot now; 16 and up: since start.
fn power(bits: u32) -> Line {
    let supply = words!("use the maker's power supply and a short, thick cable", "ใช้อะแดปเตอร์ของผู้ผลิต และสายสั้นเส้นหนา");
    let cooling = words!("better cooling is needed", "ต้องระบายความร้อนให้ดีขึ้น");
    if bits & 0b1 != 0 {
        Line::fail(Check::Power, words!("too little voltage now", "แรงดันไฟต่ำเกินไปในขณะนี้"), supply)
    } else if bits & 0b1110 != 0 {
        Line::warn(Check::Power, words!("the processor is slowed down now", "โปรเซสเซอร์ถูกลดความเร็วในขณะนี้"), cooling)
    } else if bits & 0x1_0000 != 0 {
        Line::warn(Check::Power, words!("too little voltage since the start", "เคยมีแรงดันไฟต่ำหลังเปิดเครื่อง"), supply)
    } else if bits & 0xe_0000 != 0 {
        Line::warn(Check::Power, words!("slowed down since the start", "เคยถูกลดความเร็วหลังเปิดเครื่อง"), cooling)
    } else {
        Line::ok(Check::Power, words!("supply and speed are full", "ไฟเลี้ยงและความเร็วปกติ"))
    }
}

fn memory(used: f64, config: &HealthConfig) -> Line {
    let said = words!("{used:.0} % used", "ใช้ไป {used:.0} %");
    let remedy =
        words!("stop other programs, or use a box with more memory", "ปิดโปรแกรมอื่น หรือใช้เครื่องที่มีหน่วยความจำมากขึ้น");
    if used >= config.error_percent {
        Line::fail(Check::Memory, said, remedy)
    } else if used >= config.warning_percent {
        Line::warn(Check::Memory, said, remedy)
    } else {
        Line::ok(Check::Memory, said)
    }
}

fn clock(synced: bool, wall_us: i64) -> Line {
    let remedy = words!(
        "let the box reach a time server (timedatectl status; UDP port 123), or give it a battery clock",
        "ให้เครื่องต่อเซิร์ฟเวอร์เวลาได้ (timedatectl status, UDP พอร์ต 123) หรือใส่แบตเตอรี่นาฬิกา"
    );
    if wall_us < EARLIEST_US {
        return Line::fail(Check::Clock, words!("the date is wrong", "วันที่ไม่ถูกต้อง"), remedy);
    }
    if !synced {
        let said = words!(
            "not known to be right: nobody has set it since the start",
            "ยังไม่ทราบว่าเวลาถูกต้องหรือไม่ ยังไม่มีการตั้งเวลาหลังเปิดเครื่อง"
        );
        return Line::warn(Check::Clock, said, remedy);
    }
    Line::ok(Check::Clock, words!("set by a time server", "ตั้งเวลาจากเซิร์ฟเวอร์เวลาแล้ว"))
}

pub fn disk(facts: &Disk) -> Vec<Line> {
    match facts {
        Disk::Missing(dir) => {
            let dir = dir.display();
            vec![Line::warn(
                Check::Disk,
                words!("{dir} is not there yet", "ยังไม่มี {dir}"),
                words!(
                    "the service makes it at its first start; else correct data_dir",
                    "บริการจะสร้างเองเมื่อเริ่มครั้งแรก ถ้าไม่ ให้แก้ data_dir"
                ),
            )]
        }
        Disk::Unwritable { dir, error } => {
            let dir = dir.display();
            let full = error.kind() == std::io::ErrorKind::StorageFull;
            let remedy = if full {
                words!("make room: the disk is full (df -h {dir})", "ดิสก์เต็ม ให้ลบไฟล์ที่ไม่ใช้ (df -h {dir})")
            } else {
                words!(
                    "run this with sudo; the folder must belong to the service's user, on a disk that is not read-only",
                    "รันคำสั่งนี้ด้วย sudo โฟลเดอร์ต้องเป็นของผู้ใช้ของบริการ และดิสก์ต้องไม่เป็นแบบอ่านอย่างเดียว"
                )
            };
            vec![Line::fail(
                Check::Disk,
                words!("{dir} cannot be written: {error}", "เขียน {dir} ไม่ได้: {error}"),
                remedy,
            )]
        }
        Disk::Written { dir, took, free_bytes, used_percent, worn_percent } => {
            let mut lines = vec![room(&dir.display().to_string(), *took, *free_bytes, *used_percent)];
            lines.extend(worn_percent.map(wear));
            lines
        }
    }
}

fn room(dir: &str, took: Duration, free_bytes: Option<u64>, used: Option<f64>) -> Line {
    let (free, used) = (free_bytes.unwrap_or(u64::MAX), used.unwrap_or_default());
    let (mb, ms) = (free / 1_000_000, took.as_millis());
    let said = words!(
        "{dir}: {mb} MB free ({used:.0} % used), a write takes {ms} ms",
        "{dir}: เหลือ {mb} MB (ใช้ไป {used:.0} %) เขียนหนึ่งครั้งใช้ {ms} ms"
    );
    let make_room = words!(
        "make room, or lower outbox.max_bytes; the oldest events go first when the disk is full",
        "ลบไฟล์ที่ไม่ใช้ หรือลด outbox.max_bytes เมื่อดิสก์เต็ม เหตุการณ์เก่าสุดจะถูกลบก่อน"
    );
    if free < NO_ROOM {
        Line::fail(Check::Disk, said, make_room)
    } else if free < LITTLE_ROOM {
        Line::warn(Check::Disk, said, make_room)
    } else if took > SLOW_DISK {
        let remedy = words!("the card or disk is slow or worn out: replace it", "การ์ดหรือดิสก์ช้าหรือเสื่อมแล้ว ควรเปลี่ยน");
        Line::warn(Check::Disk, said, remedy)
    } else {
        Line::ok(Check::Disk, said)
    }
}

fn wear(percent: u32) -> Line {
    let said = words!(
        "{percent} % of the flash's life are over, says its maker",
        "อายุของหน่วยความจำแฟลชใช้ไปแล้ว {percent} % ตามที่ผู้ผลิตนับ"
    );
    if percent >= 80 {
        return Line::warn(Check::Wear, said, words!("plan its replacement", "เตรียมเปลี่ยนได้แล้ว"));
    }
    Line::ok(Check::Wear, said)
}

pub fn outbox(look: &OutboxLook) -> Vec<Line> {
    let service = if look.runs {
        words!(
            "lpr-agent is running; cameras and outbox are only looked at",
            "lpr-agent ทำงานอยู่ จึงดูกล้องและคิวส่งโดยไม่แตะต้อง"
        )
    } else {
        words!("lpr-agent is not running", "lpr-agent ไม่ได้ทำงาน")
    };
    let service = if look.runs { Line::ok(Check::Service, service) } else { Line::skip(Check::Service, service) };
    let outbox = match &look.stats {
        None => Line::skip(Check::Outbox, words!("there is none yet", "ยังไม่มีคิวส่ง")),
        Some(Err(error)) => Line::fail(
            Check::Outbox,
            words!("cannot be read: {error}", "อ่านไม่ได้: {error}"),
            words!(
                "run this with sudo; a damaged outbox is mended when the service starts",
                "รันคำสั่งนี้ด้วย sudo คิวที่เสียหายจะถูกซ่อมเมื่อเริ่มบริการ"
            ),
        ),
        Some(Ok(stats)) => waiting(stats.counts.pending, stats.counts.quarantined, stats.oldest_age_s.unwrap_or(0.0)),
    };
    vec![service, outbox]
}

fn waiting(pending: u64, quarantined: u64, oldest_s: f64) -> Line {
    let minutes = oldest_s / 60.0;
    let said = words!(
        "{pending} event(s) wait, the oldest for {minutes:.0} min; {quarantined} refused",
        "รอส่ง {pending} รายการ เก่าสุด {minutes:.0} นาที ถูกปฏิเสธ {quarantined}"
    );
    if quarantined > 0 {
        let remedy = words!(
            "see why: lpr-agent outbox list --state quarantined",
            "ดูสาเหตุ: lpr-agent outbox list --state quarantined"
        );
        Line::warn(Check::Outbox, said, remedy)
    } else if pending > 0 && oldest_s > 600.0 {
        let remedy =
            words!("nothing has been delivered for long: see the server's lines", "ส่งไม่ได้มานานแล้ว ดูบรรทัดของเซิร์ฟเวอร์");
        Line::warn(Check::Outbox, said, remedy)
    } else {
        Line::ok(Check::Outbox, said)
    }
}

/// A check that did not end in time.
pub fn hung(check: Check, seconds: u64) -> Line {
    Line::fail(
        check,
        words!("gave no answer within {seconds} s", "ไม่ตอบภายใน {seconds} วินาที"),
        Words {
            en: "something hangs: switch the device off and on, then run this again".into(),
            th: "มีบางอย่างค้าง ปิดแล้วเปิดอุปกรณ์ใหม่ แล้วรันคำสั่งนี้อีกครั้ง".into(),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::line::Status;
    use super::*;
    use crate::health::SystemSample;

    #[test]
    fn a_bit_of_the_firmware_is_what_is_said() {
        let status = |bits| power(bits).status;
        assert_eq!(status(0), Status::Ok);
        assert_eq!(status(0x50005), Status::Fail);
        assert_eq!(status(0x50000), Status::Warn);
        assert_eq!(status(0x8), Status::Warn);
        assert_eq!(status(0xe0000), Status::Warn);
        assert!(power(0x50000).said.en.contains("voltage"));
    }

    #[test]
    fn a_hot_box_with_a_wrong_clock_is_told_so_with_remedies() {
        let sample = SystemSample { temperature: Some(90.0), memory_usage: Some(10.0), ..SystemSample::default() };
        let facts = Machine { cores: 2, threads: Some(4), sample, ..Machine::default() };
        let lines = machine(&facts, &HealthConfig::default());
        let status = |check| lines.iter().find(|line| line.check == check).map(|line| line.status);
        assert_eq!(status(Check::Threads), Some(Status::Warn));
        assert_eq!(status(Check::Temperature), Some(Status::Fail));
        assert_eq!(status(Check::Memory), Some(Status::Ok));
        assert_eq!(status(Check::Clock), Some(Status::Fail));
        assert_eq!(status(Check::Power), None, "no Raspberry Pi");
        assert!(lines.iter().all(|line| line.status <= Status::Skip || line.remedy.is_some()));
    }

    #[test]
    fn a_full_disk_is_told_from_one_that_may_not_be_written() {
        let error = |kind| Disk::Unwritable { dir: "/d".into(), error: std::io::Error::from(kind) };
        let remedy = |facts: &Disk| disk(facts).remove(0).remedy.unwrap().en;
        assert!(remedy(&error(std::io::ErrorKind::StorageFull)).contains("make room"));
        assert!(remedy(&error(std::io::ErrorKind::PermissionDenied)).contains("sudo"));
        let little = room("/d", Duration::from_millis(3), Some(60_000_000), Some(99.0));
        assert_eq!(little.status, Status::Warn);
        assert_eq!(room("/d", Duration::from_secs(2), Some(u64::MAX), None).status, Status::Warn);
    }

    #[test]
    fn what_waits_for_long_or_was_refused_is_a_warning() {
        assert_eq!(waiting(0, 0, 0.0).status, Status::Ok);
        assert_eq!(waiting(3, 0, 30.0).status, Status::Ok);
        assert_eq!(waiting(3, 0, 3600.0).status, Status::Warn);
        assert_eq!(waiting(0, 1, 0.0).status, Status::Warn);
    }
}
