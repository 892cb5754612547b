use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// A small, fast Bot API that accepts every call and records the messages with their times. It is for tests that
/// kill the service many times and then count the messages.
#[derive(Clone)]
pub(crate) struct FakeBotApi {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    changed: Notify,
}

#[derive(Default)]
struct Seen {
    methods: Vec<String>,
    sent: BTreeMap<i64, Vec<SentMessage>>,
    webhook: Value,
    /// The runs of the service whose messages get no response.
    hanging: BTreeSet<usize>,
}

/// One `sendMessage` call.
#[derive(Clone, Debug)]
pub(crate) struct SentMessage {
    pub(crate) text: String,
    pub(crate) at: Instant,
    /// The run of the service that sent it.
    pub(crate) life: usize,
}

impl FakeBotApi {
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port is free");
        let api = Self { addr: listener.local_addr().expect("it has an address"), shared: Arc::default() };
        let router = Router::new().route("/{life}/{bot}/{method}", post(answer)).with_state(api.clone());
        tokio::task::spawn(async move { axum::serve(listener, router).await });
        api
    }

    pub(crate) fn url(&self) -> String {
        self.url_of(0)
    }

    /// The URL for one run of a service. It separates its calls from those of other runs.
    pub(crate) fn url_of(&self, life: usize) -> String {
        format!("http://{}/{life}", self.addr)
    }

    /// Sets whether `sendMessage` calls remain without a response.
    pub(crate) fn hang(&self, hangs: bool) {
        self.hang_of(0, hangs);
    }

    /// Sets this for one run of a service.
    pub(crate) fn hang_of(&self, life: usize, hangs: bool) {
        let mut seen = self.seen();
        let _ = if hangs { seen.hanging.insert(life) } else { seen.hanging.remove(&life) };
        drop(seen);
        self.shared.changed.notify_waiters();
    }

    /// The methods that were called, in order.
    pub(crate) fn methods(&self) -> Vec<String> {
        self.seen().methods.clone()
    }

    /// What was sent to a chat, in order.
    pub(crate) fn sent(&self, chat: i64) -> Vec<SentMessage> {
        self.seen().sent.get(&chat).cloned().unwrap_or_default()
    }

    /// The last text that was sent to a chat.
    pub(crate) fn last(&self, chat: i64) -> Option<String> {
        self.seen().sent.get(&chat)?.last().map(|sent| sent.text.clone())
    }

    /// Returns once `holds` is true. It is called after each change.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        self.until_within(Duration::from_mins(1), what, holds).await;
    }

    /// Like [`Self::until`], with another limit.
    pub(crate) async fn until_within(&self, patience: Duration, what: &str, holds: impl Fn(&Self) -> bool) {
        let holds = async {
            loop {
                let changed = self.shared.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if holds(self) {
                    return;
                }
                changed.await;
            }
        };
        assert!(tokio::time::timeout(patience, holds).await.is_ok(), "{what} within {patience:?}");
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive(&self, life: usize, method: String, params: &Value) -> Value {
        let mut seen = self.seen();
        let result = match method.as_str() {
            "getMe" => json!({ "id": 123_456_789, "is_bot": true, "first_name": "Bot", "username": "a_bot" }),
            "getWebhookInfo" if seen.webhook.is_null() => json!({ "url": "", "pending_update_count": 0 }),
            "getWebhookInfo" => seen.webhook.clone(),
            "setWebhook" => {
                seen.webhook = params.clone();
                seen.webhook["pending_update_count"] = 0.into();
                json!(true)
            }
            "sendMessage" => {
                let text = params["text"].as_str().unwrap_or_default().to_owned();
                let chat = params["chat_id"].as_i64().unwrap_or_default();
                seen.sent.entry(chat).or_default().push(SentMessage { text, at: Instant::now(), life });
                json!({ "message_id": 1, "date": 0, "chat": { "id": chat, "type": "private" } })
            }
            _ => json!(true),
        };
        seen.methods.push(method);
        drop(seen);
        self.shared.changed.notify_waiters();
        result
    }
}

async fn answer(
    State(api): State<FakeBotApi>,
    Path((life, _, method)): Path<(usize, String, String)>,
    body: String,
) -> Response {
    let params = serde_json::from_str(&body).unwrap_or_default();
    let sends = method == "sendMessage";
    let result = api.receive(life, method, &params);
    let hangs = |api: &FakeBotApi| api.seen().hanging.contains(&life);
    if sends && hangs(&api) {
        api.until("answering again", |api| !hangs(api)).await;
    }
    let body = json!({ "ok": true, "result": result }).to_string();
    (StatusCode::OK, [(CONTENT_TYPE, "application/json")], body).into_response()
}
