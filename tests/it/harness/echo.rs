use std::path::Path;

use doorbell::sandbox::TOKEN;

use super::app::SECRET;
use super::{FakeBotApi, Program};

/// Starts `serve` on this inbox as a bot that answers `/echo N` with `N`. Its settings file and its log are in the
/// folder.
pub(crate) fn serve_echo(telegram: &FakeBotApi, inbox: &str, folder: &Path, more: &[(&str, &str)]) -> Program {
    serve_echo_at(&telegram.url(), inbox, folder, more)
}

/// Like [`serve_echo`], with the Bot API at this URL.
pub(crate) fn serve_echo_at(api: &str, inbox: &str, folder: &Path, more: &[(&str, &str)]) -> Program {
    let settings = echo_settings(folder);
    let mut variables = echo_variables(api, inbox, &settings);
    variables.extend(more);
    Program::serve(&variables, &folder.join("log"))
}

/// Writes the settings file of such a bot and returns its path.
pub(crate) fn echo_settings(folder: &Path) -> String {
    let path = folder.join("echo.toml");
    std::fs::write(&path, "[[command]]\nname = \"echo\"\nreply = \"{{ args }}\"\n").expect("it can be written");
    path.display().to_string()
}

/// The environment variables of such a bot.
pub(crate) fn echo_variables<'a>(api: &'a str, inbox: &'a str, settings: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("TELEGRAM_BOT_TOKEN", TOKEN),
        ("TELEGRAM_API_URL", api),
        ("WEBHOOK_SECRET", SECRET),
        ("DATABASE_URL", inbox),
        ("DOORBELL_CONFIG", settings),
    ]
}
