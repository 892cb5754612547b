//! An update as Telegram sent it: its body kept byte for byte, and as little of it read as the way
//! through Doorbell needs.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::clock;

/// The number Telegram gave an update; it identifies the update, and says nothing about order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UpdateId(pub i64);

impl fmt::Display for UpdateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an update is about: the name of its one field beside `update_id`, such as `message`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(Cow<'static, str>);

/// What we know of a kind.
struct KindFacts {
    name: &'static str,
    /// Seconds for which Telegram keeps trying to deliver it.
    lifetime: u64,
    /// Whether Telegram counts the lifetime from the update's `date` (`edit_date`), not from the
    /// moment at which the update came to be.
    dated: bool,
}

const fn dated(name: &'static str) -> KindFacts {
    KindFacts { name, lifetime: 86_400, dated: true }
}

const fn lasting(name: &'static str, lifetime: u64) -> KindFacts {
    KindFacts { name, lifetime, dated: false }
}

/// Every kind the Bot API 10.0 sends (`tdlib/telegram-bot-api`, `Client.cpp`: `add_message_update`,
/// `add_new_*`, `add_update_*`), those that are frequent first.
const KINDS: [KindFacts; 27] = [
    dated("message"),
    lasting("callback_query", 150),
    lasting("inline_query", 30),
    dated("edited_message"),
    dated("channel_post"),
    dated("edited_channel_post"),
    lasting("chosen_inline_result", 600),
    lasting("shipping_query", 150),
    lasting("pre_checkout_query", 150),
    lasting("poll", 86_400),
    lasting("poll_answer", 86_400),
    dated("my_chat_member"),
    dated("chat_member"),
    dated("chat_join_request"),
    dated("chat_boost"),
    dated("removed_chat_boost"),
    dated("message_reaction"),
    dated("message_reaction_count"),
    lasting("business_connection", 86_400),
    lasting("business_message", 86_400),
    lasting("edited_business_message", 86_400),
    lasting("deleted_business_messages", 86_400),
    dated("guest_message"),
    lasting("purchased_paid_media", 86_400),
    lasting("managed_bot", 86_400),
    lasting("custom_event", 600),
    lasting("custom_query", 86_400),
];

impl Kind {
    /// The kind of that name, known to us or not.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match KINDS.iter().find(|kind| kind.name == name) {
            Some(kind) => Self(Cow::Borrowed(kind.name)),
            None => Self(Cow::Owned(name.to_owned())),
        }
    }

    /// The kind of an update that has no field beside its id.
    #[must_use]
    pub fn none() -> Self {
        Self(Cow::Borrowed("none"))
    }

    /// The names of the kinds we know.
    pub fn known() -> impl Iterator<Item = &'static str> {
        KINDS.iter().map(|kind| kind.name)
    }

    /// The name, as in the update's JSON.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// How long Telegram itself goes on delivering an update of this kind: a day where we know
    /// nothing better.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        Duration::from_secs(self.facts().map_or(86_400, |kind| kind.lifetime))
    }

    fn facts(&self) -> Option<&'static KindFacts> {
        KINDS.iter().find(|kind| kind.name == self.0)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is handled one at a time, in order: the chat of an update, else its user, else the update
/// alone. Written `chat:42`, `user:42`, `update:42`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChatKey {
    /// The chat the update happened in.
    Chat(i64),
    /// The user who caused an update that has no chat, such as an inline query.
    User(i64),
    /// The update itself: it waits for nobody.
    Update(i64),
}

impl ChatKey {
    /// The chat's id, where there is a chat.
    #[must_use]
    pub fn chat_id(self) -> Option<i64> {
        match self {
            Self::Chat(id) => Some(id),
            Self::User(_) | Self::Update(_) => None,
        }
    }
}

impl fmt::Display for ChatKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chat(id) => write!(f, "chat:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Update(id) => write!(f, "update:{id}"),
        }
    }
}

/// A text that is not a [`ChatKey`].
#[derive(Debug, thiserror::Error)]
#[error("not a chat key (`chat:N`, `user:N` or `update:N`)")]
pub struct NotAChatKey;

impl FromStr for ChatKey {
    type Err = NotAChatKey;

    fn from_str(text: &str) -> Result<Self, NotAChatKey> {
        let (what, id) = text.split_once(':').ok_or(NotAChatKey)?;
        let id = id.parse().or(Err(NotAChatKey))?;
        match what {
            "chat" => Ok(Self::Chat(id)),
            "user" => Ok(Self::User(id)),
            "update" => Ok(Self::Update(id)),
            _ => Err(NotAChatKey),
        }
    }
}

/// One update: what its way needs, and its body as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Telegram's number for it.
    pub id: UpdateId,
    /// What it is about.
    pub kind: Kind,
    /// Whom it waits behind.
    pub chat_key: ChatKey,
    /// When it arrived here.
    pub received_at: Timestamp,
    /// When Telegram would have given up delivering it: after this it is not handled any more.
    pub expires_at: Timestamp,
    /// The request body, unchanged; it may hold bytes that are not UTF-8.
    pub body: Bytes,
}

/// Why a body is not an update.
#[derive(Debug, thiserror::Error)]
pub enum NotAnUpdate {
    /// It is not one JSON object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// It is a JSON object without an integer `update_id`.
    #[error("the body has no integer `update_id` (64 bits)")]
    NoId,
}

impl Update {
    /// Reads what the way of an update needs from its body.
    ///
    /// Everything else is passed over unread: unknown kinds and shapes are welcome, and so are
    /// strings that are not UTF-8, which Telegram copies unchanged from users' clients.
    ///
    /// # Errors
    ///
    /// When the body is not a JSON object, or has no integer `update_id`.
    pub fn read(body: Bytes, received_at: Timestamp) -> Result<Self, NotAnUpdate> {
        let head = read_head(&body)?;
        let id = head.id.ok_or(NotAnUpdate::NoId)?;
        let kind = head.kind.unwrap_or_else(Kind::none);
        let chat_key = match (head.content.chat, head.content.user) {
            (Some(chat), _) => ChatKey::Chat(chat),
            (None, Some(user)) => ChatKey::User(user),
            (None, None) => ChatKey::Update(id),
        };
        let lifetime = kind.lifetime();
        let dated = head.content.date.filter(|_| kind.facts().is_some_and(|kind| kind.dated));
        // Telegram sends nothing it would have dropped by now, nor anything from the future: a date
        // that says so comes from a clock that is not ours, and the life begins on arrival.
        let born = dated.and_then(|date| Timestamp::from_second(date).ok());
        let born = born.filter(|born| *born <= received_at && clock::later(*born, lifetime) > received_at);
        let expires_at = clock::later(born.unwrap_or(received_at), lifetime);
        Ok(Self { id: UpdateId(id), kind, chat_key, received_at, expires_at, body })
    }

    /// The content of the update, the value of its one field beside `update_id`, as a type of
    /// yours. Strings that are not UTF-8 come with U+FFFD in the place of what is not.
    ///
    /// # Errors
    ///
    /// When the content does not have the shape of `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        let text = String::from_utf8_lossy(&self.body);
        let mut fields: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(text.trim_start_matches('\u{feff}'))?;
        T::deserialize(fields.remove(self.kind.name()).unwrap_or_default())
    }
}

/// Reads the head of a body; a body that is JSON but for a byte-order mark or strings that are not
/// UTF-8 is read with those replaced.
fn read_head(body: &[u8]) -> Result<Head, NotAnUpdate> {
    match serde_json::from_slice(body) {
        Ok(head) => Ok(head),
        Err(_) if body.starts_with(b"\xef\xbb\xbf") || std::str::from_utf8(body).is_err() => {
            let text = String::from_utf8_lossy(body);
            serde_json::from_str(text.trim_start_matches('\u{feff}')).or(Err(NotAnUpdate::NotAnObject))
        }
        Err(_) => Err(NotAnUpdate::NotAnObject),
    }
}

#[derive(Default)]
struct Head {
    id: Option<i64>,
    kind: Option<Kind>,
    content: Content,
}

/// Where an update of any kind says where, by whom and when.
#[derive(Default)]
struct Content {
    chat: Option<i64>,
    user: Option<i64>,
    date: Option<i64>,
}

impl<'de> Deserialize<'de> for Head {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeadVisitor;
        impl<'de> Visitor<'de> for HeadVisitor {
            type Value = Head;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an update")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head, A::Error> {
                let mut head = Head::default();
                while let Some(field) = map.next_key::<Cow<'de, str>>()? {
                    match field.as_ref() {
                        "update_id" => head.id = map.next_value::<Lenient<i64>>()?.0,
                        kind if head.kind.is_none() => {
                            head.kind = Some(Kind::named(kind));
                            head.content = map.next_value::<Lenient<Content>>()?.0.unwrap_or_default();
                        }
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(head)
            }
        }
        deserializer.deserialize_map(HeadVisitor)
    }
}

/// What can be made of a JSON value, whatever it is.
trait Glean: Sized {
    /// Makes something of an integer.
    fn from_integer(_integer: i64) -> Option<Self> {
        None
    }

    /// Makes something of an object, and reads it to its end.
    fn from_object<'de, A: MapAccess<'de>>(mut map: A) -> Result<Option<Self>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

impl Glean for i64 {
    fn from_integer(integer: i64) -> Option<Self> {
        Some(integer)
    }
}

/// The `id` of a chat or a user.
struct Id(i64);

impl Glean for Id {
    fn from_object<'de, A: MapAccess<'de>>(mut map: A) -> Result<Option<Self>, A::Error> {
        let mut id = None;
        while let Some(field) = map.next_key::<Cow<'de, str>>()? {
            match field.as_ref() {
                "id" => id = map.next_value::<Lenient<i64>>()?.0,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(id.map(Self))
    }
}

impl Glean for Content {
    fn from_object<'de, A: MapAccess<'de>>(mut map: A) -> Result<Option<Self>, A::Error> {
        let mut content = Self::default();
        let (mut chat_of_message, mut edited) = (None, None);
        while let Some(field) = map.next_key::<Cow<'de, str>>()? {
            match field.as_ref() {
                "chat" => content.chat = map.next_value::<Lenient<Id>>()?.0.map(|chat| chat.0),
                "from" | "user" => content.user = map.next_value::<Lenient<Id>>()?.0.map(|user| user.0),
                "date" => content.date = map.next_value::<Lenient<i64>>()?.0,
                "edit_date" => edited = map.next_value::<Lenient<i64>>()?.0,
                // A callback query happens in the chat of the message that has the button; that
                // message's date says nothing about the query.
                "message" => chat_of_message = map.next_value::<Lenient<Self>>()?.0.and_then(|message| message.chat),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        content.chat = content.chat.or(chat_of_message);
        content.date = edited.or(content.date);
        Ok(Some(content))
    }
}

/// A value where it has the expected shape, nothing where it has another.
struct Lenient<T>(Option<T>);

impl<'de, T: Glean> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyShape<T>(PhantomData<T>);
        impl<'de, T: Glean> Visitor<'de> for AnyShape<T> {
            type Value = Lenient<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_i64<E>(self, integer: i64) -> Result<Self::Value, E> {
                Ok(Lenient(T::from_integer(integer)))
            }

            fn visit_u64<E>(self, integer: u64) -> Result<Self::Value, E> {
                Ok(Lenient(i64::try_from(integer).ok().and_then(T::from_integer)))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Lenient(None))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Lenient(None))
            }

            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Lenient(None))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Lenient(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Lenient(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::from_object(map).map(Lenient)
            }
        }
        deserializer.deserialize_any(AnyShape(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn now() -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }

    fn read(body: impl AsRef<[u8]>) -> Result<Update, NotAnUpdate> {
        Update::read(Bytes::copy_from_slice(body.as_ref()), now())
    }

    fn key(body: &str) -> ChatKey {
        read(body).unwrap().chat_key
    }

    #[test]
    fn update_id_may_stand_anywhere_and_ids_have_64_bits() {
        let update = read(r#"{"message":{"chat":{"id":-9007199254740995}},"update_id":9223372036854775807}"#).unwrap();
        assert_eq!(update.id, UpdateId(i64::MAX));
        assert_eq!(update.chat_key, ChatKey::Chat(-9_007_199_254_740_995));
        assert_eq!(update.kind, Kind::named("message"));
    }

    #[test]
    fn the_key_is_the_chat_else_the_user_else_the_update_itself() {
        assert_eq!(key(r#"{"update_id":1,"message":{"from":{"id":7},"chat":{"id":5}}}"#), ChatKey::Chat(5));
        assert_eq!(key(r#"{"update_id":1,"inline_query":{"from":{"id":7},"query":""}}"#), ChatKey::User(7));
        assert_eq!(key(r#"{"update_id":1,"poll":{"id":"3"}}"#), ChatKey::Update(1));
        assert_eq!(
            key(r#"{"update_id":1,"callback_query":{"from":{"id":7},"message":{"chat":{"id":5},"date":1}}}"#),
            ChatKey::Chat(5)
        );
        for text in ["chat:-5", "user:7", "update:1"] {
            assert_eq!(text.parse::<ChatKey>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn unknown_kinds_and_shapes_are_kept_as_they_came() {
        for (body, kind) in [
            (r#"{"update_id":1}"#, "none"),
            (r#"{"update_id":1,"tomorrow":[1,{"a":null}]}"#, "tomorrow"),
            (r#"{"update_id":1,"message":"text"}"#, "message"),
            (r#"{"update_id":1,"message":{"chat":[1],"from":true,"date":"soon"}}"#, "message"),
            (r#"{"update_id":1,"message":{"n":1e999999,"lone":"\ud800"}}"#, "message"),
        ] {
            let update = read(body).unwrap();
            assert_eq!((update.kind.name(), update.chat_key), (kind, ChatKey::Update(1)), "{body}");
            assert_eq!(update.body, body.as_bytes());
        }
    }

    #[test]
    fn strings_that_are_not_utf8_are_kept_as_they_came() {
        let body = b"{\"update_id\":1,\"callback_query\":{\"data\":\"\xff\xc3(\",\"from\":{\"id\":7},\"\xff\":1}}";
        let update = read(body).unwrap();
        assert_eq!((update.chat_key, update.body.as_ref()), (ChatKey::User(7), &body[..]));
        let content: serde_json::Value = update.decode().unwrap();
        assert_eq!(content["data"], "\u{fffd}\u{fffd}(");
    }

    #[test]
    fn nesting_without_end_is_passed_over() {
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
    fn a_life_is_counted_as_telegram_counts_it() {
        let life = |body: &str| read(body).unwrap().expires_at.as_second() - NOW;
        assert_eq!(life(r#"{"update_id":1,"inline_query":{}}"#), 30);
        assert_eq!(life(r#"{"update_id":1,"callback_query":{"message":{"chat":{"id":1},"date":5}}}"#), 150);
        assert_eq!(life(&format!(r#"{{"update_id":1,"message":{{"date":{}}}}}"#, NOW - 100)), 86_300);
        for no_date_of_telegrams in [NOW + 100, NOW - 86_400, 0, i64::MIN] {
            assert_eq!(life(&format!(r#"{{"update_id":1,"message":{{"date":{no_date_of_telegrams}}}}}"#)), 86_400);
        }
        assert_eq!(
            life(&format!(r#"{{"update_id":1,"edited_message":{{"date":5,"edit_date":{}}}}}"#, NOW - 7)),
            86_393
        );
        assert_eq!(life(r#"{"update_id":1,"business_connection":{"date":5}}"#), 86_400);
    }
}
