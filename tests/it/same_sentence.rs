//! Whatever goes wrong in the sandbox, its chat page, the console and the log say it in the same words.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use crate::console::token;
use crate::harness::{Answer, SandboxProcess, ask, until_at_intervals};

/// Longer than any of these events takes on a busy machine: a call without an answer takes 30 s.
const DEADLINE: Duration = Duration::from_secs(90);
const INTERVAL: Duration = Duration::from_millis(50);

fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_at_intervals(what, INTERVAL, DEADLINE, look)
}

/// A running sandbox with a console.
struct Seen {
    sandbox: SandboxProcess,
    operator: String,
}

impl Seen {
    fn start(words: &[&str]) -> Self {
        let token = token();
        let variables = [("ADMIN_TOKEN", token.as_str()), ("DOORBELL__WEBHOOK__WATCH_INTERVAL", "1s")];
        let sandbox = SandboxProcess::launch(words, &variables);
        Self { sandbox, operator: format!("Authorization: Bearer {token}\r\n") }
    }

    fn json(addr: SocketAddr, path: &str, headers: &str) -> Value {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {addr}\r\n{headers}Accept: application/json\r\nConnection: close\r\n\r\n"
        );
        ask(addr, request.as_bytes()).json()
    }

    fn chat(&self) -> Value {
        Self::json(self.sandbox.bot_api, "/?chat=1&as=Ann", "")
    }

    fn console(&self, path: &str) -> Value {
        Self::json(self.sandbox.program.addr, path, &self.operator)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.sandbox.folder.path().join("log")).expect("there is a log")
    }

    /// Sends a form of the chat page.
    fn submit(&self, path: &str, field: &str, value: &str) {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let form = form.append_pair("view", "/?chat=1&as=Ann").append_pair(field, value).finish();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            self.sandbox.bot_api,
            form.len()
        );
        let Answer { status, headers, .. } = ask(self.sandbox.bot_api, format!("{head}{form}").as_bytes());
        assert!(status == 303 && !headers.contains("problem="), "{path} {value}: {headers}");
    }

    fn turn(&self, switch: &str) {
        self.submit("/chat/switch", "name", switch);
    }

    /// Writes a message and returns the number of its update.
    fn write(&self) -> i64 {
        let before = self.chat()["trail"]["id"].clone();
        self.submit("/chat/send", "text", "/start");
        until("the update is there", || {
            let id = self.chat()["trail"]["id"].clone();
            id.as_i64().filter(|_| id != before)
        })
    }

    /// The sentences at the top of the chat page.
    fn chat_says(&self) -> Vec<String> {
        let says = self.chat()["says"].clone();
        serde_json::from_value(says).expect("sentences")
    }

    /// The sentences of the console's overview.
    fn console_says(&self) -> Vec<String> {
        let overview = self.console("/console");
        let parts = overview["parts"].as_array().expect("parts");
        parts.iter().map(|part| part["says"].as_str().expect("a sentence").to_owned()).collect()
    }

    fn logged(&self, sentence: &str) {
        until(&format!("the log says: {sentence}"), || self.log().contains(sentence).then_some(()));
    }

    /// Waits until a sentence with these words is on both pages and in the log.
    fn said_everywhere(&self, words: &str) {
        let sentence = until(words, || {
            let said = self.console_says().into_iter().find(|sentence| sentence.contains(words))?;
            self.chat_says().contains(&said).then_some(said)
        });
        self.logged(&sentence);
    }

    /// Waits until nothing but this is said about the webhook and Telegram.
    fn is_well(&self) {
        until("all is well", || {
            let says = self.chat_says();
            (says.len() == 1 && says[0].ends_with("as wanted.")).then_some(())
        });
    }

    /// Waits until an attempt of this update has failed, and until both pages and the log give the same reason.
    fn reason_is_everywhere(&self, update: i64) {
        let reason = until("an attempt fails", || {
            let page = self.console(&format!("/console/updates/{update}"));
            let steps = page["trail"].as_array()?.clone();
            steps.iter().find_map(|step| Some(step["reason"].as_str()?.to_owned()).filter(|_| step["event"] == "ended"))
        });
        let is_in_trail = |line: &Value| line["text"].as_str().is_some_and(|text| text.contains(&reason));
        until(&format!("the chat page says: {reason}"), || {
            let chat = self.chat();
            (chat["trail"]["id"] == update && chat["trail"]["lines"].as_array()?.iter().any(is_in_trail)).then_some(())
        });
        self.logged(&reason);
    }
}

#[test]
fn each_switch_of_the_chat_page_is_explained_in_the_same_words_on_both_pages_and_in_the_log() {
    let silent = Seen::start(&[]);
    silent.is_well();
    silent.turn("silent");
    let unanswered = silent.write();

    let seen = Seen::start(&[]);
    seen.is_well();

    let update = seen.write();
    until("it is acknowledged", || {
        let begins =
            |line: &Value| line["text"].as_str().is_some_and(|text| text.starts_with("Delivery 1: answered 200"));
        seen.chat()["trail"]["lines"].as_array()?.iter().any(begins).then_some(())
    });
    seen.turn("duplicate");
    let known = "delivered again: the id was known, so it was answered with 200 and nothing else";
    let in_trail = |line: &Value| line["text"] == known;
    until("the chat page shows the second delivery", || {
        seen.chat()["trail"]["lines"].as_array()?.iter().any(in_trail).then_some(())
    });
    let request = format!(
        "GET /console/updates/{update} HTTP/1.1\r\nHost: a\r\n{}Accept: text/html\r\nConnection: close\r\n\r\n",
        seen.operator
    );
    let page = ask(seen.sandbox.program.addr, request.as_bytes()).body;
    assert!(page.contains(known), "{page}");
    seen.logged(known);

    seen.turn("slow");
    seen.write();
    seen.said_everywhere("Telegram answers slowly");
    seen.turn("slow");

    seen.turn("fails-429");
    let throttled = seen.write();
    seen.reason_is_everywhere(throttled);
    seen.turn("fails-429");
    seen.sandbox.replies(1, 3);

    seen.turn("fails-500");
    seen.write();
    seen.said_everywhere("Telegram does not carry out calls");
    seen.turn("fails-500");
    seen.sandbox.replies(1, 4);
    seen.is_well();

    seen.turn("other-service");
    seen.said_everywhere("Another service, at other-service.example, has taken this bot's webhook");
    seen.turn("other-service");
    until("it is registered again", || seen.chat_says()[0].ends_with("as wanted.").then_some(()));

    seen.turn("changed-secret");
    for _ in 0..4 {
        seen.submit("/chat/send", "text", "/start");
    }
    seen.said_everywhere("Telegram sends a secret token that this service does not know");
    until("it is registered again", || seen.chat_says()[0].ends_with("as wanted.").then_some(()));

    // The status stays the same during the repair, so the four answers show that it is over.
    seen.sandbox.replies(1, 8);
    seen.turn("polling-copy");
    seen.said_everywhere("some program called deleteWebhook, as polling bots do when they start");

    silent.reason_is_everywhere(unanswered);
}

#[test]
fn the_end_of_the_bot_is_explained_in_the_same_words_on_both_pages_and_in_the_log() {
    let seen = Seen::start(&["--", "/bin/sh", "-c", "while true; do /bin/sleep 1000; done"]);
    let process = || seen.console("/console/bot")["process"].as_str().unwrap_or_default().to_owned();
    until("the bot runs", || process().contains("your bot runs as process").then_some(()));
    seen.turn("kill-bot");
    // Which of the two signals of the kill it dies by depends on timing. The log says which one it was.
    let end = until("the log says it", || {
        let log = seen.log();
        Some(log.split_once("your bot was ended by signal ")?.1.split_once(". It is started again")?.0.to_owned())
    });
    let end = end.as_str();
    until("the console says it", || process().contains(end).then_some(()));
    until("the chat page says it", || seen.chat_says().iter().any(|said| said.contains(end)).then_some(()));
}
