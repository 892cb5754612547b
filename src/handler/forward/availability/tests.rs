use super::*;
use crate::handler::forward::bot_url::BotUrl;
use crate::handler::forward::destination::Addresses;

/// The moment this many milliseconds after the begin.
fn at(millis: u64) -> Moment {
    let time = later(Timestamp::UNIX_EPOCH, Duration::from_millis(millis));
    Moment { now: time, steady: time }
}

fn destination() -> Result<Destination, BotStatus> {
    let forward_url = BotUrl::parse("http://127.0.0.1:3000/");
    Addresses { own: None, forward_url, public_url: None, own_ports: Vec::new() }.resolve(None)
}

/// A bot that takes up to 10 updates at once and has answered one.
fn available() -> Availability {
    let mut bot = Availability::new(at(0));
    bot.redirect(destination(), 10, at(0));
    check(&mut bot, true, 0);
    let ticket = enter(&mut bot, 1, 0);
    bot.leave(&ticket, Ended::Answered, at(0));
    assert_eq!(bot.capacity(), 10);
    bot
}

fn check(bot: &mut Availability, takes: bool, millis: u64) {
    let destination = Arc::clone(bot.destination().unwrap());
    bot.checked(&destination, if takes { Ok(()) } else { Err("connection refused".to_owned()) }, at(millis));
}

fn enter(bot: &mut Availability, id: i64, millis: u64) -> Ticket {
    match bot.enter(UpdateId(id), false, at(millis)) {
        Entry::Go(ticket) => ticket,
        Entry::Wait | Entry::Refused(_) => panic!("{id} is not let in"),
    }
}

fn due(bot: &Availability) -> u64 {
    let due = bot.check_at().unwrap().as_millisecond();
    u64::try_from(due).unwrap()
}

fn unavailable() -> Ended {
    Ended::Trouble(Trouble::Unavailable { reason: "it answered 503".to_owned(), retry_after: None })
}

fn misconfigured() -> Ended {
    Ended::Trouble(Trouble::Misconfigured("your bot answers 404".to_owned()))
}

#[test]
fn a_bot_that_returns_gets_one_update_and_then_all() {
    let mut bot = Availability::new(at(0));
    bot.redirect(destination(), 10, at(0));
    assert_eq!((bot.capacity(), due(&bot)), (0, 0), "it is tried at once");
    assert!(matches!(bot.enter(UpdateId(1), false, at(0)), Entry::Refused(_)));
    check(&mut bot, true, 5);
    assert_eq!((bot.capacity(), bot.status().is_available()), (1, true));
    let ticket = enter(&mut bot, 1, 5);
    assert!(matches!(bot.enter(UpdateId(2), false, at(5)), Entry::Refused(_)), "one at a time");
    bot.leave(&ticket, Ended::Answered, at(6));
    assert_eq!(bot.capacity(), 10);
}

#[test]
fn a_bot_that_is_away_is_tried_every_250_ms_and_then_every_second() {
    let mut bot = available();
    let ticket = enter(&mut bot, 2, 0);
    bot.leave(&ticket, Ended::Trouble(Trouble::Unreachable("connection refused".to_owned())), at(0));
    let mut waits = Vec::new();
    for _ in 0..5 {
        let now = due(&bot);
        check(&mut bot, false, now);
        waits.push(due(&bot) - now);
    }
    assert_eq!(waits, [500, 1000, 1000, 1000, 1000], "the first wait was 250 ms");
    let BotStatus::Away { since, .. } = bot.status() else { panic!("{:?}", bot.status()) };
    assert_eq!(*since, at(0).now, "it is away since the first failure");
}

#[test]
fn several_updates_that_meet_the_same_trouble_count_once() {
    let mut bot = available();
    let tickets: Vec<_> = (2..8).map(|id| enter(&mut bot, id, 0)).collect();
    for ticket in &tickets {
        bot.leave(ticket, unavailable(), at(0));
    }
    assert_eq!((bot.capacity(), due(&bot)), (0, 250));
}

#[test]
fn a_connection_does_not_show_that_a_bot_which_answered_503_or_404_is_mended() {
    for ended in [unavailable(), misconfigured()] {
        let mut bot = available();
        let ticket = enter(&mut bot, 2, 0);
        bot.leave(&ticket, ended, at(0));
        check(&mut bot, true, 250);
        assert_eq!((bot.capacity(), bot.status().is_available()), (1, false));
        let ticket = enter(&mut bot, 2, 250);
        bot.leave(&ticket, Ended::Answered, at(260));
        assert_eq!((bot.capacity(), bot.status().is_available()), (10, true));
    }
}

#[test]
fn a_wait_that_the_bot_asks_for_holds_until_a_new_target_is_set() {
    let mut bot = available();
    let ticket = enter(&mut bot, 2, 0);
    let asked = Trouble::Throttled { reason: "it answered 429".to_owned(), retry_after: Duration::from_secs(30) };
    bot.leave(&ticket, Ended::Trouble(asked), at(0));
    assert_eq!((bot.capacity(), due(&bot)), (0, 30_000));
    check(&mut bot, true, 1000);
    assert_eq!(bot.capacity(), 0, "it is too early");
    bot.redirect(destination(), 10, at(2000));
    assert_eq!(due(&bot), 2000);
}

#[test]
fn updates_whose_connection_was_cut_come_back_alone() {
    let mut bot = available();
    let tickets: Vec<_> = (2..5).map(|id| enter(&mut bot, id, 0)).collect();
    bot.leave(&tickets[0], Ended::Cut, at(0));
    bot.leave(&tickets[1], Ended::Cut, at(0));
    assert_eq!((bot.capacity(), due(&bot)), (0, 0), "it is checked at once");
    check(&mut bot, true, 1);
    bot.leave(&tickets[2], Ended::Answered, at(2));
    assert_eq!(bot.capacity(), 10);
    // An update that was not cut goes on beside others, and a suspect waits for it.
    let other = enter(&mut bot, 9, 3);
    assert!(matches!(bot.enter(UpdateId(2), false, at(3)), Entry::Wait));
    assert_eq!(bot.capacity(), 1, "nothing new is claimed");
    assert!(matches!(bot.enter(UpdateId(10), false, at(3)), Entry::Refused(_)));
    bot.leave(&other, Ended::Answered, at(4));
    let Entry::Go(suspect) = bot.enter(UpdateId(2), true, at(4)) else { panic!("it is its turn") };
    assert!(matches!(bot.enter(UpdateId(3), false, at(4)), Entry::Wait), "one suspect at a time");
    bot.give_up_waiting();
    bot.leave(&suspect, Ended::Answered, at(5));
    assert_eq!(bot.capacity(), 10);
    let cleared = enter(&mut bot, 2, 6);
    let _other = enter(&mut bot, 11, 6);
    bot.leave(&cleared, Ended::Unknown, at(7));
}

#[test]
fn a_bot_that_cuts_every_connection_is_not_tried_more_often_than_every_second() {
    let mut bot = available();
    let mut waits = Vec::new();
    for id in 0..6 {
        let now = due(&bot).max(1);
        if bot.capacity() == 0 {
            check(&mut bot, true, now);
        }
        let ticket = enter(&mut bot, 100 + id, now);
        bot.leave(&ticket, Ended::Cut, at(now));
        waits.push(due(&bot) - now);
    }
    assert_eq!(waits, [0, 500, 1000, 1000, 1000, 1000]);
}

#[test]
fn a_refusal_is_the_updates_if_the_bot_has_answered_others_since_it_refused_it_before() {
    let mut bot = available();
    let refuse = |bot: &mut Availability, id, millis| {
        let ticket = enter(bot, id, millis);
        bot.leave(&ticket, misconfigured(), at(millis))
    };
    assert_eq!(refuse(&mut bot, 2, 0), Blame::Bot);
    check(&mut bot, true, 250);
    assert_eq!(refuse(&mut bot, 2, 250), Blame::Bot, "it has answered nothing since");
    let now = due(&bot);
    check(&mut bot, true, now);
    let other = enter(&mut bot, 3, now);
    bot.leave(&other, Ended::Answered, at(now));
    assert_eq!(refuse(&mut bot, 2, now), Blame::Update);
    assert_eq!(bot.capacity(), 10, "the others go on");
}

#[test]
fn an_answer_of_an_earlier_target_says_nothing_about_the_new_one() {
    let mut bot = available();
    let early = enter(&mut bot, 2, 0);
    bot.redirect(destination(), 10, at(1));
    check(&mut bot, true, 1);
    bot.leave(&early, misconfigured(), at(2));
    assert_eq!((bot.capacity(), bot.status().is_available()), (1, true));
}

#[test]
fn a_paused_bot_gets_nothing_and_is_not_checked() {
    let mut bot = available();
    let ticket = enter(&mut bot, 2, 0);
    bot.redirect(Err(BotStatus::Paused), 10, at(1));
    assert_eq!((bot.capacity(), bot.check_at(), bot.status()), (0, None, &BotStatus::Paused));
    bot.leave(&ticket, unavailable(), at(2));
    assert_eq!(bot.status(), &BotStatus::Paused);
}

#[test]
fn a_long_turn_after_the_return_of_the_bot_holds_the_others_back_for_a_second_only() {
    let mut bot = Availability::new(at(0));
    bot.redirect(destination(), 10, at(0));
    check(&mut bot, true, 0);
    let turn = enter(&mut bot, 1, 5);
    assert_eq!(bot.next_at(), Some(at(1005).steady));
    bot.pass(at(1004));
    assert_eq!(bot.capacity(), 1);
    bot.pass(at(1005));
    assert_eq!((bot.capacity(), bot.status().is_available()), (10, true));
    let others: Vec<_> = (2..11).map(|id| enter(&mut bot, id, 1006)).collect();
    assert!(matches!(bot.enter(UpdateId(11), false, at(1006)), Entry::Refused(_)), "it has ten");
    bot.leave(&turn, Ended::Answered, at(2000));
    let _eleventh = enter(&mut bot, 11, 2000);
    drop(others);
}

#[test]
fn a_suspect_that_takes_long_is_alone_for_ten_seconds_only() {
    let mut bot = available();
    let cut: Vec<_> = (2..4).map(|id| enter(&mut bot, id, 0)).collect();
    for ticket in &cut {
        bot.leave(ticket, Ended::Cut, at(0));
    }
    check(&mut bot, true, 1);
    let answered = enter(&mut bot, 4, 1);
    bot.leave(&answered, Ended::Answered, at(2));
    let turn = enter(&mut bot, 9, 3);
    assert!(matches!(bot.enter(UpdateId(2), false, at(5)), Entry::Wait), "a turn is with the bot");
    assert_eq!(bot.next_at(), Some(at(10_002).steady), "the check of the bot is earlier than the end of the wait");
    bot.pass(at(10_003));
    let Entry::Go(first) = bot.enter(UpdateId(2), true, at(10_003)) else { panic!("the turn lasts for ten seconds") };
    assert!(matches!(bot.enter(UpdateId(3), false, at(10_004)), Entry::Wait), "one suspect at a time");
    assert!(matches!(bot.enter(UpdateId(20), false, at(10_004)), Entry::Refused(_)), "it is alone");
    check(&mut bot, true, 15_000);
    assert_eq!(bot.next_at(), Some(at(20_003).steady));
    bot.pass(at(20_003));
    let Entry::Go(second) = bot.enter(UpdateId(3), true, at(20_003)) else { panic!("the first one is no danger") };
    bot.leave(&second, Ended::Answered, at(20_004));
    assert_eq!(bot.capacity(), 10);
    bot.leave(&first, Ended::Cut, at(20_005));
    bot.leave(&turn, Ended::Cut, at(20_005));
    check(&mut bot, true, 20_006);
    assert_eq!((bot.visits.count(), bot.visits.has_suspects()), (0, false));
}
