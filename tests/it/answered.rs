//! The bot answers `/start` and the press of a button.

use std::time::Duration;

use crate::harness::{TestApp, TestAppBuilder};

#[tokio::test]
async fn start_is_answered_through_telegram_and_back() {
    let app = TestApp::spawn().await;
    app.sandbox.send_text(7, "Ann", "/start");
    let replied = app.sandbox.until(|sandbox| sandbox.messages(Some(7)).iter().any(|message| message.bot));
    tokio::time::timeout(Duration::from_secs(10), replied).await.expect("a reply in time");
    app.sandbox.idle().await;
    app.drain().await;
    assert_eq!(app.replies(7).len(), 1);
}

#[tokio::test]
async fn a_press_is_acknowledged_and_a_declared_button_is_answered() {
    let buttons = "[[{ text = 'Yes', callback_data = 'yes' }, { text = 'No', callback_data = 'no' }]]";
    let app = TestAppBuilder::default()
        .with("command", format!("[{{ name = 'ask', reply = 'Sure?', buttons = {buttons} }}]"))
        .with("button", "[{ data = 'yes', reply = 'Very well, {{ user.first_name }}.' }]")
        .start()
        .await;
    app.registered().await;
    app.sandbox.send_text(7, "Ann", "/ask, now");
    app.sandbox.idle().await;
    app.drain().await;
    let question = app.sandbox.messages(Some(7)).last().expect("the question").message_id;
    for data in ["yes", "no"] {
        app.sandbox.press_button(7, "Ann", question, data);
        app.sandbox.idle().await;
        app.drain().await;
    }
    assert_eq!(app.replies(7), ["Sure?", "Very well, Ann."]);
    let answered = app.sandbox.calls().into_iter().filter(|call| call.method == "answerCallbackQuery");
    assert_eq!(answered.map(|call| call.code).collect::<Vec<_>>(), [Some(200), Some(200)]);
}
