use std::collections::BTreeSet;

use schemars::JsonSchema;

use super::reply::ReplySettings;
use super::table::{Fields, Tables};
use crate::settings::problem::Refusal;
use crate::settings::reader::Reader;

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

const TABLES: Tables = Tables { key: "button", called_by: "data", fields: &["data", "reply", "parse_mode", "buttons"] };

/// Reads every `[[button]]`.
pub(in crate::settings) fn read(from: &mut Reader) -> Vec<ButtonSettings> {
    let (mut buttons, mut known) = (Vec::new(), BTreeSet::new());
    for (index, table) in TABLES.read(from).iter().enumerate() {
        let mut fields = Fields::new(&TABLES, table, index, from);
        let data = fields.required("data", "the callback_data of a button, 1 to 64 bytes", |text| {
            Refusal::unless((1..=64).contains(&text.len())).map(|()| text.to_owned())
        });
        let (Some(data), Some(reply)) = (data, fields.reply()) else { continue };
        if !known.insert(data.clone()) {
            fields.refuse("data", "callback_data that no other [[button]] has", Refusal::default());
        }
        buttons.push(ButtonSettings { data, reply });
    }
    buttons
}
