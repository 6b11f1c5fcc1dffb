//! How many connections there are, in all and from each address.

use crate::server::guard::block_of;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The places of a server.
#[derive(Debug)]
pub struct Seats {
    most: usize,
    most_per_address: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One place; given back when dropped.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    address: IpAddr,
}

impl Seats {
    pub fn new(most: usize, most_per_address: usize) -> Arc<Self> {
        Arc::new(Self { most, most_per_address, taken: Mutex::default() })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Taken) -> T) -> T {
        act(&mut self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A place for a connection from `address`. This machine's own count in all only: a proxy here speaks for many.
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let address = block_of(address);
        let has_place = self.with(|taken| {
            let here = taken.by_address.entry(address).or_default();
            let has_place = taken.all < self.most && (address.is_loopback() || *here < self.most_per_address);
            if has_place {
                taken.all += 1;
                *here += 1;
            } else if *here == 0 {
                taken.by_address.remove(&address);
            }
            has_place
        });
        has_place.then(|| Seat { seats: self.clone(), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.with(|taken| {
            taken.all = taken.all.saturating_sub(1);
            if let Some(here) = taken.by_address.get_mut(&self.address) {
                *here = here.saturating_sub(1);
                if *here == 0 {
                    taken.by_address.remove(&self.address);
                }
            }
        });
    }
}

/// Bytes that a connection may bring at a time before anyone has vouched for it: enough for a page and its sign-in, too
/// little to fill our memory with messages that nobody will read.
const FROM_STRANGERS: usize = 131_072;

/// A stream that holds its place as long as it lives, also after it became a websocket.
#[derive(Debug)]
pub struct Seated<S> {
    stream: S,
    _seat: Seat,
    pub standing: Arc<Standing>,
}

/// What a connection knows of who speaks on it; shared with its requests.
#[derive(Debug, Default)]
pub struct Standing {
    vouched: AtomicBool,
    from_stranger: AtomicUsize,
}

impl Standing {
    /// Someone who was let in speaks here.
    pub fn vouch(&self) {
        self.vouched.store(true, Ordering::Relaxed);
    }

    /// A request is answered, and takes no memory any more: who asks again and again, as a probe does, brings no more than
    /// who asks once.
    pub fn answered(&self) {
        self.from_stranger.store(0, Ordering::Relaxed);
    }

    /// May it bring so many bytes more?
    fn admits(&self, bytes: usize) -> bool {
        self.vouched.load(Ordering::Relaxed)
            || self.from_stranger.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= FROM_STRANGERS
    }
}

impl<S> Seated<S> {
    pub fn new(stream: S, seat: Seat) -> Self {
        Self { stream, _seat: seat, standing: Arc::default() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Seated<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if self.standing.admits(buf.filled().len() - before) {
            return polled;
        }
        Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "too much from a stranger")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Seated<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_all_and_for_each_address() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let seats = Seats::new(4, 2);
        let first = seats.take(ip("10.0.0.1")).unwrap();
        let _second = seats.take(ip("::ffff:10.0.0.1")).unwrap();
        assert!(seats.take(ip("10.0.0.1")).is_none(), "two from one address");
        drop(first);
        let _again = seats.take(ip("10.0.0.1")).unwrap();
        let _local: Vec<Seat> = (0..2).map(|_| seats.take(ip("127.0.0.1")).unwrap()).collect();
        assert!(seats.take(ip("10.0.0.2")).is_none() && seats.take(ip("127.0.0.1")).is_none(), "four in all");
        assert_eq!(seats.with(|taken| taken.by_address.len()), 2, "who has no place is not remembered");
    }
}
