use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Frame, SizeHint};

use super::progress::{Phase, Progress};

/// Marks a response, among its extensions, whose body is streamed although the bodies of the listener are not: an event
/// stream. Its connection works until the body has ended.
#[derive(Clone, Copy, Debug)]
pub struct Streamed;

/// The body of a response. If it is streamed, its connection works until it has ended, and each piece begins the deadline
/// of the work anew.
pub(super) struct ResponseBody<B> {
    body: B,
    /// `None` if the body is not streamed.
    progress: Option<Arc<Progress>>,
}

impl<B> ResponseBody<B> {
    /// A body that is there as a whole.
    pub(super) fn whole(body: B) -> Self {
        Self { body, progress: None }
    }

    /// A body that is streamed.
    pub(super) fn streamed(body: B, progress: Arc<Progress>) -> Self {
        Self { body, progress: Some(progress) }
    }
}

impl<B> Drop for ResponseBody<B> {
    fn drop(&mut self) {
        if let Some(progress) = &self.progress {
            progress.enter(Phase::Idle);
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
