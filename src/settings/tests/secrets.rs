use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;
use crate::settings::keys;

#[test]
fn a_malformed_token_is_described_and_not_shown() {
    let hash = "AAE-abcdefghijklmnopqrstuvwxyz012345";
    for (token, description) in [
        (format!("123456789:{hash}\n"), "47 characters, one of them a line break"),
        (format!("0123:{hash}"), "before the colon is not the number of a bot"),
        (format!("bot123456789:{hash}"), "before the colon is not the number of a bot"),
        (hash.to_owned(), "no colon is among them"),
        ("123456789:AAE".to_owned(), "too few of them stand after the colon"),
        (format!("123456789:{}", "A".repeat(80)), "90 characters"),
    ] {
        let problem = problem(&[("TELEGRAM_BOT_TOKEN", &token)]);
        assert!(problem.found.contains(description), "{problem}");
        assert!(!format!("{problem:?}{problem}").contains("AAE"), "{problem}");
    }
}

#[test]
fn a_secret_can_be_given_as_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    std::fs::write(&path, format!("{TOKEN}\n")).unwrap();
    let path = path.to_str().unwrap();
    for variable in ["TELEGRAM_BOT_TOKEN_FILE", "DOORBELL__TELEGRAM__BOT_TOKEN_FILE"] {
        let settings = load(&[(variable, path)]);
        assert_eq!(settings.telegram.bot_token.as_ref().unwrap().expose_secret(), TOKEN);
        let source = settings.source("telegram.bot_token").unwrap();
        assert_eq!(source, format!("file {path}, named by {variable}"));
    }
    let both = problem(&[("TELEGRAM_BOT_TOKEN_FILE", path), ("TELEGRAM_BOT_TOKEN", TOKEN)]);
    assert_eq!(both.found, "both TELEGRAM_BOT_TOKEN and TELEGRAM_BOT_TOKEN_FILE are set");
    let missing = problem(&[("ADMIN_TOKEN_FILE", "/nowhere/token")]).to_string();
    assert!(missing.contains("/nowhere/token") && missing.contains("No such file"), "{missing}");
    let no_path = problem(&[("ADMIN_TOKEN_FILE", TOKEN)]).to_string();
    assert!(!no_path.contains(TOKEN), "{no_path}");
    let directory = problem(&[("ADMIN_TOKEN_FILE", directory.path().to_str().unwrap())]);
    assert!(directory.found.contains("directory"), "{directory}");
}

#[test]
fn a_secret_in_a_file_that_is_not_toml_or_has_a_wrong_key_is_not_shown() {
    for text in [
        format!("[telegram]\nbot_token = {TOKEN}"),
        format!("[telegram]\nbot_token = \"{TOKEN}"),
        format!("[telegram]\nbot_tokn = \"{TOKEN}\""),
        format!("[telegram]\nbot_token = [\"{TOKEN}\"]"),
        format!("bot_token = \"{TOKEN}\""),
        format!("telegram = \"{TOKEN}\""),
        format!("[webhook]\nallowed_updates = [\"{TOKEN}\"]"),
    ] {
        let (_directory, sources) = file(&text);
        let error = Settings::load(&sources, Need::Nothing).unwrap_err();
        assert!(!format!("{error}{error:?}").contains("AAE"), "{text}: {error}");
    }
}

#[test]
fn the_password_of_the_database_is_never_shown() {
    let settings = load(&[("DATABASE_URL", "postgres://me:pass-word@db.example.org/bot")]);
    assert!(!format!("{settings:?}").contains("pass-word"));
    let entry = settings.effective().iter().find(|entry| entry.key == "inbox.url").unwrap();
    assert_eq!(entry.value.to_string(), "(secret, PostgreSQL on db.example.org)");
}

/// A part of each secret, which no output may contain.
const MARK: &str = "MARKED";

/// Every variable that sets a key, with whether it is a secret, and those of the platforms.
fn variables() -> Vec<(String, bool)> {
    let plain = [
        "PORT",
        "HOST",
        "PUBLIC_URL",
        "TELEGRAM_API_URL",
        "LOG_FORMAT",
        "RUST_LOG",
        "DOORBELL_PROFILE",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_SERVICE_NAME",
    ];
    let platform = [
        "RENDER",
        "RENDER_EXTERNAL_URL",
        "FLY_APP_NAME",
        "RAILWAY_PUBLIC_DOMAIN",
        "IS_PULL_REQUEST",
        "COOLIFY_URL",
        "CONTAINER_APP_NAME",
        "CONTAINER_APP_ENV_DNS_SUFFIX",
        "CODESPACE_NAME",
        "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN",
    ];
    let secret = [
        "TELEGRAM_BOT_TOKEN",
        "WEBHOOK_SECRET",
        "DATABASE_URL",
        "ADMIN_TOKEN",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "TELEGRAM_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
    ];
    let by_key = keys::known()
        .keys()
        .map(|key| (format!("DOORBELL__{}", key.replace('.', "__").to_uppercase()), keys::is_secret(key)));
    let plain = plain.into_iter().chain(platform).map(|name| (name.to_owned(), false));
    plain.chain(secret.into_iter().map(|name| (name.to_owned(), true))).chain(by_key).collect()
}

fn plain_value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\\[\\]{}\"'=:/@?#,. \na-z0-9-]{0,30}",
        "(postgres|sqlite|https|http)://[a-z:@/?#0-9.\\[\\]%]{0,20}",
        "[0-9]{0,12}:[A-Za-z0-9_-]{0,40}\n?",
        "-?[0-9]{1,25}(\\.[0-9]{1,3})?(s|h|y| KiB|GiB)?",
    ]
}

/// A value that contains the mark, but not as a host, a scheme or a path.
fn secret_value() -> impl Strategy<Value = String> {
    prop_oneof![
        ("[^:]*", "[^:]*").prop_map(|(before, after)| format!("{before}{MARK}{after}")),
        "[0-9]{0,10}:[A-Za-z0-9_-]{0,20}MARKED[A-Za-z0-9_-]{0,20}[ \n\"]?",
        "(postgres|postgresql|mysql)://[a-z]{0,3}:[a-z:/?#@%]{0,5}MARKED[a-z:/?#@%]{0,5}@[a-z.:/]{0,8}",
    ]
}

fn environment() -> impl Strategy<Value = Vec<(String, String)>> {
    let variable = (prop::sample::select(variables()), plain_value(), secret_value());
    let variable =
        variable.prop_map(|((name, is_secret), plain, secret)| (name, if is_secret { secret } else { plain }));
    prop::collection::vec(variable, 0..8)
}

proptest! {
    #[test]
    fn no_environment_causes_a_panic_or_shows_a_secret(variables in environment()) {
        let sources = Sources { environment: variables.into_iter().collect(), ..Sources::default() };
        for need in [Need::Nothing, Need::Token] {
            let output = match Settings::load(&sources, need) {
                Ok(settings) => {
                    let shown = settings.effective().iter().map(|entry| format!("{entry:?} {}", entry.value));
                    format!("{settings:?} {}", shown.collect::<String>())
                }
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assert!(!output.contains(MARK), "{output}");
        }
    }

    #[test]
    fn no_file_causes_a_panic(text in prop_oneof![
        any::<String>(),
        "(\\[\\[?[a-z.]{1,9}\\]?\\]\n|[a-z_.]{1,9} = [\\[\\]{}'\"a-z0-9.-]{1,9}\n){0,9}",
    ]) {
        let (_directory, sources) = file(&text);
        let _ = Settings::load(&sources, Need::Nothing).map_err(|error| error.to_string());
    }
}
