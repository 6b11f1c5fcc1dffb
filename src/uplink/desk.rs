//! What the uplink remembers of rows that did not go at once. Pure, and forgotten at a restart: nothing here decides
//! whether a row is kept, only when and how it is tried.

use crate::domain::{CameraKey, EventKind};
use crate::outbox::RowId;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// Rows refused in succession, with none accepted, that are a broken server or contract and not bad rows.
const BREAKER: u32 = 20;
/// How long a camera that the server does not allow us is left alone.
const CAMERA_HOLD: Duration = Duration::from_secs(300);

/// Connections that broke with a row on them, after which it goes alone and by REST.
const BREAKS: u32 = 2;
/// Longest time such a row is set aside: mostly it was the network after all.
const BREAK_ASIDE: Duration = Duration::from_secs(30);

/// Times that the server asked us to wait because of a row, after which others get their turn.
const BUSY: u32 = 3;

/// Doubts about a row, each with others accepted meanwhile, that condemn it.
const DOUBTS: u32 = 5;

#[derive(Debug, Clone, Copy, Default)]
struct Note {
    strikes: u32,
    until: Duration,
    by_rest: bool,
    /// Connections that broke while it was in flight.
    breaks: u32,
    /// Answers in succession that asked us to wait.
    busy: u32,
    /// Its pictures are to be made as small as a socket message needs: it was too large for REST as it is.
    small: bool,
    doubts: u32,
    /// One more than [`Desk::accepted`] was at the last doubt; 0: never doubted.
    doubted_at: u64,
}

impl Note {
    fn strike(&mut self, now: Duration, unit: Duration, longest: Duration) {
        self.strikes = self.strikes.saturating_add(1);
        self.until = now + unit.saturating_mul(1 << self.strikes.min(20)).min(longest);
    }
}

/// The notes.
#[derive(Debug)]
pub struct Desk {
    /// The unit and the longest of the times for which a row is set aside.
    aside: (Duration, Duration),
    notes: HashMap<RowId, Note>,
    held: HashMap<CameraKey, Duration>,
    /// In succession, plates and health reports each for themselves: a server may refuse the ones and take the others.
    refused: [u32; 2],
    /// Rows confirmed so far.
    accepted: u64,
}

impl Desk {
    /// Sets rows aside for twice the first of `aside`, doubling up to the second.
    pub fn new(aside: (Duration, Duration)) -> Self {
        Self { aside, notes: HashMap::new(), held: HashMap::new(), refused: [0; 2], accepted: 0 }
    }

    /// Rows not to be sent now.
    pub fn skip(&self, now: Duration) -> HashSet<RowId> {
        self.notes.iter().filter(|(_, note)| note.until > now).map(|(id, _)| *id).collect()
    }

    /// When a row set aside, or a camera that is held, is due again.
    pub fn wake_at(&self, now: Duration) -> Option<Duration> {
        let until = self.notes.values().map(|note| note.until).chain(self.held.values().copied());
        until.filter(|until| *until > now).min()
    }

    /// Puts a row aside for a time that doubles with each strike.
    pub fn later(&mut self, id: RowId, now: Duration) {
        let (unit, longest) = self.aside;
        let note = self.notes.entry(id).or_default();
        note.strike(now, unit, longest);
        // If REST cannot tell, the socket may have another try.
        note.by_rest = false;
    }

    /// Puts aside a row that the server has a fault with, or declines without a final word. `true`: this has gone on
    /// while it accepted others, so that the row is to blame and not the server.
    pub fn doubt(&mut self, id: RowId, now: Duration) -> bool {
        let accepted = self.accepted;
        let note = self.notes.entry(id).or_default();
        if note.doubted_at > 0 && accepted + 1 > note.doubted_at {
            note.doubts += 1;
        }
        note.doubted_at = accepted + 1;
        let condemned = note.doubts >= DOUBTS;
        self.later(id, now);
        condemned
    }

    /// The next try is to be by REST.
    pub fn by_rest(&mut self, id: RowId) {
        self.notes.entry(id).or_default().by_rest = true;
    }

    /// The server asks us to wait because of this row: mostly it means everything. `true`: this row so often that it is
    /// put aside.
    pub fn busy(&mut self, id: RowId, now: Duration) -> bool {
        let note = self.notes.entry(id).or_default();
        note.busy += 1;
        let aside = note.busy >= BUSY;
        if aside {
            note.busy = 0;
            self.later(id, now);
        }
        aside
    }

    /// The row is too large for REST. `true`: it gets another try with smaller pictures, by whichever road.
    pub fn smaller(&mut self, id: RowId) -> bool {
        let note = self.notes.entry(id).or_default();
        note.by_rest = false;
        !std::mem::replace(&mut note.small, true)
    }

    pub fn wants_small(&self, id: RowId) -> bool {
        self.notes.get(&id).is_some_and(|note| note.small)
    }

    pub fn wants_rest(&self, id: RowId) -> bool {
        self.notes.get(&id).is_some_and(|note| note.by_rest)
    }

    /// A connection broke with this row in flight. Where that happens again, the row goes alone, and by REST, so that its
    /// verdict is its own; and where it was `alone` then, others get their turn first.
    pub fn broke(&mut self, id: RowId, by_socket: bool, alone: bool, now: Duration) {
        let (unit, longest) = self.aside;
        let note = self.notes.entry(id).or_default();
        note.breaks = note.breaks.saturating_add(1);
        if alone {
            note.strike(now, unit, longest.min(BREAK_ASIDE));
        }
        // The roads in turn: where one does not work at all, the other must have its chance.
        note.by_rest = note.breaks >= BREAKS && by_socket;
    }

    /// Connections that broke while the row was in flight: so often its time to cross the link is doubled.
    pub fn breaks(&self, id: RowId) -> u32 {
        self.notes.get(&id).map_or(0, |note| note.breaks)
    }

    /// Must nothing else be in flight with it?
    pub fn wants_alone(&self, id: RowId) -> bool {
        self.notes.get(&id).is_some_and(|note| note.breaks >= BREAKS)
    }

    /// Is it set aside?
    pub fn is_aside(&self, id: RowId, now: Duration) -> bool {
        self.notes.get(&id).is_some_and(|note| note.until > now)
    }

    /// Holds a camera's rows. `true`: it was not held before.
    pub fn hold_camera(&mut self, camera: &CameraKey, now: Duration) -> bool {
        let before = self.held.insert(camera.clone(), now + CAMERA_HOLD);
        before.is_none_or(|until| until <= now)
    }

    /// Is this camera held?
    pub fn holds(&self, camera: &CameraKey, now: Duration) -> bool {
        self.held.get(camera).is_some_and(|until| *until > now)
    }

    /// The cameras that are held, none of whose rows is wanted.
    pub fn held(&self, now: Duration) -> Vec<CameraKey> {
        self.held.iter().filter(|(_, until)| **until > now).map(|(camera, _)| camera.clone()).collect()
    }

    /// Confirmed by the server.
    pub fn confirmed(&mut self, id: RowId, kind: EventKind) {
        self.refused[kind as usize] = 0;
        self.accepted += 1;
        self.notes.remove(&id);
    }

    /// A row was refused for good. `true`: it may be quarantined; `false`: too many in succession, nothing more is
    /// quarantined until something of its kind is accepted.
    pub fn refused(&mut self, id: RowId, kind: EventKind, now: Duration) -> bool {
        let refused = &mut self.refused[kind as usize];
        *refused = refused.saturating_add(1);
        if *refused <= BREAKER {
            self.notes.remove(&id);
            return true;
        }
        self.notes.entry(id).or_default().until = now + self.aside.1;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CameraId, CheckpointId};

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn ids(count: usize) -> Vec<RowId> {
        (1..=count as i64).map(RowId::for_tests).collect()
    }

    #[test]
    fn a_row_set_aside_waits_longer_each_time_and_comes_back() {
        let mut desk = Desk::new((s(1), s(600)));
        let id = ids(1)[0];
        desk.later(id, s(0));
        assert!(desk.skip(s(1)).contains(&id));
        assert_eq!(desk.wake_at(s(1)), Some(s(2)));
        assert!(!desk.skip(s(2)).contains(&id));
        (0..40).for_each(|_| desk.later(id, s(2)));
        assert_eq!(desk.wake_at(s(2)), Some(s(602)));
    }

    #[test]
    fn a_row_because_of_which_the_server_is_busy_again_and_again_lets_others_pass() {
        let mut desk = Desk::new((s(1), s(600)));
        let id = ids(1)[0];
        assert!(!desk.busy(id, s(0)) && !desk.busy(id, s(5)) && !desk.is_aside(id, s(5)));
        assert!(desk.busy(id, s(10)) && desk.is_aside(id, s(11)));
        assert!(!desk.busy(id, s(20)), "and it gets its turns again");
    }

    #[test]
    fn a_row_too_large_for_rest_has_one_more_try_with_smaller_pictures() {
        let mut desk = Desk::new((s(1), s(600)));
        let id = ids(1)[0];
        desk.by_rest(id);
        assert!(desk.smaller(id) && desk.wants_small(id) && !desk.wants_rest(id));
        assert!(!desk.smaller(id), "then that was the last word");
    }

    #[test]
    fn twenty_refusals_in_succession_are_the_servers_fault() {
        let mut desk = Desk::new((s(1), s(600)));
        let ids = ids(30);
        let plate = EventKind::Plate;
        assert!(ids[..20].iter().all(|id| desk.refused(*id, plate, s(0))));
        assert!(!desk.refused(ids[20], plate, s(0)));
        desk.confirmed(ids[23], EventKind::Health);
        assert!(!desk.refused(ids[20], plate, s(0)), "that it takes health reports says nothing about plates");
        desk.confirmed(ids[21], plate);
        assert!(desk.refused(ids[22], plate, s(0)));
    }

    #[test]
    fn a_row_that_keeps_breaking_connections_goes_alone_and_others_pass_it() {
        let mut desk = Desk::new((s(1), s(600)));
        let id = ids(1)[0];
        desk.broke(id, true, false, s(0));
        assert!(!desk.wants_alone(id) && !desk.wants_rest(id), "once is the network");
        desk.broke(id, true, false, s(0));
        assert!(desk.wants_alone(id) && desk.wants_rest(id) && !desk.is_aside(id, s(0)));
        desk.broke(id, true, true, s(0));
        assert!(desk.is_aside(id, s(1)) && !desk.is_aside(id, s(2)));
        desk.broke(id, false, true, s(0));
        assert!(!desk.wants_rest(id), "REST could not tell either: the socket may have another try");
        (0..20).for_each(|_| desk.broke(id, true, true, s(0)));
        assert!(desk.is_aside(id, s(29)) && !desk.is_aside(id, s(30)), "but not for long");
    }

    #[test]
    fn a_row_is_condemned_only_by_a_server_that_accepts_others() {
        let mut desk = Desk::new((s(1), s(600)));
        let ids = ids(2);
        assert!((0..50).all(|_| !desk.doubt(ids[0], s(0))), "the server may be broken");
        let verdicts: Vec<bool> = (0..5)
            .map(|_| {
                desk.confirmed(ids[1], EventKind::Plate);
                desk.doubt(ids[0], s(0))
            })
            .collect();
        assert_eq!(verdicts, [false, false, false, false, true]);
    }

    #[test]
    fn a_camera_that_is_not_allowed_is_held_alone_and_said_once() {
        let camera =
            |id: &str| CameraKey { camera: CameraId::new(id).unwrap(), checkpoint: CheckpointId::new("g").unwrap() };
        let mut desk = Desk::new((s(1), s(600)));
        assert!(desk.hold_camera(&camera("a"), s(0)));
        assert!(!desk.hold_camera(&camera("a"), s(1)));
        assert!(desk.holds(&camera("a"), s(2)) && !desk.holds(&camera("b"), s(2)));
        assert_eq!((desk.held(s(2)), desk.wake_at(s(2))), (vec![camera("a")], Some(s(301))));
        assert!(!desk.holds(&camera("a"), s(301)) && desk.held(s(301)).is_empty());
        assert!(desk.skip(s(2)).is_empty(), "no note for each of its rows");
    }
}
