//! The stand-in token is accepted, the real one too, and nothing else.

use doorbell::sandbox::TOKEN;

use super::harness::{Gateway, assert_error, stand_in};
use super::upstream::Upstream;
use crate::harness::{Log, run, run_openly};

#[tokio::test]
async fn the_stand_in_passes_in_each_spelling() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    let token = stand_in();
    for spelling in [token.clone(), token.replace(':', "%3A"), token.replace(':', "%3a"), token.replace('A', "%41")] {
        assert_eq!(gateway.get(&format!("/bot{spelling}/getMe")).await.status, 200);
        assert_eq!(upstream.only().target, "/botTOKEN/getMe");
        assert_eq!(gateway.get(&format!("/file/bot{spelling}/a.jpg")).await.status, 200);
        assert_eq!(upstream.only().target, "/file/botTOKEN/a.jpg");
    }
}

#[tokio::test]
async fn the_real_token_passes_and_the_log_says_once_what_to_change() {
    let log = Log::capture();
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    for _ in 0..3 {
        assert_eq!(gateway.get(&format!("/bot{TOKEN}/getMe")).await.status, 200);
        assert_eq!(upstream.only().target, "/botTOKEN/getMe");
    }
    assert_eq!(log.lines("doorbell gateway token").len(), 1);
}

#[tokio::test]
async fn any_other_token_gets_401_in_telegrams_form_and_reaches_nobody() {
    let log = Log::capture();
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    let token = stand_in();
    let (id, secret) = token.split_once(':').unwrap();
    for other in [
        "",
        ":",
        id,
        secret,
        &format!("{id}:"),
        &format!("{id}:{}", "A".repeat(35)),
        &token[..token.len() - 1],
        &format!("{token}a"),
        &token.to_lowercase(),
        &token.replace(':', "%253A"),
        &format!("{token}%2FgetMe"),
        "%FF%00",
    ] {
        for method in ["getMe", "setWebhook", "logOut", ""] {
            assert_error(&gateway.get(&format!("/bot{other}/{method}")).await, 401, "Unauthorized");
        }
        assert_error(&gateway.get(&format!("/file/bot{other}/a")).await, 401, "Unauthorized");
    }
    assert!(upstream.seen().is_empty() && gateway.targets.current().is_none());
    assert_eq!(log.lines("another token was refused").len(), 1, "a storm of them is one line a minute");
}

#[test]
fn the_command_prints_the_stand_in_token_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let variables = [("TELEGRAM_BOT_TOKEN", TOKEN)];
    let printed = run_openly(&["gateway", "token"], &variables, folder.path());
    assert_eq!((printed.code, printed.stdout.trim(), printed.stderr.as_str()), (0, &*stand_in(), ""));
    let json = run_openly(&["gateway", "token", "--json"], &variables, folder.path());
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["stand_in_token"], stand_in());
    let none = run(&["gateway", "token"], &[], folder.path());
    assert_eq!(none.code, 2);
    assert!(none.stderr.contains("@BotFather"), "{}", none.stderr);
}
