//! A gateway on its own listener, before a recording Bot API.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use doorbell::clock::{SharedClock, SystemClock};
use doorbell::gateway::{self, Counts, Failure};
use doorbell::handler::forward::{Target, Targets};
use doorbell::http::listener;
use doorbell::inbox::{
    Accepted, Claimable, Delivery, Inbox, InboxError, Lease, Record, Selection, Stored, Survey, SurveyCache, Verdict,
};
use doorbell::lifecycle::Shutdown;
use doorbell::sandbox::TOKEN;
use doorbell::settings::{Need, Settings, Sources};
use doorbell::telegram::{BotApi, BotToken, RateLimitedApi};
use doorbell::telemetry::Traces;
use doorbell::update::{Update, UpdateId};
use secrecy::ExposeSecret;

use super::upstream::Upstream;
use crate::harness::{Answer, RawConnection, Watch, browse_through_inbox};

/// A running gateway.
pub struct Gateway {
    pub addr: SocketAddr,
    pub targets: Targets,
    pub saved: Arc<Saved>,
    pub counts: Arc<Counts>,
    /// Doorbell's own calls.
    pub api: RateLimitedApi,
    stop: Shutdown,
}

/// How a gateway is started.
pub struct Options {
    pub api_url: String,
    pub settings: Vec<(&'static str, &'static str)>,
    pub clock: SharedClock,
    pub last_failure: Option<Failure>,
}

impl Default for Options {
    fn default() -> Self {
        Self { api_url: String::new(), settings: Vec::new(), clock: Arc::new(SystemClock), last_failure: None }
    }
}

impl Options {
    pub fn before(upstream: &Upstream) -> Self {
        Self { api_url: upstream.url(), ..Self::default() }
    }

    pub fn with(mut self, key: &'static str, value: &'static str) -> Self {
        self.settings.push((key, value));
        self
    }

    pub fn start(self) -> Gateway {
        Watch::of_this_process();
        let Self { api_url, settings: keys, clock, last_failure } = self;
        let mut sources = Sources::default()
            .with("telegram.bot_token", TOKEN)
            .with("telegram.api_url", api_url)
            .with("inbox.url", "memory:");
        for (key, value) in keys {
            sources = sources.with(key, value);
        }
        let settings = Settings::load(&sources, Need::Token).unwrap_or_else(|error| panic!("{error}"));
        let (token, stop, targets) = (BotToken::new(TOKEN.to_owned().into()), Shutdown::new(), Targets::default());
        let inbox =
            doorbell::inbox::open(&settings.inbox, token.bot_id(), Arc::clone(&clock), &stop, Arc::default()).unwrap();
        let saved =
            Arc::new(Saved { inbox, targets: targets.clone(), texts: Mutex::default(), is_away: Mutex::default() });
        let own = BotApi::new(&settings.telegram, token.clone(), Arc::clone(&clock));
        let api = RateLimitedApi::new(own, &settings.outbound, Arc::clone(&clock));
        let counts = Arc::<Counts>::default();
        let deps = gateway::Deps {
            token,
            targets: targets.clone(),
            inbox: saved.clone(),
            survey: Arc::new(SurveyCache::new(saved.clone(), Arc::clone(&clock))),
            throttles: api.throttles(),
            last_failure: Arc::new(move || last_failure.clone()),
            real_token_used: tokio::sync::watch::Sender::default(),
            counts: Arc::clone(&counts),
            traces: Traces::default(),
            clock: Arc::clone(&clock),
        };
        let routes = gateway::router(&settings.gateway, &settings.telegram, deps);
        let listener = gateway::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port is free");
        let addr = listener.local_addr().expect("it has an address");
        let deps = listener::Deps { limits: gateway::limits(), counts: Arc::default(), clock, shutdown: stop.clone() };
        stop.tasks.spawn(gateway::serve(listener, routes, deps));
        Gateway { addr, targets, saved, counts, api, stop }
    }
}

impl Gateway {
    pub fn before(upstream: &Upstream) -> Self {
        Options::before(upstream).start()
    }

    /// Sends a request and reads its answer. `{bot}` in it becomes `bot` and the stand-in token.
    pub async fn ask(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut wire = RawConnection::connect(self.addr).await;
        self.ask_on(&mut wire, request).await
    }

    /// The same on a connection that stays open.
    pub async fn ask_on(&self, wire: &mut RawConnection, request: impl AsRef<[u8]>) -> Answer {
        wire.send(with_stand_in(request.as_ref())).await;
        wire.answer().await
    }

    /// Sends a GET request for this path and query.
    pub async fn get(&self, target: &str) -> Answer {
        self.ask(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).await
    }

    /// Posts a body of this type.
    pub async fn post(&self, target: &str, content_type: &str, body: &str) -> Answer {
        self.ask(posted(target, content_type, body)).await
    }

    /// The current target.
    pub fn target(&self) -> Target {
        self.targets.current().expect("there is a target")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.stop_hard();
        Watch::of_this_process().assert_no_secret();
    }
}

/// A POST request with a length.
pub fn posted(target: &str, content_type: &str, body: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nHost: a\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The stand-in token of the tests' bot.
pub fn stand_in() -> String {
    BotToken::new(TOKEN.to_owned().into()).stand_in().expose_secret().to_owned()
}

/// Replaces `{bot}` by `bot` and the stand-in token, also in bytes that are no text.
pub fn with_stand_in(request: &[u8]) -> Vec<u8> {
    let (mark, bot) = (b"{bot}", format!("bot{}", stand_in()));
    let mut out = Vec::new();
    let mut rest = request;
    while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(bot.as_bytes());
        rest = &rest[at + mark.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// An error of the gateway's own has Telegram's form.
pub fn assert_error(answer: &Answer, code: u16, begins: &str) {
    assert_eq!(answer.status, code, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
    let json = answer.json();
    assert_eq!((&json["ok"], &json["error_code"]), (&false.into(), &code.into()), "{json}");
    assert!(json["description"].as_str().is_some_and(|text| text.starts_with(begins)), "{json}");
}

/// An inbox that records the targets that are saved, and what the target was at that moment.
pub struct Saved {
    inbox: Arc<dyn Inbox>,
    targets: Targets,
    texts: Mutex<Vec<(String, Option<Target>)>>,
    is_away: Mutex<bool>,
}

browse_through_inbox!(Saved);

impl Saved {
    /// From now on nothing can be saved.
    pub fn go_away(&self) {
        *self.is_away.lock().expect("no panic") = true;
    }

    /// The targets that were saved, each with the target that was in use then.
    pub fn texts(&self) -> Vec<(String, Option<Target>)> {
        self.texts.lock().expect("no panic").clone()
    }
}

#[async_trait]
impl Inbox for Saved {
    async fn save(&self, which: Stored, value: &str) -> Result<(), InboxError> {
        assert_eq!(which, Stored::Target, "the gateway stores nothing else");
        if *self.is_away.lock().expect("no panic") {
            return Err(InboxError::Unavailable(Arc::new(std::io::Error::other("the database is away"))));
        }
        self.texts.lock().expect("no panic").push((value.to_owned(), self.targets.current()));
        Ok(())
    }

    async fn drop_waiting(&self) -> Result<u64, InboxError> {
        if *self.is_away.lock().expect("no panic") {
            return Err(InboxError::Unavailable(Arc::new(std::io::Error::other("the database is away"))));
        }
        self.inbox.drop_waiting().await
    }

    async fn load(&self, which: Stored) -> Result<Option<String>, InboxError> {
        self.inbox.load(which).await
    }

    async fn accept(&self, update: Update) -> Result<Accepted, InboxError> {
        self.inbox.accept(update).await
    }

    async fn ready(&self, which: Claimable) {
        self.inbox.ready(which).await;
    }

    async fn claim(&self, limit: usize, which: Claimable) -> Result<Vec<Delivery>, InboxError> {
        self.inbox.claim(limit, which).await
    }

    async fn settle(&self, lease: Lease, verdict: Verdict) -> Result<(), InboxError> {
        self.inbox.settle(lease, verdict).await
    }

    async fn extend(&self, leases: &[Lease]) -> Result<(), InboxError> {
        self.inbox.extend(leases).await
    }

    async fn survey(&self) -> Result<Survey, InboxError> {
        self.inbox.survey().await
    }

    async fn list(&self, which: &Selection, limit: usize) -> Result<Vec<Record>, InboxError> {
        self.inbox.list(which, limit).await
    }

    async fn revive(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError> {
        self.inbox.revive(which).await
    }

    async fn discard(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError> {
        self.inbox.discard(which).await
    }

    async fn sweep(&self) -> Result<(), InboxError> {
        self.inbox.sweep().await
    }
}
