use serde_json::{Map, json};

use super::*;
use crate::sandbox::TOKEN;
use crate::sandbox::methods::parameters::{Parameter, Type, listed};
use crate::sandbox::tests::{HttpResponse, TestSandbox};

/// The least parameters with which a method succeeds. `file` is the id of a kept file, `message` of one of the bot's.
fn least(name: &str, row: &str, file: &str, message: i64) -> Map<String, Value> {
    let value = |parameter: &Parameter<'_>| match (parameter.name, parameter.is) {
        ("file_id", _) => file.into(),
        ("message_ids", _) => json!([message]),
        ("media", _) if name == "editMessageMedia" => json!({"type": "photo", "media": file}),
        ("media", _) => json!([{"type": "photo", "media": file}, {"type": "video", "media": file}]),
        ("commands", _) => json!([{"command": "start", "description": "Start"}]),
        ("options", _) => json!([{"text": "a"}, {"text": "b"}]),
        ("rich_message", _) => json!({"markdown": "a"}),
        (_, Type::Json) => json!([]),
        (_, Type::Flag) => true.into(),
        (_, Type::Message) => message.into(),
        (_, Type::Number | Type::Chat | Type::User) => 1.into(),
        (_, Type::Text | Type::Query | Type::File) => "x".into(),
    };
    let mut params: Map<_, _> = listed(row)
        .filter(|parameter| parameter.required)
        .map(|parameter| (parameter.name.to_owned(), value(&parameter)))
        .collect();
    if name == "editMessageText" {
        params.insert("text".to_owned(), "x".into());
    }
    // These need a message of either kind.
    let names_a_message = name.starts_with("editMessage") || matches!(name, "setGameScore" | "stopMessageLiveLocation");
    if names_a_message && !params.contains_key("message_id") {
        params.insert("inline_message_id".to_owned(), "1".into());
    }
    params
}

/// The same parameters in each form that Telegram accepts: the verb, the query, the content type and the body.
fn forms(params: &Map<String, Value>) -> [(&'static str, String, &'static str, String); 5] {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs = params.iter().map(|(name, value)| (name, text(value)));
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs.clone()).finish();
    let part = |(name, value)| format!("--B\r\ncontent-disposition:form-data;name=\"{name}\"\r\n\r\n{value}\r\n");
    let multipart = format!("{}--B--", pairs.map(part).collect::<String>());
    let json = Value::Object(params.clone()).to_string();
    let form_type = "application/x-www-form-urlencoded";
    [
        ("POST", String::new(), "application/json", json),
        ("POST", String::new(), form_type, form.clone()),
        ("GET", String::new(), form_type, form.clone()),
        ("GET", form, "", String::new()),
        ("POST", String::new(), "multipart/form-data; boundary=\"B\"", multipart),
    ]
}

async fn send(telegram: &TestSandbox, method: &str, params: Value) -> Value {
    telegram.call(method, params).await.body["result"].clone()
}

#[tokio::test]
async fn every_method_succeeds_with_its_least_parameters_in_every_form() {
    let telegram = TestSandbox::start().await;
    for (name, row, _) in METHODS {
        for form in 0..5 {
            telegram.advance(5);
            let file =
                send(&telegram, "sendDocument", json!({"chat_id": 1, "document": "a"})).await["document"].clone();
            let message = match *name {
                "stopPoll" => {
                    send(&telegram, "sendPoll", json!({"chat_id": 1, "question": "a", "options": ["b"]})).await
                }
                _ => send(&telegram, "sendMessage", json!({"chat_id": 1, "text": "a"})).await,
            };
            let params = least(name, row, file["file_id"].as_str().unwrap(), message["message_id"].as_i64().unwrap());
            let (verb, query, content_type, body) = forms(&params)[form].clone();
            let path = format!("/bot{TOKEN}/{name}?{query}");
            let HttpResponse { code, body: answer, .. } =
                telegram.typed(verb, &path, content_type, body.as_bytes()).await.unwrap();
            assert!(code == 200 && answer["ok"] == true, "{name} by {verb} {query:?} {content_type} {body}: {answer}");
            assert!(!answer["result"].is_null(), "{name}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_missing_parameter_is_refused_as_telegram_does() {
    let telegram = TestSandbox::start().await;
    for (name, row, _) in METHODS {
        let mut params = least(name, row, "a", 1);
        for parameter in listed(row).filter(|parameter| parameter.required) {
            let value = params.remove(parameter.name).unwrap();
            let refused = telegram.call(name, Value::Object(params.clone())).await;
            let description = refused.body["description"].as_str().unwrap_or_default();
            assert!(
                refused.code == 400 && description.starts_with("Bad Request: "),
                "{name} without {}: {} {description}",
                parameter.name,
                refused.code
            );
            params.insert(parameter.name.to_owned(), value);
        }
    }
    for (method, params, expected) in [
        ("sendPhoto", json!({"chat_id": 1}), "there is no photo in the request"),
        ("sendVideoNote", json!({"video_note": "a"}), "chat_id is empty"),
        ("banChatMember", json!({"chat_id": 1, "user_id": "Ann"}), "invalid user_id specified"),
        ("setChatTitle", json!({"chat_id": 1}), "parameter \"title\" is required"),
        ("setChatTitle", json!({"chat_id": 1, "title": "a".repeat(129)}), "title is too long"),
        ("deleteMessages", json!({"chat_id": 1, "message_ids": vec![1; 101]}), "too many message ids specified"),
        ("sendPoll", json!({"chat_id": 1, "question": "a", "options": "["}), "can't parse options JSON object"),
    ] {
        assert_eq!(telegram.description(method, params).await, format!("Bad Request: {expected}"), "{method}");
    }
}

#[test]
fn the_table_names_each_method_once_in_order_and_each_template_is_json() {
    let mut names: Vec<_> = METHODS.iter().map(|(name, ..)| name.to_ascii_lowercase()).collect();
    let found = names.clone();
    names.sort();
    names.dedup();
    assert_eq!((names.len(), &names), (187, &found));
    for (name, _, method) in METHODS {
        if let Object(template) | Send(template) | Edit(template) | Kept(_, template) = method {
            assert!(serde_json::from_str::<Value>(template).is_ok(), "{name}: {template}");
        }
    }
}

#[test]
fn the_table_has_the_methods_of_the_bot_api() {
    assert!(METHODS.iter().map(|(name, ..)| *name).eq(crate::telegram::METHODS));
}
