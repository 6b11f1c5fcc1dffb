//! What has to go when there is not room for all (DESIGN 6). Pure: sizes in, cuts out.

use super::store::signed;
use crate::domain::CaptureTime;

/// What can be given up, the first first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Class {
    /// Delivered events, kept in case the server loses them: nothing is lost with them.
    Delivered,
    Health,
    /// Pictures of waiting plates; the reads stay.
    Pictures,
    Plates,
    Quarantined,
}

impl Class {
    pub(super) const ORDER: [Class; 5] =
        [Class::Delivered, Class::Health, Class::Pictures, Class::Plates, Class::Quarantined];

    /// What may go on a full disk so that something can be written: plates and what belongs to them for a plate only.
    pub(super) fn to_make_room(for_plate: bool) -> &'static [Class] {
        if for_plate { &Class::ORDER } else { &Class::ORDER[..2] }
    }
}

/// Bytes there are, by class. `Plates` are the rows without the pictures of `Pictures`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Load {
    pub(super) delivered: u64,
    pub(super) health: u64,
    pub(super) pictures: u64,
    pub(super) plates: u64,
    pub(super) quarantined: u64,
    /// Reports of the outbox itself: never given up.
    pub(super) reports: u64,
}

impl Load {
    pub(super) fn of(&self, class: Class) -> u64 {
        match class {
            Class::Delivered => self.delivered,
            Class::Health => self.health,
            Class::Pictures => self.pictures,
            Class::Plates => self.plates,
            Class::Quarantined => self.quarantined,
        }
    }

    fn total(&self) -> u64 {
        Class::ORDER.iter().map(|class| self.of(*class)).sum::<u64>() + self.reports
    }
}

/// Bytes there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Caps {
    pub(super) all: u64,
    pub(super) delivered: u64,
    pub(super) quarantined: u64,
}

impl Caps {
    /// Quarantine may take a quarter: it is for a person to look at, not to starve what can be delivered.
    pub(super) fn new(all: u64, delivered: u64) -> Caps {
        Caps { all, delivered, quarantined: all / 4 }
    }
}

/// So many bytes of a class have to go, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) class: Class,
    pub(super) bytes: u64,
}

/// From 90 % of the cap on down to 80 %, in the order of [`Class::ORDER`]; `cutting`: this has begun and goes on.
/// Delivered and quarantined events have caps of their own besides.
pub(super) fn cuts(load: &Load, caps: &Caps, cutting: bool) -> Vec<Cut> {
    let mut cuts = Vec::new();
    let mut left = *load;
    if left.delivered > caps.delivered {
        cuts.push(Cut { class: Class::Delivered, bytes: left.delivered - caps.delivered });
        left.delivered = caps.delivered;
    }
    if left.quarantined > caps.quarantined {
        let bytes = left.quarantined - caps.quarantined / 10 * 8;
        cuts.push(Cut { class: Class::Quarantined, bytes });
        left.quarantined -= bytes;
    }
    let (high, low) = (caps.all / 10 * 9, caps.all / 10 * 8);
    if left.total() <= if cutting { low } else { high } {
        return cuts;
    }
    let mut need = left.total() - low;
    for class in Class::ORDER {
        let bytes = need.min(left.of(class));
        if bytes > 0 {
            cuts.push(Cut { class, bytes });
            need -= bytes;
        }
    }
    cuts
}

/// What a row tells of its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) at: CaptureTime,
    /// Of the boot that still runs: the monotonic clock tells, whatever the other says.
    pub(super) this_boot: bool,
    /// True wall time at the start of its boot, where it has become known.
    pub(super) base_us: Option<i64>,
    /// Wall time of its receipt.
    pub(super) settled_us: Option<i64>,
}

/// The present. `us`: by the wall clock, where it can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Present {
    pub(super) us: Option<i64>,
    pub(super) mono_ms: u64,
}

/// Microseconds since a row was captured. `None` where either clock was not to be trusted: an event must not be given up
/// because the clock was wrong. Of two clocks that contradict each other, the one that makes it younger.
pub(super) fn age_us(times: &Times, now: Present) -> Option<i64> {
    let CaptureTime { wall_us, mono_ms, synced } = times.at;
    if times.this_boot {
        return Some(signed(now.mono_ms.saturating_sub(mono_ms)).saturating_mul(1000));
    }
    let by_base = times.base_us.map(|base| base.saturating_add(signed(mono_ms).saturating_mul(1000)));
    let then = by_base.max(synced.then_some(wall_us));
    then.zip(now.us).map(|(then, now)| now.saturating_sub(then))
}

/// Microseconds since the receipt.
pub(super) fn kept_us(times: &Times, now: Present) -> Option<i64> {
    times.settled_us.zip(now.us).map(|(then, now)| now.saturating_sub(then))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_load() -> impl Strategy<Value = Load> {
        let bytes = 0u64..1_000_000;
        (bytes.clone(), bytes.clone(), bytes.clone(), bytes.clone(), bytes, 0u64..10_000).prop_map(
            |(delivered, health, pictures, plates, quarantined, reports)| Load {
                delivered,
                health,
                pictures,
                plates,
                quarantined,
                reports,
            },
        )
    }

    fn after(load: &Load, cuts: &[Cut]) -> u64 {
        load.total() - cuts.iter().map(|cut| cut.bytes).sum::<u64>()
    }

    fn cut_of(cuts: &[Cut], class: Class) -> u64 {
        cuts.iter().filter(|cut| cut.class == class).map(|cut| cut.bytes).sum()
    }

    proptest! {
        #[test]
        fn too_much_is_cut_to_eighty_percent_and_nothing_else_is(load in any_load(), all in 1000u64..6_000_000) {
            let caps = Caps { delivered: u64::MAX, quarantined: u64::MAX, all };
            let cuts = cuts(&load, &caps, false);
            if load.total() > all / 10 * 9 {
                let left = after(&load, &cuts);
                prop_assert!(left <= (all / 10 * 8).max(load.reports));
                prop_assert!(left == all / 10 * 8 || left == load.reports);
            } else {
                prop_assert!(cuts.is_empty());
            }
        }

        #[test]
        fn no_class_is_touched_while_a_lesser_one_has_anything(load in any_load(), all in 1000u64..6_000_000) {
            let caps = Caps { delivered: u64::MAX, quarantined: u64::MAX, all };
            let cuts = cuts(&load, &caps, true);
            for (at, class) in Class::ORDER.iter().enumerate() {
                if cut_of(&cuts, *class) > 0 {
                    for lesser in &Class::ORDER[..at] {
                        prop_assert_eq!(cut_of(&cuts, *lesser), load.of(*lesser));
                    }
                }
            }
        }

        #[test]
        fn no_more_is_cut_than_there_is_and_own_caps_hold(
            load in any_load(), all in 1000u64..6_000_000, delivered in 0u64..1_000_000, cutting: bool,
        ) {
            let caps = Caps::new(all, delivered);
            let cuts = cuts(&load, &caps, cutting);
            for class in Class::ORDER {
                prop_assert!(cut_of(&cuts, class) <= load.of(class));
            }
            prop_assert!(load.delivered - cut_of(&cuts, Class::Delivered) <= delivered);
            prop_assert!(load.quarantined - cut_of(&cuts, Class::Quarantined) <= caps.quarantined);
        }

        #[test]
        fn without_a_trusted_clock_no_age_is_known(wall_us in any::<i64>(), mono_ms: u64, now_us: i64, synced: bool) {
            let times = Times {
                at: CaptureTime { wall_us, mono_ms, synced },
                this_boot: false,
                base_us: None,
                settled_us: synced.then_some(wall_us),
            };
            let now = |us| Present { us, mono_ms: 5 };
            prop_assert_eq!(age_us(&times, now(None)), None);
            prop_assert_eq!(kept_us(&times, now(None)), None);
            prop_assert_eq!(age_us(&times, now(Some(now_us))).is_some(), synced);
        }

        #[test]
        fn in_one_boot_no_step_of_the_wall_clock_makes_an_event_older(
            wall_us: i64, now_us: Option<i64>, synced: bool, base_us: Option<i64>, mono_ms in 0u64..1 << 40, later in 0u64..1 << 30,
        ) {
            let at = CaptureTime { wall_us, mono_ms, synced };
            let times = Times { at, this_boot: true, base_us, settled_us: None };
            let now = Present { us: now_us, mono_ms: mono_ms + later };
            prop_assert_eq!(age_us(&times, now), Some(later as i64 * 1000));
        }
    }
}
