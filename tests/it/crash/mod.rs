//! Nothing acknowledged is lost: the program is killed repeatedly, at random moments and at each step, and an oracle
//! outside it counts updates and replies.

pub(crate) mod oracle;
#[cfg(debug_assertions)]
mod poison;
#[cfg(debug_assertions)]
mod steps;

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::harness::postgres::Database;
use crate::harness::print_line;
use oracle::{Load, Oracle};

/// A store whose service is killed.
pub(crate) struct StoreUnderTest {
    pub(crate) name: &'static str,
    /// `inbox.url`
    pub(crate) url: String,
    /// Whether the 200 says that the update has been handled.
    pub(crate) acknowledges_what_is_handled: bool,
}

/// How many replies one kill may repeat: as many as `dispatch.concurrency`, which is 64 by default.
const CONCURRENCY: usize = 64;

/// Kills the service `cycles` times under load, and compares its replies with the oracle's journal.
async fn crash_cycles(store: StoreUnderTest, cycles: usize) {
    let seed = number("DOORBELL_CRASH_SEED").unwrap_or_else(rand::random);
    let mut dice = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut oracle = Oracle::start(Load { chats: 200, lines: 16, per_chat: usize::MAX }).await;
    for _ in 0..cycles {
        let program = oracle.serve(&store.url, folder.path(), &[]);
        tokio::time::sleep(Duration::from_millis(dice.random_range(20..800))).await;
        oracle.kill(program);
    }
    let program = oracle.serve(&store.url, folder.path(), &[]);
    let findings = oracle.finish().await;
    drop(program);
    let name = store.name;
    print_line(&format!(
        "kill -9, {name}: {cycles} kills, {} updates acknowledged, {} lost, {} out of order, {} replied twice \
         (at most {} by one kill, sent at most {:?} before it); seed {seed}",
        findings.updates,
        findings.lost,
        findings.out_of_order,
        findings.twice,
        findings.most_twice,
        findings.longest_open,
    ));
    assert_eq!((findings.lost, findings.out_of_order, findings.twice_without_a_kill), (0, 0, 0), "{findings:?}");
    assert!(findings.most_twice <= CONCURRENCY, "no more than ran at the kill: {findings:?}");
    if store.acknowledges_what_is_handled {
        assert_eq!(findings.twice_after_the_200, 0, "{findings:?}");
    }
    assert!(findings.updates > cycles * 10, "there was load: {findings:?}");
}

/// The number of kills, which the environment can set.
fn wanted_cycles() -> Option<usize> {
    number("DOORBELL_CRASH_CYCLES").and_then(|cycles| usize::try_from(cycles).ok())
}

fn cycles() -> usize {
    wanted_cycles().unwrap_or(8)
}

#[expect(clippy::disallowed_methods, reason = "the person who runs the tests sets it")]
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_moment_loses_no_acknowledged_update_in_sqlite() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite:{}", folder.path().join("inbox.db").display());
    crash_cycles(StoreUnderTest { name: "sqlite", url, acknowledges_what_is_handled: false }, cycles()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_storage_every_update_is_replied_to_although_the_service_is_killed_repeatedly() {
    let url = "memory:".to_owned();
    crash_cycles(StoreUnderTest { name: "memory", url, acknowledges_what_is_handled: true }, cycles()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_moment_loses_no_acknowledged_update_in_postgresql() {
    let Some(cycles) = wanted_cycles() else {
        // The claims of a killed instance are free only after their lease of a minute.
        print_line("left out, for it takes minutes: kill -9 on PostgreSQL (DOORBELL_CRASH_CYCLES=N)");
        return;
    };
    let Some(database) = Database::fresh().await else { return };
    let url = database.url.clone();
    crash_cycles(StoreUnderTest { name: "postgresql", url, acknowledges_what_is_handled: false }, cycles).await;
}
