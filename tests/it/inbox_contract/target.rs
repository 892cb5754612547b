//! The target of the bot behind the gateway, and a pause, are stored for every process that uses the inbox.

use doorbell::inbox::Stored;
use doorbell::update::UpdateId;

use super::fixture::Fixture;

const FIRST: &str = r#"{"url":"http://127.0.0.1:8080/first"}"#;
const SECOND: &str = r#"{"url":"http://127.0.0.1:8080/second","is_paused":true}"#;

async fn save(f: &Fixture, target: &str) {
    f.inbox().save(Stored::Target, target).await.unwrap();
}

async fn load(f: &Fixture) -> Option<String> {
    f.inbox().load(Stored::Target).await.unwrap()
}

pub(super) async fn a_saved_target_replaces_the_one_before(f: &mut Fixture) {
    assert_eq!(load(f).await, None);
    for target in [FIRST, SECOND, SECOND, FIRST] {
        save(f, target).await;
        assert_eq!(load(f).await.as_deref(), Some(target));
    }
}

pub(super) async fn a_target_may_contain_any_text(f: &mut Fixture) {
    let long = format!(r#"{{"url":"https://{}"}}"#, "é".repeat(10_000));
    for target in ["", "'\"\\%_;--\n", "\u{1F514}\u{FFFD}", long.as_str()] {
        save(f, target).await;
        assert_eq!(load(f).await.as_deref(), Some(target));
    }
}

pub(super) async fn a_target_is_read_by_another_process(f: &mut Fixture) {
    let other = f.for_operator().await;
    assert_eq!(other.load(Stored::Target).await.unwrap(), None);
    for target in [FIRST, SECOND] {
        save(f, target).await;
        assert_eq!(other.load(Stored::Target).await.unwrap().as_deref(), Some(target));
        // A check reads it too, and nobody but the process itself reads its memory.
        let expected = f.survives_a_restart().then_some(target);
        assert_eq!(f.stored_target().await.as_deref(), expected);
    }
}

pub(super) async fn a_target_survives_a_restart_except_in_memory(f: &mut Fixture) {
    save(f, FIRST).await;
    save(f, SECOND).await;
    f.restart().await;
    let expected = f.survives_a_restart().then_some(SECOND);
    assert_eq!(load(f).await.as_deref(), expected);
}

pub(super) async fn a_target_belongs_to_its_bot(f: &mut Fixture) {
    save(f, FIRST).await;
    f.bot = 2;
    f.reopen().await;
    assert_eq!(load(f).await, None, "the updates of this bot must not go to the program of another");
    save(f, SECOND).await;
    assert_eq!(load(f).await.as_deref(), Some(SECOND));
}

pub(super) async fn an_inbox_of_the_version_before_targets_is_migrated(f: &mut Fixture) {
    f.store(&[(1, 1)]).await;
    f.close().await;
    let is_file = f.downgrade_to_version_3().await;
    if is_file {
        assert!(f.try_for_operator().is_err(), "an operator's command does not migrate the file");
    }
    f.reopen().await;
    if f.survives_a_restart() {
        assert_eq!(f.next().await.update.id, UpdateId(1));
    }
    save(f, FIRST).await;
    assert_eq!(load(f).await.as_deref(), Some(FIRST));
}

pub(super) async fn a_pause_and_the_target_are_stored_apart(f: &mut Fixture) {
    let (pause, resume) = (r#"{"since":"2026-11-30T00:00:00Z"}"#, "null");
    let load_pause = async |f: &Fixture| f.inbox().load(Stored::Paused).await.unwrap();
    assert_eq!(load_pause(f).await, None);
    save(f, FIRST).await;
    for value in [pause, resume, pause] {
        f.inbox().save(Stored::Paused, value).await.unwrap();
        assert_eq!(load_pause(f).await.as_deref(), Some(value));
        assert_eq!(f.for_operator().await.load(Stored::Paused).await.unwrap().as_deref(), Some(value));
    }
    assert_eq!(load(f).await.as_deref(), Some(FIRST));
    f.restart().await;
    let expected = f.survives_a_restart().then_some(pause);
    assert_eq!(load_pause(f).await.as_deref(), expected);
    assert_eq!(load(f).await.is_some(), f.survives_a_restart());
    f.bot = 2;
    f.reopen().await;
    assert_eq!(load_pause(f).await, None, "a pause belongs to its bot");
}

pub(super) async fn an_inbox_of_the_version_before_pauses_is_migrated_with_its_target(f: &mut Fixture) {
    save(f, FIRST).await;
    f.close().await;
    f.downgrade_to_version_5().await;
    f.reopen().await;
    let expected = f.survives_a_restart().then_some(FIRST);
    assert_eq!(load(f).await.as_deref(), expected);
    f.inbox().save(Stored::Paused, "true").await.unwrap();
    assert_eq!(f.inbox().load(Stored::Paused).await.unwrap().as_deref(), Some("true"));
    assert_eq!(load(f).await.as_deref(), expected);
}
