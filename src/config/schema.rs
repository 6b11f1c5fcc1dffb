//! The default configuration, written as TOML, is the schema: its keys are the valid ones and its values tell the types.
//! So a new key needs no line here.

use super::Fault;
use super::locate::line_of_offset;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// What a file and the environment say, held against the schema.
pub(super) struct Checked {
    table: Table,
    pub(super) faults: Vec<Fault>,
    /// Keys that were meant, as far as can be told, by what was thrown out: what their defaults are is no fault of the file.
    doubted: Vec<String>,
}

impl Checked {
    /// Reads `text`. What cannot be used is thrown out and told; the rest can be looked at further.
    ///
    /// # Errors
    /// All that makes it no TOML at all.
    pub(super) fn new(text: &str, schema: &Table) -> Result<Self, Vec<Fault>> {
        let (_, errors) = toml::de::DeTable::parse_recoverable(text);
        let mut table = match text.parse::<Table>() {
            Ok(table) if errors.is_empty() => table,
            Err(error) if errors.is_empty() => return Err(vec![syntax_fault(text, &error)]),
            _ => return Err(syntax_faults(text, &errors)),
        };
        let mut checked = Self { table: Table::new(), faults: Vec::new(), doubted: Vec::new() };
        checked.check_keys(&mut table, schema, schema, "");
        checked.table = table;
        Ok(checked)
    }

    /// Puts the environment's variables that begin with `prefix` in their places.
    pub(super) fn apply_env(&mut self, schema: &Table, prefix: &str, env: &[(String, String)]) {
        let mut table = std::mem::take(&mut self.table);
        for (name, text) in env {
            if let Some(rest) = name.strip_prefix(prefix) {
                self.apply(&mut table, schema, name, &rest.to_lowercase(), text);
            }
        }
        self.table = table;
    }

    /// The configuration that is left, whatever was thrown out.
    pub(super) fn value<T: DeserializeOwned>(&mut self) -> Option<T> {
        match Value::Table(std::mem::take(&mut self.table)).try_into() {
            Ok(config) => Some(config),
            Err(error) => {
                self.faults.push(Fault::new("", error.message().to_owned()));
                None
            }
        }
    }

    /// Takes up what is wrong with the values.
    pub(super) fn add(&mut self, faults: Vec<Fault>) {
        let doubted = &self.doubted;
        self.faults.extend(faults.into_iter().filter(|fault| !doubted.contains(&fault.key)));
    }

    fn check_keys(&mut self, table: &mut Table, schema: &Table, all: &Table, path: &str) {
        table.retain(|key, value| {
            let dotted = join(path, key);
            let Some(expected) = schema.get(key) else {
                let (likely, said) = unknown_key(key, schema, all);
                self.doubted.extend(likely.map(|likely| join(path, &likely)));
                self.faults.push(Fault::new(&dotted, said));
                return false;
            };
            self.check_value(value, expected, all, &dotted)
        });
    }

    /// Can the value be used?
    fn check_value(&mut self, value: &mut Value, expected: &Value, all: &Table, dotted: &str) -> bool {
        match (value, expected) {
            // Names that the file itself gives, each with a text.
            (Value::Table(inner), Value::Table(schema)) if schema.is_empty() => {
                let text = Value::String(String::new());
                inner.retain(|name, value| self.check_value(value, &text, all, &join(dotted, name)));
                true
            }
            (Value::Table(inner), Value::Table(schema)) => {
                self.check_keys(inner, schema, all, dotted);
                true
            }
            (Value::Array(items), Value::Array(schema)) => {
                let Some(expected) = schema.first() else { return true };
                let check = |(index, item): (usize, &mut Value)| {
                    self.check_value(item, expected, all, &format!("{dotted}[{}]", index + 1))
                };
                items.iter_mut().enumerate().map(check).fold(true, |all, one| all & one)
            }
            // A whole number is welcome where a fraction is expected.
            (Value::Integer(_), Value::Float(_)) => true,
            (value, expected) if value.same_type(expected) => true,
            (value, expected) => {
                self.doubted.push(dotted.to_owned());
                let said = format!("must be {}, not {}", kind(expected), kind(value));
                self.faults.push(Fault::new(dotted, said));
                false
            }
        }
    }

    /// Puts one environment variable in its place. `rest` is its name in lower case without the prefix, its words
    /// joined by `_`: `uplink_server_url` is `uplink.server_url`, `camera_1_source` the first camera's.
    fn apply(&mut self, table: &mut Table, schema: &Table, name: &str, rest: &str, text: &str) {
        if let Some(expected) = schema.get(rest) {
            match parse_like(expected, text) {
                Some(value) => {
                    table.insert(rest.to_owned(), value);
                }
                None => self.faults.push(Fault::new(name, format!("\"{text}\" is not {}", kind(expected)))),
            }
            return;
        }
        for (key, expected) in schema {
            let Some(inner) = rest.strip_prefix(key.as_str()).and_then(|r| r.strip_prefix('_')) else {
                continue;
            };
            match expected {
                Value::Table(inner_schema) => {
                    let slot = table.entry(key.clone()).or_insert_with(|| Value::Table(Table::new()));
                    if let Value::Table(slot) = slot {
                        self.apply(slot, inner_schema, name, inner, text);
                    }
                    return;
                }
                Value::Array(items) => {
                    if let Some(Value::Table(inner_schema)) = items.first()
                        && let Some((number, inner)) = inner.split_once('_')
                        && let Ok(number @ 1..=64) = number.parse::<usize>()
                    {
                        if let Some(slot) = nth_table(table, key, number) {
                            self.apply(slot, inner_schema, name, inner, text);
                        }
                        return;
                    }
                }
                _ => {}
            }
        }
        self.faults.push(Fault::new(name, unknown_key(rest, schema, schema).1));
    }
}

/// One of each line: what follows on it follows from it.
fn syntax_faults(text: &str, errors: &[toml::de::Error]) -> Vec<Fault> {
    let mut faults: Vec<Fault> = errors.iter().map(|error| syntax_fault(text, error)).collect();
    faults.sort_by_key(|fault| fault.line);
    faults.dedup_by_key(|fault| fault.line);
    faults
}

fn syntax_fault(text: &str, error: &toml::de::Error) -> Fault {
    let mut fault = Fault::new("", format!("not valid TOML: {}", error.message()));
    fault.line = error.span().map(|span| line_of_offset(text, span.start));
    fault
}

/// The `number`-th (from 1) table of the list `key`, made if it is the next one.
fn nth_table<'t>(table: &'t mut Table, key: &str, number: usize) -> Option<&'t mut Table> {
    let list = table.entry(key.to_owned()).or_insert_with(|| Value::Array(Vec::new())).as_array_mut()?;
    while list.len() < number {
        list.push(Value::Table(Table::new()));
    }
    list.get_mut(number - 1)?.as_table_mut()
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text in quotes",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

fn parse_like(expected: &Value, text: &str) -> Option<Value> {
    match expected {
        Value::String(_) => Some(Value::String(text.to_owned())),
        Value::Integer(_) => text.parse().ok().map(Value::Integer),
        Value::Float(_) => text.parse().ok().map(Value::Float),
        Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
        // A list of texts needs no quotes; points are written as in the file.
        Value::Array(items) if matches!(items.first(), Some(Value::Array(_) | Value::Float(_))) => {
            let mut table = format!("list = {text}").parse::<Table>().ok()?;
            table.remove("list").filter(Value::is_array)
        }
        Value::Array(_) => {
            Some(Value::Array(text.split(',').map(|item| Value::String(item.trim().to_owned())).collect()))
        }
        // NAME=TEXT,NAME=TEXT where the names are free.
        Value::Table(schema) if schema.is_empty() => {
            let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
            let pairs = pairs.map(|pair| {
                let (name, text) = pair.split_once('=')?;
                Some((name.trim().to_owned(), Value::String(text.trim().to_owned())))
            });
            Some(Value::Table(pairs.collect::<Option<Table>>()?))
        }
        Value::Datetime(_) | Value::Table(_) => None,
    }
}

/// The key of the same table that was likely meant, and what to say.
fn unknown_key(key: &str, schema: &Table, all: &Table) -> (Option<String>, String) {
    let nearest =
        schema.keys().map(|known| (strsim::jaro_winkler(key, known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    if let Some(table) = other_table(key, all) {
        return (None, format!("unknown key; it belongs into {table}"));
    }
    match nearest {
        Some((likeness, known)) if likeness > 0.7 => {
            (Some(known.clone()), format!("unknown key; did you mean \"{known}\"?"))
        }
        _ => {
            let known: Vec<&str> = schema.keys().map(String::as_str).collect();
            (None, format!("unknown key; known here are {}", known.join(", ")))
        }
    }
}

/// The one table, as its header, that has this very key.
fn other_table(key: &str, all: &Table) -> Option<String> {
    let mut found = all.iter().filter_map(|(name, value)| match value {
        Value::Table(table) => table.contains_key(key).then(|| format!("[{name}]")),
        Value::Array(items) => {
            let table = items.first()?.as_table()?;
            table.contains_key(key).then(|| format!("[[{name}]]"))
        }
        _ => None,
    });
    let first = found.next()?;
    found.next().is_none().then_some(first)
}
