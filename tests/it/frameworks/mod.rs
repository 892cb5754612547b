//! The bots in `examples/bots`, installed and started as a reader would, with `doorbell sandbox -- COMMAND`: they run
//! unchanged behind Doorbell, with a stand-in token.
//!
//! They need `PyPI`, npm or crates.io, and minutes. `DOORBELL_FRAMEWORKS=1` runs four of them, `DOORBELL_FRAMEWORKS=all`
//! all seven. `DOORBELL_FRAMEWORKS_KILLS=20` kills each bot, and Doorbell, twenty times and not once.

mod behind_doorbell;
mod chat_page;
mod installed;
mod kills;
mod migration;
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
    chat_page::works_with(&bot);
    the_order_of_a_chat_is_kept(&bot);
    a_stop_leaves_no_process(&mut bot);
    drop(bot);

    kills::of_the_bot(framework, &BehindDoorbell::start(&installed));
    kills::of_doorbell(framework, &mut BehindDoorbell::serve(&installed));
    migration::follows_the_page(framework.folder, framework.language, &installed);
}

/// Whether the environment asks for this bot. If not, a visible line says that its test is skipped.
fn is_wanted(framework: &Framework) -> bool {
    let wanted = variable("DOORBELL_FRAMEWORKS");
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

/// A variable that configures the tests; empty if it is not set.
#[expect(clippy::disallowed_methods, reason = "this configures the tests, not the service")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
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
