//! The running agent: what is started in which order, and stopped in which order.
//!
//! Start: storage, models, uplink, media, inference, capture. Stop: capture → inference (its tracks flushed) → media
//! (evidence and commit) → a last batch with a deadline → uplink → outbox.

use super::cameras::{self, Camera, Watched};
use super::care::Care;
use super::caretaker::Caretaker;
use super::delivery::{self, LAST_BATCH, drained, open_storage, start_uplink};
use super::evidence::MediaLoop;
use super::hours;
use super::infer::{Counters, Outlets};
use super::infer_host::InferHost;
use super::page::{Page, Sources, Subject};
use super::reload::Live;
use super::reports::Reporter;
use super::snapshot::Vitals;
use super::swap::{self, Conductor};
use super::unread::{self, UnreadPicture};
use super::{Exit, Failure};
use crate::capture::{CameraState, Slots, Worker};
use crate::clock::{Clock, SystemClock};
use crate::config::AgentConfig;
use crate::domain::Frame;
use crate::inference::Pipeline;
use crate::media::UnreadStore;
use crate::outbox::Outbox;
use crate::supervise::{self, Pulse, Shutdown, notify};
use crate::uplink::{self, Uplink};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::Signal;
use tracing::{info, warn};

/// Events that may wait for the media thread; each holds a whole frame in memory.
const EVENT_QUEUE: usize = 8;

/// Pictures of unread vehicles that may wait; each is a part of a frame.
const UNREAD_QUEUE: usize = 8;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// By a signal.
    Stopped,
    /// Every source has ended, every event is confirmed.
    Drained,
    /// Likewise, but so many were refused for good.
    OnlyQuarantined(u64),
    /// All is confirmed, but a source could not be read to its end.
    SourceFailed,
    /// For the sake of this part, which hangs.
    Wedged(String),
}

/// What signals ask for, heard from the agent's first moment on.
struct Asked {
    /// To stop. Capture and health stop with it at once; what they have made still goes its way.
    stop: Shutdown,
    /// To read the configuration anew.
    reload: Signal,
}

/// A started agent.
pub struct Agent {
    runtime: Runtime,
    asked: Asked,
    outbox: Outbox,
    uplink: Uplink,
    /// Stops capture and health; what they have made still goes its way.
    intake: Shutdown,
    /// Stops the uplink.
    link: Shutdown,
    workers: Vec<Worker>,
    infer: Arc<InferHost>,
    care: Arc<Care>,
    media: JoinHandle<()>,
    unread_keeper: Option<JoinHandle<()>>,
    counters: Arc<Counters>,
    printer: Option<tokio::task::JoinHandle<()>>,
    live: Live,
}

impl Agent {
    /// Starts everything. Cameras and server may be absent: the agent waits for them. Storage, models and files may not.
    pub fn start(config: AgentConfig, zones_socket: Option<PathBuf>) -> Result<Agent, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let started = clock.monotonic();
        let (intake, link) = (Shutdown::default(), Shutdown::default());
        let runtime = delivery::runtime()?;
        let asked = heed_signals(&runtime, &intake)?;
        let cameras = Camera::all(&config, &clock, &intake)?;
        let (outbox, store) = open_storage(&config, &clock)?;
        let page = Page::prepare(&config, zones_socket)?;
        let pipeline = load_models(&config)?;
        let uplink = {
            let _guard = runtime.enter();
            start_uplink(&config, &outbox, &store, &clock, &link)?
        };
        let (link_status, status, delivered) =
            (uplink.status.clone(), uplink.status.clone(), uplink.delivered.resubscribe());
        runtime.spawn(super::link_file::keep(config.data_dir.clone(), status, delivered, clock.clone()));
        let printer = config.log.plates.then(|| runtime.spawn(print_deliveries(uplink.delivered.resubscribe())));

        let (events, received) = sync_channel(EVENT_QUEUE);
        let media_pulse = Pulse::default();
        let media = MediaLoop {
            config: config.evidence.clone(),
            store,
            outbox: outbox.handle(),
            pulse: media_pulse.clone(),
            recent: page.recent.clone(),
        };
        let media = supervise::spawn("media", move || media.run(received)).map_err(internal)?;
        let slots: Slots<Frame> = Slots::new(cameras.len());
        let (unread, unread_keeper) = keep_unread(&config)?.unzip();
        let outlets = Outlets { events, unread, link: link_status.clone(), live: page.live.clone() };
        let care = Arc::<Care>::default();
        let rests = cameras.iter().map(|camera| camera.options.rest.clone()).collect();
        let infer = InferHost::new(&config, cameras, slots, care.clone(), outlets, clock.clone());
        let (counters, infer) = (infer.counters.clone(), Arc::new(infer));
        let live = Live::new(&config, &infer.cameras, infer.swap.clone());
        runtime.spawn(hours::keep(live.hours(), rests, clock.clone()));
        infer.start(pipeline)?;
        let conductor = Conductor {
            swap: infer.swap.clone(),
            care: care.clone(),
            counters: counters.clone(),
            clock: clock.clone(),
        };
        runtime.spawn(swap::listen(config.data_dir.clone(), conductor, intake.clone()));
        notify::say("READY=1\nSTATUS=running");
        let workers = cameras::start(&infer.cameras, &infer.slots)?;

        let watched = infer.cameras.iter().zip(&workers).map(|(camera, worker)| Watched::of(camera, worker)).collect();
        let vitals = Vitals {
            cameras: watched,
            counters: counters.clone(),
            outbox: outbox.handle(),
            link: link_status,
            care: care.clone(),
            clock,
            started,
        };
        let (host, stop) = (infer.clone(), intake.clone());
        let caretaker =
            Caretaker::new(&config, live.health(), vitals.clone(), host, media_pulse, workers.clone(), stop);
        runtime.spawn(caretaker.run());
        let reporter = Reporter::new(&config, live.health(), vitals.clone(), infer.swap.clone(), page.latest.clone());
        runtime.spawn(reporter.run(intake.clone()));
        let subjects = infer.cameras.iter().map(Subject::of).collect();
        page.serve(&runtime, Sources { subjects, vitals, reread: live.reread() });
        info!(cameras = workers.len(), server = %config.uplink.server_url, "lpr-agent is running");
        Ok(Agent {
            runtime,
            asked,
            outbox,
            uplink,
            intake,
            link,
            workers,
            infer,
            care,
            media,
            unread_keeper,
            counters,
            printer,
            live,
        })
    }

    /// Runs until a signal; with `until_drained` also until all is read and confirmed. SIGHUP has `config` read anew.
    pub fn run(self, until_drained: bool, config: &Path) -> Result<Ending, Failure> {
        let Agent {
            runtime,
            asked,
            outbox,
            uplink,
            intake,
            link,
            workers,
            infer,
            care,
            media,
            unread_keeper,
            counters,
            printer,
            live,
        } = self;
        let reader = runtime.spawn(live.follow(config.to_owned(), asked.reload));
        let stats: Vec<_> = workers.iter().map(Worker::stats).collect();
        let sources_ended = wait_for_sources(&workers, &intake, until_drained);
        notify::say("STOPPING=1");
        intake.trigger();
        for worker in workers {
            worker.join();
        }
        infer.swap.stop();
        if infer.join().is_err() {
            warn!(thread = "infer", "thread ended by a panic");
        }
        // A thread that hangs and was replaced holds the media thread's queue open.
        if care.rebuilds() == 0 || finishes(&media, LAST_BATCH) {
            join("media", media);
        }
        if let Some(keeper) = unread_keeper {
            join("unread", keeper);
        }
        let handle = outbox.handle();
        let ending = runtime.block_on(async {
            if !sources_ended {
                let _ = tokio::time::timeout(LAST_BATCH, drained(&handle)).await;
                return Ending::Stopped;
            }
            tokio::select! {
                () = drained(&handle) => {}
                () = asked.stop.triggered() => return Ending::Stopped,
            }
            match handle.counts().quarantined {
                0 if stats.iter().any(|stats| stats.snapshot().state == CameraState::Failed) => Ending::SourceFailed,
                0 => Ending::Drained,
                count => Ending::OnlyQuarantined(count),
            }
        });
        reader.abort();
        link.trigger();
        if runtime.block_on(uplink.task).is_err() {
            warn!("the uplink ended by a panic");
        }
        if let Some(printer) = printer {
            // The uplink has ended, so what it delivered last is all that is left to print.
            let _ = runtime.block_on(printer);
        }
        runtime.shutdown_timeout(Duration::from_secs(1));
        log_summary(&counters, &handle.counts());
        outbox.close().map_err(|error| Failure::new(Exit::Storage, error))?;
        Ok(care.exit().map_or(ending, Ending::Wedged))
    }
}

/// Hears signals from now on. The one to stop stops the `intake` too.
fn heed_signals(runtime: &Runtime, intake: &Shutdown) -> Result<Asked, Failure> {
    let _guard = runtime.enter();
    let (signal, reload) = (supervise::stop_signal().map_err(internal)?, supervise::hangups().map_err(internal)?);
    let stop = Shutdown::default();
    let stopping = [stop.clone(), intake.clone()];
    runtime.spawn(async move {
        let signal = signal.await;
        info!(signal, "stopping");
        stopping.iter().for_each(Shutdown::trigger);
    });
    Ok(Asked { stop, reload })
}

fn internal(error: std::io::Error) -> Failure {
    Failure::new(Exit::Internal, format!("cannot start: {error}"))
}

fn load_models(config: &AgentConfig) -> Result<Pipeline, Failure> {
    let pipeline = Pipeline::load(&config.models).map_err(|error| Failure::new(Exit::Models, error))?;
    let described = pipeline.describe();
    for model in &described.models {
        info!(role = %model.role, model = %model.name, provider = %model.provider, "model loaded");
    }
    info!(version = %described.runtime_version, "ONNX Runtime");
    Ok(pipeline)
}

/// Where pictures of what is not read go, and the thread that keeps them.
type UnreadKeeper = (SyncSender<UnreadPicture>, JoinHandle<()>);

/// Begins to keep pictures of what is not read; `None` where the configuration wants none.
fn keep_unread(config: &AgentConfig) -> Result<Option<UnreadKeeper>, Failure> {
    let (evidence, keep) = (config.evidence.clone(), config.evidence.unread_pictures);
    if keep == 0 {
        return Ok(None);
    }
    let store = UnreadStore::at(&config.data_dir, keep);
    let (sender, pictures) = sync_channel(UNREAD_QUEUE);
    let keeper = supervise::spawn("unread", move || unread::keep(&store, &evidence, pictures)).map_err(internal)?;
    Ok(Some((sender, keeper)))
}

/// Waits until stopped; with `until_drained` also until every source has ended, which it then tells.
fn wait_for_sources(workers: &[Worker], intake: &Shutdown, until_drained: bool) -> bool {
    while !intake.is_triggered() {
        if until_drained && workers.iter().all(Worker::has_ended) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

/// Does the thread end within `limit`?
fn finishes(thread: &JoinHandle<()>, limit: Duration) -> bool {
    let until = std::time::Instant::now() + limit;
    while !thread.is_finished() && std::time::Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    thread.is_finished()
}

fn join(name: &str, thread: JoinHandle<()>) {
    if thread.join().is_err() {
        warn!(thread = name, "thread ended by a panic");
    }
}

/// One line for each confirmed read, for a person who watches; only where the configuration allows plate text.
async fn print_deliveries(mut deliveries: tokio::sync::broadcast::Receiver<uplink::Delivered>) {
    use tokio::sync::broadcast::error::RecvError;
    loop {
        match deliveries.recv().await {
            Ok(delivered) => {
                for plate in &delivered.plates {
                    let line = format!("read  {plate}  {}  via {}", delivered.camera.camera, delivered.via.as_str());
                    // Nobody may be looking any more; the agent goes on.
                    let _ = writeln!(std::io::stdout(), "{line}");
                }
            }
            Err(RecvError::Lagged(missed)) => warn!(missed, "deliveries not shown"),
            Err(RecvError::Closed) => return,
        }
    }
}

fn log_summary(counters: &Counters, outbox: &crate::outbox::Counts) {
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    info!(
        frames = count(&counters.frames),
        unreadable_frames = count(&counters.failed_frames),
        events = count(&counters.events),
        dropped_events = count(&counters.dropped_events),
        repeats_suppressed = count(&counters.suppressed),
        waiting = outbox.pending,
        quarantined = outbox.quarantined,
        "lpr-agent has stopped"
    );
}
