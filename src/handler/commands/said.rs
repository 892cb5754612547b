//! Whether a message is what a person said.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::message::without_mark;
use super::text::Text;

/// What a message holds that a person can say, beside text; all else is news of the chat, such as who joined.
const SAID: [&str; 24] = [
    "animation",
    "audio",
    "checklist",
    "contact",
    "dice",
    "document",
    "game",
    "giveaway",
    "giveaway_winners",
    "invoice",
    "live_photo",
    "location",
    "paid_media",
    "photo",
    "poll",
    "rich_message",
    "sticker",
    "story",
    "text",
    "venue",
    "video",
    "video_note",
    "voice",
    "caption",
];

/// Whether the message of an update is what a person said, and no service message.
pub(super) fn is_said_by_a_person(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Envelope {
        message: Option<Said>,
    }
    let envelope = serde_json::from_slice::<Envelope>(without_mark(body)).ok();
    envelope.and_then(|envelope| envelope.message).is_some_and(|said| said.0)
}

/// Whether an object has one of the fields in [`SAID`].
struct Said(bool);

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SaidVisitor;
        impl<'de> Visitor<'de> for SaidVisitor {
            type Value = Said;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Said, A::Error> {
                let mut said = false;
                while let Some((name, IgnoredAny)) = map.next_entry::<Text, IgnoredAny>()? {
                    said = said || SAID.contains(&&*name.0);
                }
                Ok(Said(said))
            }
        }
        deserializer.deserialize_map(SaidVisitor)
    }
}
