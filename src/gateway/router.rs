use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::body;
use super::counts::Counts;
use super::once::Once;
use super::passing::Passing;
use super::polling;
use super::refusal::{Refusal, json_response};
use super::route::{self, Route, Wanted};
use super::traced::TracedRequest;
use super::webhook::{BotWebhook, LastFailure};
use crate::clock::{SharedClock, elapsed};
use crate::handler::forward::Targets;
use crate::http::listener::ConnectionId;
use crate::inbox::{Inbox, SurveyCache};
use crate::settings::{GatewaySettings, TelegramSettings};
use crate::telegram::Params;
use crate::telegram::{BotToken, Destination, GatewayTokens, PresentedToken, Relay, ReservedMethod, Throttles};
use crate::telemetry::{Label, Storm, Traces};

/// What the gateway needs in addition to its settings.
pub struct Deps {
    /// The real token.
    pub token: BotToken,
    /// Where the bot wants its updates. The gateway writes it.
    pub targets: Targets,
    /// Stores the target.
    pub inbox: Arc<dyn Inbox>,
    /// Counts the waiting updates.
    pub survey: Arc<SurveyCache>,
    /// Learns when Telegram asks the bot to wait.
    pub throttles: Throttles,
    /// The last failure of the forward, if there was one.
    pub last_failure: LastFailure,
    /// Set once the bot has used the real token.
    pub real_token_used: watch::Sender<bool>,
    /// Counts the requests.
    pub counts: Arc<Counts>,
    /// The spans of the requests.
    pub traces: Traces,
    /// The time.
    pub clock: SharedClock,
}

/// The routes of the gateway: every path, because the Bot API's rules decide what a path means.
pub fn router(gateway: &GatewaySettings, telegram: &TelegramSettings, deps: Deps) -> Router {
    let Deps { token, targets, inbox, survey, throttles, last_failure, real_token_used, counts, traces, clock } = deps;
    let state = Gateway {
        tokens: GatewayTokens::new(&token),
        passing: Passing::new(Relay::new(telegram, token, &clock), throttles, Arc::clone(&clock)),
        webhook: BotWebhook {
            targets,
            inbox,
            survey,
            last_failure,
            allow_drop: gateway.allow_drop,
            clock: Arc::clone(&clock),
            last_set: tokio::sync::Mutex::default(),
            drop_logged: Once::default(),
        },
        counts,
        traces,
        wrong_tokens: Storm::new(Arc::clone(&clock)),
        clock,
        real_token_used,
        polling_logged: Once::default(),
    };
    Router::new().fallback(handle).with_state(Arc::new(state))
}

struct Gateway {
    tokens: GatewayTokens,
    passing: Passing,
    webhook: BotWebhook,
    counts: Arc<Counts>,
    traces: Traces,
    clock: SharedClock,
    wrong_tokens: Storm,
    real_token_used: watch::Sender<bool>,
    polling_logged: Once,
}

/// The largest body of a call that the gateway answers itself: that of the Bot API's parameters.
const LARGEST_BODY: usize = 1024 * 1024;
/// The largest body in which the name of the method is searched, if the path has none.
const LARGEST_NAMELESS_BODY: usize = 64 * 1024;

async fn handle(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let began = gateway.clock.steady();
    let (traced, request) = TracedRequest::start(&gateway.traces, request, &gateway.clock);
    let mut method = String::new();
    // The panic response of the listener is a problem document, which no library reads.
    let answered = AssertUnwindSafe(gateway.answer(request, &mut method)).catch_unwind().await;
    let failed = || Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error: the gateway failed");
    let response = answered.unwrap_or_else(|_| Err(failed())).unwrap_or_else(IntoResponse::into_response);
    let took = elapsed(began, gateway.clock.steady());
    // A name that the Bot API does not have can be anything.
    let method = gateway.counts.note(&method, response.status(), took).name();
    tracing::debug!(method, status = response.status().as_u16(), ?took, "a request of the bot was answered");
    match traced {
        Some(traced) => traced.answered(method, response, &gateway.clock),
        None => response,
    }
}

impl Gateway {
    /// Answers a request. `method` becomes the name of the method, for the log.
    async fn answer(&self, request: Request, method: &mut String) -> Result<Response, Refusal> {
        if !matches!(*request.method(), Method::GET | Method::POST) {
            return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "Not Implemented: only GET and POST"));
        }
        let uri = request.uri().clone();
        let Route { token, wanted } = route::parse(uri.path())?;
        self.check(&token)?;
        let (name, request) = match wanted {
            Wanted::File(path) => return self.passing.pass(Destination::File(path), request).await,
            Wanted::Method(name) => (name, request),
            Wanted::MethodOfParameters => self.find_method(request).await?,
        };
        // A name with a digit could be the secret part of a token.
        if name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            name.as_ref().clone_into(method);
        }
        if let Some(reserved) = ReservedMethod::named(&name) {
            return self.answer_reserved(reserved, request).await;
        }
        if name.eq_ignore_ascii_case("getWebhookInfo") {
            return Ok(ok(&self.webhook.info().await));
        }
        self.passing.pass(Destination::Method(&name), request).await
    }

    /// Checks the token of a path.
    fn check(&self, token: &[u8]) -> Result<(), Refusal> {
        match self.tokens.recognize(token) {
            Some(PresentedToken::StandIn) => Ok(()),
            Some(PresentedToken::Real) => {
                if !self.real_token_used.send_replace(true) {
                    tracing::warn!(
                        "the bot uses the real bot token at the gateway. Give it the stand-in token instead, which \
                         `doorbell gateway token` prints: then the bot's process cannot lose the real one"
                    );
                }
                Ok(())
            }
            None => {
                if let Some(times) = self.wrong_tokens.event() {
                    tracing::warn!(
                        times,
                        "a request with another token was refused at the gateway. The bot needs the stand-in token, which \
                         `doorbell gateway token` prints"
                    );
                }
                let description = "Unauthorized: this is not the stand-in token of this bot, which `doorbell gateway token` \
                     prints";
                Err(Refusal::new(StatusCode::UNAUTHORIZED, description))
            }
        }
    }

    /// Finds the name of the method among the parameters of a request whose path has none.
    async fn find_method(&self, request: Request) -> Result<(Cow<'static, str>, Request), Refusal> {
        let (head, body) = request.into_parts();
        let mut params = Params::of_query(head.uri.query());
        let body = if params.text("method").is_some() {
            body
        } else {
            let bytes = body::read(body, LARGEST_NAMELESS_BODY, &*self.clock).await;
            let bytes = bytes.or(Err(Refusal::no_method()))?;
            params.read(content_type(&head.headers), &bytes);
            Body::from(bytes)
        };
        let name = params.text("method").and_then(|name| route::method_name(name.as_bytes()));
        let name = name.ok_or_else(Refusal::no_method)?;
        Ok((name.into(), Request::from_parts(head, body)))
    }

    /// Answers a call that never reaches Telegram.
    async fn answer_reserved(&self, method: ReservedMethod, request: Request) -> Result<Response, Refusal> {
        let connection = request.extensions().get::<ConnectionId>().copied();
        match method {
            ReservedMethod::Poll => Err(polling::refuse(request.headers(), &self.polling_logged, &*self.clock).await),
            ReservedMethod::SetWebhook => {
                let params = self.params(request).await?;
                self.webhook.set(&params, connection).await.map(|answer| ok(&answer))
            }
            ReservedMethod::DeleteWebhook => {
                let params = self.params(request).await?;
                Ok(ok(&self.webhook.delete(&params, connection).await))
            }
            // At Telegram they would keep the bot away for ten minutes.
            ReservedMethod::LogOut | ReservedMethod::Close => Ok(ok(&json!({ "ok": true, "result": true }))),
        }
    }

    /// All parameters of a request.
    async fn params(&self, request: Request) -> Result<Params, Refusal> {
        let (head, body) = request.into_parts();
        let mut params = Params::of_query(head.uri.query());
        let body = body::read(body, LARGEST_BODY, &*self.clock).await?;
        params.read(content_type(&head.headers), &body);
        Ok(params)
    }
}

fn content_type(headers: &http::HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn ok(answer: &Value) -> Response {
    json_response(StatusCode::OK, answer.to_string())
}
