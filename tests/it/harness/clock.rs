use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorbell::clock::{Clock, ManualClock, SystemClock, later};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;

/// A clock that a test moves, and that knows who waits on it: so minutes pass in a moment, and
/// nobody is left behind.
#[derive(Clone, Debug)]
pub struct SteppedClock {
    /// The same time, for whoever is not to be waited for.
    pub manual: ManualClock,
    sleepers: Arc<Mutex<(u64, BTreeMap<u64, Timestamp>)>>,
    changed: watch::Sender<()>,
}

impl SteppedClock {
    /// A clock that shows the time of day and stands still.
    pub fn new() -> Self {
        let manual = ManualClock::new(SystemClock.now());
        Self { manual, sleepers: Arc::default(), changed: watch::Sender::default() }
    }

    /// Moves on by whole seconds, one after the other; each time, `services` and what they wait for
    /// come to rest first.
    pub async fn pass(&self, seconds: u64, services: usize) {
        for _ in 0..seconds {
            self.manual.advance(Duration::from_secs(1));
            self.rest(services).await;
        }
    }

    /// Returns once every service has nothing to do but wait: its registrar, both parts of
    /// its upkeep and its listener sleep.
    pub async fn rest(&self, services: usize) {
        let mut changed = self.changed.subscribe();
        let rests = async {
            while self.sleeping() < 4 * services {
                changed.changed().await.expect("the clock is there");
            }
        };
        tokio::time::timeout(Duration::from_secs(20), rests).await.expect("everybody comes to rest");
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

/// Somebody who waits, until he has waited long enough or does so no more.
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
