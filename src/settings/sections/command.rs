use std::collections::BTreeSet;

use schemars::JsonSchema;

use super::reply::ReplySettings;
use super::table::{Fields, Tables};
use crate::settings::problem::Refusal;
use crate::settings::reader::Reader;

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

const TABLES: Tables =
    Tables { key: "command", called_by: "name", fields: &["name", "description", "reply", "parse_mode", "buttons"] };

/// Telegram's list of commands holds this many.
const MOST_COMMANDS: usize = 100;

/// Reads every `[[command]]`.
pub(in crate::settings) fn read(from: &mut Reader) -> Vec<CommandSettings> {
    let (mut commands, mut names) = (Vec::new(), BTreeSet::new());
    for (index, table) in TABLES.read(from).iter().enumerate() {
        let mut fields = Fields::new(&TABLES, table, index, from);
        let name = fields.required("name", "1 to 32 of a-z 0-9 _, without the slash", name);
        let description = fields.text("description", "1 to 256 characters", |text| {
            Refusal::unless((1..=256).contains(&text.chars().count())).map(|()| text.to_owned())
        });
        let (Some(name), Some(reply)) = (name, fields.reply()) else { continue };
        if !names.insert(name.clone()) {
            fields.refuse("name", "a name that no other command has", Refusal::default());
        }
        commands.push(CommandSettings { name, description, reply });
    }
    if commands.iter().filter(|command| command.description.is_some()).count() > MOST_COMMANDS {
        let wanted = format!("{MOST_COMMANDS} commands with a description at most");
        from.refuse(TABLES.key, wanted, Refusal::found(format!("{} commands", commands.len())));
    }
    commands
}

fn name(text: &str) -> Result<String, Refusal> {
    let is_valid = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
    Refusal::unless((1..=32).contains(&text.len()) && text.bytes().all(is_valid)).map(|()| text.to_owned())
}
