//! Whether anyone is where a camera should be, and why an RTSP camera does not open. FFmpeg knows but tells only standard error,
//! so we ask ourselves.

use super::CaptureError;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Host and port of an `rtsp://`, `rtsps://`, `http://` or `https://` address.
fn host_and_port(url: &str) -> Option<(String, u16)> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    let port = match scheme {
        "rtsps" => 322,
        "http" => 80,
        "https" => 443,
        _ => 554,
    };
    let (host, port) = match place.rsplit_once(':') {
        Some((host, digits)) if !digits.contains(']') => (host, digits.parse().ok()?),
        _ => (place, port),
    };
    Some((host.trim_start_matches('[').trim_end_matches(']').to_owned(), port))
}

/// Connects, to learn whether anyone is there; the answer is what to do about it.
pub fn reach(url: &str, timeout: Duration) -> Result<TcpStream, String> {
    let (host, port) = host_and_port(url).ok_or("its address names no host; write it as rtsp://HOST:PORT/PATH")?;
    let addresses = (host.as_str(), port)
        .to_socket_addrs()
        .map_err(|_| format!("the name {host} is not known; check it, or write the camera's IP address"))?;
    let mut last = format!("the name {host} has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                last = format!("{address} does not answer ({error}); check its power, cable, address and port")
            }
        }
    }
    Err(last)
}

/// Asks for the stream's description without credentials and tells what the camera's answer means. `from` is how the
/// camera is shown.
pub fn diagnose(from: String, url: &str, timeout: Duration) -> CaptureError {
    let has_credentials = url.split(['/', '?', '#']).nth(2).is_some_and(|authority| authority.contains('@'));
    let remedy = match describe(url, timeout) {
        Some(401 | 403) if has_credentials => {
            return CaptureError::Refused { from, remedy: "it refuses this user and password; check credentials_file" };
        }
        Some(401 | 403) => {
            let remedy = "it asks for a user and password; give them with credentials_file";
            return CaptureError::Refused { from, remedy };
        }
        Some(404) => "it has no stream at this path; the camera's manual names it".into(),
        Some(code) if code >= 400 => format!("it answers with RTSP error {code}"),
        Some(_) => "it answers, but its stream cannot be decoded; set it to H.264, H.265 or MJPEG".into(),
        None => "something answers there, but not as an RTSP camera; check the port".into(),
    };
    CaptureError::Open { from, remedy }
}

/// The status code of a DESCRIBE (RFC 2326 section 10.2).
fn describe(url: &str, timeout: Duration) -> Option<u16> {
    if !url.starts_with("rtsp://") {
        return None;
    }
    let mut stream = reach(url, timeout).ok()?;
    stream.set_read_timeout(Some(timeout)).ok()?;
    stream.set_write_timeout(Some(timeout)).ok()?;
    let bare = super::credentials::without_userinfo(url);
    let request = format!("DESCRIBE {bare} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status).ok()?;
    status.strip_prefix("RTSP/")?.split(' ').nth(1)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_found_behind_any_credentials() {
        let found = |url| host_and_port(url).unwrap();
        assert_eq!(found("rtsp://10.0.0.7/live"), ("10.0.0.7".into(), 554));
        assert_eq!(found("rtsps://cam.local/"), ("cam.local".into(), 322));
        assert_eq!((found("http://cam/live").1, found("https://cam/live").1, found("http://cam:81").1), (80, 443, 81));
        assert_eq!(found("rtsp://u:p%40x@cam:8554/live?a=b@c"), ("cam".into(), 8554));
        assert_eq!(found("rtsp://[::1]:8554/live"), ("::1".into(), 8554));
        assert_eq!(found("rtsp://[fe80::1]/live"), ("fe80::1".into(), 554));
        assert_eq!(host_and_port("rtsp://cam:port/"), None);
    }
}
