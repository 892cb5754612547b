//! A kill at each step of an update's way. A release build has no points at which it could be told to
//! die.

use std::time::Duration;

use super::oracle::{Load, Oracle};
use crate::harness::{print_line, until};

/// Where on its way an update is.
#[derive(Clone, Copy, PartialEq)]
enum Stretch {
    /// It is taken in. Meanwhile one may be anywhere on its way out: an earlier one or, once it is
    /// committed, this one.
    In,
    /// It is handled, alone.
    Out,
    /// Its reply was sent, and that is not recorded: the one stretch whose end repeats a reply.
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

/// Lets the service die where it is told to, starts it again, and counts.
async fn dies(step: &str, pass: usize, stretch: Stretch, keeper: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = match keeper {
        "sqlite" => format!("sqlite:{}", folder.path().join("inbox.db").display()),
        other => other.to_owned(),
    };
    let one_at_a_time = Load { chats: 3, lines: 1, per_chat: 4 };
    let mut oracle = Oracle::start(one_at_a_time).await;
    let order = format!("{step}:{pass}");
    // One place: what runs beside the update that dies would blur the count.
    let alone = ("DOORBELL__DISPATCH__CONCURRENCY", "1");
    let mut program = oracle.serve(&url, folder.path(), &[("DOORBELL_FAIL_POINT", &order), alone]);
    until("the service dies", Duration::from_secs(20), || program.child.try_wait().expect("a child"));
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
async fn a_kill_at_each_step_loses_nothing_and_repeats_only_what_was_sent_and_not_recorded() {
    for (step, stretch) in STEPS {
        for pass in [1, 4] {
            dies(step, pass, stretch, "sqlite").await;
        }
    }
    print_line("a kill at each step: sqlite, 9 steps twice, 0 lost, 0 out of order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_storage_a_kill_at_each_step_is_made_good_by_telegram() {
    let steps = ["received", "claimed", "handled", "sent", "before the outcome is recorded"];
    for (step, stretch) in STEPS.into_iter().filter(|(step, _)| steps.contains(step)) {
        dies(step, 2, stretch, "memory:").await;
    }
}
