//! As much of W3C WebDriver as the page's test needs, against a real `chromedriver`.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A headless Chromium with one page; gone when dropped.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Browser {
    /// Starts both; `profile` becomes the browser's fresh user data folder.
    pub fn start(profile: &Path) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver runs; without it: run `make setup-test` (Debian: chromium chromium-driver)");
        let mut lines = BufReader::new(driver.stdout.take().expect("stdout")).lines();
        let port = loop {
            let line = lines.next().expect("chromedriver says its port").expect("a line");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').parse().expect("a port");
            }
        };
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let mut browser = Self { driver, port, session: String::new() };
        let profile = format!("--user-data-dir={}", profile.display());
        let flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            &profile,
        ];
        let options = json!({"args": flags});
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let answer = browser.request("POST", "/session", &wanted);
        browser.session = answer["sessionId"].as_str().expect("a session").to_owned();
        browser
    }

    fn request(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("chromedriver listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        )
        .expect("chromedriver takes the command");
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a header");
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut text = vec![0; length];
        reader.read_exact(&mut text).expect("a body");
        let answer: Value = serde_json::from_slice(&text).expect("JSON");
        assert!(answer["value"]["error"].is_null(), "{method} {path}: {answer}");
        answer["value"].clone()
    }

    fn command(&self, method: &str, path: &str, body: Value) -> Value {
        self.request(method, &format!("/session/{}{path}", self.session), &body)
    }

    pub fn open(&self, url: &str) {
        self.command("POST", "/url", json!({"url": url}));
    }

    /// What the body of a function returns.
    pub fn run(&self, script: &str) -> Value {
        self.command("POST", "/execute/sync", json!({"script": script, "args": []}))
    }

    /// Waits until `script` returns something true, and returns it.
    pub fn wait(&self, what: &str, within: Duration, script: &str) -> Value {
        let end = Instant::now() + within;
        loop {
            let value = self.run(script);
            if !matches!(value, Value::Null | Value::Bool(false)) {
                return value;
            }
            assert!(Instant::now() < end, "{what}: not within {within:?}; the page says\n{}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn text(&self) -> String {
        self.run("return document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Presses keys one after the other, as a person would; `\u{e007}` and the like are WebDriver's special keys.
    #[allow(dead_code, reason = "not every test types")]
    pub fn press(&self, keys: &str) {
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()})))
            .collect();
        self.command("POST", "/actions", json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]}));
    }

    /// Puts a file into the file field that `selector` finds, as a person's choice does.
    #[allow(dead_code, reason = "not every test has files")]
    pub fn choose_file(&self, selector: &str, file: &Path) {
        let root = self.devtools("DOM.getDocument", json!({}))["root"]["nodeId"].clone();
        let found = self.devtools("DOM.querySelector", json!({"nodeId": root, "selector": selector}));
        self.devtools("DOM.setFileInputFiles", json!({"nodeId": found["nodeId"], "files": [file]}));
    }

    /// Where the browser saves what is downloaded.
    #[allow(dead_code, reason = "not every test has files")]
    pub fn download_to(&self, folder: &Path) {
        self.devtools("Browser.setDownloadBehavior", json!({"behavior": "allow", "downloadPath": folder}));
    }

    /// What the console got since the last call.
    pub fn console(&self) -> Vec<Value> {
        self.command("POST", "/se/log", json!({"type": "browser"})).as_array().expect("a list").clone()
    }

    /// A Chrome DevTools command.
    pub fn devtools(&self, command: &str, params: Value) -> Value {
        self.command("POST", "/goog/cdp/execute", json!({"cmd": command, "params": params}))
    }

    /// The page as a person would see it on such a screen.
    pub fn screen(&self, width: u32, height: u32, phone: bool, scheme: &str) {
        let scale = if phone { 2 } else { 1 };
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics);
        let scheme = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": scheme}));
    }

    /// Writes a PNG of what is on the screen; makes its folder.
    pub fn screenshot(&self, file: &Path) {
        use base64::Engine as _;
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).expect("a folder for the screenshot");
        }
        let shot = self.devtools("Page.captureScreenshot", json!({"format": "png"}));
        let png = base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().expect("base64"));
        std::fs::write(file, png.expect("base64")).expect("the screenshot is written");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // After a failed test too, and without a panic of its own: a driver that is killed leaves its browser running.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = write!(
                stream,
                "DELETE /session/{} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                self.session, self.port
            );
            let _ = stream.read_to_end(&mut Vec::new());
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
