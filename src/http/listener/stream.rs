use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::limits::Limits;
use super::progress::{Phase, Progress};
use super::protocol_errors::ProtocolErrors;

/// After the last response, at most this much of what the client still sends is read and discarded.
const MOST_DISCARDED: usize = 1024 * 1024;

/// A TCP stream that records in its connection's progress what passes. It closes in two steps, so that a client that is
/// still sending can read the response: without the second step, the system would reset the connection.
pub(super) struct TrackedStream {
    stream: TcpStream,
    progress: Arc<Progress>,
    /// Whether each piece that the client reads begins its deadline anew. Otherwise only a flush does.
    streams: bool,
    /// `None` if hyper's own responses stay as they are.
    errors: Option<ProtocolErrors>,
    /// Whether the sending half is closed.
    is_shut: bool,
    /// The bytes that were discarded since then.
    discarded: usize,
}

impl TrackedStream {
    pub(super) fn new(stream: TcpStream, progress: Arc<Progress>, limits: &Limits) -> Self {
        let errors = limits.error_body.map(ProtocolErrors::new);
        Self { stream, progress, streams: limits.streams, errors, is_shut: false, discarded: 0 }
    }

    /// Whether this is a response of hyper's own, which is replaced.
    fn replaces(&mut self, response: &[u8]) -> bool {
        let requests = &self.progress;
        self.errors.as_mut().is_some_and(|errors| errors.takes(response, requests.requests()))
    }

    fn track(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_pending() {
            self.progress.blocked();
        } else if self.streams {
            // Hyper fills its buffer again before it is flushed, so a slow download is flushed only at its end.
            self.progress.flushed();
            self.progress.work_goes_on();
        }
        written
    }
}

impl AsyncRead for TrackedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.progress.received();
        }
        read
    }
}

impl AsyncWrite for TrackedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.replaces(buf) {
            return Poll::Ready(Ok(buf.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.track(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [only] = bufs
            && self.replaces(only)
        {
            return Poll::Ready(Ok(only.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.track(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Hyper calls this once all is written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, errors, progress, .. } = &mut *self;
        if let Some(errors) = errors {
            ready!(errors.poll_send(stream, cx))?;
            if !progress.works() {
                errors.sent(progress.requests());
            }
        }
        progress.flushed();
        Pin::new(stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.progress.enter(Phase::Linger);
            self.is_shut = true;
        }
        let mut space = [0; 8 * 1024];
        while self.discarded < MOST_DISCARDED && !self.progress.closing.is_cancelled() {
            let mut buf = ReadBuf::new(&mut space);
            // An error ends the connection as the client's own end does.
            if ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf)).is_err() || buf.filled().is_empty() {
                break;
            }
            self.discarded += buf.filled().len();
        }
        Poll::Ready(Ok(()))
    }
}
