//! The operator's pages find every update, in order and without its text.

use std::time::Duration;

use bytes::Bytes;
use doorbell::inbox::{
    Accepted, Cursor, DeadGroup, Filter, HeldBack, InboxError, Page, Record, Selection, StateCounts, UpdateState,
    Verdict,
};
use doorbell::update::{ChatKey, Kind, Lane, UpdateId};
use futures_util::poll;

use super::fixture::{Fixture, dead, retry};
use crate::harness::waiting::{soon, until};

/// An update of this kind in a chat, with a text that only its page may show.
async fn store(f: &Fixture, id: i64, kind: &str, chat: i64) {
    let body = format!(r#"{{"update_id":{id},"{kind}":{{"chat":{{"id":{chat}}},"text":"secret words"}}}}"#);
    drop(f.offer(f.update(id, kind, ChatKey::chat(chat), Bytes::from(body))).await);
}

async fn page(f: &Fixture, filter: &Filter, before: Option<Cursor>, limit: usize) -> Page {
    let page = f.inbox().page(filter, before, limit).await.unwrap();
    assert!(page.records.iter().all(|record| record.body.is_none() && record.calls_left.is_none()), "{page:?}");
    assert!(page.scanned_all, "few updates are looked at at once");
    page
}

fn numbers(records: &[Record]) -> Vec<i64> {
    records.iter().map(|record| record.id.0).collect()
}

/// The ids of all updates that the filter selects, read in pages of two.
async fn ids(f: &Fixture, filter: Filter) -> Vec<i64> {
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = page(f, &filter, before, 2).await;
        assert!(page.records.len() <= 2);
        found.extend(numbers(&page.records));
        let Some(next) = page.next else { return found };
        before = Some(next);
    }
}

fn in_state(state: UpdateState) -> Filter {
    Filter { state: Some(state), ..Filter::default() }
}

fn for_reason(reason: &str) -> Filter {
    Filter { reason: Some(reason.to_owned()), ..Filter::default() }
}

/// Claims the next update and settles it. Returns its id.
async fn settle_next(f: &Fixture, verdict: Verdict) -> i64 {
    let delivery = f.next().await;
    f.settle(delivery.lease, verdict).await;
    delivery.update.id.0
}

async fn find(f: &Fixture, id: i64) -> Option<Record> {
    f.inbox().find(UpdateId(id)).await.unwrap()
}

pub(super) async fn pages_list_the_newest_first_without_gap_or_repeat_while_updates_arrive(f: &mut Fixture) {
    let nothing = page(f, &Filter::default(), None, 3).await;
    assert_eq!((nothing.records.len(), nothing.next), (0, None));
    for id in 1..=7 {
        store(f, id, "message", id).await;
    }
    let (mut found, mut before, mut arriving) = (Vec::new(), None, 8);
    loop {
        let page = page(f, &Filter::default(), before, 3).await;
        found.extend(numbers(&page.records));
        // A cursor goes through a URL.
        let Some(next) = page.next.map(|next| next.to_string()) else { break };
        before = Some(next.parse().unwrap());
        store(f, arriving, "message", arriving).await;
        arriving += 1;
        // An update that moves to another state keeps its place in the list.
        settle_next(f, dead()).await;
    }
    assert_eq!(found, [7, 6, 5, 4, 3, 2, 1]);
    let again = page(f, &Filter::default(), None, 100).await;
    assert_eq!(numbers(&again.records), [9, 8, 7, 6, 5, 4, 3, 2, 1]);
}

pub(super) async fn a_page_of_exactly_all_updates_is_the_last(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 2)]).await;
    for filter in [Filter::default(), Filter { chat_key: Some(ChatKey::chat(1)), ..Filter::default() }] {
        let page = page(f, &filter, None, 2).await;
        assert_eq!(page.next, None, "{page:?}");
    }
    let first = page(f, &Filter::default(), None, 1).await;
    let last = page(f, &Filter::default(), first.next, 1).await;
    assert_eq!((numbers(&first.records), numbers(&last.records), last.next), (vec![2], vec![1], None));
}

pub(super) async fn pages_reach_ids_at_the_limits_of_64_bits(f: &mut Fixture) {
    f.store(&[(i64::MIN, 1), (0, 2), (i64::MAX, 3)]).await;
    assert_eq!(ids(f, Filter::default()).await, [i64::MAX, 0, i64::MIN]);
    for id in [i64::MIN, 0, i64::MAX] {
        assert_eq!(find(f, id).await.unwrap().id.0, id);
    }
    assert!("no cursor".parse::<Cursor>().is_err());
}

pub(super) async fn a_filter_selects_by_state(f: &mut Fixture) {
    use UpdateState::{Dead, Discarded, Done, Expired, Held, Waiting};
    for id in 1..=9 {
        store(f, id, "message", id).await;
    }
    for verdict in [Verdict::Done, Verdict::Expired, dead(), dead(), retry(f.after(600))] {
        settle_next(f, verdict).await;
    }
    f.inbox().discard(&Selection::Ids(vec![UpdateId(3)])).await.unwrap();
    let held = f.claim_up_to(2).await;
    assert_eq!(held.len(), 2);
    let expected = [(Done, vec![1]), (Expired, vec![2]), (Discarded, vec![3]), (Dead, vec![4]), (Held, vec![7, 6])];
    for round in 0..2 {
        for (state, expected) in &expected {
            let found = page(f, &in_state(*state), None, 10).await.records;
            assert_eq!(numbers(&found), *expected, "{state:?} in round {round}");
            assert!(found.iter().all(|record| record.state == *state), "{found:?}");
        }
        assert_eq!(ids(f, in_state(Waiting)).await, [9, 8, 5]);
        assert_eq!(ids(f, Filter::default()).await, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
        // The SQLite store moves what has ended to another table.
        f.sweep().await;
    }
    let counts = f.inbox().count_by_state().await.unwrap();
    let expected = StateCounts { waiting: 3, held: 2, dead: 1, done: Some(1), expired: Some(1) };
    assert_eq!(counts, expected);
}

pub(super) async fn a_filter_by_chat_selects_all_of_its_lanes(f: &mut Fixture) {
    let (main, express) = (ChatKey::chat(5), ChatKey::chat(5).in_lane(Lane::Express));
    for (id, key) in
        [(1, main), (2, express), (3, ChatKey::chat(55)), (4, ChatKey::user(5)), (5, express), (6, express)]
    {
        drop(f.offer(f.update(id, "message", key, Bytes::from_static(b"{}"))).await);
    }
    let of = |key| Filter { chat_key: Some(key), ..Filter::default() };
    assert_eq!(ids(f, of(main)).await, [6, 5, 2, 1]);
    for delivery in f.claim().await {
        f.settle(delivery.lease, if delivery.update.id.0 == 2 { dead() } else { retry(f.after(60)) }).await;
    }
    assert_eq!(ids(f, of(main)).await, [6, 5, 2, 1], "also when they have failed");
    assert_eq!(ids(f, of(express)).await, [6, 5, 2, 1], "the lane is not part of the filter");
}

pub(super) async fn a_filter_selects_by_kind_chat_and_reason(f: &mut Fixture) {
    for (id, kind, chat) in
        [(1, "message", 1), (2, "poll", 2), (3, "message", 2), (4, "my_own_kind", 3), (5, "poll", 1)]
    {
        store(f, id, kind, chat).await;
    }
    let kind = |name: &str| Filter { kind: Some(Kind::named(name)), ..Filter::default() };
    let chat = |key| Filter { chat_key: Some(key), ..Filter::default() };
    assert_eq!(ids(f, kind("message")).await, [3, 1]);
    assert_eq!(ids(f, kind("my_own_kind")).await, [4]);
    assert_eq!(ids(f, kind("callback_query")).await, [0; 0]);
    assert_eq!(ids(f, chat(ChatKey::chat(2))).await, [3, 2]);
    for other in [ChatKey::chat(9), ChatKey::user(2), ChatKey::update(2)] {
        assert_eq!(ids(f, chat(other)).await, [0; 0]);
    }
    let mut claimed = f.claim().await;
    assert_eq!(super::ids(&claimed), [1, 2, 4]);
    let reason = "the handler failed";
    f.settle(claimed.remove(0).lease, Verdict::Dead { reason: reason.to_owned() }).await;
    f.settle(claimed.remove(0).lease, retry(f.after(600))).await;
    f.settle(claimed.remove(0).lease, dead()).await;
    assert_eq!(ids(f, for_reason(reason)).await, [2, 1]);
    assert_eq!(ids(f, for_reason("the handler")).await, [0; 0], "a reason is not a pattern");
    let both = |state| Filter { state: Some(state), ..for_reason(reason) };
    assert_eq!(ids(f, both(UpdateState::Dead)).await, [1]);
    assert_eq!(ids(f, both(UpdateState::Waiting)).await, [2]);
    assert_eq!(ids(f, both(UpdateState::Held)).await, [0; 0]);
    assert_eq!(ids(f, chat(ChatKey::chat(1))).await, [5, 1], "dead-letter updates are among them");
    let all = Filter {
        state: Some(UpdateState::Waiting),
        kind: Some(Kind::named("poll")),
        chat_key: Some(ChatKey::chat(2)),
        reason: Some(reason.to_owned()),
    };
    assert_eq!(ids(f, all.clone()).await, [2]);
    assert_eq!(ids(f, Filter { kind: Some(Kind::named("message")), ..all }).await, [0; 0]);
    let dead_message =
        Filter { state: Some(UpdateState::Dead), kind: Some(Kind::named("message")), ..Filter::default() };
    assert_eq!(ids(f, dead_message).await, [1]);
}

pub(super) async fn an_update_is_found_with_its_body_until_it_is_done(f: &mut Fixture) {
    store(f, 1, "message", 1).await;
    assert!(find(f, 2).await.is_none());
    let before = find(f, 1).await.unwrap();
    assert_eq!((before.state, before.attempts, before.chat_key.as_str()), (UpdateState::Waiting, 0, "chat:1"));
    assert!(before.body.unwrap().contains("secret words"));
    assert_eq!((before.next_attempt_at, before.ended_at), (None, None));
    let received = before.received_at;
    assert_eq!(before.expires_at.unwrap().duration_since(received).as_hours(), 24);
    let delivery = f.next().await;
    let held = find(f, 1).await.unwrap();
    assert_eq!((held.state, held.next_attempt_at), (UpdateState::Held, None));
    f.settle(delivery.lease, retry(f.after(600))).await;
    let failed = find(f, 1).await.unwrap();
    assert_eq!((failed.state, failed.attempts), (UpdateState::Waiting, 1));
    assert_eq!(failed.reason.as_deref(), Some("the handler failed"));
    let wait = failed.next_attempt_at.expect("it waits").duration_since(f.now()).as_secs();
    assert!((595..=600).contains(&wait), "it waits for {wait} s");
    f.pass(Duration::from_secs(700)).await;
    assert_eq!(find(f, 1).await.unwrap().next_attempt_at, None, "it may start now");
    assert_eq!(settle_next(f, Verdict::Done).await, 1);
    for _ in 0..2 {
        let done = find(f, 1).await.unwrap();
        assert_eq!((done.state, done.kind.name(), &done.body), (UpdateState::Done, "message", &None));
        assert_eq!((done.reason, done.calls_left), (None, None));
        assert!(done.ended_at.is_some_and(|at| at >= received), "{:?}", done.ended_at);
        f.sweep().await;
    }
}

pub(super) async fn a_dead_letter_update_is_found_with_its_reason_and_a_revived_one_waits(f: &mut Fixture) {
    store(f, 1, "message", 1).await;
    settle_next(f, dead()).await;
    let found = find(f, 1).await.unwrap();
    assert_eq!((found.state, found.attempts), (UpdateState::Dead, 1));
    assert_eq!(found.reason.as_deref(), Some("the handler rejected it"));
    assert!(found.body.unwrap().contains("secret words"));
    f.inbox().revive(&Selection::All).await.unwrap();
    let found = find(f, 1).await.unwrap();
    assert_eq!((found.state, found.attempts, found.reason), (UpdateState::Waiting, 0, None));
    assert_eq!(ids(f, in_state(UpdateState::Dead)).await, [0; 0]);
}

fn summary(held_back: &[HeldBack]) -> Vec<(&str, u64, i64, UpdateState)> {
    held_back.iter().map(|chat| (chat.chat_key.as_str(), chat.waiting, chat.head.0, chat.head_state)).collect()
}

pub(super) async fn chats_held_back_are_those_that_wait_behind_an_update_or_have_failed(f: &mut Fixture) {
    assert!(f.inbox().held_back(10).await.unwrap().is_empty());
    // One chat after the other, so that it is clear which has waited longest.
    for (id, chat) in [(1, 1), (2, 2), (3, 3), (4, 4), (5, 1), (6, 1), (7, 3)] {
        store(f, id, "message", chat).await;
        f.pass(Duration::from_secs(1)).await;
    }
    let first = f.next().await;
    assert_eq!(first.update.id.0, 1);
    f.settle(first.lease, retry(f.after(600))).await;
    let held = f.next().await;
    assert_eq!(held.update.id.0, 2, "a chat in which nothing waits behind the update in work is not held back");
    let chats = f.inbox().held_back(10).await.unwrap();
    assert_eq!(summary(&chats), [("chat:1", 3, 1, UpdateState::Waiting), ("chat:3", 2, 3, UpdateState::Waiting)]);
    assert_eq!((chats[0].attempts, chats[0].reason.as_deref()), (1, Some("the handler failed")));
    assert_eq!(chats[0].head_kind.name(), "message");
    let wait = chats[0].until.expect("it waits").duration_since(f.now()).as_secs();
    assert!((595..=600).contains(&wait), "it waits for {wait} s");
    assert_eq!(chats[0].since.as_millisecond(), find(f, 1).await.unwrap().received_at.as_millisecond());
    assert_eq!((chats[1].until, chats[1].attempts, chats[1].reason.clone()), (None, 0, None));
    let busy = f.next().await;
    assert_eq!(busy.update.id.0, 3);
    f.settle(held.lease, retry(f.after(600))).await;
    let chats = f.inbox().held_back(2).await.unwrap();
    let expected = [("chat:1", 3, 1, UpdateState::Waiting), ("chat:2", 1, 2, UpdateState::Waiting)];
    assert_eq!(summary(&chats), expected, "the one that has waited longest is first");
    let chats = f.inbox().held_back(10).await.unwrap();
    assert_eq!(summary(&chats[2..]), [("chat:3", 2, 3, UpdateState::Held)]);
    assert_eq!(chats[2].until, None, "its attempt is running");
    f.settle(busy.lease, Verdict::Done).await;
    f.pass(Duration::from_secs(700)).await;
    let chats = f.inbox().held_back(10).await.unwrap();
    let expected = [("chat:1", 3, 1, UpdateState::Waiting), ("chat:2", 1, 2, UpdateState::Waiting)];
    assert_eq!(summary(&chats), expected, "a first update that has failed holds its chat back until it ends");
    assert_eq!(chats[0].until, None, "its attempt may start now");
}

pub(super) async fn dead_letter_updates_are_grouped_and_revived_and_discarded_by_their_reason(f: &mut Fixture) {
    let (bot, telegram) = ("the bot answered 500", "Forbidden: bot was blocked by the user's \"hand\"");
    let reasons = [bot, telegram, bot, bot, telegram];
    for (id, reason) in (1..).zip(reasons) {
        store(f, id, "message", id).await;
        settle_next(f, Verdict::Dead { reason: reason.to_owned() }).await;
        f.pass(Duration::from_secs(1)).await;
    }
    store(f, 6, "message", 6).await;
    settle_next(f, Verdict::Retry { at: f.after(600), reason: bot.to_owned() }).await;
    let groups = f.inbox().dead_by_reason(10).await.unwrap();
    let shape = |groups: &[DeadGroup]| -> Vec<(String, u64, i64)> {
        groups.iter().map(|group| (group.reason.clone(), group.count, group.example.0)).collect()
    };
    assert_eq!(shape(&groups), [(bot.to_owned(), 3, 4), (telegram.to_owned(), 2, 5)]);
    let received = async |id| find(f, id).await.unwrap().received_at;
    assert_eq!((groups[0].oldest, groups[0].newest), (received(1).await, received(4).await));
    assert_eq!(f.inbox().dead_by_reason(1).await.unwrap(), groups[..1]);
    let group = |reason: &str| Selection::Reason(reason.to_owned());
    assert_eq!(numbers(&f.inbox().list(&group(telegram), 10).await.unwrap()), [2, 5]);
    assert!(f.inbox().revive(&group("the bot")).await.unwrap().is_empty(), "a reason is not a pattern");
    let mut discarded = f.inbox().discard(&group(telegram)).await.unwrap();
    discarded.sort();
    assert_eq!(discarded, [2, 5].map(UpdateId));
    let mut revived = f.inbox().revive(&group(bot)).await.unwrap();
    revived.sort();
    assert_eq!(revived, [1, 3, 4].map(UpdateId));
    assert!(f.inbox().dead_by_reason(10).await.unwrap().is_empty());
    assert_eq!(find(f, 6).await.unwrap().attempts, 1, "an update that waits is not of the group");
    assert_eq!(ids(f, in_state(UpdateState::Discarded)).await, [5, 2]);
    assert_eq!(f.counts().await, (4, 0, 0));
}

pub(super) async fn reasons_of_any_characters_form_groups(f: &mut Fixture) {
    let long = "é".repeat(20_000);
    let reasons = ["", "a\0b", "'; DROP TABLE updates; --", "%_\\", "\u{1F514}\n", long.as_str()];
    for (id, reason) in (1..).zip(reasons) {
        store(f, id, "message", id).await;
        settle_next(f, Verdict::Dead { reason: reason.to_owned() }).await;
    }
    let groups = f.inbox().dead_by_reason(100).await.unwrap();
    assert_eq!(groups.len(), reasons.len());
    for group in groups {
        assert_eq!(ids(f, for_reason(&group.reason)).await, [group.example.0], "{:?}", group.reason);
        assert_eq!(f.inbox().discard(&Selection::Reason(group.reason)).await.unwrap(), [group.example]);
    }
}

pub(super) async fn another_process_reads_the_same_pages(f: &mut Fixture) {
    for (id, chat) in [(1, 1), (2, 2), (3, 2)] {
        store(f, id, "message", chat).await;
    }
    settle_next(f, dead()).await;
    let operator = f.for_operator().await;
    let all = operator.page(&Filter::default(), None, 10).await.unwrap();
    assert_eq!(numbers(&all.records), [3, 2, 1]);
    let chat = Filter { chat_key: Some(ChatKey::chat(2)), ..Filter::default() };
    assert_eq!(numbers(&operator.page(&chat, None, 10).await.unwrap().records), [3, 2]);
    assert_eq!(operator.find(UpdateId(1)).await.unwrap().unwrap().state, UpdateState::Dead);
    assert_eq!(operator.dead_by_reason(10).await.unwrap().len(), 1);
}

pub(super) async fn a_restart_restores_what_the_pages_show(f: &mut Fixture) {
    for id in 1..=4 {
        store(f, id, "message", 1).await;
    }
    settle_next(f, Verdict::Done).await;
    settle_next(f, dead()).await;
    settle_next(f, retry(f.after(600))).await;
    f.restart().await;
    if !f.survives_a_restart() {
        assert!(page(f, &Filter::default(), None, 10).await.records.is_empty());
        return;
    }
    assert_eq!(ids(f, Filter::default()).await, [4, 3, 2, 1]);
    assert_eq!(ids(f, in_state(UpdateState::Done)).await, [1]);
    let chats = f.inbox().held_back(10).await.unwrap();
    assert_eq!(summary(&chats), [("chat:1", 2, 3, UpdateState::Waiting)]);
    assert_eq!(chats[0].reason.as_deref(), Some("the handler failed"));
}

pub(super) async fn pages_are_read_while_nothing_can_be_written(f: &mut Fixture) {
    store(f, 1, "message", 1).await;
    settle_next(f, dead()).await;
    let Some(lock) = f.lock(false).await else { return };
    let inbox = f.inbox();
    let mut accepting = inbox.accept(f.message(2, 2));
    assert!(poll!(accepting.as_mut()).is_pending());
    assert_eq!(ids(f, Filter::default()).await, [1]);
    assert_eq!(ids(f, in_state(UpdateState::Dead)).await, [1]);
    assert!(find(f, 1).await.is_some() && f.inbox().held_back(10).await.unwrap().is_empty());
    assert_eq!(f.inbox().count_by_state().await.unwrap().dead, 1);
    assert_eq!(f.inbox().dead_by_reason(10).await.unwrap().len(), 1);
    assert!(find(f, 2).await.is_none(), "it cannot be written yet");
    lock.release().await;
    // On a slow machine it has waited for too long. Telegram then sends it again.
    let _ = accepting.await;
    until("the update to be stored", async || f.inbox().accept(f.message(2, 2)).await.ok()).await;
    assert_eq!(ids(f, Filter::default()).await, [2, 1]);
}

pub(super) async fn a_page_that_cannot_be_read_fails_soon_and_the_inbox_goes_on(f: &mut Fixture) {
    store(f, 1, "message", 1).await;
    if !f.holds_across_a_restart() {
        return;
    }
    let lock = f.lock(true).await.expect("a database can be locked");
    let page = soon("a page that cannot be read", f.inbox().page(&Filter::default(), None, 10)).await;
    assert!(matches!(page, Err(InboxError::Unavailable(_))), "{page:?}");
    lock.release().await;
    assert_eq!(ids(f, Filter::default()).await, [1]);
    let accepted = f.inbox().accept(f.message(2, 2)).await.unwrap();
    assert_eq!(accepted, Accepted::Stored, "the database is not away");
}
