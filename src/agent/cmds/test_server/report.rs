//! One line a check: ✔ or ✘, what, how long, and why.

use crate::agent::Exit;
use crate::uplink::Endpoint;
use serde_json::json;
use std::process::ExitCode;
use std::time::Instant;

/// What has been found so far.
pub(super) struct Report {
    json: bool,
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        Self { json, passed: 0, failed: 0, skipped: 0 }
    }

    pub(super) fn begin(&self, endpoint: &Endpoint) {
        if !self.json {
            println!("Testing {endpoint}");
            println!("This stores test records on it, under cameras named test-client-….");
        }
    }

    /// Runs one check; `Some` with what it found when it passed.
    pub(super) async fn check<T>(&mut self, name: &str, check: impl Future<Output = Result<T, String>>) -> Option<T> {
        let start = Instant::now();
        let result = check.await;
        let ms = start.elapsed().as_secs_f64() * 1e3;
        let fault = result.as_ref().err().map(|text| one_line(text));
        match &fault {
            None => self.passed += 1,
            Some(_) => self.failed += 1,
        }
        if self.json {
            let rounded = (ms * 10.0).round() / 10.0;
            println!("{}", json!({"check": name, "ok": fault.is_none(), "ms": rounded, "error": fault}));
        } else {
            let mark = if fault.is_none() { '✔' } else { '✘' };
            println!("{mark} {name:<58} {ms:>8.1} ms{}", fault.map(|why| format!("  {why}")).unwrap_or_default());
        }
        result.ok()
    }

    /// A check that this server need not pass.
    pub(super) fn skip(&mut self, name: &str, why: &str) {
        self.skipped += 1;
        if self.json {
            println!("{}", json!({"check": name, "ok": null, "skipped": why}));
        } else {
            println!("- {name:<58}              {why}");
        }
    }

    pub(super) fn end(&self) -> ExitCode {
        let Self { passed, failed, skipped, .. } = self;
        if self.json {
            println!("{}", json!({"summary": {"passed": passed, "failed": failed, "skipped": skipped}}));
        } else {
            println!("{passed} passed, {failed} failed, {skipped} skipped");
        }
        if self.failed == 0 { ExitCode::SUCCESS } else { Exit::Partly.into() }
    }
}

/// A server's words must not draw on our terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}
