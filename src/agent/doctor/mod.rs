//! `lpr-agent doctor`: what is wrong with this box, in the words of who stands before it.
//!
//! Probes measure, each on a thread of its own and with a deadline; the `judge_…` files, which are pure, say in two languages
//! what the measures mean and what to do. Everything ends within a minute, whatever hangs.

mod bundle;
#[cfg(feature = "vision")]
mod cameras;
#[cfg(feature = "vision")]
mod judge_camera;
mod judge_machine;
#[cfg(feature = "vision")]
mod judge_models;
mod judge_server;
pub mod line;
mod machine;
#[cfg(feature = "vision")]
mod models;
mod server;
#[cfg(feature = "vision")]
mod view;
mod within;

pub use bundle::{Contents, write as write_bundle};
#[cfg(feature = "vision")]
pub(super) use models::load as load_models;

use super::owner;
use crate::clock::{Clock, SystemClock};
use crate::config::{AgentConfig, ConfigError, HealthConfig, Secret};
use crate::uplink::read_token;
use line::{Check, Line, Words, words};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use within::Pending;

const MACHINE: Duration = Duration::from_secs(10);
const DISK: Duration = Duration::from_secs(15);
/// Every step has its own, shorter limit.
const SERVER: Duration = Duration::from_secs(42);

/// Where systemd shows root the credentials of the running service.
const CREDENTIAL: &str = "/run/credentials/lpr-agent.service/token";

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    pub lines: Vec<Line>,
    /// Camera and JPEG.
    pub pictures: Vec<(String, Vec<u8>)>,
}

/// Looks at everything.
pub fn examine(config: &AgentConfig) -> Report {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let target = server::Target {
        uplink: config.uplink.clone(),
        token: token(&config.uplink.token_file),
        cameras: config.camera_keys(),
        clock: clock.clone(),
    };
    #[cfg(feature = "vision")]
    let view = view::View::prepare(config, &clock);
    let mut report = Report::default();
    report.lines.push(Line::ok(Check::Config, words!("can be used", "ใช้ได้")));
    // Secrets are read; from here on nothing is made that the service could not use.
    if let Err(failure) = owner::become_owner(&config.data_dir) {
        let remedy = words!("run this with sudo", "รันคำสั่งนี้ด้วย sudo");
        report.lines.push(Line::warn(Check::Disk, Words::same(failure.to_string()), remedy));
    }
    let server = within::start("server", SERVER, move || server::ask(&target));
    let machine = machine_lines(&config.data_dir, Some(config.models.threads), config.health.clone(), clock.clone());
    let dir = config.data_dir.clone();
    let disk = within::start("disk", DISK, move || judge_machine::disk(&machine::look_at_disk(&dir)));
    let (theirs, its_clock) = (config.clone(), clock.clone());
    let outbox = within::start("outbox", DISK, move || {
        judge_machine::outbox(&machine::look_at_outbox(&theirs, its_clock.as_ref()))
    });
    #[cfg(feature = "vision")]
    let view = view.start(crate::outbox::is_held(&config.data_dir));
    report.lines.extend(or_hung(outbox, Check::Outbox, DISK));
    #[cfg(feature = "vision")]
    view.finish(&mut report);
    report.lines.extend(or_hung(machine, Check::Threads, MACHINE));
    report.lines.extend(or_hung(disk, Check::Disk, DISK));
    report.lines.extend(or_hung(server, Check::Server, SERVER));
    report
}

/// What can be said without a configuration that can be used.
pub fn examine_without(error: &ConfigError) -> Report {
    let remedy =
        || words!("correct the file; lpr-agent check-config shows the same", "แก้ไฟล์ แล้วตรวจด้วย lpr-agent check-config");
    let mut lines: Vec<Line> = match error {
        ConfigError::Faults { faults, .. } => {
            faults.iter().map(|fault| Line::fail(Check::Config, Words::same(fault.to_string()), remedy())).collect()
        }
        other => vec![Line::fail(Check::Config, Words::same(other.to_string()), remedy())],
    };
    let machine = machine_lines(Path::new("/"), None, HealthConfig::default(), Arc::new(SystemClock));
    lines.extend(or_hung(machine, Check::Memory, MACHINE));
    Report { lines, pictures: Vec::new() }
}

fn machine_lines(
    data_dir: &Path,
    threads: Option<usize>,
    health: HealthConfig,
    clock: Arc<dyn Clock>,
) -> Pending<Vec<Line>> {
    let dir = data_dir.to_owned();
    within::start("machine", MACHINE, move || {
        judge_machine::machine(&machine::look_at_machine(&dir, threads, clock.as_ref()), &health)
    })
}

fn or_hung(pending: Pending<Vec<Line>>, check: Check, limit: Duration) -> Vec<Line> {
    pending.wait().unwrap_or_else(|| vec![judge_machine::hung(check, limit.as_secs())])
}

/// The token as the service has it.
fn token(file: &str) -> Result<Secret, String> {
    let token = read_token(file).map_err(|error| error.to_string())?;
    if token.is_empty() && Path::new(CREDENTIAL).exists() {
        return read_token(CREDENTIAL).map_err(|error| error.to_string());
    }
    Ok(token)
}
