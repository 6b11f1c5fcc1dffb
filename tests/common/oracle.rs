//! What the event source says it committed, held against what the server has.
#![allow(dead_code, reason = "each test binary uses a part")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::Path;

/// What became of one event, as the event source wrote it down. Moments are milliseconds since boot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Told {
    pub kind: String,
    pub attempted: u64,
    pub committed: Option<u64>,
    /// SHA-256 of frame and crop, where there are any.
    pub pictures: [Option<String>; 2],
    pub refused: Option<String>,
    pub delivered: Vec<Delivery>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub at: u64,
    pub road: String,
    pub duplicate: bool,
}

/// The whole oracle file.
#[derive(Debug, Clone, Default)]
pub struct Oracle {
    pub events: HashMap<String, Told>,
    pub links: Vec<(u64, String)>,
    /// When the wall clock took which value, and whether it was synced.
    pub clocks: Vec<(u64, i64, bool)>,
    pub ready: Vec<u64>,
}

impl Oracle {
    /// Empty where there is no file yet.
    pub fn read(path: &Path) -> Self {
        let mut oracle = Self::default();
        let text = std::fs::read_to_string(path).unwrap_or_default();
        // What follows the last line's end is being written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().for_each(|line| oracle.take(line));
        oracle
    }

    fn take(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let at: u64 = words[0].parse().unwrap_or_else(|_| panic!("oracle line \"{line}\""));
        match &words[1..] {
            ["ready"] => self.ready.push(at),
            ["clock", wall, synced] => self.clocks.push((at, wall.parse().unwrap(), *synced == "true")),
            ["link", name] => self.links.push((at, (*name).to_owned())),
            ["attempt", id, kind] => {
                let told = self.told(id);
                told.attempted = at;
                told.kind = (*kind).to_owned();
            }
            ["committed", id, frame, crop] => {
                let told = self.told(id);
                told.committed = Some(at);
                told.pictures = [*frame, *crop].map(|hash| (hash != "-").then(|| hash.to_string()));
            }
            ["refused", id, reason @ ..] => self.told(id).refused = Some(reason.join(" ")),
            ["delivered", id, road, known] => {
                let delivery = Delivery { at, road: (*road).to_owned(), duplicate: *known == "duplicate" };
                self.told(id).delivered.push(delivery);
            }
            _ => panic!("oracle line \"{line}\""),
        }
    }

    fn told(&mut self, id: &str) -> &mut Told {
        self.events.entry(id.to_owned()).or_default()
    }

    pub fn committed(&self) -> usize {
        self.events.values().filter(|told| told.committed.is_some()).count()
    }

    pub fn refused(&self) -> usize {
        self.events.values().filter(|told| told.refused.is_some()).count()
    }

    /// Committed, and not yet known to be delivered.
    pub fn waiting(&self) -> usize {
        self.events.values().filter(|told| told.committed.is_some() && told.delivered.is_empty()).count()
    }

    /// Deliveries noted at `since` or later, earliest first.
    pub fn deliveries(&self, since: u64) -> Vec<&Delivery> {
        let all = self.events.values().flat_map(|told| &told.delivered);
        let mut found: Vec<&Delivery> = all.filter(|delivery| delivery.at >= since).collect();
        found.sort_by_key(|delivery| delivery.at);
        found
    }

    /// When the first event made at `since` or later was delivered.
    pub fn fresh_delivered(&self, since: u64) -> Option<u64> {
        let fresh = self.events.values().filter(|told| told.attempted >= since);
        fresh.filter_map(|told| Some(told.delivered.first()?.at)).min()
    }

    /// When the link was first `name` at `since` or later.
    pub fn link_since(&self, since: u64, name: &str) -> Option<u64> {
        self.links.iter().find(|(at, link)| *at >= since && link == name).map(|(at, _)| *at)
    }

    pub fn link(&self) -> &str {
        self.links.last().map_or("", |(_, link)| link)
    }
}

/// A gap that the agent reported to the server.
#[derive(Debug, Clone)]
pub struct Gap {
    pub kind: String,
    /// `None`: the agent could not tell how many.
    pub count: Option<u64>,
    pub reason: String,
}

/// What the server has.
#[derive(Debug, Default)]
pub struct Stored {
    /// Rows of each event id: detections and health reports.
    pub rows: HashMap<String, Vec<Value>>,
    pub gaps: Vec<Gap>,
}

impl Stored {
    /// From `/api/records?limit=0` and the bodies of the health table.
    pub fn new(records: Vec<Value>, health: Vec<Value>) -> Self {
        let mut stored = Self::default();
        for row in records.into_iter().chain(health) {
            if row["component"] == "outbox" && row["details"]["from_seq"].is_number() {
                stored.gaps.push(Gap {
                    kind: row["details"]["kind"].as_str().unwrap_or_default().to_owned(),
                    count: row["details"]["count"].as_u64(),
                    reason: row["details"]["reason"].as_str().unwrap_or_default().to_owned(),
                });
            }
            if let Some(id) = row["event_id"].as_str() {
                stored.rows.entry(id.to_owned()).or_default().push(row);
            }
        }
        stored
    }
}

/// One round's sum.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    pub committed: u64,
    pub delivered: u64,
    pub duplicates: u64,
    pub evicted: u64,
    pub quarantined: u64,
    pub reported_lost: u64,
    pub silently_lost: u64,
    pub applied_twice: u64,
    pub pictures_missing: u64,
    /// Ids of what is wrong, for the log.
    pub examples: Vec<String>,
}

impl Tally {
    /// As of one round after the other.
    pub fn add(&mut self, other: &Tally) {
        let Tally { committed, delivered, duplicates, evicted, quarantined, reported_lost, .. } = other;
        self.committed += committed;
        self.delivered += delivered;
        self.duplicates += duplicates;
        self.evicted += evicted;
        self.quarantined += quarantined;
        self.reported_lost += reported_lost;
        self.silently_lost += other.silently_lost;
        self.applied_twice += other.applied_twice;
        self.pictures_missing += other.pictures_missing;
        self.examples.extend(other.examples.iter().cloned());
    }
}

/// Holds the two against each other. `quarantined`: ids that the agent keeps aside.
pub fn tally(oracle: &Oracle, stored: &Stored, quarantined: &[String]) -> Tally {
    let mut sum = Tally { quarantined: quarantined.len() as u64, ..Tally::default() };
    let mut missing = Missing::default();
    for (id, told) in &oracle.events {
        let rows = stored.rows.get(id).map_or(&[][..], Vec::as_slice);
        sum.duplicates += told.delivered.iter().filter(|delivery| delivery.duplicate).count() as u64;
        if rows.len() > 1 {
            sum.applied_twice += 1;
            sum.examples.push(format!("{id} is stored {} times", rows.len()));
        }
        if told.committed.is_none() {
            continue;
        }
        sum.committed += 1;
        match rows.first() {
            Some(row) => {
                sum.delivered += 1;
                if !intact(told, row) {
                    sum.pictures_missing += 1;
                    sum.examples.push(format!("{id} has no or other pictures"));
                }
            }
            None if quarantined.contains(id) => {}
            None => {
                missing.add(&told.kind);
                sum.examples.push(format!("{id} is missing: {told:?}"));
            }
        }
    }
    for gap in stored.gaps.iter().filter(|gap| gap.kind != "picture") {
        // A gap of unknown size covers whatever is missing of its kind.
        let count = gap.count.unwrap_or_else(|| missing.of(&gap.kind));
        let counted = if GIVEN_UP.contains(&gap.reason.as_str()) { &mut sum.evicted } else { &mut sum.reported_lost };
        *counted += count;
        missing.reported(&gap.kind, count);
    }
    sum.silently_lost = missing.unreported();
    sum
}

/// Why the agent gives up events of its own accord; the other reasons are damage.
const GIVEN_UP: [&str; 4] = ["size", "age", "disk", "overload"];

/// Events that are not at the server. A report about pictures or about the other kind explains none of them.
#[derive(Debug, Default)]
struct Missing {
    plates: u64,
    health: u64,
    /// Reported without a kind, where the agent could not tell.
    of_any_kind: u64,
}

impl Missing {
    fn add(&mut self, kind: &str) {
        *self.kind(kind) += 1;
    }

    fn kind(&mut self, kind: &str) -> &mut u64 {
        if kind == "plate" { &mut self.plates } else { &mut self.health }
    }

    fn of(&mut self, kind: &str) -> u64 {
        if kind == "event" { self.plates + self.health } else { *self.kind(kind) }
    }

    fn reported(&mut self, kind: &str, count: u64) {
        if kind == "event" {
            self.of_any_kind += count;
        } else {
            let missing = self.kind(kind);
            *missing = missing.saturating_sub(count);
        }
    }

    fn unreported(&self) -> u64 {
        (self.plates + self.health).saturating_sub(self.of_any_kind)
    }
}

fn intact(told: &Told, row: &Value) -> bool {
    let stored = [&row["annotated_image"], &row["cropped_plates"][0]];
    told.pictures.iter().zip(stored).all(|(expected, stored)| match expected {
        Some(expected) => hash(stored.as_str().unwrap_or_default()).as_ref() == Some(expected),
        None => true,
    })
}

fn hash(base64: &str) -> Option<String> {
    let bytes = STANDARD.decode(base64).ok()?;
    Some(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}
