use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::api::BotApi;
use super::call::Call;
use super::circuit_breaker::{CircuitBreaker, Permit};
use super::error::ApiError;
use super::rate_limits::RateLimits;
use crate::clock::SharedClock;
use crate::settings::OutboundSettings;

/// Makes the calls of updates within the rate limits, and stops them while Telegram is away.
pub struct RateLimitedApi {
    api: BotApi,
    clock: SharedClock,
    in_flight: Semaphore,
    limits: Arc<Mutex<RateLimits>>,
    breaker: CircuitBreaker,
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
            unknown_outcome_attempts: settings.unknown_outcome_attempts,
            clock,
        }
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
        let Self { api, permit, in_flight } = self;
        let outcome = api.api.perform(call).await;
        drop(in_flight);
        permit.report(&outcome);
        if let Err(ApiError::Throttled { retry_after }) = outcome {
            api.limits.lock().hold(call, api.clock.steady(), retry_after);
        }
        outcome
    }
}

impl fmt::Debug for RateLimitedApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RateLimitedApi").field(&self.api).finish()
    }
}
