//! `kill -9` of the bot, and of Doorbell, while the bot has many updates.

use std::collections::BTreeMap;

use serde_json::Value;

use super::behind_doorbell::BehindDoorbell;
use super::{Framework, variable};
use crate::harness::print_line;

/// The number of updates for each kill, spread over chats.
const UPDATES: usize = 200;
const CHATS: usize = 20;
/// How many updates one kill may repeat: as many as Doorbell hands to a bot at once, `dispatch.concurrency`.
const CONCURRENCY: usize = 64;

/// How often each program is killed.
fn kills() -> usize {
    variable("DOORBELL_FRAMEWORKS_KILLS").parse().unwrap_or(1)
}

/// Kills the bot, which Doorbell starts again.
pub(super) fn of_the_bot(framework: &Framework, bot: &BehindDoorbell) {
    let mut load = Load::start(bot);
    for _ in 0..kills() {
        load.send(bot);
        let process = bot.process();
        process.kill();
        bot.until("the bot is dead", || (!process.lives()).then_some(()));
        load.finish(bot);
    }
    load.check("the bot", framework, bot);
}

/// Kills Doorbell, and starts it again over its store. The bot dies with it.
pub(super) fn of_doorbell(framework: &Framework, bot: &mut BehindDoorbell) {
    let mut load = Load::start(bot);
    for _ in 0..kills() {
        load.send(bot);
        let processes = bot.processes();
        bot.kill();
        for process in &processes {
            bot.until("the bot ends with Doorbell", || (!process.lives()).then_some(()));
        }
        bot.serve_again();
        load.finish(bot);
    }
    load.check("Doorbell", framework, bot);
}

/// The updates of all kills.
struct Load {
    sent: usize,
    kills: usize,
}

impl Load {
    fn start(bot: &BehindDoorbell) -> Self {
        bot.telegram.says(1, "/start");
        bot.replies(1, 1);
        Self { sent: 0, kills: 0 }
    }

    /// Sends updates, and returns while the bot has many of them. Each reply takes a while.
    fn send(&mut self, bot: &BehindDoorbell) {
        bot.telegram.slows_down("sendMessage", 1_000);
        for number in self.sent..self.sent + UPDATES {
            bot.telegram.says(chat(number % CHATS), &format!("text {number}"));
        }
        let (before, some) = (self.sent, UPDATES / 8);
        self.sent += UPDATES;
        let answered = bot.until("the bot is busy", || {
            let answered = answered(&bot.telegram.all_messages()).iter().filter(|number| **number >= before).count();
            (answered >= some).then_some(answered)
        });
        assert!(answered < UPDATES * 7 / 8, "the bot still has updates");
    }

    /// Waits until the bot has answered in every chat. Every bot keeps the order of a chat: then nothing is left.
    fn finish(&mut self, bot: &BehindDoorbell) {
        self.kills += 1;
        bot.telegram.is_fast_again();
        for number in 0..CHATS {
            bot.telegram.says(chat(number), "the last");
        }
        let expected = CHATS * self.kills;
        bot.until("the bot is back and has answered in every chat", || {
            let messages = bot.telegram.all_messages();
            (messages.iter().filter(|message| message["text"] == "the last").count() >= expected).then_some(())
        });
    }

    fn check(&self, killed: &str, framework: &Framework, bot: &BehindDoorbell) {
        let messages = bot.telegram.all_messages();
        let all = answered(&messages);
        let mut once = all.clone();
        once.sort_unstable();
        once.dedup();
        let (lost, twice) = (self.sent - once.len(), all.len() - once.len());
        let out_of_order = out_of_order(&messages);
        print_line(&format!(
            "kill -9 of {killed}, {}, {} times: {} updates, {lost} lost, {twice} twice, {out_of_order} out of order",
            framework.folder, self.kills, self.sent
        ));
        assert!(twice <= CONCURRENCY * self.kills, "no more than the bot had in hand");
        if framework.answers_after_handling {
            assert_eq!((lost, out_of_order), (0, 0), "the bot had not acknowledged them");
        }
    }
}

/// The id of a chat of the load.
fn chat(number: usize) -> i64 {
    100 + i64::try_from(number).expect("a small number")
}

/// The numbers of the texts that the bot has sent back.
fn answered(messages: &[Value]) -> Vec<usize> {
    messages.iter().filter_map(number).collect()
}

fn number(message: &Value) -> Option<usize> {
    message["text"].as_str()?.strip_prefix("text ")?.parse().ok()
}

/// How many texts were answered for the first time after a later one of the same chat.
fn out_of_order(messages: &[Value]) -> usize {
    let mut seen = BTreeMap::<i64, Vec<usize>>::new();
    let mut count = 0;
    for message in messages {
        let (Some(number), Some(chat)) = (number(message), message["chat"].as_i64()) else { continue };
        let numbers = seen.entry(chat).or_default();
        if numbers.contains(&number) {
            continue;
        }
        count += usize::from(numbers.iter().any(|earlier| *earlier > number));
        numbers.push(number);
    }
    count
}
