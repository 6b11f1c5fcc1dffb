//! The two dictionaries hold the same texts, and the page says nothing that is in neither.

use super::*;
use std::collections::BTreeMap;

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server/page").join(name)).unwrap()
}

/// The string that begins at the start of `text`, and what follows it.
fn string(text: &str) -> (&str, &str) {
    text.strip_prefix('"').and_then(|rest| rest.split_once('"')).unwrap_or_else(|| panic!("a string at: {text:.40}"))
}

/// Each key with the places (`{n}`) of its text. The dictionaries are written plainly enough to be read like this.
fn dictionary(name: &str) -> BTreeMap<String, Vec<String>> {
    let text = file(name);
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let text: String = lines.collect::<Vec<_>>().join(" ");
    let mut rest = text.split_once('{').unwrap().1.trim_start();
    let mut words = BTreeMap::new();
    while !rest.starts_with('}') {
        let (key, after) = if rest.starts_with('"') { string(rest) } else { rest.split_once(':').unwrap() };
        let value = after.trim_start().trim_start_matches(':').trim_start();
        let (value, after) = if value.starts_with('"') {
            string(value)
        } else {
            // `{ one: "…", other: "…" }`: the last form has every place.
            let other = value.split_once("other:").unwrap().1.trim_start();
            let (value, after) = string(other);
            (value, after.trim_start().strip_prefix('}').unwrap())
        };
        let mut places: Vec<_> =
            value.split('{').skip(1).map(|place| place.split('}').next().unwrap().to_owned()).collect();
        places.sort();
        assert!(words.insert(key.trim().to_owned(), places).is_none(), "{name}: {key} twice");
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    words
}

#[test]
fn both_languages_have_every_text_that_the_page_uses_and_no_other() {
    let (english, thai) = (dictionary("en.js"), dictionary("th.js"));
    assert!(english.len() > 150, "{} texts", english.len());
    assert_eq!(english, thai);

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server/page");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let code = names.filter(|name| ![".ttf", "en.js", "th.js"].iter().any(|end| name.ends_with(end)));
    let code: String = code.map(|name| file(&name)).collect();
    for used in code.split(" t(\"").chain(code.split("(t(\"")).skip(1).filter_map(|rest| rest.split('"').next()) {
        if used.len() < 40 && used.chars().all(|c| c.is_ascii_lowercase() || c == '.') {
            assert!(english.contains_key(used), "{used} is in no dictionary");
        }
    }
    let made = |key: &str| {
        key.split_once('.').is_some_and(|(group, _)| {
            code.contains(&format!("`{group}.${{")) || code.contains(&format!("word(\"{group}\""))
        })
    };
    for key in english.keys() {
        let named = if key.contains('.') { format!("\"{key}\"") } else { format!("t(\"{key}\")") };
        let in_html = format!("data-t=\"{key}\"");
        assert!([named, in_html].iter().any(|name| code.contains(name)) || made(key), "nobody says {key}");
    }
}
