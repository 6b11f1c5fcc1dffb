//! Which road to use, and when to try the other: a machine without sockets or clocks (DESIGN 5). The driver tells it
//! what happened and at what time; it says what to do.

use crate::config::Transport;
use std::time::Duration;

/// Every waiting time of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// Between attempts to connect the socket: full jitter between the first and a doubling limit, up to the second.
    pub probe: (Duration, Duration),
    /// The same while neither road works.
    pub down: (Duration, Duration),
    /// A socket must have been up this long before it takes over from REST.
    pub stable: Duration,
    /// And REST must have been in use this long.
    pub dwell: Duration,
    /// After the server refused our credentials.
    pub auth_pause: Duration,
    /// A row that the server has trouble with is set aside: for twice the first at once, doubling up to the second.
    pub aside: (Duration, Duration),
    /// After the server refused everything that it was sent.
    pub breaker: Duration,
    /// With an event in flight, a socket that says nothing at all for so long is dead.
    pub silence: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            probe: (seconds(1), seconds(300)),
            down: (seconds(1), seconds(60)),
            stable: seconds(10),
            dwell: seconds(30),
            auth_pause: seconds(60),
            aside: (seconds(1), seconds(600)),
            breaker: seconds(60),
            // With what REST then takes, data flows again within ten seconds.
            silence: seconds(5),
        }
    }
}

/// What is in use. Times are monotonic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The socket is being tried for the first time; nothing is sent.
    Probing,
    /// Events go by the socket of this generation.
    Socket { generation: u64, since: Duration },
    /// Events go by REST. `proven`: it has worked since the last sign that it might not.
    Rest { since: Duration, proven: bool },
    /// Neither works.
    Down { until: Duration },
    /// Our credentials are refused.
    AuthPaused { until: Duration },
}

/// The socket's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    Waiting {
        until: Duration,
    },
    Connecting,
    /// Connected and registered.
    Up {
        since: Duration,
    },
}

/// The machine.
#[derive(Debug, Clone)]
pub struct LinkMachine {
    timings: Timings,
    transport: Transport,
    mode: Mode,
    attempt: Attempt,
    /// Of the newest attempt; what older ones report is ignored.
    generation: u64,
    socket_failures: u32,
    /// Proofs that failed in succession: no server there.
    absences: u32,
    /// Events that failed by REST since the last one that had an answer of its own: a server that is there, and broken.
    rest_failures: u32,
    /// Times in succession that the server asked us to wait and did not say how long.
    busy: u32,
    /// The server asked us to wait.
    hold_until: Duration,
}

impl LinkMachine {
    /// At start the socket is the first choice, unless it is ruled out.
    pub fn new(transport: Transport, timings: Timings, now: Duration) -> Self {
        Self {
            timings,
            transport,
            mode: if transport == Transport::Rest { Mode::Rest { since: now, proven: false } } else { Mode::Probing },
            attempt: Attempt::Waiting { until: now },
            generation: 0,
            socket_failures: 0,
            absences: 0,
            rest_failures: 0,
            busy: 0,
            hold_until: Duration::ZERO,
        }
    }

    pub fn timings(&self) -> &Timings {
        &self.timings
    }

    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// May an event be sent now, by the road that [`LinkMachine::mode`] names?
    pub fn may_send(&self, now: Duration) -> bool {
        matches!(self.mode, Mode::Socket { .. } | Mode::Rest { .. }) && now >= self.hold_until
    }

    /// The generation whose socket is to be kept open; any other is to be closed.
    pub fn live(&self) -> Option<u64> {
        matches!(self.attempt, Attempt::Up { .. }).then_some(self.generation)
    }

    /// Lets time pass. `Some`: start an attempt to connect with this generation.
    pub fn poll(&mut self, now: Duration) -> Option<u64> {
        match self.mode {
            Mode::Down { until } if until <= now && self.transport != Transport::Socketio => self.enter_rest(now),
            Mode::AuthPaused { until } if until <= now => {
                let fresh = Self::new(self.transport, self.timings, now);
                *self = Self { generation: self.generation, hold_until: self.hold_until, ..fresh };
            }
            Mode::Rest { since, .. } => {
                if let Attempt::Up { since: up } = self.attempt
                    && now >= up + self.timings.stable
                    && now >= since + self.timings.dwell
                {
                    self.use_socket(now);
                }
            }
            _ => {}
        }
        let due = matches!(self.attempt, Attempt::Waiting { until } if until <= now);
        if !due || self.transport == Transport::Rest || matches!(self.mode, Mode::AuthPaused { .. }) {
            return None;
        }
        self.generation += 1;
        self.attempt = Attempt::Connecting;
        Some(self.generation)
    }

    /// When [`LinkMachine::poll`] or [`LinkMachine::may_send`] will say something new without anything happening.
    pub fn wake_at(&self, now: Duration) -> Option<Duration> {
        let mode = match (self.mode, self.attempt) {
            (Mode::Down { until }, _) if self.transport != Transport::Socketio => Some(until),
            (Mode::AuthPaused { until }, _) => Some(until),
            (Mode::Rest { since, .. }, Attempt::Up { since: up }) => {
                Some((up + self.timings.stable).max(since + self.timings.dwell))
            }
            _ => None,
        };
        let attempt = match (self.mode, self.attempt) {
            (Mode::AuthPaused { .. }, _) => None,
            (_, Attempt::Waiting { until }) if self.transport != Transport::Rest => Some(until),
            _ => None,
        };
        let hold = (self.hold_until > now).then_some(self.hold_until);
        [mode, attempt, hold].into_iter().flatten().min()
    }

    /// Is this the newest attempt, still under way?
    pub fn expects(&self, generation: u64) -> bool {
        generation == self.generation && self.attempt == Attempt::Connecting
    }

    /// The attempt ended well: connected and registered. `false`: it is an old one's; close it.
    pub fn connected(&mut self, generation: u64, now: Duration) -> bool {
        if !self.expects(generation) {
            return false;
        }
        self.attempt = Attempt::Up { since: now };
        // REST works: no hurry. In every other mode this is the only road there is.
        if !matches!(self.mode, Mode::Rest { .. }) {
            self.use_socket(now);
        }
        true
    }

    /// The attempt failed, or the socket broke, or an event sent by it stayed without an answer. `jitter` is 0–1.
    pub fn socket_failed(&mut self, generation: u64, now: Duration, jitter: f64) {
        if generation != self.generation || matches!(self.attempt, Attempt::Waiting { .. }) {
            return;
        }
        let lasted = matches!(self.attempt, Attempt::Up { since } if now >= since + self.timings.stable);
        self.socket_failures = if lasted { 1 } else { self.socket_failures.saturating_add(1) };
        // Without REST nothing is delivered meanwhile.
        let waits = if self.transport == Transport::Socketio { self.timings.down } else { self.timings.probe };
        let until = now + backoff(waits, self.socket_failures, jitter);
        self.attempt = Attempt::Waiting { until };
        match self.mode {
            Mode::Probing | Mode::Socket { .. } if self.transport == Transport::Auto => self.enter_rest(now),
            Mode::Probing | Mode::Socket { .. } | Mode::Down { .. } if self.transport == Transport::Socketio => {
                self.mode = Mode::Down { until };
            }
            // The server may be gone altogether: ask before the next event.
            Mode::Rest { since, .. } => self.mode = Mode::Rest { since, proven: false },
            _ => {}
        }
    }

    /// The refusal said how long the next attempt is to wait at the least.
    pub fn socket_waits(&mut self, wait: Duration, now: Duration) {
        if let Attempt::Waiting { until } = &mut self.attempt {
            *until = (*until).max(now + wait);
        }
    }

    /// A server is there: events may be trusted to REST. Whether it takes any remains to be seen.
    pub fn rest_proven(&mut self, now: Duration) {
        let Mode::Rest { since, .. } = self.mode else { return };
        self.mode = Mode::Rest { since, proven: true };
        if std::mem::take(&mut self.absences) > 0 {
            self.socket_soon(now);
        }
    }

    /// An event by REST had an answer of its own.
    pub fn rest_worked(&mut self, now: Duration) {
        let Mode::Rest { since, .. } = self.mode else { return };
        self.mode = Mode::Rest { since, proven: true };
        if std::mem::take(&mut self.rest_failures) > 0 {
            self.socket_soon(now);
        }
    }

    /// The server is back: its socket may be as well.
    fn socket_soon(&mut self, now: Duration) {
        if let Attempt::Waiting { until } = &mut self.attempt {
            *until = (*until).min(now + self.timings.probe.0);
            self.socket_failures = 0;
        }
    }

    /// Proofs that failed in succession.
    pub fn absences(&self) -> u32 {
        self.absences
    }

    /// No server can be reached by REST. `refused`: its machine says so itself, which costs next to nothing to ask
    /// again. `jitter` is 0–1.
    pub fn proof_failed(&mut self, now: Duration, refused: bool, jitter: f64) {
        self.absences = self.absences.saturating_add(1);
        let absences = if refused { self.absences.min(1) } else { self.absences };
        self.rest_down(now, absences.max(self.rest_failures), jitter);
    }

    /// REST does not work though a server is there: network, time-out, 5xx, a stranger's answer. `jitter` is 0–1.
    pub fn rest_failed(&mut self, now: Duration, jitter: f64) {
        if matches!(self.mode, Mode::Rest { .. }) {
            self.rest_failures = self.rest_failures.saturating_add(1);
        }
        self.rest_down(now, self.rest_failures.max(self.absences), jitter);
    }

    fn rest_down(&mut self, now: Duration, failures: u32, jitter: f64) {
        if !matches!(self.mode, Mode::Rest { .. }) {
            return;
        }
        if matches!(self.attempt, Attempt::Up { .. }) {
            return self.use_socket(now);
        }
        self.mode = Mode::Down { until: now + backoff(self.timings.down, patience(failures), jitter) };
    }

    /// The server is there and asks us to wait (429, 503): nothing is sent for `wait`, or, when it named none, for a
    /// time that doubles while it accepts nothing. A longer wait of before stays.
    pub fn hold(&mut self, now: Duration, wait: Option<Duration>) {
        let (least, most) = self.timings.down;
        let wait = wait.unwrap_or_else(|| {
            self.busy = self.busy.saturating_add(1);
            (least * 5).saturating_mul(1 << (self.busy - 1).min(10)).min(most)
        });
        self.hold_until = self.hold_until.max(now + wait.max(least));
    }

    /// The server has taken an event.
    pub fn accepted(&mut self) {
        self.busy = 0;
    }

    /// The server refuses every event: nothing is sent for a while. `true`: that is news.
    pub fn refuses_all(&mut self, now: Duration) -> bool {
        let news = now >= self.hold_until;
        self.hold(now, Some(self.timings.breaker));
        news
    }

    /// The server refuses our credentials on the connection (401, 403): both roads are the same to it. `true`: that is
    /// news.
    pub fn auth_refused(&mut self, now: Duration) -> bool {
        let news = !matches!(self.mode, Mode::AuthPaused { .. });
        // What is under way ends as an old generation.
        self.generation += 1;
        self.attempt = Attempt::Waiting { until: now + self.timings.auth_pause };
        self.mode = Mode::AuthPaused { until: now + self.timings.auth_pause };
        news
    }

    fn use_socket(&mut self, now: Duration) {
        self.mode = Mode::Socket { generation: self.generation, since: now };
        (self.absences, self.rest_failures) = (0, 0);
    }

    fn enter_rest(&mut self, now: Duration) {
        self.mode = Mode::Rest { since: now, proven: false };
    }
}

/// Doublings of the wait while both roads are down. The first waits stay short, so that a server that is only restarted
/// has its events within seconds.
fn patience(failures: u32) -> u32 {
    const SHORT: u32 = 8;
    if failures <= SHORT { failures.min(2) } else { failures - SHORT + 2 }
}

/// Full jitter: anything from the minimum to a limit that doubles with each failure, up to the maximum.
fn backoff((min, max): (Duration, Duration), failures: u32, jitter: f64) -> Duration {
    let doublings = failures.min(20);
    let limit = min.saturating_mul(1 << doublings).min(max);
    let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.5 };
    min + limit.saturating_sub(min).mul_f64(jitter)
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
