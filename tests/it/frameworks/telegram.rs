//! The simulated Telegram of a sandbox, through its control API: what people do, and what they see.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::harness::{Answer, ask, get};

pub(super) struct Telegram(pub(super) SocketAddr);

impl Telegram {
    /// A person writes a text.
    pub(super) fn says(&self, chat: i64, text: &str) {
        self.post("/sandbox/messages", &json!({"chat": chat, "text": text}));
    }

    /// A person presses a button of a message.
    pub(super) fn presses(&self, chat: i64, message: &Value, data: &str) {
        let press = json!({"chat": chat, "message_id": message["message_id"], "data": data});
        self.post("/sandbox/presses", &press);
    }

    /// A person sends a `photo` or `document` with this content.
    pub(super) fn sends(&self, chat: i64, kind: &str, content: &[u8]) {
        let head = format!(
            "--X\r\nContent-Disposition: form-data; name=\"chat\"\r\n\r\n{chat}\r\n\
             --X\r\nContent-Disposition: form-data; name=\"{kind}\"; filename=\"file.png\"\r\n\r\n"
        );
        let form = [head.as_bytes(), content, b"\r\n--X--\r\n"].concat();
        self.send("POST", &format!("/sandbox/actions/{kind}"), "multipart/form-data; boundary=X", &form);
    }

    /// Makes every call of this method take longer.
    pub(super) fn slows_down(&self, method: &str, milliseconds: u64) {
        self.post("/sandbox/faults", &json!({"method": method, "what": {"slow": milliseconds}}));
    }

    /// Undoes [`Self::slows_down`].
    pub(super) fn is_fast_again(&self) {
        self.send("DELETE", "/sandbox/faults", "application/json", b"");
    }

    /// The messages of the bot in a chat.
    pub(super) fn messages(&self, chat: i64) -> Vec<Value> {
        self.messages_at(&format!("messages?chat={chat}"))
    }

    /// The messages of the bot in all chats.
    pub(super) fn all_messages(&self) -> Vec<Value> {
        self.messages_at("messages")
    }

    fn messages_at(&self, what: &str) -> Vec<Value> {
        let messages = get(self.0, &format!("/sandbox/{what}")).json();
        let messages = messages.as_array().expect("a list");
        messages.iter().filter(|message| message["bot"] == true).cloned().collect()
    }

    /// How many calls of this method, in any case, were answered with success.
    pub(super) fn calls(&self, method: &str) -> usize {
        let calls = get(self.0, "/sandbox/calls").json();
        let calls = calls.as_array().expect("a list").iter();
        let is_wanted = |call: &&Value| {
            let name = call["method"].as_str().unwrap_or_default();
            name.eq_ignore_ascii_case(method) && call["code"] == 200
        };
        calls.filter(is_wanted).count()
    }

    /// Sends a form of the chat page, which must not be refused.
    pub(super) fn submits(&self, path: &str, fields: &[(&str, &str)]) {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let answer = self.answer("POST", path, "application/x-www-form-urlencoded", form.as_bytes());
        let leads_to = answer.header("location").unwrap_or_default();
        assert!(answer.status == 303 && !leads_to.contains("problem="), "{path}: {answer:?}");
    }

    fn post(&self, path: &str, body: &Value) {
        self.send("POST", path, "application/json", body.to_string().as_bytes());
    }

    fn send(&self, method: &str, path: &str, content_type: &str, body: &[u8]) {
        let answer = self.answer(method, path, content_type, body);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }

    fn answer(&self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            self.0,
            body.len()
        );
        ask(self.0, &[head.as_bytes(), body].concat())
    }
}
