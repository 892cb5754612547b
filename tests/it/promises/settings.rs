use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use doorbell::settings::{Need, Settings, Sources};
use tempfile::TempDir;

/// The text of every secret in the inputs.
const MARK: &str = "MARKED";

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("a temporary folder")
});

/// For any settings file and environment, either all settings are valid or every problem is named, and no message
/// contains a secret.
///
/// The parts of the input are a settings file and an environment with `NAME=value` in each line.
pub fn settings(input: &[u8]) {
    let [file, environment] = super::parts(input);
    let environment = String::from_utf8_lossy(environment);
    let variables = environment.lines().filter_map(|line| line.split_once('='));
    // Variables that name files of this machine are removed.
    let variables: Vec<_> =
        variables.filter(|(name, _)| !name.ends_with("_FILE") && *name != "DOORBELL_CONFIG").collect();
    let path = FOLDER.path().join(format!("{:?}.toml", std::thread::current().id()));
    fs::write(&path, file).expect("it can be written");
    let sources =
        Sources { environment: variables.iter().copied().collect(), config_file: Some(path), ..Sources::default() };
    let is_marked_as_it_may_be =
        is_secret_in_file(file) && variables.iter().all(|(name, value)| is_secret(name, value));
    for need in [Need::Nothing, Need::Token] {
        let loaded = Settings::load(&sources, need);
        let is_wrong = loaded.is_err();
        let output = match loaded {
            Ok(settings) => {
                assert!((1..=100).contains(&settings.webhook.max_connections));
                assert!(settings.server.body_limit >= 513 * 1024);
                assert!(
                    need == Need::Nothing || settings.platform.is_preview() || settings.telegram.bot_token.is_some()
                );
                let shown = settings.effective().iter().map(|entry| format!("{entry:?} {}", entry.value));
                format!("{settings:?} {}", shown.collect::<String>())
            }
            Err(error) => {
                assert!(!error.problems.is_empty());
                assert!(error.problems.iter().all(|problem| !problem.found.is_empty() && !problem.wanted.is_empty()));
                format!("{error} {error:?}")
            }
        };
        assert!(!is_marked_as_it_may_be || !output.contains(MARK), "{output}");
        if is_wrong {
            return;
        }
    }
}

/// Whether the mark in a variable, if there is one, is a part of a secret.
fn is_secret(name: &str, value: &str) -> bool {
    let key = name.strip_prefix("DOORBELL__").map(|key| key.replace("__", ".").to_lowercase());
    let key = key.as_deref().unwrap_or(match name {
        "TELEGRAM_BOT_TOKEN" => "telegram.bot_token",
        "WEBHOOK_SECRET" => "webhook.secret_token",
        "ADMIN_TOKEN" => "console.token",
        "DATABASE_URL" => "inbox.url",
        other => other,
    });
    !name.contains(MARK) && (!value.contains(MARK) || is_secret_value(key, value))
}

/// Whether the value of this key is a secret. In the inbox URL only the password is: the host and a file's path may
/// be shown.
fn is_secret_value(key: &str, value: &str) -> bool {
    match key {
        "telegram.bot_token" | "webhook.secret_token" | "webhook.previous_secret_token" | "console.token" => true,
        "inbox.url" => value.strip_prefix("postgres://user:MARKED@").is_some_and(|host| !host.contains(MARK)),
        _ => false,
    }
}

/// Whether every mark in a file is a part of a secret. No part of a file that is not TOML is shown.
fn is_secret_in_file(file: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(file) else { return true };
    let Ok(table) = text.parse::<toml::Table>() else { return true };
    let mut secret = 0;
    for (section, values) in &table {
        for (name, value) in values.as_table().into_iter().flatten() {
            let (key, value) = (format!("{section}.{name}"), value.as_str().unwrap_or_default());
            if is_secret_value(&key, value) {
                secret += value.matches(MARK).count();
            }
        }
    }
    let uncommented = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    secret == uncommented.map(|line| line.matches(MARK).count()).sum::<usize>()
}
