//! Who drives where: lanes, how each flows, and the moment each vehicle is where it reads best.

use super::kinds::{End, Kind};
use super::model::Model;
use super::plate::Plate;
use super::rng::{Rng, Stream};
use super::spec::{Scene, SimSpec};

/// Vehicles further away are not drawn (a car is 40 px wide there at 1280 px).
pub const FAR: f32 = 55.0;
/// A vehicle is gone when its end is this far behind the camera's place.
pub const GONE: f32 = 1.0;
/// Least distance from one vehicle's end to the same end of the next in its lane, metres.
const HEADWAY: f64 = 7.5;
/// From this distance on, lorries fit in.
const LONG_HEADWAY: f64 = 13.0;

/// How a lane moves: the distance its vehicles have covered since the clip began.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Flow {
    /// Metres a second.
    Steady(f64),
    /// Drives and waits in turn, every `period` seconds; `mean` is the speed over a period.
    StopAndGo {
        mean: f64,
        period: f64,
    },
    Parked,
}

impl Flow {
    fn distance(self, t: f64) -> f64 {
        match self {
            Self::Steady(speed) => speed * t,
            Self::StopAndGo { mean, period } => {
                let (turns, rest) = (t.div_euclid(period), t.rem_euclid(period) / period);
                // Three fifths of a period: speed up, slow down (smoothstep); then wait.
                let p = (rest / 0.6).min(1.0);
                mean * period * (turns + p * p * (3.0 - 2.0 * p))
            }
            Self::Parked => 0.0,
        }
    }
}

/// One lane's geometry and flow.
#[derive(Debug, Clone, Copy)]
pub struct Lane {
    /// Middle of the lane, metres to the right of the camera.
    pub x: f32,
    pub end: End,
    flow: Flow,
}

/// One vehicle of the plan: everything that is not drawn.
#[derive(Debug, Clone)]
pub struct Planned {
    pub id: u32,
    pub lane: usize,
    /// Depth of its near end at the start of the clip.
    start: f64,
    kind: Kind,
    sideways: f32,
}

/// The whole clip.
#[derive(Debug, Clone)]
pub struct Plan {
    pub lanes: Vec<Lane>,
    pub vehicles: Vec<Planned>,
    /// Of the camera, radians.
    pub yaw: f32,
    /// Middle and half width of the carriageway, metres.
    pub road: (f32, f32),
}

/// What a scene is made of, before vehicles are dealt to the lanes.
struct Set {
    lanes: Vec<Lane>,
    /// Depth at which a lane's vehicles are at their moment.
    read: [f64; 2],
    /// Pairs meet at the reading distance at the same moment.
    pairs: bool,
    parked: Vec<(Lane, f64)>,
    yaw: f32,
    road: (f32, f32),
}

impl Plan {
    pub fn new(spec: &SimSpec) -> Self {
        let mut rng = Rng::new(spec.seed, Stream::Scene, 0);
        let set = Set::of(spec, &mut rng);
        let mut plan = Plan { lanes: set.lanes.clone(), vehicles: Vec::new(), yaw: set.yaw, road: set.road };
        let parked = parked_count(spec).min(set.parked.len());
        let moving = spec.vehicles as usize - parked;
        plan.deal(spec, &set, moving, &mut rng);
        for (lane, depth) in set.parked.into_iter().take(parked) {
            let kind = Kind::random(&mut rng, true, true);
            let id = plan.vehicles.len() as u32 + 1;
            plan.vehicles.push(Planned { id, lane: plan.lanes.len(), start: depth, kind, sideways: 0.0 });
            plan.lanes.push(lane);
        }
        plan
    }

    /// Spreads `count` vehicles over the time and, in turn, the lanes.
    fn deal(&mut self, spec: &SimSpec, set: &Set, count: usize, rng: &mut Rng) {
        let lanes = set.lanes.len();
        let slots = if set.pairs { count.div_ceil(lanes) } else { count };
        for i in 0..count {
            let (lane, slot) = (i % lanes, if set.pairs { i / lanes } else { i });
            let jitter = f64::from(rng.range(-0.12, 0.12)) * if set.pairs { 0.0 } else { 1.0 };
            let moment = (slot as f64 + 0.5 + jitter) / slots as f64 * spec.seconds;
            let Lane { flow, end, .. } = set.lanes[lane];
            let gap = flow.distance(spec.seconds) / slots.div_ceil(if set.pairs { 1 } else { lanes }) as f64;
            // At the reading distance in a frame, not between two. In stop and go, equal distances instead of equal times.
            let covered = match flow {
                Flow::StopAndGo { .. } => flow.distance(spec.seconds) * moment / spec.seconds,
                _ => flow.distance((moment * spec.fps).floor() / spec.fps),
            };
            let kind = match spec.scene {
                Scene::Occlude => {
                    if lane == 0 {
                        Kind::Lorry
                    } else {
                        Kind::random(rng, true, true)
                    }
                }
                _ => Kind::random(rng, gap < LONG_HEADWAY, end == End::Front),
            };
            let start = set.read[lane % 2] + if end == End::Front { covered } else { -covered };
            let sideways = rng.range(-0.12, 0.12);
            self.vehicles.push(Planned { id: i as u32 + 1, lane, start, kind, sideways });
        }
    }

    /// Place of a vehicle's near end at a time: metres to the right, metres away.
    pub fn position(&self, vehicle: &Planned, t: f64) -> (f32, f32) {
        let Lane { x, end, flow } = self.lanes[vehicle.lane];
        let covered = flow.distance(t);
        let z = if end == End::Front { vehicle.start - covered } else { vehicle.start + covered };
        (x + vehicle.sideways, z as f32)
    }

    /// Everything drawn of a vehicle, from its own random stream.
    pub fn dress(&self, spec: &SimSpec, vehicle: &Planned) -> (Model, Plate) {
        let mut rng = Rng::new(spec.seed, Stream::Vehicle, u64::from(vehicle.id));
        let plate = Plate::random(spec.layout, &mut rng);
        (vehicle.kind.build(self.lanes[vehicle.lane].end, &plate, &mut rng), plate)
    }
}

fn parked_count(spec: &SimSpec) -> usize {
    let n = spec.vehicles as usize;
    match spec.scene {
        Scene::Park => n.div_ceil(4),
        Scene::Mixed => usize::from(n >= 4),
        _ => 0,
    }
}

impl Set {
    fn of(spec: &SimSpec, rng: &mut Rng) -> Self {
        let end = if rng.chance(0.5) { End::Front } else { End::Rear };
        let lane = |x: f32, end: End, flow: Flow| Lane { x, end, flow };
        let speed = |rng: &mut Rng, low: f32, high: f32, lanes: f64| {
            Flow::Steady(fast_enough(spec, rng.range(low, high), lanes))
        };
        let stop_and_go = |rng: &mut Rng| Flow::StopAndGo {
            mean: fast_enough(spec, rng.range(3.0, 4.5), 2.0),
            period: f64::from(rng.range(6.0, 8.0)).min(spec.seconds),
        };
        let yaw = rng.range(-0.05, 0.05);
        let two = (0.0, 3.9);
        let lanes = match spec.scene {
            Scene::Pass => {
                vec![lane(-1.75, end, speed(rng, 7.0, 11.0, 2.0)), lane(1.75, end, speed(rng, 7.0, 12.0, 2.0))]
            }
            Scene::Overtake => {
                vec![lane(-1.75, end, speed(rng, 5.0, 7.0, 2.0)), lane(1.75, end, speed(rng, 10.0, 13.0, 2.0))]
            }
            Scene::Cross => vec![
                lane(-1.75, End::Front, speed(rng, 7.0, 11.0, 2.0)),
                lane(1.75, End::Rear, speed(rng, 7.0, 11.0, 2.0)),
            ],
            Scene::Stop => vec![lane(-1.75, end, stop_and_go(rng)), lane(1.75, end, stop_and_go(rng))],
            Scene::Park => vec![lane(1.5, end, speed(rng, 6.0, 9.0, 1.0))],
            Scene::Occlude => {
                vec![lane(1.9, end, speed(rng, 8.0, 10.0, 2.0)), lane(5.3, end, speed(rng, 2.2, 3.2, 2.0))]
            }
            Scene::Mixed => {
                vec![lane(-1.75, End::Front, stop_and_go(rng)), lane(1.75, End::Rear, speed(rng, 7.0, 11.0, 2.0))]
            }
        };
        let parked = match spec.scene {
            Scene::Park => {
                [(4.3, End::Rear, 11.5), (-1.35, End::Front, 9.5), (4.3, End::Rear, 28.0), (-1.35, End::Front, 30.0)]
                    .map(|(x, end, depth)| (lane(x, end, Flow::Parked), depth))
                    .to_vec()
            }
            Scene::Mixed => vec![(lane(5.0, End::Rear, Flow::Parked), 17.0)],
            _ => Vec::new(),
        };
        let (yaw, road) = match spec.scene {
            Scene::Occlude => (0.22, (3.5, 4.3)),
            Scene::Park => (0.08 + yaw / 4.0, (1.5, 3.9)),
            Scene::Mixed => (yaw, (1.1, 5.2)),
            _ => (yaw, two),
        };
        let pairs = matches!(spec.scene, Scene::Overtake | Scene::Occlude);
        let read = match spec.scene {
            // The lorry's side crosses the line of sight to the car.
            Scene::Occlude => [1.0, 13.5],
            _ => [8.0, 8.0],
        };
        Self { lanes, read, pairs, parked, yaw, road }
    }
}

/// A speed in metres a second that leaves a headway between the vehicles of a lane.
fn fast_enough(spec: &SimSpec, wanted: f32, lanes: f64) -> f64 {
    let per_lane = (f64::from(spec.vehicles) / lanes).ceil();
    // Two neighbours come as much as a quarter nearer by their jitter.
    f64::from(wanted).max(HEADWAY * 1.4 * per_lane / spec.seconds)
}
