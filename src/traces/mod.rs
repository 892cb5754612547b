//! Exports traces over OTLP, where the operator names a collector: in batches, beside the work, and never in its way.
//!
//! The libraries of OpenTelemetry read the environment by themselves and export from a thread of their own; here
//! settings alone read it, and tasks are tracked. What they would do is little: to gather, to write a message of
//! Protocol Buffers (`wire`), to post it.

mod collector;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock::{SharedClock, elapsed};
use crate::fail;
use crate::lifecycle::Shutdown;
use crate::settings::TracesSettings;
use crate::telegram::BotId;
use crate::telemetry::{Counter, EndedSpan, Traces};
use collector::Collector;

/// How many spans may wait to be exported, some 4 MB of them; more are lost.
const ROOM: usize = 8_192;
/// The most spans in one request, as OpenTelemetry's exporters have it.
const BATCH: usize = 512;
/// How long spans are gathered. OpenTelemetry's exporters take 5 s; what a `kill -9` loses is less so.
const GATHERING: Duration = Duration::from_secs(1);
/// How long the last spans may take when the service stops: less than what is let go may take to end.
const LAST: Duration = Duration::from_secs(2);
/// How often it is said that the collector does not take spans.
const REMINDER: Duration = Duration::from_mins(5);

/// The traces of a bot's updates. Where a collector is named, a task takes them there, until the hard stop: by then
/// all that ends in order has ended.
#[must_use]
pub fn open(settings: &TracesSettings, bot: BotId, clock: SharedClock, shutdown: &Shutdown) -> Traces {
    let Some(endpoint) = &settings.endpoint else { return Traces::default() };
    let lost = Arc::new(Counter::default());
    let (traces, spans) = Traces::of_bot(bot.0, ROOM, Arc::clone(&lost));
    let collector = Collector::new(endpoint, settings.headers());
    let service = settings.service.clone();
    let exporter = Exporter { spans, lost, collector, service, clock, said: None };
    shutdown.supervise("the export of traces", exporter.run(shutdown.hard.clone()));
    traces
}

/// Exports spans as they end.
struct Exporter {
    spans: mpsc::Receiver<EndedSpan>,
    lost: Arc<Counter>,
    collector: Collector,
    service: String,
    clock: SharedClock,
    /// When it was last said that the collector does not take them, while that is so.
    said: Option<Timestamp>,
}

impl Exporter {
    /// Exports until `stop`; then what has ended by then, and no longer than a moment.
    async fn run(mut self, stop: CancellationToken) {
        let clock = Arc::clone(&self.clock);
        let exporting = async {
            while let Some(batch) = self.gather(&stop).await {
                self.export(batch).await;
            }
        };
        let patience = async {
            stop.cancelled().await;
            clock.sleep(LAST).await;
        };
        tokio::select! {
            () = exporting => {}
            () = patience => tracing::warn!("the last spans were not taken in time by the collector of traces, and are lost"),
        }
    }

    /// The next spans, at least one; `None` when there are no more, and `stop` has come.
    async fn gather(&mut self, stop: &CancellationToken) -> Option<Vec<EndedSpan>> {
        fail::point("traces");
        let mut batch = Vec::new();
        tokio::select! {
            biased;
            _ = self.spans.recv_many(&mut batch, BATCH) => {}
            () = stop.cancelled() => {}
        }
        let mut gathered = self.clock.sleep(GATHERING);
        while !batch.is_empty() && batch.len() < BATCH {
            let room = BATCH - batch.len();
            tokio::select! {
                biased;
                more = self.spans.recv_many(&mut batch, room) => if more == 0 { break },
                () = stop.cancelled() => break,
                () = &mut gathered => break,
            }
        }
        (!batch.is_empty()).then_some(batch)
    }

    async fn export(&mut self, batch: Vec<EndedSpan>) {
        let count = batch.len() as u64;
        match self.collector.post(wire::request(&self.service, batch)).await {
            Ok(()) => {
                if self.said.take().is_some() {
                    tracing::info!(lost = self.lost.total(), "the collector takes traces again");
                }
            }
            Err(reason) => {
                self.lost.add(count);
                let now = self.clock.now();
                if self.said.is_none_or(|said| elapsed(said, now) >= REMINDER) {
                    self.said = Some(now);
                    tracing::warn!(
                        collector = self.collector.host(),
                        reason,
                        lost = self.lost.total(),
                        "the collector of traces does not take them: they are lost, and updates are handled as ever. Look \
                         at traces.endpoint: it is to be the base of OTLP over HTTP, which is usually at port 4318"
                    );
                }
            }
        }
    }
}
