//! Keeps calls within the limits: what Telegram asked us to wait for is not called before, and what
//! the operator capped goes no faster than that.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{ApiError, BotApi, Call};
use crate::clock::{SharedClock, elapsed, later};
use crate::settings::OutboundSettings;

/// The longest a call waits here for its turn under a cap; one that would wait longer is put off.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// From so many chats on, those whose time is over are forgotten.
const CHATS: usize = 1024;

/// Makes calls as fast as the limits let it, for everybody who makes calls of updates.
pub struct PacedApi {
    api: BotApi,
    clock: SharedClock,
    in_flight: Semaphore,
    limits: Mutex<Limits>,
    unknown_outcome_attempts: u32,
}

impl PacedApi {
    /// Calls of `api`, within these caps.
    #[must_use]
    pub fn new(api: BotApi, settings: &OutboundSettings, clock: SharedClock) -> Self {
        let limits = Mutex::new(Limits::new(settings));
        let unknown_outcome_attempts = settings.unknown_outcome_attempts;
        Self { api, clock, in_flight: Semaphore::new(settings.max_in_flight), limits, unknown_outcome_attempts }
    }

    /// How often a call is sent at most, while nobody knows whether Telegram carried it out.
    pub fn unknown_outcome_attempts(&self) -> u32 {
        self.unknown_outcome_attempts
    }

    /// Waits until this call may be made. A short wait for a cap is waited here. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ApiError::Throttled`] when the call would come too soon.
    pub async fn turn(&self, call: &Call) -> Result<Turn<'_>, ApiError> {
        let put_off = |_: &ApiError| {
            self.api.counts().put_off.count();
        };
        let turn = self.limits().turn(call, self.clock.now()).inspect_err(put_off)?;
        if !turn.is_zero() {
            self.clock.sleep(turn).await;
        }
        // The places are never closed; were they, nothing would keep count of them.
        let place = self.in_flight.acquire().await.ok();
        // While this one waited, another may have been told to wait.
        self.limits().free(call, self.clock.now()).inspect_err(put_off)?;
        Ok(Turn { paced: self, _place: place })
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to make one call now.
pub struct Turn<'a> {
    paced: &'a PacedApi,
    _place: Option<SemaphorePermit<'a>>,
}

impl Turn<'_> {
    /// Makes the call; nobody wants its `result`. When the future is dropped, the outcome is unknown.
    ///
    /// # Errors
    ///
    /// See [`ApiError`].
    pub async fn perform(self, call: &Call) -> Result<(), ApiError> {
        let paced = self.paced;
        let made = paced.api.perform(call).await;
        drop(self);
        if let Err(ApiError::Throttled { retry_after }) = made {
            paced.limits().hold(call, paced.clock.now(), retry_after);
        }
        made
    }
}

impl fmt::Debug for PacedApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PacedApi").field(&self.api).finish()
    }
}

/// The chat of a call: by its number, or by its public name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Chat {
    Id(i64),
    Name(String),
}

impl Chat {
    fn of(call: &Call) -> Option<Self> {
        let chat = call.params.get("chat_id")?;
        match chat.as_str() {
            Some(name) => Some(name.trim().parse().map_or_else(|_| Self::Name(name.to_lowercase()), Self::Id)),
            None => chat.as_i64().map(Self::Id),
        }
    }
}

/// A span in which nothing is called. It has a beginning so that it ends as well when the clock is
/// set back.
#[derive(Clone, Copy, Debug)]
struct Hold {
    since: Timestamp,
    until: Timestamp,
}

impl Hold {
    fn left(self, now: Timestamp) -> Option<Duration> {
        (self.since <= now && now < self.until).then(|| elapsed(now, self.until))
    }
}

/// Who may be called when. Pure: it is told the time.
#[derive(Debug)]
struct Limits {
    /// Telegram asked to wait with everything.
    everybody: Option<Hold>,
    /// Telegram asked to wait with these chats.
    held: HashMap<Chat, Hold>,
    /// The time between two calls, and when the next may be.
    every: Option<Duration>,
    next: Timestamp,
    /// The same for each chat.
    every_of_chat: Option<Duration>,
    next_of_chat: HashMap<Chat, Timestamp>,
}

impl Limits {
    fn new(settings: &OutboundSettings) -> Self {
        let every = |rate: Option<f64>| rate.map(|rate| Duration::from_secs_f64(1.0 / rate));
        Self {
            everybody: None,
            held: HashMap::new(),
            every: every(settings.per_second),
            next: Timestamp::MIN,
            every_of_chat: every(settings.per_chat_per_second),
            next_of_chat: HashMap::new(),
        }
    }

    /// Whether Telegram has asked to wait with this call.
    fn free(&self, call: &Call, now: Timestamp) -> Result<(), ApiError> {
        if self.everybody.is_none() && self.held.is_empty() {
            return Ok(());
        }
        let of_chat = Chat::of(call).and_then(|chat| self.held.get(&chat));
        let left = [self.everybody.as_ref(), of_chat].into_iter().flatten().filter_map(|hold| hold.left(now)).max();
        left.map_or(Ok(()), |retry_after| Err(ApiError::Throttled { retry_after }))
    }

    /// Takes the next turn of this call under the caps, and says how far away it is. None is taken
    /// where the call has to be put off.
    fn turn(&mut self, call: &Call, now: Timestamp) -> Result<Duration, ApiError> {
        self.free(call, now)?;
        let chat = self.every_of_chat.and_then(|every| Some((Chat::of(call)?, every)));
        if self.every.is_none() && chat.is_none() {
            return Ok(Duration::ZERO);
        }
        // A turn further away than one can be was given out before the clock was set back.
        let bounded = |next: Timestamp, every: Duration| next.min(later(now, LONGEST_WAIT + every)).max(now);
        let mut at = self.every.map_or(now, |every| bounded(self.next, every));
        if let Some((chat, every)) = &chat {
            at = at.max(self.next_of_chat.get(chat).map_or(now, |next| bounded(*next, *every)));
        }
        let wait = elapsed(now, at);
        if wait > LONGEST_WAIT {
            return Err(ApiError::Throttled { retry_after: wait });
        }
        if let Some(every) = self.every {
            self.next = later(at, every);
        }
        if let Some((chat, every)) = chat {
            if self.next_of_chat.len() >= CHATS {
                self.next_of_chat.retain(|_, next| *next > now);
            }
            self.next_of_chat.insert(chat, later(at, every));
        }
        Ok(wait)
    }

    /// Remembers that Telegram asked to wait: with a chat, where the call was for one, else with
    /// everything. What sets up the bot, such as `setMyCommands`, has limits of its own and concerns
    /// nobody else.
    fn hold(&mut self, call: &Call, now: Timestamp, retry_after: Duration) {
        let hold = Hold { since: now, until: later(now, retry_after) };
        if let Some(chat) = Chat::of(call) {
            if self.held.len() >= CHATS {
                self.held.retain(|_, hold| hold.left(now).is_some());
            }
            self.held.insert(chat, hold);
        } else if !["set", "get", "delete"].iter().any(|verb| call.method.to_lowercase().starts_with(verb)) {
            tracing::warn!(
                method = call.method,
                retry_after_s = retry_after.as_secs(),
                "Telegram asks to wait with all calls"
            );
            self.everybody = Some(hold);
        }
    }
}

#[cfg(test)]
mod tests;
