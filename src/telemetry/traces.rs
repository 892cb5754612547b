use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::Counter;

/// Takes what is done for updates to whoever exports it; where nobody does, it is nothing, and asking it costs
/// one comparison.
///
/// Nothing is stored to hold a trace together: its number, and that of its first span, follow from the bot and the
/// update. So an attempt after a restart, or in another instance, belongs to the trace of the request that brought
/// the update.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<Arc<Sink>>);

struct Sink {
    bot: i64,
    spans: mpsc::Sender<EndedSpan>,
    lost: Arc<Counter>,
}

/// A trace's number.
pub type TraceId = [u8; 16];
/// A span's number.
pub type SpanId = [u8; 8];

impl Traces {
    /// Traces of the updates of that bot, and where their spans come out. Never more than `room` of them wait there:
    /// what is too much is counted as lost, and nobody waits for it.
    #[must_use]
    pub fn of_bot(bot: i64, room: usize, lost: Arc<Counter>) -> (Self, mpsc::Receiver<EndedSpan>) {
        let (spans, ended) = mpsc::channel(room);
        (Self(Some(Arc::new(Sink { bot, spans, lost }))), ended)
    }

    /// The trace of an update; `None` where nobody exports any.
    #[must_use]
    pub fn of(&self, update: i64) -> Option<Trace> {
        self.0.as_ref().map(|sink| Trace::new(sink, update))
    }
}

/// All that is done for one update, by any instance at any time.
#[derive(Debug)]
pub struct Trace {
    sink: Arc<Sink>,
    id: TraceId,
    first: SpanId,
    update: i64,
}

impl Trace {
    fn new(sink: &Arc<Sink>, update: i64) -> Self {
        let digest = Sha256::new()
            .chain_update(b"doorbell trace")
            .chain_update(sink.bot.to_be_bytes())
            .chain_update(update.to_be_bytes())
            .finalize();
        let (mut id, mut first) = (TraceId::default(), SpanId::default());
        id.copy_from_slice(&digest[..16]);
        first.copy_from_slice(&digest[16..24]);
        Self { sink: Arc::clone(sink), id, first, update }
    }

    /// Begins the first span, beneath which all others lie: the request that brought the update. There is one.
    pub fn first(&self, name: &'static str, begun: Timestamp) -> Span {
        self.span(self.first, None, name, Side::Server, begun)
    }

    /// Begins the span of a further request with the same update.
    pub fn again(&self, name: &'static str, begun: Timestamp) -> Span {
        self.span(rand::random(), Some(self.first), name, Side::Server, begun)
    }

    /// Begins the span of work on the update.
    pub fn work(&self, name: &'static str, begun: Timestamp) -> Span {
        self.span(rand::random(), Some(self.first), name, Side::Inside, begun)
    }

    fn span(&self, id: SpanId, parent: Option<SpanId>, name: &'static str, side: Side, begun: Timestamp) -> Span {
        let sink = Arc::clone(&self.sink);
        let (name, facts) = (name.into(), Vec::new());
        let ended = EndedSpan { trace: self.id, id, parent, name, side, begun, ended: begun, failed: false, facts };
        Span { sink, span: ended }.with("update.id", self.update)
    }
}

/// Something that is being done for an update. It is exported once it has ended.
#[derive(Debug)]
#[must_use = "a span that is not ended is not exported"]
pub struct Span {
    sink: Arc<Sink>,
    span: EndedSpan,
}

impl Span {
    /// Begins the span of a request to somebody else, beneath this one.
    pub fn request(&self, name: String, begun: Timestamp) -> Self {
        let EndedSpan { trace, id, .. } = self.span;
        let (parent, name, facts) = (Some(id), name.into(), Vec::new());
        let (side, id) = (Side::Client, rand::random());
        let span = EndedSpan { trace, id, parent, name, side, begun, ended: begun, failed: false, facts };
        Self { sink: Arc::clone(&self.sink), span }
    }

    /// The same, with one more fact. What a person wrote is none, and neither is a secret.
    pub fn with(mut self, name: &'static str, fact: impl Into<Fact>) -> Self {
        self.span.facts.push((name, fact.into()));
        self
    }

    /// Ends it, well or not, and leaves it to be exported; waits for nobody.
    pub fn end(mut self, ended: Timestamp, well: bool) {
        (self.span.ended, self.span.failed) = (ended, !well);
        if self.sink.spans.try_send(self.span).is_err() {
            self.sink.lost.count();
        }
    }
}

/// A span that is over.
#[derive(Debug)]
pub struct EndedSpan {
    /// The trace that it is part of.
    pub trace: TraceId,
    /// Its own number.
    pub id: SpanId,
    /// The span beneath which it lies.
    pub parent: Option<SpanId>,
    /// What was done.
    pub name: Cow<'static, str>,
    /// Who asked whom.
    pub side: Side,
    /// When it began.
    pub begun: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Whether it did not do what it was to do.
    pub failed: bool,
    /// What else is known of it.
    pub facts: Vec<(&'static str, Fact)>,
}

/// Who asked whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// We were asked.
    Server,
    /// Nobody outside has a part in it.
    Inside,
    /// We asked.
    Client,
}

/// Something known of a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A number.
    Number(i64),
    /// A word that we chose, or the Bot API did: never a person's.
    Word(Cow<'static, str>),
}

impl<N: Into<i64>> From<N> for Fact {
    fn from(number: N) -> Self {
        Self::Number(number.into())
    }
}

impl Fact {
    /// A word.
    pub fn word(word: impl Into<Cow<'static, str>>) -> Self {
        Self::Word(word.into())
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").field("bot", &self.bot).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(bot: i64, room: usize) -> (Traces, mpsc::Receiver<EndedSpan>, Arc<Counter>) {
        let lost = Arc::new(Counter::default());
        let (traces, ended) = Traces::of_bot(bot, room, Arc::clone(&lost));
        (traces, ended, lost)
    }

    #[test]
    fn a_trace_is_the_same_in_every_process_and_another_for_each_update_and_bot() {
        let of = |bot, update| traces(bot, 1).0.of(update).map(|trace| (trace.id, trace.first)).unwrap();
        assert_eq!(of(1, 7), of(1, 7));
        assert_ne!(of(1, 7).0, of(1, 8).0);
        assert_ne!(of(1, 7).0, of(2, 7).0);
    }

    #[test]
    fn what_is_too_much_is_counted_as_lost_and_nobody_waits() {
        let (traces, mut ended, lost) = traces(1, 2);
        for update in 0..5 {
            traces.of(update).unwrap().work("handle update", Timestamp::UNIX_EPOCH).end(Timestamp::UNIX_EPOCH, true);
        }
        assert_eq!(lost.total(), 3);
        assert_eq!(ended.try_recv().unwrap().facts, [("update.id", Fact::Number(0))]);
    }

    #[test]
    fn where_nobody_exports_there_is_no_trace() {
        assert!(Traces::default().of(1).is_none());
    }
}
