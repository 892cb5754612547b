//! One trace connects the request with the reply, also after a restart. It does not contain what people write, and a
//! collector that is away delays no update.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorbell::clock::{Clock, ManualClock, SystemClock};
use doorbell::handler::{Handler, HandlerError};
use doorbell::sandbox::{Fault, FaultKind};
use doorbell::telegram::Call;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::harness::{
    Collector, Exported, Log, MARK, Program, TestApp, TestAppBuilder, free_port, handler_fn, message, run, waiting,
};

const POST: &str = "POST /telegram/webhook";
const ATTEMPT: &str = "handle update";

/// A service that exports traces to the collector.
async fn traced(wanted: TestAppBuilder, endpoint: String) -> TestApp {
    let app = wanted.with("traces.endpoint", endpoint).start().await;
    app.registered().await;
    app
}

/// A bot that answers each message.
fn answers() -> impl Handler {
    handler_fn(|update| async move {
        let chat = update.chat_key.chat_id().unwrap_or_default();
        Ok(vec![Call::send_message(chat, "a private reply")])
    })
}

#[tokio::test]
async fn one_trace_connects_the_request_with_the_reply() {
    let collector = Collector::start().await;
    let mut app = traced(TestAppBuilder::default().with_handler(answers()), collector.endpoint()).await;
    let before = SystemClock.now().as_nanosecond();
    app.deliver(&message(5, 7, "a private thought")).await;
    app.drain().await;
    app.stop().await.expect("it stops without an error");

    let spans = collector.spans();
    let names: Vec<_> = [POST, ATTEMPT, "sendMessage"].map(|name| collector.named(name).len()).to_vec();
    assert_eq!((spans.len(), names), (3, vec![1, 1, 1]), "{spans:#?}");
    let [post, attempt, call] = [POST, ATTEMPT, "sendMessage"].map(|name| collector.named(name).remove(0));
    assert!(
        spans.iter().all(|exported| exported.span.trace_id == post.span.trace_id && exported.service == "doorbell")
    );
    assert_eq!(post.span.parent_span_id, [0; 0]);
    assert_eq!(attempt.span.parent_span_id, post.span.span_id);
    assert_eq!(call.span.parent_span_id, attempt.span.span_id);
    let kinds = [&post, &attempt, &call].map(|exported| exported.span.kind());
    assert_eq!(kinds, [SpanKind::Server, SpanKind::Internal, SpanKind::Client]);

    let value = |exported: &Exported, name: &str| exported.fact(name).unwrap_or_default();
    let facts = ["update.id", "update.kind", "http.response.status_code", "outcome"];
    assert_eq!(facts.map(|name| value(&post, name)), ["5", "message", "200", "stored"]);
    let facts = ["update.id", "update.kind", "attempt", "outcome"];
    assert_eq!(facts.map(|name| value(&attempt, name)), ["5", "message", "1", "done"]);
    let facts = ["rpc.method", "http.response.status_code", "outcome"];
    assert_eq!(facts.map(|name| value(&call, name)), ["sendMessage", "200", "ok"]);
    for Span { begun, ended } in [&post, &attempt, &call].map(Span::of) {
        assert!(before <= begun && begun <= ended, "{before} {begun} {ended}");
    }
    assert!(Span::of(&attempt).begun <= Span::of(&call).begun && Span::of(&call).ended <= Span::of(&attempt).ended);
}

/// The start and the end of a span, in nanoseconds of Unix time.
struct Span {
    begun: i128,
    ended: i128,
}

impl Span {
    fn of(exported: &Exported) -> Self {
        Self { begun: exported.span.start_time_unix_nano.into(), ended: exported.span.end_time_unix_nano.into() }
    }
}

#[tokio::test]
async fn no_trace_contains_what_people_or_bots_write() {
    let collector = Collector::start().await;
    let mut app = traced(TestAppBuilder::default().with_handler(answers()), collector.endpoint()).await;
    app.deliver(&message(5, 7, "a private thought")).await;
    app.drain().await;
    app.stop().await.expect("it stops without an error");
    assert!(collector.received_text("sendMessage") && collector.received_text("doorbell"));
    for text in ["private", "Ann", "127.0.0.1", "/bot"] {
        assert!(!collector.received_text(text), "{text}");
    }
    let spans = collector.spans();
    let found: BTreeSet<_> = spans.iter().flat_map(|it| &it.span.attributes).map(|fact| fact.key.as_str()).collect();
    let http = ["http.request.method", "http.response.status_code", "http.route"];
    let ours = ["attempt", "outcome", "rpc.method", "update.id", "update.kind"];
    assert_eq!(found, http.into_iter().chain(ours).collect(), "no chat and no person");
}

#[tokio::test]
async fn only_the_collector_gets_the_headers_of_the_settings() {
    let collector = Collector::start().await;
    // The harness searches all output of the test for the mark.
    let wanted = TestAppBuilder::default()
        .with_handler(answers())
        .with("traces.headers", format!("authorization=Basic%20{MARK}"));
    let mut app = traced(wanted, collector.endpoint()).await;
    app.deliver(&message(5, 7, "a")).await;
    app.drain().await;
    app.stop().await.expect("it stops without an error");
    assert_eq!(collector.header("authorization"), Some(format!("Basic {MARK}")));
    assert_eq!(collector.spans().len(), 3);
}

#[tokio::test]
async fn environment_variables_that_are_not_settings_do_not_change_the_export() {
    let collector = Collector::start().await;
    let elsewhere = format!("http://127.0.0.1:{}/v1/traces", free_port());
    let folder = tempfile::tempdir().expect("a folder");
    let ports = [free_port(), free_port()].map(|port| port.to_string());
    let mut command = Program::command(&["sandbox", "--port", &ports[0], "--bot-api-port", &ports[1]]);
    command.current_dir(folder.path()).env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint()).envs([
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", elsewhere.as_str()),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-from-the-environment=1"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "1"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other"),
    ]);
    let program = Program::spawn(command, ports[0].parse().expect("a port"), &folder.path().join("log"));
    program.listens();
    let url = format!("http://{}", program.addr);
    assert_eq!(run(&["ring", "/start", "--url", &url], &[], folder.path()).code, 0);
    let exported = async || collector.named(POST).pop();
    let post = waiting::until("the collector has the span of the request", exported).await;
    assert_eq!(post.service, "doorbell");
    assert_eq!(collector.header("x-from-the-environment"), None);
}

#[tokio::test]
async fn a_redelivered_update_stays_in_its_trace() {
    let collector = Collector::start().await;
    let mut app = traced(TestAppBuilder::default().with_handler(answers()), collector.endpoint()).await;
    for _ in 0..2 {
        app.deliver(&message(5, 7, "a")).await;
        app.drain().await;
    }
    app.stop().await.expect("it stops without an error");
    let [stored, known] = collector.named(POST).try_into().expect("two requests");
    assert_eq!(known.fact("outcome").as_deref(), Some("known"));
    assert_eq!((&known.span.trace_id, &known.span.parent_span_id), (&stored.span.trace_id, &stored.span.span_id));
    assert_eq!(collector.named(ATTEMPT).len(), 1);
}

#[tokio::test]
async fn an_attempt_after_a_restart_belongs_to_the_trace_of_the_first_attempt() {
    let collector = Collector::start().await;
    let (clock, folder) = (ManualClock::new(SystemClock.now()), Arc::new(tempfile::tempdir().expect("a folder")));
    let life = |service: &str, handler: Arc<dyn Handler>| {
        let mut wanted = TestAppBuilder::default().with("traces.service", service).with_clock(&clock);
        (wanted.folder, wanted.handler) = (Some(Arc::<TempDir>::clone(&folder)), Some(handler));
        traced(wanted, collector.endpoint())
    };
    let fails = handler_fn(|_| async { Err(HandlerError::Retry("not today".to_owned())) });
    let mut first = Box::pin(life("first", Arc::new(fails))).await;
    first.deliver(&message(5, 7, "a")).await;
    first.drain().await;
    first.stop().await.expect("it stops without an error");
    drop(first);
    clock.advance(Duration::from_secs(5));
    let mut second = Box::pin(life("second", Arc::new(answers()))).await;
    second.drain().await;
    second.stop().await.expect("it stops without an error");

    let attempts = collector.named(ATTEMPT);
    let found: Vec<_> = attempts
        .iter()
        .map(|attempt| (attempt.service.as_str(), attempt.fact("attempt"), attempt.fact("outcome"), attempt.failed()))
        .collect();
    let fact = |text: &str| Some(text.to_owned());
    assert_eq!(
        found,
        [("first", fact("1"), fact("retry"), true), ("second", fact("2"), fact("done"), false)],
        "each in a process of its own"
    );
    let post = collector.named(POST).remove(0).span;
    assert!(collector.spans().iter().all(|exported| exported.span.trace_id == post.trace_id));
    assert!(attempts.iter().all(|attempt| attempt.span.parent_span_id == post.span_id));
    assert!(!collector.received_text("not today"), "a reason may contain what a person wrote");
}

#[tokio::test]
async fn the_span_of_a_refused_call_has_the_status_and_not_the_description() {
    let collector = Collector::start().await;
    let mut app = traced(TestAppBuilder::default().with_handler(answers()), collector.endpoint()).await;
    let description = "Forbidden: bot was blocked by the user".to_owned();
    let what = FaultKind::Status { code: 403, description, retry_after: None };
    app.sandbox.add_fault(Fault { method: Some("sendMessage".to_owned()), times: Some(1), what });
    app.deliver(&message(5, 7, "a")).await;
    app.drain().await;
    app.stop().await.expect("it stops without an error");
    let call = collector.named("sendMessage").remove(0);
    let found = (call.fact("http.response.status_code"), call.fact("outcome"), call.failed());
    assert_eq!(found, (Some("403".to_owned()), Some("refused".to_owned()), true));
    assert!(!collector.received_text("blocked"));
    assert!(!collector.named(ATTEMPT).remove(0).failed(), "the update was handled");
}

#[tokio::test]
async fn updates_are_answered_while_the_collector_is_away_and_one_line_reports_it() {
    let log = Log::capture();
    let away = format!("http://127.0.0.1:{}", free_port());
    let mut app = traced(TestAppBuilder::default().with_handler(answers()), away).await;
    app.deliver(&message(1, 7, "a")).await;
    app.drain().await;
    let warned = async || log.lines("the collector of traces does not accept them").pop();
    let line = waiting::until("the log says that the collector is away", warned).await;
    assert!(line.contains("WARN") && line.contains("127.0.0.1") && line.contains("traces.endpoint"), "{line}");
    app.deliver(&message(2, 7, "a")).await;
    app.drain().await;
    assert_eq!(app.replies(7).len(), 2);
    app.stop().await.expect("it stops without an error");
    assert_eq!(log.lines("the collector of traces does not accept them").len(), 1, "not one line for each request");
}

#[tokio::test]
async fn a_collector_that_does_not_answer_delays_neither_updates_nor_the_stop() {
    let hangs = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port is free");
    let endpoint = format!("http://{}", hangs.local_addr().expect("it has an address"));
    let mut app = traced(TestAppBuilder::default().with_handler(answers()), endpoint).await;
    app.deliver(&message(1, 7, "a")).await;
    app.drain().await;
    assert_eq!(app.replies(7).len(), 1);
    let asked = Instant::now();
    app.stop().await.expect("it stops without an error");
    assert!(asked.elapsed() < Duration::from_secs(8), "less than the time limit of an export, 10 s");
}
