use bytes::Bytes;
use reqwest::{Method, Request};
use serde::de::IgnoredAny;

use super::api::{BodyFlaw, BotApi, RESPONSE_LIMIT};
use super::error::ApiError;
use super::response;
use crate::clock::elapsed;

/// Why a file was not downloaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DownloadError {
    /// It is larger than the caller allows. The rest was not read.
    #[error("the file is larger than {largest} bytes")]
    TooLarge {
        /// The most bytes that the caller allows.
        largest: usize,
    },
    /// The path is none that the Bot API serves: a server in local mode names a file on its own disk.
    #[error(
        "the path does not name a file that the Bot API serves; a Bot API server in local mode names one on its own disk"
    )]
    NotServed,
    /// The Bot API did not answer with the file.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl BotApi {
    /// Downloads a file of at most `largest` bytes. `path` is the `file_path` of `getFile`, which is valid for an hour.
    ///
    /// # Errors
    ///
    /// See [`DownloadError`].
    pub async fn download(&self, path: &str, largest: usize) -> Result<Bytes, DownloadError> {
        // A segment of dots would change where the URL leads.
        let is_file = |segment: &str| !segment.is_empty() && !matches!(segment, "." | "..");
        if !path.split('/').all(is_file) {
            return Err(DownloadError::NotServed);
        }
        let began = self.0.clock.steady();
        let downloaded = self.fetch(path, largest).await;
        let outcome = match &downloaded {
            Err(DownloadError::Api(error)) => Err(error.clone()),
            Ok(_) | Err(DownloadError::TooLarge { .. } | DownloadError::NotServed) => Ok(()),
        };
        self.0.counts.note("file", &outcome, elapsed(began, self.0.clock.steady()));
        downloaded.map_err(|error| match error {
            DownloadError::Api(error) => DownloadError::Api(error.map_text(|text| self.0.token.sanitized(text))),
            other @ (DownloadError::TooLarge { .. } | DownloadError::NotServed) => other,
        })
    }

    async fn fetch(&self, path: &str, largest: usize) -> Result<Bytes, DownloadError> {
        let mut url = self.0.files.clone().map_err(Self::invalid)?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/'));
        }
        let (response, deadlines) = self.execute(Request::new(Method::GET, url), largest).await?;
        let (status, declared) = (response.status(), response.content_length());
        if !status.is_success() {
            let error = match Self::body(response, RESPONSE_LIMIT, deadlines).await {
                Ok(body) => response::parse::<IgnoredAny>(status, None, &body).err(),
                Err(_) => None,
            };
            let other = || response::without_json(status, None, "instead of the file");
            return Err(error.unwrap_or_else(other).into());
        }
        if declared.is_some_and(|bytes| usize::try_from(bytes).map_or(true, |bytes| bytes > largest)) {
            return Err(DownloadError::TooLarge { largest });
        }
        match Self::body(response, largest, deadlines).await {
            Ok(body) => Ok(body),
            Err(BodyFlaw::TooLarge { .. }) => Err(DownloadError::TooLarge { largest }),
            // Nothing was changed, so it can be tried again.
            Err(flaw @ BodyFlaw::Broken(_)) => Err(ApiError::Unreachable { reason: format!("a file {flaw}") }.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use wiremock::matchers::{method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::clock::SystemClock;
    use crate::settings::TelegramSettings;
    use crate::telegram::BotToken;

    async fn telegram(file: &str, answer: ResponseTemplate) -> (MockServer, BotApi) {
        let server = MockServer::start().await;
        let file = Mock::given(method("GET")).and(path(format!("/file/bot1:a/{file}")));
        file.respond_with(answer).mount(&server).await;
        let settings = TelegramSettings::at(&format!("{}/", server.uri()));
        (server, BotApi::new(&settings, BotToken::new("1:a".to_owned().into()), Arc::new(SystemClock)))
    }

    #[tokio::test]
    async fn a_file_is_read_as_it_is_up_to_the_bound_of_the_caller() {
        let content = b"\x00\xff".repeat(50_000);
        let answer = ResponseTemplate::new(200).set_body_bytes(content.clone());
        let (_server, api) = telegram("photos/file_1.jpg", answer).await;
        for largest in [content.len(), 20 << 20] {
            assert_eq!(api.download("photos/file_1.jpg", largest).await, Ok(Bytes::from(content.clone())));
        }
        for largest in [content.len() - 1, 0] {
            let refused = api.download("photos/file_1.jpg", largest).await;
            assert_eq!(refused, Err(DownloadError::TooLarge { largest }));
        }
    }

    #[tokio::test]
    async fn a_path_that_is_none_of_the_bot_api_is_not_asked_for() {
        let (server, api) = telegram("a", ResponseTemplate::new(200)).await;
        for path in ["", "/var/lib/telegram/file_1.jpg", "../../bot1:a/getMe", "a/./b", "a//b", "a/"] {
            assert_eq!(api.download(path, 100).await, Err(DownloadError::NotServed), "{path}");
        }
        assert_eq!(server.received_requests().await.map(|requests| requests.len()), Some(0));
    }

    #[tokio::test]
    async fn a_file_that_telegram_does_not_have_is_refused_in_its_words() {
        let answer = r#"{"ok":false,"error_code":404,"description":"Not Found"}"#;
        let (_server, api) = telegram("old.jpg", ResponseTemplate::new(404).set_body_string(answer)).await;
        let refused = api.download("old.jpg", 100).await;
        assert!(matches!(refused, Err(DownloadError::Api(ApiError::Refused { code: 404, .. }))), "{refused:?}");
        let (_server, api) = telegram("away.jpg", ResponseTemplate::new(502).set_body_string("<html>")).await;
        let failed = api.download("away.jpg", 100).await;
        assert!(matches!(failed, Err(DownloadError::Api(ApiError::Unreachable { .. }))), "{failed:?}");
    }
}
