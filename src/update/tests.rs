use super::*;

const NOW: i64 = 1_700_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn read(body: impl AsRef<[u8]>) -> Result<Update, NotAnUpdate> {
    Update::parse(Bytes::copy_from_slice(body.as_ref()), now())
}

fn key(body: &str) -> ChatKey {
    read(body).unwrap().chat_key
}

#[test]
fn the_update_id_may_be_the_last_field_and_ids_have_64_bits() {
    let update = read(r#"{"message":{"chat":{"id":-9007199254740995}},"update_id":9223372036854775807}"#).unwrap();
    assert_eq!(update.id, UpdateId(i64::MAX));
    assert_eq!(update.chat_key, ChatKey::chat(-9_007_199_254_740_995));
    assert_eq!(update.kind, Kind::named("message"));
}

#[test]
fn the_key_is_the_chat_or_the_user_or_the_update_itself() {
    assert_eq!(key(r#"{"update_id":1,"message":{"from":{"id":7},"chat":{"id":5}}}"#), ChatKey::chat(5));
    assert_eq!(key(r#"{"update_id":1,"inline_query":{"from":{"id":7},"query":""}}"#), ChatKey::user(7));
    assert_eq!(key(r#"{"update_id":1,"shipping_query":{"id":"3"}}"#), ChatKey::update(1));
    assert_eq!(
        key(r#"{"update_id":1,"callback_query":{"from":{"id":7},"message":{"chat":{"id":5},"date":1}}}"#),
        ChatKey::chat(5)
    );
    for text in ["chat:-5", "user:7", "update:1"] {
        assert_eq!(text.parse::<ChatKey>().unwrap().to_string(), text);
    }
}

#[test]
fn updates_of_one_poll_share_a_key_and_a_voting_chat_is_the_key_of_its_vote() {
    assert_eq!(
        key(r#"{"update_id":1,"poll":{"id":"5366000000000000001"}}"#),
        ChatKey::update(5_366_000_000_000_000_001)
    );
    for id in ["7", "null", r#""x""#, "{}"] {
        assert_eq!(key(&format!(r#"{{"update_id":1,"poll":{{"id":{id}}}}}"#)), ChatKey::update(1), "{id}");
    }
    assert_eq!(key(r#"{"update_id":1,"poll_answer":{"poll_id":"3","user":{"id":7}}}"#), ChatKey::user(7));
    assert_eq!(key(r#"{"update_id":1,"poll_answer":{"poll_id":"3","voter_chat":{"id":-5}}}"#), ChatKey::chat(-5));
}

#[test]
fn the_kinds_of_bot_api_10_3_are_known_and_have_keys() {
    let subscription = read(r#"{"update_id":1,"subscription":{"user":{"id":7},"state":"active"}}"#).unwrap();
    assert_eq!(subscription.chat_key, ChatKey::user(7));
    let stopped = read(r#"{"update_id":1,"stopped_message_generation":{"chat":{"id":5},"draft_id":3}}"#).unwrap();
    assert_eq!(stopped.chat_key, ChatKey::chat(5).in_lane(Lane::Express));
    assert!([subscription, stopped].iter().all(|update| Kind::known().any(|known| known == update.kind.name())));
}

#[test]
fn unknown_kinds_and_shapes_are_valid_and_the_body_is_unchanged() {
    for (body, kind) in [
        (r#"{"update_id":1}"#, "none"),
        (r#"{"update_id":1,"tomorrow":[1,{"a":null}]}"#, "tomorrow"),
        (r#"{"update_id":1,"message":"text"}"#, "message"),
        (r#"{"update_id":1,"message":{"chat":[1],"from":true,"date":"soon"}}"#, "message"),
        (r#"{"update_id":1,"message":{"n":1e999999,"lone":"\ud800"}}"#, "message"),
        (r#"{"update_id":1,"message":{"date":1e999999}}"#, "message"),
        (r#"{"update_id":1,"message":"\ud800"}"#, "message"),
        (r#"{"\ud800":2,"message":{"chat":{"id":5}},"update\u005fid":1}"#, "unnamed"),
    ] {
        let update = read(body).unwrap();
        assert_eq!((update.kind.name(), update.chat_key), (kind, ChatKey::update(1)), "{body}");
        assert_eq!(update.body, body.as_bytes());
    }
}

#[test]
fn bytes_that_are_not_utf8_are_valid_and_the_body_is_unchanged() {
    let body = b"{\"update_id\":1,\"callback_query\":{\"data\":\"\xff\xc3(\",\"from\":{\"id\":7},\"\xff\":1}}";
    let update = read(body).unwrap();
    assert_eq!((update.chat_key, update.body.as_ref()), (ChatKey::user(7), &body[..]));
    let content: serde_json::Value = update.decode().unwrap();
    assert_eq!(content["data"], "\u{fffd}\u{fffd}(");
}

#[test]
fn deep_nesting_is_skipped() {
    let deep = format!(r#"{{"update_id":1,"message":{{"x":{}{}}}}}"#, "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(read(deep).unwrap().id, UpdateId(1));
}

#[test]
fn a_body_without_an_integer_update_id_is_refused() {
    for body in ["", "not json", "[1]", "null", r#"{"update_id":1"#, r#"{"update_id":1}}"#] {
        assert!(matches!(read(body), Err(NotAnUpdate::NotAnObject)), "{body}");
    }
    for id in ["\"1\"", "1.5", "null", "[1]", "9223372036854775808", "1e3"] {
        assert!(matches!(read(format!(r#"{{"update_id":{id}}}"#)), Err(NotAnUpdate::NoId)), "{id}");
    }
}

#[test]
fn a_lifetime_starts_when_telegram_starts_it() {
    let lifetime = |body: &str| read(body).unwrap().expires_at.as_second() - NOW;
    assert_eq!(lifetime(r#"{"update_id":1,"inline_query":{}}"#), 30);
    assert_eq!(lifetime(r#"{"update_id":1,"callback_query":{"message":{"chat":{"id":1},"date":5}}}"#), 150);
    assert_eq!(lifetime(&format!(r#"{{"update_id":1,"message":{{"date":{}}}}}"#, NOW - 100)), 86_300);
    for invalid_date in [NOW + 100, NOW - 86_400, 0, i64::MIN] {
        assert_eq!(lifetime(&format!(r#"{{"update_id":1,"message":{{"date":{invalid_date}}}}}"#)), 86_400);
    }
    assert_eq!(
        lifetime(&format!(r#"{{"update_id":1,"edited_message":{{"date":5,"edit_date":{}}}}}"#, NOW - 7)),
        86_393
    );
    assert_eq!(lifetime(r#"{"update_id":1,"business_connection":{"date":5}}"#), 86_400);
}

#[test]
fn sent_at_is_the_latest_date_in_the_update() {
    let sent = |body: &str| read(body).unwrap().sent_at.map(Timestamp::as_second);
    assert_eq!(sent(r#"{"update_id":1,"message":{"date":5}}"#), Some(5));
    assert_eq!(sent(r#"{"update_id":1,"edited_message":{"date":5,"edit_date":7}}"#), Some(7));
    assert_eq!(sent(r#"{"update_id":1,"callback_query":{"message":{"chat":{"id":1},"date":9}}}"#), Some(9));
    for body in ["{}", r#"{"date":0}"#, r#"{"date":-5}"#, r#"{"date":4294967296}"#, r#"{"date":"5"}"#] {
        assert_eq!(sent(&format!(r#"{{"update_id":1,"message":{body}}}"#)), None, "{body}");
    }
}

#[test]
fn the_content_is_decoded_from_the_body_and_other_fields_are_skipped() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Poll {
        id: String,
    }
    let poll = |id: &str| Poll { id: id.to_owned() };
    let decode = |body: &str| read(body).unwrap().decode::<Poll>().ok();
    assert_eq!(decode(r#"{"poll":{"id":"5","n":[1]},"update_id":1,"later":{"id":"6"}}"#), Some(poll("5")));
    assert_eq!(decode("\u{feff}{\"update_id\":1,\"poll\":{\"id\":\"5\"},\"lone\":\"\\ud800\"}"), Some(poll("5")));
    assert_eq!(decode(r#"{"update_id":1,"poll":{"id":5}}"#), None);
    assert_eq!(decode(r#"{"update_id":1}"#), None);
    assert_eq!(read(r#"{"update_id":1}"#).unwrap().decode::<Option<Poll>>().unwrap(), None, "missing content is null");
}

fn express_key(express: &[&str], body: impl AsRef<[u8]>) -> ChatKey {
    let express = express.iter().map(|entry| Express::named(entry).unwrap()).collect();
    let order = Order { by: OrderBy::Chat, express };
    Update::parse_in(&order, Bytes::copy_from_slice(body.as_ref()), now()).unwrap().chat_key
}

#[test]
fn a_command_or_button_of_the_list_goes_by_the_express_lane_of_its_chat() {
    let express = ChatKey::chat(5).in_lane(Lane::Express);
    let message = |fields: &str| format!(r#"{{"update_id":1,"message":{{"chat":{{"id":5}},{fields}}}}}"#);
    let marked = r#""entities":[{"type":"bot_command","offset":0,"length":5}]"#;
    for fields in [
        r#""text":"/stop""#.to_owned(),
        r#""text":"\/stop now""#.to_owned(),
        format!(r#""text":"/STOP, please",{marked}"#),
        r#""text":"/stop@some_bot""#.to_owned(),
        r#""photo":[],"caption":"/stop""#.to_owned(),
    ] {
        assert_eq!(express_key(&["/stop"], message(&fields)), express, "{fields}");
        assert_eq!(express_key(&["/start", "stop"], message(&fields)), ChatKey::chat(5), "{fields}");
    }
    for fields in [
        r#""text":"stop""#,
        r#""text":"please /stop""#,
        r#""text":"/stopped""#,
        r#""text":"/stop","entities":[{"type":"code","offset":0,"length":5}]"#,
        r#""text":7"#,
    ] {
        assert_eq!(express_key(&["/stop"], message(fields)), ChatKey::chat(5), "{fields}");
    }
    let press = |data: &str| {
        format!(
            r#"{{"update_id":1,"callback_query":{{"from":{{"id":7}},"message":{{"chat":{{"id":5}}}},"data":"{data}"}}}}"#
        )
    };
    assert_eq!(express_key(&["stop:"], press("stop:17")), express);
    assert_eq!(express_key(&["stop:"], press("go:stop:17")), ChatKey::chat(5));
    assert_eq!(express_key(&["/stop"], press("/stop")), ChatKey::chat(5), "it is no command");
    let inline = b"{\"update_id\":1,\"callback_query\":{\"from\":{\"id\":7},\"data\":\"stop:\xff\"}}";
    assert_eq!(express_key(&["stop:"], inline), ChatKey::user(7).in_lane(Lane::Express));
    assert!(Express::named("").is_none());
}

#[test]
fn the_keys_of_telegrams_order_are_the_queues_of_telegram() {
    let order = Order { by: OrderBy::Telegram, express: Vec::new() };
    let key = |kind: &str, content: &str| {
        let body = format!(r#"{{"update_id":1,"{kind}":{content}}}"#);
        Update::parse_in(&order, Bytes::from(body), now()).unwrap().chat_key.to_string()
    };
    let both = r#"{"from":{"id":7},"user":{"id":7},"chat":{"id":5},"message":{"chat":{"id":5}},"new_chat_member":{"user":{"id":9}}}"#;
    for (kind, expected) in [
        ("message", "chat:5"),
        ("edited_message", "chat:5"),
        ("channel_post", "chat:5"),
        ("inline_query", "user:7:inline_query"),
        ("chosen_inline_result", "user:7:chosen_inline_result"),
        ("callback_query", "user:7:callback_query"),
        ("shipping_query", "user:7:payment"),
        ("pre_checkout_query", "user:7:payment"),
        ("my_chat_member", "chat:5:my_chat_member"),
        ("chat_member", "user:9:member"),
        ("chat_join_request", "user:7:member"),
        ("chat_boost", "chat:5:boost"),
        ("removed_chat_boost", "chat:5:boost"),
        ("message_reaction", "chat:5:reaction"),
        ("message_reaction_count", "chat:5:reaction_count"),
        ("business_connection", "user:7:business_connection"),
        ("business_message", "chat:5:business"),
        ("guest_message", "chat:5:guest"),
        ("purchased_paid_media", "user:7:paid_media"),
        ("managed_bot", "user:7:managed_bot"),
        ("stopped_message_generation", "chat:5:express"),
        ("a_later_kind", "chat:5"),
    ] {
        assert_eq!(key(kind, both), expected, "{kind}");
    }
    assert_eq!(key("poll_answer", r#"{"poll_id":"3","user":{"id":7}}"#), "update:3");
    assert_eq!(key("poll", r#"{"id":"3"}"#), "update:3");
    assert_eq!(key("callback_query", r#"{"message":{"chat":{"id":5}}}"#), "chat:5", "it names no person");
}

#[test]
fn an_update_says_within_what_time_it_must_be_answered() {
    let within = |body: &str| read(body).unwrap().answer_within().map(|within| within.as_secs());
    assert_eq!(within(r#"{"update_id":1,"pre_checkout_query":{}}"#), Some(10));
    assert_eq!(within(r#"{"update_id":1,"inline_query":{}}"#), Some(30));
    assert_eq!(within(r#"{"update_id":1,"callback_query":{}}"#), Some(150));
    assert_eq!(within(r#"{"update_id":1,"stopped_message_generation":{}}"#), Some(30));
    assert_eq!(within(r#"{"update_id":1,"message":{}}"#), None);
}
