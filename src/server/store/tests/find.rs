//! A search is right when it finds what a look at every record would find, in the same order.

use super::*;
use crate::domain::{likeness, plate_key};
use serde_json::json;
use std::collections::BTreeSet;

/// One stored record, as the model sees it. Its number is its place in the list, from 1.
#[derive(Debug, Clone)]
struct Model {
    camera: usize,
    at_us: i64,
    /// Each with its province, which may not have been read.
    plates: Vec<(String, Option<&'static str>)>,
}

const CAMERAS: [(&str, &str); 4] = [("c0", "north"), ("c1", "north"), ("c0", "south"), ("c2", "south")];

/// The same numbers in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn plate(&mut self) -> String {
        let letters: Vec<char> = "กถขชAB80".chars().collect();
        let head: String = (0..2).map(|_| letters[self.roll(letters.len())]).collect();
        format!("{head} {}{}", self.roll(3), ["11", "I1", "17", "1"][self.roll(4)])
    }

    fn province(&mut self) -> Option<&'static str> {
        [None, Some("กรุงเทพมหานคร"), Some("เชียงใหม่"), Some("เชียงราย"), Some("Nevada")][self.roll(5)]
    }
}

async fn fill(store: &Arc<Store>, dice: &mut Dice, records: usize) -> Vec<Model> {
    let mut model = Vec::new();
    for number in 0..records {
        let plates = (0..dice.roll(4).min(2)).map(|_| (dice.plate(), dice.province())).collect();
        let record = Model { camera: dice.roll(4), at_us: (dice.roll(40) as i64 - 8) * 700_000_000, plates };
        let mut event = detection(&format!("e{number}"), 0, &format!("id{number}"));
        let (camera, checkpoint) = CAMERAS[record.camera];
        event.camera =
            CameraKey { camera: CameraId::new(camera).unwrap(), checkpoint: CheckpointId::new(checkpoint).unwrap() };
        event.captured.at_us = record.at_us;
        let (texts, provinces): (Vec<_>, Vec<_>) = record.plates.iter().cloned().unzip();
        event.captured.body = serde_json::json!({ "ocr_results": texts, "province": provinces }).to_string();
        insert(store, event).await;
        model.push(record);
    }
    model
}

/// What is looked for: a plate, and the beginnings of its province, in the plate's text and beside it.
#[derive(Clone, Copy)]
struct Asked<'a> {
    plate: Option<(&'a str, Mode)>,
    behind: &'a str,
    province: &'a str,
}

impl Asked<'_> {
    fn wanted(&self) -> Option<Wanted> {
        let plate = self.plate.map(|(text, mode)| Wanted::new(&format!("{text} {}", self.behind), mode).unwrap());
        match self.province {
            "" => plate,
            province => Wanted::in_province(plate, province),
        }
    }

    fn fits(&self, (text, province): &(String, Option<&str>)) -> bool {
        let key = plate_key(text);
        let begins = |start: &str| province.is_some_and(|province| province.starts_with(start));
        let alike = self.plate.is_none_or(|(wanted, mode)| match mode {
            Mode::Prefix if self.behind.is_empty() => key.starts_with(&plate_key(wanted)),
            Mode::Fuzzy => likeness(wanted, &key).is_some(),
            Mode::Exact | Mode::Prefix => key == plate_key(wanted),
        });
        let behind = self.plate.is_none() || self.behind.is_empty() || begins(self.behind);
        alike && behind && (self.province.is_empty() || begins(self.province))
    }
}

/// What the filter should give, cursor and limit apart: numbers in its order.
fn expected(model: &[Model], filter: &Filter, asked: Asked<'_>) -> Vec<i64> {
    let fits = |record: &Model| {
        let (camera, checkpoint) = CAMERAS[record.camera];
        filter.camera_id.as_deref().is_none_or(|id| id == camera)
            && filter.checkpoint_id.as_deref().is_none_or(|id| id == checkpoint)
            && filter.from_us.is_none_or(|from_us| record.at_us >= from_us)
            && filter.to_us.is_none_or(|to_us| record.at_us < to_us)
            && (filter.plate.is_none() || record.plates.iter().any(|plate| asked.fits(plate)))
    };
    let mut found: Vec<(i64, i64)> = (model.iter().enumerate())
        .filter(|(_, record)| fits(record))
        .map(|(index, record)| (if filter.by_time() { record.at_us } else { 0 }, index as i64 + 1))
        .collect();
    found.sort_unstable();
    if filter.order != Order::Asc {
        found.reverse();
    }
    found.into_iter().map(|(_, seq)| seq).collect()
}

/// All pages after each other, each in the order in which it was walked; the totals of all pages; how many were not full.
async fn pages(store: &Arc<Store>, filter: &Filter) -> (Vec<i64>, BTreeSet<(i64, bool)>, usize) {
    let (mut seqs, mut totals, mut short) = (Vec::new(), BTreeSet::new(), 0);
    let mut filter = filter.clone();
    loop {
        let page = filter.clone();
        let found = store.read(move |conn| page.find(conn)).await.unwrap();
        totals.insert((found.total, found.total_is_exact));
        let mut places: Vec<i64> = found.places.iter().map(|place| place.seq).collect();
        if filter.order == Order::Last {
            places.reverse();
        }
        seqs.extend(places);
        let Some(next) = found.next else { return (seqs, totals, short) };
        short += usize::from(found.places.len() < filter.limit);
        filter.cursor = Place::parse(&next.to_string());
        assert_eq!(filter.cursor, Some(next));
    }
}

#[tokio::test]
async fn every_filter_finds_what_a_look_at_each_record_would_find_page_by_page() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let mut dice = Dice(7);
    let model = fill(&store, &mut dice, 300).await;
    assert_counted(&store).await;
    let (mut walked, mut looked_up, mut partly) = (0, 0, 0);
    for _ in 0..600 {
        let mut maybe = |value: String| (dice.roll(2) == 0).then_some(value);
        let (camera_id, checkpoint_id) = (maybe("c0".into()), maybe("south".into()));
        let mut moment =
            || (dice.roll(2) == 0).then(|| (dice.roll(44) as i64 - 10) * 700_000_000 + dice.roll(2) as i64);
        let (from_us, to_us) = (moment(), moment());
        let mode = [Mode::Exact, Mode::Prefix, Mode::Fuzzy][dice.roll(3)];
        let text = if mode == Mode::Prefix { ["ก", "A", "80"][dice.roll(3)].to_owned() } else { dice.plate() };
        let plate = (dice.roll(3) > 0).then_some((text.as_str(), mode));
        // A beginning is not behind a plate's beginning.
        let behind = ["", "", "กรุงเทพ", "เชียง", "เชียงใหม่"][dice.roll(if mode == Mode::Prefix { 2 } else { 5 })];
        let asked = Asked {
            plate, behind, province: ["", "", "", "กรุงเทพ", "เชียง", "Nev"][dice.roll(6)]
        };
        let filter = Filter {
            camera_id,
            checkpoint_id,
            from_us,
            to_us,
            plate: asked.wanted(),
            order: [Order::Last, Order::Asc, Order::Desc][dice.roll(3)],
            cursor: None,
            limit: 1 + dice.roll(40),
        };
        let expected = expected(&model, &filter, asked);
        let (found, totals, short) = pages(&store, &filter).await;
        partly += short;
        assert_eq!(found, expected, "{filter:?}");
        let (total, exact) = totals.pop_first_only();
        if exact {
            assert_eq!(total, expected.len() as i64, "{filter:?}");
        }
        if filter.plate.is_some() {
            *if exact { &mut looked_up } else { &mut walked } += 1;
        }
    }
    assert!(walked > 20 && looked_up > 20, "both ways were gone: {walked} {looked_up}");
    assert!(partly > 20, "some pages ended where enough was looked at: {partly}");
}

trait Only<T> {
    fn pop_first_only(self) -> T;
}

impl<T: Ord + std::fmt::Debug> Only<T> for BTreeSet<T> {
    fn pop_first_only(self) -> T {
        assert_eq!(self.len(), 1, "{self:?}");
        self.into_iter().next().unwrap()
    }
}

#[tokio::test]
async fn a_plate_is_found_however_it_is_written_and_look_alikes_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    for (n, text) in ["1กข 808", "1กช-8O8", "1กข 809", "1กข 80", "2ฮฮ 808", "๑กข๘๐๘"].into_iter().enumerate()
    {
        let mut event = detection(&format!("e{n}"), 0, text);
        event.captured.body = serde_json::json!({"ocr_results": [text]}).to_string();
        insert(&store, event).await;
    }
    let find = async |text: &str, mode| {
        let wanted = Wanted::new(text, mode).unwrap();
        let filter = Filter { plate: Some(wanted.clone()), limit: 10, ..Filter::default() };
        let (_, rows) = store.read(move |conn| select(&filter, conn)).await.unwrap();
        let found = rows.into_iter().map(|row| (wanted.why(&row.detection_id, None).unwrap(), row.detection_id));
        found.map(|(why, text)| format!("{text}: {why}")).collect::<Vec<_>>()
    };
    assert_eq!(find(" 1กข808", Mode::Exact).await, ["1กข 808: same plate"]);
    assert_eq!(
        find("1กข80", Mode::Prefix).await,
        ["1กข 808: begins with 1กข80", "1กข 809: begins with 1กข80", "1กข 80: same plate"]
    );
    assert_eq!(
        find("1กข808", Mode::Fuzzy).await,
        [
            "1กข 808: same plate",
            "1กช-8O8: look-alikes: ข read as ช, 0 read as O",
            "1กข 809: one character differs: 8 read as 9",
            "1กข 80: one character differs: 8 not read",
            "๑กข๘๐๘: look-alikes: 1 read as ๑, 8 read as ๘, 0 read as ๐, 8 read as ๘",
        ]
    );
}

#[tokio::test]
async fn a_plate_is_found_with_its_province_behind_it_and_by_its_province_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let reads = [
        ("กพ 1687", json!(["กรุงเทพมหานคร"])),
        ("กพ 1687", json!(["ชลบุรี"])),
        ("กพ 1687", json!([null])),
        ("กพ 16", json!("กทม.")),
        ("กทม 7", json!(["เชียงใหม่"])),
        ("7ABC123", json!(["California"])),
        // Of a sender that reads both as one text.
        ("กพ 1687 กรุงเทพมหานคร", json!(null)),
    ];
    for (n, (text, province)) in reads.into_iter().enumerate() {
        let mut event = detection(&format!("e{n}"), 0, &n.to_string());
        event.captured.body = json!({"ocr_results": [text], "province": province}).to_string();
        insert(&store, event).await;
    }
    let find = async |plate: &str, mode, province: &str| {
        let plate = (!plate.is_empty()).then(|| Wanted::new(plate, mode).unwrap());
        let plate = if province.is_empty() { plate } else { Wanted::in_province(plate, province) };
        let filter = Filter { plate, limit: 10, ..Filter::default() };
        let (_, rows) = store.read(move |conn| select(&filter, conn)).await.unwrap();
        rows.into_iter().map(|row| row.detection_id).collect::<Vec<_>>().concat()
    };
    assert_eq!(find("กพ1687", Mode::Exact, "").await, "012", "as it always was");
    for with in ["กพ1687 กรุงเทพ", "กพ-1687 กทม", "กพ1687กรุงเทพมหานคร"]
    {
        let whole = if with.ends_with("นคร") { "06" } else { "0" };
        assert_eq!(find(with, Mode::Exact, "").await, whole, "{with}");
    }
    assert_eq!(find("กพ1687 กรุงเทพ", Mode::Prefix, "").await, "06");
    assert_eq!(find("กฟ1687 ชล", Mode::Fuzzy, "").await, "1", "a look-alike of that province");
    assert_eq!(find("กรุงเทพ", Mode::Prefix, "").await, "03");
    assert_eq!(find("กทม", Mode::Prefix, "").await, "034", "a plate may begin so, too");
    assert_eq!(find("กพ", Mode::Prefix, "กรุง").await, "03");
    assert_eq!(find("", Mode::Exact, "cali").await, "5");
    assert_eq!(find("กพ1687 กรุงเทพ", Mode::Exact, "ชลบุรี").await, "", "both must be");
    let why = |text: &str, province| Wanted::new(text, Mode::Exact).unwrap().why("กพ 1687", Some(province));
    assert_eq!(why("กพ1687 กทม", "กรุงเทพฯ").as_deref(), Some("same plate; province กรุงเทพฯ"));
    assert_eq!(why("กรุงเทพ", "กรุงเทพฯ").as_deref(), Some("province กรุงเทพฯ"));
}

#[tokio::test]
async fn no_search_for_a_plate_or_a_province_goes_through_the_table() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let plans = store.read(crate::server::store::find::plans).await.unwrap();
    let ways = ["COVERING INDEX plates_by_confusion", "COVERING INDEX plates_by_province", "PRIMARY KEY"];
    assert_eq!(plans.len(), ways.len());
    for (plan, way) in plans.iter().zip(ways) {
        assert!(plan.starts_with(&format!("SEARCH plates USING {way}")), "{plan}");
    }
}

#[tokio::test]
async fn a_newer_revision_takes_the_old_plates_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    for (revision, text) in [(0, "AB 1"), (1, "AB 12")] {
        let mut event = detection("e", revision, "A");
        event.captured.body = serde_json::json!({"ocr_results": [text]}).to_string();
        insert(&store, event).await;
    }
    for (text, total) in [("AB1", 0), ("AB12", 1)] {
        let filter = Filter { plate: Wanted::new(text, Mode::Exact), limit: 5, ..Filter::default() };
        assert_eq!(store.read(move |conn| filter.find(conn)).await.unwrap().total, total);
    }
    assert_counted(&store).await;
}

#[tokio::test]
async fn hours_are_those_of_the_records_of_one_camera_of_one_checkpoint_or_of_all() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let model = fill(&store, &mut Dice(3), 200).await;
    let (id, checkpoint) = CAMERAS[0];
    let asked = [
        (None, None),
        (Some(id), None),
        (None, Some(checkpoint)),
        (Some(id), Some(checkpoint)),
        (Some("nobody"), None),
        (Some(id), Some("nowhere")),
    ];
    for asked in asked {
        let of = |record: &&Model| {
            let (id, checkpoint) = CAMERAS[record.camera];
            asked.0.is_none_or(|wanted| wanted == id) && asked.1.is_none_or(|wanted| wanted == checkpoint)
        };
        let mut expected = std::collections::BTreeMap::new();
        for record in model.iter().filter(of) {
            *expected.entry(record.at_us.div_euclid(HOUR_US)).or_insert(0) += 1;
        }
        let counted = store.read(move |conn| hours(conn, asked, (-5, 50))).await.unwrap();
        assert_eq!(counted, expected.into_iter().collect::<Vec<(i64, i64)>>(), "{asked:?}");
    }
}
