//! Signing in. The real server stands behind a door that asks for a token, so that this holds whatever the server
//! itself does about tokens.

use super::*;
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A door before `server`: `/api/` is answered 401 until somebody signs in with the token `open sesame`.
fn door(server: &LprServer) -> (String, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (behind, open) = (server.address.clone(), Arc::new(AtomicBool::new(false)));
    let opened = open.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (behind, open) = (behind.clone(), opened.clone());
            thread::spawn(move || pass(stream, &behind, &open));
        }
    });
    (address, open)
}

/// One request of one connection; a connection that becomes a socket goes on.
fn pass(stream: TcpStream, behind: &str, open: &AtomicBool) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        (reader.read_line(&mut head).ok()? > 0).then_some(())?;
    }
    let length =
        head.to_lowercase().split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    match path.as_str() {
        "/api/signin" => {
            let right = String::from_utf8_lossy(&body).contains("open sesame");
            open.store(right, Ordering::SeqCst);
            return answer(stream, if right { "200 OK" } else { "401 Unauthorized" }, right);
        }
        "/api/me" if open.load(Ordering::SeqCst) => return answer(stream, "200 OK", true),
        path if path.starts_with("/api/") && !open.load(Ordering::SeqCst) => {
            return answer(stream, "401 Unauthorized", false);
        }
        _ => {}
    }
    let mut server = TcpStream::connect(behind).ok()?;
    let head = head.replace("Connection: keep-alive", "Connection: close");
    server.write_all(head.as_bytes()).and_then(|()| server.write_all(&body)).ok()?;
    let (mut from, mut to) = (server.try_clone().ok()?, stream.try_clone().ok()?);
    let back = thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let _ = std::io::copy(&mut reader, &mut server);
    let _ = server.shutdown(Shutdown::Both);
    back.join().ok()
}

fn answer(mut stream: TcpStream, status: &str, success: bool) -> Option<()> {
    let body =
        json!({"success": success, "message": "sign in", "code": "unauthorized", "role": "viewer", "name": "Somchai"});
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}",
        body.len()
    );
    write!(stream, "{head}\r\n\r\n{body}").ok()
}

#[test]
fn where_the_server_asks_for_a_token_the_page_asks_the_person() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    post(&server, "/api/detection", &read("lane_1", "ABC1234", "plate-latin.jpg", 0.97, "car"));
    let (address, open) = door(&server);
    let browser = Browser::start(&dir.path().join("profile"));
    browser.screen(1280, 800, false, "light");
    browser.open(&format!("http://{address}/"));
    let asked = "return document.activeElement?.name === 'token' && !document.getElementById('signin').hidden";
    browser.wait("the page asks, ready to type", PATIENCE, asked);
    assert_eq!(browser.run("return document.querySelectorAll('.row').length"), 0, "nothing is shown before");
    browser.press(&["guess", ENTER].concat());
    browser.wait(
        "a wrong token is said to be wrong",
        PATIENCE,
        "return document.querySelector('#signin .fault').innerText.includes('not known')",
    );
    browser.press(&["open sesame", ENTER].concat());
    browser.wait("the right one opens", PATIENCE, &row("ABC1234"));
    browser.wait("the page is live", PATIENCE, "return document.getElementById('link').dataset.state === 'live'");
    browser.wait(
        "and says who one is",
        PATIENCE,
        "return document.querySelector('[data-setting=signout]')?.title.includes('Somchai')",
    );
    // The token is revoked.
    open.store(false, Ordering::SeqCst);
    browser.run("dispatchEvent(new Event('focus')); document.querySelector('#nav [data-view=cameras]').click()");
    browser.wait(
        "the page asks again and shows nothing",
        PATIENCE,
        &format!("{asked}\n && document.getElementById('main').children.length === 0"),
    );
}
