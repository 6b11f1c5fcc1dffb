//! What the page knows, and where it has it from.

use super::access::Access;
use super::live::LiveView;
use super::recent::Recent;
use super::save::ConfigFile;
use super::snapshot::{CameraFacts, Facts};
use super::{listen, routes};
use crate::agent::cameras::Camera;
use crate::agent::infer::Counters;
use crate::agent::{Exit, Failure};
use crate::capture::{CameraState, CameraStats, Worker};
use crate::clock::Clock;
use crate::config::{AgentConfig, PageConfig, Secret};
use crate::domain::HealthReport;
use crate::media::UnreadStore;
use crate::outbox::OutboxHandle;
use crate::track::TrackSettings;
use crate::uplink::LinkStatus;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Reads that are shown, with their pictures: a megabyte or two.
const READS: usize = 24;

/// Shorter ones can be guessed.
const LEAST_TOKEN: usize = 16;

/// What the rest of the agent fills for the page; made first, so that each part can be given its own.
pub struct Page {
    pub live: Arc<LiveView>,
    pub recent: Arc<Recent>,
    /// The newest report of every component.
    pub latest: watch::Sender<Arc<Vec<HealthReport>>>,
    /// Where it is to listen; `None` where there is to be no page.
    address: Option<SocketAddr>,
    access: Access,
    file: ConfigFile,
    unread: UnreadStore,
}

/// A camera as the page shows it.
pub struct Subject {
    pub camera: String,
    pub checkpoint: String,
    /// Without credentials.
    pub source: String,
    pub settings: TrackSettings,
    pub stats: CameraStats,
}

/// What the page looks at.
pub struct Sources {
    pub cameras: Vec<Subject>,
    pub counters: Arc<Counters>,
    pub outbox: OutboxHandle,
    pub link: watch::Receiver<LinkStatus>,
    pub clock: Arc<dyn Clock>,
}

/// What the routes answer from.
pub(super) struct Desk {
    pub access: Mutex<Access>,
    pub live: Arc<LiveView>,
    pub recent: Arc<Recent>,
    pub unread: UnreadStore,
    pub file: ConfigFile,
    pub sources: Sources,
    health: watch::Receiver<Arc<Vec<HealthReport>>>,
}

impl Page {
    /// Reads the token. With the page off, nothing is kept for it.
    pub fn prepare(config: &AgentConfig) -> Result<Self, Failure> {
        let address = config.page.address();
        let token = token(&config.page).map_err(|message| Failure::new(Exit::Config, message))?;
        Ok(Self {
            live: LiveView::new(config.camera.len()),
            recent: Arc::new(Recent::keeping(if address.is_some() { READS } else { 0 })),
            latest: watch::Sender::default(),
            address,
            access: Access::new(token.as_ref(), config.page.hosts.clone()),
            file: ConfigFile::at(&config.file),
            unread: UnreadStore::at(&config.data_dir, config.evidence.unread_pictures),
        })
    }

    /// Serves in the background until the runtime ends.
    pub fn serve(self, runtime: &Runtime, sources: Sources) {
        let Some(address) = self.address else { return };
        let desk = Desk {
            access: Mutex::new(self.access),
            live: self.live,
            recent: self.recent,
            unread: self.unread,
            file: self.file,
            sources,
            health: self.latest.subscribe(),
        };
        let _guard = runtime.enter();
        desk.live.start();
        runtime.spawn(listen::serve(address, routes::router(Arc::new(desk))));
    }
}

impl Subject {
    pub fn new(camera: &Camera, worker: &Worker) -> Self {
        Self {
            camera: camera.key.camera.to_string(),
            checkpoint: camera.key.checkpoint.to_string(),
            source: camera.spec.to_string(),
            settings: camera.track.clone(),
            stats: worker.stats(),
        }
    }
}

impl Desk {
    /// How everything stands now.
    pub fn facts(&self) -> Facts {
        let counters = &self.sources.counters;
        let file = self.file.path();
        Facts {
            at_us: self.sources.clock.wall_us(),
            cameras: self
                .sources
                .cameras
                .iter()
                .enumerate()
                .map(|(index, camera)| self.camera(index, camera))
                .collect(),
            frames_read: counters.frames.load(Ordering::Relaxed),
            frames_failed: counters.failed_frames.load(Ordering::Relaxed),
            events: counters.events.load(Ordering::Relaxed),
            events_dropped: counters.dropped_events.load(Ordering::Relaxed),
            outbox: self.sources.outbox.counts(),
            link: self.sources.link.borrow().clone(),
            health: self.health.borrow().clone(),
            reads: self.recent.all(),
            watchers: self.live.watchers(),
            pictures: self.live.encoded(),
            config: file.display().to_string(),
            config_writable: file != Path::new("") && self.file.is_writable(),
        }
    }

    fn camera(&self, index: usize, camera: &Subject) -> CameraFacts {
        let snapshot = camera.stats.snapshot();
        let counts = self.sources.counters.cameras.get(index);
        CameraFacts {
            camera: camera.camera.clone(),
            checkpoint: camera.checkpoint.clone(),
            source: camera.source.clone(),
            state: match snapshot.state {
                CameraState::Opening => "opening",
                CameraState::Streaming => "streaming",
                CameraState::Ended => "ended",
                CameraState::Failed => "failed",
            },
            fault: snapshot.last_error,
            frames: snapshot.frames,
            overwritten: snapshot.overwritten,
            reopened: snapshot.reopened,
            gated: counts.map_or(0, |counts| counts.gated.load(Ordering::Relaxed)),
            frame_age_ms: snapshot.last_frame_age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            min_plate_height: camera.settings.min_plate_height,
            funnel: counts.map(|counts| counts.funnel()).unwrap_or_default(),
        }
    }
}

/// The page's token; `None` where nobody is to be asked for one.
fn token(config: &PageConfig) -> Result<Option<Secret>, String> {
    let file = config.token_file.as_str();
    if file.is_empty() || config.address().is_none() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("page.token_file {file} cannot be read: {error}; make it readable for this user"))?;
    let token = text.trim();
    if token.len() < LEAST_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "page.token_file {file} holds no usable token: it must be one line of at least {LEAST_TOKEN} visible ASCII \
             characters; make one with: openssl rand -hex 16"
        ));
    }
    Ok(Some(Secret::new(token)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_enough_and_never_in_the_message() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        let config = PageConfig { token_file: file.display().to_string(), ..PageConfig::default() };
        assert!(token(&config).unwrap_err().contains("cannot be read"));
        for text in ["hunter2", "", "a token with spaces in it"] {
            std::fs::write(&file, text).unwrap();
            let said = token(&config).unwrap_err();
            assert!(said.contains("16") && (text.is_empty() || !said.contains(text)), "{said}");
        }
        std::fs::write(&file, "0123456789abcdef\n").unwrap();
        assert_eq!(token(&config).unwrap().unwrap().reveal(), "0123456789abcdef");
        assert_eq!(token(&PageConfig::default()).unwrap(), None);
    }
}
