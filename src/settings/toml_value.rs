//! Converts values between TOML and `config`.

use config::{Value, ValueKind};
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeValue, Error, ValueDeserializer};

/// A TOML value for `config`. It and every value in it gets the origin of the position at which it begins.
pub(super) fn read(value: Spanned<DeValue<'_>>, origin: &dyn Fn(usize) -> String) -> Result<Value, Error> {
    let span = value.span();
    let at = origin(span.start);
    let kind = match value.into_inner() {
        DeValue::Array(list) => {
            ValueKind::Array(list.into_iter().map(|value| read(value, origin)).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => {
            let fields = table.into_iter().map(|(name, value)| Ok((name.into_inner().into(), read(value, origin)?)));
            ValueKind::Table(fields.collect::<Result<_, Error>>()?)
        }
        DeValue::Datetime(date) => date.to_string().into(),
        scalar @ (DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_)) => {
            Value::deserialize(ValueDeserializer::from(Spanned::new(span, scalar)))?.kind
        }
    };
    Ok(Value::new(Some(&at), kind))
}

/// Parses a text that is not from a file as one TOML value. `None` if it is not one.
pub(super) fn parse(text: &str, origin: &str) -> Option<Value> {
    read(DeValue::parse(text).ok()?, &|_| origin.to_owned()).ok()
}

/// The TOML value of a value of `config`, in which values are described and compared. `Nil` is a table.
pub(super) fn plain(kind: ValueKind) -> toml::Value {
    Value::new(None, kind).try_deserialize().unwrap_or_else(|_| toml::Table::new().into())
}
