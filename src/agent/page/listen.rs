//! The page's port: few connections, little time for a request's head, and a port that is taken is tried again.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::net::sockopt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tracing::{debug, info, warn};

/// At once: a few people, each with a picture and what their browser asks beside it.
const CONNECTIONS: usize = 48;
/// For the head of a request, and for the next one on a connection that is kept.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
/// What is sent and not taken for so long ends the connection.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);
/// Between two tries to have the port.
const AGAIN: Duration = Duration::from_secs(10);

/// Serves until the runtime ends. The agent reads plates without its page, too: a port that cannot be had is no reason
/// to stop.
pub async fn serve(address: SocketAddr, router: Router) {
    let listener = bind(address).await;
    let seats = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // Nobody closes the semaphore.
        let Ok(seat) = seats.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    if let Err(error) = connection(stream, router).await {
                        debug!(%peer, %error, "a connection to the page broke");
                    }
                    drop(seat);
                });
            }
            Err(error) => {
                // Out of files, most likely: it must not become a busy loop.
                debug!(%error, "the page cannot accept");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn bind(address: SocketAddr) -> TcpListener {
    let mut told = false;
    loop {
        let bound = TcpListener::bind(address).await.and_then(|listener| Ok((listener.local_addr()?, listener)));
        match bound {
            Ok((address, listener)) => {
                info!(%address, "the local page is at http://{address}/");
                return listener;
            }
            Err(error) if !told => {
                told = true;
                warn!(%address, %error, "no local page yet: its address cannot be had; see page.listen");
            }
            Err(_) => {}
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn connection(stream: TcpStream, router: Router) -> io::Result<()> {
    stream.set_nodelay(true)?;
    sockopt::set_tcp_user_timeout(&stream, TAKEN_WITHIN.as_millis() as u32)?;
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await
        .map_err(io::Error::other)
}
