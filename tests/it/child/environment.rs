use std::collections::BTreeMap;

use doorbell::sandbox::TOKEN;

use super::bot::BotUnderTest;
use crate::harness::SECRET;

/// The variables that the bot sees.
fn variables(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.split_once('=')).collect()
}

const WRITE: &str = "env > written; mv written environment; exec sleep 1000";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bot_gets_what_it_needs_and_nothing_that_is_secret_or_ours() {
    let more = [
        ("ADMIN_TOKEN", "the-operators-CANARY-token"),
        ("DOORBELL__WEBHOOK__PREVIOUS_SECRET_TOKEN", "former-secret-CANARY"),
        ("MY_BOTS_TOKEN", TOKEN),
        ("API_KEY", "of the bot"),
        ("NO_PROXY", "db.internal"),
    ];
    let bot = BotUnderTest::start(WRITE, &more).await;
    let text = bot.wrote("environment");
    let seen = variables(&text);
    for secret in [TOKEN, SECRET, "CANARY", "memory:"] {
        assert!(!text.contains(secret), "{secret}: {:?}", seen.keys());
    }
    let port: u16 = seen["PORT"].parse().expect("a port");
    assert_ne!(port, bot.program.addr.port());
    assert_eq!(seen["HOST"], "127.0.0.1");
    assert_eq!(seen["WEBHOOK_URL"], format!("http://127.0.0.1:{port}/webhook"));
    assert_eq!(seen["TELEGRAM_API_URL"], seen["TELOXIDE_API_URL"]);
    assert!(seen["TELEGRAM_API_URL"].starts_with("http://127.0.0.1:"), "{}", seen["TELEGRAM_API_URL"]);
    let (id, _) = TOKEN.split_once(':').expect("a token");
    for name in ["BOT_TOKEN", "TELEGRAM_BOT_TOKEN", "TELOXIDE_TOKEN", "MY_BOTS_TOKEN"] {
        assert!(seen[name].starts_with(&format!("{id}:AA")) && seen[name].len() == id.len() + 36, "{name}");
    }
    let secret = seen["WEBHOOK_SECRET"];
    assert!(secret.len() >= 32 && secret.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)), "{secret}");
    assert_eq!((seen["API_KEY"], seen["NO_PROXY"]), ("of the bot", "db.internal,127.0.0.1,localhost"));
    for name in ["ADMIN_TOKEN", "DATABASE_URL", "PUBLIC_URL", "LOG_FORMAT", "RUST_LOG"] {
        assert!(!seen.contains_key(name), "{name}");
    }
    // The processes between the service and the bot hold no more.
    let environ = std::fs::read(format!("/proc/{}/environ", bot.guardian())).expect("a process");
    assert!(!String::from_utf8_lossy(&environ).contains("CANARY"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_port_of_the_settings_is_the_bots() {
    let bot = BotUnderTest::start(WRITE, &[("DOORBELL__PROCESS__PORT", "20999")]).await;
    assert_eq!(variables(&bot.wrote("environment"))["PORT"], "20999");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn port_and_secret_are_the_same_after_a_restart_of_the_bot() {
    let script = "echo \"$PORT $WEBHOOK_SECRET $BOT_TOKEN\" >> starts; [ $(wc -l < starts) -ge 2 ] && exec sleep 1000";
    let bot = BotUnderTest::start(script, &[]).await;
    bot.logged("restarts=1", 1);
    let starts = bot.lines("starts", 2);
    assert_eq!(starts[0], starts[1]);
}
