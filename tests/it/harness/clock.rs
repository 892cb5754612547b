use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorbell::clock::{Clock, ManualClock, SystemClock, later};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;

/// A clock that a test moves and that counts the tasks that sleep on it. The test can so wait until every task has
/// reacted to one step before it makes the next.
#[derive(Clone, Debug)]
pub struct SteppedClock {
    /// The same time, for tasks that the test does not wait for.
    pub manual: ManualClock,
    sleepers: Arc<Mutex<(u64, BTreeMap<u64, Timestamp>)>>,
    changed: watch::Sender<()>,
}

impl SteppedClock {
    /// A clock that starts at the time of day and does not move by itself.
    pub fn new() -> Self {
        let manual = ManualClock::new(SystemClock.now());
        Self { manual, sleepers: Arc::default(), changed: watch::Sender::default() }
    }

    /// Advances second by second. After each step it waits until this number of services is idle.
    pub async fn advance(&self, seconds: u64, services: usize) {
        for _ in 0..seconds {
            self.manual.advance(Duration::from_secs(1));
            self.settle(services).await;
        }
    }

    /// Advances as [`advance`](Self::advance) until the condition holds.
    ///
    /// # Panics
    ///
    /// When it does not hold within this number of seconds.
    pub async fn advance_until(&self, seconds: u64, services: usize, condition: impl Fn() -> bool) {
        for _ in 0..seconds {
            if condition() {
                return;
            }
            self.advance(1, services).await;
        }
        assert!(condition(), "this took more than {seconds} s");
    }

    /// Returns once this number of services is idle: the registrar, both upkeep tasks, the watch of the pause and the
    /// listener of each sleep.
    pub async fn settle(&self, services: usize) {
        let mut changed = self.changed.subscribe();
        let settled = async {
            while self.sleeping() < 5 * services {
                changed.changed().await.expect("the clock is there");
            }
        };
        tokio::time::timeout(Duration::from_secs(20), settled).await.expect("every task becomes idle");
    }

    fn sleeping(&self) -> usize {
        let now = self.steady();
        self.sleepers.lock().expect("no panic").1.values().filter(|until| **until > now).count()
    }
}

impl Clock for SteppedClock {
    fn now(&self) -> Timestamp {
        self.manual.now()
    }

    fn steady(&self) -> Timestamp {
        self.manual.steady()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let sleep = self.manual.sleep(duration);
        let sleeper = {
            let mut sleepers = self.sleepers.lock().expect("no panic");
            sleepers.0 += 1;
            let number = sleepers.0;
            sleepers.1.insert(number, later(self.steady(), duration));
            Sleeper { clock: self.clone(), number }
        };
        self.changed.send_replace(());
        Box::pin(async move {
            sleep.await;
            drop(sleeper);
        })
    }
}

/// A sleeping task. It is removed when the sleep ends or is dropped.
struct Sleeper {
    clock: SteppedClock,
    number: u64,
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.clock.sleepers.lock().expect("no panic").1.remove(&self.number);
        self.clock.changed.send_replace(());
    }
}
