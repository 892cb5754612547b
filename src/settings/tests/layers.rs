use std::path::Path;
use std::time::Duration;

use super::*;
use crate::settings::{InboxUrl, LogFormat, Takeover};

#[test]
fn without_any_source_the_defaults_are_effective() {
    let settings = load(&[]);
    assert_eq!(settings.telegram.api_url, "https://api.telegram.org");
    assert!(settings.telegram.bot_token.is_none() && settings.telegram.is_public_api());
    assert_eq!((settings.server.host.to_string().as_str(), settings.server.port), ("0.0.0.0", 10_000));
    assert_eq!(settings.server.body_limit, 1024 * 1024);
    assert!(settings.webhook.public_url.is_none() && settings.webhook.secret_token.is_none());
    assert!(settings.webhook.register && !settings.webhook.drop_pending_updates);
    assert_eq!((settings.webhook.max_connections, settings.webhook.takeover), (40, Takeover::Auto));
    assert!(matches!(&settings.inbox.url, InboxUrl::Sqlite(path) if path == Path::new("data/doorbell.db")));
    assert_eq!(settings.inbox.keep_done, Duration::from_hours(48));
    assert_eq!((settings.dispatch.concurrency, settings.dispatch.attempts), (64, 8));
    assert_eq!(settings.dispatch.backoff.longest, Duration::from_mins(1));
    assert_eq!((settings.outbound.per_second, settings.outbound.per_chat_per_second), (None, None));
    assert_eq!((settings.log.format, settings.log.filter.as_str()), (LogFormat::Auto, "info"));
    assert!(settings.commands.is_empty() && settings.fallback.is_none() && settings.platform.name.is_none());
}

#[test]
fn later_layers_win_and_each_value_has_its_source() {
    let (_directory, mut sources) =
        file("[log]\nformat = 'text'\n[server]\nport = 1\nhost = '127.0.0.1'\nbody_limit = '2 MiB'");
    sources.profile = Some("production".to_owned());
    sources.environment = [("PORT", "2"), ("HOST", "127.0.0.2"), ("DOORBELL__SERVER__PORT", "3")].into_iter().collect();
    let path = sources.config_file.as_ref().unwrap().display().to_string();
    let settings = Settings::load(&sources.with("server.port", 4), Need::Nothing).unwrap();
    for (key, value, source) in [
        ("webhook.max_connections", "100", "profile production".to_owned()),
        ("log.format", "text", format!("file {path}, line 2")),
        ("server.body_limit", "2 MiB", format!("file {path}, line 6")),
        ("server.host", "127.0.0.2", "environment variable HOST".to_owned()),
        ("server.port", "4", "command line".to_owned()),
        ("dispatch.attempts", "8", "default".to_owned()),
    ] {
        let entry = settings.effective().iter().find(|entry| entry.key == key).unwrap();
        assert_eq!((entry.value.to_string().as_str(), entry.source.clone()), (value, source), "{key}");
    }
    assert_eq!(settings.server.port, 4);
}

#[test]
fn an_operator_who_sets_the_kinds_of_updates_is_known_also_with_the_default_value() {
    assert!(!load(&[]).webhook.allowed_updates_are_set);
    for value in ["[]", "[\"message\"]"] {
        assert!(load(&[("DOORBELL__WEBHOOK__ALLOWED_UPDATES", value)]).webhook.allowed_updates_are_set, "{value}");
    }
}

#[test]
fn any_key_can_be_set_in_the_environment() {
    let settings = load(&[
        ("DOORBELL__DISPATCH__BACKOFF__FIRST", "250ms"),
        ("DOORBELL__WEBHOOK__ALLOWED_UPDATES", "[\"message\", \"poll\"]"),
        ("DOORBELL__WEBHOOK__REGISTER", "false"),
        ("DOORBELL__OUTBOUND__PER_SECOND", "30"),
        ("DOORBELL__OUTBOUND__PER_CHAT_PER_SECOND", "0.5"),
        ("DOORBELL__SERVER__BODY_LIMIT", "600KiB"),
        ("DOORBELL__COMMAND", "[{ name = 'start', reply = 'Hello' }]"),
        ("DOORBELL__FALLBACK__REPLY", "42"),
        ("DOORBELL__INBOX__URL", "memory:"),
    ]);
    assert_eq!(settings.dispatch.backoff.first, Duration::from_millis(250));
    assert_eq!(settings.webhook.allowed_updates, ["message", "poll"]);
    assert!(!settings.webhook.register);
    assert_eq!((settings.outbound.per_second, settings.outbound.per_chat_per_second), (Some(30.0), Some(0.5)));
    assert_eq!(settings.server.body_limit, 600 * 1024);
    assert_eq!(settings.commands[0].reply.reply, "Hello");
    assert_eq!(settings.fallback.unwrap().reply, "42");
    assert!(matches!(settings.inbox.url, InboxUrl::Memory));
}

#[test]
fn an_empty_well_known_variable_counts_as_not_set() {
    let names = ["TELEGRAM_BOT_TOKEN", "TELEGRAM_API_URL", "PORT", "HOST", "PUBLIC_URL", "WEBHOOK_SECRET"];
    let more = ["DATABASE_URL", "ADMIN_TOKEN", "LOG_FORMAT", "RUST_LOG", "DOORBELL_PROFILE", "DOORBELL_CONFIG"];
    let empty: Vec<_> = names.into_iter().chain(more).map(|name| (name, "")).collect();
    assert_eq!(load(&empty).effective(), load(&[]).effective());
}

#[test]
fn the_profiles_are_compiled_in_and_valid() {
    let sandbox = load(&[("DOORBELL_PROFILE", "sandbox")]);
    assert!(sandbox.commands.iter().any(|command| command.name == "start"));
    assert!(sandbox.fallback.is_some() && sandbox.log.format == LogFormat::Text);
    assert_eq!(load(&[("DOORBELL_PROFILE", "production")]).log.format, LogFormat::Json);
    let asked = Sources { profile: Some("sandbox".to_owned()), ..sources(&[("DOORBELL_PROFILE", "production")]) };
    assert_eq!(Settings::load(&asked, Need::Nothing).unwrap().log.format, LogFormat::Text);
}

#[test]
fn the_platform_provides_the_public_url_and_an_explicit_one_wins() {
    let render = [("RENDER", "true"), ("RENDER_EXTERNAL_URL", "https://bot.onrender.com")];
    let settings = load(&render);
    assert_eq!(settings.webhook.public_url.as_deref(), Some("https://bot.onrender.com"));
    let source = settings.source("webhook.public_url").unwrap();
    assert_eq!(source, "environment variable RENDER_EXTERNAL_URL, set by Render");
    let settings = load(&[&render[..], &[("PUBLIC_URL", "https://bot.example.org/")]].concat());
    assert_eq!(settings.webhook.public_url.as_deref(), Some("https://bot.example.org"));
}

#[test]
fn a_local_public_url_is_valid_with_an_own_bot_api_server() {
    for (api, url) in
        [("http://127.0.0.1:8081/", "http://localhost:10000"), ("http://bot-api:8081", "http://10.0.0.1:9")]
    {
        let settings = load(&[("TELEGRAM_API_URL", api), ("PUBLIC_URL", url)]);
        assert_eq!(settings.telegram.api_url, api.trim_end_matches('/'));
        assert_eq!(settings.webhook.public_url.as_deref(), Some(url));
    }
    load(&[("DOORBELL__WEBHOOK__REGISTER", "false"), ("PUBLIC_URL", "http://localhost:10000")]);
}

#[test]
fn the_proxy_of_the_settings_wins_and_that_of_the_environment_is_for_telegrams_own_bot_api_only() {
    let own = ("TELEGRAM_API_URL", "http://bot-api.example.org:8081");
    let here = ("TELEGRAM_API_URL", "http://127.0.0.1:8081");
    let (telegram, https) = (("TELEGRAM_PROXY", "http://a:1"), ("HTTPS_PROXY", "http://user:word@b:2"));
    let (small, all) = (("https_proxy", "c:3"), ("ALL_PROXY", "socks5h://d"));
    let none = ("NO_PROXY", "localhost,.telegram.org");
    for (variables, used, source) in [
        (&[][..], None, ""),
        (&[telegram, https, all, none], Some("a:1"), "TELEGRAM_PROXY"),
        (&[https, small, all], Some("b:2"), "HTTPS_PROXY"),
        (&[small, all], Some("c:3"), "https_proxy"),
        (&[all], Some("d:1080"), "ALL_PROXY"),
        (&[("all_proxy", "e:5")], Some("e:5"), "all_proxy"),
        (&[https, all, none], None, ""),
        (&[https, ("no_proxy", "*")], None, ""),
        (&[https, ("NO_PROXY", "127.0.0.1")], Some("b:2"), "HTTPS_PROXY"),
        (&[("HTTPS_PROXY", ""), all], Some("d:1080"), "ALL_PROXY"),
        (&[("HTTP_PROXY", "http://f:6"), ("http_proxy", "http://f:6")], None, ""),
        // An own Bot API server.
        (&[own, https, all], None, ""),
        (&[own, telegram], Some("a:1"), "TELEGRAM_PROXY"),
        (&[here, https, all], None, ""),
        (&[here, telegram], None, "TELEGRAM_PROXY"),
        (&[("TELEGRAM_API_URL", "http://localhost:8081"), telegram], None, "TELEGRAM_PROXY"),
        (&[("TELEGRAM_API_URL", "http://[::1]:8081"), telegram], None, "TELEGRAM_PROXY"),
    ] {
        let settings = load(variables);
        assert_eq!(settings.telegram.proxy.as_ref().map(crate::settings::Proxy::address), used, "{variables:?}");
        let words = settings.proxy_in_words().unwrap_or_default();
        assert_eq!(words.is_empty(), source.is_empty(), "{words}");
        assert!(words.contains(source) && words.contains(used.unwrap_or_default()), "{words}");
        assert_eq!(words.contains("is not used"), used.is_none() && !source.is_empty(), "{words}");
        let shown = settings.effective().iter().map(|entry| entry.value.to_string()).collect::<String>();
        assert!(!format!("{settings:?}{words}{shown}").contains("word@"), "{words}");
    }
}

#[test]
fn a_proxy_of_the_environment_that_cannot_be_used_is_refused_with_its_variable() {
    for value in ["socks4://a:1", "http://user:2024/S3cret@a:1"] {
        let problem = problem(&[("HTTPS_PROXY", value)]);
        let shown = problem.to_string();
        assert!(
            shown.contains("HTTPS_PROXY") && problem.key == "telegram.proxy" && !shown.contains("S3cret"),
            "{shown}"
        );
    }
}

#[test]
fn an_inbox_url_names_one_of_three_stores() {
    let read = |url: &str| load(&[("DATABASE_URL", url)]).inbox.url;
    for (url, path) in [("sqlite:a.db", "a.db"), ("sqlite://a/b.db", "a/b.db"), ("sqlite:///var/b.db", "/var/b.db")] {
        assert!(matches!(read(url), InboxUrl::Sqlite(read) if read == Path::new(path)), "{url}");
    }
    for url in ["postgres://me:word@db.example.org/bot", "postgresql://me@db:5432/bot", "postgres:///bot?host=/run/pg"]
    {
        assert!(matches!(read(url), InboxUrl::Postgres(_)), "{url}");
    }
    assert!(matches!(read("memory:"), InboxUrl::Memory));
}

#[test]
fn no_color_turns_colours_off_unless_it_is_empty() {
    for (value, colour) in [("1", false), ("false", false), ("", true)] {
        assert_eq!(load(&[("NO_COLOR", value)]).log.colour, colour, "{value:?}");
    }
    assert!(load(&[]).log.colour);
}
