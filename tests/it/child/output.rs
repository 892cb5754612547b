use std::time::Duration;

use serde_json::Value;

use super::bot::{BotUnderTest, SOON, Unread, serve, wrote};
use crate::harness::{FakeBotApi, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_line_of_the_bot_is_marked_and_its_secrets_are_removed() {
    let script = "echo to stdout; echo to stderr >&2; echo calling /bot$BOT_TOKEN/getMe; echo $WEBHOOK_SECRET; \
                  printf 'not \\377 text\\n'; printf 'no end'";
    let script = format!("[ -f once ] && exec sleep 1000; touch once; {script}");
    let bot = BotUnderTest::start(&script, &[]).await;
    let log = bot.logged("restarts=1", 1);
    let mut lines: Vec<_> = log.lines().filter(|line| line.starts_with("bot | ")).collect();
    lines.sort_unstable();
    let expected = [
        "bot | [secret]",
        "bot | calling /bot[secret]/getMe",
        "bot | no end",
        "bot | not \u{fffd} text",
        "bot | to stderr",
        "bot | to stdout",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_json_log_each_line_of_the_bot_is_a_json_line() {
    let script = "echo 'a \"quoted\" text'; echo error >&2; exec sleep 1000";
    let bot = BotUnderTest::start(script, &[("LOG_FORMAT", "json"), ("RUST_LOG", "error")]).await;
    let log = until("both lines", SOON, || Some(bot.log()).filter(|log| log.matches("\"bot\"").count() >= 2));
    let mut lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    lines.sort_by_key(|line| line["stream"].to_string());
    let shown: Vec<_> = lines.iter().map(|line| (&line["message"], &line["stream"], &line["target"])).collect();
    assert_eq!(shown[0], (&"error".into(), &"stderr".into(), &"bot".into()));
    assert_eq!(shown[1], (&"a \"quoted\" text".into(), &"stdout".into(), &"bot".into()));
    assert!(lines.iter().all(|line| line["timestamp"].as_str().is_some_and(|at| at.ends_with('Z'))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_line_is_cut_and_does_not_hold_back_the_next_one() {
    let script = "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo next; exec sleep 1000";
    let bot = BotUnderTest::start(script, &[]).await;
    let log = bot.logged("bot | next", 1);
    let cut = log.lines().find(|line| line.starts_with("bot | xxx")).expect("a long line");
    assert!(cut.ends_with("… (the line was cut)") && cut.len() < 10_000, "{} bytes", cut.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_that_nobody_reads_blocks_neither_the_service_nor_the_bot() {
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().expect("a temporary folder"));
    // Far more than all pipes and queues hold.
    let script = "yes $(printf '%01000d' 0) | head -c 40000000; echo done > written; exec sleep 1000";
    let (command, port) = serve(&telegram.url(), &["/bin/sh", "-c", script], folder.path(), &[]);
    let mut child = Unread::start(command);
    until("the service answers", SOON, || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    wrote(folder.path(), "written");
    let addr = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    assert_eq!(crate::harness::fetch(addr, "/healthz").await.status, 200);
    let pid = child.0.id().to_string();
    std::process::Command::new("kill").args(["-TERM", &pid]).status().expect("kill is there");
    let ended = until("it ends", Duration::from_secs(10), || child.0.try_wait().expect("a child"));
    assert_eq!(ended.code(), Some(0));
}
