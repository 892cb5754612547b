use serde_json::{Value, json};

use super::*;
use crate::sandbox::tests::{Receiver, TestSandbox};
use crate::sandbox::{NOT_RECEIVED, TOKEN};

/// Every kind of update that people cause here.
const KINDS: [&str; 6] =
    ["message", "inline_query", "message_reaction", "my_chat_member", "chat_member", "stopped_message_generation"];

/// The content of the next update and its kind.
async fn next(receiver: &mut Receiver) -> (String, Value) {
    let update = receiver.next().await;
    let body: Value = serde_json::from_slice(&update.body).unwrap();
    update.ok();
    let (kind, content) = body.as_object().unwrap().iter().find(|(name, _)| *name != "update_id").unwrap();
    (kind.clone(), content.clone())
}

async fn act(telegram: &TestSandbox, name: &str, params: Value) -> (u16, Value) {
    let answer = telegram.http("POST", &format!("/sandbox/actions/{name}"), &params.to_string()).await.unwrap();
    (answer.code, answer.body)
}

#[tokio::test]
async fn each_action_reaches_the_bot_as_the_update_that_it_causes() {
    let telegram = TestSandbox::start().await;
    let allowed: Vec<_> = KINDS.into_iter().chain(["poll_answer"]).collect();
    let mut receiver = telegram.receiver(json!({"allowed_updates": allowed})).await;
    telegram.call("sendMessage", json!({"chat_id": 1, "text": "a"})).await;
    telegram.call("sendPoll", json!({"chat_id": 1, "question": "a", "options": ["b", "c"]})).await;
    for (name, example) in examples() {
        telegram.sandbox.idle().await;
        let (code, answer) = act(&telegram, name, serde_json::from_str(example).unwrap()).await;
        assert!(code == 200 && answer["update_id"].is_number(), "{name}: {answer}");
        let mut updates = Vec::new();
        for _ in 0..telegram.sandbox.pending() {
            updates.push(next(&mut receiver).await);
        }
        let (kind, path) = match name {
            "inline-query" => ("inline_query", "/query".to_owned()),
            "reaction" => ("message_reaction", "/new_reaction/0/emoji".to_owned()),
            "poll-answer" => ("poll_answer", "/option_persistent_ids/0".to_owned()),
            "join" => ("chat_member", "/new_chat_member/user/first_name".to_owned()),
            "leave" => ("message", "/left_chat_member/first_name".to_owned()),
            "add-bot" | "stop" => ("my_chat_member", "/new_chat_member/status".to_owned()),
            "stop-draft" => ("stopped_message_generation", "/draft_id".to_owned()),
            name => ("message", format!("/{}", name.replace('-', "_"))),
        };
        let found = updates.iter().find(|(found, _)| found == kind).and_then(|(_, content)| content.pointer(&path));
        assert!(found.is_some_and(|value| !value.is_null()), "{name}: {updates:?}");
        let has_two = matches!(name, "join" | "leave" | "add-bot" | "stop-draft");
        assert_eq!(updates.len(), 1 + usize::from(has_two), "{name}: {updates:?}");
    }
    let unknown = act(&telegram, "sing", json!({})).await;
    assert!(
        unknown.0 == 400 && unknown.1["title"].as_str().unwrap().contains("the actions are photo, "),
        "{}",
        unknown.1
    );
}

#[tokio::test]
async fn the_bot_downloads_the_photo_that_a_person_sent() {
    let telegram = TestSandbox::start().await;
    let mut receiver = telegram.receiver(json!({})).await;
    let form =
        b"--B\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"c.jpg\"\r\n\r\n\xff\0\r\nx\r\n--B\r\n\
                 Content-Disposition: form-data; name=\"caption\"\r\n\r\n/look at it\r\n--B--\r\n";
    let sent = telegram.typed("POST", "/sandbox/actions/photo", "multipart/form-data; boundary=B", form).await.unwrap();
    assert_eq!(sent.code, 200, "{}", sent.body);
    let (_, message) = next(&mut receiver).await;
    assert_eq!((&message["caption"], &message["caption_entities"][0]["length"]), (&json!("/look at it"), &json!(5)));
    assert_eq!((&message["from"]["first_name"], &message["text"]), (&json!("Ann"), &Value::Null));
    let file =
        telegram.call("getFile", json!({"file_id": message["photo"][1]["file_id"]})).await.body["result"].clone();
    let path = format!("/file/bot{TOKEN}/{}", file["file_path"].as_str().unwrap());
    assert_eq!(telegram.bytes("GET", &path, "", b"").await.unwrap().1, b"\xff\0\r\nx");
    let shown = telegram.sandbox.messages(Some(1)).remove(0);
    assert_eq!((shown.text.as_str(), shown.bot, shown.update_id.is_some()), ("[photo] /look at it", false, true));
}

#[tokio::test]
async fn an_action_that_is_not_possible_is_refused_with_the_reason() {
    let telegram = TestSandbox::start().await;
    telegram.call("sendMessage", json!({"chat_id": 1, "text": "a"})).await;
    telegram.call("sendPoll", json!({"chat_id": 1, "question": "a", "options": ["b"]})).await;
    for (name, params, reason) in [
        ("location", json!({"latitude": 1}), "longitude is empty; expected: {\"latitude\": 52.5"),
        ("contact", json!({"phone_number": "1", "first_name": "Bob", "age": 3}), "there is no parameter \"age\""),
        ("join", json!({}), "groups only"),
        ("stop", json!({"chat": -5}), "private chats only"),
        ("photo", json!({"chat": 0}), "chat is not the id of a chat"),
        ("voice", json!({"from": " "}), "from is empty"),
        ("reaction", json!({"message_id": 9}), "there is no message 9 in chat 1"),
        ("poll-answer", json!({"message_id": 1, "option_ids": [0]}), "message 1 is not a poll"),
        ("poll-answer", json!({"message_id": 2, "option_ids": [1]}), "the poll has no such option"),
        ("photo", json!([]), "the body is not a JSON object"),
    ] {
        let (code, answer) = act(&telegram, name, params).await;
        let title = answer["title"].as_str().unwrap_or_default();
        assert!(code == 400 && title.contains(reason), "{name}: {code} {title}");
    }
    assert_eq!(telegram.sandbox.pending(), 0);
    let help = telegram.http("GET", "/sandbox", "").await.unwrap().body;
    assert!(examples().all(|(name, _)| help.as_str().unwrap().contains(&format!("/sandbox/actions/{name} "))));
}

#[tokio::test]
async fn a_bot_that_was_stopped_is_blocked_until_the_person_writes_again() {
    let telegram = TestSandbox::start().await;
    let mut receiver = telegram.receiver(json!({})).await;
    act(&telegram, "stop", json!({"chat": 7})).await;
    assert_eq!(next(&mut receiver).await.1["new_chat_member"]["status"], "kicked");
    let refused = telegram.call("sendMessage", json!({"chat_id": 7, "text": "a"})).await;
    let expected = (403, &json!("Forbidden: bot was blocked by the user"));
    assert_eq!((refused.code, &refused.body["description"]), expected);
    assert_ne!(telegram.sandbox.send_text(7, "Ann", "/start"), NOT_RECEIVED);
    let updates = [next(&mut receiver).await, next(&mut receiver).await];
    let member = updates.iter().find(|(kind, _)| kind == "my_chat_member").unwrap();
    assert_eq!(member.1["new_chat_member"]["status"], "member");
    assert_eq!(telegram.call("sendMessage", json!({"chat_id": 7, "text": "a"})).await.code, 200);
}

#[tokio::test]
async fn answers_to_a_poll_are_counted_until_it_is_stopped() {
    let telegram = TestSandbox::start().await;
    telegram.call("sendPoll", json!({"chat_id": 1, "question": "a", "options": ["b", "c"]})).await;
    act(&telegram, "poll-answer", json!({"message_id": 1, "option_ids": [1]})).await;
    let poll = telegram.call("stopPoll", json!({"chat_id": 1, "message_id": 1})).await.body["result"].clone();
    assert_eq!(
        (&poll["options"][1]["voter_count"], &poll["total_voter_count"], &poll["is_closed"]),
        (&json!(1), &json!(1), &json!(true))
    );
}
