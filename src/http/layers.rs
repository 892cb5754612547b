use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use tower::{Layer, ServiceBuilder};
use tower_http::catch_panic::{CatchPanic, CatchPanicLayer};
use tower_http::request_id::{MakeRequestId, RequestId, SetRequestIdLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;
use tracing::{Level, Span};

use super::problem::Problem;
use crate::telegram::{SECRET_HEADER, WEBHOOK_PATH};

/// The routes with the layers that every request passes.
///
/// The layers are around the router and not inside it, where axum would box each request and response once more: the
/// webhook would pay for that with each update.
pub(super) type LayeredRoutes = CatchPanic<Router, PanicResponse>;

type PanicResponse = fn(Box<dyn Any + Send>) -> Response;

/// Adds the layers that every request passes: a panic becomes a response. Where the log shows debug lines, each request
/// has an id and a line of its own, and headers with a secret are marked as sensitive.
pub(super) fn layered(mut routes: Router) -> LayeredRoutes {
    if tracing::enabled!(Level::DEBUG) {
        routes = traced(routes);
    }
    CatchPanicLayer::custom(panic_response as PanicResponse).layer(routes)
}

/// The response when a route panicked. The panic hook has written the log line, without what a person wrote.
fn panic_response(_: Box<dyn Any + Send>) -> Response {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "The service failed while it answered",
        "This is an error in the program. Its log says where it happened.",
    )
    .into_response()
}

/// Logs each request at debug, with no header, no body and no path of an unknown route.
///
/// Only such a log could show a header, so headers are marked as sensitive here. To mark them is not free: the layer
/// looks for each header in a way that lets the map of headers grow, which costs the webhook 2 % of an update.
fn traced(routes: Router) -> Router {
    let trace = TraceLayer::new_for_http()
        .make_span_with(|request: &Request| {
            let route = route(request.uri().path());
            let id = request.extensions().get::<RequestId>().and_then(readable);
            tracing::debug_span!("request", id, method = method(request.method()), route)
        })
        .on_request(())
        .on_response(|response: &Response, latency: Duration, _: &Span| {
            tracing::debug!(status = response.status().as_u16(), ?latency, "a request was answered");
        })
        .on_body_chunk(())
        .on_eos(())
        .on_failure(());
    let sensitive = SetSensitiveRequestHeadersLayer::new([SECRET_HEADER, AUTHORIZATION]);
    let request_id = SetRequestIdLayer::x_request_id(NextId::default());
    routes.layer(ServiceBuilder::new().layer(sensitive).layer(request_id).layer(trace))
}

/// A method of HTTP. A client can write any other word, which is not logged.
fn method(method: &Method) -> &str {
    const METHODS: [Method; 8] = [
        Method::POST,
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
        Method::PATCH,
        Method::TRACE,
    ];
    if METHODS.contains(method) { method.as_str() } else { "other" }
}

/// The route of a path, also below the path of the public URL. Any other path is not logged, because a client chose it
/// and it can hold a token. axum's own `MatchedPath` would cost the webhook an allocation with each update.
fn route(path: &str) -> &'static str {
    const ROUTES: [&str; 4] = [WEBHOOK_PATH, "/healthz", "/readyz", "/metrics"];
    ROUTES.into_iter().find(|route| path.ends_with(route)).unwrap_or("other")
}

/// Numbers the requests that come without `X-Request-Id`.
#[derive(Clone, Default)]
struct NextId(Arc<AtomicU64>);

impl MakeRequestId for NextId {
    fn make_request_id<B>(&mut self, _: &http::Request<B>) -> Option<RequestId> {
        let id = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        Some(RequestId::new(HeaderValue::from(id)))
    }
}

/// A request id, if the log may show it. The client chose it, so it can hold anything: a bot token has a colon, and
/// sentences have spaces.
fn readable(id: &RequestId) -> Option<&str> {
    let id = id.header_value().to_str().ok()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (id.len() <= 64 && id.bytes().all(is_plain)).then_some(id)
}

/// A layer that sets a header of each response.
pub(super) fn response_header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

/// Forbids caches to store the responses of these routes, and browsers to guess their content type.
pub(super) fn no_store(routes: Router) -> Router {
    routes.layer(response_header(CACHE_CONTROL, "no-store")).layer(response_header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};

    use axum::body::Body;
    use axum::routing::get;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;
    use crate::settings::{LogFormat, LogSettings};
    use crate::telemetry;

    async fn response(routes: Router, request: Request) -> (StatusCode, String) {
        let response = layered(routes).oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        (head.status, String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_panic_in_a_route_is_a_500_problem_that_does_not_repeat_its_text() {
        let route = async || -> StatusCode { panic!("MARKED") };
        let (status, body) = response(Router::new().route("/", get(route)), Request::new(Body::empty())).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(body.contains("\"status\":500") && !body.contains("MARKED"), "{body}");
    }

    #[tokio::test]
    async fn headers_with_a_secret_are_marked_as_sensitive() {
        let route = async |request: Request| format!("{:?}", request.headers());
        let request = Request::builder().header(SECRET_HEADER, "MARKED").header(AUTHORIZATION, "MARKED");
        let request = request.header("x-other", "shown").body(Body::empty()).unwrap();
        let (_, headers) = response(traced(Router::new().route("/", get(route))), request).await;
        assert!(headers.contains("shown") && !headers.contains("MARKED"), "{headers}");
    }

    #[tokio::test]
    async fn a_debug_log_has_a_line_for_each_request_with_its_id_and_route_and_without_its_path_and_headers() {
        // With a single subscriber, tracing lets the thread that comes first decide for all threads.
        let _second = tracing::Dispatch::new(tracing_subscriber::registry());
        let settings =
            LogSettings { format: LogFormat::Json, filter: "debug".to_owned(), colour: false, own: Vec::new() };
        let mut file = tempfile::tempfile().unwrap();
        let log = telemetry::log(&settings, Arc::new(file.try_clone().unwrap())).unwrap();
        let _logging = tracing::subscriber::set_default(log);
        let routes = Router::new().fallback(async || StatusCode::OK);
        for (path, header, id) in [
            ("/bot/MARKED?MARKED", "x-other", "1"),
            ("/a/healthz?MARKED", "x-request-id", "MARKED:"),
            ("/healthz", "x-request-id", "an-id"),
        ] {
            let request = Request::builder().uri(path).header(AUTHORIZATION, "MARKED");
            response(routes.clone(), request.header(header, id).body(Body::empty()).unwrap()).await;
        }
        let mut lines = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut lines).unwrap();
        assert_eq!(lines.matches("a request was answered").count(), 3, "{lines}");
        assert_eq!(lines.matches(r#""route":"/healthz""#).count(), 2, "{lines}");
        assert!(lines.contains(r#""id":"an-id""#) && !lines.contains("MARKED"), "{lines}");
    }

    #[test]
    fn a_request_id_of_a_client_is_in_the_log_only_if_it_is_plain() {
        let id = |id: &str| readable(&RequestId::new(HeaderValue::from_str(id).unwrap())).map(ToOwned::to_owned);
        for plain in ["7", "0f8fad5b-d9cb-469f-a165-70867728950e", "a.b_c"] {
            assert_eq!(id(plain).as_deref(), Some(plain));
        }
        for other in ["123456:AAtoken", "two words", &"a".repeat(65)] {
            assert_eq!(id(other), None);
        }
    }
}
