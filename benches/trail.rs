//! The cost of the trail for one `/start`, with its five steps: recorded, and where the trail is off.
//!
//! `cargo bench --bench trail`

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use doorbell::clock::{Clock, SystemClock};
use doorbell::trail::{Event, Limits, Trail};
use doorbell::update::{ChatKey, Kind, UpdateId};

/// Records what a `/start` leaves.
fn start(trail: &Trail, id: i64) {
    let update = UpdateId(id);
    let took = Duration::from_micros(700);
    trail.record(update, || Event::Started { attempt: 1 });
    trail.record_since(SystemClock.steady(), update, || {
        let (kind, chat_key) = (Kind::named("message"), ChatKey::chat(id));
        Event::Stored { kind, chat_key, bytes: 400, took }
    });
    trail.record(update, || Event::Handled { calls: 1, took });
    trail.record(update, || {
        let method = "sendMessage".to_owned();
        Event::Called { method, outcome: "ok", error: None, took }
    });
    trail.record(update, || Event::Ended { verdict: "done", reason: None, next_at: None });
}

fn trails(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("the trail of a start");
    group.throughput(Throughput::Elements(1));
    let on = || Trail::new(Limits::default(), Arc::new(SystemClock));
    for (name, trail, is_watched) in
        [("off", Trail::default(), false), ("on", on(), false), ("on, with a page open", on(), true)]
    {
        let _page = is_watched.then(|| trail.changes());
        let mut id = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                id += 1;
                start(black_box(&trail), id);
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2));
    targets = trails
}
criterion_main!(benches);
