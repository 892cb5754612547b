//! A request of OTLP, as `opentelemetry-proto` 1 writes it down: those of its fields that we have something for.
//! The tests read it with the types of OpenTelemetry itself.

use jiff::Timestamp;
use prost::{Message, Oneof};

use crate::telemetry::{EndedSpan, Fact, Side};

/// Who names the spans.
const SCOPE: &str = "doorbell";

/// What is posted: spans that this service has ended.
pub(super) fn request(service: &str, spans: Vec<EndedSpan>) -> Vec<u8> {
    let scope = Scope { name: SCOPE.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let resource = Resource {
        attributes: vec![
            attribute("service.name", Fact::word(service.to_owned())),
            attribute("service.version", Fact::word(env!("CARGO_PKG_VERSION"))),
        ],
    };
    let spans = spans.into_iter().map(Span::from).collect();
    let spans = vec![ScopeSpans { scope: Some(scope), spans }];
    Request { spans: vec![ResourceSpans { resource: Some(resource), spans }] }.encode_to_vec()
}

fn attribute(key: &str, fact: Fact) -> KeyValue {
    let value = match fact {
        Fact::Number(number) => Value::Number(number),
        Fact::Word(word) => Value::Text(word.into_owned()),
    };
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}

impl From<EndedSpan> for Span {
    fn from(span: EndedSpan) -> Self {
        Self {
            trace: span.trace.to_vec(),
            id: span.id.to_vec(),
            parent: span.parent.map(Vec::from).unwrap_or_default(),
            name: span.name.into_owned(),
            kind: match span.side {
                Side::Inside => 1,
                Side::Server => 2,
                Side::Client => 3,
            },
            begun: nanoseconds(span.begun),
            // A clock may be set back.
            ended: nanoseconds(span.ended.max(span.begun)),
            attributes: span.facts.into_iter().map(|(key, fact)| attribute(key, fact)).collect(),
            status: span.failed.then_some(Status { code: FAILED }),
        }
    }
}

/// `STATUS_CODE_ERROR`.
const FAILED: i32 = 2;

fn nanoseconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_nanosecond()).unwrap_or_default()
}

#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(message, repeated, tag = "1")]
    spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    /// Nanoseconds of Unix time, as the end.
    #[prost(fixed64, tag = "7")]
    begun: u64,
    #[prost(fixed64, tag = "8")]
    ended: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(oneof = "Value", tags = "1, 3")]
    value: Option<Value>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Value {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(int64, tag = "3")]
    Number(i64),
}
