use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;

use super::standstill::Movement;

/// How much of the start of a body is remembered: the `chat_id` is there, before a file.
const REMEMBERED: usize = 16 * 1024;

/// What is known of a body that passes.
#[derive(Default)]
pub(super) struct Observed {
    pub(super) movement: Movement,
    start: Mutex<Vec<u8>>,
    is_broken: AtomicBool,
}

impl Observed {
    /// The start of the body, as far as it has passed.
    pub(super) fn start(&self) -> Vec<u8> {
        self.start.lock().clone()
    }

    /// Whether the client ended the body early, or wrote it against the protocol.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }

    fn note(&self, piece: &Bytes) {
        self.movement.record();
        let mut start = self.start.lock();
        let room = REMEMBERED.saturating_sub(start.len()).min(piece.len());
        start.extend_from_slice(&piece[..room]);
    }
}

/// The body of a request on its way to the Bot API. It is not buffered.
pub(super) struct PassedBody {
    body: Body,
    observed: Arc<Observed>,
}

impl PassedBody {
    /// Observes a body.
    pub(super) fn new(body: Body, observed: Arc<Observed>) -> Self {
        Self { body, observed }
    }
}

impl HttpBody for PassedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => frame.data_ref().into_iter().for_each(|piece| self.observed.note(piece)),
            Some(Err(_)) => self.observed.is_broken.store(true, Ordering::Relaxed),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
