//! Whether a page fits its screen and is accessible, and what it looks like.

use crate::webdriver::Browser;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// The rules of WCAG 2.2 A and AA and axe's good practice.
const AXE: &str = "return axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
    .then(({ violations }) => violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.target.join(' ')).slice(0, 4).join(' | ')}`))";

/// What stands in the way of using the page, and its picture.
pub struct Judge {
    axe: String,
    shots: PathBuf,
}

impl Judge {
    pub fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let shots = root.join("target/page");
        let axe = root.join("target/tools/node/node_modules/axe-core/axe.min.js");
        assert!(axe.exists(), "{} is missing: run `make setup-test`", axe.display());
        fs::create_dir_all(&shots).unwrap();
        Self { axe: fs::read_to_string(axe).unwrap(), shots }
    }

    pub fn check(&self, browser: &Browser, name: &str) {
        let overflow = browser.run("return document.documentElement.scrollWidth - innerWidth");
        assert!(overflow.as_i64().unwrap() <= 0, "{name}: the page is {overflow} px too wide");
        browser.screenshot(&self.shots.join(format!("{name}.png")));
        if browser.run("return typeof axe === 'undefined'") == true {
            browser.run(&format!("{};", self.axe));
        }
        assert_eq!(browser.run(AXE), json!([]), "{name}");
    }
}
