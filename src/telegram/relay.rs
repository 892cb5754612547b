use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;
use reqwest::{Body, Client};
use url::{ParseError, Url};

use super::client;
use super::error::{ApiError, cause_of};
use super::token::BotToken;
use crate::settings::TelegramSettings;

/// Where a request of the bot goes at the Bot API.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Destination<'a> {
    /// A method, by its name: ASCII letters and digits only.
    Method(&'a str),
    /// A file, by its path as it stands in the URL, percent-encoded. It has no dot segments.
    File(&'a str),
}

/// Why a request did not get an answer.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The URL with the address of the Bot API is longer than HTTP libraries accept. Nothing was sent.
    #[error("the URL is too long")]
    TooLong,
    /// There is no answer of the Bot API.
    #[error(transparent)]
    Unanswered(#[from] ApiError),
}

/// The body of an answer ended early.
#[derive(Debug, thiserror::Error)]
#[error("the answer of the Bot API broke off: {0}")]
pub struct AnswerLost(String);

/// Passes requests of the bot behind the gateway on to the Bot API with the real token, without reading their bodies.
pub struct Relay {
    client: Client,
    /// The host and port of the proxy, if there is one.
    proxy: Option<String>,
    token: BotToken,
    /// The URLs without the method and without the path. They hold the bot token, so nothing may show them.
    methods: Result<Url, ParseError>,
    files: Result<Url, ParseError>,
}

/// Until the connection is open, including TLS. The shortest deadline of a common library for the whole call is 5 s.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest URL of the `http` crate.
const LONGEST_URL: usize = 65_534;

impl Relay {
    /// A relay to the Bot API of the settings, through their proxy. It opens no connection yet.
    #[must_use]
    pub fn new(settings: &TelegramSettings, token: BotToken) -> Self {
        let (api_url, test) = (settings.api_url.trim_end_matches('/'), settings.test_environment);
        Self {
            client: client::streaming_client(CONNECT, settings.proxy.as_ref()),
            proxy: settings.proxy.as_ref().map(|proxy| proxy.address().to_owned()),
            methods: token.methods_url(api_url, test),
            files: token.files_url(api_url, test),
            token,
        }
    }

    /// Sends the request with its method, headers and body to the destination, and returns when the head of the answer
    /// is there. Only the query of its URI is used. If the future is dropped, the outcome is unknown.
    ///
    /// # Errors
    ///
    /// See [`RelayError`]. An error status of the Bot API is an answer.
    pub async fn send<B>(
        &self,
        destination: Destination<'_>,
        request: Request<B>,
    ) -> Result<Response<impl HttpBody<Data = Bytes, Error = AnswerLost> + Send + use<B>>, RelayError>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let request = self.request(destination, request)?;
        let answered = self.client.execute(request).await.map_err(|error| self.unanswered(error))?;
        let lost = |error: reqwest::Error| AnswerLost(cause_of(&error.without_url()));
        Ok(Response::<Body>::from(answered).map(|body| body.map_err(lost)))
    }

    fn request<B>(&self, destination: Destination<'_>, request: Request<B>) -> Result<reqwest::Request, RelayError>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let mut url = self.url(destination)?;
        url.set_query(head.uri.query());
        let mut upstream = reqwest::Request::new(head.method, url);
        *upstream.headers_mut() = head.headers;
        if !body.is_end_stream() {
            *upstream.body_mut() = Some(Body::wrap(Streamed(Mutex::new(body))));
        }
        if upstream.url().as_str().len() <= LONGEST_URL {
            return Ok(upstream);
        }
        // The Bot API takes parameters from a form as it does from the query. The query was short enough for the gateway,
        // and only the address of the Bot API makes it too long.
        let form = upstream.url().query().map(str::to_owned);
        match (destination, upstream.body(), form) {
            (Destination::Method(_), None, Some(form)) => {
                *upstream.method_mut() = Method::POST;
                upstream.url_mut().set_query(None);
                let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
                upstream.headers_mut().insert(CONTENT_TYPE, form_type);
                *upstream.body_mut() = Some(Body::from(form));
                Ok(upstream)
            }
            (Destination::Method(_) | Destination::File(_), ..) => Err(RelayError::TooLong),
        }
    }

    /// The URL of the destination, built anew: no segment of the bot's own URL can change where it leads.
    fn url(&self, destination: Destination<'_>) -> Result<Url, ApiError> {
        let invalid = |error: ParseError| ApiError::Unreachable {
            reason: format!("the address of the Bot API is not valid: {error}"),
        };
        match destination {
            Destination::Method(name) => {
                let mut url = self.methods.clone().map_err(invalid)?;
                if let Ok(mut segments) = url.path_segments_mut() {
                    segments.pop_if_empty().push(name);
                }
                Ok(url)
            }
            Destination::File(path) => {
                let mut url = self.files.clone().map_err(invalid)?;
                // A backslash would become a slash.
                let path = format!("{}{}", url.path(), path.replace('\\', "%5C"));
                url.set_path(&path);
                Ok(url)
            }
        }
    }

    fn unanswered(&self, error: reqwest::Error) -> RelayError {
        let deadlines = client::Deadlines { connect: CONNECT, ..client::Deadlines::USUAL };
        let error = ApiError::without_answer(error, deadlines).through_proxy(self.proxy.as_deref());
        error.map_text(|text| self.token.sanitized(text)).into()
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("bot_id", &self.token.bot_id().0).finish_non_exhaustive()
    }
}

/// A body that can be shared between threads, as the client demands. It never is, so the lock is free.
struct Streamed<B>(Mutex<B>);

impl<B: HttpBody + Unpin> HttpBody for Streamed<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(self.0.get_mut()).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "123456:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr";

    fn url(destination: Destination<'_>, test_environment: bool) -> String {
        let settings = TelegramSettings { test_environment, ..TelegramSettings::at("http://bot-api.test/base") };
        let relay = Relay::new(&settings, BotToken::new(TOKEN.to_owned().into()));
        relay.url(destination).unwrap().to_string().replace(TOKEN, "TOKEN")
    }

    #[test]
    fn a_url_is_built_from_the_address_the_token_and_the_method_or_path() {
        for (destination, test, expected) in [
            (Destination::Method("getMe"), false, "http://bot-api.test/base/botTOKEN/getMe"),
            (Destination::Method("getMe"), true, "http://bot-api.test/base/botTOKEN/test/getMe"),
            (
                Destination::File("photos%2Ffile_1.jpg"),
                false,
                "http://bot-api.test/base/file/botTOKEN/photos%2Ffile_1.jpg",
            ),
            (Destination::File("photos/a b.jpg"), true, "http://bot-api.test/base/file/botTOKEN/test/photos/a%20b.jpg"),
            (Destination::File("/var/lib/1.jpg"), false, "http://bot-api.test/base/file/botTOKEN//var/lib/1.jpg"),
            (Destination::File("a\\b"), false, "http://bot-api.test/base/file/botTOKEN/a%5Cb"),
        ] {
            assert_eq!(url(destination, test), expected);
        }
    }
}
