//! Lists of tables, written `[[command]]` or `[[button]]`: each table has a field that names it, and a reply.

use toml::{Table, Value};

use super::reply::{self, ReplySettings};
use crate::settings::problem::Refusal;
use crate::settings::reader::Reader;
use crate::settings::{describe, keys};

/// A list of tables.
pub(super) struct Tables {
    /// Its key.
    pub(super) key: &'static str,
    /// The field by which the operator finds a table in the file.
    pub(super) called_by: &'static str,
    /// Every field that a table may have.
    pub(super) fields: &'static [&'static str],
}

impl Tables {
    pub(super) fn read(&self, from: &mut Reader) -> Vec<Table> {
        from.value(self.key, &format!("tables, each written [[{}]]", self.key), |value| {
            let tables = value.as_array().into_iter().flatten();
            tables.map(|value| value.as_table().cloned().ok_or_else(Refusal::default)).collect()
        })
    }
}

/// The fields of one table.
pub(super) struct Fields<'a> {
    of: &'a Tables,
    table: &'a Table,
    /// The table's name in a problem.
    called: String,
    index: usize,
    from: &'a mut Reader,
}

impl<'a> Fields<'a> {
    /// The fields of a table. A field that does not exist becomes a problem.
    pub(super) fn new(of: &'a Tables, table: &'a Table, index: usize, from: &'a mut Reader) -> Self {
        let called = match table.get(of.called_by) {
            Some(Value::String(name)) if !name.is_empty() => format!("{} \"{}\"", of.key, describe::text(name)),
            Some(_) | None => format!("{} number {}", of.key, index + 1),
        };
        let mut fields = Self { of, table, called, index, from };
        for name in table.keys().filter(|name| !of.fields.contains(&name.as_str())) {
            let nearest = keys::nearest(name, of.fields.iter().copied());
            let hint = nearest.map(|nearest| format!("the nearest is {nearest}"));
            let refusal = Refusal { found: Some("a key that does not exist".to_owned()), hint };
            fields.refuse(name, &format!("one of {}", of.fields.join(", ")), refusal);
        }
        fields
    }

    /// The reply, which every table has.
    pub(super) fn reply(&mut self) -> Option<ReplySettings> {
        let text = self.required("reply", "the template of a reply", |text| match text.trim() {
            "" => Err(Refusal::found("an empty text")),
            _ => Ok(text.to_owned()),
        });
        let parse_mode = self.text("parse_mode", reply::PARSE_MODE, reply::parse_mode);
        let buttons = self.field("buttons", reply::BUTTONS, reply::buttons).unwrap_or_default();
        Some(ReplySettings { reply: text?, parse_mode, buttons })
    }

    /// A required text.
    pub(super) fn required<T>(
        &mut self,
        name: &str,
        wanted: &str,
        read: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        if !self.table.contains_key(name) {
            let wanted = format!("a value: each {} has a {} and a reply", self.of.key, self.of.called_by);
            self.refuse(name, &wanted, Refusal::found("nothing"));
        }
        self.text(name, wanted, read)
    }

    pub(super) fn text<T>(&mut self, name: &str, wanted: &str, read: impl Fn(&str) -> Result<T, Refusal>) -> Option<T> {
        self.field(name, wanted, |value| read(value.as_str().ok_or_else(Refusal::default)?))
    }

    fn field<T>(&mut self, name: &str, wanted: &str, read: impl Fn(&Value) -> Result<T, Refusal>) -> Option<T> {
        match read(self.table.get(name)?) {
            Ok(read) => Some(read),
            Err(refusal) => {
                self.refuse(name, wanted, refusal);
                None
            }
        }
    }

    pub(super) fn refuse(&mut self, name: &str, wanted: &str, refusal: Refusal) {
        let path = format!("{}[{}].{name}", self.of.key, self.index);
        self.from.refuse(&path, wanted, refusal);
        if let Some(problem) = self.from.problems.last_mut() {
            problem.key = format!("{}, {}", self.called, describe::text(name));
        }
    }
}
