//! A bot with teloxide in webhook mode, for Doorbell.

use std::env;
use std::error::Error;
use std::time::Duration;

use teloxide::net::Download;
use teloxide::prelude::*;
use teloxide::types::{InlineKeyboardButton, InlineKeyboardMarkup, InputFile};
use teloxide::update_listeners::webhooks;
use tokio::signal::unix::{SignalKind, signal};

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0@\0\0\0@\x01\0\0\0\0\x82\x12Ls\0\0\0\x17IDATx\xdac`\
    \xf8\x0f\x85\x142\xa8d\x0c\xc3\xa8{\x86\x94{\0\xf3\x02\xff\x01\x81t\xf7p\0\0\0\0IEND\xaeB`\x82";

async fn message(bot: Bot, message: Message) -> Outcome {
    let chat = message.chat.id;
    let document = message.document().map(|document| &document.file);
    let photo = message.photo().and_then(|sizes| sizes.last()).map(|size| &size.file);
    if let Some(attachment) = document.or(photo) {
        let file = bot.get_file(attachment.id.clone()).await?;
        let mut content = Vec::new();
        bot.download_file(&file.path, &mut content).await?;
        bot.send_message(chat, format!("{} bytes", content.len())).await?;
        return Ok(());
    }
    match message.text() {
        Some("/start") => {
            let keyboard = InlineKeyboardMarkup::new([[InlineKeyboardButton::callback("Press me", "pressed")]]);
            bot.send_message(chat, "Send me a text, a photo or a file.").reply_markup(keyboard).await?;
        }
        Some("/photo") => {
            bot.send_photo(chat, InputFile::memory(PICTURE).file_name("picture.png")).await?;
        }
        Some("boom") => return Err("boom".into()),
        Some(text) => {
            if text == "slow" {
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
            bot.send_message(chat, text).await?;
        }
        None => {}
    }
    Ok(())
}

async fn pressed(bot: Bot, query: CallbackQuery) -> Outcome {
    bot.answer_callback_query(query.id.clone()).await?;
    if let Some(message) = query.regular_message() {
        bot.edit_message_text(message.chat.id, message.id, "You pressed the button.").await?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome {
    let bot = Bot::new(env::var("BOT_TOKEN")?).set_api_url(env::var("TELEGRAM_API_URL")?.parse()?);
    let address = ([127, 0, 0, 1], env::var("PORT")?.parse()?).into();
    let options = webhooks::Options::new(address, env::var("WEBHOOK_URL")?.parse()?);
    let listener = webhooks::axum(bot.clone(), options.secret_token(env::var("WEBHOOK_SECRET")?)).await?;

    let handler = dptree::entry()
        .branch(Update::filter_message().endpoint(message))
        .branch(Update::filter_callback_query().endpoint(pressed));
    let mut dispatcher = Dispatcher::builder(bot, handler).build();
    // teloxide stops by itself at Ctrl-C, but not at SIGTERM.
    let (token, mut terminated) = (dispatcher.shutdown_token(), signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        terminated.recv().await;
        if let Ok(stopped) = token.shutdown() {
            stopped.await;
        }
    });
    // It answers 200 before it has handled the update: a kill -9 of the bot loses what it holds.
    dispatcher.dispatch_with_listener(listener, LoggingErrorHandler::new()).await;
    Ok(())
}
