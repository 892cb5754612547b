//! The rate limits of calls: the waits that Telegram asked for, and the caps of the operator. Pure: the caller passes the
//! time.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use jiff::Timestamp;

use super::call::Call;
use super::error::ApiError;
use crate::clock::{elapsed, later};
use crate::settings::OutboundSettings;

/// The longest time for which a call waits under a cap. A call that must wait longer is put off, and its turn is reserved.
/// It may come back for its turn as late as this.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// While there are fewer chats than this, no chat is forgotten.
const CHATS: usize = 1024;

/// The chat of a call, by its id or by its public name.
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

/// The reserved turn of a call, under the cap of its chat and under the cap of all calls.
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

/// A hash that distinguishes calls.
fn fingerprint(call: &Call) -> u64 {
    let mut hasher = DefaultHasher::new();
    call.method.hash(&mut hasher);
    serde_json::to_string(&call.params).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}

/// When each chat may be called.
#[derive(Debug)]
pub(super) struct RateLimits {
    /// Until then Telegram asked to wait with all calls.
    all_until: Option<Timestamp>,
    /// Until then Telegram asked to wait with the calls of a chat.
    chats_until: HashMap<Chat, Timestamp>,
    /// The time between two calls, and when the next call may be made.
    every: Option<Duration>,
    next: Timestamp,
    /// The same for the calls of each chat.
    every_of_chat: Option<Duration>,
    next_of_chat: HashMap<Chat, Timestamp>,
    /// The reserved turns of calls that were put off, the next one first. A call comes back unchanged for its turn.
    reserved: HashMap<u64, VecDeque<Reservation>>,
    /// From this number of chats on, those without a wait are forgotten.
    forget_at: usize,
}

impl RateLimits {
    pub(super) fn new(settings: &OutboundSettings) -> Self {
        let every = |rate: Option<f64>| rate.map(|rate| Duration::from_secs_f64(1.0 / rate));
        Self {
            all_until: None,
            chats_until: HashMap::new(),
            every: every(settings.per_second),
            next: Timestamp::MIN,
            every_of_chat: every(settings.per_chat_per_second),
            next_of_chat: HashMap::new(),
            reserved: HashMap::new(),
            forget_at: CHATS,
        }
    }

    /// Checks that Telegram has not asked to wait with this call.
    pub(super) fn check(&self, call: &Call, now: Timestamp) -> Result<(), ApiError> {
        if self.all_until.is_none() && self.chats_until.is_empty() {
            return Ok(());
        }
        let of_chat = Chat::of(call).and_then(|chat| self.chats_until.get(&chat));
        let until = self.all_until.as_ref().max(of_chat).filter(|until| **until > now);
        until.map_or(Ok(()), |until| Err(ApiError::Throttled { retry_after: elapsed(now, *until) }))
    }

    /// Gives this call a turn under the caps, and returns the wait until then. If the wait is long, the turn is reserved
    /// and the call is put off.
    pub(super) fn turn(&mut self, call: &Call, now: Timestamp) -> Result<Duration, ApiError> {
        self.check(call, now)?;
        if self.every.is_none() && self.every_of_chat.is_none() {
            return Ok(Duration::ZERO);
        }
        let chat = Chat::of(call);
        let mut turn = self.take_reserved(call, now).unwrap_or_default();
        if let (None, Some(every), Some(chat)) = (turn.of_chat, self.every_of_chat, &chat) {
            let at = self.next_of_chat.get(chat).map_or(now, |next| (*next).max(now));
            self.next_of_chat.insert(chat.clone(), later(at, every));
            turn.of_chat = Some(at);
        }
        // The turn of a chat may be far away. Until then other chats have theirs.
        let near = turn.of_chat.is_none_or(|at| elapsed(now, at) <= LONGEST_WAIT);
        if let (None, Some(every), true) = (turn.of_all, self.every, near) {
            let at = self.next.max(turn.of_chat.unwrap_or(now)).max(now);
            self.next = later(at, every);
            turn.of_all = Some(at);
        }
        let wait = turn.at().map_or(Duration::ZERO, |at| elapsed(now, at));
        self.forget(now);
        if wait > LONGEST_WAIT {
            self.reserved.entry(fingerprint(call)).or_default().push_back(turn);
            return Err(ApiError::Throttled { retry_after: wait });
        }
        Ok(wait)
    }

    /// The turn that was reserved for this call, or for an equal one, if it is near.
    fn take_reserved(&mut self, call: &Call, now: Timestamp) -> Option<Reservation> {
        let Entry::Occupied(mut turns) = self.reserved.entry(fingerprint(call)) else { return None };
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

    /// Forgets the chats without a wait, if there are many chats.
    fn forget(&mut self, now: Timestamp) {
        let chats = |limits: &Self| limits.chats_until.len().max(limits.next_of_chat.len()).max(limits.reserved.len());
        if chats(self) >= self.forget_at {
            self.chats_until.retain(|_, until| *until > now);
            self.next_of_chat.retain(|_, next| *next > now);
            self.reserved.retain(|_, turns| turns.back().is_some_and(|turn| !turn.is_over(now)));
            self.forget_at = CHATS.max(2 * chats(self));
        }
    }

    /// Notes that Telegram asked to wait: with a chat if the call was for one, else with all calls. Methods that set up
    /// the bot, such as `setMyCommands`, have limits of their own that concern no other call.
    pub(super) fn hold(&mut self, call: &Call, now: Timestamp, retry_after: Duration) {
        let until = later(now, retry_after);
        if let Some(chat) = Chat::of(call) {
            self.forget(now);
            self.chats_until.insert(chat, until);
        } else if !["set", "get", "delete"].iter().any(|verb| call.method.to_lowercase().starts_with(verb)) {
            tracing::warn!(
                method = call.method,
                retry_after_s = retry_after.as_secs(),
                "Telegram asks to wait with all calls"
            );
            self.all_until = Some(until);
        }
    }
}

#[cfg(test)]
mod tests;
