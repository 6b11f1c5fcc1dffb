//! JSON as Python writes it: the bare words `NaN`, `Infinity` and `-Infinity` are read as `null`.

use serde_json::Value;
use std::borrow::Cow;

/// Values of one text. An event has a few hundred; millions of them would take fifty times the memory of their text.
const MOST_VALUES: usize = 100_000;

/// Memory for one value beside its text, at the most on average.
const VALUE_BYTES: usize = 100;

/// About how much memory a text takes once it is read, without reading it.
pub fn weight(text: &[u8]) -> usize {
    text.len().saturating_add(values(text).saturating_mul(VALUE_BYTES))
}

/// At least as many as there are: what looks like a separator within a string counts too.
fn values(text: &[u8]) -> usize {
    text.iter().map(|byte| usize::from(matches!(byte, b',' | b'[' | b'{'))).sum()
}

/// Reads JSON text; the error says what is wrong and where.
pub fn parse(text: &str) -> Result<Value, String> {
    let text = text.trim_start_matches('\u{feff}');
    if text.len() > MOST_VALUES && values(text.as_bytes()) > MOST_VALUES {
        return Err(format!("it has more than {MOST_VALUES} values"));
    }
    let strict = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    match without_bare_words(text) {
        Cow::Owned(text) => serde_json::from_str(&text).map_err(|error| error.to_string()),
        Cow::Borrowed(_) => Err(strict.to_string()),
    }
}

/// As [`parse`], from bytes that should be UTF-8.
pub fn parse_bytes(bytes: &[u8]) -> Result<Value, String> {
    parse(std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))?)
}

const BARE_WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// `text` with the bare words outside strings replaced by `null`; borrowed where there are none.
fn without_bare_words(text: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut copied = 0;
    let mut in_string = false;
    let mut at = 0;
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if in_string => at += 1,
            b'"' => in_string = !in_string,
            b'-' | b'I' | b'N' if !in_string => {
                let rest = bytes.get(at..).unwrap_or_default();
                if let Some(word) = BARE_WORDS.iter().find(|word| rest.starts_with(word.as_bytes())) {
                    clean.push_str(text.get(copied..at).unwrap_or_default());
                    clean.push_str("null");
                    copied = at + word.len();
                    at = copied;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    clean.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn what_python_writes_is_read() {
        assert_eq!(
            parse(r#"{"bbox":[NaN, 1, -Infinity,Infinity],"text":"NaN \" Infinity"}"#),
            Ok(json!({"bbox":[null, 1, null, null], "text":"NaN \" Infinity"}))
        );
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        assert!(parse("{\"a\":}").unwrap_err().contains("line 1"));
        assert!(parse("").is_err());
        assert!(parse("NaNa").is_err());
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse_bytes(b"\"\xff\"").unwrap_err().contains("UTF-8"));
    }

    #[test]
    fn more_values_than_any_event_has_are_refused_before_they_take_memory() {
        let zeros = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
        assert!(parse(&zeros(50_000)).is_ok());
        assert!(parse(&zeros(8_000_000)).unwrap_err().contains("more than 100000 values"));
        assert!(parse(&format!("[{}{{}}]", "{\"\":0},".repeat(2_000_000))).is_err());
        let picture = format!("{{\"annotated_image\":\"{}\"}}", "A".repeat(16_000_000));
        assert!(parse(&picture).is_ok());
        assert!((16_000_000..16_001_000).contains(&weight(picture.as_bytes())));
    }

    proptest! {
        #[test]
        fn any_text_gives_an_answer(text in "\\PC*") {
            let _ = parse(&text);
        }

        #[test]
        fn text_in_strings_is_never_touched(text in "(NaN|-Infinity|[ \"\\\\a-z])*") {
            let written = json!([text, 1]).to_string().replace(",1]", ",NaN]");
            prop_assert_eq!(parse(&written), Ok(json!([text, null])));
        }
    }
}
