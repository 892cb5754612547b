//! The bot in the sandbox's chat page, through the page's own forms, as a person uses it without JavaScript.

use super::behind_doorbell::BehindDoorbell;
use crate::harness::get;

/// Nobody else writes in this chat.
const CHAT: &str = "5";
const VIEW: &str = "/?chat=5&as=Eve";

/// A person types `/start`, presses the button, asks for the photo and sends a file. The text transcript shows the answers.
pub(super) fn works_with(bot: &BehindDoorbell) {
    bot.telegram.submits("/chat/send", &[("view", VIEW), ("text", "/start")]);
    sees(bot, &["Eve: /start", "Doorbell: Send me a text, a photo or a file."]);

    let page = bot.until("the page shows the button", || {
        Some(get(bot.telegram.0, VIEW).body).filter(|page| page.contains("action=\"/chat/press\""))
    });
    let form =
        page.split("action=\"/chat/press\"").nth(1).and_then(|rest| rest.split("</form>").next()).expect("a form");
    let message = value(form, "message");
    bot.telegram.submits("/chat/press", &[("view", VIEW), ("message", message), ("data", value(form, "data"))]);
    sees(bot, &["Eve: /start", "Doorbell: You pressed the button. (edited)"]);

    bot.telegram.submits("/chat/send", &[("view", VIEW), ("text", "/photo")]);
    sees(bot, &["Eve: /start", "Doorbell: You pressed the button. (edited)", "Eve: /photo", "Doorbell: [photo]"]);
    let page = get(bot.telegram.0, VIEW).body;
    assert!(page.contains("<img src=\"/chat/files/"), "the photo is shown: {page}");
}

/// The value of a field or button of a form.
fn value<'a>(form: &'a str, name: &str) -> &'a str {
    let begin = format!("name=\"{name}\" value=\"");
    form.split(&begin).nth(1).and_then(|rest| rest.split('"').next()).expect("a value")
}

/// Waits until the transcript has exactly these lines, apart from their times.
fn sees(bot: &BehindDoorbell, expected: &[&str]) {
    let path = format!("/sandbox/messages?format=text&chat={CHAT}");
    bot.until(&format!("the transcript is {expected:?}"), || {
        let transcript = get(bot.telegram.0, &path).body;
        let said = transcript.lines().filter_map(|line| Some(line.split_once(' ')?.1));
        said.eq(expected.iter().copied()).then_some(())
    });
}
