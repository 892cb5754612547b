//! Your own bot behind the service, measured from outside with the real program.
//!
//! - Updates that are stored in SQLite, acknowledged, forwarded to a bare bot and handled, in a second.
//! - The latency that this adds at 250 updates in a second, against the same requests sent to the bot directly.
//! - Calls through the gateway in a second, and the latency that it adds, beside nginx as a proxy before the same Bot API.
//!
//! `cargo bench --bench own_bot`, on a machine with two cores that does nothing else. The load, the bot and the Bot API share
//! the first core; the program that is measured has the second one. The rounds are interleaved, and the table shows medians.
//! `DOORBELL_BENCH_SECONDS` (5) and `DOORBELL_BENCH_ROUNDS` (3) change how long it takes. Without nginx its rows are missing.

#![expect(clippy::print_stdout, reason = "the table is what the benchmark is for")]

mod load;
mod peer;
mod subject;

use std::env;
use std::time::{Duration, Instant};

use load::Load;
use peer::Peer;
use subject::Subject;

/// As many connections as Telegram opens by default.
const CONNECTIONS: usize = 40;
/// Requests in a second for the latency.
const RATE: f64 = 250.0;

/// One figure of all rounds.
#[derive(Default)]
struct Figure(Vec<f64>);

impl Figure {
    fn median(&self) -> f64 {
        let mut values = self.0.clone();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn spread(&self) -> (f64, f64) {
        self.0.iter().fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(*value), most.max(*value)))
    }
}

/// The figures, in the order in which they were first measured.
#[derive(Default)]
struct Table(Vec<(String, Figure)>);

impl Table {
    fn add(&mut self, name: &str, value: f64) {
        let position = self.0.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.0.push((name.to_owned(), Figure::default()));
            self.0.len() - 1
        });
        self.0[position].1.0.push(value);
    }

    fn median(&self, name: &str) -> f64 {
        self.0.iter().find(|(known, _)| known == name).map_or(f64::NAN, |(_, figure)| figure.median())
    }

    fn print(&self) {
        println!("{:60} {:>10}   least to most", "", "median");
        for (name, figure) in &self.0 {
            let (least, most) = figure.spread();
            println!("{name:60} {:>10.3}   {least:.3} to {most:.3}", figure.median());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark has no settings")]
fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).ok().and_then(|number| number.parse().ok()).unwrap_or(default)
}

fn main() {
    // `cargo test --benches` runs every benchmark with this argument.
    if env::args().any(|argument| argument == "--test") {
        return;
    }
    subject::pin_this_process();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, measure());
}

async fn measure() {
    let seconds = Duration::from_secs(number("DOORBELL_BENCH_SECONDS", 5));
    let rounds = number("DOORBELL_BENCH_ROUNDS", 3);
    let (bot, bot_api) = (Peer::start().await, Peer::start().await);
    let doorbell = Subject::doorbell(bot.port, bot_api.port).await;
    let nginx = Subject::nginx(bot_api.port).await;
    if nginx.is_none() {
        println!("NOT MEASURED: nginx is not installed");
    }
    let mut table = Table::default();
    for round in 0..=rounds {
        // The first round only warms up.
        let mut warming = Table::default();
        let table = if round == 0 { &mut warming } else { &mut table };
        updates(table, seconds, &doorbell, &bot).await;
        calls(table, seconds, "direct", bot_api.port, None).await;
        calls(table, seconds, "gateway", doorbell.calls_port, Some(&doorbell)).await;
        if let Some(nginx) = &nginx {
            calls(table, seconds, "nginx", nginx.calls_port, Some(nginx)).await;
        }
    }
    table.print();
    println!();
    for (name, of, direct) in [
        ("The forward", "POST to bot, forwarded", "POST to bot, direct"),
        ("The gateway", "call, gateway", "call, direct"),
        ("nginx", "call, nginx", "call, direct"),
    ] {
        let added = |quantile: &str| {
            let of = table.median(&format!("{of}, {quantile} at 250/s, ms"));
            of - table.median(&format!("{direct}, {quantile} at 250/s, ms"))
        };
        println!("{name} adds p50 {:.3} ms, p99 {:.3} ms.", added("p50"), added("p99"));
    }
    let ratio = table.median("calls/s, gateway") / table.median("calls/s, nginx");
    println!("The gateway passes {ratio:.2} of the calls that nginx passes.");
}

/// Updates through the service to the bot.
async fn updates(table: &mut Table, seconds: Duration, doorbell: &Subject, bot: &Peer) {
    let webhook = Load::updates(doorbell.port, "/telegram/webhook");
    let (cpu, handled, began) = (doorbell.cpu(), bot.requests(), Instant::now());
    let acknowledged = webhook.closed(CONNECTIONS, seconds).await;
    bot.reach(handled + acknowledged).await;
    let (took, cpu) = (began.elapsed().as_secs_f64(), doorbell.cpu() - cpu);
    table.add("updates stored, forwarded and handled/s", per(acknowledged, took));
    table.add("processor per forwarded update, µs", cpu * 1e6 / per(acknowledged, 1.0));
    let direct = Load::updates(bot.port, "/hook");
    for (name, load) in [("direct", direct), ("forwarded", webhook)] {
        let handled = bot.requests();
        bot.watch();
        let sent = load.open(RATE, seconds).await;
        bot.reach(handled + sent.len() as u64).await;
        let arrivals = bot.arrivals();
        let latencies = sent.iter().map(|sent| arrivals[&sent.id] - sent.due).collect();
        add_latency(table, &format!("POST to bot, {name}"), latencies);
    }
}

/// Calls of the Bot API through one program.
async fn calls(table: &mut Table, seconds: Duration, name: &str, port: u16, through: Option<&Subject>) {
    let load = Load::calls(port, &format!("/bot{}/sendMessage", through.map_or(subject::TOKEN, |it| &it.token)));
    let (cpu, began) = (through.map_or(0.0, Subject::cpu), Instant::now());
    let answered = load.closed(CONNECTIONS, seconds).await;
    let (took, cpu) = (began.elapsed().as_secs_f64(), through.map_or(0.0, Subject::cpu) - cpu);
    table.add(&format!("calls/s, {name}"), per(answered, took));
    if through.is_some() {
        table.add(&format!("processor per call, {name}, µs"), cpu * 1e6 / per(answered, 1.0));
    }
    let sent = load.open(RATE, seconds).await;
    add_latency(table, &format!("call, {name}"), sent.iter().map(|sent| sent.answered - sent.due).collect());
}

#[expect(clippy::cast_precision_loss, reason = "numbers of requests are far below 2^52")]
fn per(number: u64, seconds: f64) -> f64 {
    number as f64 / seconds
}

fn add_latency(table: &mut Table, name: &str, mut latencies: Vec<Duration>) {
    latencies.sort_unstable();
    for (quantile, hundredths) in [("p50", 50), ("p99", 99)] {
        let latency = latencies[(latencies.len() - 1) * hundredths / 100];
        table.add(&format!("{name}, {quantile} at 250/s, ms"), latency.as_secs_f64() * 1e3);
    }
}
