//! `/start` is answered.

use std::time::Duration;

use crate::harness::TestApp;

#[tokio::test]
async fn start_is_answered_through_telegram_and_back() {
    let app = TestApp::spawn().await;
    app.sandbox.say(7, "Ann", "/start");
    let replied = app.sandbox.until(|sandbox| sandbox.messages(Some(7)).iter().any(|message| message.bot));
    tokio::time::timeout(Duration::from_secs(10), replied).await.expect("a reply in time");
    app.sandbox.idle().await;
    app.drain().await;
    assert_eq!(app.replies(7).len(), 1);
}
