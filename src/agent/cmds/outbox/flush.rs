//! Only the uplink, until the outbox is empty.

use super::{needs_stop, storage};
use crate::agent::{Exit, Failure, link_file};
use crate::clock::{Clock, SystemClock};
use crate::config::AgentConfig;
use crate::media::EvidenceStore;
use crate::outbox::{Outbox, OutboxHandle};
use crate::supervise::{self, Shutdown};
use crate::telemetry;
use crate::uplink::{self, LinkStatus};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Between two lines of progress.
const TICK: Duration = Duration::from_millis(250);
const WIDTH: u64 = 30;
const LAST_NOTE: Duration = Duration::from_secs(3);

pub(super) fn flush(config: &AgentConfig) -> Result<ExitCode, Failure> {
    needs_stop(&config.data_dir, "flush")?;
    telemetry::start(&config.log.level).map_err(|error| Failure::new(Exit::Config, error))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let outbox = Outbox::open(&config.data_dir, &config.outbox, clock.clone()).map_err(storage)?;
    let evidence = EvidenceStore::open(&config.data_dir).map_err(|error| Failure::new(Exit::Storage, error))?;
    let internal = |error: std::io::Error| Failure::new(Exit::Internal, format!("cannot start: {error}"));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(internal)?;
    let handle = outbox.handle();
    let stop = Shutdown::default();
    let drained = runtime.block_on(async {
        let stopped = supervise::stop_signal().map_err(internal)?;
        let uplink = uplink::start(
            &config.uplink,
            uplink::Parts {
                cameras: config.camera_keys(),
                outbox: handle.clone(),
                evidence,
                clock: clock.clone(),
                shrink: crate::agent::shrink::shrink(&config.evidence),
                shutdown: stop.subscribe(),
            },
        )
        .map_err(|error| Failure::new(Exit::Config, error))?;
        let status = uplink.status.clone();
        let file =
            link_file::keep(config.data_dir.clone(), status.clone(), uplink.delivered.resubscribe(), clock.clone());
        let file = tokio::spawn(file);
        let drained = tokio::select! {
            () = until_empty(&handle, &status) => true,
            _ = stopped => false,
        };
        stop.trigger();
        let _ = uplink.task.await;
        // It ends with the uplink, once it has noted how that ended.
        let _ = tokio::time::timeout(LAST_NOTE, file).await;
        Ok::<bool, Failure>(drained)
    })?;
    let counts = handle.counts();
    outbox.close().map_err(storage)?;
    println!("{} event(s) wait, {} quarantined, {} delivered", counts.pending, counts.quarantined, counts.delivered);
    Ok(match (drained, counts.quarantined) {
        (false, _) => Exit::Partly.into(),
        (true, 0) => ExitCode::SUCCESS,
        (true, _) => Exit::Quarantined.into(),
    })
}

/// Shows progress to a person who watches.
async fn until_empty(outbox: &OutboxHandle, status: &watch::Receiver<LinkStatus>) {
    let mut counts = outbox.watch();
    let total = counts.borrow().pending;
    let watched = std::io::stderr().is_terminal();
    loop {
        let pending = counts.borrow_and_update().pending;
        if watched {
            show(total.max(pending), pending, &status.borrow());
        }
        if pending == 0 {
            break;
        }
        // Told of each change, but a person need not see each.
        let _ = tokio::time::timeout(TICK, counts.wait_for(|counts| counts.pending == 0)).await;
    }
    if watched {
        eprintln!();
    }
}

fn show(total: u64, pending: u64, status: &LinkStatus) {
    let done = total - pending;
    let filled = (done * WIDTH).checked_div(total).unwrap_or(WIDTH);
    let bar: String = (0..WIDTH).map(|at| if at < filled { '#' } else { '.' }).collect();
    let trouble: String = status.trouble.as_deref().unwrap_or_default().chars().take(60).collect();
    eprint!("\r\x1b[K[{bar}] {done}/{total}  {}  {trouble}", status.link.as_str());
    let _ = std::io::stderr().flush();
}
