//! The agent's own page: the real agent on a simulated road, over real sockets and in a real headless Chromium.
#![cfg(all(feature = "vision", feature = "uplink"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

mod common;
#[path = "common/dictionaries.rs"]
mod dictionaries;
#[path = "local_page/doors.rs"]
mod doors;
#[path = "local_page/editor.rs"]
mod editor;
#[path = "common/judge.rs"]
mod judge;
#[path = "local_page/live.rs"]
mod live;
#[path = "local_page/looks.rs"]
mod looks;
#[path = "common/webdriver.rs"]
mod webdriver;

use common::{Running, free_port, models_dir, wait_for};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use webdriver::Browser;

const AGENT: &str = env!("CARGO_BIN_EXE_lpr-agent");
const PATIENCE: Duration = Duration::from_secs(60);

/// Traffic without end, as far as a test is concerned; slow, so that the machine keeps up.
const ROAD: &str = "sim:seed=11;seconds=1200;fps=5;vehicles=400;layout=mixed";

/// A running agent with its page.
pub struct Site {
    pub dir: TempDir,
    pub agent: Running,
    /// `127.0.0.1:PORT`.
    pub address: String,
}

/// A configuration whose page takes a free port; `change` may change it.
pub fn config(dir: &TempDir, change: impl FnOnce(String) -> String) -> PathBuf {
    let text = format!(
        "# The north gate, mounted by Ann\ndata_dir = \"{data}\"\n\n[[camera]]\nid = \"north\"          # above the barrier\n\
         source = \"{ROAD}\"\nmin_plate_height = 0.0\n\n[models]\ndir = \"{models}\"\nthreads = 1          # a small box\n\
         [evidence]\nunread_pictures = 6\n[health]\ninterval_s = 1.0\n\
         [uplink]\nserver_url = \"http://127.0.0.1:{port}\"\n[page]\nlisten = \"127.0.0.1:0\"\n",
        data = dir.path().join("data").display(),
        models = models_dir().display(),
        port = free_port(),
    );
    let path = dir.path().join("agent.toml");
    fs::write(&path, change(text)).unwrap();
    path
}

impl Site {
    pub fn start(change: impl FnOnce(String) -> String) -> Self {
        let dir = TempDir::new().unwrap();
        config(&dir, change);
        Self::on(dir)
    }

    /// On the configuration that is in the folder.
    pub fn on(dir: TempDir) -> Self {
        let agent = Running::start(Command::new(AGENT).args(["run", "--config"]).arg(dir.path().join("agent.toml")));
        let log = agent.wait_for_log("the local page is at http://", PATIENCE);
        let port = log.split("the local page is at http://").nth(1).unwrap().split('/').next().unwrap();
        let address = format!("127.0.0.1:{}", port.rsplit(':').next().unwrap());
        Self { dir, agent, address }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn get(&self, path: &str) -> Answer {
        ask(&self.address, "GET", path, "", "")
    }

    pub fn state(&self) -> Value {
        self.get("/api/state").json()
    }

    /// A browser on a desk, with the page at `view`.
    pub fn desk(&self, view: &str) -> Browser {
        let browser = Browser::start(&self.dir.path().join("profile"));
        browser.screen(1280, 800, false, "light");
        self.open(&browser, view);
        browser
    }

    pub fn open(&self, browser: &Browser, view: &str) {
        browser.open("about:blank");
        browser.open(&format!("{}/#/{view}", self.url()));
        let there = format!(
            "const main = document.getElementById('main'); return main?.dataset.view === '{view}' && main.children.length > 0"
        );
        browser.wait(view, PATIENCE, &there);
    }
}

pub struct Answer {
    pub status: u16,
    /// In lower case.
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.head, self.text()))
    }
}

/// One request on a connection of its own. `headers` with `Host` in it are sent without another one.
pub fn ask(address: &str, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = BufReader::new(TcpStream::connect(address).unwrap());
    stream.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
    let host = if headers.contains("Host:") { String::new() } else { format!("Host: {address}\r\n") };
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.get_mut().write_all(request.as_bytes()).unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(stream.read_line(&mut head).unwrap() > 0, "the agent hung up: {head}");
    }
    let mut body = Vec::new();
    stream.read_to_end(&mut body).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body }
}

/// The value of a metric without labels, or with these.
pub fn metric(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is not in\n{text}")).parse().unwrap()
}

/// Clicks what `selector` finds, as soon as it is there.
pub fn click(browser: &Browser, selector: &str) {
    let found = format!("const found = document.querySelector(`{selector}`); found?.click(); return !!found");
    browser.wait(&format!("{selector} to click"), PATIENCE, &found);
}

/// A condition: the live picture is there.
pub const PICTURE: &str = "return document.querySelector('.stage img')?.naturalWidth > 0";

#[test]
fn both_languages_have_every_text_that_the_page_uses_and_no_other() {
    let shared = ["api.js", "dom.js", "first.js", "i18n.js", "icons.js", "session.js", "signin.js"];
    let lent: Vec<(&str, &str)> = shared.iter().map(|name| ("src/server/page", *name)).collect();
    dictionaries::hold_together("src/agent/page/assets", &lent, 100);
}
