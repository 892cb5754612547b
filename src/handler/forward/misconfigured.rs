//! The sentences about a bot that answers as one that is set up wrong. Each says what was seen and what to change.

use http::header::{LOCATION, SERVER};
use http::{HeaderMap, StatusCode};

use super::destination::Destination;

/// What the answer says about the bot's set-up. `body` is the beginning of its text, which is read and not repeated.
pub(super) fn sentence(status: StatusCode, headers: &HeaderMap, body: &str, sent: &Destination) -> String {
    let who = framework(headers).map_or_else(String::new, |name| format!(" (it seems to use {name})"));
    let seen = format!("your bot{who} answers {}", status.as_u16());
    match status.as_u16() {
        300..=399 => format!("{seen} and {}", redirect(headers, sent)),
        401 | 403 => format!("{seen}: {}", refused(body, sent)),
        405 => format!(
            "{seen}: it takes no POST at the path of its webhook; let it call setWebhook with the path at which it \
             receives updates, or correct the path of forward.url"
        ),
        _ => format!(
            "{seen}: nothing is at the path of its webhook; let it call setWebhook with the path at which it receives \
             updates, or correct the path of forward.url"
        ),
    }
}

fn redirect(headers: &HeaderMap, sent: &Destination) -> String {
    let to = headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
    let (scheme, rest) = to.split_once("://").unwrap_or(("", to));
    let path = rest.find('/').map_or("", |at| if scheme.is_empty() { rest } else { &rest[at..] });
    let path = path.split('?').next().unwrap_or_default();
    let asked = sent.uri.path();
    if path.strip_suffix('/') == Some(asked) {
        return "points to the same path with a / at its end, as pyTelegramBotAPI does: end the webhook URL with /"
            .to_owned();
    }
    if asked.strip_suffix('/') == Some(path) {
        return "points to the same path without the / at its end: remove the / from the webhook URL".to_owned();
    }
    if scheme == "https" && path == asked {
        return "points to https: switch off the redirect to https in the bot, or let it trust the header \
                X-Forwarded-Proto, which every request has"
            .to_owned();
    }
    "points to another URL, which is not followed: let the bot call setWebhook with the URL at which it receives updates, \
     or correct forward.url"
        .to_owned()
}

fn refused(body: &str, sent: &Destination) -> String {
    let body = body.to_lowercase();
    let names_secret = body.contains("secret");
    match (&sent.secret, names_secret) {
        (None, _) => {
            "it refuses a request without a secret token, and none is known; let it call setWebhook at the gateway \
                      with the secret token that it expects, or let it expect none. If its webhook path must hold its \
                      token (node-telegram-bot-api before 1.0), correct the path"
                .to_owned()
        }
        (Some(_), true) => {
            "it refuses the secret token of its own setWebhook; restart it, so that it sets the one that it \
                            expects"
                .to_owned()
        }
        (Some(_), false) => "it refuses the secret token or the path of its own setWebhook, or the sender's address; \
                             restart it, so that it sets those that it expects, and switch off a filter for Telegram's \
                             addresses"
            .to_owned(),
    }
}

/// The framework, as far as the headers of its HTTP server tell.
fn framework(headers: &HeaderMap) -> Option<&'static str> {
    let server = headers.get(SERVER).and_then(|server| server.to_str().ok()).unwrap_or_default().to_lowercase();
    let powered_by = headers.get("x-powered-by").and_then(|by| by.to_str().ok()).unwrap_or_default();
    [
        ("aiohttp", "aiohttp, as aiogram does"),
        ("tornado", "Tornado, as python-telegram-bot does"),
        ("uvicorn", "uvicorn, as pyTelegramBotAPI does"),
        ("kestrel", "ASP.NET, as Telegram.Bot does"),
    ]
    .into_iter()
    .find_map(|(mark, name)| server.contains(mark).then_some(name))
    .or_else(|| powered_by.eq_ignore_ascii_case("express").then_some("Express"))
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Uri};

    use super::*;

    fn sent(path: &str, secret: Option<&'static str>) -> Destination {
        Destination {
            uri: format!("http://127.0.0.1:3000{path}").parse::<Uri>().unwrap(),
            host: HeaderValue::from_static("bot.example"),
            secret: secret.map(HeaderValue::from_static),
            authorization: None,
            connect_host: "127.0.0.1".to_owned(),
            connect_port: 3000,
        }
    }

    fn redirected(to: &'static str) -> String {
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static(to))]);
        sentence(StatusCode::TEMPORARY_REDIRECT, &headers, "", &sent("/CANARY", None))
    }

    #[test]
    fn a_redirect_says_what_is_wrong_with_the_url() {
        assert!(redirected("http://bot.example/CANARY/").contains("end the webhook URL with /"));
        assert!(redirected("/CANARY/").contains("end the webhook URL with /"));
        assert!(redirected("https://bot.example/CANARY").contains("redirect to https"));
        assert!(redirected("/elsewhere").contains("not followed"));
        assert!(redirected("").contains("not followed"));
    }

    #[test]
    fn a_refusal_says_which_secret_or_path_is_wrong() {
        let none = HeaderMap::new();
        let no_secret = sentence(StatusCode::UNAUTHORIZED, &none, "", &sent("/x", None));
        assert!(no_secret.contains("none is known"), "{no_secret}");
        let ptb = HeaderMap::from_iter([(SERVER, HeaderValue::from_static("TornadoServer/6.4"))]);
        let wrong = "<title>403: Request had the wrong secret token</title>";
        let wrong = sentence(StatusCode::FORBIDDEN, &ptb, wrong, &sent("/x", Some("s")));
        assert!(wrong.contains("python-telegram-bot") && wrong.contains("restart it"), "{wrong}");
        for (status, words) in [(404, "nothing is at the path"), (405, "takes no POST")] {
            let text = sentence(StatusCode::from_u16(status).unwrap(), &none, "", &sent("/x", None));
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn no_sentence_holds_a_path_or_the_answers_text() {
        for status in [301, 401, 403, 404, 405] {
            let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static("/CANARY/x"))]);
            let status = StatusCode::from_u16(status).unwrap();
            let text = sentence(status, &headers, "CANARY secret", &sent("/CANARY", Some("CANARY")));
            assert!(!text.contains("CANARY"), "{text}");
        }
    }
}
