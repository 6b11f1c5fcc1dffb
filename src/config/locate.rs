//! Where in the file does a faulty value stand?

use super::Fault;
use std::collections::BTreeMap;

/// Where a configuration's values come from.
pub(super) struct Origin<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
    pub(super) prefix: &'a str,
    pub(super) env: &'a [(String, String)],
}

impl Origin<'_> {
    /// The line of a value; none where the environment has given it.
    fn line_of(&self, key: &str) -> Option<usize> {
        let name = key.replace(['.', '['], "_").replace(']', "").to_uppercase();
        let name = format!("{}{name}", self.prefix);
        if self.env.iter().any(|(variable, _)| *variable == name) { None } else { line_of(self.text, key) }
    }

    /// Each fault with its line, in the order of the file; those of no line come last.
    pub(super) fn located(&self, mut faults: Vec<Fault>) -> Vec<Fault> {
        for fault in faults.iter_mut().filter(|fault| fault.line.is_none()) {
            fault.line = self.line_of(&fault.key);
        }
        faults.sort_by_key(|fault| fault.line.unwrap_or(usize::MAX));
        faults
    }
}

/// The line (from 1) of a byte.
pub(super) fn line_of_offset(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or(text).matches('\n').count() + 1
}

/// The line (from 1) of `key`, written as faults write it: `pipeline.track_limit_s`, `camera[2].zone[1].points`; where the
/// key itself is not in the file, the line of its table. `None` for what is not there, or is written as an inline table.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let (table, leaf) = key.rsplit_once('.').unwrap_or(("", key));
    let mut here = String::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut header = None;
    for (line, number) in text.lines().map(str::trim_start).zip(1..) {
        if let Some(name) = line.strip_prefix("[[").and_then(|rest| rest.split("]]").next()) {
            here = enter(name.trim(), &mut counts);
        } else if let Some(name) =
            line.strip_prefix('[').filter(|_| !here_is_value(line)).and_then(|rest| rest.split(']').next())
        {
            here = full_name(name.trim(), &counts);
        } else {
            if here == table && line.split_once('=').is_some_and(|(name, _)| name.trim() == leaf) {
                return Some(number);
            }
            continue;
        }
        if here == table {
            header = Some(number);
        }
    }
    header
}

/// A line of a list that spans several lines begins with `[` too, and ends otherwise than a header.
fn here_is_value(line: &str) -> bool {
    let code = line.split('#').next().unwrap_or_default().trim_end();
    !code.ends_with(']') || code.contains(',')
}

/// Another element of this list of tables; those inside it count anew.
fn enter(name: &str, counts: &mut BTreeMap<String, usize>) -> String {
    let outer = name.rsplit_once('.').map(|(outer, _)| full_name(outer, counts));
    let last = name.rsplit('.').next().unwrap_or(name);
    let list = outer.map_or_else(|| last.to_owned(), |outer| format!("{outer}.{last}"));
    let count = counts.entry(list.clone()).or_insert(0);
    *count += 1;
    format!("{list}[{count}]")
}

/// The name with the number of the element that each list is at.
fn full_name(name: &str, counts: &BTreeMap<String, usize>) -> String {
    let mut full = String::new();
    for part in name.split('.') {
        if !full.is_empty() {
            full.push('.');
        }
        full.push_str(part);
        if let Some(count) = counts.get(&full) {
            full.push_str(&format!("[{count}]"));
        }
    }
    full
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
camera_id = \"a\"
[[camera]]
source = \"x\"
[[camera.zone]]
kind = \"exclude\"
[[camera.zone]]
kind = \"out\"
points = [
    [0.0, 0.0],
    [1.0, 0.0], [2.0, 1.0],
]
[[camera]]
  source = \"y\"
[[camera.zone]]   # the first of the second
kind = \"in\"
[pipeline]
min_text_length = 3
";

    #[test]
    fn the_line_is_that_of_the_right_camera_and_zone() {
        assert_eq!(line_of(TEXT, "camera_id"), Some(1));
        assert_eq!(line_of(TEXT, "camera[1].source"), Some(3));
        assert_eq!(line_of(TEXT, "camera[2].source"), Some(13));
        assert_eq!(line_of(TEXT, "camera[1].zone[2].kind"), Some(7));
        assert_eq!(line_of(TEXT, "camera[1].zone[2].points"), Some(8));
        assert_eq!(line_of(TEXT, "camera[2].zone[1].kind"), Some(15));
        assert_eq!(line_of(TEXT, "pipeline.min_text_length"), Some(17));
    }

    #[test]
    fn a_missing_key_is_at_its_table_and_a_missing_table_nowhere() {
        assert_eq!(line_of(TEXT, "camera[2].zone[1].points"), Some(14));
        assert_eq!(line_of(TEXT, "pipeline.track_limit_s"), Some(16));
        assert_eq!(line_of(TEXT, "uplink.window"), None);
    }
}
