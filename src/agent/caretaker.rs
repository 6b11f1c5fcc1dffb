//! Watches the agent's parts and the heat, does what the ladder says, and tells systemd how we are (docs/health.md).

use super::Exit;
use super::infer_host::InferHost;
use super::metrics::status_line;
use super::snapshot::Vitals;
use crate::capture::Worker;
use crate::config::{AgentConfig, HealthConfig};
use crate::health::{self, Governor};
use crate::outbox::OutboxHandle;
use crate::supervise::{self, Beats, Budget, ExitLog, Exited, Guard, Order, Pulse, Rung, Seen, Shutdown, Word, notify};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tracing::{error, info, warn};

/// Between two looks at the parts.
const LOOK: Duration = Duration::from_secs(1);
/// Between two looks at the thermometer, and two lines of STATUS=.
const CALM: Duration = Duration::from_secs(5);
/// Without progress for so long a part hangs. A slow disk may take its time, and so may the first frame.
const DEADLINE: Duration = Duration::from_secs(60);
/// A camera has its own time-outs, and this beyond them.
const CAMERA_GRACE: Duration = Duration::from_secs(10);
/// TensorRT builds its engine when it sees the first frame.
const TENSORRT_DEADLINE: Duration = Duration::from_secs(900);
/// What is left to the parts that work when the process ends for one that does not.
const EXIT_GRACE: Duration = Duration::from_secs(8);

/// The parts it looks after.
pub struct Caretaker {
    vitals: Vitals,
    host: Arc<InferHost>,
    media: Pulse,
    workers: Vec<Worker>,
    guard: Guard,
    governor: Governor,
    /// For the limits of the heat.
    health: watch::Receiver<HealthConfig>,
    exits_file: PathBuf,
    /// Stops the agent.
    intake: Shutdown,
}

impl Caretaker {
    pub fn new(
        config: &AgentConfig,
        health: watch::Receiver<HealthConfig>,
        vitals: Vitals,
        host: Arc<InferHost>,
        media: Pulse,
        workers: Vec<Worker>,
        intake: Shutdown,
    ) -> Self {
        let exits_file = config.data_dir.join("exits.json");
        let guard = guard(config, &vitals, &exits_file);
        let governor = governor(&config.health);
        Self { vitals, host, media, workers, guard, governor, health, exits_file, intake }
    }

    /// Works until the agent stops.
    pub async fn run(mut self) {
        let watchdog = notify::watchdog();
        let look = watchdog.map_or(LOOK, |limit| LOOK.min(limit / 4));
        let mut status = Status::default();
        let mut calm_at = Duration::ZERO;
        loop {
            let now = self.vitals.clock.monotonic();
            if now >= calm_at {
                calm_at = now + CALM;
                self.feel_heat();
                status.tell(&self.vitals, now);
            }
            self.look_after(now);
            if watchdog.is_some() && self.guard.is_well() {
                notify::say("WATCHDOG=1");
            }
            tokio::select! {
                () = self.intake.triggered() => return,
                () = tokio::time::sleep(look) => {}
            }
        }
    }

    fn feel_heat(&mut self) {
        if self.health.has_changed().unwrap_or_default() {
            self.governor = governor(&self.health.borrow_and_update());
        }
        let celsius = health::temperature();
        let (before, percent) = (self.vitals.care.duty_percent(), self.governor.allow(celsius));
        self.vitals.care.set_duty(percent, celsius);
        let celsius = celsius.unwrap_or_default();
        if percent < before && before == 100 {
            warn!(celsius, percent, "the box is hot: fewer frames are looked at; look at its fan, its place, the sun");
        } else if percent != before {
            info!(celsius, percent, "frames are looked at for this share of the time, for the heat");
        }
    }

    fn look_after(&mut self, now: Duration) {
        self.guard.tell_wall(self.vitals.clock.wall_us() / 1_000_000);
        let (orders, words) = self.guard.look(&self.seen(), now);
        words.into_iter().for_each(say);
        for order in orders {
            match order {
                Order::Rebuild(place) => self.rebuild(place),
                Order::Exit(place) => return self.exit(place, now),
            }
        }
        self.vitals.care.set_hanging(self.guard.hanging());
    }

    /// In the order of [`guard`].
    fn seen(&self) -> Vec<Seen> {
        let pulse = |pulse: &Pulse| Seen { beats: pulse.read(), ..Seen::default() };
        let mut seen = vec![pulse(&self.host.pulse), pulse(&self.media), seen_of_outbox(&self.vitals.outbox)];
        seen.extend(self.vitals.cameras.iter().map(|watched| {
            let now = watched.stats.snapshot();
            let beats = Beats { count: now.turns, idle: now.waiting };
            Seen { beats, wedged: now.wedged, hopeless: now.frames == 0 }
        }));
        seen
    }

    /// Models take a while to load: systemd must hear of us meanwhile.
    fn rebuild(&mut self, place: usize) {
        self.vitals.care.count_rebuild();
        let part = self.guard.name(place).to_owned();
        match place.checked_sub(CAMERAS_FROM) {
            Some(camera) => {
                let rebuilt = self.workers.get(camera).map_or(Ok(()), Worker::rebuild);
                say_rebuilt(&part, rebuilt.map_err(|error| error.to_string()));
            }
            None => {
                let host = self.host.clone();
                tokio::task::spawn_blocking(move || {
                    say_rebuilt(&part, host.rebuild().map_err(|error| error.to_string()))
                });
            }
        }
    }

    /// Ends the process, so that systemd starts another: those that work are given a while.
    fn exit(&mut self, place: usize, now: Duration) {
        let part = self.guard.name(place).to_owned();
        let boot = self.vitals.outbox.boot().0.clone();
        let wall_s = self.vitals.clock.wall_us() / 1_000_000;
        let exited = Exited { part: part.clone(), boot, mono_s: now.as_secs(), wall_s };
        if let Err(error) = self.guard.note_exit(exited).save(&self.exits_file) {
            // Without the note it would be done for ever; the watchdog remains.
            error!(part, %error, file = %self.exits_file.display(), "the process does not end for it: that cannot be written down");
            return;
        }
        self.vitals.care.set_exit(&part);
        notify::say(&format!("STATUS={part} hangs; starting anew"));
        let ended = supervise::spawn("exit", || {
            std::thread::sleep(EXIT_GRACE);
            std::process::exit(Exit::Wedged as i32)
        });
        if let Err(error) = ended {
            error!(%error, "no thread to end the process with");
        }
        self.intake.trigger();
    }
}

/// Cameras follow the other parts.
const CAMERAS_FROM: usize = 3;

fn governor(config: &HealthConfig) -> Governor {
    Governor::new(config.warning_celsius, config.error_celsius)
}

fn guard(config: &AgentConfig, vitals: &Vitals, exits_file: &Path) -> Guard {
    let mut guard = Guard::new(ExitLog::load(exits_file, vitals.outbox.boot().0.clone()));
    let tensorrt = config.models.providers.iter().any(|name| name == "tensorrt");
    guard.add("infer", if tensorrt { TENSORRT_DEADLINE } else { DEADLINE }, Budget::REBUILDS);
    guard.add("media", DEADLINE, Budget::ONLY_EXIT);
    guard.add("outbox", DEADLINE, Budget::ONLY_EXIT);
    for watched in vitals.cameras.iter() {
        guard.add(format!("camera {}", watched.key), watched.patience + CAMERA_GRACE, Budget::REBUILDS);
    }
    guard
}

fn seen_of_outbox(outbox: &OutboxHandle) -> Seen {
    Seen { beats: Beats { count: outbox.turns(), idle: outbox.is_repairing() }, ..Seen::default() }
}

fn say_rebuilt(part: &str, rebuilt: Result<(), String>) {
    match rebuilt {
        Ok(()) => info!(part, "rebuilt"),
        Err(error) => error!(part, error, "cannot be rebuilt"),
    }
}

fn say(word: Word) {
    match word {
        Word::GoesOn { part } => info!(part, "goes on"),
        Word::Hangs { part, seconds, rung } => {
            let step = match rung {
                Rung::Rebuild => "it is rebuilt",
                Rung::Exit => "only a new process helps: ending",
                Rung::Leave => {
                    "that was tried too often: it is left alone; restart the box, or look at the camera and its cable"
                }
            };
            error!(part, seconds, "hangs; {step}");
        }
    }
}

/// What was last said of how we are.
#[derive(Default)]
struct Status {
    line: String,
    /// Frames looked at, and when.
    frames: Option<(u64, Duration)>,
}

impl Status {
    fn tell(&mut self, vitals: &Vitals, now: Duration) {
        let snapshot = vitals.snapshot(&[]);
        let (before, at) = self.frames.replace((snapshot.frames, now)).unwrap_or((0, vitals.started));
        let fps = snapshot.frames.saturating_sub(before) as f64 / now.saturating_sub(at).as_secs_f64().max(0.1);
        let line = status_line(&snapshot, fps);
        if line != self.line {
            notify::say(&format!("STATUS={line}"));
            self.line = line;
        }
    }
}
