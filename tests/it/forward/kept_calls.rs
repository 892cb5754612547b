//! Calls that Telegram could not take are made when it is back, although the bot is away by then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::bot::{Bot, Received, answer};
use super::variables;
use crate::harness::postgres::Database;
use crate::harness::{KeepAliveClient, Program, message, waiting};

/// A Bot API that can be away: then it refuses every `sendMessage` with 502.
struct Telegram {
    server: MockServer,
    is_away: Arc<AtomicBool>,
}

impl Telegram {
    async fn start() -> Self {
        let (server, is_away) = (MockServer::start().await, Arc::new(AtomicBool::new(true)));
        let away = Arc::clone(&is_away);
        let answer = move |request: &Request| {
            if away.load(Ordering::SeqCst) && request.url.path().ends_with("/sendMessage") {
                return ResponseTemplate::new(502);
            }
            let result =
                json!({ "id": 123_456_789, "is_bot": true, "first_name": "Bot", "username": "a_bot", "url": "" });
            ResponseTemplate::new(200).set_body_json(json!({ "ok": true, "result": result }))
        };
        Mock::given(any()).respond_with(answer).mount(&server).await;
        Self { server, is_away }
    }

    /// The texts that the bot has tried to send.
    async fn sent(&self) -> Vec<String> {
        let requests = self.server.received_requests().await.expect("they are kept");
        let sends = requests.into_iter().filter(|request| request.url.path().ends_with("/sendMessage"));
        sends.map(|request| String::from_utf8(request.body).expect("text")).collect()
    }
}

/// Kills the bot while Telegram is away, and then Telegram comes back.
async fn kills_the_bot(inbox: &str, is_killed: bool) {
    let (telegram, folder) = (Telegram::start().await, tempfile::tempdir().expect("a temporary folder"));
    let bot = Bot::start(|request| {
        let reply = format!(r#"{{"method":"sendMessage","chat_id":7,"text":"reply {}"}}"#, request.update_id());
        answer(200, "Content-Type: application/json\r\n", &reply)
    })
    .await;
    let inbox = inbox.replace("FOLDER", &folder.path().display().to_string());
    let (api, url) = (telegram.server.uri(), bot.url("/hook"));
    let variables = variables([&api, &inbox, &url], &[("DOORBELL__WEBHOOK__REGISTER", "false")]);
    let log = folder.path().join("log");
    let mut program = Program::serve(&variables, &log);
    let deliver = async |program: &Program, id: i64, chat: i64| {
        let mut line = KeepAliveClient::connect(program.addr).await.expect("it listens");
        waiting::until("the update is accepted", async || {
            (line.deliver(&message(id, chat, "a")).await.ok()?.status == 200).then_some(())
        })
        .await;
    };
    deliver(&program, 1, 7).await;
    waiting::until("the call is tried", async || (!telegram.sent().await.is_empty()).then_some(())).await;
    bot.stop().await;
    deliver(&program, 2, 7).await;
    deliver(&program, 3, 8).await;
    if is_killed {
        program.child.kill().expect("it runs");
        program.child.wait().expect("it ends");
        program = Program::serve(&variables, &log);
    }
    let before = telegram.sent().await.len();
    telegram.is_away.store(false, Ordering::SeqCst);
    let reply = |sent: &[String]| sent.iter().skip(before).any(|text| text.contains("reply 1"));
    tokio::time::timeout(Duration::from_secs(90), async {
        waiting::until("the reply", async || reply(&telegram.sent().await).then_some(())).await;
    })
    .await
    .expect("the reply is sent though the bot is away");
    let ids = |requests: &[Received]| requests.iter().map(Received::update_id).collect::<Vec<_>>();
    assert_eq!(ids(&bot.requests()), [1], "the others wait for the bot");
    bot.run().await;
    let mut handled = ids(&bot.received(3).await);
    handled.sort_unstable();
    assert_eq!(handled, [1, 2, 3]);
    waiting::until("all replies", async || (telegram.sent().await.len() >= before + 3).then_some(())).await;
    assert_eq!(telegram.sent().await.len(), before + 3, "each once");
    drop(program);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_telegram_could_not_take_is_sent_while_the_bot_is_away() {
    kills_the_bot("sqlite:FOLDER/inbox.db", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_telegram_could_not_take_is_sent_from_postgresql_while_the_bot_is_away() {
    let Some(database) = Database::fresh().await else { return };
    kills_the_bot(&database.url, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_telegram_could_not_take_is_sent_while_the_bot_is_away_after_a_kill_of_the_service() {
    kills_the_bot("sqlite:FOLDER/inbox.db", true).await;
}
