//! The service behind a transaction pooler, as platforms offer one: it does not rely on sessions.

use crate::crash::oracle::{Load, Oracle};
use crate::harness::postgres::Database;
use crate::harness::print_line;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_pooler_nothing_is_lost_repeated_or_out_of_order() {
    let Some(database) = Database::pooled().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let oracle = Oracle::start(Load { chats: 40, lines: 8, per_chat: 25 }).await;
    let program = oracle.serve(&database.url, folder.path(), &[]);
    let findings = oracle.finish().await;
    drop(program);
    print_line(&format!("behind a pooler: {} updates acknowledged, {} lost", findings.updates, findings.lost));
    let wrong = (findings.lost, findings.out_of_order, findings.twice, findings.twice_without_a_kill);
    assert_eq!((findings.updates, wrong), (1_000, (0, 0, 0, 0)), "{findings:?}");
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(!log.contains("batches of the inbox failed"), "{log}");
}
