//! Entries as CSV, there and back. What a spreadsheet would take for a formula is written with an apostrophe before it,
//! which goes again when the file comes back. Pure.

use super::entry::{Entry, FIELDS, Keys, invalid};
use crate::wire::incoming::Invalid;
use csv::{ReaderBuilder, StringRecord, Trim, WriterBuilder};
use jiff::tz::TimeZone;
use std::collections::HashMap;

/// Lines at the most.
pub const MAX_LINES: usize = 500_000;

/// Bad lines that are named; beyond it they are only counted.
const MAX_NAMED: usize = 100;

/// Tells a spreadsheet that the file is UTF-8.
const MARK: &str = "\u{feff}";

/// A line that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// From 1; the heading is line 1.
    pub line: u64,
    pub field: String,
    pub message: String,
}

/// Why a file is refused: at least one line, and how many there are in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub lines: Vec<BadLine>,
    pub count: usize,
}

impl Refused {
    fn one(line: u64, fault: Invalid) -> Self {
        Self { lines: vec![BadLine { line, field: fault.field, message: fault.message }], count: 1 }
    }

    fn add(&mut self, line: u64, fault: Invalid) {
        self.count += 1;
        if self.lines.len() < MAX_NAMED {
            self.lines.push(BadLine { line, field: fault.field, message: fault.message });
        }
    }
}

/// Begins what a spreadsheet computes, or what we took for such a beginning ourselves.
fn is_active(text: &str) -> bool {
    text.starts_with('\'') || is_formula(text)
}

/// May a spreadsheet take it for something to compute?
pub fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

fn guarded(text: &str) -> String {
    if is_active(text) { format!("'{text}") } else { text.to_owned() }
}

fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| is_active(rest)).unwrap_or(text)
}

/// The heading.
pub fn heading() -> String {
    format!("{MARK}{}\r\n", FIELDS.join(","))
}

/// One line, with its end.
pub fn line(entry: &Entry) -> String {
    let mut writer = WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // Writing into memory cannot fail, and what was text stays text.
    let _ = writer.write_record(entry.texts().iter().map(|text| guarded(text)));
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// The entries of a file with their keys, or every line that is wrong with it. Columns may come in any order, separated by commas,
/// semicolons or tabs; `plate` must be among them.
pub fn read(bytes: &[u8], zone: &TimeZone) -> Result<Vec<(Entry, Keys)>, Refused> {
    let bytes = bytes.strip_prefix(MARK.as_bytes()).unwrap_or(bytes);
    let mut reader = ReaderBuilder::new().delimiter(delimiter(bytes)).flexible(true).trim(Trim::All).from_reader(bytes);
    let headers = reader.headers().map_err(|error| Refused::one(1, unreadable(&error)))?.clone();
    let columns = columns(&headers).map_err(|fault| Refused::one(1, fault))?;
    let mut refused = Refused { lines: Vec::new(), count: 0 };
    let (mut entries, mut seen) = (Vec::new(), HashMap::new());
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                refused.add(line, unreadable(&error));
                continue;
            }
        };
        let line = record.position().map_or(0, |position| line_of(bytes, position));
        if record.iter().all(str::is_empty) {
            continue;
        }
        if entries.len() >= MAX_LINES {
            refused.add(line, invalid("plate", format!("is one too many; a file has at most {MAX_LINES} lines")));
            break;
        }
        match take(&record, &columns, line, zone, &mut seen) {
            Ok(entry) => entries.push(entry),
            Err(fault) => refused.add(line, fault),
        }
    }
    if refused.count == 0 { Ok(entries) } else { Err(refused) }
}

/// The line on which a record begins; the reader's own word for it is before the empty lines that it skipped.
fn line_of(bytes: &[u8], position: &csv::Position) -> u64 {
    let from = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let rest = bytes.get(from..).unwrap_or_default();
    let skipped = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n').count();
    position.line() + skipped as u64
}

fn take(
    record: &StringRecord,
    columns: &[Option<usize>],
    line: u64,
    zone: &TimeZone,
    seen: &mut HashMap<(String, String), u64>,
) -> Result<(Entry, Keys), Invalid> {
    if record.len() > columns.len() && record.iter().skip(columns.len()).any(|cell| !cell.is_empty()) {
        return Err(invalid("line", "has more columns than the heading"));
    }
    let text_of = |field: &str| {
        let column = columns.iter().position(|known| known.is_some_and(|known| FIELDS[known] == field));
        unguarded(column.and_then(|column| record.get(column)).unwrap_or_default())
    };
    let entry = Entry::read(text_of, zone)?;
    let keys = entry.keys();
    if let Some(first) = seen.insert((keys.plate.clone(), keys.province.clone()), line) {
        return Err(invalid("plate", format!("is the same as in line {first}")));
    }
    Ok((entry, keys))
}

fn unreadable(error: &csv::Error) -> Invalid {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => invalid("line", "is not UTF-8; save the file as \"CSV UTF-8\""),
        _ => invalid("line", "cannot be read as CSV"),
    }
}

/// For each column the index of its field; `None` for a column without a name.
fn columns(headers: &StringRecord) -> Result<Vec<Option<usize>>, Invalid> {
    let mut columns = Vec::new();
    for name in headers {
        let name = name.trim().to_lowercase();
        let field = FIELDS.iter().position(|field| *field == name);
        if field.is_none() && !name.is_empty() {
            let known = FIELDS.join(", ");
            let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
            return Err(invalid("heading", format!("names the unknown column \"{shown}\"; known are {known}")));
        }
        if field.is_some() && columns.contains(&field) {
            return Err(invalid("heading", format!("names the column {name} twice")));
        }
        columns.push(field);
    }
    if !columns.contains(&Some(0)) {
        return Err(invalid("heading", "must name the column plate"));
    }
    Ok(columns)
}

/// What separates the columns of the heading.
fn delimiter(bytes: &[u8]) -> u8 {
    let heading = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |wanted: u8| heading.iter().filter(|byte| **byte == wanted).count();
    // The last of equals wins: a comma where there is nothing to choose.
    [b'\t', b';', b','].into_iter().max_by_key(|byte| count(*byte)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::watch::entry::{Mode, Severity};
    use proptest::prelude::*;

    fn faults(text: &str) -> Vec<(u64, String)> {
        let refused = read(text.as_bytes(), &TimeZone::UTC).unwrap_err();
        refused.lines.into_iter().map(|bad| (bad.line, bad.field)).collect()
    }

    #[test]
    fn every_bad_line_is_named_and_nothing_is_taken() {
        let text =
            "plate,severity,valid_to\nABC1,,\n-,,\nABC2,high,\nABC3,info,2024-12-19\nabc-1,,\nX,,,,y\n\nD,,never\n";
        let expected = [(3, "plate"), (4, "severity"), (6, "plate"), (7, "line"), (9, "valid_to")];
        assert_eq!(faults(text), expected.map(|(line, field)| (line, field.to_owned())));
        assert_eq!(faults("number\nABC1\n"), [(1, "heading".to_owned())]);
        assert_eq!(faults("severity\ninfo\n"), [(1, "heading".to_owned())]);
        assert_eq!(faults("plate,plate\nA1,A1\n"), [(1, "heading".to_owned())]);
        assert_eq!(faults(""), [(1, "heading".to_owned())]);
        let thai_windows = b"plate\n\xa1\xa11234\n";
        assert!(read(thai_windows, &TimeZone::UTC).unwrap_err().lines[0].message.contains("UTF-8"));
    }

    #[test]
    fn what_spreadsheets_write_is_read() {
        for text in
            ["\u{feff}note;Plate\r\nseen;ABC 1\r\n", "plate\tnote\nABC 1\tseen\n", "note,plate,\n\"seen\",ABC 1,\n"]
        {
            let entries = read(text.as_bytes(), &TimeZone::UTC).unwrap();
            let (entry, _) = &entries[0];
            assert_eq!((entry.plate.as_str(), entry.note.as_str()), ("ABC 1", "seen"), "{text}");
        }
    }

    #[test]
    fn no_cell_begins_like_a_formula() {
        let entry = Entry {
            plate: "=1+1".into(),
            province: "@SUM(A1)".into(),
            note: "+cmd|' /C calc'!A0\n=2".into(),
            severity: None,
            valid_from_us: None,
            valid_to_us: None,
            mode: Mode::Exact,
        };
        assert_eq!(line(&entry), "'=1+1,'@SUM(A1),\"'+cmd|' /C calc'!A0\n=2\",,,,exact\r\n");
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let text = "[=+@'\\-\t\"',;\n\rกa1 ]{0,12}";
        let moment = || proptest::option::of(0i64..4_000_000_000_000_000);
        ("[=+@'-]{0,2}[A-Z0-9ก-ฮ]{1,8}", text, text, 0usize..4, moment(), moment(), any::<bool>()).prop_map(
            |(plate, province, note, severity, from, to, fuzzy)| Entry {
                plate: plate.trim().into(),
                province: province.trim().into(),
                note: note.trim().into(),
                severity: [None, Some(Severity::Info), Some(Severity::Warning), Some(Severity::Critical)][severity],
                valid_from_us: from.filter(|from| *from > 0),
                valid_to_us: to.filter(|to| *to > from.unwrap_or(0)),
                mode: if fuzzy { Mode::Fuzzy } else { Mode::Exact },
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(entry in entry()) {
            let text = heading() + &line(&entry);
            let keys = entry.keys();
            prop_assert_eq!(read(text.as_bytes(), &TimeZone::UTC), Ok(vec![(entry, keys)]));
        }

        #[test]
        fn any_bytes_give_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes, &TimeZone::UTC);
            let _ = read(&[b"plate,note\n", bytes.as_slice()].concat(), &TimeZone::UTC);
        }
    }
}
