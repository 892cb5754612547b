use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use doorbell::app::{App, Dependencies, RunError};
use doorbell::clock::{Clock, SharedClock, SystemClock};
use doorbell::dispatch::Dispatch;
use doorbell::handler::Handler;
use doorbell::handler::forward::{Forward, Targets};
use doorbell::http::listener::Limits;
use doorbell::inbox::VerdictKind;
use doorbell::inbox::{Inbox, Survey};
use doorbell::lifecycle::Shutdown;
use doorbell::registrar::Status;
use doorbell::sandbox::{Sandbox, TOKEN};
use doorbell::settings::{Need, Settings, Sources};
use doorbell::telemetry::{Counter, Family};
use doorbell::trail::Trail;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::canary::{Watch, assert_no_secret_in_inbox};
use super::{Answer, post};

/// The webhook secret of the services under test.
pub const SECRET: &str = "webhook-secret-CANARY";

/// The settings and parts of a service under test.
pub struct TestAppBuilder {
    pub overrides: Vec<(&'static str, String)>,
    /// Environment variables, such as a platform sets.
    pub environment: Vec<(&'static str, &'static str)>,
    pub handler: Option<Arc<dyn Handler>>,
    pub clock: SharedClock,
    pub limits: Limits,
    /// A folder that outlives the service, for tests that restart it.
    pub folder: Option<Arc<TempDir>>,
    /// A sandbox that outlives the service.
    pub sandbox: Option<Sandbox>,
}

impl Default for TestAppBuilder {
    fn default() -> Self {
        Self {
            overrides: Vec::new(),
            environment: Vec::new(),
            handler: None,
            clock: Arc::new(SystemClock),
            limits: Limits::default(),
            folder: None,
            sandbox: None,
        }
    }
}

impl TestAppBuilder {
    #[expect(clippy::needless_pass_by_value, reason = "callers pass numbers and strings")]
    pub fn with(mut self, key: &'static str, value: impl ToString) -> Self {
        self.overrides.push((key, value.to_string()));
        self
    }

    pub fn with_handler(mut self, handler: impl Handler + 'static) -> Self {
        self.handler = Some(Arc::new(handler));
        self
    }

    /// Runs on the platform that these variables identify, with its default takeover rule.
    pub fn on_platform(mut self, environment: &[(&'static str, &'static str)]) -> Self {
        self.environment = environment.to_vec();
        self.with("webhook.takeover", "auto")
    }

    /// Uses this sandbox as Telegram. Several services can share one.
    pub fn with_sandbox(mut self, sandbox: &Sandbox) -> Self {
        self.sandbox = Some(sandbox.clone());
        self
    }

    pub fn with_clock(mut self, clock: &(impl Clock + Clone + 'static)) -> Self {
        self.clock = Arc::new(clock.clone());
        // Nothing moves the clock while the service stops.
        self.limits.farewell = Duration::ZERO;
        self
    }

    /// Starts the service and waits until it listens, but not until it is registered.
    pub async fn start(self) -> TestApp {
        Watch::of_this_process();
        let telegram = Shutdown::new();
        let sandbox = match self.sandbox {
            Some(sandbox) => sandbox,
            None => Sandbox::start(SocketAddr::from(([127, 0, 0, 1], 0)), Arc::new(SystemClock), &telegram)
                .await
                .expect("a free port is free"),
        };
        let folder = self.folder.unwrap_or_else(|| Arc::new(tempfile::tempdir().expect("a temporary folder")));
        let environment = self.environment.into_iter().collect();
        let mut sources = Sources { environment, ..Sources::default() }
            .with("telegram.bot_token", TOKEN)
            .with("telegram.api_url", sandbox.api_url())
            .with("server.host", "127.0.0.1")
            .with("server.port", 0)
            .with("webhook.secret_token", SECRET)
            .with("webhook.takeover", "always")
            .with("inbox.url", format!("sqlite:{}", folder.path().join("inbox.db").display()));
        // The public URL contains the port, so it must be known before the service starts.
        let port = free_port();
        sources = sources.with("server.port", port).with("webhook.public_url", format!("http://127.0.0.1:{port}"));
        if self.overrides.iter().any(|(key, _)| *key == "forward.url") {
            // The default port of the gateway is one for all tests.
            sources = sources.with("gateway.listen", "127.0.0.1:0");
        }
        for (key, value) in self.overrides {
            sources = sources.with(key, value);
        }
        let settings = Settings::load(&sources, Need::Token).unwrap_or_else(|error| panic!("{error}"));
        let shutdown = Shutdown::new();
        let dependencies = Dependencies {
            handler: self.handler,
            clock: self.clock,
            shutdown: shutdown.clone(),
            limits: self.limits,
            command: None,
            trail: Trail::default(),
        };
        let app = App::build_with(settings, dependencies).unwrap_or_else(|error| panic!("{error}"));
        let (addr, registration, inbox, dispatch) = (app.addr(), app.registration(), app.inbox(), app.dispatch());
        let trail = app.trail();
        let (forward, targets) = (app.forward(), app.targets());
        #[expect(clippy::disallowed_methods, reason = "the service waits for its tasks, and must not be one of them")]
        let running = Some(tokio::spawn(app.run()));
        TestApp {
            addr,
            sandbox,
            folder,
            inbox,
            dispatch,
            forward,
            targets,
            registration,
            trail,
            shutdown,
            running,
            allow_unfinished_work: false,
            _telegram: telegram,
        }
    }
}

/// A running service. When it is dropped, the test fails if updates are unfinished (unless
/// `allow_unfinished_work` is set) or if the log or the inbox contains a secret.
pub struct TestApp {
    pub addr: SocketAddr,
    pub sandbox: Sandbox,
    pub folder: Arc<TempDir>,
    pub inbox: Arc<dyn Inbox>,
    pub registration: watch::Receiver<Status>,
    pub trail: Trail,
    pub shutdown: Shutdown,
    pub allow_unfinished_work: bool,
    pub dispatch: Arc<Dispatch>,
    /// Your own bot behind the service.
    pub forward: Option<Arc<Forward>>,
    pub targets: Option<Targets>,
    running: Option<JoinHandle<Result<(), RunError>>>,
    _telegram: Shutdown,
}

impl TestApp {
    /// Starts a service with default settings and waits until its webhook is registered.
    pub async fn spawn() -> Self {
        let app = TestAppBuilder::default().start().await;
        app.registered().await;
        app
    }

    /// Returns once the webhook is registered.
    pub async fn registered(&self) {
        let mut registration = self.registration.clone();
        let active = registration.wait_for(Status::is_active);
        tokio::time::timeout(Duration::from_secs(20), active).await.expect("registered in time").expect("it runs");
    }

    /// Delivers an update with the correct secret.
    pub async fn deliver(&self, update: &Value) -> Answer {
        post(self.addr, Some(SECRET), update.to_string().as_bytes()).await
    }

    /// Runs the handler for every update that is ready.
    pub async fn drain(&self) {
        self.dispatch.drain().await;
    }

    /// The texts that the bot sent to a chat, in order.
    pub fn replies(&self, chat: i64) -> Vec<String> {
        self.sandbox
            .messages(Some(chat))
            .into_iter()
            .filter(|message| message.bot)
            .map(|message| message.text)
            .collect()
    }

    /// The number of attempts so far by outcome.
    pub fn attempts(&self) -> &Family<VerdictKind, Counter> {
        &self.dispatch.counts().attempts
    }

    pub async fn survey(&self) -> Survey {
        self.inbox.survey().await.expect("the inbox answers")
    }

    /// Stops the service softly and returns its result.
    pub async fn stop(&mut self) -> Result<(), RunError> {
        self.shutdown.soft.cancel();
        self.stop_by_itself().await
    }

    /// Waits until the service ends and returns its result.
    pub async fn stop_by_itself(&mut self) -> Result<(), RunError> {
        let running = self.running.take().expect("it runs");
        tokio::time::timeout(Duration::from_secs(30), running)
            .await
            .expect("it stops in time")
            .expect("without a panic")
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        Watch::of_this_process().assert_no_secret();
        if !std::thread::panicking() {
            assert_no_secret_in_inbox(&self.folder.path().join("inbox.db"));
        }
        if self.allow_unfinished_work || std::thread::panicking() || self.running.is_none() {
            return;
        }
        let inbox = Arc::clone(&self.inbox);
        let surveyed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(inbox.survey())
        });
        let survey = surveyed.join().expect("without a panic").expect("the inbox answers");
        assert_eq!((survey.waiting, survey.held, survey.dead), (0, 0, 0), "updates are unfinished: {survey:?}");
    }
}

/// A port that is free now.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port is free");
    listener.local_addr().expect("it has an address").port()
}

/// Starts a sandbox that several services can share, on this clock.
pub async fn start_sandbox(clock: &(impl Clock + Clone + 'static)) -> Sandbox {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    Sandbox::start(listen, Arc::new(clock.clone()), &Shutdown::new()).await.expect("a free port is free")
}

/// The number of calls of a method that Telegram received.
pub fn count_calls(sandbox: &Sandbox, method: &str) -> usize {
    sandbox.calls().iter().filter(|call| call.method == method).count()
}
