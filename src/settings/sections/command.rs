use std::collections::BTreeSet;

use schemars::JsonSchema;
use toml::{Table, Value};

use super::reply::{self, ReplySettings};
use crate::settings::reader::{Reader, Refusal};
use crate::settings::{describe, keys};

/// `[[command]]`: a command and its reply.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CommandSettings {
    /// The command's name, without the slash: 1 to 32 of a-z 0-9 _.
    #[schemars(regex(pattern = "^[a-z0-9_]{1,32}$"))]
    pub name: String,
    /// What Telegram shows beside it; a command without one is hidden.
    #[schemars(with = "String")]
    pub description: Option<String>,
    /// The reply.
    #[schemars(flatten)]
    pub reply: ReplySettings,
}

const FIELDS: [&str; 5] = ["name", "description", "reply", "parse_mode", "buttons"];

/// Telegram's list of commands has room for so many.
const MOST_COMMANDS: usize = 100;

/// Reads all commands.
pub(in crate::settings) fn read(from: &mut Reader) -> Vec<CommandSettings> {
    let tables = from.value(keys::COMMAND, "tables, each written [[command]]", |value| {
        let tables = value.as_array().into_iter().flatten();
        tables.map(|value| value.as_table().cloned().ok_or_else(Refusal::default)).collect::<Result<Vec<_>, _>>()
    });
    let (mut commands, mut names) = (Vec::new(), BTreeSet::new());
    for (index, table) in tables.iter().enumerate() {
        let mut fields = Fields::of(table, index, from);
        let Some(command) = fields.command() else { continue };
        if !names.insert(command.name.clone()) {
            fields.refuse("name", "a name that no other command has", Refusal::default());
        }
        commands.push(command);
    }
    if commands.iter().filter(|command| command.description.is_some()).count() > MOST_COMMANDS {
        let wanted = format!("{MOST_COMMANDS} commands with a description at most");
        from.refuse(keys::COMMAND, wanted, Refusal::found(format!("{} commands", commands.len())));
    }
    commands
}

/// The fields of one command.
struct Fields<'a> {
    table: &'a Table,
    /// How people find the command in their file.
    called: String,
    index: usize,
    from: &'a mut Reader,
}

impl<'a> Fields<'a> {
    fn of(table: &'a Table, index: usize, from: &'a mut Reader) -> Self {
        let called = match table.get("name") {
            Some(Value::String(name)) if !name.is_empty() => format!("command \"{}\"", describe::text(name)),
            Some(_) | None => format!("command number {}", index + 1),
        };
        Self { table, called, index, from }
    }

    fn command(&mut self) -> Option<CommandSettings> {
        for name in self.table.keys().filter(|name| !FIELDS.contains(&name.as_str())) {
            let nearest = keys::nearest(name, FIELDS.into_iter()).map(|nearest| format!("the nearest is {nearest}"));
            let refusal = Refusal { found: Some("a key that does not exist".to_owned()), hint: nearest };
            self.refuse(name, &format!("one of {}", FIELDS.join(", ")), refusal);
        }
        let (named, texted) = (self.table.contains_key("name"), self.table.contains_key("reply"));
        let name = self.text("name", "1 to 32 of a-z 0-9 _, without the slash", name);
        let description = self.text("description", "1 to 256 characters", description);
        let reply = self.text("reply", "the template of a reply", reply_text);
        let parse_mode = self.text("parse_mode", reply::PARSE_MODE, reply::parse_mode);
        let buttons = self.field("buttons", reply::BUTTONS, reply::buttons).unwrap_or_default();
        for (_, field) in [(named, "name"), (texted, "reply")].into_iter().filter(|(there, _)| !there) {
            self.refuse(field, "a value: each command has a name and a reply", Refusal::found("nothing"));
        }
        Some(CommandSettings { name: name?, description, reply: ReplySettings { reply: reply?, parse_mode, buttons } })
    }

    fn text<T>(&mut self, name: &str, wanted: &str, read: impl Fn(&str) -> Result<T, Refusal>) -> Option<T> {
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

    fn refuse(&mut self, name: &str, wanted: &str, refusal: Refusal) {
        let seen = self.table.get(name).map(describe::value);
        let found = refusal.found.or(seen).unwrap_or_default();
        self.from.refuse(keys::COMMAND, wanted, Refusal { found: Some(found), hint: refusal.hint });
        let key = format!("{}[{}]", keys::COMMAND, self.index);
        let place = self.from.places.get(&format!("{key}.{name}")).or_else(|| self.from.places.get(&key)).cloned();
        if let Some(problem) = self.from.problems.last_mut() {
            if let Some(place) = place {
                problem.source = place;
            }
            problem.key = format!("{}, {}", self.called, describe::text(name));
        }
    }
}

fn name(text: &str) -> Result<String, Refusal> {
    let is_one = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
    if (1..=32).contains(&text.len()) && text.bytes().all(is_one) {
        Ok(text.to_owned())
    } else {
        Err(Refusal::default())
    }
}

fn description(text: &str) -> Result<String, Refusal> {
    if (1..=256).contains(&text.chars().count()) { Ok(text.to_owned()) } else { Err(Refusal::default()) }
}

fn reply_text(text: &str) -> Result<String, Refusal> {
    if text.trim().is_empty() { Err(Refusal::found("an empty text")) } else { Ok(text.to_owned()) }
}
