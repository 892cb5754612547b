//! `setWebhook` as each framework writes it.

use super::harness::posted;

pub const FORM: &str = "application/x-www-form-urlencoded";
pub const JSON: &str = "application/json";
pub const URL: &str = "https://bot.example:8443/hook/a%2Fb?x=1";

/// A multipart body with a boundary `X`.
fn multipart(fields: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    fields.iter().map(part).collect::<String>() + "--X--\r\n"
}

/// A POST request with a chunked body.
pub fn chunked(target: &str, content_type: &str, body: &str) -> String {
    let chunk = if body.is_empty() { String::new() } else { format!("{:x}\r\n{body}\r\n", body.len()) };
    format!(
        "POST {target} HTTP/1.1\r\nHost: a\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"
    )
}

/// A framework, its request, and what must come of it: the secret token, the kinds of updates, the connections.
pub type Case = (&'static str, String, Option<&'static str>, Option<Vec<&'static str>>, Option<u32>);

const SET: &str = "/{bot}/setWebhook";
const JSON_KINDS: &str = r#"["message","callback_query"]"#;
/// The same in a form.
const KINDS: &str = "%5B%22message%22%2C+%22callback_query%22%5D";

#[expect(clippy::unnecessary_wraps, reason = "a case may have none")]
fn both() -> Option<Vec<&'static str>> {
    Some(vec!["message", "callback_query"])
}

/// The URL in a form.
fn encoded() -> String {
    url::form_urlencoded::byte_serialize(URL.as_bytes()).collect()
}

fn get(query: &str) -> String {
    format!("GET {SET}?{query} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// Every case.
pub fn cases() -> Vec<Case> {
    [of_python(), of_javascript(), of_others()].concat()
}

fn of_python() -> Vec<Case> {
    let encoded = encoded();
    vec![
        (
            "aiogram",
            posted(
                SET,
                FORM,
                &format!("url={encoded}&allowed_updates={KINDS}&drop_pending_updates=True&secret_token=s-1"),
            ),
            Some("s-1"),
            both(),
            None,
        ),
        (
            "python-telegram-bot",
            posted(SET, FORM, &format!("url={encoded}&max_connections=40&allowed_updates={KINDS}&secret_token=s-1")),
            Some("s-1"),
            both(),
            Some(40),
        ),
        (
            "pyTelegramBotAPI",
            get(&format!(
                "url={encoded}&drop_pending_updates=False&timeout=20&secret_token=s-1&allowed_updates={KINDS}"
            )),
            Some("s-1"),
            both(),
            None,
        ),
        (
            "pyTelegramBotAPI, query of a POST",
            format!("POST {SET}?url={encoded}&max_connections=5 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
            None,
            None,
            Some(5),
        ),
        (
            "pyTelegramBotAPI async",
            posted(SET, FORM, &format!("url={encoded}&secret_token=s-1")).replacen("POST", "GET", 1),
            Some("s-1"),
            None,
            None,
        ),
    ]
}

fn of_javascript() -> Vec<Case> {
    let encoded = encoded();
    vec![
        (
            "grammY",
            posted(SET, JSON, &format!(r#"{{"url":"{URL}","secret_token":"s-1","allowed_updates":{JSON_KINDS}}}"#)),
            Some("s-1"),
            both(),
            None,
        ),
        (
            "Telegraf",
            posted(SET, JSON, &format!(r#"{{"url":"{URL}","max_connections":7,"drop_pending_updates":true}}"#)),
            None,
            None,
            Some(7),
        ),
        (
            "node-telegram-bot-api 2",
            posted(SET, FORM, &format!("url={encoded}&secret_token=s-1&allowed_updates={KINDS}")),
            Some("s-1"),
            both(),
            None,
        ),
        (
            "node-telegram-bot-api 0.66",
            format!(
                "POST /{{bot}}/setWebHook?url={encoded}&allowed_updates%5B0%5D=message&allowed_updates[1]=callback_query \
                 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
            ),
            None,
            both(),
            None,
        ),
    ]
}

fn of_others() -> Vec<Case> {
    let encoded = encoded();
    vec![
        (
            "teloxide",
            posted(
                SET,
                "multipart/form-data; boundary=X",
                &multipart(&[("url", URL), ("drop_pending_updates", "false"), ("secret_token", "s-1")]),
            ),
            Some("s-1"),
            None,
            None,
        ),
        (
            "gotgbot",
            posted(
                SET,
                JSON,
                &format!(
                    r#"{{"url":"{URL}","max_connections":"100","drop_pending_updates":"true","allowed_updates":"[\"message\",\"callback_query\"]"}}"#
                ),
            ),
            None,
            both(),
            Some(100),
        ),
        (
            "go-telegram/bot",
            chunked(
                SET,
                "multipart/form-data; boundary=X",
                &multipart(&[("url", URL), ("allowed_updates", JSON_KINDS)]),
            ),
            None,
            both(),
            None,
        ),
        (
            "Telegram.Bot",
            posted(
                SET,
                "multipart/form-data; boundary=\"X\"",
                &format!(
                    "--X\r\nContent-Disposition: form-data; name=certificate; filename=\"0\"\r\n\r\nPEM\r\n\
                     --X\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=url\r\n\r\n{URL}\r\n--X--\r\n"
                ),
            ),
            None,
            None,
            None,
        ),
        (
            "query before body",
            posted(&format!("{SET}?url={encoded}"), JSON, r#"{"url":"http://other/"}"#),
            None,
            None,
            None,
        ),
    ]
}
