use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Html;

use super::inbox_depth::InboxDepth;
use super::state::ServiceState;

/// `GET /`: a page for people that shows what this service is and its status. It shows nothing that `/healthz` does not
/// show. The status is always 200, because `/healthz` is for programs.
pub(super) async fn show(State(service): State<Arc<ServiceState>>) -> Html<String> {
    let status = if service.is_stopping() { "The service is stopping." } else { "The service is running." };
    let registration = service.registration.borrow().sentence();
    let bot = service.bot.as_ref().map(|bot| bot.status.borrow().sentence());
    let updates = match InboxDepth::read(&service).await {
        InboxDepth::Known { survey, .. } => format!(
            "{} waiting, {} being handled, {} given up (dead-letter updates)",
            survey.waiting, survey.held, survey.dead
        ),
        InboxDepth::Unknown { error } => format!("not known: {error}"),
    };
    let mut rows = String::new();
    for (name, text) in [
        ("Status", Some(status)),
        ("Webhook", Some(&registration)),
        ("Your bot", bot.as_deref()),
        ("Updates", Some(&updates)),
        ("Advice", service.advice.as_deref()),
    ] {
        if let Some(text) = text {
            // Writing to a string does not fail.
            let _ = write!(rows, "<dt>{name}</dt><dd>{}</dd>", escaped(text));
        }
    }
    Html(include_str!("page.html").replace("{{version}}", env!("CARGO_PKG_VERSION")).replace("{{rows}}", &rows))
}

/// Escapes text for HTML. Some of it comes from outside, such as the host name of another service.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_not_read_as_markup() {
        assert_eq!(escaped("a <b> & \"c\" 'd'"), "a &lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
    }
}
