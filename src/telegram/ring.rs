use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::client::{self, Deadlines};
use super::error::{in_words, root};

/// What a service answered to an update.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, as text.
    pub body: String,
}

/// An update could not be delivered.
#[derive(Debug, thiserror::Error)]
#[error("{url} could not be reached: {reason}")]
pub struct NotDelivered {
    url: String,
    /// What went wrong, in words.
    reason: String,
}

impl NotDelivered {
    fn new(url: &str, error: reqwest::Error, patience: Duration) -> Self {
        let reason = if error.is_timeout() {
            format!("no answer within {} s", patience.as_secs())
        } else {
            in_words(root(&error.without_url()))
        };
        Self { url: url.to_owned(), reason }
    }

    /// Why, in a few words.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// Fetches a page of a service, as somebody outside would; of a long one, its beginning.
///
/// # Errors
///
/// When no whole answer came within `patience`.
pub async fn visit(url: &str, patience: Duration) -> Result<Answer, NotDelivered> {
    let failed = |error| NotDelivered::new(url, error, patience);
    let client = client::client(Deadlines { connect: patience, call: patience }, None);
    let mut answer = client.get(url).timeout(patience).send().await.map_err(failed)?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)?.filter(|_| body.len() < PAGE_MOST) {
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status: answer.status().as_u16(), body: String::from_utf8_lossy(&body).into_owned() })
}

/// No page of ours is longer.
const PAGE_MOST: usize = 64 * 1024;

/// Delivers one update to a service as Telegram would: with the secret token, and with no second try.
///
/// # Errors
///
/// When no whole answer came within `patience`.
pub async fn ring(
    url: &str,
    secret: &SecretString,
    update: String,
    patience: Duration,
) -> Result<Answer, NotDelivered> {
    let failed = |error| NotDelivered::new(url, error, patience);
    let request = client::client(Deadlines { connect: patience, call: patience }, None)
        .post(url)
        .header(super::SECRET_HEADER, secret.expose_secret())
        .header("Content-Type", "application/json")
        .timeout(patience)
        .body(update);
    let answer = request.send().await.map_err(failed)?;
    Ok(Answer { status: answer.status().as_u16(), body: answer.text().await.map_err(failed)? })
}
