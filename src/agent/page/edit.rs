//! Where reads count, changed in the text of the configuration: comments, order and everything else stay as they are.
//! Pure.

use crate::agent::edit_config::put;
use crate::config::{AgentConfig, CameraConfig, LineConfig, ZoneConfig};
use serde::{Deserialize, Serialize};
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, Value};

/// What the page may change of a camera.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Areas {
    pub min_plate_height: f64,
    pub zones: Vec<ZoneConfig>,
    pub lines: Vec<LineConfig>,
}

/// Why the text cannot be changed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EditError {
    #[error("the file is no longer valid: {0}; check it with lpr-agent check-config")]
    Broken(String),
    #[error("the file has no [[camera]] number {0}: this camera comes from the environment")]
    NoCamera(usize),
    #[error("the file's cameras are not written as [[camera]]; change them by hand")]
    OtherForm,
}

impl Areas {
    pub fn of(camera: &CameraConfig) -> Self {
        Self { min_plate_height: camera.min_plate_height, zones: camera.zone.clone(), lines: camera.line.clone() }
    }

    /// Puts them into a configuration.
    pub fn put_into(&self, camera: &mut CameraConfig) {
        camera.min_plate_height = self.min_plate_height;
        camera.zone = self.zones.clone();
        camera.line = self.lines.clone();
    }

    /// A ten-thousandth of the picture is less than a pixel of most cameras, and easier to read.
    pub fn rounded(mut self) -> Self {
        let round = |value: &mut f64| *value = (*value * 1e4).round() / 1e4;
        self.min_plate_height = (self.min_plate_height * 10.0).round() / 10.0;
        self.zones.iter_mut().flat_map(|zone| zone.points.iter_mut().flatten()).for_each(round);
        self.lines.iter_mut().flat_map(|line| line.from.iter_mut().chain(&mut line.to)).for_each(round);
        self
    }
}

/// The text with the areas of the `camera`-th camera (from 0) in the place of what it had.
pub fn apply(text: &str, camera: usize, areas: &Areas) -> Result<String, EditError> {
    let broken = |error: &dyn std::fmt::Display| EditError::Broken(error.to_string().trim_end().to_owned());
    let config: AgentConfig = toml::from_str(text).map_err(|error| broken(&error.message()))?;
    let before = config.camera.get(camera).map(Areas::of).ok_or(EditError::NoCamera(camera + 1))?;
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| broken(&error.message()))?;
    let cameras = document.get_mut("camera").and_then(Item::as_array_of_tables_mut).ok_or(EditError::OtherForm)?;
    let table = cameras.get_mut(camera).ok_or(EditError::NoCamera(camera + 1))?;

    if before.min_plate_height != areas.min_plate_height {
        put(table, "min_plate_height", areas.min_plate_height.into());
    }
    replace(table, "zone", &before.zones, &areas.zones, |table, zone| {
        put(table, "kind", zone.kind.as_str().into());
        put(table, "points", zone.points.iter().map(|point| Value::Array(numbers(point))).collect::<Array>().into());
    });
    replace(table, "line", &before.lines, &areas.lines, |table, line| {
        put(table, "name", line.name.as_str().into());
        put(table, "from", numbers(&line.from).into());
        put(table, "to", numbers(&line.to).into());
    });
    Ok(document.to_string())
}

/// As it would stand in the file, for a person who copies it there.
pub fn snippet(areas: &Areas) -> String {
    let mut table = Table::new();
    put(&mut table, "min_plate_height", areas.min_plate_height.into());
    let mut list = ArrayOfTables::new();
    list.push(table);
    let mut document = DocumentMut::new();
    document.insert("camera", Item::ArrayOfTables(list));
    let bare = document.to_string();
    let text = apply(&bare, 0, areas).unwrap_or(bare);
    text.trim_start_matches("[[camera]]").trim_start().to_owned()
}

/// Makes the list `key` say `after`; what is as it was keeps its words.
fn replace<T: PartialEq>(table: &mut Table, key: &str, before: &[T], after: &[T], write: impl Fn(&mut Table, &T)) {
    if before == after {
        return;
    }
    if after.is_empty() {
        table.remove(key);
        return;
    }
    let list = match table.get_mut(key) {
        Some(Item::ArrayOfTables(list)) => list,
        _ => {
            // Not there, or written as one value, whose spaces would be wrong for a header.
            table.remove(key);
            table.insert(key, Item::ArrayOfTables(ArrayOfTables::new()));
            match table.get_mut(key) {
                Some(Item::ArrayOfTables(list)) => list,
                _ => return,
            }
        }
    };
    while list.len() > after.len() {
        list.remove(list.len() - 1);
    }
    for (index, wanted) in after.iter().enumerate() {
        match list.get_mut(index) {
            Some(_) if before.get(index) == Some(wanted) => {}
            Some(table) => write(table, wanted),
            None => {
                let mut table = Table::new();
                write(&mut table, wanted);
                list.push(table);
            }
        }
    }
}

/// Sets a value; the comment behind the old one stays.
fn numbers(values: &[f64]) -> Array {
    values.iter().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::agent_from;
    use proptest::prelude::*;

    const TWO: &str = r#"# The north gate
[[camera]]
id = "one"            # above the barrier
source = "rtsp://cam/1"
min_plate_height = 0.0              # pixels

# the car park
[[camera.zone]]
kind = "exclude"      # never
points = [[0.0, 0.0], [0.4, 0.0], [0.4, 0.3]]

[[camera]]
id = "two"
source = "rtsp://cam/2"

[models]
threads = 1           # a small box
"#;

    fn zone(kind: &str, points: &[[f64; 2]]) -> ZoneConfig {
        ZoneConfig { kind: kind.into(), points: points.to_vec() }
    }

    fn triangle() -> ZoneConfig {
        zone("include", &[[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]])
    }

    fn read(text: &str) -> AgentConfig {
        agent_from(text, "agent.toml", std::iter::empty()).unwrap()
    }

    #[test]
    fn what_is_not_changed_keeps_every_letter() {
        let areas = Areas::of(&read(TWO).camera[0]);
        assert_eq!(apply(TWO, 0, &areas).unwrap(), TWO);
        let areas = Areas { min_plate_height: 24.0, ..areas };
        let text = apply(TWO, 0, &areas).unwrap();
        assert_eq!(text, TWO.replace("min_plate_height = 0.0", "min_plate_height = 24.0"));
    }

    #[test]
    fn a_new_zone_goes_to_its_own_camera_and_comments_stay() {
        for camera in [0, 1] {
            let mut wanted = read(TWO);
            let mut areas = Areas::of(&wanted.camera[camera]);
            areas.zones.push(triangle());
            areas.lines.push(LineConfig { name: "gate".into(), from: vec![0.0, 0.7], to: vec![1.0, 0.7] });
            let text = apply(TWO, camera, &areas).unwrap();
            areas.put_into(&mut wanted.camera[camera]);
            assert_eq!(read(&text), wanted, "{text}");
            for comment in TWO.lines().filter_map(|line| line.split_once('#')).map(|(_, comment)| comment) {
                assert!(text.contains(comment), "{comment} in {text}");
            }
        }
    }

    #[test]
    fn zones_go_and_a_list_in_one_value_is_understood() {
        let without = apply(TWO, 0, &Areas::default()).unwrap();
        assert!(read(&without).camera[0].zone.is_empty() && without.contains("# a small box"), "{without}");
        let inline =
            "[[camera]]\nsource = \"a.jpg\"\nzone = [{ kind = \"exclude\", points = [[0, 0], [1, 0], [1, 1]] }]\n";
        let text = apply(inline, 0, &Areas { zones: vec![triangle()], ..Areas::default() }).unwrap();
        assert_eq!(read(&text).camera[0].zone, [triangle()], "{text}");
    }

    #[test]
    fn what_cannot_be_changed_is_said() {
        let areas = Areas { min_plate_height: 9.0, ..Areas::default() };
        assert_eq!(apply(TWO, 2, &areas), Err(EditError::NoCamera(3)));
        assert_eq!(apply("camera = [{ source = \"a.jpg\" }]\n", 0, &areas), Err(EditError::OtherForm));
        assert!(matches!(apply("x = = 1", 0, &areas), Err(EditError::Broken(_))));
    }

    #[test]
    fn the_commented_file_takes_zones_and_stays_valid() {
        let text = include_str!("../../../config/agent.toml");
        let areas = Areas { min_plate_height: 20.0, zones: vec![triangle()], ..Areas::default() };
        let changed = apply(text, 0, &areas).unwrap();
        assert_eq!(Areas::of(&read(&changed).camera[0]), areas);
        let lost: Vec<&str> = text.lines().filter(|line| line.contains('#') && !changed.contains(line)).collect();
        assert_eq!(
            lost,
            ["min_plate_height = 0.0              # a plate lower than so many pixels makes no event; 0: no limit"]
        );
    }

    #[test]
    fn a_snippet_is_what_a_person_would_write() {
        let areas = Areas { min_plate_height: 20.0, zones: vec![triangle()], ..Areas::default() };
        let text = snippet(&areas);
        let file = format!("[[camera]]\nsource = \"a.jpg\"\n{text}");
        assert_eq!(Areas::of(&read(&file).camera[0]), areas, "{file}");
        assert_eq!(text.matches("[[camera").count(), 1);
    }

    fn point() -> impl Strategy<Value = [f64; 2]> {
        [0.0..=1.0f64, 0.0..=1.0]
    }

    fn any_areas() -> impl Strategy<Value = Areas> {
        let zones = prop::collection::vec(
            ("include|exclude", prop::collection::vec(point(), 3..6))
                .prop_map(|(kind, points)| ZoneConfig { kind, points }),
            0..4,
        );
        let lines = prop::collection::vec(("\\PC{1,12}", point(), point()), 0..3).prop_map(|lines| {
            let line =
                |(name, from, to): (String, [f64; 2], [f64; 2])| LineConfig { name, from: from.into(), to: to.into() };
            lines.into_iter().map(line).collect()
        });
        (0.0..1000.0f64, zones, lines)
            .prop_map(|(min_plate_height, zones, lines)| Areas { min_plate_height, zones, lines }.rounded())
    }

    proptest! {
        /// Whatever was there and whatever is wanted: it is there afterwards, for this camera, and nothing else is changed.
        #[test]
        fn only_what_was_asked_for_changes(first in any_areas(), second in any_areas(), camera in 0..2usize) {
            let parse = |text: &str| toml::from_str::<AgentConfig>(text).unwrap();
            let before = apply(TWO, camera, &first).unwrap();
            let after = apply(&before, camera, &second).unwrap();
            let mut wanted = parse(TWO);
            second.put_into(&mut wanted.camera[camera]);
            prop_assert_eq!(parse(&after), wanted, "{}", after);
            prop_assert_eq!(apply(&after, camera, &second).unwrap(), after);
        }
    }
}
