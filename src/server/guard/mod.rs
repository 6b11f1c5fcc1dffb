//! Who may do what, and how much of it: tokens and sessions, the table of rules, where requests come from, the pace of
//! events, and the trail of who did what.
//!
//! Without any token everything is open, and the server listens to its own machine only. From the first token on
//! everyone must show one; what a token lets its holder do is in `rules` (calls) and `who` (roles).

mod audit;
mod book;
mod cli;
mod code;
mod door;
mod keeper;
mod pace;
mod picture;
mod provision;
mod rules;
mod signin;
mod token;
mod who;

pub use cli::{Command as TokenCommand, execute as execute_token};
pub use door::{Visitor, address_of, door};
pub use keeper::{before_listening, keep};
pub use pace::block_of;
pub use rules::Need;
pub use who::{Role, Who};

use super::fault::{Code, Fault};
use super::routes::Shared;
use super::store::AuditRow;
use crate::clock::Clock;
use crate::config::{LegacyIngest, Network, ServerConfig, parse_camera};
use crate::domain::CameraKey;
use crate::wire::incoming::{Images, Registration};
use audit::Trail;
use book::Book;
use pace::{Pace, Throttle};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use who::By;

/// Signing in, the audit trail, and tokens for devices.
pub fn router() -> axum::Router<Shared> {
    signin::router().merge(provision::router())
}

/// What an event of one device may cost in the long run, where nothing else is configured.
const USUAL_EVENTS_PER_S: u64 = 200;

/// Everything that decides who may what.
pub struct Guard {
    config: ServerConfig,
    clock: Arc<dyn Clock>,
    /// Other machines can reach us.
    exposed: bool,
    legacy: Legacy,
    book: RwLock<Book>,
    pace: Mutex<Pace<String>>,
    throttle: Mutex<Throttle>,
    trail: Trail,
}

/// Agents without tokens that are let in.
struct Legacy {
    networks: Vec<Network>,
    cameras: Arc<BTreeSet<CameraKey>>,
}

impl Legacy {
    fn new(config: &LegacyIngest) -> Self {
        let networks = config.networks.iter().filter_map(|text| Network::parse(text)).collect();
        let cameras = config.cameras.iter().filter_map(|text| parse_camera(text)).collect();
        Self { networks, cameras: Arc::new(cameras) }
    }

    fn admit(&self, address: IpAddr) -> Option<Who> {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(address)).then(|| Who {
            name: format!("legacy {address}"),
            role: Role::Legacy,
            by: By::Network(address),
            cameras: Some(self.cameras.clone()),
        })
    }
}

impl Guard {
    pub fn new(config: &ServerConfig, clock: Arc<dyn Clock>) -> Self {
        let listen = config.listen.parse::<SocketAddr>();
        Self {
            exposed: listen.map_or(true, |listen| !listen.ip().is_loopback()),
            legacy: Legacy::new(&config.auth.legacy_ingest),
            config: config.clone(),
            clock,
            book: RwLock::default(),
            pace: Mutex::default(),
            throttle: Mutex::default(),
            trail: Trail::default(),
        }
    }

    fn book(&self) -> RwLockReadGuard<'_, Book> {
        self.book.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn book_mut(&self) -> RwLockWriteGuard<'_, Book> {
        self.book.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is there no token, and nobody but this machine to reach us?
    pub fn is_open(&self) -> bool {
        !self.exposed && !self.book().has_had_tokens()
    }

    /// Someone with a token, or in a network that needs none. `Err`: they show a token, and it is none.
    pub fn know(&self, token: Option<&str>, address: IpAddr) -> Result<Option<Who>, Fault> {
        if self.is_open() {
            return Ok(Some(Who::open()));
        }
        match token {
            Some(token) => self.book().by_token(token).map(Some).ok_or_else(|| {
                tracing::debug!(%address, "a token that is unknown or revoked");
                Fault::new(Code::Unauthorized, "this token is unknown here, or revoked")
            }),
            None => Ok(self.legacy.admit(address)),
        }
    }

    /// Someone who signed in.
    fn know_by_cookie(&self, value: &str) -> Option<Who> {
        self.book().by_cookie(value, self.clock.wall_us())
    }

    /// Would they still be let in?
    pub fn still_knows(&self, who: &Who) -> bool {
        if who.by == By::Openness {
            return self.is_open();
        }
        self.book().still_knows(&who.by, self.clock.wall_us())
    }

    /// May they bring this payload, now? A payload that names no camera is for its reader to refuse.
    pub fn admit_event(&self, who: &Who, payload: &Value) -> Result<(), Fault> {
        if who.role == Role::Open && self.config.limits.events_per_device_s == 0 && self.is_open() {
            return Ok(());
        }
        if !self.still_knows(who) {
            return Err(Fault::new(Code::Unauthorized, "this token is revoked"));
        }
        if !who.role.may(Need::Ingest) {
            return Err(Fault::new(Code::Forbidden, "a token of the role viewer brings no events"));
        }
        let registration = Registration::read(payload).ok();
        let event = registration.as_ref().and_then(|registration| registration.event.clone());
        if let Some(camera) = registration.map(|registration| registration.camera)
            && !who.may_write(&camera)
        {
            let message = format!("camera_id {camera} is not one that this sender may write");
            let fault = Fault { field: Some("camera_id".into()), ..Fault::new(Code::CameraNotAllowed, message) };
            return Err(fault.about(event));
        }
        self.keep_pace(who).map_err(|fault| fault.about(event))
    }

    fn keep_pace(&self, who: &Who) -> Result<(), Fault> {
        let per_second = match self.config.limits.events_per_device_s {
            0 => USUAL_EVENTS_PER_S,
            configured => configured,
        };
        let mut pace = lock(&self.pace);
        pace.take(who.sender(), per_second as f64, self.clock.monotonic()).map_err(|wait| {
            let retry_after_s = Some(wait.as_secs_f64().ceil() as u64);
            let message = format!("more than {per_second} events a second; send it again later");
            Fault { retry_after_s, ..Fault::new(Code::RateLimited, message) }
        })
    }

    /// Takes pictures out that are too large to keep; gives how many, and a word on it for the answer.
    pub fn sift(&self, images: &mut Images) -> Option<(usize, String)> {
        let limits = &self.config.limits;
        match picture::sift(images, limits.image_bytes, limits.image_pixels) {
            0 => None,
            dropped => {
                let (bytes, pixels) = (limits.image_bytes, limits.image_pixels);
                Some((dropped, format!("{dropped} image(s) dropped: above {bytes} bytes or {pixels} pixels")))
            }
        }
    }

    /// A line of the audit trail.
    pub fn note(&self, who: &str, action: &str, what: &str, address: IpAddr) {
        self.trail.add(AuditRow {
            at_us: self.clock.wall_us(),
            who: who.to_owned(),
            action: action.to_owned(),
            what: what.to_owned(),
            address: address.to_canonical().to_string(),
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
