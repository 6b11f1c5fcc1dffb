//! A connection that, once it is a websocket, takes the first bytes of each burst alone: as many as a frame's header has.
//!
//! tungstenite makes room for a whole frame when it has read the header, beside what it has read of the frame already. It
//! keeps that room for as long as another header would fit behind the frame, so every agent that ever sent a picture cost
//! its 80 kB until its next event. With the header read alone nothing fits, and the room goes with the event. One short
//! read more for each burst is the price.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest header of a client's frame.
const SIP: usize = 14;

/// How the answer begins that makes a connection a websocket.
const SWITCHING: &[u8] = b"HTTP/1.1 101";

/// The connection.
#[derive(Debug)]
pub struct Sips<S> {
    inner: S,
    websocket: bool,
    /// Everything that had come was read: what comes next begins a burst.
    drained: bool,
}

impl<S> Sips<S> {
    pub fn new(inner: S) -> Self {
        Self { inner, websocket: false, drained: false }
    }

    fn writes(&mut self, bytes: &[u8]) {
        self.websocket |= bytes.starts_with(SWITCHING);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Sips<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = if self.websocket && self.drained {
            let mut sip = ReadBuf::new(buf.initialize_unfilled_to(SIP.min(buf.remaining())));
            let read = Pin::new(&mut self.inner).poll_read(cx, &mut sip);
            let taken = sip.filled().len();
            buf.advance(taken);
            read
        } else {
            Pin::new(&mut self.inner).poll_read(cx, buf)
        };
        self.drained = read.is_pending();
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Sips<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writes(bytes);
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(first) = parts.first() {
            self.writes(first);
        }
        Pin::new(&mut self.inner).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn only_a_websocket_reads_the_first_bytes_of_a_burst_alone() {
        let (near, mut far) = tokio::io::duplex(1000);
        let mut near = Sips::new(near);
        let mut buf = [0; 500];
        for (said, expected) in [("HTTP/1.1 200 OK\r\n", [100, 0]), ("HTTP/1.1 101 Switching\r\n", [SIP, 100 - SIP])] {
            near.write_all(said.as_bytes()).await.unwrap();
            for _ in 0..3 {
                // Drained, then a burst.
                assert!(futures_util::poll!(std::pin::pin!(near.read(&mut buf))).is_pending());
                far.write_all(&[7; 100]).await.unwrap();
                assert_eq!(near.read(&mut buf).await.unwrap(), expected[0]);
                if expected[1] > 0 {
                    assert_eq!(near.read(&mut buf).await.unwrap(), expected[1]);
                }
            }
        }
    }
}
