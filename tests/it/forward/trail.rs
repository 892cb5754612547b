use std::sync::atomic::{AtomicBool, Ordering};

use super::bot::{Bot, answer, status};
use super::in_front_of;
use crate::harness::message;
use crate::trail::{ended, told, with_trail};

#[tokio::test]
async fn the_trail_of_a_forwarded_update_has_the_answers_of_the_bot() {
    let has_failed = AtomicBool::new(false);
    let bot = Bot::start(move |_| {
        if !has_failed.swap(true, Ordering::Relaxed) {
            return status(500);
        }
        let call = r#"{"method":"sendMessage","chat_id":7,"text":"Hello"}"#;
        answer(200, "Content-Type: application/json\r\n", call)
    })
    .await;
    let app = with_trail(in_front_of(&bot)).start().await;
    assert_eq!(app.deliver(&message(1, 7, "a")).await.status, 200);
    let steps = ended(&app, 1, "done").await;
    let reason = "reason=the bot failed: it answered 500";
    let expected = [
        "stored kind=message chat_key=chat:7",
        "started attempt=1",
        "forwarded status=500 outcome=failed",
        &format!("failed {reason}"),
        &format!("ended verdict=retry {reason}"),
        "started attempt=2",
        "forwarded status=200 outcome=call",
        "handled calls=1",
        "called method=sendMessage outcome=ok",
        "ended verdict=done",
    ];
    assert_eq!(told(&steps), expected);
}
