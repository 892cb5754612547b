use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Method, Request, Response, Uri};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;
use reqwest::{Body, Client};
use url::{ParseError, Url};

use super::client::{self, Deadlines};
use super::direct::DirectClient;
use super::error::{ApiError, cause_of};
use super::token::BotToken;
use crate::clock::SharedClock;
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
pub struct Relay<B> {
    way: Way<B>,
    token: BotToken,
    /// The URLs without the method and without the path. They hold the bot token, so nothing may show them.
    methods: Result<Url, ParseError>,
    files: Result<Url, ParseError>,
}

/// How requests reach the Bot API.
enum Way<B> {
    Direct(Box<DirectClient<Sent<B>>>),
    /// Through the proxy of the settings, whose host and port are the address.
    Proxied {
        client: Client,
        address: String,
    },
}

/// The body of a request: that of the bot, or the parameters of a query that was too long.
type Sent<B> = Either<B, Full<Bytes>>;

/// Until the connection is open, including TLS. The shortest deadline of a common library for the whole call is 5 s.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest URL of the `http` crate.
const LONGEST_URL: usize = 65_534;

impl<B> Relay<B>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// A relay to the Bot API of the settings, through their proxy. It opens no connection yet.
    #[must_use]
    pub fn new(settings: &TelegramSettings, token: BotToken, clock: &SharedClock) -> Self {
        let (api_url, test) = (settings.api_url.trim_end_matches('/'), settings.test_environment);
        let way = match &settings.proxy {
            None => Way::Direct(Box::new(DirectClient::new(CONNECT, Arc::clone(clock)))),
            Some(proxy) => Way::Proxied {
                client: client::streaming_client(CONNECT, settings.proxy.as_ref()),
                address: proxy.address().to_owned(),
            },
        };
        Self { way, methods: token.methods_url(api_url, test), files: token.files_url(api_url, test), token }
    }

    /// Sends the request with its method, headers and body to the destination, and returns when the head of the answer
    /// is there. Only the query of its URI is used. If the future is dropped, the outcome is unknown.
    ///
    /// # Errors
    ///
    /// See [`RelayError`]. An error status of the Bot API is an answer.
    pub async fn send(
        &self,
        destination: Destination<'_>,
        request: Request<B>,
    ) -> Result<Response<impl HttpBody<Data = Bytes, Error = Box<dyn Error + Send + Sync>> + Send + use<B>>, RelayError>
    {
        let request = self.request(destination, request)?;
        let answered = match &self.way {
            Way::Direct(client) => client.send(request).await.map(|answer| answer.map(Either::Left)),
            Way::Proxied { client, address } => {
                let answered = proxied(client, request).await.map_err(|error| error.through_proxy(Some(address)));
                answered.map(|answer| answer.map(Either::Right))
            }
        };
        let answer = answered.map_err(|error| error.map_text(|text| self.token.sanitized(text)))?;
        Ok(answer.map(|body| match body {
            Either::Left(body) => Either::Left(body.map_err(|error| AnswerLost(cause_of(&error)))),
            Either::Right(body) => {
                Either::Right(body.map_err(|error: reqwest::Error| AnswerLost(cause_of(&error.without_url()))))
            }
        }))
    }

    fn request(&self, destination: Destination<'_>, request: Request<B>) -> Result<Request<Sent<B>>, RelayError> {
        let (mut head, body) = request.into_parts();
        head.headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        head.headers.insert(USER_AGENT, HeaderValue::from_static(client::USER_AGENT));
        let url = self.url(destination)?;
        let query = head.uri.query().filter(|query| !query.is_empty());
        let length = url.len() + query.map_or(0, |query| query.len() + 1);
        if length <= LONGEST_URL {
            head.uri = match query {
                Some(query) => uri(format!("{url}?{query}"))?,
                None => uri(url)?,
            };
            return Ok(Request::from_parts(head, Either::Left(body)));
        }
        // The Bot API takes parameters from a form as it does from the query. The query was short enough for the gateway,
        // and only the address of the Bot API makes it too long.
        match (destination, query) {
            (Destination::Method(_), Some(query)) if body.is_end_stream() => {
                let form = Full::from(query.to_owned());
                (head.method, head.uri) = (Method::POST, uri(url)?);
                let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
                head.headers.insert(CONTENT_TYPE, form_type);
                Ok(Request::from_parts(head, Either::Right(form)))
            }
            (Destination::Method(_) | Destination::File(_), _) => Err(RelayError::TooLong),
        }
    }

    /// The URL of the destination, built anew: no segment of the bot's own URL can change where it leads.
    fn url(&self, destination: Destination<'_>) -> Result<String, ApiError> {
        match destination {
            Destination::Method(name) => Ok(format!("{}{name}", self.methods.as_ref().map_err(invalid)?)),
            Destination::File(path) => {
                let mut url = self.files.as_ref().map_err(invalid)?.clone();
                // A backslash would become a slash.
                let path = format!("{}{}", url.path(), path.replace('\\', "%5C"));
                url.set_path(&path);
                Ok(url.into())
            }
        }
    }
}

fn uri(url: String) -> Result<Uri, ApiError> {
    Uri::from_maybe_shared(Bytes::from(url)).map_err(invalid)
}

fn invalid(error: impl fmt::Display) -> ApiError {
    ApiError::Unreachable { reason: format!("the address of the Bot API is not valid: {error}") }
}

/// Sends a request through a proxy.
async fn proxied<B>(client: &Client, request: Request<B>) -> Result<Response<Body>, ApiError>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let mut request = reqwest::Request::new(head.method, Url::parse(&head.uri.to_string()).map_err(invalid)?);
    *request.headers_mut() = head.headers;
    if !body.is_end_stream() {
        *request.body_mut() = Some(Body::wrap(Streamed(Mutex::new(body))));
    }
    let deadlines = Deadlines { connect: CONNECT, ..Deadlines::USUAL };
    let answered = client.execute(request).await;
    Ok(answered.map_err(|error| ApiError::without_answer(error, deadlines))?.into())
}

impl<B> fmt::Debug for Relay<B> {
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
    use crate::clock::SystemClock;

    const TOKEN: &str = "123456:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr";

    fn url(destination: Destination<'_>, test_environment: bool) -> String {
        let settings = TelegramSettings { test_environment, ..TelegramSettings::at("http://bot-api.test/base") };
        let clock: SharedClock = Arc::new(SystemClock);
        let relay = Relay::<Full<Bytes>>::new(&settings, BotToken::new(TOKEN.to_owned().into()), &clock);
        relay.url(destination).unwrap().replace(TOKEN, "TOKEN")
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
