//! The bots in `examples/bots`, installed and started as a reader would, with `doorbell sandbox -- COMMAND`: they run
//! unchanged behind Doorbell, with a stand-in token.
//!
//! They need `PyPI`, npm or crates.io, and minutes. `DOORBELL_FRAMEWORKS=1` runs four of them, `DOORBELL_FRAMEWORKS=all`
//! all seven.

mod behind_doorbell;
mod installed;
mod telegram;

use std::sync::{Mutex, PoisonError};

use crate::harness::{print_line, skip_without};
use behind_doorbell::BehindDoorbell;
use installed::{Installed, Language};

/// A bot in `examples/bots`.
struct Framework {
    folder: &'static str,
    language: Language,
    /// Whether the bot answers 200 after it has handled the update. Then a kill of the bot loses nothing.
    answers_after_handling: bool,
    /// Whether `DOORBELL_FRAMEWORKS=1` runs it.
    is_in_short_run: bool,
}

/// The number of updates when a bot is killed, spread over chats.
const UPDATES: i64 = 400;
const CHATS: i64 = 20;
/// How many updates one kill may repeat: as many as Doorbell hands to a bot at once, `dispatch.concurrency`.
const CONCURRENCY: usize = 64;

/// Two bots at once would only wait for each other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Installs the bot and plays every case with it.
fn run(framework: &Framework) {
    if !is_wanted(framework) {
        return;
    }
    let _only = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(tool) = framework.language.missing_tool() {
        skip_without(tool, framework.folder);
        return;
    }
    let installed = Installed::new(framework.folder, framework.language);

    let mut bot = BehindDoorbell::start(&installed);
    bot_has_only_the_stand_in_token(&bot);
    start_is_answered_and_the_button_works(&bot);
    a_photo_is_sent_and_a_file_is_downloaded(&bot);
    the_order_of_a_chat_is_kept(&bot);
    a_stop_leaves_no_process(&mut bot);
    drop(bot);

    a_killed_bot_is_started_again(framework, &BehindDoorbell::start(&installed));
}

/// Whether the environment asks for this bot. If not, a visible line says that its test is skipped.
fn is_wanted(framework: &Framework) -> bool {
    #[expect(clippy::disallowed_methods, reason = "this configures the tests, not the service")]
    let wanted = std::env::var("DOORBELL_FRAMEWORKS").unwrap_or_default();
    let is_wanted = wanted == "all" || (!wanted.is_empty() && framework.is_in_short_run);
    if !is_wanted {
        let value = if framework.is_in_short_run { "1" } else { "all" };
        print_line(&format!(
            "SKIPPED without DOORBELL_FRAMEWORKS={value}: the bot in examples/bots/{}",
            framework.folder
        ));
    }
    is_wanted
}

fn bot_has_only_the_stand_in_token(bot: &BehindDoorbell) {
    let token = bot.variable("BOT_TOKEN");
    let (real_id, real_hash) = doorbell::sandbox::TOKEN.split_once(':').expect("a token has two parts");
    let (id, hash) = token.split_once(':').expect("a token has two parts");
    assert_eq!((id, hash.len()), (real_id, 35), "the id is the bot's, the rest has the form of a token");
    assert!(!bot.environment().contains(real_hash), "the bot has the real token");
    assert!(!bot.log().contains(hash), "the bot printed its token");
}

fn start_is_answered_and_the_button_works(bot: &BehindDoorbell) {
    // The bot may still be starting: Doorbell keeps the update.
    bot.telegram.says(1, "/start");
    let reply = bot.replies(1, 1).remove(0);
    assert_eq!(reply["text"], "Send me a text, a photo or a file.");
    let button = &reply["buttons"]["inline_keyboard"][0][0];
    assert_eq!(button["callback_data"], "pressed");
    bot.telegram.presses(1, &reply, "pressed");
    bot.until("the button is answered and the message is edited", || {
        let edited = bot.replies(1, 1)[0]["text"] == "You pressed the button.";
        (edited && bot.telegram.calls("answerCallbackQuery") == 1).then_some(())
    });
}

fn a_photo_is_sent_and_a_file_is_downloaded(bot: &BehindDoorbell) {
    bot.telegram.says(2, "/photo");
    assert_eq!(bot.texts(2, 1), ["[photo]"]);
    bot.telegram.sends(3, "photo", &[b'a'; 5000]);
    assert_eq!(bot.texts(3, 1), ["5000 bytes"]);
    bot.telegram.sends(3, "document", &vec![b'a'; 300_000]);
    assert_eq!(bot.texts(3, 2)[1], "300000 bytes");
}

fn the_order_of_a_chat_is_kept(bot: &BehindDoorbell) {
    let texts: Vec<_> = (0..30).map(|number| format!("text {number}")).collect();
    for text in &texts {
        bot.telegram.says(4, text);
    }
    assert_eq!(bot.texts(4, texts.len()), texts);
}

fn a_stop_leaves_no_process(bot: &mut BehindDoorbell) {
    let processes = bot.processes();
    assert!(!processes.is_empty());
    bot.stop();
    for process in processes {
        assert!(!process.lives(), "{process:?} outlived Doorbell");
    }
}

/// Kills the bot while it has many updates, and counts what is lost.
fn a_killed_bot_is_started_again(framework: &Framework, bot: &BehindDoorbell) {
    bot.telegram.says(1, "/start");
    bot.replies(1, 1);
    // Each reply takes a while, so that the bot has updates in hand.
    bot.telegram.slows_down("sendMessage", 300);
    let process = bot.process();
    for number in 0..UPDATES {
        bot.telegram.says(100 + number % CHATS, &format!("text {number}"));
    }
    let echoes = || bot.telegram.replies().iter().filter(|text| text.starts_with("text ")).cloned().collect::<Vec<_>>();
    let many = usize::try_from(UPDATES / 8).expect("a small number");
    bot.until("the bot is busy", || (echoes().len() >= many).then_some(()));
    process.kill();
    bot.until("the bot is dead", || (!process.lives()).then_some(()));
    assert!(echoes().len() < many * 7, "the bot was killed while it had updates");
    bot.telegram.is_fast_again();
    // Every bot keeps the order of a chat: with the last reply of each chat, nothing is left.
    for chat in 100..100 + CHATS {
        bot.telegram.says(chat, "the last");
    }
    bot.until("the bot is back and has answered in every chat", || {
        let last = bot.telegram.replies().iter().filter(|text| *text == "the last").count();
        i64::try_from(last).is_ok_and(|last| last >= CHATS).then_some(())
    });
    let mut answered = echoes();
    let all = answered.len();
    answered.sort_unstable();
    answered.dedup();
    let (lost, twice) = (usize::try_from(UPDATES).expect("positive") - answered.len(), all - answered.len());
    print_line(&format!("kill -9 of the bot, {}: {UPDATES} updates, {lost} lost, {twice} twice", framework.folder));
    assert!(twice <= CONCURRENCY, "no more than the bot had in hand");
    if framework.answers_after_handling {
        assert_eq!(lost, 0, "the bot had not acknowledged them");
    }
}

/// A test per bot.
macro_rules! tests {
    ($($name:ident: $folder:literal, $language:ident, $after:literal, $short:literal;)*) => { $(
        #[test]
        fn $name() {
            run(&Framework {
                folder: $folder,
                language: Language::$language,
                answers_after_handling: $after,
                is_in_short_run: $short,
            });
        }
    )* };
}

tests! {
    a_bot_with_aiogram_runs_behind_doorbell: "aiogram", Python, true, true;
    a_bot_with_python_telegram_bot_runs_behind_doorbell: "python-telegram-bot", Python, false, true;
    a_bot_with_pytelegrambotapi_runs_behind_doorbell: "pytelegrambotapi", Python, true, false;
    a_bot_with_grammy_runs_behind_doorbell: "grammy", JavaScript, true, true;
    a_bot_with_telegraf_runs_behind_doorbell: "telegraf", JavaScript, true, true;
    a_bot_with_node_telegram_bot_api_runs_behind_doorbell: "node-telegram-bot-api", JavaScript, true, false;
    a_bot_with_teloxide_runs_behind_doorbell: "teloxide", Rust, false, false;
}
