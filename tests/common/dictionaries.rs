//! The two dictionaries of a page hold the same texts, and the page says nothing that is in neither.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn file(folder: &str, name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name)).unwrap()
}

/// The string that begins at the start of `text`, and what follows it.
fn string(text: &str) -> (&str, &str) {
    text.strip_prefix('"').and_then(|rest| rest.split_once('"')).unwrap_or_else(|| panic!("a string at: {text:.40}"))
}

/// Each key with the places (`{n}`) of its text. The dictionaries are written plainly enough to be read like this.
fn dictionary(folder: &str, name: &str) -> BTreeMap<String, Vec<String>> {
    let text = file(folder, name);
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

/// Both languages have every text that the page in `folder` uses, and no other. `lent`: files of another folder that it
/// uses, too.
pub fn hold_together(folder: &str, lent: &[(&str, &str)], least: usize) {
    let (english, thai) = (dictionary(folder, "en.js"), dictionary(folder, "th.js"));
    assert!(english.len() > least, "{} texts", english.len());
    assert_eq!(english, thai);

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let names = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let code = names.filter(|name| !name.ends_with(".ttf") && !["en.js", "th.js"].contains(&name.as_str()));
    let own: String = code.map(|name| file(folder, &name)).collect();
    let code: String = lent.iter().map(|(folder, name)| file(folder, name)).fold(own, |all, one| all + &one);
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
