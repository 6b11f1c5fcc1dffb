//! What became of simulated vehicles: events made and texts right.

use lpr::track::Passage;

#[derive(Default, Clone, Copy)]
pub struct PassScore {
    /// Vehicles whose plate could be read in three frames at least.
    pub passes: u32,
    /// Of those: exactly one event, none, more than one.
    pub once: u32,
    pub missed: u32,
    pub doubled: u32,
    /// Of the passes: the one event has the right text; the surest single frame had.
    pub voted_right: u32,
    pub surest_right: u32,
    /// Reads of single frames.
    pub single: u32,
    pub single_right: u32,
}

impl PassScore {
    pub fn add(&mut self, other: Self) {
        self.passes += other.passes;
        self.once += other.once;
        self.missed += other.missed;
        self.doubled += other.doubled;
        self.voted_right += other.voted_right;
        self.surest_right += other.surest_right;
        self.single += other.single;
        self.single_right += other.single_right;
    }

    /// One vehicle with the plate `text` has passed and became `events`.
    pub fn passed(&mut self, text: &str, events: &[&Passage], is_surest_right: bool) {
        self.passes += 1;
        self.once += u32::from(events.len() == 1);
        self.missed += u32::from(events.is_empty());
        self.doubled += u32::from(events.len() > 1);
        self.voted_right += u32::from(events.len() == 1 && events[0].plate.text == text);
        self.surest_right += u32::from(is_surest_right);
    }

    /// Percent of the single frames' reads that were right.
    pub fn single_share(&self) -> f32 {
        share(self.single_right, self.single)
    }

    pub fn print(&self, name: &str) {
        println!(
            "{name} passes {:5}  one event {:6.2} %  missed {:2} doubled {:2}  single frame right {:4.1} %  surest {:5.1} %  voted {:5.1} %",
            self.passes,
            share(self.once, self.passes),
            self.missed,
            self.doubled,
            self.single_share(),
            share(self.surest_right, self.passes),
            share(self.voted_right, self.passes),
        );
    }
}

fn share(part: u32, whole: u32) -> f32 {
    part as f32 * 100.0 / whole.max(1) as f32
}
