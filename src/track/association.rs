//! Is this read the same plate as that track's last one?

use crate::domain::BBox;

/// Where a track was last seen and how it moves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Motion {
    bbox: BBox,
    /// Pixels per second.
    velocity: (f32, f32),
    at_ms: u64,
}

impl Motion {
    pub(super) fn new(bbox: BBox, at_ms: u64) -> Self {
        Self { bbox, velocity: (0.0, 0.0), at_ms }
    }

    /// Takes a new sighting; the velocity follows it half way, so that one bad box does not throw it.
    pub(super) fn update(&mut self, bbox: BBox, at_ms: u64) {
        let seconds = seconds_between(self.at_ms, at_ms);
        if seconds > 0.0 {
            let (from, to) = (self.bbox.center(), bbox.center());
            let now = ((to.x - from.x) / seconds, (to.y - from.y) / seconds);
            self.velocity = ((self.velocity.0 + now.0) / 2.0, (self.velocity.1 + now.1) / 2.0);
        }
        self.bbox = bbox;
        self.at_ms = at_ms;
    }

    fn predicted(&self, at_ms: u64) -> BBox {
        let seconds = seconds_between(self.at_ms, at_ms);
        self.bbox.translate(self.velocity.0 * seconds, self.velocity.1 * seconds)
    }

    /// How well a sighting fits this motion: 0 (not at all) to 1. A plate may move by a few of its own widths
    /// between looks before its velocity is known; a like text widens what is believed.
    pub(super) fn fit(&self, bbox: &BBox, at_ms: u64, text_likeness: f32) -> f32 {
        let predicted = self.predicted(at_ms);
        let width = self.bbox.width().max(bbox.width()).max(1.0);
        let (small, large) = order(self.bbox.height(), bbox.height());
        if small < large * 0.4 {
            return 0.0;
        }
        let distance = predicted.center().distance(bbox.center()).min(self.bbox.center().distance(bbox.center()));
        let reach = width * (1.5 + 4.5 * text_likeness);
        let near = (1.0 - distance / reach).max(0.0);
        if near == 0.0 { 0.0 } else { (near + text_likeness) / 2.0 }
    }
}

fn seconds_between(from_ms: u64, to_ms: u64) -> f32 {
    to_ms.saturating_sub(from_ms) as f32 / 1000.0
}

fn order(a: f32, b: f32) -> (f32, f32) {
    if a < b { (a, b) } else { (b, a) }
}

/// Likeness of two reads, 0–1: one minus the Levenshtein distance over the longer length; 0 where either is empty.
pub(super) fn text_likeness(a: &str, b: &str) -> f32 {
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    strsim::normalized_levenshtein(a, b) as f32
}
