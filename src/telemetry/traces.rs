//! Creates the spans of each update's trace and queues them for export.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use prometheus_client::metrics::counter::Counter;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

/// Creates the traces of a bot's updates. Without an exporter it creates none, at the cost of one comparison.
///
/// No identifier is stored: the trace id and the id of the root span are derived from the bot and the update. So an
/// attempt after a restart, or on another instance, belongs to the trace of the request that delivered the update.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<Arc<Queue>>);

/// The spans that wait for the exporter.
struct Queue {
    bot: i64,
    spans: mpsc::Sender<SpanData>,
    lost: Counter,
    scope: InstrumentationScope,
}

impl Traces {
    /// The traces of that bot, and the receiver of their ended spans. At most `capacity` spans wait for the receiver.
    /// Further spans are dropped and counted in `lost`.
    #[must_use]
    pub fn of_bot(bot: i64, capacity: usize, lost: Counter) -> (Self, mpsc::Receiver<SpanData>) {
        let (spans, ended) = mpsc::channel(capacity);
        let scope = InstrumentationScope::builder("doorbell").with_version(env!("CARGO_PKG_VERSION")).build();
        (Self(Some(Arc::new(Queue { bot, spans, lost, scope }))), ended)
    }

    /// The trace of an update; `None` without an exporter.
    #[must_use]
    pub fn of(&self, update: i64) -> Option<Trace> {
        self.0.as_ref().map(|queue| Trace::new(queue, update))
    }

    /// Starts the span of a request that belongs to no update, in a trace of its own; `None` without an exporter.
    #[must_use]
    pub fn alone(&self, name: &'static str, start: Timestamp) -> Option<Span> {
        let queue = self.0.as_ref()?;
        let ids = Ids { trace: TraceId::from_bytes(rand::random()), span: random_id(), parent: SpanId::INVALID };
        Some(Span::start(queue, ids, name.into(), SpanKind::Server, start))
    }
}

/// The trace of one update. All instances add to the same trace, also after a restart.
#[derive(Debug)]
pub struct Trace {
    queue: Arc<Queue>,
    id: TraceId,
    root: SpanId,
    update: i64,
}

impl Trace {
    fn new(queue: &Arc<Queue>, update: i64) -> Self {
        let digest = Sha256::new()
            .chain_update(b"doorbell trace")
            .chain_update(queue.bot.to_be_bytes())
            .chain_update(update.to_be_bytes())
            .finalize();
        let (mut id, mut root) = ([0; 16], [0; 8]);
        id.copy_from_slice(&digest[..16]);
        root.copy_from_slice(&digest[16..24]);
        Self { queue: Arc::clone(queue), id: TraceId::from_bytes(id), root: SpanId::from_bytes(root), update }
    }

    /// Starts the root span: the request that stored the update. Each trace has one.
    pub fn root(&self, name: &'static str, start: Timestamp) -> Span {
        self.span(self.root, SpanId::INVALID, name, SpanKind::Server, start)
    }

    /// Starts the span of a further request with the same update.
    pub fn repeated(&self, name: &'static str, start: Timestamp) -> Span {
        self.span(random_id(), self.root, name, SpanKind::Server, start)
    }

    /// Starts the span of work on the update.
    pub fn work(&self, name: &'static str, start: Timestamp) -> Span {
        self.span(random_id(), self.root, name, SpanKind::Internal, start)
    }

    fn span(&self, id: SpanId, parent: SpanId, name: &'static str, kind: SpanKind, start: Timestamp) -> Span {
        let ids = Ids { trace: self.id, span: id, parent };
        Span::start(&self.queue, ids, name.into(), kind, start).with("update.id", self.update)
    }
}

/// Where a span belongs.
#[derive(Clone, Copy)]
struct Ids {
    trace: TraceId,
    span: SpanId,
    parent: SpanId,
}

/// A span that has started. It is exported after it has ended.
#[derive(Debug)]
#[must_use = "a span that is not ended is not exported"]
pub struct Span {
    queue: Arc<Queue>,
    data: SpanData,
}

impl Span {
    fn start(queue: &Arc<Queue>, ids: Ids, name: Cow<'static, str>, kind: SpanKind, start: Timestamp) -> Self {
        let data = SpanData {
            span_context: SpanContext::new(ids.trace, ids.span, TraceFlags::SAMPLED, false, TraceState::NONE),
            parent_span_id: ids.parent,
            parent_span_is_remote: false,
            span_kind: kind,
            name,
            start_time: SystemTime::from(start),
            end_time: SystemTime::from(start),
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: queue.scope.clone(),
        };
        Self { queue: Arc::clone(queue), data }
    }

    /// Starts the span of a request to another service, as a child of this span.
    pub fn request(&self, name: String, start: Timestamp) -> Self {
        let context = &self.data.span_context;
        let ids = Ids { trace: context.trace_id(), span: random_id(), parent: context.span_id() };
        Self::start(&self.queue, ids, name.into(), SpanKind::Client, start)
    }

    /// The W3C `traceparent` header with which another service continues this span.
    #[must_use]
    pub fn traceparent(&self) -> String {
        let context = &self.data.span_context;
        format!("00-{}-{}-01", context.trace_id(), context.span_id())
    }

    /// Adds an attribute. It must not hold a secret, or what a person wrote.
    pub fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.data.attributes.push(KeyValue::new(key, value));
        self
    }

    /// Ends the span and queues it for export, without waiting.
    pub fn end(mut self, end: Timestamp, succeeded: bool) {
        // The clock may have been set back since the start.
        self.data.end_time = SystemTime::from(end).max(self.data.start_time);
        if !succeeded {
            self.data.status = Status::error("");
        }
        if self.queue.spans.try_send(self.data).is_err() {
            self.queue.lost.inc();
        }
    }
}

fn random_id() -> SpanId {
    SpanId::from_bytes(rand::random())
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("bot", &self.bot).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(bot: i64, capacity: usize) -> (Traces, mpsc::Receiver<SpanData>, Counter) {
        let lost = Counter::default();
        let (traces, ended) = Traces::of_bot(bot, capacity, lost.clone());
        (traces, ended, lost)
    }

    #[test]
    fn the_trace_id_depends_on_the_bot_and_the_update_only() {
        let of = |bot, update| traces(bot, 1).0.of(update).map(|trace| (trace.id, trace.root)).unwrap();
        assert_eq!(of(1, 7), of(1, 7));
        assert_ne!(of(1, 7).0, of(1, 8).0);
        assert_ne!(of(1, 7).0, of(2, 7).0);
    }

    #[test]
    fn spans_beyond_the_capacity_are_dropped_and_counted() {
        let (traces, mut ended, lost) = traces(1, 2);
        for update in 0..5 {
            traces.of(update).unwrap().work("handle update", Timestamp::UNIX_EPOCH).end(Timestamp::UNIX_EPOCH, true);
        }
        assert_eq!(lost.get(), 3);
        assert_eq!(ended.try_recv().unwrap().attributes, [KeyValue::new("update.id", 0)]);
    }

    #[test]
    fn a_span_does_not_end_before_it_starts() {
        let (traces, mut ended, _) = traces(1, 1);
        let start = Timestamp::from_second(100).unwrap();
        traces.of(1).unwrap().work("handle update", start).end(Timestamp::from_second(90).unwrap(), true);
        let span = ended.try_recv().unwrap();
        assert_eq!(span.start_time, span.end_time);
    }

    #[test]
    fn without_an_exporter_there_is_no_trace() {
        assert!(Traces::default().of(1).is_none());
    }
}
