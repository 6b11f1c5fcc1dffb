//! Which records are wanted, and in which order: places first, from the indexes alone; the records are read afterwards,
//! as many at a time as the reader likes.

use super::plates;
use super::read::RecordRow;
use super::wanted::{Column, Wanted};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, Result, params, params_from_iter};
use std::cmp::Ordering;
use std::fmt;

/// Plates that are looked at one by one before a search goes through the records in order instead; also how far plates are
/// counted.
pub const MANY: usize = if cfg!(test) { 60 } else { 50_000 };

/// So many places can be read from an index in the time that it takes to look one record up.
const SCAN: i64 = 20;
const MOST_SCANNED: i64 = 500_000;

/// Plates that one page looks at where it goes through the records in order: in the plates alone, and camera by camera or by
/// time. Behind them the next page goes on.
const LOOKS_ALONE: usize = if cfg!(test) { 40 } else { 100_000 };
const LOOKS: usize = if cfg!(test) { 20 } else { 20_000 };

/// Which page, and how it is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The last ones, oldest first: the contract's.
    #[default]
    Last,
    /// From the oldest on.
    Asc,
    /// From the newest back.
    Desc,
}

/// Which records are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub camera_id: Option<String>,
    pub checkpoint_id: Option<String>,
    /// From this moment on. With `from_us` or `to_us` the order is that of the records' times, otherwise of their arrival.
    pub from_us: Option<i64>,
    /// Before this moment.
    pub to_us: Option<i64>,
    pub plate: Option<Wanted>,
    pub order: Order,
    /// Behind this place, in the given order.
    pub cursor: Option<Place>,
    /// At the most so many.
    pub limit: usize,
}

/// A record's place in an order: its number is that of its arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its time, where that is what it is sorted by.
    pub at_us: Option<i64>,
    pub seq: i64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// How many match in all.
    pub total: i64,
    /// Otherwise there are more.
    pub total_is_exact: bool,
    pub places: Vec<Place>,
    /// Where to go on; also where so much was looked at that the page is not full.
    pub next: Option<Place>,
}

/// Records of a kind that one index lists in order.
enum Of<'f> {
    All,
    Checkpoint(&'f str),
    Camera(&'f str, &'f str),
}

/// Its ids, and the number of its records.
pub(super) type Camera = (String, String, i64);

impl Filter {
    pub fn by_time(&self) -> bool {
        self.from_us.is_some() || self.to_us.is_some()
    }

    pub(super) fn span(&self) -> (i64, i64) {
        (self.from_us.unwrap_or(i64::MIN), self.to_us.unwrap_or(i64::MAX))
    }

    /// One page.
    pub fn find(&self, conn: &Connection) -> Result<Found> {
        // One snapshot for all questions.
        let tx = conn.unchecked_transaction()?;
        let cameras = self.cameras(&tx)?;
        let ((mut places, looked), total, total_is_exact) = match &self.plate {
            None => (self.walk(&tx, &cameras, None)?, self.total(&tx, &cameras)?, true),
            Some(wanted) => match few(&tx, wanted)? {
                Some(seqs) => {
                    let (places, total) = self.sort(&tx, &cameras, &seqs)?;
                    ((places, None), total, true)
                }
                None => (self.walk(&tx, &cameras, Some(wanted))?, MANY as i64, false),
            },
        };
        let more = places.len() > self.limit;
        places.truncate(self.limit);
        let next = if more { places.last().copied() } else { looked };
        if self.order == Order::Last {
            places.reverse();
        }
        Ok(Found { total, total_is_exact, places, next })
    }

    /// The cameras that match, with the number of their records.
    fn cameras(&self, conn: &Connection) -> Result<Vec<Camera>> {
        conn.prepare_cached(
            "SELECT camera_id, checkpoint_id, detection_count FROM cameras
             WHERE (?1 IS NULL OR camera_id = ?1) AND (?2 IS NULL OR checkpoint_id = ?2)",
        )?
        .query_map(params![self.camera_id, self.checkpoint_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect()
    }

    /// Which of two comes first.
    fn compare(&self, one: &Place, two: &Place) -> Ordering {
        match self.order {
            Order::Asc => one.cmp(two),
            Order::Last | Order::Desc => two.cmp(one),
        }
    }

    /// The first places behind the cursor, one more than wanted: it tells that there are more. And how far it looked, where
    /// it did not look to the end.
    fn walk(
        &self,
        conn: &Connection,
        cameras: &[Camera],
        wanted: Option<&Wanted>,
    ) -> Result<(Vec<Place>, Option<Place>)> {
        let each = || cameras.iter().map(|(camera, checkpoint, _)| Of::Camera(camera, checkpoint)).collect();
        let ways: Vec<Of<'_>> = match (&self.camera_id, &self.checkpoint_id) {
            (None, None) => vec![Of::All],
            (None, Some(checkpoint)) if !self.by_time() => vec![Of::Checkpoint(checkpoint)],
            _ => each(),
        };
        let looks = match ways.as_slice() {
            [Of::All] if !self.by_time() => LOOKS_ALONE,
            ways => LOOKS.div_ceil(ways.len().max(1)),
        };
        let wanted = wanted.map(|wanted| (wanted, looks));
        let mut first: Vec<Place> = Vec::new();
        let mut looked: Option<Place> = None;
        for of in ways {
            let full = (first.len() > self.limit).then(|| first.last().copied()).flatten();
            let stopped = self.walk_one(conn, &of, wanted, full, &mut first)?;
            first.sort_unstable_by(|one, two| self.compare(one, two));
            first.truncate(self.limit + 1);
            looked = looked.into_iter().chain(stopped).min_by(|one, two| self.compare(one, two));
        }
        if let Some(looked) = &looked {
            first.retain(|place| self.compare(place, looked) != Ordering::Greater);
        }
        Ok((first, looked))
    }

    /// Adds what comes before `full` of one kind. Gives the last place that it looked at, where it looked at enough.
    fn walk_one(
        &self,
        conn: &Connection,
        of: &Of<'_>,
        wanted: Option<(&Wanted, usize)>,
        full: Option<Place>,
        first: &mut Vec<Place>,
    ) -> Result<Option<Place>> {
        let (sql, values) = self.question(of, wanted.is_some());
        let mut statement = conn.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let (mut found, mut looks, mut last) = (0, 0, None);
        while let Some(row) = rows.next()? {
            let place = Place { at_us: row.get(0)?, seq: row.get(1)? };
            if full.is_some_and(|full| self.compare(&place, &full) == Ordering::Greater) || found > self.limit {
                break;
            }
            let matches = match wanted {
                // A record's plates are looked at together.
                Some((_, most)) if looks >= most && last != Some(place) => return Ok(last),
                Some((wanted, _)) => wanted.matches(row.get_ref(2)?.as_str()?, row.get_ref(3)?.as_str_or_null()?),
                None => true,
            };
            looks += 1;
            last = Some(place);
            // A record with two such plates is one record.
            if matches && first.last() != Some(&place) {
                first.push(place);
                found += 1;
            }
        }
        Ok(None)
    }

    fn question(&self, of: &Of<'_>, plates: bool) -> (String, Vec<Sql>) {
        let by_time = self.by_time();
        let index = match of {
            Of::All if by_time => "INDEXED BY detections_by_time",
            Of::All => "NOT INDEXED",
            Of::Checkpoint(_) => "INDEXED BY detections_by_checkpoint",
            Of::Camera(..) if by_time => "INDEXED BY detections_by_camera_time",
            Of::Camera(..) => "INDEXED BY detections_by_camera",
        };
        // Plates lie in the order of arrival themselves.
        let alone = plates && !by_time && matches!(of, Of::All);
        let from = match plates {
            _ if alone => "plates d".to_owned(),
            true => format!("detections d {index} CROSS JOIN plates p ON p.seq = d.seq"),
            false => format!("detections d {index}"),
        };
        let at = if by_time { "d.captured_us" } else { "NULL" };
        let key = if alone {
            ", d.key, d.province"
        } else if plates {
            ", p.key, p.province"
        } else {
            ""
        };
        let mut sql = format!("SELECT {at}, d.seq{key} FROM {from} WHERE 1");
        let mut values = Vec::new();
        let mut also = |condition: &str, given: Vec<Sql>| {
            sql += " AND ";
            sql += condition;
            values.extend(given);
        };
        match *of {
            Of::All => {}
            Of::Checkpoint(checkpoint) => also("d.checkpoint_id = ?", vec![text(checkpoint)]),
            Of::Camera(camera, checkpoint) => {
                also("d.camera_id = ? AND d.checkpoint_id = ?", vec![text(camera), text(checkpoint)]);
            }
        }
        let down = self.order != Order::Asc;
        if by_time {
            let (mut from, mut to) = self.span();
            if let Some(Place { at_us: Some(at_us), .. }) = self.cursor {
                // At this very moment there may be more, behind the cursor's own.
                if down { to = to.min(at_us.saturating_add(1)) } else { from = from.max(at_us) }
            }
            also("d.captured_us >= ? AND d.captured_us < ?", vec![from.into(), to.into()]);
        }
        let (less, direction) = if down { ("<", "DESC") } else { (">", "ASC") };
        match self.cursor {
            Some(Place { at_us: Some(at_us), seq }) if by_time => {
                also(&format!("(d.captured_us {less} ? OR d.seq {less} ?)"), vec![at_us.into(), seq.into()]);
            }
            Some(Place { seq, .. }) => also(&format!("d.seq {less} ?"), vec![seq.into()]),
            None => {}
        }
        let order = if by_time {
            format!("d.captured_us {direction}, d.seq {direction}")
        } else {
            format!("d.seq {direction}")
        };
        (format!("{sql} ORDER BY {order}"), values)
    }

    /// Of few records, given in the order of their numbers: those that also match otherwise, sorted, behind the cursor; and
    /// how many there are of them.
    fn sort(&self, conn: &Connection, cameras: &[Camera], seqs: &[i64]) -> Result<(Vec<Place>, i64)> {
        let mut places = Vec::new();
        let filtered = self.by_time() || self.camera_id.is_some() || self.checkpoint_id.is_some();
        if filtered && self.total(conn, cameras)? <= (seqs.len() as i64 * SCAN).min(MOST_SCANNED) {
            // An index lists all that match otherwise faster than each record is looked up.
            let span = Filter { plate: None, cursor: None, limit: MOST_SCANNED as usize, ..self.clone() };
            places = span.walk(conn, cameras, None)?.0;
            places.retain(|place| seqs.binary_search(&place.seq).is_ok());
        } else if filtered {
            self.look_up(conn, seqs, &mut places)?;
        } else {
            places.extend(seqs.iter().map(|seq| Place { at_us: None, seq: *seq }));
        }
        let total = places.len() as i64;
        if let Some(cursor) = &self.cursor {
            places.retain(|place| self.compare(place, cursor) == Ordering::Greater);
        }
        places.sort_unstable_by(|one, two| self.compare(one, two));
        places.truncate(self.limit + 1);
        Ok((places, total))
    }

    /// Adds those of `seqs` that match otherwise.
    fn look_up(&self, conn: &Connection, seqs: &[i64], places: &mut Vec<Place>) -> Result<()> {
        let (from, to) = self.span();
        let mut statement = conn.prepare_cached(
            "SELECT captured_us FROM detections INDEXED BY detections_brief
             WHERE seq = ?1 AND captured_us >= ?2 AND captured_us < ?3
             AND (?4 IS NULL OR camera_id = ?4) AND (?5 IS NULL OR checkpoint_id = ?5)",
        )?;
        for seq in seqs {
            let mut rows = statement.query(params![seq, from, to, self.camera_id, self.checkpoint_id])?;
            if let Some(row) = rows.next()? {
                let at_us: i64 = row.get(0)?;
                places.push(Place { at_us: self.by_time().then_some(at_us), seq: *seq });
            }
        }
        Ok(())
    }
}

fn text(text: &str) -> Sql {
    Sql::Text(text.to_owned())
}

const BY_CONFUSION: &str =
    "SELECT seq, key, position FROM plates INDEXED BY plates_by_confusion WHERE confusion >= ?1 AND confusion <= ?2";
const BY_PROVINCE: &str =
    "SELECT seq, key, position FROM plates INDEXED BY plates_by_province WHERE province >= ?1 AND province <= ?2";
const PROVINCE: &str = "SELECT province FROM plates WHERE seq = ?1 AND position = ?2";

/// The records that have such a plate, each once; `None` where there are too many to look at each.
fn few(conn: &Connection, wanted: &Wanted) -> Result<Option<Vec<i64>>> {
    let mut seqs = Vec::new();
    let mut seen = 0;
    let mut province = conn.prepare_cached(PROVINCE)?;
    for way in wanted.ways() {
        for span in way.spans(conn)? {
            let mut statement = conn.prepare_cached(match span.column {
                Column::Confusion => BY_CONFUSION,
                Column::Province => BY_PROVINCE,
            })?;
            let mut rows = statement.query([span.from, span.to])?;
            while let Some(row) = rows.next()? {
                seen += 1;
                if seen > MANY {
                    return Ok(None);
                }
                let (seq, position): (i64, i64) = (row.get(0)?, row.get(2)?);
                if !way.looks_like(row.get_ref(1)?.as_str()?) {
                    continue;
                }
                let province = match way.has_province() {
                    true => province.query_row([seq, position], |row| row.get::<_, Option<String>>(0))?,
                    false => None,
                };
                if way.is_of(province.as_deref()) {
                    seqs.push(seq);
                }
            }
        }
    }
    seqs.sort_unstable();
    seqs.dedup();
    Ok(Some(seqs))
}

/// The records at these places, in this order; one that has gone meanwhile is left out.
pub fn records(conn: &Connection, places: &[Place]) -> Result<Vec<RecordRow>> {
    let tx = conn.unchecked_transaction()?;
    let mut records = Vec::with_capacity(places.len());
    for place in places {
        records.extend(RecordRow::at(&tx, place.seq)?);
    }
    Ok(records)
}

/// Is all known that this search asks about? Otherwise it finds only the newer records.
pub fn knows_all(conn: &Connection, wanted: &Wanted) -> Result<bool> {
    plates::is_complete(conn, wanted.has_province())
}

/// Are the plates of all records known, and their provinces?
pub fn knows_all_plates(conn: &Connection) -> Result<bool> {
    plates::is_complete(conn, true)
}

/// As a cursor: `a` and the number, or `t`, the time, and the number.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at_us {
            None => write!(f, "a{}", self.seq),
            Some(at_us) => write!(f, "t{at_us}.{}", self.seq),
        }
    }
}

impl Place {
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(seq) = text.strip_prefix('a') {
            return Some(Self { at_us: None, seq: seq.parse().ok()? });
        }
        let (at_us, seq) = text.strip_prefix('t')?.split_once('.')?;
        Some(Self { at_us: Some(at_us.parse().ok()?), seq: seq.parse().ok()? })
    }
}

/// How the database means to answer each question of [`few`].
#[cfg(test)]
pub(super) fn plans(conn: &Connection) -> Result<Vec<String>> {
    let plan = |sql| conn.query_row(&format!("EXPLAIN QUERY PLAN {sql}"), ["1", "2"], |row| row.get("detail"));
    [BY_CONFUSION, BY_PROVINCE, PROVINCE].into_iter().map(plan).collect()
}
