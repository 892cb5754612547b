use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::api::BotApi;
use super::call::Call;
use super::circuit_breaker::{CircuitBreaker, OUTAGE, Permit};
use super::download::DownloadError;
use super::error::ApiError;
use super::forbidden;
use super::rate_limits::RateLimits;
use super::slowness::Slowness;
use crate::clock::{SharedClock, elapsed};
use crate::settings::OutboundSettings;

/// Makes the calls of updates within the rate limits, and stops them while Telegram is away.
pub struct RateLimitedApi {
    api: BotApi,
    clock: SharedClock,
    in_flight: Semaphore,
    limits: Arc<Mutex<RateLimits>>,
    breaker: CircuitBreaker,
    slowness: Slowness,
    unknown_outcome_attempts: u32,
}

impl RateLimitedApi {
    /// Makes calls of `api` within the caps of the settings.
    #[must_use]
    pub fn new(api: BotApi, settings: &OutboundSettings, clock: SharedClock) -> Self {
        Self {
            api,
            in_flight: Semaphore::new(settings.max_in_flight),
            limits: Arc::new(Mutex::new(RateLimits::new(settings))),
            breaker: CircuitBreaker::new(Arc::clone(&clock)),
            slowness: Slowness::new(Arc::clone(&clock)),
            unknown_outcome_attempts: settings.unknown_outcome_attempts,
            clock,
        }
    }

    /// Makes a call of a handler and returns its result: at once, within the rate limits, and only while Telegram is
    /// available. It is for results that the handler needs, such as those of `getChatMember` and `getFile`, and for
    /// uploads that are too large to be stored.
    ///
    /// Doorbell does not keep this call. It is made again whenever the handler runs again for the update, which happens after
    /// an error and after a crash. So return a call that sends a message, and make here what may be made twice. `?` turns
    /// an error into the [`HandlerError`](crate::handler::HandlerError) that fits.
    ///
    /// ```
    /// use doorbell::handler::{Context, Handler, HandlerError};
    /// use doorbell::telegram::Call;
    /// use doorbell::update::Update;
    ///
    /// /// Answers only the administrators of a group.
    /// struct ForAdministrators;
    ///
    /// #[async_trait::async_trait]
    /// impl Handler for ForAdministrators {
    ///     async fn handle(&self, update: &Update, context: &Context<'_>) -> Result<Vec<Call>, HandlerError> {
    ///         let Ok(message) = update.decode::<serde_json::Value>() else { return Ok(Vec::new()) };
    ///         let (chat, user) = (message["chat"]["id"].clone(), message["from"]["id"].clone());
    ///         let ask = Call::new("getChatMember").with("chat_id", chat.clone()).with("user_id", user);
    ///         let member = context.api.call(&ask).await?;
    ///         let is_administrator = matches!(member["status"].as_str(), Some("administrator" | "creator"));
    ///         let reply = Call::new("sendMessage").with("chat_id", chat).with("text", "At your service.");
    ///         Ok(is_administrator.then_some(reply).into_iter().collect())
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// See [`ApiError`]. A method that would make the bot poll, or that changes the registration, is refused with
    /// [`ApiError::NotAllowed`]. While Telegram is away, [`ApiError::Unreachable`] comes at once.
    pub async fn call(&self, call: &Call) -> Result<Value, ApiError> {
        forbidden::check(&call.method)?;
        let permit = self.permit().await.map_err(away)?;
        self.turn(call, permit).await?.call(call).await
    }

    /// Downloads a file of at most `largest` bytes: Telegram's own Bot API serves files of up to 20 MB. `path` is the
    /// `file_path` in the result of `getFile`, which is valid for an hour.
    ///
    /// # Errors
    ///
    /// See [`DownloadError`].
    pub async fn download(&self, path: &str, largest: usize) -> Result<Bytes, DownloadError> {
        let permit = self.permit().await.map_err(away)?;
        // The semaphore is never closed.
        let in_flight = self.in_flight.acquire().await.ok();
        let downloaded = self.api.download(path, largest).await;
        drop(in_flight);
        match &downloaded {
            Err(DownloadError::Api(error)) => permit.report::<()>(&Err(error.clone())),
            // Nothing was sent.
            Err(DownloadError::NotServed) => drop(permit),
            Ok(_) | Err(DownloadError::TooLarge { .. }) => permit.report(&Ok(())),
        }
        downloaded
    }

    /// Permits a call as far as Telegram is available: at once, unless Telegram is away and another call probes whether
    /// it is back.
    ///
    /// # Errors
    ///
    /// When to try again, if Telegram is away and it is too early to probe.
    pub async fn permit(&self) -> Result<Permit<'_>, Timestamp> {
        self.breaker.permit().await
    }

    /// When a call that has just failed may be tried again. `None` if it may be the only one that fails.
    #[must_use]
    pub fn retry_at(&self) -> Option<Timestamp> {
        self.breaker.retry_at()
    }

    /// What to know while Telegram carries out no calls, in the words of the log. `None` while it does, as far as is known.
    #[must_use]
    pub fn outage(&self) -> Option<&'static str> {
        self.retry_at().is_some().then_some(OUTAGE)
    }

    /// What to know while Telegram answers slowly, in the words of the log.
    #[must_use]
    pub fn slowness(&self) -> Option<&'static str> {
        self.slowness.sentence()
    }

    /// How often a call is sent at most while its outcome is unknown.
    pub fn unknown_outcome_attempts(&self) -> u32 {
        self.unknown_outcome_attempts
    }

    /// The waits that Telegram asked for, for a part that learns of them in another way.
    #[must_use]
    pub fn throttles(&self) -> Throttles {
        Throttles { limits: Arc::clone(&self.limits), clock: Arc::clone(&self.clock) }
    }

    /// Waits until the rate limits allow this call. It sends nothing.
    ///
    /// # Errors
    ///
    /// [`ApiError::Throttled`] if the call would have to wait long.
    pub async fn turn<'a>(&'a self, call: &Call, permit: Permit<'a>) -> Result<Turn<'a>, ApiError> {
        let count = |_: &ApiError| {
            self.api.counts().put_off.inc();
        };
        let wait = self.limits.lock().turn(call, self.clock.steady()).inspect_err(count)?;
        if !wait.is_zero() {
            self.clock.sleep(wait).await;
        }
        // The semaphore is never closed.
        let in_flight = self.in_flight.acquire().await.ok();
        // Telegram may have asked another call to wait in the meantime.
        self.limits.lock().check(call, self.clock.steady()).inspect_err(count)?;
        if permit.is_outdated() {
            return Err(ApiError::Throttled { retry_after: Duration::ZERO }).inspect_err(count);
        }
        Ok(Turn { api: self, permit, in_flight })
    }
}

/// Where a part that does not make its calls through [`RateLimitedApi`] notes that Telegram asked to wait. Clones share it.
#[derive(Clone)]
pub struct Throttles {
    limits: Arc<Mutex<RateLimits>>,
    clock: SharedClock,
}

impl Throttles {
    /// Notes that Telegram answered this call with 429. [`RateLimitedApi`] then waits with the calls of its chat, or with
    /// all calls if it has none.
    pub fn note(&self, call: &Call, retry_after: Duration) {
        self.limits.lock().hold(call, self.clock.steady(), retry_after);
    }
}

impl fmt::Debug for Throttles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttles").finish_non_exhaustive()
    }
}

/// The permission to make one call now, within all limits.
pub struct Turn<'a> {
    api: &'a RateLimitedApi,
    permit: Permit<'a>,
    in_flight: Option<SemaphorePermit<'a>>,
}

impl Turn<'_> {
    /// Makes the call and drops its result. If the future is dropped, the outcome is unknown.
    ///
    /// # Errors
    ///
    /// See [`ApiError`].
    pub async fn perform(self, call: &Call) -> Result<(), ApiError> {
        let begun = self.api.clock.steady();
        let outcome = self.api.api.perform(call).await;
        self.finish(call, begun, outcome)
    }

    /// Makes the call and returns its result.
    async fn call(self, call: &Call) -> Result<Value, ApiError> {
        let begun = self.api.clock.steady();
        let outcome = self.api.api.call(call).await;
        self.finish(call, begun, outcome)
    }

    /// `begun` is when the call was sent, by the steady clock.
    fn finish<T>(self, call: &Call, begun: Timestamp, outcome: Result<T, ApiError>) -> Result<T, ApiError> {
        let Self { api, permit, in_flight } = self;
        drop(in_flight);
        permit.report(&outcome);
        if matches!(outcome, Ok(_) | Err(ApiError::Throttled { .. } | ApiError::Refused { .. })) {
            api.slowness.answered(elapsed(begun, api.clock.steady()));
        }
        if let Err(ApiError::Throttled { retry_after }) = outcome {
            api.limits.lock().hold(call, api.clock.steady(), retry_after);
        }
        outcome
    }
}

/// The error of a call that is not made, because Telegram is away until about this time.
fn away(_next_probe: Timestamp) -> ApiError {
    ApiError::Unreachable {
        reason: "it carried out no call in the last seconds, and it is too early for another".to_owned(),
    }
}

impl fmt::Debug for RateLimitedApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RateLimitedApi").field(&self.api).finish()
    }
}
