//! `lpr-server token create | code | list | revoke`, also while the server runs.

use super::who::Role;
use super::{code, token};
use crate::clock::{Clock, SystemClock};
use crate::config::{ServerConfig, parse_camera};
use crate::domain::CameraKey;
use crate::exit::{Exit, Failure};
use crate::server::serve;
use crate::server::store::{AuditRow, CodeRow, StoreError, TokenFile, TokenRow};
use crate::wire::timestamp;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Longest name of a token.
const MOST_NAME_CHARS: usize = 64;

#[derive(Debug, clap::Args)]
pub struct Command {
    #[command(subcommand)]
    action: Action,
    /// The configuration; without it the defaults hold
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Where the server's database lives, instead of the configured folder
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a token; it is shown once, on standard output
    Create {
        /// device brings events of its cameras, viewer reads, admin may everything
        #[arg(long, value_parser = ["device", "viewer", "admin"])]
        role: String,
        /// A camera that the device may write; may be given several times
        #[arg(long = "camera", value_name = "CHECKPOINT/CAMERA", value_parser = camera)]
        cameras: Vec<CameraKey>,
        /// Whose it is: a device, a person
        #[arg(long)]
        name: String,
    },
    /// Make a code with which a device fetches its token, once: lpr-agent provision --server URL --code CODE
    Code {
        /// A camera that the device may write; may be given several times
        #[arg(long = "camera", value_name = "CHECKPOINT/CAMERA", value_parser = camera, required = true)]
        cameras: Vec<CameraKey>,
        /// Whose it is: the device
        #[arg(long)]
        name: String,
        /// Minutes until it is over, if it was not used
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_080))]
        minutes: u32,
    },
    /// Show every token but its secret
    List,
    /// Take a token back; its connections are closed within 5 s
    Revoke {
        /// As `list` shows it
        id: String,
    },
}

fn camera(text: &str) -> Result<CameraKey, String> {
    parse_camera(text).ok_or_else(|| "write it as CHECKPOINT/CAMERA, e.g. checkpoint_001/camera_001".into())
}

impl Command {
    /// The configuration with what the command line says on top.
    pub fn configuration(&self) -> Result<ServerConfig, Failure> {
        serve::configuration(self.config.as_deref(), self.data_dir.as_deref())
    }
}

/// Does it; what it prints is for standard output.
pub fn execute(command: &Command, config: &ServerConfig) -> Result<String, Failure> {
    let path = config.data_dir.join("lpr-server.db");
    // A list of a folder that is not the server's would be empty, and say nothing.
    if !matches!(command.action, Action::Create { .. } | Action::Code { .. }) && !path.is_file() {
        let message =
            format!("{} is missing; name the server's folder with --data-dir, or its --config", path.display());
        return Err(Failure::new(Exit::Storage, message));
    }
    let lock = serve::try_lock(&config.data_dir)?;
    let mut file = TokenFile::open(&path, lock.is_some()).map_err(failed)?;
    let now_us = SystemClock.wall_us();
    let trail = |action: &str, what: String| AuditRow {
        at_us: now_us,
        who: "command line".into(),
        action: action.into(),
        what,
        address: "-".into(),
    };
    match &command.action {
        Action::Create { role, cameras, name } => {
            let name = checked(name, role, cameras)?;
            let fresh =
                token::make().map_err(|error| Failure::new(Exit::Internal, format!("no randomness: {error}")))?;
            let row = TokenRow {
                token_id: fresh.id.clone(),
                hash: fresh.hash.to_vec(),
                role: role.clone(),
                name: name.clone(),
                cameras: cameras.clone(),
                created_us: now_us,
                revoked_us: None,
            };
            let what = format!("{} {role} \"{name}\" {}", fresh.id, list(cameras));
            file.add(&row, &trail("token created", what.trim_end().to_owned())).map_err(failed)?;
            let folder = config.data_dir.display();
            eprintln!(
                "token {} of the role {role} for \"{name}\", of the server in {folder}; it is shown only now:",
                fresh.id
            );
            Ok(format!("{}\n", fresh.text.reveal()))
        }
        Action::Code { cameras, name, minutes } => {
            let name = checked(name, "device", cameras)?;
            let fresh =
                code::make().map_err(|error| Failure::new(Exit::Internal, format!("no randomness: {error}")))?;
            let hash = code::hash(fresh.reveal()).unwrap_or_default().to_vec();
            let expires_us = now_us.saturating_add(i64::from(*minutes) * 60_000_000);
            let what = format!("device \"{name}\" {}, for {minutes} min", list(cameras));
            let row = CodeRow { hash, name: name.clone(), cameras: cameras.clone(), created_us: now_us, expires_us };
            file.add_code(&row, &trail("token code created", what)).map_err(failed)?;
            eprintln!("code for \"{name}\", good once and for {minutes} min; on the device:");
            eprintln!("  sudo lpr-agent provision --server URL --code CODE");
            Ok(format!("{}\n", fresh.reveal()))
        }
        Action::List => Ok(table(&file.list().map_err(failed)?)),
        Action::Revoke { id } => match file.revoke(id, &trail("token revoked", id.clone())).map_err(failed)? {
            true => Ok(format!("token {id} is revoked\n")),
            false => {
                Err(Failure::new(Exit::Config, format!("there is no token {id:?}; lpr-server token list shows all")))
            }
        },
    }
}

fn failed(error: StoreError) -> Failure {
    Failure::new(Exit::Storage, error)
}

/// The name, if the three go together.
fn checked(name: &str, role: &str, cameras: &[CameraKey]) -> Result<String, Failure> {
    let fault = |message: &str| Err(Failure::new(Exit::Config, message));
    let is_device = Role::of_token(role) == Some(Role::Device);
    let name = name.trim();
    if is_device && cameras.is_empty() {
        return fault("a token of the role device needs its cameras: --camera CHECKPOINT/CAMERA, once for each");
    }
    if !is_device && !cameras.is_empty() {
        return fault("--camera goes with --role device only; the other roles are for every camera");
    }
    if name.is_empty() || name.chars().count() > MOST_NAME_CHARS || name.chars().any(char::is_control) {
        return fault("--name must be 1 to 64 characters on one line");
    }
    Ok(name.to_owned())
}

fn list(cameras: &[CameraKey]) -> String {
    cameras.iter().map(CameraKey::to_string).collect::<Vec<_>>().join(" ")
}

fn table(rows: &[TokenRow]) -> String {
    let mut text = format!("{:<12}  {:<6}  {:<20}  {:<20}  {:<8}  cameras\n", "id", "role", "name", "created", "state");
    for row in rows {
        let created = timestamp::format(row.created_us);
        let created = created.get(..19).unwrap_or(&created);
        let state = if row.revoked_us.is_some() { "revoked" } else { "valid" };
        let cells = format!("{:<12}  {:<6}  {:<20}  {created:<20}  {state:<8}", row.token_id, row.role, row.name);
        // Writing to a text does not fail.
        let _ = writeln!(text, "{}", format!("{cells}  {}", list(&row.cameras)).trim_end());
    }
    text
}
