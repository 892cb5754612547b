//! Exports traces over OTLP, if the settings name a collector: in batches, in a tracked task, and never on the path of
//! an update.

mod collector;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::trace::SpanData;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock::SharedClock;
use crate::lifecycle::{Shutdown, Task};
use crate::settings::TracesSettings;
use crate::telegram::BotId;
use crate::telemetry::{Counter, Storm, Traces};
use collector::Collector;

/// How many spans may wait for export, about 4 MB; further spans are lost.
const QUEUE_SIZE: usize = 8_192;
/// The most spans in one request: the default of OpenTelemetry's batch processor.
const BATCH_SIZE: usize = 512;
/// How long spans are collected into a batch. OpenTelemetry's default is 5 s; a `kill -9` loses less with 1 s.
const BATCH_DELAY: Duration = Duration::from_secs(1);
/// The time limit of the last export when the service stops. It is shorter than the time that tasks have to end.
const LAST_EXPORT: Duration = Duration::from_secs(2);

/// Creates the traces of a bot's updates. If the settings name a collector, a task exports them until the hard stop:
/// by then all work that ends in order has ended.
#[must_use]
pub fn open(settings: &TracesSettings, bot: BotId, clock: SharedClock, shutdown: &Shutdown) -> Traces {
    let Some(endpoint) = &settings.endpoint else { return Traces::default() };
    let lost = Counter::default();
    let (traces, spans) = Traces::of_bot(bot.0, QUEUE_SIZE, lost.clone());
    let (collector, storm) = (Collector::new(endpoint, settings), Storm::new(Arc::clone(&clock)));
    let exporter = Exporter { spans, lost, collector, clock, storm };
    shutdown.supervise(Task::TraceExport, exporter.run(shutdown.hard.clone()));
    traces
}

/// Exports spans after they have ended.
struct Exporter {
    spans: mpsc::Receiver<SpanData>,
    lost: Counter,
    collector: Collector,
    clock: SharedClock,
    /// Batches that the collector did not accept.
    storm: Storm,
}

impl Exporter {
    /// Exports until `stop`, and then what has ended by then, within [`LAST_EXPORT`].
    async fn run(mut self, stop: CancellationToken) {
        let clock = Arc::clone(&self.clock);
        let exporting = async {
            while let Some(batch) = self.next_batch(&stop).await {
                self.export(batch).await;
            }
        };
        let time_limit = async {
            stop.cancelled().await;
            clock.sleep(LAST_EXPORT).await;
        };
        tokio::select! {
            () = exporting => {}
            () = time_limit => tracing::warn!("the collector of traces did not accept the last spans in time; they are lost"),
        }
    }

    /// The next spans, at least one; `None` after `stop` if no more are left.
    async fn next_batch(&mut self, stop: &CancellationToken) -> Option<Vec<SpanData>> {
        let mut batch = Vec::new();
        tokio::select! {
            biased;
            _ = self.spans.recv_many(&mut batch, BATCH_SIZE) => {}
            () = stop.cancelled() => {}
        }
        let mut delay = self.clock.sleep(BATCH_DELAY);
        while !batch.is_empty() && batch.len() < BATCH_SIZE {
            let room = BATCH_SIZE - batch.len();
            tokio::select! {
                biased;
                more = self.spans.recv_many(&mut batch, room) => if more == 0 { break },
                () = stop.cancelled() => break,
                () = &mut delay => break,
            }
        }
        (!batch.is_empty()).then_some(batch)
    }

    async fn export(&mut self, batch: Vec<SpanData>) {
        let count = batch.len() as u64;
        match self.collector.export(batch).await {
            Ok(()) => {
                if self.storm.over().is_some() {
                    tracing::info!(lost = self.lost.get(), "the collector accepts traces again");
                }
            }
            Err(reason) => {
                self.lost.inc_by(count);
                if self.storm.event().is_some() {
                    tracing::warn!(
                        collector = self.collector.host(),
                        reason,
                        lost = self.lost.get(),
                        "the collector of traces does not accept them: they are lost, and updates are handled as \
                         usual. Check traces.endpoint: it must be the base URL of OTLP over HTTP, usually at port 4318"
                    );
                }
            }
        }
    }
}
