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
/// How often it is looked for, without waiting: once to ask for it, and again for what came in several packets.
const LOOKS: usize = 4;

/// A request's body, which notes in its connection's progress that it has been read to its end. A short one that was
/// not read goes back to the connection.
pub(super) struct Noted {
    /// There until it is dropped.
    body: Option<Incoming>,
    /// Whether the connection may read it to its end.
    short: bool,
    progress: Arc<Progress>,
}

impl Noted {
    /// The request with its body noted in `progress`.
    pub(super) fn of(request: Request<Incoming>, progress: &Arc<Progress>) -> Request<Self> {
        // A client that asks whether it may send hears "100 Continue" when its body is read, which Telegram takes for
        // the final answer.
        let asks = request.headers().contains_key(EXPECT);
        request.map(|body| {
            progress.body_begins(body.is_end_stream());
            let short = !asks && body.size_hint().exact().is_some_and(|length| length <= SHORT);
            Self { body: Some(body), short, progress: Arc::clone(progress) }
        })
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        if self.short && self.progress.is_unread() {
            self.progress.put_back(self.body.take());
        }
    }
}

/// Reads what has arrived of a body and throws it away; whether that was all of it.
pub(super) async fn drain(mut body: Incoming) -> bool {
    for _ in 0..LOOKS {
        while let Some(frame) = body.frame().now_or_never() {
            match frame {
                Some(Ok(_)) if !body.is_end_stream() => {}
                ended => return ended.is_none_or(|frame| frame.is_ok()),
            }
        }
        // The connection reads on when its task runs again.
        tokio::task::yield_now().await;
    }
    false
}

impl Body for Noted {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
        let broken = matches!(frame, Some(Err(_)));
        if frame.is_none() || !broken && body.is_end_stream() {
            self.progress.body_ended();
        }
        // What broke off has no end to be read to.
        self.short &= !broken;
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}
