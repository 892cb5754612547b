//! A kill at each step of an update. Release builds have no fail points, so these tests are left out there.

use std::time::Duration;

use super::oracle::{Load, Oracle};
use crate::harness::{print_line, until};

/// The phase of the update at the kill.
#[derive(Clone, Copy, PartialEq)]
enum Stretch {
    /// While it is accepted. Meanwhile another update, or this one once it is committed, may be handled.
    In,
    /// While it is handled, and no other update is handled.
    Out,
    /// Its reply was sent and not yet recorded. Only here does a kill repeat a reply.
    Window,
}

/// The steps in their order.
const STEPS: [(&str, Stretch); 9] = [
    ("received", Stretch::In),
    ("before the commit", Stretch::In),
    ("after the commit", Stretch::In),
    ("acknowledged", Stretch::In),
    ("claimed", Stretch::Out),
    ("handled", Stretch::Out),
    ("sent", Stretch::Window),
    ("before the outcome is recorded", Stretch::Window),
    ("after the outcome is recorded", Stretch::Out),
];

/// Kills the service at a step, starts it again, and counts.
async fn kill_at(step: &str, pass: usize, stretch: Stretch, store: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = match store {
        "sqlite" => format!("sqlite:{}", folder.path().join("inbox.db").display()),
        other => other.to_owned(),
    };
    let one_at_a_time = Load { chats: 3, lines: 1, per_chat: 4 };
    let mut oracle = Oracle::start(one_at_a_time).await;
    let order = format!("{step}:{pass}");
    // One slot: a second update in progress would change the count.
    let alone = ("DOORBELL__DISPATCH__CONCURRENCY", "1");
    let mut program = oracle.serve(&url, folder.path(), &[("DOORBELL_FAIL_POINT", &order), alone]);
    until("the service to end", Duration::from_secs(20), || program.child.try_wait().expect("a child"));
    oracle.kill(program);
    let program = oracle.serve(&url, folder.path(), &[alone]);
    let findings = oracle.finish().await;
    drop(program);
    let expected = match stretch {
        Stretch::Out => 0..=0,
        Stretch::In => 0..=1,
        Stretch::Window => 1..=1,
    };
    assert_eq!((findings.updates, findings.lost, findings.out_of_order), (12, 0, 0), "{order}: {findings:?}");
    assert!(expected.contains(&findings.twice) && findings.twice_without_a_kill == 0, "{order}: {findings:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_each_step_loses_no_update_and_repeats_only_unrecorded_replies() {
    for (step, stretch) in STEPS {
        for pass in [1, 4] {
            kill_at(step, pass, stretch, "sqlite").await;
        }
    }
    print_line("a kill at each step: sqlite, 9 steps twice, 0 lost, 0 out of order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_storage_telegram_redelivers_after_a_kill_at_each_step() {
    let steps = ["received", "claimed", "handled", "sent", "before the outcome is recorded"];
    for (step, stretch) in STEPS.into_iter().filter(|(step, _)| steps.contains(step)) {
        kill_at(step, 2, stretch, "memory:").await;
    }
}
