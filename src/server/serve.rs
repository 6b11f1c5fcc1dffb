//! `lpr-server serve`: opens everything, says where it listens, ends cleanly.

use super::app::App;
use super::guard;
use super::images::ImageStore;
use super::keep_alive::keep_alive;
use super::listen::{self, Certificates, Desk, Seats};
use super::retention;
use super::routes;
use super::socket::Hub;
use super::store::{Store, StoreError};
use super::{cameras, sweep, watch};
use crate::clock::SystemClock;
use crate::config::{ServerConfig, load_server};
use crate::exit::{Exit, Failure};
use crate::supervise::{self, notify};
use jiff::tz::TimeZone;
use rustix::fs::{FlockOperation, Mode, flock};
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Requests under way may take so long to end once we are told to stop, and clients by socket to take their
/// last answers.
const GRACE: Duration = Duration::from_secs(5);

/// Before that, events by socket that were begun may take so long to be answered.
const SETTLE: Duration = Duration::from_secs(3);

/// Clients may take so long of that to hang up by themselves.
const FAREWELL: Duration = Duration::from_secs(2);

/// Writers of pictures and readers of the database at a time: each has a stack, and the unit allows 256 tasks.
const BLOCKING_THREADS: usize = 128;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration; without it the defaults hold
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address and port to listen on, instead of the configured one; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Where the database and the images live, instead of the configured folder
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Args {
    /// The configuration with what the command line says on top.
    pub fn configuration(&self) -> Result<ServerConfig, Failure> {
        let mut config = configuration(self.config.as_deref(), self.data_dir.as_deref())?;
        if let Some(listen) = self.listen {
            config.listen = listen.to_string();
        }
        Ok(config)
    }
}

/// Whatever this process writes is for its own user: plates and pictures are personal, and hashes of tokens are secret.
pub fn keep_files_private() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// The configuration of any subcommand.
pub(super) fn configuration(file: Option<&Path>, data_dir: Option<&Path>) -> Result<ServerConfig, Failure> {
    let mut config = load_server(file, std::env::vars())?;
    if let Some(data_dir) = data_dir {
        config.data_dir = data_dir.to_owned();
    }
    Ok(config)
}

/// Serves until SIGTERM or SIGINT.
pub fn execute(config: ServerConfig) -> Result<(), Failure> {
    let listen: SocketAddr =
        config.listen.parse().map_err(|error| Failure::new(Exit::Config, format!("listen: {error}")))?;
    let zone = match config.timezone.as_str() {
        "" => TimeZone::system(),
        name => TimeZone::get(name).map_err(|error| Failure::new(Exit::Config, format!("timezone: {error}")))?,
    };
    let data_dir = config.data_dir.clone();
    let _lock = lock(&data_dir)?;
    let images = ImageStore::open(data_dir.join("images")).map_err(|error| unwritable(&data_dir, &error))?;
    let store = Arc::new(open_store(&data_dir)?);
    let certificates = match config.tls.is_on() {
        true => Some(Certificates::load(&config.tls).map_err(|error| Failure::new(Exit::Config, error))?),
        false => None,
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().max_blocking_threads(BLOCKING_THREADS).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Internal, format!("no threads: {error}")))?;
    let app = Arc::new(App::new(config, zone, Arc::new(SystemClock), store.clone(), images));
    guard::before_listening(&app.guard, &store, listen)?;
    let result = runtime.block_on(run(app, listen, certificates));
    runtime.shutdown_timeout(Duration::from_secs(2));
    store.close();
    result
}

/// One server a folder. The lock ends with the process.
fn lock(data_dir: &Path) -> Result<File, Failure> {
    try_lock(data_dir)?.ok_or_else(|| {
        let message = format!(
            "{} is in use by another lpr-server; stop that one or name another folder with --data-dir",
            data_dir.display()
        );
        Failure::new(Exit::Storage, message)
    })
}

/// As [`lock`]; `None` where a server has the folder.
pub(super) fn try_lock(data_dir: &Path) -> Result<Option<File>, Failure> {
    fs::create_dir_all(data_dir).map_err(|error| unwritable(data_dir, &error))?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(data_dir.join("lock"))
        .map_err(|error| unwritable(data_dir, &error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(unwritable(data_dir, &error.into())),
    }
}

fn unwritable(data_dir: &Path, error: &io::Error) -> Failure {
    let message = format!(
        "cannot write the data directory {}: {error}; make it writable for this user or name another with --data-dir",
        data_dir.display()
    );
    Failure::new(Exit::Storage, message)
}

fn open_store(data_dir: &Path) -> Result<Store, Failure> {
    let path = data_dir.join("lpr-server.db");
    Store::open(&path).map_err(|error| match error {
        StoreError::Foreign(_) | StoreError::Newer { .. } | StoreError::ReadOnly(_) | StoreError::Damaged { .. } => {
            Failure::new(Exit::Storage, error)
        }
        error => Failure::new(
            Exit::Storage,
            format!(
                "cannot open {}: {error}; look at the folder's rights and free space, or move the file away to start \
                 with an empty one",
                path.display()
            ),
        ),
    })
}

async fn run(app: Arc<App>, listen: SocketAddr, certificates: Option<Arc<Certificates>>) -> Result<(), Failure> {
    let stop = supervise::stop_signal()
        .map_err(|error| Failure::new(Exit::Internal, format!("signals cannot be caught: {error}")))?;
    let webhook = watch::Webhook::open(&app.config.webhook).map_err(|error| Failure::new(Exit::Config, error))?;
    cameras::load(&app).await.map_err(|error| Failure::new(Exit::Storage, error))?;
    let listener = TcpListener::bind(listen).await.map_err(|error| cannot_listen(listen, &error))?;
    let address = listener.local_addr().map_err(|error| cannot_listen(listen, &error))?;
    let tls = certificates.as_ref().map(Certificates::acceptor).transpose();
    let tls = tls.map_err(|error| Failure::new(Exit::Config, error))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!(%address, data_dir = %app.config.data_dir.display(), "ready");
    // For people and scripts: the one line on standard output. Nobody has to listen.
    let _ = writeln!(io::stdout(), "lpr-server: listening on {scheme}://{address}");

    // After READY: neither may keep the agents waiting.
    tokio::spawn(sweep::run(app.store.clone(), app.images.clone(), app.now_us()));
    tokio::spawn(inspect(app.store.clone()));
    notify::say(&format!("READY=1\nSTATUS=listening on {address}"));
    tokio::spawn(keep_alive(app.store.clone()));
    tokio::spawn(retention::run(app.clone()));

    let hub = Arc::new(Hub::default());
    tokio::spawn(guard::keep(app.clone(), hub.clone()));
    tokio::spawn(cameras::run(app.clone(), hub.clone()));
    let delivering = webhook.map(|webhook| tokio::spawn(webhook.run(app.clone())));
    if let Some(certificates) = certificates {
        tokio::spawn(listen::watch_certificates(certificates));
    }
    listen::make_room(app.config.limits.connections);
    let seats = Seats::new(app.config.limits.connections, app.config.limits.connections_per_address);
    let (told, stopping) = tokio::sync::watch::channel(false);
    let desk = Desk { router: routes::router(app.clone(), hub.clone()), tls, stop: stopping };
    let serving = tokio::spawn(listen::serve(listener, seats, desk));
    stop.await;
    tracing::info!("stopping");
    notify::say("STOPPING=1");
    let _ = told.send(true);
    app.stop();
    hub.settle(SETTLE).await;
    // What is cut off here was not confirmed, and is sent again at the next start.
    if let Some(delivering) = delivering {
        delivering.abort();
    }
    let ending = async { tokio::join!(serving, hub.part(FAREWELL)).0 };
    match tokio::time::timeout(GRACE, ending).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(Failure::new(Exit::Internal, format!("the listener ended: {error}"))),
        Err(_) => tracing::warn!("some requests or sockets did not end in time; they are cut off"),
    }
    app.guard.flush(&app.store).await;
    Ok(())
}

/// Looks the whole database over once. A damaged one goes on serving what it can: events that it cannot keep are
/// answered `unavailable`, and stay with their agents.
async fn inspect(store: Arc<Store>) {
    match store.inspect().await {
        Ok(None) => tracing::debug!("the database is whole"),
        Ok(Some(damage)) => tracing::error!(damage, "the database is damaged; put a backup in its place"),
        Err(error) => tracing::error!(%error, "the database could not be looked over"),
    }
}

fn cannot_listen(listen: SocketAddr, error: &io::Error) -> Failure {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => "another program has it; stop that one or choose another with --listen ADDR:PORT",
        io::ErrorKind::PermissionDenied => "ports below 1024 need rights; choose another with --listen ADDR:PORT",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address; choose another with --listen ADDR:PORT",
        _ => "choose another with --listen ADDR:PORT",
    };
    Failure::new(Exit::Listen, format!("cannot listen on {listen}: {error}; {remedy}"))
}
