use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use http::header::CONTENT_TYPE;
use hyper::body::{Body, Frame, SizeHint};

use super::progress::Progress;

/// The body of a response. If it is streamed, its connection works until it has ended, and each piece begins the deadline
/// of the work anew. An event stream has no deadline.
pub(super) struct ResponseBody<B> {
    body: B,
    /// `None` if the body is not streamed.
    progress: Option<Arc<Progress>>,
}

/// Whether a response is an event stream (server-sent events).
pub(super) fn is_event_stream<B: Body>(response: &Response<B>) -> bool {
    let content_type = || response.headers().get(CONTENT_TYPE);
    // The length of nearly all other bodies is known.
    response.body().size_hint().exact().is_none()
        && content_type().is_some_and(|content| content.as_bytes().starts_with(b"text/event-stream"))
}

impl<B> ResponseBody<B> {
    /// A body that is there as a whole.
    pub(super) fn whole(body: B) -> Self {
        Self { body, progress: None }
    }

    /// A body that is streamed, also of an event stream.
    pub(super) fn streamed(body: B, progress: Arc<Progress>) -> Self {
        Self { body, progress: Some(progress) }
    }
}

impl<B> Drop for ResponseBody<B> {
    fn drop(&mut self) {
        if let Some(progress) = &self.progress {
            progress.stream_ended();
        }
    }
}

impl<B: Body + Unpin> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(progress) = &self.progress {
            progress.work_goes_on();
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
