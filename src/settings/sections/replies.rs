//! `[[command]]`, `[[button]]` and `[fallback]`: the replies, and what is answered with them.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use toml::{Table, Value};

use crate::settings::problem::Refusal;
use crate::settings::reader::Reader;
use crate::settings::{describe, keys};

/// `[[command]]`: a command and its reply.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CommandSettings {
    /// The command's name, without the slash: 1 to 32 of a-z 0-9 _.
    #[schemars(regex(pattern = "^[a-z0-9_]{1,32}$"))]
    pub name: String,
    /// The text that Telegram shows next to the name. A command without a description is hidden.
    #[schemars(with = "String")]
    pub description: Option<String>,
    /// The reply.
    #[schemars(flatten)]
    pub reply: ReplySettings,
}

/// `[[button]]`: the reply to a press of the buttons that have this `callback_data`.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ButtonSettings {
    /// The `callback_data` of the buttons: 1 to 64 bytes.
    pub data: String,
    /// The reply.
    #[schemars(flatten)]
    pub reply: ReplySettings,
}

/// The reply of a command, a button or the fallback.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ReplySettings {
    /// The template of the text.
    pub reply: String,
    /// `HTML`, `Markdown` or `MarkdownV2`; plain text when not set.
    #[schemars(with = "String")]
    pub parse_mode: Option<String>,
    /// Rows of buttons: each has a `text`, and one of `url`, `callback_data`, `switch_inline_query`
    /// and `switch_inline_query_current_chat`.
    pub buttons: Vec<Vec<BTreeMap<String, String>>>,
}

const COMMANDS: Tables = Tables {
    key: "command",
    called_by: "name",
    unique: "a name that no other command has",
    fields: &["name", "description", "reply", "parse_mode", "buttons"],
};

const BUTTONS: Tables = Tables {
    key: "button",
    called_by: "data",
    unique: "callback_data that no other [[button]] has",
    fields: &["data", "reply", "parse_mode", "buttons"],
};

/// Telegram's list of commands holds this many.
const MOST_COMMANDS: usize = 100;

const PARSE_MODE: &str = "\"HTML\", \"Markdown\" or \"MarkdownV2\"";
const ROWS: &str = "rows of buttons, such as [[{ text = \"Site\", url = \"https://example.org\" }]]";

/// What a button can do.
const ACTIONS: [&str; 4] = ["url", "callback_data", "switch_inline_query", "switch_inline_query_current_chat"];

/// Reads every `[[command]]`.
pub(in crate::settings) fn commands(from: &mut Reader) -> Vec<CommandSettings> {
    let commands = COMMANDS.read(from, |fields| {
        let name = fields.required("name", "1 to 32 of a-z 0-9 _, without the slash", name);
        let description = fields.text("description", "1 to 256 characters", |text| {
            Refusal::unless((1..=256).contains(&text.chars().count())).map(|()| text.to_owned())
        });
        let (reply, name) = (fields.reply(), name?);
        Some((name.clone(), CommandSettings { name, description, reply: reply? }))
    });
    if commands.iter().filter(|command| command.description.is_some()).count() > MOST_COMMANDS {
        let wanted = format!("{MOST_COMMANDS} commands with a description at most");
        from.refuse(COMMANDS.key, wanted, Refusal::found(format!("{} commands", commands.len())));
    }
    commands
}

/// Reads every `[[button]]`.
pub(in crate::settings) fn buttons(from: &mut Reader) -> Vec<ButtonSettings> {
    BUTTONS.read(from, |fields| {
        let data = fields.required("data", "the callback_data of a button, 1 to 64 bytes", |text| {
            Refusal::unless((1..=64).contains(&text.len())).map(|()| text.to_owned())
        });
        let (reply, data) = (fields.reply(), data?);
        Some((data.clone(), ButtonSettings { data, reply: reply? }))
    })
}

/// Reads `[fallback]`, which exists if it has a text.
pub(in crate::settings) fn fallback(from: &mut Reader) -> Option<ReplySettings> {
    let reply = from.optional("fallback.reply", "the template of a reply", |text| Ok(text.to_owned()));
    let parse_mode = from.optional("fallback.parse_mode", PARSE_MODE, parse_mode);
    let buttons = from.value("fallback.buttons", ROWS, rows);
    Some(ReplySettings { reply: reply?, parse_mode, buttons })
}

fn name(text: &str) -> Result<String, Refusal> {
    let is_valid = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
    Refusal::unless((1..=32).contains(&text.len()) && text.bytes().all(is_valid)).map(|()| text.to_owned())
}

fn parse_mode(text: &str) -> Result<String, Refusal> {
    let modes = ["HTML", "Markdown", "MarkdownV2"];
    let mode = modes.iter().find(|mode| mode.eq_ignore_ascii_case(text));
    mode.map(|mode| (*mode).to_owned()).ok_or_else(Refusal::default)
}

fn rows(value: &Value) -> Result<Vec<Vec<BTreeMap<String, String>>>, Refusal> {
    let row = |row: &Value| row.as_array().ok_or_else(Refusal::default)?.iter().map(button).collect();
    value.as_array().ok_or_else(Refusal::default)?.iter().map(row).collect()
}

fn button(value: &Value) -> Result<BTreeMap<String, String>, Refusal> {
    let table = value.as_table().ok_or_else(Refusal::default)?;
    let mut button = BTreeMap::new();
    for (name, value) in table {
        let value =
            value.as_str().ok_or_else(|| refused(format!("a button whose {} is no text", describe::text(name))))?;
        button.insert(name.clone(), value.to_owned());
    }
    let text = button.get("text").map(String::as_str).unwrap_or_default();
    if text.is_empty() {
        return Err(refused("a button without a text".to_owned()));
    }
    let text = describe::text(text);
    if let Some(unknown) = button.keys().find(|name| *name != "text" && !ACTIONS.contains(&name.as_str())) {
        return Err(refused(format!("the button \"{text}\" with the unknown field {}", describe::text(unknown))));
    }
    if button.len() != 2 {
        return Err(refused(format!("the button \"{text}\" with {} actions", button.len() - 1)));
    }
    if button.get("callback_data").is_some_and(|data| !(1..=64).contains(&data.len())) {
        let found = format!("the button \"{text}\" with too much callback_data, or none");
        return Err(Refusal::new(found, "callback_data has 1 to 64 bytes"));
    }
    Ok(button)
}

fn refused(found: String) -> Refusal {
    Refusal::new(found, format!("a button has a text and one of {}", ACTIONS.join(", ")))
}

/// A list of tables, written `[[command]]` or `[[button]]`: each has a field that names it, and a reply.
struct Tables {
    /// Its key.
    key: &'static str,
    /// The field by which the operator finds a table in the file.
    called_by: &'static str,
    /// What that field must be, beside valid.
    unique: &'static str,
    /// Every field that a table may have.
    fields: &'static [&'static str],
}

impl Tables {
    /// Reads every table. `read` makes a value of one, beside the text that names it.
    fn read<T>(&self, from: &mut Reader, read: impl Fn(&mut Fields<'_>) -> Option<(String, T)>) -> Vec<T> {
        let tables: Vec<Table> = from.value(self.key, &format!("tables, each written [[{}]]", self.key), |value| {
            let tables = value.as_array().into_iter().flatten();
            tables.map(|value| value.as_table().cloned().ok_or_else(Refusal::default)).collect()
        });
        let (mut values, mut names) = (Vec::new(), BTreeSet::new());
        for (index, table) in tables.iter().enumerate() {
            let mut fields = Fields::new(self, table, index, from);
            let Some((name, value)) = read(&mut fields) else { continue };
            if !names.insert(name) {
                fields.refuse(self.called_by, self.unique, Refusal::default());
            }
            values.push(value);
        }
        values
    }
}

/// The fields of one table.
struct Fields<'a> {
    of: &'a Tables,
    table: &'a Table,
    /// The table's name in a problem.
    called: String,
    index: usize,
    from: &'a mut Reader,
}

impl<'a> Fields<'a> {
    /// The fields of a table. A field that does not exist becomes a problem.
    fn new(of: &'a Tables, table: &'a Table, index: usize, from: &'a mut Reader) -> Self {
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
    fn reply(&mut self) -> Option<ReplySettings> {
        let text = self.required("reply", "the template of a reply", |text| match text.trim() {
            "" => Err(Refusal::found("an empty text")),
            _ => Ok(text.to_owned()),
        });
        let parse_mode = self.text("parse_mode", PARSE_MODE, parse_mode);
        let buttons = self.field("buttons", ROWS, rows).unwrap_or_default();
        Some(ReplySettings { reply: text?, parse_mode, buttons })
    }

    /// A required text.
    fn required<T>(&mut self, name: &str, wanted: &str, read: impl Fn(&str) -> Result<T, Refusal>) -> Option<T> {
        if !self.table.contains_key(name) {
            let wanted = format!("a value: each {} has a {} and a reply", self.of.key, self.of.called_by);
            self.refuse(name, &wanted, Refusal::found("nothing"));
        }
        self.text(name, wanted, read)
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
        let path = format!("{}[{}].{name}", self.of.key, self.index);
        self.from.refuse(&path, wanted, refusal);
        if let Some(problem) = self.from.problems.last_mut() {
            problem.key = format!("{}, {}", self.called, describe::text(name));
        }
    }
}
