//! The port: accepts connections within their limits, with TLS where it is configured, and hands requests to the router.

mod files;
mod seats;
mod sips;
mod tls;

pub use files::make_room;
pub use seats::{Seat, Seats, Standing};
pub use tls::{Certificates, watch as watch_certificates};

use super::alarm::Alarm;
use super::guard::Visitor;
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::net::sockopt;
use seats::Seated;
use sips::Sips;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// A request's head must have come, after the connection opened or the request before it ended, by then.
const HEAD_WITHIN: Duration = Duration::from_secs(75);

/// A TLS handshake must be over by then.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// What we sent must have reached the other side by then, or the connection ends: one whose peer has vanished, or reads
/// nothing, would hold what waits for it in memory for as long as the kernel tries, a quarter of an hour.
const TAKEN_WITHIN: Duration = Duration::from_secs(60);

/// What serves every connection.
#[derive(Clone)]
pub struct Desk {
    pub router: Router,
    pub tls: Option<TlsAcceptor>,
    pub stop: watch::Receiver<bool>,
}

/// Serves until told to stop, then until the requests under way have ended.
pub async fn serve(listener: TcpListener, seats: Arc<Seats>, desk: Desk) {
    let mut connections = JoinSet::new();
    let mut stop = desk.stop.clone();
    let mut full = Alarm::default();
    let mut failing = Alarm::default();
    loop {
        let accepted = tokio::select! {
            () = stopping(&mut stop) => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => match seats.take(address.ip()) {
                Some(seat) => drop(connections.spawn(connection(stream, address, seat, desk.clone()))),
                None => {
                    if let Some(times) = full.raise() {
                        tracing::warn!(%address, times, "too many connections; [limits] says how many may be");
                    }
                }
            },
            Err(error) => pause_after(&error, &mut failing).await,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// A connection that broke before it was taken is nothing; where the system has no more files, waiting may help.
async fn pause_after(error: &io::Error, failing: &mut Alarm) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    if let Some(times) = failing.raise() {
        tracing::error!(%error, times, "connections cannot be accepted");
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
}

async fn connection(stream: TcpStream, address: SocketAddr, seat: Seat, desk: Desk) {
    if let Err(error) = prepare(&stream) {
        tracing::debug!(%address, %error, "a connection broke before it began");
    }
    let Some(acceptor) = desk.tls.clone() else {
        return http(stream, address, seat, desk).await;
    };
    match tokio::time::timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)).await {
        Ok(Ok(secure)) => http(secure, address, seat, desk).await,
        Ok(Err(error)) => tracing::debug!(%address, %error, "no TLS"),
        Err(_) => tracing::debug!(%address, "a TLS handshake took too long"),
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    // A Socket.IO answer is two small messages: they must not wait for each other's acknowledgement.
    stream.set_nodelay(true)?;
    sockopt::set_tcp_user_timeout(stream, TAKEN_WITHIN.as_millis() as u32)?;
    Ok(())
}

async fn stopping(stop: &mut watch::Receiver<bool>) {
    // Where nobody can say stop any more, it is time too.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn http<S>(stream: S, address: SocketAddr, seat: Seat, mut desk: Desk)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = Seated::new(stream, seat);
    let visitor = Visitor { address, standing: stream.standing.clone() };
    let stream = Sips::new(stream);
    let router = TowerToHyperService::new(desk.router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(visitor.clone());
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stopping(&mut desk.stop) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%address, %error, "a connection broke");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_vanished_peer_does_not_take_is_given_up_after_a_minute() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        prepare(&stream).unwrap();
        assert!(stream.nodelay().unwrap());
        assert_eq!(sockopt::tcp_user_timeout(&stream).unwrap(), 60_000);
    }
}
