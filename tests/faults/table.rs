//! The table of faults. A round of each: everything runs, the fault comes, the fault goes; then a fresh event must pass,
//! the outbox must drain, and the oracle is held against the server.

use crate::oracle::Tally;
use crate::site::{Plan, Site};
use crate::{network, process, server, storage, times};
use std::path::Path;
use std::time::Duration;

/// Where the agent kills itself.
pub const AGENT_PLACES: [&str; 9] = [
    "media.file",
    "media.renamed",
    "outbox.begin",
    "outbox.commit.before",
    "outbox.commit.after",
    "outbox.settle.before",
    "outbox.settle.after",
    "uplink.sent",
    "uplink.receipt",
];
/// And the server.
pub const SERVER_PLACES: [&str; 4] =
    ["server.image.written", "server.commit.before", "server.commit.after", "server.answer.before"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    AgentKilled,
    AgentKilledAt(&'static str),
    ServerKilled,
    ServerKilledAt(&'static str),
    ServerRestarted,
    ServerEmptied,
    ServerRestored,
    Cut,
    HalfOpen,
    Stall,
    BlackHole,
    Throttle,
    Truncate,
    Latency,
    Status(u16),
    Garbage,
    WrongCertificate,
    NoSuchHost,
    DiskFull,
    OutboxFull,
    ReadOnly,
    Corrupted(Damage),
    ClockUnsynced,
    ClockSteps,
}

/// To the outbox's files, between two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    Header,
    Page,
    Wal,
    Empty,
    Garbage,
    Newer,
}

/// How a round ended.
#[derive(Debug, Clone, Default)]
pub struct Round {
    pub tally: Tally,
    pub recovery: Duration,
    pub notes: Vec<String>,
    /// What must not be.
    pub failures: Vec<String>,
    /// Why the fault could not be had here.
    pub skipped: Option<String>,
}

impl Fault {
    pub fn all() -> Vec<Self> {
        use Fault::*;
        let mut all = vec![AgentKilled, ServerKilled];
        all.extend(AGENT_PLACES.map(AgentKilledAt));
        all.extend(SERVER_PLACES.map(ServerKilledAt));
        all.extend([ServerRestarted, ServerEmptied, ServerRestored]);
        all.extend([Cut, HalfOpen, Stall, BlackHole, Throttle, Truncate, Latency]);
        all.extend([400, 401, 403, 413, 429, 500, 503].map(Status));
        all.extend([Garbage, WrongCertificate, NoSuchHost, DiskFull, OutboxFull, ReadOnly]);
        let damages = [Damage::Header, Damage::Page, Damage::Wal, Damage::Empty, Damage::Garbage, Damage::Newer];
        all.extend(damages.map(Corrupted));
        all.extend([ClockUnsynced, ClockSteps]);
        all
    }

    pub fn name(self) -> String {
        match self {
            Fault::AgentKilled => "SIGKILL agent, at random".into(),
            Fault::AgentKilledAt(place) => format!("SIGKILL agent at {place}"),
            Fault::ServerKilled => "SIGKILL server, at random".into(),
            Fault::ServerKilledAt(place) => format!("SIGKILL server at {place}"),
            Fault::ServerRestarted => "server restarted".into(),
            Fault::ServerEmptied => "server restarted, empty database".into(),
            Fault::ServerRestored => "server restored from a backup".into(),
            Fault::Cut => "network cut".into(),
            Fault::HalfOpen => "half-open".into(),
            Fault::Stall => "nothing flows".into(),
            Fault::BlackHole => "answers black-holed".into(),
            Fault::Throttle => "throttled".into(),
            Fault::Truncate => "requests truncated".into(),
            Fault::Latency => "latency and jitter".into(),
            Fault::Status(status) => format!("server answers {status}"),
            Fault::Garbage => "server answers garbage".into(),
            Fault::WrongCertificate => "TLS, wrong certificate".into(),
            Fault::NoSuchHost => "DNS failure".into(),
            Fault::DiskFull => "disk full of evidence".into(),
            Fault::OutboxFull => "disk full of events".into(),
            Fault::ReadOnly => "disk read-only".into(),
            Fault::Corrupted(damage) => format!("outbox corrupted: {damage:?}").to_lowercase(),
            Fault::ClockUnsynced => "clock set late".into(),
            Fault::ClockSteps => "clock steps by years".into(),
        }
    }

    /// Is it one of the rounds of SIGKILL?
    pub fn is_kill(self) -> bool {
        matches!(self, Fault::AgentKilled | Fault::AgentKilledAt(_) | Fault::ServerKilled | Fault::ServerKilledAt(_))
    }

    /// May committed events be counted instead of delivered?
    fn may_lose(self) -> bool {
        match self {
            Fault::DiskFull | Fault::OutboxFull => true,
            Fault::Corrupted(damage) => damage != Damage::Newer,
            _ => false,
        }
    }

    /// May the server have an event without the pictures that were committed with it?
    fn may_lose_pictures(self) -> bool {
        matches!(self, Fault::DiskFull)
    }

    fn plan(self, real_timings: bool) -> Plan {
        let figures = matches!(self, Fault::HalfOpen | Fault::ServerRestarted);
        let mut plan = Plan { real_timings: real_timings && figures, ..Plan::default() };
        match self {
            Fault::ClockUnsynced => plan.clock_script = times::UNSYNCED.into(),
            Fault::ClockSteps => plan.clock_script = times::STEPS.into(),
            Fault::DiskFull => plan.picture_bytes = 60_000,
            Fault::OutboxFull => (plan.picture_bytes, plan.rate) = (0, 600),
            _ => {}
        }
        plan
    }

    /// One round, in a folder of its own. Panics where something does not come in time.
    pub fn round(self, dir: &Path, seed: u64, real_timings: bool) -> Round {
        let mut site = Site::new(dir, seed, self.plan(real_timings));
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.play(&mut site)));
        let mut round = result.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Round { failures: vec![text.unwrap_or_else(|| "a panic".into())], ..Round::default() }
        });
        round.notes.append(&mut site.notes);
        if !round.failures.is_empty() {
            round.notes.push(site.excerpt());
        }
        round
    }

    fn play(self, site: &mut Site) -> Round {
        if let Err(why) = self.inflict(site) {
            return Round { skipped: Some(why), ..Round::default() };
        }
        let recovery = site.recovered();
        let mut failures = Vec::new();
        let mut status = site.drain();
        if matches!(self, Fault::Status(400 | 413)) && status.code() == Some(3) {
            status = process::requeue_quarantined(site);
        }
        if !status.success() {
            failures.push(format!("the agent ended with {status} after its outbox was to drain"));
        }
        let tally = site.tally();
        self.judge(&tally, &mut failures);
        match self {
            Fault::ClockUnsynced | Fault::ClockSteps => times::check(site, &mut failures),
            Fault::HalfOpen | Fault::ServerRestarted => {
                let limit = if self == Fault::HalfOpen { 10 } else { 5 };
                // Generous where the machine is shared; the report has the figure.
                if recovery > Duration::from_secs(2 * limit) {
                    failures.push(format!("data flowed again after {recovery:?}; {limit} s are wanted"));
                }
            }
            _ => {}
        }
        Round { tally, recovery, failures, ..Round::default() }
    }

    /// `Err`: it cannot be had on this machine.
    fn inflict(self, site: &mut Site) -> Result<(), String> {
        match self {
            Fault::AgentKilled => process::kill_agent(site),
            Fault::AgentKilledAt(place) => process::kill_agent_at(site, place),
            Fault::ServerKilled => process::kill_server(site),
            Fault::ServerKilledAt(place) => process::kill_server_at(site, place),
            Fault::ServerRestarted => server::restart(site),
            Fault::ServerEmptied => server::empty(site),
            Fault::ServerRestored => server::restore(site),
            Fault::Cut => network::cut(site),
            Fault::HalfOpen => network::half_open(site),
            Fault::Stall => network::stall(site),
            Fault::BlackHole => network::black_hole(site),
            Fault::Throttle => network::throttle(site),
            Fault::Truncate => network::truncate(site),
            Fault::Latency => network::latency(site),
            Fault::Status(status) => network::status(site, status),
            Fault::Garbage => network::garbage(site),
            Fault::WrongCertificate => network::wrong_certificate(site),
            Fault::NoSuchHost => network::no_such_host(site),
            Fault::DiskFull => return storage::full_of_evidence(site),
            Fault::OutboxFull => return storage::full_of_events(site),
            Fault::ReadOnly => return storage::read_only(site),
            Fault::Corrupted(damage) => storage::corrupt(site, damage),
            Fault::ClockUnsynced | Fault::ClockSteps => times::run(site),
        }
        Ok(())
    }

    fn judge(self, tally: &Tally, failures: &mut Vec<String>) {
        let mut must_be_none = |what: &str, count: u64| {
            if count > 0 {
                failures.push(format!("{count} {what}: {:?}", &tally.examples[..tally.examples.len().min(4)]));
            }
        };
        must_be_none("silently lost", tally.silently_lost);
        must_be_none("applied twice", tally.applied_twice);
        if !self.may_lose() {
            must_be_none("evicted", tally.evicted);
            must_be_none("reported lost", tally.reported_lost);
        }
        if !self.may_lose_pictures() {
            must_be_none("with missing or foreign pictures", tally.pictures_missing);
        }
        must_be_none("still quarantined", tally.quarantined);
    }
}
