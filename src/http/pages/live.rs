//! Live updates: an event stream that says "something changed", and nothing else.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::clock::SharedClock;
use crate::http::Problem;
use crate::lifecycle::Shutdown;

/// The most event streams at once: each takes one of the connections of the service.
const STREAMS: usize = 32;
/// The shortest time between two events of a stream, so that a busy bot does not make a page flicker.
const PAUSE: Duration = Duration::from_millis(250);
/// A comment after this time shows proxies that the stream is alive.
const COMMENT: Duration = Duration::from_secs(15);

/// The event streams of a service.
#[derive(Clone)]
pub struct Live {
    streams: Arc<Semaphore>,
    clock: SharedClock,
    shutdown: Shutdown,
}

/// One event stream.
struct Stream {
    changes: watch::Receiver<u64>,
    is_first: bool,
    clock: SharedClock,
    shutdown: Shutdown,
    _permit: OwnedSemaphorePermit,
}

/// The response with an event stream.
pub type LiveStream = Response;

impl Live {
    /// Event streams that end at the soft stop.
    #[must_use]
    pub fn new(clock: SharedClock, shutdown: Shutdown) -> Self {
        Self { streams: Arc::new(Semaphore::new(STREAMS)), clock, shutdown }
    }

    /// The response with an event whenever `changes` has changed: `event: changed`. At most the latest
    /// event waits for a client that does not read.
    #[must_use]
    pub fn stream(&self, changes: watch::Receiver<u64>) -> LiveStream {
        let Ok(permit) = Arc::clone(&self.streams).try_acquire_owned() else {
            let detail =
                "Close a page that is open elsewhere. Without live updates, load the page again to see changes.";
            let title = "Too many pages are open";
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE, title, detail).retry_after(30).into_response();
        };
        let (clock, shutdown) = (Arc::clone(&self.clock), self.shutdown.clone());
        let stream = Stream { changes, is_first: true, clock, shutdown, _permit: permit };
        let events = stream::unfold(stream, |mut stream| async move {
            let event = stream.next().await?;
            Some((Ok::<_, Infallible>(event), stream))
        });
        let mut response = Sse::new(events).into_response();
        // nginx would otherwise collect the events.
        response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        response
    }
}

impl Stream {
    /// The next event. `None` at the soft stop.
    async fn next(&mut self) -> Option<Event> {
        if self.is_first {
            // The page may have been rendered before the stream began, so the first event comes at once.
            self.is_first = false;
            self.changes.mark_unchanged();
            return Some(changed());
        }
        let soft = self.shutdown.soft.clone();
        tokio::select! {
            changed = self.changes.changed() => changed.ok()?,
            () = self.clock.sleep(COMMENT) => return Some(Event::default().comment("")),
            () = soft.cancelled() => return None,
        }
        tokio::select! {
            () = self.clock.sleep(PAUSE) => {}
            () = soft.cancelled() => return None,
        }
        self.changes.mark_unchanged();
        Some(changed())
    }
}

fn changed() -> Event {
    // A browser ignores an event without data.
    Event::default().event("changed").data("now")
}
