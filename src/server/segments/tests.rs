//! Segments on a real disk.

use super::*;
use proptest::prelude::*;

const DAY: &str = "2024/12/19";

fn header(bytes: u64) -> Header {
    Header { id: Uuid::now_v7(), name: "frame".into(), extension: "jpg".into(), bytes }
}

fn put(segment: &Segment, bytes: &[u8]) -> Place {
    segment.append(&header(bytes.len() as u64), bytes).unwrap()
}

#[test]
fn pictures_are_listed_and_a_removed_one_gives_its_space_back() {
    let dir = tempfile::tempdir().unwrap();
    let segments = Segments::new(dir.path().to_owned());
    let segment = segments.current(DAY).unwrap();
    let places: Vec<Place> = (1..=5).map(|n| put(&segment, &vec![n; 3000 * usize::from(n)])).collect();
    segment.sync().unwrap();
    let space = || fs::metadata(dir.path().join(segment.path())).unwrap().blocks() * 512;
    let (listed, before) = (segments.pictures(&segment.path()).unwrap(), space());
    assert!(listed.iter().map(|(place, _)| place).eq(&places));
    segments.remove(&places[0]).unwrap();
    segments.remove(&places[2]).unwrap();
    assert!(segments.remove(&places[2]).is_err(), "it is gone");
    assert_eq!(space(), before - 4096 - 3 * 4096);
    assert_eq!(segments.pictures(&segment.path()).unwrap().len(), 3);
    assert_eq!(segments.read(&places[3]).unwrap(), vec![4; 12_000]);
}

#[test]
fn a_segment_goes_with_its_last_picture_but_not_while_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let segments = Segments::new(dir.path().to_owned());
    let segment = segments.current(DAY).unwrap();
    let place = put(&segment, b"one");
    segments.remove(&place).unwrap();
    let file = dir.path().join(segment.path());
    assert!(file.exists());
    let place = put(&segment, b"two");
    segments.current("2024/12/20").unwrap();
    assert!(file.exists() && segments.read(&place).unwrap() == b"two");
    segments.remove(&place).unwrap();
    assert!(!file.exists());
}

#[test]
fn without_holes_a_segment_goes_with_its_last_picture_too() {
    let dir = tempfile::tempdir().unwrap();
    let segments = Segments::new(dir.path().to_owned());
    let segment = segments.current(DAY).unwrap();
    let places = [1, 2].map(|byte| put(&segment, &[byte; 9000]));
    segments.current("2024/12/20").unwrap();
    let file = File::options().read(true).write(true).open(dir.path().join(segment.path())).unwrap();
    segments.mark_gone(&file, &places[0]).unwrap();
    assert!(segments.read(&places[0]).is_err() && segments.remove(&places[0]).is_err());
    assert_eq!(segments.pictures(&segment.path()).unwrap().len(), 1);
    assert_eq!(segments.read(&places[1]).unwrap(), [2; 9000]);
    segments.mark_gone(&file, &places[1]).unwrap();
    assert!(!dir.path().join(segment.path()).exists());
}

#[test]
fn the_list_ends_where_a_power_cut_left_half_a_picture() {
    let dir = tempfile::tempdir().unwrap();
    let segments = Segments::new(dir.path().to_owned());
    let segment = segments.current(DAY).unwrap();
    let first = put(&segment, &[1; 5000]);
    let second = put(&segment, &[2; 5000]);
    put(&segment, &[3; 5000]);
    let file = File::options().write(true).open(dir.path().join(segment.path())).unwrap();
    file.write_all_at(&[0xee; 200], second.offset).unwrap();
    let listed = segments.pictures(&segment.path()).unwrap();
    assert_eq!(listed.iter().map(|(place, _)| place).collect::<Vec<_>>(), [&first]);
    assert!(segments.read(&second).is_err());
    // A header that promises more than there is.
    file.write_all_at(&header(u64::MAX - 5).line(), second.offset).unwrap();
    assert!(segments.read(&second).is_err());
    assert!(segments.pictures(&segment.path()).unwrap().len() <= 2);
}

proptest! {
    #[test]
    fn only_our_own_paths_are_places(text in "\\PC*", offset in 0u64..1000) {
        let place = Place { segment: format!("{DAY}/{}{EXTENSION}", Uuid::nil()), offset: offset * BLOCK };
        prop_assert_eq!(Place::parse(&place.path("jpg")), Some(place));
        if let Some(place) = Place::parse(&text) {
            prop_assert!(!place.segment.contains("..") && place.offset % BLOCK == 0);
        }
    }
}
