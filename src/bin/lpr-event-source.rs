//! An agent without cameras, for the fault tests: outbox, evidence and uplink as `lpr-agent run` composes them, and
//! events made up at a given rate. It writes down what it attempts, what is committed and what is confirmed, so that a
//! test knows what the server must have.
//!
//! Each line of the `--oracle` file begins with the milliseconds since boot:
//!
//! ```text
//! ready | clock WALL_US SYNCED | link NAME
//! attempt EVENT_ID KIND                      before the event is handed to the outbox
//! committed EVENT_ID FRAME_SHA256 CROP_SHA256   after; "-" where there is no picture
//! refused EVENT_ID REASON                    the outbox did not take it
//! delivered EVENT_ID ROAD new|duplicate
//! ```

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo, clippy::dbg_macro)]

use clap::Parser;
use lpr::agent::delivery::{self, LAST_BATCH, drained, open_storage, start_uplink};
use lpr::agent::{Exit, Failure};
use lpr::clock::{Clock, SystemClock};
use lpr::config::{AgentConfig, load_agent};
use lpr::domain::{
    BBox, CameraKey, CaptureTime, Detection, Frame, HealthReport, HealthStatus, PassFacts, PlateEvent, PlateRead,
    new_event_id,
};
use lpr::media::{EvidenceRefs, EvidenceStore};
use lpr::outbox::OutboxHandle;
use lpr::supervise::{self, Shutdown};
use lpr::telemetry;
use lpr::uplink::link::Timings;
use lpr::uplink::{self, Uplink, health_row, plate_row};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// An agent that makes its events itself; for the fault tests.
#[derive(Parser)]
struct Args {
    /// The agent's usual configuration; its cameras' sources are not opened
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// What happens to each event is appended here
    #[arg(long, value_name = "FILE")]
    oracle: PathBuf,
    /// Events a second, of all cameras together
    #[arg(long, default_value_t = 50.0)]
    rate: f64,
    /// Events to make; 0: until told to stop
    #[arg(long, default_value_t = 0)]
    count: i64,
    /// Make events only until standard input ends
    #[arg(long)]
    while_stdin: bool,
    /// Bytes of each event's frame; 0: no pictures
    #[arg(long, default_value_t = 20_000)]
    picture_bytes: usize,
    /// Every n-th event of a camera is a health report; 0: none
    #[arg(long, default_value_t = 10)]
    health_every: u64,
    /// What the wall clock says: AFTER_MS@RFC3339 steps, separated by commas, a "?" behind one where it is not synced
    #[arg(long, default_value = "")]
    clock_script: String,
    /// Short waiting times of the link
    #[arg(long)]
    fast: bool,
    /// When no more events are made: end once the server has confirmed all; exit 3 if only quarantined ones are left
    #[arg(long)]
    until_drained: bool,
}

fn main() -> ExitCode {
    run(&Args::parse()).unwrap_or_else(|failure| {
        eprintln!("lpr-event-source: {failure}");
        failure.exit.into()
    })
}

fn run(args: &Args) -> Result<ExitCode, Failure> {
    let config = load_agent(&args.config, std::env::vars())?;
    telemetry::start(&config.log.level).map_err(|error| Failure::new(Exit::Config, error))?;
    let clock = Arc::new(ScriptedClock::parse(&args.clock_script).map_err(|why| Failure::new(Exit::Config, why))?);
    let oracle = Oracle::open(&args.oracle)?;
    let shared: Arc<dyn Clock> = clock.clone();
    let (intake, link) = (Shutdown::default(), Shutdown::default());
    let (outbox, store) = open_storage(&config, &shared)?;
    let runtime = delivery::runtime()?;
    let (signal, uplink) = {
        let _guard = runtime.enter();
        let signal = supervise::stop_signal()
            .map_err(|error| Failure::new(Exit::Internal, format!("signals cannot be caught: {error}")))?;
        let uplink = if args.fast {
            let parts = delivery::parts(&config, &outbox, &store, &shared, &link);
            uplink::start_with(&config.uplink, parts, fast()).map_err(|error| Failure::new(Exit::Config, error))?
        } else {
            start_uplink(&config, &outbox, &store, &shared, &link)?
        };
        (signal, uplink)
    };
    runtime.spawn(note_link(uplink.status.clone(), oracle.clone()));
    let noted = runtime.spawn(note_deliveries(uplink.delivered.resubscribe(), oracle.clone()));
    clock.note(&oracle);
    oracle.line("ready");

    let stopper = intake.clone();
    runtime.spawn(async move {
        signal.await;
        stopper.trigger();
    });
    let makers = make_events(args, &config, &clock, &store, &outbox.handle(), &oracle, &intake)?;
    for maker in makers {
        let _ = maker.join();
    }
    let handle = outbox.handle();
    let drained_first = runtime.block_on(async {
        if args.until_drained && !intake.is_triggered() {
            tokio::select! {
                () = drained(&handle) => true,
                () = intake.triggered() => false,
            }
        } else {
            let _ = tokio::time::timeout(LAST_BATCH, drained(&handle)).await;
            false
        }
    });
    let Uplink { task, .. } = uplink;
    link.trigger();
    let _ = runtime.block_on(task);
    let _ = runtime.block_on(noted);
    runtime.shutdown_timeout(Duration::from_secs(1));
    let quarantined = handle.counts().quarantined;
    outbox.close().map_err(|error| Failure::new(Exit::Storage, error))?;
    Ok(if drained_first && quarantined > 0 { Exit::Quarantined.into() } else { ExitCode::SUCCESS })
}

/// Waiting times for a test that has other things to wait for.
fn fast() -> Timings {
    let ms = Duration::from_millis;
    Timings {
        probe: (ms(100), ms(1000)),
        down: (ms(100), ms(1000)),
        stable: ms(500),
        dwell: ms(1000),
        auth_pause: ms(1000),
        aside: (ms(50), ms(1000)),
        breaker: ms(1000),
        silence: ms(2000),
    }
}

// --- the events ---

/// One thread a camera, so that several events share a commit.
fn make_events(
    args: &Args,
    config: &AgentConfig,
    clock: &Arc<ScriptedClock>,
    store: &EvidenceStore,
    outbox: &OutboxHandle,
    oracle: &Oracle,
    intake: &Shutdown,
) -> Result<Vec<std::thread::JoinHandle<()>>, Failure> {
    let over = Shutdown::default();
    if args.while_stdin {
        let over = over.clone();
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            over.trigger();
        });
    }
    let left = Arc::new(AtomicI64::new(if args.count > 0 { args.count } else { i64::MAX }));
    let cameras = config.camera_keys();
    let pause = Duration::from_secs_f64(cameras.len() as f64 / args.rate.max(0.01));
    let makers = cameras.into_iter().map(|camera| {
        let maker = Maker {
            camera,
            pause,
            picture_bytes: args.picture_bytes,
            health_every: args.health_every,
            left: left.clone(),
            clock: clock.clone(),
            store: store.clone(),
            outbox: outbox.clone(),
            oracle: oracle.clone(),
        };
        let stops = [over.clone(), intake.clone()];
        supervise::spawn("maker", move || maker.run(&stops))
            .map_err(|error| Failure::new(Exit::Internal, format!("cannot start: {error}")))
    });
    makers.collect()
}

struct Maker {
    camera: CameraKey,
    pause: Duration,
    picture_bytes: usize,
    health_every: u64,
    left: Arc<AtomicI64>,
    clock: Arc<ScriptedClock>,
    store: EvidenceStore,
    outbox: OutboxHandle,
    oracle: Oracle,
}

impl Maker {
    fn run(&self, stops: &[Shutdown]) {
        let mut due = self.clock.monotonic();
        for number in 1u64.. {
            while self.clock.monotonic() < due && !stops.iter().any(Shutdown::is_triggered) {
                std::thread::sleep((due.saturating_sub(self.clock.monotonic())).min(Duration::from_millis(20)));
            }
            if stops.iter().any(Shutdown::is_triggered) || self.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
                return;
            }
            self.clock.note(&self.oracle);
            if self.health_every > 0 && number % self.health_every == 0 {
                self.health(number);
            } else {
                self.plate(number);
            }
            due += self.pause;
        }
    }

    fn plate(&self, number: u64) {
        let at = self.clock.stamp();
        let event = plate_event(&self.camera, at, number);
        let id = event.event_id;
        self.oracle.line(&format!("attempt {id} plate"));
        let (frame, crop) = (picture(id, "frame", self.picture_bytes), picture(id, "crop", self.picture_bytes / 10));
        let evidence = match (&frame, &crop) {
            (Some(frame), Some(crop)) => self.store.save(id, at, Some(frame), &[Some(crop.clone())]),
            _ => Ok(EvidenceRefs::default()),
        };
        // As the agent: the read is worth more than its picture.
        let (evidence, frame, crop) = match evidence {
            Ok(evidence) => (evidence, frame, crop),
            Err(_) => {
                self.outbox.pictures_refused();
                (EvidenceRefs::default(), None, None)
            }
        };
        match self.outbox.submit_blocking(plate_row(&event, evidence)) {
            Ok(()) => self.oracle.line(&format!("committed {id} {} {}", hash(frame.as_deref()), hash(crop.as_deref()))),
            Err(error) => self.oracle.line(&format!("refused {id} {error}")),
        }
    }

    fn health(&self, number: u64) {
        let at = self.clock.stamp();
        let report = HealthReport {
            event_id: new_event_id(at),
            camera: self.camera.clone(),
            at,
            component: "event-source".into(),
            status: HealthStatus::Healthy,
            message: "made up for a test".into(),
            details: json!({"number": number}).as_object().cloned().unwrap_or_default(),
        };
        let id = report.event_id;
        self.oracle.line(&format!("attempt {id} health"));
        match self.outbox.submit_blocking(health_row(&report)) {
            Ok(()) => self.oracle.line(&format!("committed {id} - -")),
            Err(error) => self.oracle.line(&format!("refused {id} {error}")),
        }
    }
}

fn plate_event(camera: &CameraKey, at: CaptureTime, number: u64) -> PlateEvent {
    let bbox = BBox::new(150.0, 150.0, 250.0, 180.0);
    let vehicle = BBox::new(100.0, 100.0, 400.0, 300.0);
    PlateEvent {
        event_id: new_event_id(at),
        camera: camera.clone(),
        frame: frame(at),
        vehicles: vec![Detection { bbox: vehicle, confidence: 0.95, class: "car".into(), corners: None }],
        plates: vec![PlateRead {
            bbox,
            corners: bbox.into(),
            confidence: 0.92,
            text: format!("{}กข{:04}", number % 10, number % 10_000),
            text_confidence: 0.99,
            characters: Vec::new(),
            province: Some("กรุงเทพมหานคร".into()),
            vehicle: Some(0),
            ..PlateRead::default()
        }],
        first_seen: at,
        last_seen: at,
        reads: 3,
        processing_ms: 12.0,
        pass: PassFacts::default(),
    }
}

/// The smallest frame there is: nothing looks at its pixels.
#[allow(clippy::expect_used, reason = "one pixel of three bytes is a frame")]
fn frame(at: CaptureTime) -> Frame {
    Frame::new(1, 1, vec![0; 3], 1, at).expect("one pixel")
}

/// Bytes between a JPEG's begin and end that no other event has; `None` for no bytes.
fn picture(id: Uuid, role: &str, bytes: usize) -> Option<Vec<u8>> {
    if bytes == 0 {
        return None;
    }
    let mut picture = vec![0xff, 0xd8, 0xff, 0xe0];
    let mut block = Sha256::digest(format!("{id} {role}"));
    while picture.len() + 2 < bytes {
        picture.extend_from_slice(&block);
        block = Sha256::digest(block);
    }
    picture.extend([0xff, 0xd9]);
    Some(picture)
}

fn hash(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "-".into() };
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

// --- what is written down ---

/// The oracle file. One write a line: a kill leaves whole lines.
#[derive(Clone)]
struct Oracle(Arc<File>);

impl Oracle {
    fn open(path: &PathBuf) -> Result<Self, Failure> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.map(|file| Self(Arc::new(file)))
            .map_err(|error| Failure::new(Exit::Config, format!("{}: {error}", path.display())))
    }

    fn line(&self, text: &str) {
        let line = format!("{} {text}\n", SystemClock.monotonic().as_millis());
        if (&*self.0).write_all(line.as_bytes()).is_err() {
            // Without it nothing that follows can be judged.
            std::process::abort();
        }
    }
}

async fn note_link(mut status: tokio::sync::watch::Receiver<uplink::LinkStatus>, oracle: Oracle) {
    let mut last = String::new();
    loop {
        let link = status.borrow_and_update().link.as_str();
        if link != last {
            oracle.line(&format!("link {link}"));
            last = link.to_owned();
        }
        if status.changed().await.is_err() {
            return;
        }
    }
}

async fn note_deliveries(mut deliveries: tokio::sync::broadcast::Receiver<uplink::Delivered>, oracle: Oracle) {
    use tokio::sync::broadcast::error::RecvError;
    loop {
        match deliveries.recv().await {
            Ok(delivered) => {
                let known = if delivered.duplicate { "duplicate" } else { "new" };
                oracle.line(&format!("delivered {} {} {known}", delivered.event_id, delivered.via.as_str()));
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

// --- the clock ---

/// A wall clock that follows a script; the monotonic one is the host's.
struct ScriptedClock {
    steps: Vec<Step>,
    started: Duration,
    noted: AtomicI64,
}

struct Step {
    /// Since the start.
    after: Duration,
    wall_us: i64,
    synced: bool,
}

impl ScriptedClock {
    fn parse(script: &str) -> Result<Self, String> {
        let started = SystemClock.monotonic();
        let mut steps =
            script.split(',').filter(|step| !step.is_empty()).map(Step::parse).collect::<Result<Vec<_>, _>>()?;
        if steps.first().is_none_or(|step| step.after > Duration::ZERO) {
            // Goes on over restarts of the process.
            let first = Step::parse("0@2026-05-01T08:00:00Z")?;
            steps.insert(0, Step { wall_us: first.wall_us + started.as_micros() as i64, ..first });
        }
        Ok(Self { steps, started, noted: AtomicI64::new(-1) })
    }

    fn step(&self) -> (usize, &Step) {
        let since = SystemClock.monotonic().saturating_sub(self.started);
        let past = self.steps.iter().take_while(|step| step.after <= since).count();
        (past.max(1) - 1, &self.steps[past.max(1) - 1])
    }

    /// Writes a step down when it is first seen.
    fn note(&self, oracle: &Oracle) {
        let (index, step) = self.step();
        if self.noted.swap(index as i64, Ordering::SeqCst) != index as i64 {
            oracle.line(&format!("clock {} {}", self.wall_us(), step.synced));
        }
    }
}

impl Step {
    fn parse(text: &str) -> Result<Self, String> {
        let fault =
            || format!("clock script: \"{text}\" is not AFTER_MS@RFC3339, with a \"?\" behind it where not synced");
        let (after, moment) = text.split_once('@').ok_or_else(fault)?;
        let synced = !moment.ends_with('?');
        let moment: jiff::Timestamp = moment.trim_end_matches('?').parse().map_err(|_| fault())?;
        let after = Duration::from_millis(after.parse().map_err(|_| fault())?);
        Ok(Self { after, wall_us: moment.as_microsecond(), synced })
    }
}

impl Clock for ScriptedClock {
    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }

    fn wall_us(&self) -> i64 {
        let (_, step) = self.step();
        step.wall_us + (SystemClock.monotonic().saturating_sub(self.started + step.after)).as_micros() as i64
    }

    fn synced(&self) -> bool {
        self.step().1.synced
    }
}
