//! A Telegram in miniature, on loopback: the Bot API of one bot, the webhook sender that behaves as
//! the real one, and a door through which a person or a test speaks as a user.
//!
//! It answers on one port: `/bot<token>/<method>` is the Bot API, `/sandbox` the door. It knows one
//! bot, that of [`TOKEN`]. Where it is more lenient than the public Bot API (http, loopback and any
//! port as a webhook, messages to chats that never wrote), [`Sandbox::strict`] ends that.
//!
//! It differs from the real one in this: it speaks no TLS (a [route](Sandbox::route) stands for
//! whatever ends TLS before a service), does not unpack compressed answers, resolves a host once and
//! keeps the address, has no flood limits of its own, and remembers [`REMEMBERED`] messages, calls
//! and attempts, in memory only.

mod ascii;
mod backlog;
mod bot_api;
mod conflicts;
mod door;
mod faults;
mod http;
mod messages;
mod methods;
mod overview;
mod push;
mod queue;
mod ramp;
mod records;
mod reply;
mod scenes;
mod speech;
mod target;
mod webhook;
mod wire;
mod world;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{future, io};

use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;

pub use faults::{Answer, Fault};
pub use records::{DeliveryAttempt, Edit, Message, Outcome, REMEMBERED, ReceivedCall, WebhookRecord};

use crate::clock::{self, SharedClock};
use crate::lifecycle::{Shutdown, Task};
use crate::update::UpdateId;
use world::World;

/// The token of the sandbox's bot. It opens nothing but a sandbox.
pub const TOKEN: &str = "123456789:AAtestSandboxTokenOfDoorbell0123456789";

/// The id of an update that the bot does not receive: of a kind it did not ask for, or more than
/// Telegram would keep.
pub const NOT_RECEIVED: UpdateId = UpdateId(0);

/// Expired updates are swept out this often.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// A running sandbox; clones are the same one.
#[derive(Clone, Debug)]
pub struct Sandbox {
    shared: Arc<Shared>,
}

/// What the tasks of a sandbox share.
#[derive(Debug)]
struct Shared {
    world: Mutex<World>,
    /// Told of every change of the world.
    changed: Notify,
    clock: SharedClock,
    shutdown: Shutdown,
    addr: SocketAddr,
}

impl Sandbox {
    /// Starts a sandbox that listens there, on a free port if the port is 0, until `shutdown` is
    /// told to stop softly. To outlive a service in its soft stop, it takes a [`Shutdown`] of its own.
    ///
    /// # Errors
    ///
    /// When it cannot listen there.
    pub async fn start(listen: SocketAddr, clock: SharedClock, shutdown: &Shutdown) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let shared = Arc::new(Shared {
            world: Mutex::new(World::new()),
            changed: Notify::new(),
            clock,
            shutdown: shutdown.clone(),
            addr: listener.local_addr()?,
        });
        let sandbox = Self { shared };
        shutdown.supervise(Task::SandboxListener, http::serve(listener, sandbox.clone()));
        shutdown.supervise(Task::SandboxSweep, sweep(Arc::clone(&sandbox.shared)));
        Ok(sandbox)
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.shared.addr
    }

    /// The base URL of its Bot API, without a slash at its end.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}", self.shared.addr)
    }

    /// Leads webhooks on that host, over http or https on any port, to this address, in plain HTTP:
    /// as a platform does that ends TLS before the service.
    pub fn route(&self, host: &str, addr: SocketAddr) {
        self.shared.change(|world, _| world.routes.insert(host.to_owned(), addr));
    }

    /// Whether to be as strict as the public Bot API: webhooks are https, on its four ports and at
    /// public addresses only, and the bot cannot write to a chat that never wrote to it.
    pub fn strict(&self, strict: bool) {
        self.shared.change(|world, _| world.strict = strict);
    }

    /// An update of any kind, in the queue in which Telegram would put it. [`NOT_RECEIVED`] if the
    /// bot does not receive it.
    pub fn push(&self, kind: &str, content: impl Into<Value>) -> UpdateId {
        let content = content.into();
        self.shared.change(|world, now| world.push(now, kind, &content)).unwrap_or(NOT_RECEIVED)
    }

    /// An update whose content is given as bytes, which need not be UTF-8: Telegram copies the
    /// `data` of a callback query unchanged from a user's client.
    #[expect(clippy::must_use_candidate, reason = "the deed counts, not the number")]
    pub fn push_raw(&self, kind: &str, queue: i64, content: &[u8]) -> UpdateId {
        let content = bytes::Bytes::copy_from_slice(content);
        let push = |world: &mut World, now| {
            let expires_at = queue::expires_at(kind, &Value::Null, now);
            let kind = kind.to_owned();
            world.store(backlog::Stored { kind, content, queue, chat: None, expires_at, attempts: 0 })
        };
        self.shared.change(push).unwrap_or(NOT_RECEIVED)
    }

    /// The messages of one conversation, or of all, in the order in which they were written.
    #[must_use]
    pub fn messages(&self, chat: Option<i64>) -> Vec<Message> {
        let world = self.shared.lock();
        let fits = |message: &&Message| {
            chat.is_none_or(|chat| message.chat == chat) && !world.deleted.contains(&message.message_id)
        };
        world.messages.iter().filter(fits).cloned().collect()
    }

    /// Every Bot API call that was received, those that were refused among them.
    #[must_use]
    pub fn calls(&self) -> Vec<ReceivedCall> {
        self.shared.lock().calls.list()
    }

    /// Every attempt to deliver an update, in the order in which they began.
    #[must_use]
    pub fn deliveries(&self) -> Vec<DeliveryAttempt> {
        self.shared.lock().deliveries.list()
    }

    /// The webhook that is set.
    #[must_use]
    pub fn webhook(&self) -> Option<WebhookRecord> {
        self.shared.lock().webhook()
    }

    /// How many updates are not acknowledged, those in flight among them.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.shared.lock().backlog.len()
    }

    /// Returns once every update has been acknowledged or dropped.
    pub async fn idle(&self) {
        self.until(|sandbox| sandbox.pending() == 0).await;
    }

    /// Returns once something holds; it is looked at whenever the sandbox has changed.
    pub async fn until(&self, holds: impl Fn(&Self) -> bool) {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if holds(self) {
                return;
            }
            changed.await;
        }
    }

    /// Lets the calls that follow go wrong; what was scripted before comes first.
    pub fn fault(&self, fault: Fault) {
        self.shared.change(|world, _| world.faults.add(fault));
    }

    /// The faults in force, in the order in which they are looked at.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.lock().faults.list()
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.shared.change(|world, _| world.faults.clear());
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the world, and tells everybody.
    fn change<T>(&self, change: impl FnOnce(&mut World, Timestamp) -> T) -> T {
        let now = self.clock.now();
        let result = {
            let mut world = self.lock();
            let result = change(&mut world, now);
            if let Some(hook) = &world.hook {
                hook.actor.poke.notify_one();
            }
            result
        };
        self.changed.notify_waiters();
        result
    }

    /// Returns at that moment; never, if there is none.
    async fn sleep_until(&self, at: Option<Timestamp>) {
        let Some(at) = at else { return future::pending().await };
        loop {
            let now = self.clock.now();
            if now >= at {
                return;
            }
            let sleep = self.clock.sleep(clock::elapsed(now, at));
            // A clock that was moved between the two would sleep past the moment.
            if clock::elapsed(now, self.clock.now()) < Duration::from_millis(1) {
                sleep.await;
            }
        }
    }

    /// The answer to a conflict, when its time has come.
    async fn held_back(&self, (reply, wait): conflicts::Conflict) -> reply::Reply {
        if !wait.is_zero() {
            self.clock.sleep(wait).await;
        }
        reply
    }

    /// Starts the sender of a webhook that was set.
    fn start_sender(self: &Arc<Self>, actor: Arc<push::Actor>) {
        self.shutdown.tasks.spawn(push::drive(Arc::clone(self), actor));
    }
}

async fn sweep(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            () = shared.clock.sleep(SWEEP_EVERY) => shared.change(|world, now| world.backlog.sweep(now)),
            () = shared.shutdown.soft.cancelled() => return,
        }
    }
}

#[cfg(test)]
mod tests;
