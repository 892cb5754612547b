use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;

use super::canary::assert_no_secret;

/// A small OpenTelemetry collector: it decodes traces with OpenTelemetry's own types and searches them for secrets.
#[derive(Clone)]
pub(crate) struct Collector {
    addr: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    bytes: Vec<u8>,
    headers: HeaderMap,
    spans: Vec<Exported>,
}

/// A span and the name of the service that sent it.
#[derive(Clone, Debug)]
pub(crate) struct Exported {
    pub(crate) service: String,
    pub(crate) span: Span,
}

impl Exported {
    /// The value of an attribute, as text.
    pub(crate) fn fact(&self, name: &str) -> Option<String> {
        fact(&self.span.attributes, name)
    }

    /// Whether its status is an error.
    pub(crate) fn failed(&self) -> bool {
        self.span.status.as_ref().is_some_and(|status| status.code == 2)
    }
}

fn fact(attributes: &[KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    let value = found.value.as_ref()?.value.as_ref()?;
    if let Value::StringValue(text) = value {
        return Some(text.clone());
    }
    if let Value::IntValue(number) = value { Some(number.to_string()) } else { panic!("{name} is {value:?}") }
}

impl Collector {
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port is free");
        let addr = listener.local_addr().expect("it has an address");
        let collector = Self { addr, seen: Arc::default() };
        let router = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
        tokio::task::spawn(async move { axum::serve(listener, router).await });
        collector
    }

    /// The endpoint for the settings.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The spans so far, in the order of arrival.
    pub(crate) fn spans(&self) -> Vec<Exported> {
        let seen = self.seen.lock().expect("no panic");
        assert_no_secret("a trace", &seen.bytes);
        seen.spans.clone()
    }

    /// The spans with this name.
    pub(crate) fn named(&self, name: &str) -> Vec<Exported> {
        self.spans().into_iter().filter(|exported| exported.span.name == name).collect()
    }

    /// A header of the last request.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let seen = self.seen.lock().expect("no panic");
        Some(seen.headers.get(name)?.to_str().expect("text").to_owned())
    }

    /// Whether any request contained this text.
    pub(crate) fn received_text(&self, text: &str) -> bool {
        let seen = self.seen.lock().expect("no panic");
        seen.bytes.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

async fn take(State(collector): State<Collector>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if headers.get(CONTENT_TYPE).is_none_or(|kind| kind != "application/x-protobuf") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE;
    }
    let Ok(request) = ExportTraceServiceRequest::decode(body.clone()) else { return StatusCode::BAD_REQUEST };
    let mut seen = collector.seen.lock().expect("no panic");
    seen.bytes.extend_from_slice(&body);
    seen.headers = headers;
    for of_service in request.resource_spans {
        let attributes = of_service.resource.expect("a resource").attributes;
        let service = fact(&attributes, "service.name").expect("the service has a name");
        let spans = of_service.scope_spans.into_iter().flat_map(|scope| scope.spans);
        seen.spans.extend(spans.map(|span| Exported { service: service.clone(), span }));
    }
    StatusCode::OK
}
