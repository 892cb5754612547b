use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Body, Client, Method, Request, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value, json};
use url::ParseError;

use super::call::{Call, RawBody};
use super::client::{self, Deadlines};
use super::counts::Counts;
use super::error::ApiError;
use super::forbidden;
use super::methods::{Me, SetWebhook, WebhookInfo};
use super::response::{self, Success};
use super::token::BotToken;
use crate::clock::{SharedClock, elapsed};
use crate::settings::TelegramSettings;

/// Calls the Bot API for one bot. Clones share a pool of connections.
#[derive(Clone)]
pub struct BotApi(pub(super) Arc<Inner>);

pub(super) struct Inner {
    client: Client,
    deadlines: Deadlines,
    /// The host and port of the proxy, if there is one.
    proxy: Option<String>,
    pub(super) token: BotToken,
    /// The URL of every method without its name. It holds the bot token, so nothing may show it.
    methods: Result<Url, ParseError>,
    /// The URL of every file without its path. The same holds for it.
    pub(super) files: Result<Url, ParseError>,
    is_public: bool,
    pub(super) clock: SharedClock,
    pub(super) counts: Counts,
}

impl Inner {
    /// Removes the token from an error. Every error leaves this module through here.
    fn without_token<T>(&self, result: Result<T, ApiError>) -> Result<T, ApiError> {
        result.map_err(|error| error.map_text(|text| self.token.sanitized(text)))
    }
}

/// What a call sends.
enum Params<'a, T> {
    /// Parameters, as JSON.
    Json(&'a T),
    /// A body that is passed on.
    Raw(&'a RawBody),
}

impl<'a> Params<'a, Map<String, Value>> {
    fn of(call: &'a Call) -> Self {
        call.body.as_ref().map_or(Self::Json(&call.params), Self::Raw)
    }
}

/// The largest response that is read. The responses to this program's calls are far smaller.
pub(super) const RESPONSE_LIMIT: usize = 4 * 1024 * 1024;
/// A file takes a second longer for each of these many bytes: 1 Mbit/s.
const BYTES_PER_SECOND: u64 = 128 * 1024;

/// Why a body could not be read.
pub(super) enum BodyFlaw {
    TooLarge { limit: usize },
    Broken(String),
}

impl fmt::Display for BodyFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => write!(f, "with a body over {} MiB", limit >> 20),
            Self::Broken(how) => f.write_str(how),
        }
    }
}

impl BotApi {
    /// Creates a client for the bot of this token. It opens no connection yet.
    #[must_use]
    pub fn new(settings: &TelegramSettings, token: BotToken, clock: SharedClock) -> Self {
        Self::with_deadlines(settings, token, clock, Deadlines::USUAL)
    }

    pub(super) fn with_deadlines(
        settings: &TelegramSettings,
        token: BotToken,
        clock: SharedClock,
        deadlines: Deadlines,
    ) -> Self {
        let (api_url, test_environment) = (settings.api_url.trim_end_matches('/'), settings.test_environment);
        let methods = token.methods_url(api_url, test_environment);
        let files = token.files_url(api_url, test_environment);
        let is_public = settings.is_public_api();
        let (client, counts) = (client::client(deadlines, settings.proxy.as_ref()), Counts::default());
        let proxy = settings.proxy.as_ref().map(|proxy| proxy.address().to_owned());
        Self(Arc::new(Inner { client, deadlines, proxy, token, methods, files, is_public, clock, counts }))
    }

    /// Whether this is Telegram's own Bot API. It sends updates only to public https addresses, and a server of the
    /// operator's may send them to any address.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.0.is_public
    }

    /// What this client and its clones count.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// Makes one call. Returns the `result` of Telegram's response.
    ///
    /// # Errors
    ///
    /// See [`ApiError`]: each variant says what happens next.
    pub async fn call(&self, call: &Call) -> Result<Value, ApiError> {
        forbidden::check(&call.method)?;
        Ok(self.ask(&call.method, Params::of(call)).await?.result.unwrap_or_default())
    }

    /// Makes one call and skips the `result` of the response.
    ///
    /// # Errors
    ///
    /// See [`ApiError`]: each variant says what happens next.
    pub async fn perform(&self, call: &Call) -> Result<(), ApiError> {
        forbidden::check(&call.method)?;
        self.ask::<IgnoredAny>(&call.method, Params::of(call)).await.map(drop)
    }

    /// Calls `getMe`. Success means that the token is valid.
    ///
    /// # Errors
    ///
    /// Telegram refuses a token that is not valid with 401, and a malformed one with 401, 404 or 421.
    pub async fn get_me(&self) -> Result<Me, ApiError> {
        self.value("getMe", &Map::new()).await
    }

    /// Calls `getWebhookInfo`. The secret token is not part of the answer. The bot token is removed from it, because many
    /// bots have it in the path of their webhook.
    ///
    /// # Errors
    ///
    /// See [`ApiError`].
    pub async fn webhook_info(&self) -> Result<WebhookInfo, ApiError> {
        let mut info: WebhookInfo = self.value("getWebhookInfo", &Map::new()).await?;
        info.url = self.0.token.redacted(&info.url);
        info.last_error_message = info.last_error_message.map(|message| self.0.token.sanitized(&message));
        Ok(info)
    }

    /// Registers a webhook. Returns Telegram's remark: "Webhook was set" or "Webhook is already set".
    ///
    /// # Errors
    ///
    /// See [`ApiError`]. After a refusal the bot has no webhook, so the parameters must be checked first.
    pub async fn set_webhook(&self, webhook: &SetWebhook) -> Result<String, ApiError> {
        let set = self.remark("setWebhook", &webhook.params()).await;
        // A server between here and Telegram can repeat the call in its refusal.
        set.map_err(|error| error.map_text(|text| webhook.redacted(text)))
    }

    /// Removes the webhook, also that of another service. Returns Telegram's remark.
    ///
    /// # Errors
    ///
    /// See [`ApiError`].
    pub async fn delete_webhook(&self, drop_pending_updates: bool) -> Result<String, ApiError> {
        self.remark("deleteWebhook", &json!({ "drop_pending_updates": drop_pending_updates })).await
    }

    /// Parses a response as [`BotApi::call`] does. Tests and fuzzers pass responses that Telegram would not send.
    ///
    /// # Errors
    ///
    /// See [`ApiError`].
    #[doc(hidden)]
    pub fn understand(&self, status: StatusCode, retry_after: Option<&str>, body: &[u8]) -> Result<Value, ApiError> {
        let success = self.0.without_token(response::parse::<Value>(status, retry_after, body))?;
        Ok(success.result.unwrap_or_default())
    }

    /// Makes a call of which only Telegram's remark matters.
    async fn remark(&self, method: &str, params: &Value) -> Result<String, ApiError> {
        let success: Success<IgnoredAny> = self.ask(method, Params::Json(params)).await?;
        Ok(success.description.map(|text| self.0.token.sanitized(&text)).unwrap_or_default())
    }

    async fn value<T: DeserializeOwned>(&self, method: &str, params: &impl Serialize) -> Result<T, ApiError> {
        let success = self.ask(method, Params::Json(params)).await?;
        success.result.ok_or_else(|| ApiError::Unreadable { reason: "an answer without a result".to_owned() })
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Params<'_, impl Serialize>,
    ) -> Result<Success<T>, ApiError> {
        let began = self.0.clock.steady();
        let result = self.exchange(method, params).await;
        self.0.counts.note(method, &result, elapsed(began, self.0.clock.steady()));
        self.0.without_token(result)
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Params<'_, impl Serialize>,
    ) -> Result<Success<T>, ApiError> {
        let request = self.request(method, &params)?;
        let (response, deadlines) = self.execute(request, 0).await?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).cloned();
        let retry_after = retry_after.as_ref().and_then(|value| value.to_str().ok());
        match Self::body(response, RESPONSE_LIMIT, deadlines).await {
            Ok(body) => response::parse(status, retry_after, &body),
            Err(flaw) => Err(response::without_json(status, retry_after, &flaw.to_string())),
        }
    }

    /// Sends a request, whose answer may be of about this size. Returns the answer and its deadlines.
    pub(super) async fn execute(
        &self,
        mut request: Request,
        answer_size: usize,
    ) -> Result<(Response, Deadlines), ApiError> {
        let body_size = request.body().and_then(Body::as_bytes).map_or(0, <[u8]>::len);
        let seconds = (body_size + answer_size) as u64 / BYTES_PER_SECOND;
        let deadlines = Deadlines { call: self.0.deadlines.call + Duration::from_secs(seconds), ..self.0.deadlines };
        if seconds > 0 {
            *request.timeout_mut() = Some(deadlines.call);
        }
        let unanswered = |error| ApiError::without_answer(error, deadlines).through_proxy(self.0.proxy.as_deref());
        Ok((self.0.client.execute(request).await.map_err(unanswered)?, deadlines))
    }

    fn request(&self, method: &str, params: &Params<'_, impl Serialize>) -> Result<Request, ApiError> {
        // A handler can return any name, and it must not change the path of the URL.
        if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let description = "Not Found: a method's name is made of letters and digits".to_owned();
            return Err(ApiError::Refused { code: 404, description, migrate_to_chat_id: None });
        }
        // The rest of the URL was parsed at the start, because parsing takes longer than everything else in a call.
        let mut url = self.0.methods.clone().map_err(Self::invalid)?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(method);
        }
        let unwritable = |error: &dyn fmt::Display| ApiError::Unreachable {
            reason: format!("the call cannot be written as a request: {error}"),
        };
        let (content_type, body) = match params {
            Params::Json(params) => (
                HeaderValue::from_static("application/json"),
                Body::from(serde_json::to_vec(params).map_err(|error| unwritable(&error))?),
            ),
            Params::Raw(raw) => (
                HeaderValue::from_str(&raw.content_type).map_err(|error| unwritable(&error))?,
                Body::from(raw.bytes.clone()),
            ),
        };
        let mut request = Request::new(Method::POST, url);
        request.headers_mut().insert(CONTENT_TYPE, content_type);
        *request.body_mut() = Some(body);
        Ok(request)
    }

    /// The error for an address in the settings that is none.
    pub(super) fn invalid(error: ParseError) -> ApiError {
        ApiError::Unreachable { reason: format!("the URL of the Bot API is not valid: {error}") }
    }

    /// The whole body, or what is wrong with it. A body that came in one piece, as nearly all do, is not copied.
    pub(super) async fn body(mut response: Response, limit: usize, deadlines: Deadlines) -> Result<Bytes, BodyFlaw> {
        let broken = |error: reqwest::Error| {
            BodyFlaw::Broken(if error.is_timeout() {
                format!("whose body did not end within {} s", deadlines.call.as_secs_f32())
            } else {
                "whose body broke off".to_owned()
            })
        };
        let first = response.chunk().await.map_err(broken)?.unwrap_or_default();
        let Some(second) = response.chunk().await.map_err(broken)? else {
            return if first.len() > limit { Err(BodyFlaw::TooLarge { limit }) } else { Ok(first) };
        };
        let mut whole = BytesMut::from(first);
        let mut next = Some(second);
        while let Some(chunk) = next {
            if whole.len() + chunk.len() > limit {
                return Err(BodyFlaw::TooLarge { limit });
            }
            whole.extend_from_slice(&chunk);
            next = response.chunk().await.map_err(broken)?;
        }
        Ok(whole.freeze())
    }
}

impl fmt::Debug for BotApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BotApi").field("bot_id", &self.0.token.bot_id().0).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
