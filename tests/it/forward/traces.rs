//! The bot continues the trace of its update, and its own calls have spans.

use std::net::SocketAddr;

use doorbell::sandbox::TOKEN;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::bot::{Bot, answer, status};
use super::variables;
use crate::harness::{Collector, Exported, FakeBotApi, KeepAliveClient, Program, free_port, message, raw, waiting};

const FORWARD: &str = "forward update";
const GATEWAY: &str = "gateway request";

/// The header with which another service continues a span.
fn traceparent(exported: &Exported) -> String {
    let trace = u128::from_be_bytes(exported.span.trace_id.clone().try_into().expect("16 bytes"));
    let span = u64::from_be_bytes(exported.span.span_id.clone().try_into().expect("8 bytes"));
    format!("00-{trace:032x}-{span:016x}-01")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bot_continues_the_trace_of_its_update_and_its_calls_are_traced() {
    let (telegram, folder, collector) =
        (FakeBotApi::start().await, tempfile::tempdir().expect("a temporary folder"), Collector::start().await);
    let bot = Bot::start(|request| match request.header("x-doorbell-attempt") {
        Some("1") => answer(500, "", "a private answer"),
        _ => status(200),
    })
    .await;
    let gateway = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let (api, url, listen) = (telegram.url(), bot.url("/hook/a-private-path"), gateway.to_string());
    let endpoint = collector.endpoint();
    let more = [
        ("DOORBELL__GATEWAY__LISTEN", listen.as_str()),
        ("DOORBELL__DISPATCH__BACKOFF__FIRST", "1ms"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
    ];
    let variables = variables([&api, "memory:", &url], &more);
    let program = Program::serve(&variables, &folder.path().join("log"));
    let mut line = KeepAliveClient::connect(program.addr).await.expect("it listens");
    assert_eq!(line.deliver(&message(5, 7, "a private thought")).await.expect("an answer").status, 200);
    let requests = bot.received(2).await;
    let spans = waiting::until("both requests are exported", async || {
        Some(collector.named(FORWARD)).filter(|spans| spans.len() == 2)
    })
    .await;
    let [failed, taken] = [0, 1].map(|at| {
        let header = requests[at].header("traceparent").expect("it is passed on").to_owned();
        spans.iter().find(|span| traceparent(span) == header).expect("its span").clone()
    });
    let attempts = waiting::until("both attempts are exported", async || {
        Some(collector.named("handle update")).filter(|spans| spans.len() == 2)
    })
    .await;
    for (span, code, outcome, is_ok) in [(&failed, "500", "failed", false), (&taken, "200", "taken", true)] {
        assert_eq!(span.fact("http.response.status_code").as_deref(), Some(code));
        assert_eq!((span.fact("outcome").as_deref(), span.failed()), (Some(outcome), !is_ok));
        assert_eq!(span.span.kind(), SpanKind::Client);
        let parent = attempts.iter().find(|attempt| attempt.span.span_id == span.span.parent_span_id);
        assert_eq!(parent.expect("it is part of an attempt").span.trace_id, span.span.trace_id);
    }

    let body = r#"{"chat_id":7,"text":"a private reply"}"#;
    let call = format!(
        "POST /bot{TOKEN}/sendMessage HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let answered = raw(gateway, call.as_bytes()).await;
    assert_eq!(answered.status, 200);
    let received = answered.body.len();
    let span = waiting::until("the call is exported", async || collector.named(GATEWAY).pop()).await;
    let facts = ["rpc.method", "http.response.status_code", "http.request.body.size", "http.response.body.size"];
    let values = facts.map(|name| span.fact(name).unwrap_or_default());
    assert_eq!(values, ["sendMessage", "200", &body.len().to_string(), &received.to_string()]);
    assert_eq!((span.span.attributes.len(), span.span.kind(), span.failed()), (4, SpanKind::Server, false));
    raw(
        gateway,
        format!("GET /bot{TOKEN}/a-private-method HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes(),
    )
    .await;
    let refused = waiting::until("the refused call is exported", async || {
        collector
            .named(GATEWAY)
            .into_iter()
            .find(|span| span.fact("http.response.status_code").as_deref() == Some("404"))
    })
    .await;
    assert_eq!((refused.fact("rpc.method").as_deref(), refused.failed()), (Some("other"), true));
    for text in ["private", "Ann", "127.0.0.1", "/bot"] {
        assert!(!collector.received_text(text), "{text}");
    }
    drop(program);
}
