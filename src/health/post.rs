//! Which reports are sent when: a report costs bytes of a mobile link and a row of the outbox. Pure.

use crate::domain::{CameraKey, HealthReport, HealthStatus};
use std::collections::HashMap;
use std::time::Duration;

/// What dashboards look at goes at the configured interval; everything else when it changes, and in this time.
const SLOW: Duration = Duration::from_secs(3600);
/// While no server can be reached, a report that only repeats another is worth little by the time it arrives.
const UNHEARD: Duration = Duration::from_secs(900);

/// Remembers what was sent last.
#[derive(Debug)]
pub struct Post {
    interval: Duration,
    sent: HashMap<(String, CameraKey), (HealthStatus, Duration)>,
}

/// Why a report is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// It says something new; what it said before, if anything.
    Changed(Option<HealthStatus>),
    /// It is time.
    Again,
}

impl Post {
    /// `interval`: of cameras and of the system as a whole; and a part whose status flaps is reported no more often.
    pub fn new(interval: Duration) -> Self {
        Self { interval, sent: HashMap::new() }
    }

    /// Another interval from now on.
    pub fn set_interval(&mut self, interval: Duration) {
        self.interval = interval;
    }

    /// Is this report to be sent at `now`? What is said to be due counts as sent.
    pub fn due(&mut self, report: &HealthReport, now: Duration, link_up: bool) -> Option<Due> {
        let each = match report.component.as_str() {
            "camera" | "system" if link_up => self.interval,
            "camera" | "system" => self.interval.max(UNHEARD),
            _ => self.interval.max(SLOW),
        };
        let key = (report.component.clone(), report.camera.clone());
        let due = match self.sent.get(&key) {
            None => Due::Changed(None),
            Some((status, at)) => {
                let passed = now.saturating_sub(*at);
                if *status != report.status && passed >= self.interval {
                    Due::Changed(Some(*status))
                } else if passed >= each {
                    Due::Again
                } else {
                    return None;
                }
            }
        };
        self.sent.insert(key, (report.status, now));
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CameraId, CaptureTime, CheckpointId, new_event_id};
    use proptest::prelude::*;

    fn report(component: &str, status: HealthStatus) -> HealthReport {
        let camera = CameraKey { camera: CameraId::new("c").unwrap(), checkpoint: CheckpointId::new("p").unwrap() };
        let at = CaptureTime::default();
        let (message, details) = (String::new(), serde_json::Map::new());
        HealthReport { event_id: new_event_id(at), camera, at, component: component.into(), status, message, details }
    }

    /// Reports sent in a day in which every part is looked at every 5 s and `status` tells how it is.
    fn sent_in_a_day(component: &str, link_up: bool, status: impl Fn(u64) -> HealthStatus) -> usize {
        let mut post = Post::new(Duration::from_secs(30));
        let looks = (0..86_400).step_by(5);
        looks.filter(|s| post.due(&report(component, status(*s)), Duration::from_secs(*s), link_up).is_some()).count()
    }

    #[test]
    fn dashboards_get_their_two_every_half_minute_and_the_rest_of_the_parts_cost_two_dozen_a_day() {
        let healthy = |_| HealthStatus::Healthy;
        assert_eq!(sent_in_a_day("camera", true, healthy), 2880);
        assert_eq!(sent_in_a_day("system", true, healthy), 2880);
        assert_eq!(sent_in_a_day("disk", true, healthy), 24);
        assert_eq!(sent_in_a_day("camera", false, healthy), 96, "what nobody hears is not repeated");
    }

    #[test]
    fn a_change_is_said_at_once_and_once() {
        let mut post = Post::new(Duration::from_secs(30));
        let mut due = |status, second| post.due(&report("disk", status), Duration::from_secs(second), true);
        assert_eq!(due(HealthStatus::Healthy, 0), Some(Due::Changed(None)));
        assert_eq!(due(HealthStatus::Error, 40), Some(Due::Changed(Some(HealthStatus::Healthy))));
        assert_eq!(due(HealthStatus::Error, 60), None);
        assert_eq!(due(HealthStatus::Error, 3640), Some(Due::Again));
    }

    proptest! {
        #[test]
        fn a_part_that_flaps_is_bounded_and_its_last_state_is_never_kept_back(flaps in prop::collection::vec(1u64..30, 1..200)) {
            let mut post = Post::new(Duration::from_secs(30));
            let (mut now, mut sent, mut status, mut said) = (0, 0, HealthStatus::Healthy, None);
            for seconds in flaps {
                now += seconds;
                status = if status == HealthStatus::Healthy { HealthStatus::Error } else { HealthStatus::Healthy };
                if post.due(&report("cpu", status), Duration::from_secs(now), true).is_some() {
                    (sent, said) = (sent + 1, Some(status));
                }
            }
            prop_assert!(sent <= 1 + now / 30);
            post.due(&report("cpu", status), Duration::from_secs(now + 30), true).inspect(|_| said = Some(status));
            prop_assert_eq!(said, Some(status));
        }
    }
}
