//! What is known of a vehicle's way through the picture, beside its plate.

use serde::Serialize;

/// The facts of one pass. All empty for a still picture: nothing moves in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PassFacts {
    /// Number of the track; unique per camera while the agent runs.
    pub track_id: Option<u64>,
    /// 0 at first; 1 where it replaces a provisional event.
    pub revision: u32,
    /// Made at the first confident read: the vehicle is still in sight and a higher revision follows. Only for peers with
    /// the capability `revision` (PROTOCOL 2).
    pub provisional: bool,
    /// The text is not sure enough to act on without a look at the picture.
    pub doubtful: bool,
    pub direction: Option<Direction>,
    /// Lines crossed, in the order of the configuration.
    pub lines: Vec<LineCrossing>,
    /// How the text came about.
    pub votes: Option<VoteTable>,
}

/// Where a vehicle was going, as the camera sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Towards the camera: the plate grew.
    Approaching,
    /// Away from it.
    Receding,
    /// Across the picture, to its left edge.
    Left,
    Right,
}

impl Direction {
    /// As the wire spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::Approaching => "approaching",
            Direction::Receding => "receding",
            Direction::Left => "left",
            Direction::Right => "right",
        }
    }
}

/// A line of the configuration that the vehicle's plate crossed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineCrossing {
    pub name: String,
    /// Crossed from the left hand to the right hand of one who goes from the line's start to its end; for a line drawn
    /// from left to right: downwards in the picture.
    pub forward: bool,
}

/// The reads of one vehicle and what they add up to.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct VoteTable {
    /// Frames whose read counted.
    pub reads: u32,
    /// Per character of the voted text, the share of the weight that stood for it, 0–1.
    pub support: Vec<f32>,
    /// What was read, the weightiest first; bounded.
    pub texts: Vec<TextVote>,
}

/// One text among the reads.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TextVote {
    pub text: String,
    /// Frames that read it so.
    pub reads: u32,
    /// Sum of the weights of those reads.
    pub weight: f32,
}
