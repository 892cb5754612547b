//! Reads the few fields of an update that Doorbell needs, and skips all others.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::kind::Kind;
use super::lenient::{FromAnyShape, Lenient};

/// The body as text: bytes that are not UTF-8 are replaced by U+FFFD, and a byte-order mark is removed.
pub(super) fn text(body: &[u8]) -> Cow<'_, str> {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let mut body = body;
    while let Some(rest) = body.strip_prefix(BYTE_ORDER_MARK) {
        body = rest;
    }
    lossy(body)
}

/// The JSON of the content of an update of this kind: the value of that field. `null` if there is none. The other fields are
/// skipped, not parsed.
pub(super) fn content<'a>(text: &'a str, kind: &Kind) -> serde_json::Result<&'a str> {
    let fields: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(text)?;
    Ok(fields.get(kind.name()).map_or("null", |content| content.get()))
}

/// Bytes as text. What is not UTF-8 is replaced by U+FFFD.
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    // `from_utf8` checks valid text much faster than `from_utf8_lossy`.
    str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Reads the head of a body. `None` if the body is not one JSON object.
pub(super) fn parse(body: &[u8]) -> Option<Head> {
    let text = text(body);
    serde_json::from_str(&text).ok().or_else(|| parse_fields(&text))
}

/// Reads a body that follows the grammar of JSON and contains values that cannot be read: half a surrogate pair, a
/// number out of range, or too many nested objects. Fields with such values are treated as missing.
fn parse_fields(text: &str) -> Option<Head> {
    let Fields(fields) = serde_json::from_str(text).ok()?;
    let mut head = Head::default();
    for (name, value) in fields {
        let name = serde_json::from_str::<Cow<str>>(name.get()).unwrap_or(Cow::Borrowed("unnamed"));
        if name == "update_id" {
            head.id = serde_json::from_str(value.get()).ok();
        } else if head.kind.is_none() {
            head.kind = Some(Kind::named(&name));
            let content = serde_json::from_str::<Lenient<Content>>(value.get()).ok();
            head.content = content.and_then(|content| content.0).unwrap_or_default();
        }
    }
    Some(head)
}

/// The fields of an object, with unparsed names and values.
struct Fields<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// The fields of an update that Doorbell needs.
#[derive(Default)]
pub(super) struct Head {
    pub(super) id: Option<i64>,
    pub(super) kind: Option<Kind>,
    pub(super) content: Content,
}

/// Where, by whom and when: the fields that updates of all kinds have in common.
#[derive(Default)]
pub(super) struct Content {
    pub(super) chat: Option<i64>,
    pub(super) user: Option<i64>,
    pub(super) date: Option<i64>,
    /// The latest date in it: its own, or that of a message in it.
    pub(super) latest: Option<i64>,
    /// Its own id, if that is a number written as a string, as that of a poll is.
    pub(super) id: Option<i64>,
    /// The user whose membership changed.
    pub(super) member: Option<i64>,
    /// The id of the poll in which somebody voted.
    pub(super) poll: Option<i64>,
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
                while let Some(name) = map.next_key::<HeadField>()? {
                    match name {
                        HeadField::UpdateId => head.id = map.next_value::<Lenient<i64>>()?.0,
                        HeadField::Kind(kind) if head.kind.is_none() => {
                            head.kind = Some(kind);
                            head.content = map.next_value::<Lenient<Content>>()?.0.unwrap_or_default();
                        }
                        HeadField::Kind(_) => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(head)
            }
        }
        deserializer.deserialize_map(HeadVisitor)
    }
}

/// The name of a field of an update: `update_id`, or the update's kind.
enum HeadField {
    UpdateId,
    Kind(Kind),
}

impl<'de> Deserialize<'de> for HeadField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = HeadField;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E>(self, name: &str) -> Result<HeadField, E> {
                Ok(if name == "update_id" { HeadField::UpdateId } else { HeadField::Kind(Kind::named(name)) })
            }
        }
        deserializer.deserialize_identifier(NameVisitor)
    }
}

/// The names of the fields that [`Content`] reads, and all others.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Chat,
    Date,
    EditDate,
    From,
    Id,
    Message,
    NewChatMember,
    PollId,
    User,
    VoterChat,
    #[serde(other)]
    Other,
}

/// The `id` of a chat or a user.
struct Id(i64);

impl FromAnyShape for Id {
    fn from_object<'de, A: MapAccess<'de>>(mut map: A) -> Result<Option<Self>, A::Error> {
        let mut id = None;
        while let Some(field) = map.next_key()? {
            if matches!(field, Field::Id) {
                id = map.next_value::<Lenient<i64>>()?.0;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(id.map(Self))
    }
}

/// A number that is written as a string.
struct NumberInString(i64);

impl FromAnyShape for NumberInString {
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

impl FromAnyShape for Content {
    fn from_object<'de, A: MapAccess<'de>>(mut map: A) -> Result<Option<Self>, A::Error> {
        let mut content = Self::default();
        let (mut message, mut edited) = (Self::default(), None);
        while let Some(field) = map.next_key()? {
            match field {
                // A vote in the name of a chat has no user.
                Field::Chat | Field::VoterChat => content.chat = map.next_value::<Lenient<Id>>()?.0.map(|chat| chat.0),
                Field::From | Field::User => content.user = map.next_value::<Lenient<Id>>()?.0.map(|user| user.0),
                Field::Date => content.date = map.next_value::<Lenient<i64>>()?.0,
                Field::EditDate => edited = map.next_value::<Lenient<i64>>()?.0,
                // A callback query belongs to the chat of the message that has the button. The date of that message
                // is not the date of the query.
                Field::Message => message = map.next_value::<Lenient<Self>>()?.0.unwrap_or_default(),
                Field::Id => content.id = map.next_value::<Lenient<NumberInString>>()?.0.map(|id| id.0),
                Field::NewChatMember => {
                    content.member = map.next_value::<Lenient<Self>>()?.0.and_then(|member| member.user);
                }
                Field::PollId => content.poll = map.next_value::<Lenient<NumberInString>>()?.0.map(|id| id.0),
                Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        content.chat = content.chat.or(message.chat);
        content.date = edited.or(content.date);
        content.latest = content.date.max(message.latest);
        Ok(Some(content))
    }
}
