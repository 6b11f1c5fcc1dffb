//! Too much: events, connections, pictures.

use crate::event_client::{Rest, Socket};
use crate::site::{Site, answer, call, detection, get};
use base64::Engine as _;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[test]
fn a_device_that_floods_is_told_when_to_come_again_and_the_others_are_not_held_back() {
    let site = Site::new();
    let (device, other) = (site.device("Pi 1", &["gate/cam-1"]), site.device("Pi 2", &["gate/cam-2"]));
    let server = site.start_with("127.0.0.1:0", "[limits]\nevents_per_device_s = 1\n");
    let at = server.address.as_str();
    let mut socket = Socket::connect_as(at, &device.auth(), "").unwrap();
    let answers: Vec<Value> = (0..30).map(|_| socket.call("lpr_data", &detection("gate", "cam-1")).unwrap()).collect();
    let kept = answers.iter().filter(|answer| answer["success"] == true).count();
    assert!((10..29).contains(&kept), "ten seconds' worth at once: {kept}");
    let limited = answers.last().unwrap();
    assert_eq!(limited["code"], "rate_limited");
    assert!(limited["event_id"].is_string() && limited["retry_after_s"].as_u64() >= Some(1), "{limited}");
    // Another road is no way around.
    let limited = call(at, "POST", "/api/detection", &device.bearer(), &detection("gate", "cam-1"));
    assert_eq!(limited.refused(), (429, "rate_limited"));
    assert_eq!(limited.header("retry-after"), Some("1"));
    assert_eq!(call(at, "POST", "/api/detection", &other.bearer(), &detection("gate", "cam-2")).status, 200);
    // The connection lives, and the pace is kept from now on.
    let begun = Instant::now();
    while socket.call("lpr_data", &detection("gate", "cam-1")).unwrap()["success"] != true {
        assert!(begun.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_server_that_is_open_to_its_own_machine_has_no_limit_unless_one_is_given() {
    let site = Site::new();
    let server = site.start();
    let mut rest = Rest::connect(&server.address).unwrap();
    let begun = Instant::now();
    for _ in 0..300 {
        assert_eq!(rest.post("/api/cameras/register", "{\"camera_id\":\"c\"}").unwrap().0, 200);
    }
    println!("300 registrations took {:?}", begun.elapsed());
}

#[test]
fn a_picture_that_claims_to_be_enormous_is_dropped_and_its_record_kept() {
    let site = Site::new();
    let server = site.start_with("127.0.0.1:0", "[limits]\nimage_bytes = 5000\n");
    let at = server.address.as_str();
    // A frame header of 65,000 x 65,000 pixels in thirty bytes; a PNG of the same size.
    let mut jpeg = vec![0xff, 0xd8, 0xff, 0xc0, 0, 11, 8];
    jpeg.extend(65_000u16.to_be_bytes());
    jpeg.extend(65_000u16.to_be_bytes());
    jpeg.extend([1, 1, 0x11, 0, 0xff, 0xd9]);
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend(65_000u32.to_be_bytes());
    png.extend(65_000u32.to_be_bytes());
    let mut large = vec![0xff, 0xd8, 0xff, 0xd9];
    large.resize(6000, 0);
    let small = vec![0xff, 0xd8, 0xff, 0xd9];
    let base64 = |bytes: &Vec<u8>| base64::engine::general_purpose::STANDARD.encode(bytes);
    let mut payload: Value = serde_json::from_str(&detection("gate", "cam-1")).unwrap();
    payload["annotated_image"] = json!(base64(&jpeg));
    payload["cropped_plates"] = json!([base64(&png), base64(&large), base64(&small)]);
    let answer = call(at, "POST", "/api/detection", "", &payload.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    let message = answer.body["message"].as_str().unwrap();
    assert!(message.contains("3 image(s) dropped: above 5000 bytes or 50000000 pixels"), "{message}");
    let id = answer.body["detection_id"].as_str().unwrap();
    let record = get(at, &format!("/api/records/{id}"), "").body["record"].clone();
    assert_eq!(record["ocr_results"], json!(["ABC1234"]));
    assert_eq!(get(at, "/api/statistics", "").body["data"]["images_dropped"], 3, "they are counted too");
    assert!(record["image_url"].is_null() && record["crop_urls"][2].is_string(), "{record}");
}

#[test]
fn connections_above_the_limit_are_closed_and_leave_the_others_alone() {
    let site = Site::new();
    let server = site.start_with("127.0.0.1:0", "[limits]\nconnections = 5\n");
    let mut first = Rest::connect(&server.address).unwrap();
    assert_eq!(first.get("/api/test").unwrap().0, 200);
    let mut idle: Vec<TcpStream> = (0..4).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    let mut sixth = TcpStream::connect(&server.address).unwrap();
    sixth.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // Closed without a word: either the end, or a reset; not just silence.
    match sixth.read(&mut [0; 1]) {
        Ok(count) => assert_eq!(count, 0),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
    assert_eq!(first.get("/api/test").unwrap().0, 200);
    idle.pop();
    let begun = Instant::now();
    while !matches!(Rest::connect(&server.address).unwrap().get("/api/test"), Ok((200, _))) {
        assert!(begun.elapsed() < Duration::from_secs(20), "the place is given back");
    }
}

#[test]
fn garbage_instead_of_requests_harms_nobody() {
    let site = Site::new();
    let viewer = site.viewer();
    let server = site.start();
    for garbage in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n".to_vec(),
        b"POST /api/signin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
        [b"GET /".to_vec(), vec![b'a'; 1_000_000], b" HTTP/1.1\r\n\r\n".to_vec()].concat(),
        [b"GET / HTTP/1.1\r\n".to_vec(), b"X: y\r\n".repeat(5000), b"\r\n".to_vec()].concat(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
    ] {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let _ = stream.write_all(&garbage);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        assert!(answer(&bytes).status != 200, "{}", String::from_utf8_lossy(&bytes));
    }
    assert_eq!(get(&server.address, "/api/records", &viewer.bearer()).status, 200);
}
