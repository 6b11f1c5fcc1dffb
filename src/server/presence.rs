//! Which cameras are there, and how right their clocks are: what is known of each since the start, in memory.

use super::cameras::problems::{Observation, Problem, Reading, in_clock};
use super::cameras::skew::{Sample, SkewWindow};
use super::cameras::status::{Facts, Limits};
use super::store::Known;
use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::domain::CameraKey;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// All cameras that ever spoke.
pub struct Presence {
    clock: Arc<dyn Clock>,
    limits: Limits,
    config: crate::config::CamerasConfig,
    started_us: i64,
    cameras: Mutex<HashMap<CameraKey, Link>>,
}

impl std::fmt::Debug for Presence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Presence")
    }
}

#[derive(Debug)]
struct Link {
    facts: Facts,
    /// As the rooms were told.
    online: bool,
    skew: SkewWindow,
    /// Alerts that are open, as far as they are judged here.
    silent: bool,
    skewed: bool,
}

impl Link {
    fn new(heard_us: i64) -> Self {
        let facts = Facts { sockets: 0, hung_up_us: None, heard_us, reports_health: false };
        Self { facts, online: false, skew: SkewWindow::default(), silent: false, skewed: false }
    }
}

/// What a camera said, as far as it tells that it is there.
#[derive(Debug, Clone, Copy, Default)]
pub struct Word {
    pub is_health: bool,
    pub sample: Option<Sample>,
}

impl Presence {
    pub fn new(config: &ServerConfig, clock: Arc<dyn Clock>) -> Self {
        let us = |seconds: f64| (seconds * 1e6) as i64;
        let limits = Limits {
            window_us: us(config.active_window_s as f64),
            silence_us: us(config.cameras.health_interval_s * f64::from(config.cameras.silent_after)),
        };
        let started_us = monotonic_us(&*clock);
        Self { clock, limits, config: config.cameras.clone(), started_us, cameras: Mutex::default() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<CameraKey, Link>, i64) -> T) -> T {
        let now_us = monotonic_us(&*self.clock);
        act(&mut self.cameras.lock().unwrap_or_else(PoisonError::into_inner), now_us)
    }

    /// What the store knows from before the start. The rooms, empty as they are, have been told.
    pub fn load(&self, known: Vec<Known>) {
        let wall_us = self.clock.wall_us();
        self.with(|cameras, now_us| {
            for known in known {
                let heard_us = now_us.saturating_sub(wall_us.saturating_sub(known.last_seen_us).max(0));
                let mut link = Link::new(heard_us);
                link.facts.reports_health = known.reports_health;
                link.online = link.facts.is_online(&self.limits, now_us);
                let has = |problem: Problem| known.problems.iter().any(|name| name == problem.as_str());
                (link.silent, link.skewed) = (has(Problem::Silent), has(Problem::Skewed));
                cameras.entry(known.camera).or_insert(link);
            }
        });
    }

    /// One more socket speaks for the camera. Did it come by that?
    pub fn arrive(&self, camera: &CameraKey) -> bool {
        self.change(camera, |facts, now_us| {
            facts.sockets += 1;
            facts.heard_us = now_us;
        }) == Some(true)
    }

    /// A socket that spoke for the camera closed. Did the camera go by that?
    pub fn leave(&self, camera: &CameraKey) -> bool {
        self.change(camera, |facts, now_us| {
            facts.sockets = facts.sockets.saturating_sub(1);
            if facts.sockets == 0 {
                facts.hung_up_us = Some(now_us);
            }
        }) == Some(false)
    }

    /// The camera spoke, by whichever road. Did it come by that?
    pub fn heard(&self, camera: &CameraKey, word: Word) -> bool {
        if let Some(sample) = word.sample {
            self.with(|cameras, now_us| {
                let link = cameras.entry(camera.clone()).or_insert_with(|| Link::new(now_us));
                link.skew.add(now_us, sample);
            });
        }
        self.change(camera, |facts, now_us| {
            facts.heard_us = now_us;
            facts.reports_health |= word.is_health;
        }) == Some(true)
    }

    /// What the camera has become, if it is another than the rooms were told.
    fn change(&self, camera: &CameraKey, act: impl FnOnce(&mut Facts, i64)) -> Option<bool> {
        self.with(|cameras, now_us| {
            if !cameras.contains_key(camera) {
                cameras.insert(camera.clone(), Link::new(now_us));
            }
            let link = cameras.get_mut(camera)?;
            act(&mut link.facts, now_us);
            self.turned(link, now_us)
        })
    }

    fn turned(&self, link: &mut Link, now_us: i64) -> Option<bool> {
        let online = link.facts.is_online(&self.limits, now_us);
        (std::mem::replace(&mut link.online, online) != online).then_some(online)
    }

    /// Cameras that came or went by nothing but the passing of time.
    pub fn turn(&self) -> Vec<(CameraKey, bool)> {
        self.with(|cameras, now_us| {
            let turned = cameras.iter_mut().filter_map(|(camera, link)| {
                let online = self.turned(link, now_us)?;
                Some((camera.clone(), online))
            });
            turned.collect()
        })
    }

    /// What is to be said of silence and clocks: only what differs from the alerts that are open.
    pub fn observe(&self) -> Vec<(CameraKey, Observation)> {
        self.with(|cameras, now_us| {
            let mut seen = Vec::new();
            for (camera, link) in cameras.iter() {
                let observations = [self.silence(link, now_us), self.clock(link, now_us)];
                seen.extend(observations.into_iter().flatten().map(|observation| (camera.clone(), observation)));
            }
            seen
        })
    }

    fn silence(&self, link: &Link, now_us: i64) -> Option<Observation> {
        // While the server was away nobody could be heard: everyone has the whole time from its start.
        let since_start = Facts { heard_us: link.facts.heard_us.max(self.started_us), ..link.facts };
        let reading = match since_start.is_silent(&self.limits, now_us) {
            true => Reading::Bad,
            false if link.facts.is_silent(&self.limits, now_us) => Reading::Between,
            false => Reading::Good,
        };
        let minutes = now_us.saturating_sub(link.facts.heard_us) / 60_000_000;
        let title = format!("not heard of for {minutes} min");
        differs(link.silent, Observation { problem: Problem::Silent, reading, title })
    }

    fn clock(&self, link: &Link, now_us: i64) -> Option<Observation> {
        let skew_us = link.skew.skew_us(now_us)?;
        differs(link.skewed, in_clock(skew_us, &self.config))
    }

    /// The observation is stored: these are the alerts that are open now.
    pub fn noted(&self, camera: &CameraKey, observation: &Observation) {
        self.with(|cameras, _| {
            let Some(link) = cameras.get_mut(camera) else { return };
            match observation.problem {
                Problem::Silent => link.silent = observation.reading == Reading::Bad,
                Problem::Skewed => link.skewed = observation.reading == Reading::Bad,
                Problem::Hot | Problem::Full | Problem::Frozen => {}
            }
        });
    }

    /// Whether the camera is there, and how far its clock is behind ours in microseconds, where that is sure.
    pub fn look(&self, camera: &CameraKey) -> (bool, Option<i64>) {
        self.with(|cameras, now_us| match cameras.get(camera) {
            Some(link) => (link.facts.is_online(&self.limits, now_us), link.skew.skew_us(now_us)),
            None => (false, None),
        })
    }
}

fn differs(open: bool, observation: Observation) -> Option<Observation> {
    let changes = observation.reading == if open { Reading::Good } else { Reading::Bad };
    changes.then_some(observation)
}

fn monotonic_us(clock: &dyn Clock) -> i64 {
    i64::try_from(clock.monotonic().as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SimClock;
    use crate::domain::{CameraId, CaptureTime, CheckpointId};
    use std::time::Duration;

    const NOW_US: i64 = 1_734_602_400_000_000;

    fn presence() -> (Arc<SimClock>, Presence) {
        let clock = Arc::new(SimClock::new(CaptureTime { wall_us: NOW_US, mono_ms: 5000, synced: true }));
        let presence = Presence::new(&ServerConfig::default(), clock.clone());
        (clock, presence)
    }

    fn camera() -> CameraKey {
        CameraKey { camera: CameraId::new("c").unwrap(), checkpoint: CheckpointId::new("p").unwrap() }
    }

    const WORD: Word = Word { is_health: false, sample: None };
    const HEALTH: Word = Word { is_health: true, sample: None };

    fn known(ago_s: i64, problems: &[&str]) -> Known {
        let problems = problems.iter().map(|name| (*name).to_owned()).collect();
        Known { camera: camera(), last_seen_us: NOW_US - ago_s * 1_000_000, reports_health: true, problems }
    }

    #[test]
    fn each_coming_and_going_is_told_once() {
        let (clock, presence) = presence();
        let camera = camera();
        assert!(presence.arrive(&camera) && !presence.arrive(&camera) && !presence.heard(&camera, WORD));
        assert!(!presence.leave(&camera), "another socket is open");
        assert!(presence.leave(&camera));
        assert!(presence.turn().is_empty(), "that was told");
        clock.advance(Duration::from_secs(1));
        assert!(presence.heard(&camera, WORD), "it goes on by REST");
        clock.advance(Duration::from_secs(299));
        assert!(presence.turn().is_empty());
        clock.advance(Duration::from_secs(1));
        assert_eq!(presence.turn(), [(camera.clone(), false)]);
        assert!(presence.turn().is_empty() && !presence.look(&camera).0);
    }

    #[test]
    fn a_camera_with_an_open_socket_goes_when_its_health_reports_stay_away() {
        let (clock, presence) = presence();
        let camera = camera();
        presence.arrive(&camera);
        clock.advance(Duration::from_secs(3600));
        assert!(presence.turn().is_empty() && presence.observe().is_empty(), "it never reported");
        presence.heard(&camera, HEALTH);
        clock.advance(Duration::from_secs(300));
        assert_eq!(presence.turn(), [(camera.clone(), false)]);
        let seen = presence.observe();
        assert_eq!((seen.len(), seen[0].1.problem, seen[0].1.reading), (1, Problem::Silent, Reading::Bad));
        presence.noted(&camera, &seen[0].1);
        assert!(presence.observe().is_empty(), "said once");
        assert!(presence.heard(&camera, WORD));
        let seen = presence.observe();
        assert_eq!((seen[0].1.problem, seen[0].1.reading), (Problem::Silent, Reading::Good));
    }

    #[test]
    fn a_step_of_the_servers_own_clock_makes_nobody_silent() {
        let (clock, presence) = presence();
        presence.heard(&camera(), HEALTH);
        clock.step_wall_us(86_400_000_000);
        assert!(presence.turn().is_empty() && presence.observe().is_empty() && presence.look(&camera()).0);
    }

    #[test]
    fn after_a_restart_who_spoke_lately_is_there_and_nobody_is_called_silent_at_once() {
        let (clock, presence) = presence();
        presence.load(vec![known(10, &[])]);
        assert!(presence.look(&camera()).0 && presence.turn().is_empty());

        let (clock_2, presence_2) = super::tests::presence();
        presence_2.load(vec![known(86_400, &[])]);
        assert!(!presence_2.look(&camera()).0 && presence_2.observe().is_empty());
        clock_2.advance(Duration::from_secs(300));
        assert_eq!(presence_2.observe()[0].1.reading, Reading::Bad);
        clock.advance(Duration::from_secs(1));

        let (_, presence_3) = super::tests::presence();
        presence_3.load(vec![known(86_400, &["silent"])]);
        assert!(presence_3.observe().is_empty(), "still silent, and that was said");
    }

    #[test]
    fn a_wrong_clock_is_said_once_and_its_end_once() {
        let (clock, presence) = presence();
        let sample = |seconds: i64| Sample { difference_us: seconds * 1_000_000, is_live: true };
        let word = |seconds| Word { is_health: true, sample: Some(sample(seconds)) };
        presence.heard(&camera(), word(-90));
        assert_eq!(presence.look(&camera()).1, Some(-90_000_000));
        let seen = presence.observe();
        assert_eq!((seen[0].1.problem, seen[0].1.reading), (Problem::Skewed, Reading::Bad));
        presence.noted(&camera(), &seen[0].1);
        for _ in 0..30 {
            clock.advance(Duration::from_secs(30));
            presence.heard(&camera(), word(-20));
        }
        assert!(presence.observe().is_empty(), "between the limits nothing changes");
        for _ in 0..30 {
            clock.advance(Duration::from_secs(30));
            presence.heard(&camera(), word(0));
        }
        assert_eq!(presence.observe()[0].1.reading, Reading::Good);
    }
}
