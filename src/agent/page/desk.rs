//! What the page knows, and where it has it from.

use super::access::Access;
use super::live::LiveView;
use super::recent::Recent;
use super::save::ConfigFile;
use super::snapshot::{CameraFacts, Facts};
use super::{listen, routes};
use crate::agent::cameras::{Camera, Watched};
use crate::agent::metrics::Snapshot;
use crate::agent::reload::Reread;
use crate::agent::snapshot::Vitals;
use crate::agent::{Exit, Failure};
use crate::config::{AgentConfig, PageConfig, Secret};
use crate::domain::HealthReport;
use crate::media::UnreadStore;
use crate::track::TrackSettings;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
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
    pub id: String,
    /// Without credentials.
    pub source: String,
    /// What it goes by now.
    pub settings: watch::Receiver<TrackSettings>,
}

/// What the page looks at.
pub struct Sources {
    /// In the order of the cameras of `vitals`.
    pub subjects: Vec<Subject>,
    pub vitals: Vitals,
    /// What the page has changed in the configuration is taken up by it.
    pub reread: Reread,
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
    /// Reads the token. With the page off, nothing is kept for it. `zones_socket`: `lpr-agent run --zones-socket`.
    pub fn prepare(config: &AgentConfig, zones_socket: Option<PathBuf>) -> Result<Self, Failure> {
        let address = config.page.address();
        let token = token(&config.page).map_err(|message| Failure::new(Exit::Config, message))?;
        Ok(Self {
            live: LiveView::new(config.camera.len()),
            recent: Arc::new(Recent::keeping(if address.is_some() { READS } else { 0 })),
            latest: watch::Sender::default(),
            address,
            access: Access::new(token.as_ref(), config.page.hosts.clone()),
            file: ConfigFile::at(&config.file).written_through(zones_socket),
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
    pub fn of(camera: &Camera) -> Self {
        Self { id: camera.key.camera.to_string(), source: camera.spec.to_string(), settings: camera.wanted.subscribe() }
    }
}

impl Desk {
    /// How everything stands now.
    pub fn facts(&self) -> Facts {
        let Sources { subjects, vitals, .. } = &self.sources;
        let (counters, file) = (&vitals.counters, self.file.path());
        let cameras = vitals.cameras.iter().zip(subjects).enumerate();
        Facts {
            at_us: vitals.clock.wall_us(),
            cameras: cameras.map(|(index, (watched, subject))| self.camera(index, watched, subject)).collect(),
            frames_read: counters.frames.load(Ordering::Relaxed),
            frames_failed: counters.failed_frames.load(Ordering::Relaxed),
            events: counters.events.load(Ordering::Relaxed),
            events_dropped: counters.dropped_events.load(Ordering::Relaxed),
            outbox: vitals.outbox.counts(),
            link: vitals.link.borrow().clone(),
            health: self.health.borrow().clone(),
            reads: self.recent.all(),
            watchers: self.live.watchers(),
            config: file.display().to_string(),
            config_writable: file != Path::new("") && self.file.is_writable(),
        }
    }

    /// The same in figures, for Prometheus.
    pub fn figures(&self) -> Snapshot {
        let now = self.sources.vitals.snapshot(&self.health.borrow());
        Snapshot { watchers: self.live.watchers(), pictures: self.live.encoded(), ..now }
    }

    fn camera(&self, index: usize, watched: &Watched, subject: &Subject) -> CameraFacts {
        let snapshot = watched.stats.snapshot();
        let counts = self.sources.vitals.counters.cameras.get(index);
        CameraFacts {
            camera: watched.key.camera.to_string(),
            checkpoint: watched.key.checkpoint.to_string(),
            source: subject.source.clone(),
            state: snapshot.state.as_str(),
            fault: snapshot.last_error,
            frames: snapshot.frames,
            overwritten: snapshot.overwritten,
            reopened: snapshot.reopened,
            gated: counts.map_or(0, |counts| counts.gated.load(Ordering::Relaxed)),
            frame_age_ms: snapshot.last_frame_age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            min_plate_height: subject.settings.borrow().min_plate_height,
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
