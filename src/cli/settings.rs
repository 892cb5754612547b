//! `doorbell settings`: prints the effective settings and the source of each.

use std::io::{ErrorKind, Write};

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};

use crate::humanize::shortened;
use crate::settings::{self, Entry, Need, Settings, Shown, Sources};

#[derive(Args, Clone, Copy, Debug)]
#[command(
    after_help = "Examples:\n  doorbell settings --config doorbell.toml\n  doorbell settings --schema > schema.json"
)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long, conflicts_with = "schema")]
    json: bool,
    /// Print the JSON Schema of a settings file
    #[arg(long)]
    schema: bool,
}

/// Prints the settings, or their schema.
///
/// # Errors
///
/// When the settings have problems (a `SettingsError`), or cannot be printed. A reader that stops early, such
/// as `head`, is no failure.
pub(super) fn run(arguments: Arguments, sources: &Sources, out: &mut impl Write) -> anyhow::Result<()> {
    let printed = if arguments.schema {
        writeln!(out, "{:#}", settings::json_schema())
    } else {
        let settings = Settings::load(sources, Need::Nothing)?;
        let entries = settings.effective();
        if arguments.json {
            let entries: Vec<_> = entries.iter().map(as_json).collect();
            writeln!(out, "{:#}", json!(entries))
        } else {
            as_table(entries, out)
        }
    };
    match printed {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed.context("cannot print the settings"),
    }
}

/// A secret has no value, only a description.
fn as_json(entry: &Entry) -> Value {
    let (value, secret) = match &entry.value {
        Shown::NotSet => (Value::Null, None),
        Shown::Secret(described) => (Value::Null, Some(described)),
        Shown::Value(value) => (value.clone(), None),
    };
    let set = entry.value != Shown::NotSet;
    json!({ "key": entry.key, "set": set, "value": value, "secret": secret, "source": entry.source })
}

fn as_table(entries: &[Entry], out: &mut impl Write) -> std::io::Result<()> {
    let lines: Vec<_> = entries.iter().map(|entry| (&entry.key, in_one_line(&entry.value), &entry.source)).collect();
    let keys = lines.iter().map(|(key, ..)| key.len()).max().unwrap_or_default();
    let values = lines.iter().map(|(_, value, _)| value.chars().count()).max().unwrap_or_default();
    for (key, value, source) in lines {
        writeln!(out, "{key:keys$}  {value:values$}  {source}")?;
    }
    Ok(())
}

/// The table shows this many characters of a value; JSON shows all.
const SHOWN: usize = 48;

/// A value for the table. Commands are shown by their names, and buttons by their data.
fn in_one_line(value: &Shown) -> String {
    let names = match value {
        Shown::Value(Value::Array(list)) => {
            list.iter().map(|item| item["name"].as_str().or(item["data"].as_str())).collect::<Option<Vec<_>>>()
        }
        Shown::Value(_) | Shown::Secret(_) | Shown::NotSet => None,
    };
    let text = match names {
        Some(names) if !names.is_empty() => names.join(", "),
        Some(_) | None => value.to_string(),
    };
    shortened(&text, SHOWN).replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "123456789:AAE-abcdefghijklmnopqrstuvwxyz012345";

    fn printed(json: bool, schema: bool) -> String {
        let environment = [("TELEGRAM_BOT_TOKEN", TOKEN), ("PORT", "8080")].into_iter().collect();
        let sources = Sources { environment, ..Sources::default() };
        let mut out = Vec::new();
        run(Arguments { json, schema }, &sources, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_setting_is_printed_with_its_source_and_no_secret() {
        let printed = printed(false, false);
        for (key, rest) in [
            ("server.port ", "8080  environment variable PORT"),
            ("telegram.bot_token ", "(secret, 46 characters)  environment variable TELEGRAM_BOT_TOKEN"),
            ("console.token ", "not set  default"),
        ] {
            let line = printed.lines().find(|line| line.starts_with(key)).unwrap();
            assert!(
                line.split_whitespace().collect::<Vec<_>>().join(" ").ends_with(&rest.replace("  ", " ")),
                "{line}"
            );
        }
        assert!(!printed.contains(TOKEN));
    }

    #[test]
    fn json_has_the_same_entries() {
        let printed: Value = serde_json::from_str(&printed(true, false)).unwrap();
        let entry = |key: &str| printed.as_array().unwrap().iter().find(|entry| entry["key"] == key).unwrap();
        assert_eq!(entry("server.port")["value"], 8080);
        assert_eq!(entry("telegram.bot_token")["secret"], "secret, 46 characters");
        assert_eq!(entry("console.token")["set"], false);
    }

    #[test]
    fn the_schema_is_printed_without_reading_any_settings() {
        let schema: Value = serde_json::from_str(&printed(false, true)).unwrap();
        assert_eq!(schema["properties"]["server"]["properties"]["port"]["default"], 10000);
    }
}
