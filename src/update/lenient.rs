//! Reads JSON values that may have any shape.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A value of the expected shape, or `None` for any other shape. Only invalid JSON is an error.
pub(super) struct Lenient<T>(pub(super) Option<T>);

impl<'de, T: FromAnyShape> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyShape<T>(PhantomData<T>);
        impl<'de, T: FromAnyShape> Visitor<'de> for AnyShape<T> {
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

/// A type that can be read from JSON values of some shapes. Every other shape gives `None`.
pub(super) trait FromAnyShape: Sized {
    /// Reads an integer.
    fn from_integer(_integer: i64) -> Option<Self> {
        None
    }

    /// Reads a string.
    fn from_text(_text: &str) -> Option<Self> {
        None
    }

    /// Reads an object up to its end.
    fn from_object<'de, A: MapAccess<'de>>(mut map: A) -> Result<Option<Self>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

impl FromAnyShape for i64 {
    fn from_integer(integer: i64) -> Option<Self> {
        Some(integer)
    }
}
