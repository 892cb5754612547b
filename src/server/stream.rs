use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::progress::{Phase, Progress};

/// How much of what a client goes on sending after the last answer is thrown away unread.
const THROWN_AWAY: usize = 1024 * 1024;

/// A stream that notes what passes, and that closes in two steps: a client which is still sending
/// reads the answer, not a reset connection.
pub(super) struct Observed {
    stream: TcpStream,
    progress: Arc<Progress>,
    /// How much was thrown away after the last answer; none before.
    thrown_away: Option<usize>,
}

impl Observed {
    pub(super) fn new(stream: TcpStream, progress: Arc<Progress>) -> Self {
        Self { stream, progress, thrown_away: None }
    }

    fn written(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_pending() {
            self.progress.blocked();
        }
        written
    }
}

impl AsyncRead for Observed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.progress.heard();
        }
        read
    }
}

impl AsyncWrite for Observed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Called when all is written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.progress.flushed();
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.thrown_away.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.progress.enter(Phase::Linger);
            self.thrown_away = Some(0);
        }
        let mut scrap = [0; 8 * 1024];
        while self.thrown_away < Some(THROWN_AWAY) && !self.progress.is_leaving(cx) {
            let mut scrap = ReadBuf::new(&mut scrap);
            // However it ends, it has ended.
            if ready!(Pin::new(&mut self.stream).poll_read(cx, &mut scrap)).is_err() || scrap.filled().is_empty() {
                break;
            }
            self.thrown_away = self.thrown_away.map(|before| before + scrap.filled().len());
        }
        Poll::Ready(Ok(()))
    }
}
