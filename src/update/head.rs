//! Reads the few fields of an update that its way needs, and passes over all others.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Kind, NotAnUpdate};

/// Reads the head of a body. A body that is JSON but for a byte-order mark or strings that are not
/// UTF-8 is read with those replaced.
pub(super) fn read(body: &[u8]) -> Result<Head, NotAnUpdate> {
    // Once for the whole body, which is far cheaper than for each of its strings.
    let text = str::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed);
    let text = text.trim_start_matches('\u{feff}');
    serde_json::from_str(text).or_else(|_| read_carefully(text))
}

/// Reads what is JSON by its grammar, but holds in places that matter what no value can be made of:
/// half a surrogate pair, a number beyond all bounds, objects nested without end.
fn read_carefully(text: &str) -> Result<Head, NotAnUpdate> {
    let Fields(fields) = serde_json::from_str(text).or(Err(NotAnUpdate::NotAnObject))?;
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
    Ok(head)
}

/// The fields of an object, names and values as they were written.
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

/// What the way of an update needs of it.
#[derive(Default)]
pub(super) struct Head {
    pub(super) id: Option<i64>,
    pub(super) kind: Option<Kind>,
    pub(super) content: Content,
}

/// Where an update of any kind says where, by whom and when.
#[derive(Default)]
pub(super) struct Content {
    pub(super) chat: Option<i64>,
    pub(super) user: Option<i64>,
    pub(super) date: Option<i64>,
    /// The latest date that Telegram wrote into it, its own or that of a message in it.
    pub(super) latest: Option<i64>,
    /// The content's own id, where it is a number written as text.
    pub(super) id: Option<i64>,
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

/// A field of an update: its id, or the one named after its kind.
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

/// The fields of the content that matter, and all others.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Chat,
    Date,
    EditDate,
    From,
    Id,
    Message,
    User,
    VoterChat,
    #[serde(other)]
    Other,
}

/// What can be made of a JSON value, whatever it is.
trait Glean: Sized {
    /// Makes something of an integer.
    fn from_integer(_integer: i64) -> Option<Self> {
        None
    }

    /// Makes something of a text.
    fn from_text(_text: &str) -> Option<Self> {
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

/// A number that is written as text.
struct NumberInText(i64);

impl Glean for NumberInText {
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

impl Glean for Content {
    fn from_object<'de, A: MapAccess<'de>>(mut map: A) -> Result<Option<Self>, A::Error> {
        let mut content = Self::default();
        let (mut message, mut edited) = (Self::default(), None);
        while let Some(field) = map.next_key()? {
            match field {
                // Who votes in the name of a chat has no user.
                Field::Chat | Field::VoterChat => content.chat = map.next_value::<Lenient<Id>>()?.0.map(|chat| chat.0),
                Field::From | Field::User => content.user = map.next_value::<Lenient<Id>>()?.0.map(|user| user.0),
                Field::Date => content.date = map.next_value::<Lenient<i64>>()?.0,
                Field::EditDate => edited = map.next_value::<Lenient<i64>>()?.0,
                // A callback query happens in the chat of the message that has the button; that
                // message's date says nothing about the query.
                Field::Message => {
                    message = map.next_value::<Lenient<Self>>()?.0.unwrap_or_default();
                }
                Field::Id => content.id = map.next_value::<Lenient<NumberInText>>()?.0.map(|id| id.0),
                Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        content.chat = content.chat.or(message.chat);
        content.date = edited.or(content.date);
        content.latest = content.date.max(message.latest);
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

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Lenient(T::from_text(text)))
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
