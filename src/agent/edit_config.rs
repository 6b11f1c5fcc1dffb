//! Changing single keys of a configuration file; comments and everything else stay as they are. Pure.

use toml_edit::{DocumentMut, Item, TableLike, Value};

/// Sets texts, each as `(table, key, text)`; a table that is missing is made.
///
/// # Errors
/// The file is no TOML, or has something else where a table should be.
pub fn set_texts(file: &str, texts: &[(&str, &str, &str)]) -> Result<String, String> {
    let mut document: DocumentMut = file.parse().map_err(|error| format!("it is not valid TOML: {error}"))?;
    for (table, key, text) in texts {
        let table = match document.entry(table).or_insert_with(toml_edit::table).as_table_like_mut() {
            Some(table) => table,
            None => return Err(format!("{table} is no table")),
        };
        put(table, key, (*text).into());
    }
    Ok(document.to_string())
}

/// Sets one value; what stands around the old one, its comment, stays.
pub fn put(table: &mut dyn TableLike, key: &str, mut new: Value) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        None => {
            table.insert(key, Item::Value(new));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_keeps_all_its_comments() {
        let file = include_str!("../../config/agent.toml");
        let url = "https://control.example/lpr";
        let texts = [("uplink", "server_url", url), ("uplink", "token_file", "/etc/lpr-agent/token")];
        let changed = set_texts(file, &texts).unwrap();
        let different = |(old, new): &(&str, &str)| old != new;
        let pairs: Vec<_> = file.lines().zip(changed.lines()).filter(different).collect();
        assert_eq!(pairs.len(), 2, "{pairs:?}");
        assert!(pairs[0].1.contains(url) && pairs[0].1.contains("# http(s)://"), "{pairs:?}");
        assert_eq!(file.lines().count(), changed.lines().count());
    }

    #[test]
    fn what_is_missing_is_made_and_what_is_no_table_is_refused() {
        let changed = set_texts("camera_id = \"a\" # mine\n", &[("uplink", "token_file", "t")]).unwrap();
        assert_eq!(changed, "camera_id = \"a\" # mine\n\n[uplink]\ntoken_file = \"t\"\n");
        assert!(set_texts("uplink = 3\n", &[("uplink", "token_file", "t")]).is_err());
        assert!(set_texts("a = = 3\n", &[]).is_err());
    }
}
