//! Keeps calls within the limits: what Telegram asked us to wait for is not called before, and what
//! the operator capped goes no faster than that.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::gate::{Gate, Pass};
use super::{ApiError, BotApi, Call};
use crate::clock::{SharedClock, elapsed, later};
use crate::settings::OutboundSettings;

/// The longest a call waits here for its turn under a cap; one that would wait longer is put off until then.
/// So late may it come back as well: after that its turn is over.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// With fewer chats none is forgotten.
const CHATS: usize = 1024;

/// Makes calls as fast as the limits let it, for everybody who makes calls of updates.
pub struct PacedApi {
    api: BotApi,
    clock: SharedClock,
    in_flight: Semaphore,
    limits: Mutex<Limits>,
    gate: Gate,
    unknown_outcome_attempts: u32,
}

impl PacedApi {
    /// Calls of `api`, within these caps.
    #[must_use]
    pub fn new(api: BotApi, settings: &OutboundSettings, clock: SharedClock) -> Self {
        let limits = Mutex::new(Limits::new(settings));
        let gate = Gate::new(Arc::clone(&clock));
        let unknown_outcome_attempts = settings.unknown_outcome_attempts;
        Self { api, clock, in_flight: Semaphore::new(settings.max_in_flight), limits, gate, unknown_outcome_attempts }
    }

    /// Returns when a call may be made as far as Telegram is available: at once, unless Telegram is away and another
    /// call is asking whether it is back.
    ///
    /// # Errors
    ///
    /// When to come again, where Telegram is away and it is too early to ask.
    pub async fn pass(&self) -> Result<Pass<'_>, Timestamp> {
        self.gate.pass().await
    }

    /// When a call that has just failed may come again; none where it may have failed alone.
    #[must_use]
    pub fn again_at(&self) -> Option<Timestamp> {
        self.gate.again_at()
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
    pub async fn turn<'a>(&'a self, call: &Call, pass: Pass<'a>) -> Result<Turn<'a>, ApiError> {
        let put_off = |_: &ApiError| {
            self.api.counts().put_off.inc();
        };
        let wait = self.limits().turn(call, self.clock.steady()).inspect_err(put_off)?;
        if !wait.is_zero() {
            self.clock.sleep(wait).await;
        }
        // The places are never closed; were they, nothing would keep count of them.
        let place = self.in_flight.acquire().await.ok();
        // While this one waited, another may have been told to wait.
        self.limits().free(call, self.clock.steady()).inspect_err(put_off)?;
        if pass.is_outdated() {
            return Err(ApiError::Throttled { retry_after: Duration::ZERO }).inspect_err(put_off);
        }
        Ok(Turn { paced: self, pass, _place: place })
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to make one call now.
pub struct Turn<'a> {
    paced: &'a PacedApi,
    pass: Pass<'a>,
    _place: Option<SemaphorePermit<'a>>,
}

impl Turn<'_> {
    /// Makes the call; nobody wants its `result`. When the future is dropped, the outcome is unknown.
    ///
    /// # Errors
    ///
    /// See [`ApiError`].
    pub async fn perform(self, call: &Call) -> Result<(), ApiError> {
        let Self { paced, pass, _place: place } = self;
        let made = paced.api.perform(call).await;
        drop(place);
        pass.ended(&made);
        if let Err(ApiError::Throttled { retry_after }) = made {
            paced.limits().hold(call, paced.clock.steady(), retry_after);
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

/// When the turn of a call is, as far as it was given one: under the cap of its chat, and under that of all.
#[derive(Clone, Copy, Debug, Default)]
struct Reservation {
    of_chat: Option<Timestamp>,
    of_all: Option<Timestamp>,
}

impl Reservation {
    fn at(self) -> Option<Timestamp> {
        self.of_chat.max(self.of_all)
    }

    fn is_over(self, now: Timestamp) -> bool {
        self.at().is_none_or(|at| later(at, LONGEST_WAIT) < now)
    }
}

/// Tells calls apart.
fn fingerprint(call: &Call) -> u64 {
    let mut hasher = DefaultHasher::new();
    call.method.hash(&mut hasher);
    serde_json::to_string(&call.params).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}

/// Who may be called when. Pure: it is told the time.
#[derive(Debug)]
struct Limits {
    /// Telegram asked to wait with everything.
    everybody: Option<Timestamp>,
    /// Telegram asked to wait with these chats, each until then.
    held: HashMap<Chat, Timestamp>,
    /// The time between two calls, and when the next may be.
    every: Option<Duration>,
    next: Timestamp,
    /// The same for each chat.
    every_of_chat: Option<Duration>,
    next_of_chat: HashMap<Chat, Timestamp>,
    /// The turns of calls that were put off, the next one first: each call comes back, as it was, when its turn is.
    put_off: HashMap<u64, VecDeque<Reservation>>,
    /// From so many chats on, those whose time is over are forgotten.
    most_chats: usize,
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
            put_off: HashMap::new(),
            most_chats: CHATS,
        }
    }

    /// Whether Telegram has asked to wait with this call.
    fn free(&self, call: &Call, now: Timestamp) -> Result<(), ApiError> {
        if self.everybody.is_none() && self.held.is_empty() {
            return Ok(());
        }
        let of_chat = Chat::of(call).and_then(|chat| self.held.get(&chat));
        let until = self.everybody.as_ref().max(of_chat).filter(|until| **until > now);
        until.map_or(Ok(()), |until| Err(ApiError::Throttled { retry_after: elapsed(now, *until) }))
    }

    /// Gives this call its turn under the caps, and says how far away it is. One that is far away is kept for it:
    /// the call is put off until then, and no other is given that turn.
    fn turn(&mut self, call: &Call, now: Timestamp) -> Result<Duration, ApiError> {
        self.free(call, now)?;
        if self.every.is_none() && self.every_of_chat.is_none() {
            return Ok(Duration::ZERO);
        }
        let chat = Chat::of(call);
        let mut turn = self.kept(call, now).unwrap_or_default();
        if let (None, Some(every), Some(chat)) = (turn.of_chat, self.every_of_chat, &chat) {
            let at = self.next_of_chat.get(chat).map_or(now, |next| (*next).max(now));
            self.next_of_chat.insert(chat.clone(), later(at, every));
            turn.of_chat = Some(at);
        }
        // A chat's own turn may be far away: until then the others have theirs.
        let near = turn.of_chat.is_none_or(|at| elapsed(now, at) <= LONGEST_WAIT);
        if let (None, Some(every), true) = (turn.of_all, self.every, near) {
            let at = self.next.max(turn.of_chat.unwrap_or(now)).max(now);
            self.next = later(at, every);
            turn.of_all = Some(at);
        }
        let wait = turn.at().map_or(Duration::ZERO, |at| elapsed(now, at));
        self.forget(now);
        if wait > LONGEST_WAIT {
            self.put_off.entry(fingerprint(call)).or_default().push_back(turn);
            return Err(ApiError::Throttled { retry_after: wait });
        }
        Ok(wait)
    }

    /// The turn that was kept for this call, or for one that is the same, if it has come.
    fn kept(&mut self, call: &Call, now: Timestamp) -> Option<Reservation> {
        let Entry::Occupied(mut turns) = self.put_off.entry(fingerprint(call)) else { return None };
        while turns.get().front().is_some_and(|turn| turn.is_over(now)) {
            turns.get_mut().pop_front();
        }
        let near = |turn: &Reservation| turn.at().is_some_and(|at| elapsed(now, at) <= LONGEST_WAIT);
        let turn = if turns.get().front().is_some_and(near) { turns.get_mut().pop_front() } else { None };
        if turns.get().is_empty() {
            turns.remove();
        }
        turn
    }

    /// Forgets chats whose time is over, when there are many.
    fn forget(&mut self, now: Timestamp) {
        let chats = |limits: &Self| limits.held.len().max(limits.next_of_chat.len()).max(limits.put_off.len());
        if chats(self) >= self.most_chats {
            self.held.retain(|_, until| *until > now);
            self.next_of_chat.retain(|_, next| *next > now);
            self.put_off.retain(|_, turns| turns.back().is_some_and(|turn| !turn.is_over(now)));
            self.most_chats = CHATS.max(2 * chats(self));
        }
    }

    /// Remembers that Telegram asked to wait: with a chat, where the call was for one, else with
    /// everything. What sets up the bot, such as `setMyCommands`, has limits of its own and concerns
    /// nobody else.
    fn hold(&mut self, call: &Call, now: Timestamp, retry_after: Duration) {
        let until = later(now, retry_after);
        if let Some(chat) = Chat::of(call) {
            self.forget(now);
            self.held.insert(chat, until);
        } else if !["set", "get", "delete"].iter().any(|verb| call.method.to_lowercase().starts_with(verb)) {
            tracing::warn!(
                method = call.method,
                retry_after_s = retry_after.as_secs(),
                "Telegram asks to wait with all calls"
            );
            self.everybody = Some(until);
        }
    }
}

#[cfg(test)]
mod tests;
