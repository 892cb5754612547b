#![allow(warnings)]
use doorbell::*;
use std::sync::Arc;
struct H;
#[async_trait::async_trait]
impl handler::Handler for H {
    async fn handle(&self, u: &update::Update) -> Result<Vec<telegram::Call>, handler::HandlerError> {
        let v: serde_json::Value = u.decode().unwrap();
        if v["text"] == "/start" {
            return Ok(vec![telegram::Call::send_message(
                v["chat"]["id"].as_i64().unwrap(),
                format!("Hello, {}!", v["from"]["first_name"].as_str().unwrap()),
            )]);
        }
        Ok(vec![])
    }
}
#[tokio::main]
async fn main() {
    let e = |n: &str| std::env::var(n).unwrap();
    let clock: clock::SharedClock = Arc::new(clock::SystemClock);
    let path = e("DATABASE_URL").strip_prefix("sqlite:").unwrap().to_owned();
    let iset = settings::InboxSettings {
        url: settings::InboxUrl::Sqlite(path.into()),
        capacity: 10_000_000,
        keep_done: std::time::Duration::from_secs(172800),
    };
    let inbox = inbox::open(&iset, clock.clone(), shutdown.soft.clone(), &shutdown.tasks).unwrap();
    let shutdown = lifecycle::Shutdown::new();
    lifecycle::stop_on_signals(&shutdown).unwrap();
    let token = telegram::BotToken::new(e("TELEGRAM_BOT_TOKEN").into());
    let api =
        telegram::BotApi::new(&settings::TelegramSettings { bot_token: None, api_url: e("TELEGRAM_API_URL") }, token);
    let conc = std::env::var("CONC").ok().and_then(|c| c.parse().ok()).unwrap_or(64);
    let d = dispatch::Dispatch::new(
        inbox.clone(),
        Arc::new(H),
        api,
        settings::DispatchSettings {
            concurrency: conc,
            handler_timeout: std::time::Duration::from_secs(30),
            attempts: 8,
            backoff: settings::BackoffSettings {
                first: std::time::Duration::from_secs(1),
                longest: std::time::Duration::from_secs(60),
            },
        },
        clock.clone(),
        shutdown.clone(),
    );
    let secrets = webhook::Secrets::new(&e("WEBHOOK_SECRET").into(), None);
    let router = webhook::router(inbox, secrets, 1 << 20, Default::default(), clock.clone());
    let l = server::bind(format!("127.0.0.1:{}", e("PORT")).parse().unwrap()).await.unwrap();
    let d2 = d.clone();
    shutdown.tasks.spawn(async move { d2.run().await });
    server::serve(l, router, clock, shutdown.clone()).await;
}
