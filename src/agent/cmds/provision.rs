//! `lpr-agent provision`: fetches this device's token from the server with a code that an admin made, and puts both into the
//! configuration.

use crate::agent::edit_config::set_texts;
use crate::agent::replace_file::{rewrite, sync_folder};
use crate::agent::{Exit, Failure};
use crate::config::{AgentConfig, Secret, agent_from, is_plain_to_another_machine};
use crate::uplink::rest::{Response, RestClient};
use crate::uplink::{Endpoint, TlsFiles};
use crate::wire::answer::Answer;
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// For a connection, and for the answer.
const LIMIT: Duration = Duration::from_secs(15);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The server, e.g. https://control.example:8765
    #[arg(long, value_name = "URL")]
    server: String,
    /// The code: lpr-server token code makes one
    #[arg(long, value_name = "CODE")]
    code: String,
    /// The configuration to change
    #[arg(long, value_name = "FILE", default_value = "/etc/lpr-agent/agent.toml")]
    config: PathBuf,
    /// Where the token is kept; without it, the file `token` beside the configuration
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// PEM file with the only authorities that may vouch for the server
    #[arg(long, value_name = "FILE", default_value = "")]
    ca_file: String,
    /// The token may cross the network in the clear: inside a VPN only
    #[arg(long)]
    allow_insecure: bool,
}

pub fn execute(args: &Args) -> Result<ExitCode, Failure> {
    let refused = |message: String| Failure::new(Exit::Config, message);
    let unreadable = |error: io::Error| refused(format!("cannot read {}: {error}", args.config.display()));
    let file = fs::read_to_string(&args.config).map_err(unreadable)?;
    let token_file = match &args.token_file {
        Some(path) => path.clone(),
        None => args.config.parent().unwrap_or(Path::new(".")).join("token"),
    };
    // Everything that can fail does so before the code is used: it is good only once.
    let changed = changed(&file, args, &token_file).map_err(|reason| {
        refused(format!("{} cannot be changed: {reason}; correct it first", args.config.display()))
    })?;
    let config = agent_from(&changed, &args.config.display().to_string(), std::env::vars())?;
    let owner = owner_of(&config.data_dir);
    let trial = Written::new(&token_file, owner).map_err(|error| unwritable(&token_file, &error))?;
    let fetched = fetch(args)?;
    trial.finish(fetched.token.reveal()).map_err(|error| unwritable(&token_file, &error))?;
    rewrite(&args.config, &changed).map_err(|error| unwritable(&args.config, &error))?;
    println!("{}: token {} is in {}", fetched.name, fetched.token_id, token_file.display());
    println!("{} has uplink.server_url and uplink.token_file", args.config.display());
    println!("restart the service: sudo systemctl restart lpr-agent");
    Ok(strangers(&config, &fetched.cameras))
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Storage, format!("cannot write {}: {error}; run this with sudo", path.display()))
}

fn changed(file: &str, args: &Args, token_file: &Path) -> Result<String, String> {
    if !args.allow_insecure && is_plain_to_another_machine(&args.server) {
        return Err("--server is not encrypted; use https://, or say --allow-insecure inside a VPN".into());
    }
    let token_file = token_file.display().to_string();
    let mut texts = vec![("uplink", "server_url", args.server.as_str()), ("uplink", "token_file", token_file.as_str())];
    if !args.ca_file.is_empty() {
        texts.push(("uplink", "ca_file", args.ca_file.as_str()));
    }
    set_texts(file, &texts)
}

/// What the server gave.
struct Fetched {
    token: Secret,
    token_id: String,
    name: String,
    /// `CHECKPOINT/CAMERA`.
    cameras: Vec<String>,
}

fn fetch(args: &Args) -> Result<Fetched, Failure> {
    let config = |error: crate::uplink::UplinkError| Failure::new(Exit::Config, error);
    let endpoint = Endpoint::parse(&args.server).map_err(config)?;
    let tls = TlsFiles { ca: args.ca_file.clone(), ..TlsFiles::default() }.connector().map_err(config)?;
    let rest = RestClient::new(endpoint.clone(), Secret::default(), LIMIT, LIMIT, tls).map_err(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, format!("the runtime cannot be started: {error}")))?;
    let answer = runtime.block_on(rest.post("/api/provision", &json!({"code": args.code})));
    let response = answer.map_err(|reason| {
        Failure::new(Exit::Server, format!("{endpoint} cannot be reached: {reason}; see lpr-agent doctor"))
    })?;
    read(&response).ok_or_else(|| {
        let reason = Answer::parse(&response.body).reason();
        Failure::new(Exit::Server, format!("{endpoint} gives no token (HTTP {}): {reason}", response.status))
    })
}

fn read(response: &Response) -> Option<Fetched> {
    let body = &response.body;
    let text = |key: &str| body[key].as_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
    let camera =
        |camera: &Value| Some(format!("{}/{}", camera["checkpoint_id"].as_str()?, camera["camera_id"].as_str()?));
    (response.status == 200).then_some(())?;
    Some(Fetched {
        token: Secret::new(text("token").filter(|token| !token.is_empty())?),
        token_id: text("token_id").unwrap_or("-").to_owned(),
        name: body["name"].as_str().unwrap_or("-").chars().filter(|c| !c.is_control()).take(64).collect(),
        cameras: body["cameras"].as_array().into_iter().flatten().filter_map(camera).collect(),
    })
}

/// Cameras of ours that the token is not for are said now: the server would refuse their events.
fn strangers(config: &AgentConfig, allowed: &[String]) -> ExitCode {
    let keys = config.camera_keys().into_iter().map(|key| key.to_string());
    let strangers: Vec<String> = keys.filter(|key| !allowed.contains(key)).collect();
    if strangers.is_empty() {
        return ExitCode::SUCCESS;
    }
    let (ours, theirs) = (strangers.join(", "), allowed.join(", "));
    eprintln!(
        "lpr-agent: the token is for {theirs}, not for {ours}: correct camera_id and checkpoint_id, or ask for another code"
    );
    Exit::Partly.into()
}

/// Who the service runs as: the owner of its data.
fn owner_of(data_dir: &Path) -> Option<(u32, u32)> {
    let dir = fs::metadata(data_dir).ok()?;
    nix::unistd::geteuid().is_root().then(|| (dir.uid(), dir.gid()))
}

/// A file of mode 0600 that takes its place when it is complete.
struct Written {
    file: fs::File,
    temporary: PathBuf,
    path: PathBuf,
}

impl Written {
    fn new(path: &Path, owner: Option<(u32, u32)>) -> io::Result<Self> {
        let temporary = path.with_extension(format!("new-{}", std::process::id()));
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        if let Some((user, group)) = owner {
            chown(&temporary, Some(user), Some(group))?;
        }
        Ok(Self { file, temporary, path: path.to_owned() })
    }

    fn finish(mut self, text: &str) -> io::Result<()> {
        writeln!(self.file, "{text}")?;
        self.file.sync_all()?;
        fs::rename(&self.temporary, &self.path)?;
        sync_folder(&self.path)
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        // Gone where it has taken its place.
        let _ = fs::remove_file(&self.temporary);
    }
}
