//! A tiny client for the server's two roads: no library that could repair, repeat or reorder anything.
#![allow(dead_code, reason = "each test binary uses a part")]

use base64::Engine as _;
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use uuid::Uuid;

/// Nothing that is waited for takes longer.
const DEADLINE: Duration = Duration::from_secs(60);

fn connect(address: &str) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    Ok(BufReader::with_capacity(1 << 16, stream))
}

/// REST over one connection that is kept open.
pub struct Rest {
    stream: BufReader<TcpStream>,
}

impl Rest {
    pub fn connect(address: &str) -> io::Result<Self> {
        Ok(Self { stream: connect(address)? })
    }

    /// Status and body.
    pub fn post(&mut self, path: &str, body: &str) -> io::Result<(u16, Value)> {
        self.post_bytes(path, body.as_bytes())
    }

    pub fn post_bytes(&mut self, path: &str, body: &[u8]) -> io::Result<(u16, Value)> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.stream.get_mut().write_all(&[head.as_bytes(), body].concat())?;
        let (status, bytes) = self.answer()?;
        Ok((status, serde_json::from_slice(&bytes)?))
    }

    /// Any call; status and body.
    pub fn call(&mut self, method: &str, path: &str, kind: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.stream.get_mut().write_all(&[head.as_bytes(), body].concat())?;
        self.answer()
    }

    pub fn get(&mut self, path: &str) -> io::Result<(u16, Vec<u8>)> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.answer()
    }

    pub fn get_json(&mut self, path: &str) -> io::Result<Value> {
        Ok(serde_json::from_slice(&self.get(path)?.1)?)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn answer(&mut self) -> io::Result<(u16, Vec<u8>)> {
        let status = self.line()?.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| io::Error::other("no status"))?;
        let mut length = None;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok();
            }
        }
        match length {
            Some(length) => {
                let mut body = vec![0; length];
                self.stream.read_exact(&mut body)?;
                Ok((status, body))
            }
            None => Ok((status, self.chunks()?)),
        }
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let length = usize::from_str_radix(&self.line()?, 16).map_err(io::Error::other)?;
            let from = body.len();
            body.resize(from + length, 0);
            self.stream.read_exact(&mut body[from..])?;
            self.line()?;
            if length == 0 {
                return Ok(body);
            }
        }
    }
}

/// What the server says on the socket.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    Ack(u64, Value),
    Event(String, Value),
}

/// The ack of [`Socket::call`].
const CALL: u64 = 1_000_000_007;

/// Socket.IO over one websocket.
pub struct Socket {
    stream: BufReader<TcpStream>,
}

impl Socket {
    /// Connected and in the root namespace.
    pub fn connect(address: &str) -> io::Result<Self> {
        Self::connect_as(address, "", "")
    }

    /// With what CONNECT shows, as JSON, and more headers, each with its line end. A refusal is an error with its text.
    pub fn connect_as(address: &str, auth: &str, headers: &str) -> io::Result<Self> {
        let mut socket = Self::upgrade(address, headers)?;
        socket.send_text(&format!("40{auth}"))?;
        loop {
            match socket.text()? {
                text if text.starts_with("40") => return Ok(socket),
                text if text.starts_with("44") => return Err(io::Error::other(text)),
                _ => {}
            }
        }
    }

    /// A websocket that has not joined the namespace.
    pub fn upgrade(address: &str, headers: &str) -> io::Result<Self> {
        let mut stream = connect(address)?;
        let host = if headers.contains("Host: ") { "" } else { "Host: localhost\r\n" };
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n{host}Connection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        stream.get_mut().write_all(request.as_bytes())?;
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line.trim().is_empty() {
                break;
            }
            lines.push(line);
        }
        match lines.first() {
            Some(status) if status.contains(" 101 ") => Ok(Self { stream }),
            status => Err(io::Error::other(status.cloned().unwrap_or_default())),
        }
    }

    pub fn send(&mut self, event: &str, payload: &str, ack: u64) -> io::Result<()> {
        self.send_text(&format!("42{ack}[\"{event}\",{payload}]"))
    }

    pub fn send_text(&mut self, text: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(&text_frame(text.as_bytes()))
    }

    pub fn text(&mut self) -> io::Result<String> {
        loop {
            let mut head = [0; 2];
            self.stream.read_exact(&mut head)?;
            let length = match head[1] & 0x7f {
                126 => {
                    let mut length = [0; 2];
                    self.stream.read_exact(&mut length)?;
                    usize::from(u16::from_be_bytes(length))
                }
                127 => {
                    let mut length = [0; 8];
                    self.stream.read_exact(&mut length)?;
                    usize::try_from(u64::from_be_bytes(length)).unwrap()
                }
                short => usize::from(short),
            };
            let mut payload = vec![0; length];
            self.stream.read_exact(&mut payload)?;
            match head[0] & 0x0f {
                1 if payload == b"2" => self.send_text("3")?,
                1 => return String::from_utf8(payload).map_err(io::Error::other),
                8 => return Err(io::ErrorKind::ConnectionAborted.into()),
                _ => {}
            }
        }
    }

    /// The next ack or event.
    pub fn hear(&mut self) -> io::Result<Said> {
        loop {
            let text = self.text()?;
            if let Some(rest) = text.strip_prefix("43") {
                let at = rest.find('[').unwrap_or(rest.len());
                let mut arguments: Vec<Value> = serde_json::from_str(&rest[at..])?;
                return Ok(Said::Ack(rest[..at].parse().map_err(io::Error::other)?, arguments.remove(0)));
            }
            if let Some(rest) = text.strip_prefix("42") {
                let mut arguments: Vec<Value> = serde_json::from_str(rest)?;
                let name = arguments.remove(0).as_str().unwrap_or_default().to_owned();
                return Ok(Said::Event(name, arguments.into_iter().next().unwrap_or_default()));
            }
        }
    }

    /// The next ack.
    pub fn ack(&mut self) -> io::Result<(u64, Value)> {
        loop {
            if let Said::Ack(id, answer) = self.hear()? {
                return Ok((id, answer));
            }
        }
    }

    /// How many events of the name came until now.
    pub fn told(&mut self, name: &str) -> usize {
        const END: u64 = CALL + 1;
        self.send("ping", "{\"message\":\"end\"}", END).unwrap();
        let mut told = 0;
        loop {
            match self.hear().unwrap() {
                Said::Event(event, _) if event == name => told += 1,
                Said::Ack(END, _) => return told,
                _ => {}
            }
        }
    }

    /// Sends one event and waits for its ack.
    pub fn call(&mut self, event: &str, payload: &str) -> io::Result<Value> {
        self.send(event, payload, CALL)?;
        loop {
            if let (CALL, answer) = self.ack()? {
                return Ok(answer);
            }
        }
    }
}

/// Something to send.
#[derive(Debug, Clone)]
pub struct Event {
    pub id: String,
    pub payload: String,
    /// Its pictures' bytes: the frame, then the crop.
    pub pictures: Vec<Vec<u8>>,
}

/// Bytes that begin like a JPEG and differ from event to event.
pub fn picture(id: Uuid, bytes: usize) -> Vec<u8> {
    let mut picture = vec![0xff, 0xd8, 0xff, 0xe0];
    let mut state = u64::from_le_bytes(id.as_bytes()[8..].try_into().unwrap()) | 1;
    while picture.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        picture.extend(state.to_le_bytes());
    }
    picture.truncate(bytes.max(4));
    picture
}

impl Event {
    /// A detection of `camera` with a frame and a crop of so many bytes together; none at 0.
    pub fn new(camera: &str, picture_bytes: usize) -> Self {
        Self::padded(camera, picture_bytes, 0)
    }

    /// As [`Event::new`], with a payload of `bytes` without the pictures.
    pub fn padded(camera: &str, picture_bytes: usize, bytes: usize) -> Self {
        let id = Uuid::now_v7();
        let mut payload = json!({
            "type": "detection_result", "camera_id": camera, "checkpoint_id": "gate",
            "timestamp": "2024-12-19T10:00:00.000000+00:00", "vehicles_count": 1, "plates_count": 1,
            "ocr_results": ["ABC1234"], "vehicle_detections": [], "processing_time_ms": 12.5,
            "plate_detections": [{"bbox": [150, 150, 180, 170], "confidence": 0.92, "text": "ABC1234"}],
            "event_id": id, "revision": 0, "epoch": Uuid::nil(), "seq": 1, "boot_id": "boot", "mono_ms": 5,
            "clock_synced": true, "time_corrected": false,
        });
        let mut pictures = Vec::new();
        if picture_bytes > 0 {
            let crop = picture_bytes / 8;
            pictures = vec![picture(id, picture_bytes - crop), picture(id, crop)];
            let base64 = |bytes: &Vec<u8>| base64::engine::general_purpose::STANDARD.encode(bytes);
            payload["annotated_image"] = json!(base64(&pictures[0]));
            payload["cropped_plates"] = json!([base64(&pictures[1])]);
        }
        let length = payload.to_string().len();
        if bytes > length + 10 {
            payload["pad"] = json!("p".repeat(bytes - length - 10));
        }
        Self { id: id.to_string(), payload: payload.to_string(), pictures }
    }
}

/// One text message of a websocket client. The mask is zero: it must be there and may be any.
pub fn text_frame(text: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(text.len() + 14);
    frame.push(0x81);
    match text.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65536 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text);
    frame
}
