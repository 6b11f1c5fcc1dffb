//! One round's place: a server, a proxy and an agent of its own, in a folder of their own.

use crate::common;
use crate::fault_proxy::FaultProxy;
use crate::oracle::{Oracle, Stored, Tally, tally};
use crate::split_mix::SplitMix;
use lpr::clock::{Clock, SystemClock};
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// For everything that a round waits for; generous, since machines are slow and rounds run side by side.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Milliseconds since boot: the clock of the oracle file.
pub fn now_ms() -> u64 {
    SystemClock.monotonic().as_millis() as u64
}

/// When and for how long something happens in a round.
pub struct Rng(SplitMix);

impl Rng {
    pub fn seeded(seed: u64) -> Self {
        Self(SplitMix(seed))
    }

    /// From `from` up to, not including, `to`.
    pub fn range(&mut self, from: u64, to: u64) -> u64 {
        from + self.0.next() % (to - from)
    }

    pub fn ms(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.range(from, to))
    }
}

/// The test's own variables are no configuration.
pub fn without_our_variables(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LPR_")) {
        command.env_remove(name);
    }
    command
}

/// A running program whose standard error goes to a file; killed when dropped.
pub struct Program {
    child: Child,
}

impl Program {
    /// `kill_at`: the place where it kills itself, `name:n`; empty: nowhere.
    fn start(command: &mut Command, log: &Path, kill_at: &str) -> Self {
        let log = OpenOptions::new().create(true).append(true).open(log).unwrap();
        command.stdin(Stdio::piped()).stderr(log);
        without_our_variables(command);
        if !kill_at.is_empty() {
            command.env("LPR_KILL_AT", kill_at);
        }
        Self { child: command.spawn().unwrap() }
    }

    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    fn wait(&mut self, what: &str, limit: Duration) -> ExitStatus {
        common::wait_for(what, limit, || self.has_ended())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What differs between rounds.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The link's own waiting times and the configuration's defaults, as in the field; else short ones.
    pub real_timings: bool,
    /// Events a second.
    pub rate: u32,
    pub picture_bytes: usize,
    pub clock_script: String,
    /// More lines of `[uplink]` and `[outbox]`.
    pub uplink: String,
    pub outbox: String,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            real_timings: false,
            rate: 40,
            picture_bytes: 6_000,
            clock_script: String::new(),
            uplink: String::new(),
            outbox: String::new(),
        }
    }
}

pub struct Site {
    pub dir: PathBuf,
    pub rng: Rng,
    pub plan: Plan,
    pub proxy: FaultProxy,
    pub server: Option<Program>,
    pub agent: Option<Program>,
    server_address: SocketAddr,
    /// When the fault was over.
    pub healed_ms: u64,
    /// `None`: the proxy's.
    pub server_url: Option<String>,
    pub notes: Vec<String>,
    /// Undone after the programs have ended.
    pub guards: Vec<Box<dyn std::any::Any>>,
}

impl Site {
    pub fn new(dir: &Path, seed: u64, plan: Plan) -> Self {
        fs::create_dir_all(dir).unwrap();
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        Self {
            dir: dir.to_owned(),
            rng: Rng::seeded(seed),
            plan,
            proxy: FaultProxy::start(nowhere),
            server: None,
            agent: None,
            server_address: nowhere,
            healed_ms: 0,
            server_url: None,
            notes: Vec::new(),
            guards: Vec::new(),
        }
    }

    pub fn agent_data(&self) -> PathBuf {
        self.dir.join("agent")
    }

    pub fn server_data(&self) -> PathBuf {
        self.dir.join("server")
    }

    pub fn outbox_db(&self) -> PathBuf {
        self.agent_data().join("outbox.db")
    }

    pub fn config_path(&self) -> PathBuf {
        self.dir.join("agent.toml")
    }

    pub fn agent_log(&self) -> String {
        fs::read_to_string(self.dir.join("agent.log")).unwrap_or_default()
    }

    // --- the server ---

    pub fn start_server(&mut self) {
        self.start_server_to_die("");
    }

    /// With `place` the server kills itself there (`name:n`).
    pub fn start_server_to_die(&mut self, place: &str) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lpr-server"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(self.server_data());
        command.env("LPR_SERVER_MAX_RECORDS", "100000").stdout(Stdio::piped());
        let mut server = Program::start(&mut command, &self.dir.join("server.log"), place);
        let mut line = String::new();
        BufReader::new(server.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit_once("http://").unwrap_or_else(|| panic!("the server says \"{line}\"")).1;
        self.server_address = address.parse().unwrap();
        self.proxy.set_upstream(self.server_address);
        self.server = Some(server);
    }

    pub fn kill_server(&mut self) {
        self.server.take().unwrap().kill();
    }

    pub fn stop_server(&mut self) {
        let mut server = self.server.take().unwrap();
        server.signal("TERM");
        server.wait("the server's end", PATIENCE);
    }

    pub fn wait_for_servers_death(&mut self) {
        let server = self.server.as_mut().unwrap();
        server.wait("the server's death at the kill point", PATIENCE);
        self.server = None;
    }

    // --- the agent ---

    fn write_config(&self) {
        let proxy = format!("http://{}", self.proxy.address);
        let url = self.server_url.as_deref().unwrap_or(&proxy);
        let times = if self.plan.real_timings { "" } else { "connect_timeout_s = 2.0\nanswer_timeout_s = 2.0\n" };
        let cameras: String =
            (1..=3).map(|n| format!("[[camera]]\nid = \"cam-{n}\"\nsource = \"sim:seed={n}\"\n")).collect();
        let text = format!(
            "data_dir = \"{}\"\n{cameras}[outbox]\n{}[uplink]\nserver_url = \"{url}\"\n{times}{}",
            self.agent_data().display(),
            self.plan.outbox,
            self.plan.uplink,
        );
        fs::write(self.config_path(), text).unwrap();
    }

    fn agent_command(&self) -> Command {
        self.write_config();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lpr-event-source"));
        command.arg("--config").arg(self.config_path()).arg("--oracle").arg(self.dir.join("oracle"));
        command.args(["--rate", &self.plan.rate.to_string(), "--clock-script", &self.plan.clock_script]);
        command.args(["--picture-bytes", &self.plan.picture_bytes.to_string(), "--while-stdin", "--until-drained"]);
        if !self.plan.real_timings {
            command.arg("--fast");
        }
        command.stdout(Stdio::null());
        command
    }

    pub fn start_agent(&mut self) {
        let before = self.oracle().ready.len();
        self.start_agent_to_die("");
        self.wait("the agent's start", |oracle| oracle.ready.len() > before);
    }

    /// With `place` the agent kills itself there (`name:n`).
    pub fn start_agent_to_die(&mut self, place: &str) {
        let mut command = self.agent_command();
        self.agent = Some(Program::start(&mut command, &self.dir.join("agent.log"), place));
    }

    pub fn kill_agent(&mut self) {
        self.agent.take().unwrap().kill();
    }

    /// SIGTERM, as systemd stops it.
    pub fn stop_agent(&mut self) {
        let mut agent = self.agent.take().unwrap();
        agent.signal("TERM");
        let status = agent.wait("the agent's end after SIGTERM", PATIENCE);
        assert!(status.success(), "the agent stopped with {status}");
    }

    /// Waits until it ends by itself.
    pub fn wait_for_agents_end(&mut self, what: &str) -> ExitStatus {
        let status = self.agent.as_mut().unwrap().wait(what, PATIENCE);
        self.agent = None;
        status
    }

    /// No more events: the agent ends once the server has confirmed all.
    pub fn drain(&mut self) -> ExitStatus {
        drop(self.agent.as_mut().unwrap().child.stdin.take());
        self.wait_for_agents_end("the agent's end with an empty outbox")
    }

    // --- waiting and judging ---

    pub fn oracle(&self) -> Oracle {
        Oracle::read(&self.dir.join("oracle"))
    }

    /// Waits until the oracle file says so; the agent must be alive meanwhile.
    pub fn wait(&mut self, what: &str, told: impl Fn(&Oracle) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !told(&self.oracle()) {
            if let Some(agent) = &mut self.agent
                && let Some(status) = agent.has_ended()
            {
                panic!("the agent ended with {status} before {what}");
            }
            assert!(Instant::now() < until, "gave up after {PATIENCE:?} waiting for {what}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Server and agent are up and events flow.
    pub fn start(&mut self) {
        self.start_server();
        self.start_agent();
        self.wait("the first deliveries", |oracle| oracle.deliveries(0).len() >= 10);
    }

    /// The time of a fault: the one thing that is not waited for by a condition.
    pub fn last(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    /// The fault is over.
    pub fn healed(&mut self) {
        self.healed_ms = now_ms();
    }

    /// A fresh event passes; gives how long after the end of the fault the first one was confirmed.
    pub fn recovered(&mut self) -> Duration {
        let healed = self.healed_ms;
        self.wait("a fresh event's delivery", |oracle| oracle.fresh_delivered(healed).is_some());
        Duration::from_millis(self.oracle().fresh_delivered(healed).unwrap() - healed)
    }

    /// What the server has, by REST and, for health reports, from its database.
    pub fn stored(&self) -> Stored {
        let url = format!("http://{}/api/records?limit=0", self.server_address);
        let answer = common::get_json(&url);
        assert_eq!(answer["total_count"], answer["returned_count"], "too many events for one round");
        let records = answer["records"].as_array().unwrap().clone();
        Stored::new(records, column(&self.server_data().join("lpr-server.db"), "SELECT body FROM health"))
    }

    pub fn quarantined(&self) -> Vec<String> {
        let rows = text_column(&self.outbox_db(), "SELECT hex(event_id) FROM event WHERE lane = 9");
        let oracle = self.oracle();
        let ids = rows.iter().map(|hex| hex.parse::<uuid::Uuid>().unwrap().to_string());
        ids.filter(|id| oracle.events.contains_key(id)).collect()
    }

    /// Events that the agent has given up, by its own count.
    pub fn given_up(&self) -> u64 {
        let rows = text_column(&self.outbox_db(), "SELECT CAST(count AS TEXT) FROM evicted WHERE kind <> 'picture'");
        rows.iter().map(|count| count.parse::<u64>().unwrap()).sum()
    }

    pub fn tally(&self) -> Tally {
        tally(&self.oracle(), &self.stored(), &self.quarantined())
    }

    /// The last lines of both logs, for a round that failed.
    pub fn excerpt(&self) -> String {
        let tail = |name: &str| {
            let text = fs::read_to_string(self.dir.join(name)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            format!("--- {name}\n{}\n", lines[lines.len().saturating_sub(25)..].join("\n"))
        };
        tail("agent.log") + &tail("server.log")
    }
}

fn text_column(db: &Path, sql: &str) -> Vec<String> {
    if !db.exists() {
        return Vec::new();
    }
    let connection = Connection::open_with_flags(db, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    let mut query = connection.prepare(sql).unwrap();
    query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn column(db: &Path, sql: &str) -> Vec<serde_json::Value> {
    text_column(db, sql).iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}

/// A copy of a folder whose program is not running.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Changes bytes of a file in place.
pub fn flip(path: &Path, at: u64, count: usize) {
    use std::os::unix::fs::FileExt;
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut bytes = vec![0; count];
    file.read_exact_at(&mut bytes, at).unwrap();
    bytes.iter_mut().for_each(|byte| *byte ^= 0xa5);
    file.write_all_at(&bytes, at).unwrap();
}
