use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sandbox::methods::execute;
use crate::sandbox::state::State;
use crate::telegram::Params;

fn call(state: &mut State, method: &str, params: Value) -> Value {
    let Value::Object(params) = params else { unreachable!() };
    let response = execute(state, Timestamp::UNIX_EPOCH, method, &Params::from(params));
    serde_json::from_slice(&response.body).unwrap()
}

fn refusal(state: &mut State, method: &str, params: Value) -> String {
    call(state, method, params)["description"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_message_needs_a_text_and_a_chat() {
    let state = &mut State::default();
    for (params, expected) in [
        (json!({}), "message text is empty"),
        (json!({"chat_id": 1, "text": " \n"}), "message text is empty"),
        (json!({"text": "a"}), "chat_id is empty"),
        (json!({"chat_id": "nobody", "text": "a"}), "chat not found"),
        (json!({"chat_id": 1, "text": "\u{1f514}".repeat(2049)}), "message is too long"),
        (json!({"chat_id": 1, "text": "a", "reply_markup": "{"}), "can't parse reply keyboard markup JSON object"),
        (json!({"chat_id": 1, "text": "a", "parse_mode": "RTF"}), "unsupported parse_mode"),
    ] {
        assert_eq!(refusal(state, "sendmessage", params), format!("Bad Request: {expected}"));
    }
    assert_eq!(call(state, "sendmessage", json!({"chat_id": "1", "text": "\u{1f514}".repeat(2048)}))["ok"], true);
    state.strict = true;
    assert_eq!(refusal(state, "sendmessage", json!({"chat_id": 2, "text": "a"})), "Bad Request: chat not found");
}

#[test]
fn buttons_are_accepted_as_an_object_or_as_text() {
    let state = &mut State::default();
    let buttons = json!({"inline_keyboard": [[{"text": "a", "callback_data": "1"}]]});
    for markup in [buttons.clone(), buttons.to_string().into()] {
        let sent = call(state, "sendmessage", json!({"chat_id": 1, "text": "a", "reply_markup": markup}));
        assert_eq!(sent["result"]["reply_markup"], buttons);
    }
    assert!(state.conversations.messages().all(|message| message.buttons.as_ref() == Some(&buttons)));
}

#[test]
fn an_edit_records_the_text_it_replaces() {
    let state = &mut State::default();
    call(state, "sendmessage", json!({"chat_id": 1, "text": "a"}));
    let edit = |text| json!({"chat_id": 1, "message_id": 1, "text": text});
    assert_eq!(call(state, "editmessagetext", edit("b"))["result"]["text"], "b");
    assert!(refusal(state, "editmessagetext", edit("b")).starts_with("Bad Request: message is not modified"));
    let message = state.conversations.message(1, 1).unwrap();
    assert_eq!((message.text.as_str(), message.edits[0].text.as_str()), ("b", "a"));
    call(state, "deletemessage", json!({"chat_id": 1, "message_id": 1}));
    assert_eq!(refusal(state, "editmessagetext", edit("c")), "Bad Request: message to edit not found");
}

#[test]
fn copies_forwards_and_media_groups_write_messages() {
    let state = &mut State::default();
    call(state, "sendmessage", json!({"chat_id": 1, "text": "a"}));
    let source = json!({"chat_id": 2, "from_chat_id": 1, "message_id": 1});
    assert_eq!(call(state, "copymessage", source.clone())["result"], json!({"message_id": 2}));
    assert_eq!(call(state, "forwardmessage", source)["result"]["text"], "a");
    let media = json!([{"type": "photo", "media": "a", "caption": "b"}, {"type": "video", "media": "c"}]);
    let album = call(state, "sendmediagroup", json!({"chat_id": 2, "media": media}))["result"].clone();
    assert_eq!((&album[0]["caption"], &album[1]["video"]["duration"]), (&json!("b"), &json!(1)));
    assert_eq!(album[0]["media_group_id"], album[1]["media_group_id"]);
    let texts: Vec<_> = state.conversations.messages().map(|message| message.text.as_str()).collect();
    assert_eq!(texts[3..], ["[photo] b", "[video]"]);
}

#[test]
fn buttons_that_telegram_does_not_accept_are_refused() {
    let state = &mut State::default();
    for (button, expected) in [
        (json!({"text": "a", "url": "localhost"}), "inline keyboard button URL 'localhost' is invalid: Wrong HTTP URL"),
        (json!({"text": "a", "callback_data": "x".repeat(65)}), "BUTTON_DATA_INVALID"),
    ] {
        let params = json!({"chat_id": 1, "text": "a", "reply_markup": {"inline_keyboard": [[button]]}});
        assert_eq!(refusal(state, "sendmessage", params), format!("Bad Request: {expected}"));
    }
}

#[test]
fn both_markdown_modes_are_parsed_and_refused_as_telegram_does() {
    let state = &mut State::default();
    let send = |mode, text| json!({"chat_id": 1, "parse_mode": mode, "text": text});
    for mode in ["Markdown", "MarkdownV2", "markdownv2"] {
        assert_eq!(call(state, "sendmessage", send(mode, "*a* b"))["result"]["text"], "a b");
        let refused = refusal(state, "sendmessage", send(mode, "*a b"));
        assert!(refused.starts_with("Bad Request: can't parse entities: Can't find end of "), "{refused}");
    }
    let refused = refusal(state, "sendmessage", send("MarkdownV2", "Hello!"));
    let expected = "can't parse entities: Character '!' is reserved and must be escaped with the preceding '\\'";
    assert_eq!(refused, format!("Bad Request: {expected}"));
}

#[test]
fn html_is_parsed_and_refused_as_telegram_does() {
    let state = &mut State::default();
    let send = |text| json!({"chat_id": 1, "parse_mode": "HTML", "text": text});
    assert_eq!(call(state, "sendmessage", send("<b>a</b> &lt;3"))["result"]["text"], "a <3");
    assert!(refusal(state, "sendmessage", send("<x>")).starts_with("Bad Request: can't parse entities: "));
}
