//! Which cameras are there: those with an open socket, and those that spoke lately and have not hung up since.

use crate::domain::CameraKey;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Open sockets per camera.
#[derive(Debug)]
pub struct Presence {
    window_us: i64,
    cameras: Mutex<HashMap<(String, String), Link>>,
}

#[derive(Debug, Default)]
struct Link {
    sockets: usize,
    /// When the last socket closed.
    left_us: Option<i64>,
}

impl Presence {
    /// A camera without a socket counts as there for `window_s` seconds after its last word.
    pub fn new(window_s: u64) -> Self {
        let window_us = i64::try_from(window_s).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        Self { window_us, cameras: Mutex::default() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<(String, String), Link>) -> T) -> T {
        act(&mut self.cameras.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One more socket speaks for the camera.
    pub fn arrive(&self, camera: &CameraKey) {
        self.with(|cameras| cameras.entry(key(camera)).or_default().sockets += 1);
    }

    /// A socket that spoke for the camera closed. Was it the last?
    pub fn leave(&self, camera: &CameraKey, now_us: i64) -> bool {
        self.with(|cameras| {
            let link = cameras.entry(key(camera)).or_default();
            link.sockets = link.sockets.saturating_sub(1);
            if link.sockets == 0 {
                link.left_us = Some(now_us);
            }
            link.sockets == 0
        })
    }

    pub fn is_online(&self, checkpoint: &str, camera: &str, last_seen_us: i64, now_us: i64) -> bool {
        let recent = now_us.saturating_sub(last_seen_us) < self.window_us;
        self.with(|cameras| match cameras.get(&(checkpoint.to_owned(), camera.to_owned())) {
            Some(link) if link.sockets > 0 => true,
            Some(link) => recent && link.left_us.is_none_or(|left| last_seen_us > left),
            None => recent,
        })
    }
}

fn key(camera: &CameraKey) -> (String, String) {
    (camera.checkpoint.as_str().to_owned(), camera.camera.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CameraId, CheckpointId};

    #[test]
    fn a_camera_is_there_while_a_socket_is_open_or_it_spoke_lately() {
        let presence = Presence::new(10);
        let camera = CameraKey { camera: CameraId::new("c").unwrap(), checkpoint: CheckpointId::new("p").unwrap() };
        let second = 1_000_000;
        let online = |seen, now| presence.is_online("p", "c", seen * second, now * second);
        assert!(online(0, 9) && !online(0, 10), "by REST alone the window counts");
        presence.arrive(&camera);
        presence.arrive(&camera);
        assert!(online(0, 100), "an open socket counts however silent");
        assert!(!presence.leave(&camera, 100 * second));
        assert!(presence.leave(&camera, 100 * second));
        assert!(!online(99, 101), "it hung up");
        assert!(online(101, 102), "it spoke again by REST");
    }
}
