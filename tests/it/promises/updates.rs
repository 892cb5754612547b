use bytes::Bytes;
use doorbell::update::{ChatKey, NotAnUpdate, Update};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// An update keeps its body unchanged. If `serde_json` can read the body, id, kind and chat are those that
/// `serde_json` finds.
pub fn updates(body: &[u8]) {
    let now = Timestamp::from_second(1_700_000_000).expect("a moment");
    let read = Update::parse(Bytes::copy_from_slice(body), now);
    if let Ok(update) = &read {
        assert_eq!(update.body, body, "unchanged");
        let lifetime = SignedDuration::try_from(update.kind.lifetime()).expect("a day at most");
        assert!(update.expires_at > now && update.expires_at <= now + lifetime, "{:?}", update.expires_at);
        let _ = update.decode::<Value>();
    }
    let Some(value) = super::json(body) else { return };
    let Some(fields) = value.as_object() else {
        assert!(matches!(read, Err(NotAnUpdate::NotAnObject)), "{read:?}");
        return;
    };
    let id = fields.get("update_id").and_then(Value::as_i64);
    assert_eq!(read.as_ref().ok().map(|update| update.id.0), id, "{read:?}");
    let Some(id) = id else {
        assert!(matches!(read, Err(NotAnUpdate::NoId)), "{read:?}");
        return;
    };
    // Encoded again, so that no name occurs twice: the two readers may choose differently then.
    let update = Update::parse(value.to_string().into(), now).expect("it has an id");
    let kind = fields.iter().find(|(name, _)| *name != "update_id");
    assert_eq!((update.id.0, update.kind.name()), (id, kind.map_or("none", |(name, _)| name)));
    let content = kind.map_or(&Value::Null, |(_, content)| content);
    let expected = match (chat(content), user(content)) {
        (Some(chat), _) => ChatKey::chat(chat),
        (None, Some(user)) => ChatKey::user(user),
        (None, None) => ChatKey::update(id),
    };
    assert_eq!(update.chat_key, expected);
}

/// The chat of the update, or that of its message.
fn chat(content: &Value) -> Option<i64> {
    content["chat"]["id"].as_i64().or_else(|| chat(content.get("message")?))
}

fn user(content: &Value) -> Option<i64> {
    let mut named = content.as_object()?.iter().filter(|(name, _)| matches!(name.as_str(), "from" | "user"));
    named.next_back()?.1["id"].as_i64()
}
