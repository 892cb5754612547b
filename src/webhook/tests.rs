use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use futures_util::{FutureExt, stream};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT};
use http::{HeaderName, Method, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use tower::ServiceExt;

use super::receive::BODY_BUDGET;
use super::{Counts, Deps, PATH, Reason, SECRET_HEADER, Secrets, SourceCheck, router};
use crate::clock::ManualClock;
use crate::inbox::{
    Accepted, Browse, Claimable, Cursor, DeadGroup, Delivery, Filter, HeldBack, Inbox, InboxError, Lease, Page, Record,
    Selection, StateCounts, Stored, Survey, Verdict,
};
use crate::settings::{Need, Settings, Sources};
use crate::telemetry::Traces;
use crate::trail::Trail;
use crate::update::{Update, UpdateId};

const SECRET: &str = "the-secret";
const UPDATE: &str = r#"{"update_id":1}"#;

/// An inbox that does one thing with each update.
#[derive(Clone, Copy, PartialEq)]
enum Behaviour {
    Stores,
    Fails,
    TakesForEver,
}

#[async_trait]
impl Inbox for Behaviour {
    async fn accept(&self, _: Update) -> Result<Accepted, InboxError> {
        match self {
            Self::Stores => Ok(Accepted::Stored),
            Self::Fails => Err(InboxError::Unavailable(Arc::new(std::io::Error::other("the disk is full")))),
            Self::TakesForEver => pending().await,
        }
    }

    async fn ready(&self, _: Claimable) {}

    async fn claim(&self, _: usize, _: Claimable) -> Result<Vec<Delivery>, InboxError> {
        Ok(Vec::new())
    }

    async fn settle(&self, _: Lease, _: Verdict) -> Result<(), InboxError> {
        Ok(())
    }

    async fn extend(&self, _: &[Lease]) -> Result<(), InboxError> {
        Ok(())
    }

    async fn survey(&self) -> Result<Survey, InboxError> {
        Ok(Survey::default())
    }

    async fn list(&self, _: &Selection, _: usize) -> Result<Vec<Record>, InboxError> {
        Ok(Vec::new())
    }

    async fn revive(&self, _: &Selection) -> Result<Vec<UpdateId>, InboxError> {
        Ok(Vec::new())
    }

    async fn discard(&self, _: &Selection) -> Result<Vec<UpdateId>, InboxError> {
        Ok(Vec::new())
    }

    async fn drop_waiting(&self) -> Result<u64, InboxError> {
        Ok(0)
    }

    async fn save(&self, _: Stored, _: &str) -> Result<(), InboxError> {
        Ok(())
    }

    async fn load(&self, _: Stored) -> Result<Option<String>, InboxError> {
        Ok(None)
    }

    async fn sweep(&self) -> Result<(), InboxError> {
        Ok(())
    }
}

#[async_trait]
impl Browse for Behaviour {
    async fn page(&self, _: &Filter, _: Option<Cursor>, _: usize) -> Result<Page, InboxError> {
        Ok(Page { records: Vec::new(), next: None, scanned_all: true })
    }

    async fn find(&self, _: UpdateId) -> Result<Option<Record>, InboxError> {
        Ok(None)
    }

    async fn count_by_state(&self) -> Result<StateCounts, InboxError> {
        Ok(StateCounts::default())
    }

    async fn held_back(&self, _: usize) -> Result<Vec<HeldBack>, InboxError> {
        Ok(Vec::new())
    }

    async fn dead_by_reason(&self, _: usize) -> Result<Vec<DeadGroup>, InboxError> {
        Ok(Vec::new())
    }
}

struct Webhook {
    router: Router,
    counts: Arc<Counts>,
    clock: ManualClock,
}

fn webhook(inbox: Behaviour, variables: &[(&str, &str)]) -> Webhook {
    let sources = Sources { environment: variables.iter().copied().collect(), ..Sources::default() };
    let settings = Settings::load(&sources, Need::Nothing).unwrap();
    let counts = Arc::new(Counts::default());
    let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
    let router = router(Deps {
        inbox: Arc::new(inbox),
        order: settings.dispatch.order.clone(),
        secrets: Secrets::new(&SECRET.to_owned().into(), None),
        sources: SourceCheck::new(&settings.webhook, &settings.platform),
        body_limit: settings.server.body_limit,
        counts: Arc::clone(&counts),
        traces: Traces::default(),
        trail: Trail::default(),
        clock: Arc::new(clock.clone()),
    });
    Webhook { router, counts, clock }
}

impl Webhook {
    fn send(&self, request: Request) -> impl Future<Output = Response> + use<> {
        let router = self.router.clone();
        async move { router.oneshot(request).await.unwrap() }
    }

    fn refused(&self, reason: Reason) -> u64 {
        self.counts.refused.of(reason).get()
    }
}

fn request(length: usize, body: Body) -> Request {
    let request = Request::builder().method(Method::POST).uri(PATH);
    request.header(SECRET_HEADER, SECRET).header(CONTENT_LENGTH, length).body(body).unwrap()
}

fn with(mut request: Request, name: HeaderName, value: &'static str) -> Request {
    request.headers_mut().append(name, http::HeaderValue::from_static(value));
    request
}

/// A body that must not be read.
fn untouchable() -> Body {
    Body::from_stream(stream::poll_fn(|_| -> std::task::Poll<Option<Result<Bytes, std::io::Error>>> {
        panic!("the body is read")
    }))
}

async fn text(response: Response) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn a_request_that_is_refused_by_its_head_never_has_its_body_read() {
    let webhook = webhook(Behaviour::Stores, &[]);
    let length = 100_000_000;
    let mut wrong = request(length, untouchable());
    wrong.headers_mut().insert(SECRET_HEADER, "wrong".parse().unwrap());
    let mut missing = request(length, untouchable());
    missing.headers_mut().remove(SECRET_HEADER);
    let twice = with(request(length, untouchable()), SECRET_HEADER, SECRET);
    let mut chunked = request(0, untouchable());
    chunked.headers_mut().remove(CONTENT_LENGTH);
    for (request, status) in [
        (wrong, 401),
        (missing, 401),
        (twice, 401),
        (chunked, 411),
        (request(1024 * 1024 + 1, untouchable()), 413),
        (with(request(10, untouchable()), CONTENT_ENCODING, "gzip"), 415),
        (with(request(10, untouchable()), EXPECT, "100-continue"), 417),
    ] {
        assert_eq!(webhook.send(request).await.status(), status);
    }
    assert_eq!((webhook.refused(Reason::Secret), webhook.counts.malformed()), (3, 4));
    assert_eq!(webhook.counts.refused.iter().map(|(_, counter)| counter.get()).sum::<u64>(), 7);
}

#[tokio::test]
async fn an_update_that_cannot_be_stored_is_not_acknowledged_and_comes_again_after_a_second() {
    let webhook = webhook(Behaviour::Fails, &[]);
    let answer = webhook.send(request(UPDATE.len(), UPDATE.into())).await;
    assert_eq!(
        (answer.status(), answer.headers()["retry-after"].to_str().unwrap()),
        (StatusCode::SERVICE_UNAVAILABLE, "1")
    );
    let text = text(answer).await;
    assert!(
        text.starts_with(r#"{"type":"about:blank","title":"The update could not be stored","status":503,"#),
        "{text}"
    );
    assert!(!text.contains("disk"), "what the store says is the operator's alone: {text}");
}

#[tokio::test]
async fn the_memory_for_bodies_is_bounded_and_a_request_without_the_secret_reserves_none() {
    let webhook = webhook(Behaviour::TakesForEver, &[]);
    let largest = 1024 * 1024;
    let body = || Bytes::from([&vec![b' '; largest - UPDATE.len()][..], UPDATE.as_bytes()].concat());
    let mut waiting: Vec<_> =
        (0..BODY_BUDGET / largest).map(|_| Box::pin(webhook.send(request(largest, body().into())))).collect();
    assert!(waiting.iter_mut().all(|answer| answer.as_mut().now_or_never().is_none()), "each waits for the inbox");
    let refused = webhook.send(request(largest, untouchable())).await;
    assert_eq!(
        (refused.status(), refused.headers()["retry-after"].to_str().unwrap()),
        (StatusCode::SERVICE_UNAVAILABLE, "1")
    );
    let mut unauthorized = request(largest, untouchable());
    unauthorized.headers_mut().remove(SECRET_HEADER);
    assert_eq!(webhook.send(unauthorized).await.status(), StatusCode::UNAUTHORIZED);
    drop(waiting.pop());
    assert!(webhook.send(request(largest, body().into())).now_or_never().is_none(), "there is room again");
}

#[tokio::test]
async fn a_slow_body_is_given_up_after_15_s() {
    let webhook = webhook(Behaviour::Stores, &[]);
    let first = stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"{")) });
    let mut answer =
        pin!(webhook.send(request(2, Body::from_stream(stream::StreamExt::chain(first, stream::pending())))));
    assert!(answer.as_mut().now_or_never().is_none());
    webhook.clock.advance(Duration::from_secs(14));
    assert!(answer.as_mut().now_or_never().is_none());
    webhook.clock.advance(Duration::from_secs(1));
    assert_eq!(answer.await.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn a_foreign_source_is_counted_and_refused_only_where_the_operator_says_so() {
    const CLIENT: HeaderName = HeaderName::from_static("cf-connecting-ip");
    let (render, enforce) = (("RENDER", "true"), ("DOORBELL__WEBHOOK__SOURCE_CHECK", "enforce"));
    let reporting = webhook(Behaviour::Stores, &[render]);
    let enforcing = webhook(Behaviour::TakesForEver, &[render, enforce]);
    let from = |address| with(request(UPDATE.len(), UPDATE.into()), CLIENT, address);
    assert_eq!(reporting.send(from("203.0.113.9")).await.status(), 200);
    assert_eq!(reporting.send(request(UPDATE.len(), UPDATE.into())).await.status(), 200);
    assert_eq!(reporting.send(from("149.154.167.1")).await.status(), 200);
    assert_eq!(reporting.counts.foreign.get(), 1);
    // An inbox that was asked would never answer.
    for refused in [from("203.0.113.9"), from("nonsense"), request(UPDATE.len(), untouchable())] {
        assert_eq!(enforcing.send(refused).await.status(), 403);
    }
    assert_eq!((enforcing.counts.foreign.get(), enforcing.refused(Reason::Source)), (1, 3));
    assert!(enforcing.send(from("149.154.167.1")).now_or_never().is_none(), "it waits for the inbox");
}
