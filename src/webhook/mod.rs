//! Takes in what Telegram sends: without the right secret token nothing is read, and 200 means that
//! the update would survive a crash.

mod problem;
mod secret;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::header::{CONTENT_LENGTH, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::watch;

use crate::clock::SharedClock;
use crate::inbox::{Accepted, Inbox, InboxError};
use crate::update::Update;

pub use problem::Problem;
pub use secret::Secrets;

/// Where Telegram delivers updates, below the public URL.
pub const PATH: &str = "/telegram/webhook";
/// The header in which Telegram sends the secret token.
pub const SECRET_HEADER: HeaderName = HeaderName::from_static("x-telegram-bot-api-secret-token");
/// A body that takes longer than this is given up. Telegram itself gives up after 60 s.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// How requests to the webhook ended, counted since the start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Updates stored and acknowledged.
    pub stored: AtomicU64,
    /// Updates acknowledged that were known already.
    pub known: AtomicU64,
    /// Requests with a missing or wrong secret token.
    pub unauthorized: AtomicU64,
    /// The same number, for whoever waits for it to grow.
    pub refusals: watch::Sender<u64>,
    /// Requests that were no update: bad, too large, too slow.
    pub malformed: AtomicU64,
    /// Updates that could not be stored, and were not acknowledged.
    pub unavailable: AtomicU64,
}

/// The route of the webhook, and what it is made of.
pub fn router(
    inbox: Arc<dyn Inbox>,
    secrets: Secrets,
    body_limit: usize,
    counts: Arc<Counts>,
    clock: SharedClock,
) -> Router {
    let door = Arc::new(Door { inbox, secrets, body_limit, counts, clock });
    Router::new().route(PATH, post(ring).fallback(wrong_method)).with_state(door)
}

struct Door {
    inbox: Arc<dyn Inbox>,
    secrets: Secrets,
    body_limit: usize,
    counts: Arc<Counts>,
    clock: SharedClock,
}

async fn wrong_method() -> Response {
    let mut response = Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "Only POST is allowed here",
        "Telegram delivers updates to this address with POST.",
    )
    .into_response();
    response.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static("POST"));
    response
}

/// One ring at the door: an empty 200, or a problem that says what to do.
async fn ring(State(door): State<Arc<Door>>, request: Request) -> Response {
    match door.take_in(request).await {
        Ok(accepted) => {
            door.count(match accepted {
                Accepted::Stored => &door.counts.stored,
                Accepted::Known => &door.counts.known,
            });
            StatusCode::OK.into_response()
        }
        Err(problem) => {
            if problem.status == StatusCode::UNAUTHORIZED {
                door.counts.refusals.send_modify(|refusals| *refusals += 1);
            }
            door.count(match problem.status {
                StatusCode::UNAUTHORIZED => &door.counts.unauthorized,
                StatusCode::SERVICE_UNAVAILABLE => &door.counts.unavailable,
                _ => &door.counts.malformed,
            });
            problem.into_response()
        }
    }
}

impl Door {
    async fn take_in(&self, request: Request) -> Result<Accepted, Problem> {
        if !self.secrets.admit(request.headers().get(SECRET_HEADER)) {
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "The secret token is missing or wrong",
                "Send it in the header X-Telegram-Bot-Api-Secret-Token; `doorbell webhook secret` prints it. If \
                 Telegram gets this answer, the webhook was registered with another secret token: restart the \
                 service, or run `doorbell webhook set`.",
            ));
        }
        self.check_length(request.headers())?;
        let body = self.read(request.into_body()).await?;
        let update = Update::read(body, self.clock.now()).map_err(|error| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "This is not an update",
                format!("{error}; an update is a JSON object such as {{\"update_id\": 1, \"message\": {{…}}}}."),
            )
        })?;
        let (id, kind, chat_key) = (update.id, update.kind.clone(), update.chat_key);
        let accepted = self.inbox.accept(update).await.map_err(not_stored)?;
        tracing::debug!(update.id = id.0, update.kind = kind.name(), chat = %chat_key, outcome = ?accepted, "update acknowledged");
        Ok(accepted)
    }

    /// Telegram always says how long an update is. Who does not, or says too much, is refused
    /// before the body is read.
    fn check_length(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        match length {
            None => Err(Problem::new(
                StatusCode::LENGTH_REQUIRED,
                "The length of the body is missing",
                "Send the body with a Content-Length header, not in chunks.",
            )),
            Some(length) if length > self.body_limit as u64 => Err(self.too_large()),
            Some(_) => Ok(()),
        }
    }

    async fn read(&self, body: Body) -> Result<Bytes, Problem> {
        let body = Limited::new(body, self.body_limit).collect();
        tokio::select! {
            biased;
            body = body => match body {
                // A copy of its own: what hyper gives is a piece of the connection's whole buffer.
                Ok(body) => Ok(Bytes::copy_from_slice(&body.to_bytes())),
                Err(error) if error.is::<LengthLimitError>() => Err(self.too_large()),
                Err(_) => Err(Problem::new(
                    StatusCode::BAD_REQUEST,
                    "The body broke off",
                    "Send as many bytes as Content-Length says.",
                )),
            },
            () = self.clock.sleep(BODY_DEADLINE) => Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "The body took too long",
                format!("It must arrive within {} s.", BODY_DEADLINE.as_secs()),
            )),
        }
    }

    fn too_large(&self) -> Problem {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body is too large",
            format!("The limit is {} bytes; no update of Telegram's is larger than 525 KB.", self.body_limit),
        )
    }

    fn count(&self, counter: &AtomicU64) {
        let _ = self;
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Nothing was acknowledged: Telegram keeps the update and offers it again.
fn not_stored(error: InboxError) -> Problem {
    let (title, retry_after) = match &error {
        InboxError::Full { .. } => ("The inbox is full", 5),
        InboxError::Unavailable(_) | InboxError::LeaseLost(_) | InboxError::Unusable { .. } => {
            ("The update could not be stored", 2)
        }
    };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, title, "Nothing was acknowledged; offer the update again later.")
        .retry_after(retry_after)
}
