//! The span of a request at the gateway: its method, its status and how many bytes passed, and nothing that they say.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::clock::SharedClock;
use crate::telemetry::{Span, Traces};

/// A request whose span has started.
pub(super) struct TracedRequest {
    span: Span,
    sent: Arc<AtomicU64>,
}

impl TracedRequest {
    /// Starts the span of a request, and counts its body as it passes. `None`, and the request as it is, where traces are not
    /// exported.
    pub(super) fn start(traces: &Traces, request: Request, clock: &SharedClock) -> (Option<Self>, Request) {
        let Some(span) = traces.alone("gateway request", clock.now()) else { return (None, request) };
        let sent = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&sent);
        let request = request.map(|body| Body::new(Counted { body, passed: counted, ending: None }));
        (Some(Self { span, sent }), request)
    }

    /// The response, after whose last byte the span ends. `method` is one of a known list.
    pub(super) fn answered(self, method: &'static str, response: Response, clock: &SharedClock) -> Response {
        let (status, passed) = (response.status(), Arc::<AtomicU64>::default());
        let received = Arc::clone(&passed);
        let Self { span, sent } = self;
        let span = span.with("rpc.method", method).with("http.response.status_code", i64::from(status.as_u16()));
        let ending = Ending { span: Some(span), status, sent, received, clock: Arc::clone(clock) };
        response.map(|body| Body::new(Counted { body, passed, ending: Some(ending) }))
    }
}

/// Ends the span when it is dropped.
struct Ending {
    span: Option<Span>,
    status: StatusCode,
    sent: Arc<AtomicU64>,
    received: Arc<AtomicU64>,
    clock: SharedClock,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let bytes = |count: &AtomicU64| i64::try_from(count.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        if let Some(span) = self.span.take() {
            let span = span.with("http.request.body.size", bytes(&self.sent));
            let span = span.with("http.response.body.size", bytes(&self.received));
            span.end(self.clock.now(), self.status.is_success());
        }
    }
}

/// A body whose bytes are counted.
struct Counted {
    body: Body,
    passed: Arc<AtomicU64>,
    /// Ends the span with the body.
    #[expect(dead_code, reason = "it acts when it is dropped")]
    ending: Option<Ending>,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            self.passed.fetch_add(bytes as u64, Ordering::Relaxed);
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
