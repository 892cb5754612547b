use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::FutureExt;
use http::Request;
use http::header::EXPECT;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::progress::Progress;

/// A body up to this length is read although its request was refused, so that the connection can be kept: a new one
/// costs Telegram up to two seconds.
const SHORT: u64 = 16 * 1024;
/// How often [`drain`] looks for the body, without waiting: once to ask for it, and again for what came in several
/// packets.
const DRAIN_ATTEMPTS: usize = 4;

/// The body of a request. It records in its connection's progress that it has been read to its end. A short body that
/// the route did not read returns to the connection.
pub(super) struct TrackedBody {
    /// `None` only while it is dropped.
    body: Option<Incoming>,
    /// Whether the connection may read it to its end after the response.
    may_return: bool,
    /// Whether each piece begins the deadline of the work anew.
    streams: bool,
    progress: Arc<Progress>,
}

impl TrackedBody {
    /// Wraps the body of a request.
    pub(super) fn wrap(request: Request<Incoming>, progress: &Arc<Progress>, streams: bool) -> Request<Self> {
        // Reading the body of a request with `Expect` sends "100 Continue", which Telegram takes for the response.
        let expects = request.headers().contains_key(EXPECT);
        request.map(|body| {
            progress.body_begins(body.is_end_stream());
            let may_return = !expects && body.size_hint().exact().is_some_and(|length| length <= SHORT);
            Self { body: Some(body), may_return, streams, progress: Arc::clone(progress) }
        })
    }
}

impl Drop for TrackedBody {
    fn drop(&mut self) {
        if self.may_return
            && let Some(body) = self.body.take()
        {
            self.progress.return_body(body);
        }
    }
}

/// Reads and discards what has arrived of a body. Returns whether that was all of it.
pub(super) async fn drain(mut body: Incoming) -> bool {
    for _ in 0..DRAIN_ATTEMPTS {
        while let Some(frame) = body.frame().now_or_never() {
            match frame {
                Some(Ok(_)) if !body.is_end_stream() => {}
                ended => return ended.is_none_or(|frame| frame.is_ok()),
            }
        }
        // Hyper reads more of it when the connection's task runs again.
        tokio::task::yield_now().await;
    }
    false
}

impl Body for TrackedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let Self { body, streams, progress, .. } = &mut *self;
        let Some(body) = body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
        if *streams {
            progress.work_goes_on();
        }
        let is_broken = matches!(frame, Some(Err(_)));
        if frame.is_none() || !is_broken && body.is_end_stream() {
            progress.body_ended();
        }
        // A body that ended early has no end to be read to.
        self.may_return &= !is_broken;
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}
