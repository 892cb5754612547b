//! The webhook sender: takes what may go from the backlog, keeps as many connections as Telegram
//! would, and settles each update by the answer (`WebhookActor.cpp`).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::queue::LONGEST_WAIT;
use super::records::{DeliveryAttempt, Outcome};
use super::reply::Params;
use super::target::Target;
use super::wire::{Answer, Line, Trouble};
use super::world::World;
use super::{Shared, bot_api};
use crate::clock;
use crate::update::UpdateId;

/// A request must be answered in full within this time, connecting included.
const ANSWER_WITHIN: Duration = Duration::from_mins(1);
/// A connection without work is closed after this time.
const IDLE: Duration = Duration::from_mins(1);
/// A webhook that answers nothing but 410 for so long is deleted.
const GONE_FOR: Duration = Duration::from_hours(23);

/// Sends to one webhook as it was set; a webhook that is changed gets a new one.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) target: Target,
    secret: Option<String>,
    /// Cuts every connection, with what is in flight on it.
    pub(super) cut: CancellationToken,
    /// Something has changed: look what there is to do.
    pub(super) poke: Notify,
    /// There is work for an idle connection.
    work: Notify,
}

/// An update on its way.
struct Job {
    id: i64,
    queue: i64,
    request: Vec<u8>,
    attempt: u64,
}

/// What there is to do now.
struct Step {
    open: usize,
    due: usize,
    look_again_at: Option<Timestamp>,
}

impl Actor {
    pub(super) fn new(target: Target, secret: Option<String>) -> Self {
        let (poke, work) = (Notify::new(), Notify::new());
        Self { target, secret, cut: CancellationToken::new(), poke, work }
    }

    fn request(&self, body: &[u8]) -> Vec<u8> {
        [self.target.head(self.secret.as_deref(), body.len()).as_bytes(), body].concat()
    }
}

impl World {
    /// What the webhook's sender has to do now; nothing ever again if it is not in charge.
    fn step(&mut self, actor: &Arc<Actor>, now: Timestamp) -> Option<Step> {
        let hook = self.hook.as_mut().filter(|hook| Arc::ptr_eq(&hook.actor, actor))?;
        let max = hook.max_connections as usize;
        // Without an address there is nowhere to connect to.
        let Some(_) = actor.target.addr else { return Some(Step { open: 0, due: 0, look_again_at: None }) };
        self.backlog.load(now, 2 * max);
        let (open, grow_at) = hook.ramp.grow(now, self.backlog.loaded_queues(), max);
        let (due, due_at) = self.backlog.due(now, max);
        Some(Step { open, due, look_again_at: [grow_at, due_at].into_iter().flatten().min() })
    }

    /// The update to send next, if one may be sent now.
    fn take(&mut self, actor: &Arc<Actor>, now: Timestamp) -> Option<Job> {
        let hook = self.hook.as_ref().filter(|hook| Arc::ptr_eq(&hook.actor, actor))?;
        self.backlog.load(now, 2 * hook.max_connections as usize);
        let (queue, id, update) = self.backlog.take(now)?;
        let attempt = self.deliveries.push(DeliveryAttempt {
            update_id: UpdateId(id),
            chat: update.chat,
            queue,
            attempt: update.attempts,
            at: now,
            outcome: Outcome::Sent,
        });
        Some(Job { id, queue, request: actor.request(&update.body(id)), attempt })
    }

    /// Notes what came of an attempt; the parameters are those of a method call in the answer.
    fn settle(
        &mut self,
        actor: &Arc<Actor>,
        job: &Job,
        result: Result<Answer, Trouble>,
        now: Timestamp,
    ) -> Option<Params> {
        let outcome = match &result {
            Ok(answer) => Outcome::Status(answer.code),
            Err(Trouble::Closed) => Outcome::Failed("Webhook connection closed".to_owned()),
            Err(Trouble::Broken(text)) => Outcome::Failed(text.clone()),
            Err(Trouble::Nonsense(_, text)) => Outcome::Failed((*text).to_owned()),
        };
        self.note(job.attempt, outcome);
        let hook = self.hook.as_mut().filter(|hook| Arc::ptr_eq(&hook.actor, actor))?;
        let (error, retry_after) = match result {
            Ok(answer) if (200..300).contains(&answer.code) => {
                hook.ramp.succeeded(now);
                hook.gone_since = None;
                self.backlog.acknowledged(job.queue);
                return answer.may_be_a_call().then(|| {
                    let mut params = Params::default();
                    params.read(&answer.content_type, &answer.body);
                    params
                });
            }
            Ok(answer) => {
                let first = *hook.gone_since.get_or_insert(now);
                if answer.code != 410 {
                    hook.gone_since = None;
                } else if clock::elapsed(first, now) > GONE_FOR {
                    self.erase_webhook();
                    return None;
                }
                let text = format!("Wrong response from the webhook: {} {}", answer.code, answer.reason);
                (Some(text), answer.retry_after)
            }
            // Telegram tells nobody of a connection that was closed in good order.
            Err(Trouble::Closed) => (None, 0),
            Err(Trouble::Broken(text)) => (Some(text), 0),
            Err(Trouble::Nonsense(_, text)) => (Some(text.to_owned()), 0),
        };
        if let (Some(text), Some(hook)) = (error, self.hook.as_mut()) {
            hook.last_error = Some((now, text));
        }
        let longest = rand::random_range(LONGEST_WAIT..=2 * LONGEST_WAIT);
        self.backlog.failed(job.queue, now, retry_after, longest);
        None
    }

    fn note(&mut self, attempt: u64, outcome: Outcome) {
        if let Some(attempt) = self.deliveries.find(attempt) {
            attempt.outcome = outcome;
        }
    }

    fn closed(&mut self, actor: &Arc<Actor>) {
        if let Some(hook) = self.hook.as_mut().filter(|hook| Arc::ptr_eq(&hook.actor, actor)) {
            hook.ramp.closed();
        }
    }
}

/// Keeps the sender of a webhook going until the webhook is changed.
pub(super) async fn drive(shared: Arc<Shared>, actor: Arc<Actor>) {
    loop {
        let now = shared.clock.now();
        let step = shared.lock().step(&actor, now);
        let Some(step) = step else { return };
        for _ in 0..step.open {
            shared.shutdown.tasks.spawn(connection(Arc::clone(&shared), Arc::clone(&actor)));
        }
        for _ in 0..step.due {
            actor.work.notify_one();
        }
        tokio::select! {
            () = actor.poke.notified() => {}
            () = shared.sleep_until(step.look_again_at) => {}
            () = actor.cut.cancelled() => return,
            () = shared.shutdown.soft.cancelled() => return,
        }
    }
}

/// One connection, from opening to its end.
async fn connection(shared: Arc<Shared>, actor: Arc<Actor>) {
    let mut in_flight = None;
    tokio::select! {
        biased;
        () = actor.cut.cancelled() => {}
        () = shared.shutdown.soft.cancelled() => {}
        () = send_updates(&shared, &actor, &mut in_flight) => {}
    }
    shared.change(|world, _| {
        if let Some(attempt) = in_flight {
            world.note(attempt, Outcome::Cut);
        }
        world.closed(&actor);
    });
}

async fn send_updates(shared: &Arc<Shared>, actor: &Arc<Actor>, in_flight: &mut Option<u64>) {
    let mut line = None;
    while let Some(job) = next_job(shared, actor, &mut line).await {
        *in_flight = Some(job.attempt);
        let result = tokio::select! {
            biased;
            result = attempt(actor, &mut line, &job) => result,
            () = shared.clock.sleep(ANSWER_WITHIN) => Err(Trouble::Broken("Read timeout expired".to_owned())),
        };
        let keep = matches!(&result, Ok(answer) if answer.keep_alive);
        tracing::debug!(update.id = job.id, ?result, "sent an update");
        shared.change(|world, now| {
            if let Some(call) = world.settle(actor, &job, result, now) {
                bot_api::call_in_answer(world, now, call);
            }
        });
        *in_flight = None;
        if !keep {
            return;
        }
    }
}

/// Waits for an update to send; none when the connection ended or was idle too long.
async fn next_job(shared: &Arc<Shared>, actor: &Arc<Actor>, line: &mut Option<Line>) -> Option<Job> {
    let idle = shared.clock.sleep(IDLE);
    tokio::pin!(idle);
    loop {
        let work = actor.work.notified();
        tokio::pin!(work);
        // Registered before looking: work that comes in between is not missed.
        work.as_mut().enable();
        let now = shared.clock.now();
        if let Some(job) = shared.lock().take(actor, now) {
            return Some(job);
        }
        let Some(line) = line.as_ref() else {
            *line = Some(spare(shared, actor).await?);
            continue;
        };
        tokio::select! {
            () = work => {}
            () = line.stirred() => return None,
            () = &mut idle => return None,
        }
    }
}

/// Opens a connection before there is an update for it.
async fn spare(shared: &Arc<Shared>, actor: &Arc<Actor>) -> Option<Line> {
    match Line::open(actor.target.addr?).await {
        Ok(line) => Some(line),
        Err(trouble) => {
            shared.change(|world, now| {
                let hook = world.hook.as_mut().filter(|hook| Arc::ptr_eq(&hook.actor, actor));
                if let (Some(hook), Trouble::Broken(text)) = (hook, trouble) {
                    hook.last_error = Some((now, text));
                }
            });
            None
        }
    }
}

async fn attempt(actor: &Actor, line: &mut Option<Line>, job: &Job) -> Result<Answer, Trouble> {
    if actor.target.tls {
        let why = "SSL error: the sandbox speaks no TLS; give it an http URL, or a route for the host";
        return Err(Trouble::Broken(why.to_owned()));
    }
    let line = if let Some(line) = line {
        line
    } else {
        let addr = actor.target.addr.ok_or_else(|| Trouble::Broken("Connection refused".to_owned()))?;
        line.insert(Line::open(addr).await?)
    };
    line.exchange(&job.request).await
}

#[cfg(test)]
mod tests;
