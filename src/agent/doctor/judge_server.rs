//! What the server's answers mean, in words. Pure.

use super::line::{Check, Line, words};
use crate::domain::CameraKey;
use crate::wire::answer::Peer;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Seconds that two clocks may differ.
const SKEW_S: f64 = 5.0;

pub fn no_runtime() -> Line {
    Line::fail(
        Check::Server,
        words!("cannot be asked: this box gives no thread", "ถามไม่ได้ เครื่องนี้สร้างเธรดไม่ได้"),
        words!("stop other programs", "ปิดโปรแกรมอื่น"),
    )
}

/// A setting that says itself what is wrong.
pub fn unusable(reason: &str) -> Line {
    Line::fail(
        Check::Connection,
        words!("{reason}", "{reason}"),
        words!("correct [uplink] in the configuration", "แก้ [uplink] ในไฟล์ตั้งค่า"),
    )
}

pub fn insecure(url: &str) -> Line {
    Line::fail(
        Check::Connection,
        words!("{url} is not encrypted and leaves this machine", "{url} ไม่เข้ารหัสและออกนอกเครื่องนี้"),
        words!(
            "use https://, or set uplink.allow_insecure = true inside a VPN",
            "ใช้ https:// หรือตั้ง uplink.allow_insecure = true เมื่ออยู่ใน VPN"
        ),
    )
}

pub fn name(host: &str, found: &Result<Vec<SocketAddr>, String>) -> Line {
    let remedy = || {
        words!(
            "check uplink.server_url, the network cable or SIM, and the name server (resolvectl status)",
            "ตรวจ uplink.server_url สายแลนหรือซิม และเซิร์ฟเวอร์ชื่อ (resolvectl status)"
        )
    };
    match found {
        Ok(addresses) => match addresses.first() {
            Some(first) => {
                let address = first.ip();
                Line::ok(Check::Name, words!("{host} is {address}", "{host} คือ {address}"))
            }
            None => Line::fail(Check::Name, words!("{host} has no address", "{host} ไม่มีที่อยู่"), remedy()),
        },
        Err(reason) => {
            Line::fail(Check::Name, words!("{host} is not found: {reason}", "ไม่พบ {host}: {reason}"), remedy())
        }
    }
}

pub fn connection(host: &str, port: u16, connected: &io::Result<Duration>) -> Line {
    let refused = words!(
        "the machine is there and nobody listens: is lpr-server running, is the port right?",
        "มีเครื่องอยู่แต่ไม่มีใครรับ: lpr-server ทำงานอยู่หรือไม่ พอร์ตถูกหรือไม่"
    );
    let silent = words!(
        "check the network, the VPN (tailscale status) and firewalls in between",
        "ตรวจเครือข่าย VPN (tailscale status) และไฟร์วอลล์ระหว่างทาง"
    );
    match connected {
        Ok(took) => {
            let ms = took.as_millis();
            Line::ok(Check::Connection, words!("{host}:{port} answers in {ms} ms", "{host}:{port} ตอบใน {ms} ms"))
        }
        Err(error) => {
            let remedy = if error.kind() == io::ErrorKind::ConnectionRefused { refused } else { silent };
            let said = words!("{host}:{port} cannot be reached: {error}", "ต่อ {host}:{port} ไม่ได้: {error}");
            Line::fail(Check::Connection, said, remedy)
        }
    }
}

pub fn no_token(reason: &str) -> Line {
    Line::fail(
        Check::Token,
        words!("{reason}", "{reason}"),
        words!(
            "get one: lpr-agent provision --server URL --code CODE",
            "ขอโทเคนใหม่: lpr-agent provision --server URL --code CODE"
        ),
    )
}

pub fn no_answer(tls: bool, reason: &str) -> Line {
    let said = words!("no answer to GET /api/test: {reason}", "ไม่ตอบ GET /api/test: {reason}");
    let remedy = if tls {
        words!(
            "the certificate must be for this name and not be over; name its authority in uplink.ca_file; the clock must be right",
            "ใบรับรองต้องตรงกับชื่อนี้และยังไม่หมดอายุ ระบุผู้ออกใน uplink.ca_file และนาฬิกาต้องตรง"
        )
    } else {
        words!(
            "something else may listen there, or the server wants https://",
            "อาจเป็นโปรแกรมอื่นที่พอร์ตนั้น หรือเซิร์ฟเวอร์ต้องการ https://"
        )
    };
    Line::fail(Check::Server, said, remedy)
}

pub fn token_refused(none: bool, reason: &str) -> Line {
    let said = if none {
        words!("the server wants a token and there is none: {reason}", "เซิร์ฟเวอร์ต้องการโทเคนแต่ไม่มี: {reason}")
    } else {
        words!("the server refuses our token: {reason}", "เซิร์ฟเวอร์ไม่รับโทเคนของเรา: {reason}")
    };
    let remedy = words!(
        "get a code from the server's admin, then: lpr-agent provision --server URL --code CODE",
        "ขอรหัสจากผู้ดูแลเซิร์ฟเวอร์ แล้วใช้: lpr-agent provision --server URL --code CODE"
    );
    Line::fail(Check::Token, said, remedy)
}

pub fn token_taken(none: bool) -> Line {
    if none {
        return Line::ok(Check::Token, words!("none, and the server wants none", "ไม่มี และเซิร์ฟเวอร์ไม่ต้องการ"));
    }
    Line::ok(Check::Token, words!("the server knows it", "เซิร์ฟเวอร์รู้จักโทเคนนี้"))
}

pub fn foreign(status: u16, location: Option<&str>) -> Line {
    let said = words!(
        "HTTP {status} to GET /api/test: this is no lpr server",
        "ตอบ HTTP {status} ต่อ GET /api/test: ไม่ใช่เซิร์ฟเวอร์ lpr"
    );
    let remedy = match location {
        Some(location) => words!(
            "it points to {location}: put that address into uplink.server_url, or sign in to the network",
            "ชี้ไปที่ {location}: ใส่ที่อยู่นั้นใน uplink.server_url หรือเข้าสู่ระบบเครือข่าย"
        ),
        None => words!(
            "check uplink.server_url: the port, and the path where there is one",
            "ตรวจ uplink.server_url: พอร์ต และพาธถ้ามี"
        ),
    };
    Line::fail(Check::Server, said, remedy)
}

pub fn server(peer: &Peer, tls: bool, skew_s: Option<f64>) -> Vec<Line> {
    let (how, how_th) = if tls {
        ("encrypted", "เข้ารหัส")
    } else {
        ("not encrypted", "ไม่เข้ารหัส")
    };
    let most = peer.max_event_bytes.map_or(0.0, |bytes| bytes as f64 / 1e6);
    let said = if peer.echoes() {
        words!("protocol 2, events up to {most:.1} MB, {how}", "โปรโตคอล 2 เหตุการณ์ไม่เกิน {most:.1} MB {how_th}")
    } else {
        words!(
            "first generation (protocol 1), {how}: a repeat cannot be told from a second car",
            "รุ่นแรก (โปรโตคอล 1) {how_th}: แยกการส่งซ้ำกับรถอีกคันไม่ได้"
        )
    };
    let mut lines = vec![Line::ok(Check::Server, said)];
    if let Some(skew) = skew_s {
        let said = words!("{skew:+.1} s against the server's", "ต่างจากเซิร์ฟเวอร์ {skew:+.1} วินาที");
        lines.push(if skew.abs() <= SKEW_S {
            Line::ok(Check::Clock, said)
        } else {
            let remedy = words!(
                "one of the two clocks is wrong: timedatectl on both",
                "นาฬิกาเครื่องใดเครื่องหนึ่งผิด: ใช้ timedatectl ทั้งสองเครื่อง"
            );
            Line::warn(Check::Clock, said, remedy)
        });
    }
    lines
}

pub fn socket(refused: Option<&str>) -> Line {
    let Some(reason) = refused else {
        return Line::ok(Check::Socket, words!("Socket.IO joins", "ต่อ Socket.IO ได้"));
    };
    Line::warn(
        Check::Socket,
        words!("Socket.IO cannot be joined: {reason}; REST is used", "ต่อ Socket.IO ไม่ได้: {reason} จะใช้ REST แทน"),
        words!(
            "a proxy in between must pass WebSocket on (Upgrade); events still arrive by REST",
            "พร็อกซีระหว่างทางต้องส่งต่อ WebSocket (Upgrade) เหตุการณ์ยังส่งได้ทาง REST"
        ),
    )
}

pub fn record_skipped() -> Line {
    Line::skip(Check::Record, words!("no camera to send it for", "ไม่มีกล้องที่จะส่งในนามของมัน"))
}

pub fn record(camera: &CameraKey, outcome: Result<Duration, String>) -> Line {
    let line = match outcome {
        Ok(took) => {
            let ms = took.as_millis();
            Line::ok(Check::Record, words!("stored and confirmed in {ms} ms", "เซิร์ฟเวอร์เก็บและยืนยันใน {ms} ms"))
        }
        Err(reason) => Line::fail(
            Check::Record,
            words!("not confirmed: {reason}", "ไม่ได้รับการยืนยัน: {reason}"),
            words!(
                "camera_not_allowed: the token is for other cameras, correct camera_id and checkpoint_id; else see the server's log",
                "camera_not_allowed: โทเคนเป็นของกล้องอื่น แก้ camera_id และ checkpoint_id ถ้าไม่ใช่ ดูล็อกของเซิร์ฟเวอร์"
            ),
        ),
    };
    line.about(&camera.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::line::Status;
    use super::*;

    #[test]
    fn refused_and_silent_have_different_remedies() {
        let remedy = |kind: io::ErrorKind| connection("h", 1, &Err(kind.into())).remedy.unwrap();
        assert!(remedy(io::ErrorKind::ConnectionRefused).en.contains("lpr-server"));
        assert!(remedy(io::ErrorKind::TimedOut).en.contains("VPN"));
        assert!(remedy(io::ErrorKind::TimedOut).th.contains("ไฟร์วอลล์"));
    }

    #[test]
    fn the_dialect_and_the_skew_are_said() {
        let old = server(&Peer::default(), false, Some(-7.2));
        assert!(old[0].said.en.contains("protocol 1"));
        assert_eq!((old[1].status, old[1].said.en.contains("-7.2")), (Status::Warn, true));
        let new = Peer { protocol: 2, max_event_bytes: Some(16_000_000), ..Peer::default() };
        let new = server(&new, true, None);
        assert!(new.len() == 1 && new[0].said.en.contains("16.0 MB, encrypted"), "{new:?}");
    }

    #[test]
    fn a_missing_token_is_told_from_a_wrong_one() {
        assert!(token_refused(true, "x").said.en.contains("there is none"));
        assert!(token_refused(false, "x").said.en.contains("refuses our token"));
    }
}
