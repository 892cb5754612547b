//! What passes arrives as it was sent, in both directions.

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::harness::{Gateway, Options, assert_error, posted, stand_in, with_stand_in};
use super::upstream::{OK, Upstream};
use crate::harness::{Answer, Proxy, RawConnection, waiting};

/// The answer of the Bot API, byte for byte.
fn assert_passed(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (200, OK), "{answer:?}");
    assert_eq!((answer.header("content-type"), answer.header("x-own")), (Some("application/json"), Some("passes")));
    assert_eq!(answer.header("transfer-encoding"), None);
}

#[tokio::test]
async fn a_call_in_each_form_arrives_unchanged_with_the_real_token() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    let multipart = "--X\r\ncontent-disposition:form-data;name=\"photo\";filename=p.jpg\r\n\r\nJPEG\r\n--X--";
    for (content_type, body) in [
        ("application/json", r#"{"chat_id":7,  "text":"é","method":"close"}"#),
        ("application/x-www-form-urlencoded", "chat_id=7&text=%F0%9F%92%A9+b"),
        ("multipart/form-data; boundary=X", multipart),
        ("text/strange", "\u{1}"),
    ] {
        assert_passed(&gateway.post("/{bot}/sendPhoto?a=%20b%2Fc&a=2", content_type, body).await);
        let seen = upstream.only();
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/botTOKEN/sendPhoto?a=%20b%2Fc&a=2"));
        assert_eq!(seen.headers[CONTENT_TYPE], content_type);
        assert_eq!(&seen.body[..], body.as_bytes());
        assert_eq!(seen.headers[CONTENT_LENGTH], body.len().to_string());
    }
}

#[tokio::test]
async fn a_get_and_an_empty_and_a_chunked_and_a_zero_byte_body_arrive_as_they_are() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    assert_passed(&gateway.get("/{bot}/getMe").await);
    let seen = upstream.only();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/botTOKEN/getMe"));
    assert!(!seen.headers.contains_key(TRANSFER_ENCODING) && !seen.headers.contains_key(CONTENT_TYPE));

    let form = "GET /{bot}/getChat HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                Content-Length: 9\r\n\r\nchat_id=7";
    assert_passed(&gateway.ask(form).await);
    let seen = upstream.only();
    assert_eq!((seen.method.as_str(), &seen.body[..]), ("GET", &b"chat_id=7"[..]));

    assert_passed(&gateway.ask("POST /{bot}/getMe HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").await);
    assert_eq!(upstream.only().body.len(), 0);

    let chunked = "POST /{bot}/getMe HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=X\r\n\
                   Transfer-Encoding: chunked\r\n\r\n";
    for (chunks, body) in [("0\r\n\r\n", ""), ("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde")] {
        assert_passed(&gateway.ask(format!("{chunked}{chunks}")).await);
        let seen = upstream.only();
        assert_eq!(&seen.body[..], body.as_bytes());
        assert_eq!(seen.headers[TRANSFER_ENCODING], "chunked");
        assert_eq!(seen.headers[CONTENT_TYPE], "multipart/form-data; boundary=X");
    }
}

#[tokio::test]
async fn only_the_headers_that_describe_the_body_and_the_wanted_answer_pass() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    let request = "POST /{bot}/getMe HTTP/1.1\r\nHost: bot.example\r\nX-Real-IP: 1.2.3.4\r\nX-Forwarded-For: 1.2.3.4\r\n\
                   X-Forwarded-Proto: https\r\nForwarded: for=1.2.3.4\r\nAuthorization: Bearer x\r\nCookie: a=b\r\n\
                   Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nContent-Encoding: identity\r\n\
                   Accept-Encoding: gzip, deflate\r\nContent-Length: 2\r\n\r\n{}";
    assert_passed(&gateway.ask(request).await);
    let seen = upstream.only();
    let mut names: Vec<_> = seen.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    let expected = ["accept", "accept-encoding", "content-encoding", "content-length", "host", "user-agent"];
    assert_eq!(names, expected);
    assert_eq!(seen.headers[ACCEPT_ENCODING], "gzip, deflate");
    assert_eq!(seen.headers[CONTENT_ENCODING], "identity");
    assert_eq!(seen.headers["host"], upstream.addr.to_string());
    assert!(seen.headers["user-agent"].to_str().is_ok_and(|agent| agent.starts_with("doorbell/")));
}

#[tokio::test]
async fn an_error_and_a_redirect_pass_and_no_redirect_is_followed() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    let throttled = gateway.get("/{bot}/throttle").await;
    assert_eq!((throttled.status, &throttled.json()["parameters"]["retry_after"]), (429, &7.into()));
    let redirected = gateway.get("/{bot}/redirect").await;
    assert_eq!((redirected.status, redirected.header("location")), (302, Some("http://127.0.0.1:1/elsewhere")));
}

#[tokio::test]
async fn requests_on_one_connection_are_answered_one_after_another() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    let mut wire = RawConnection::connect(gateway.addr).await;
    for text in ["one", "two", "three"] {
        let answer = gateway.ask_on(&mut wire, posted("/{bot}/sendMessage", "application/json", text)).await;
        assert_passed(&answer);
        assert_eq!(upstream.only().body, text);
    }
}

#[tokio::test]
async fn a_url_of_65534_bytes_passes_and_a_longer_one_gets_414() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    let path = format!("/bot{}/sendMessage?text=", stand_in());
    let text = |length: usize| "a".repeat(length - path.len());
    for length in [49_243, 65_400, 65_534] {
        for method in ["GET", "POST"] {
            let request = format!("{method} {path}{} HTTP/1.1\r\nHost: a\r\n\r\n", text(length));
            assert_passed(&gateway.ask(request).await);
            let seen = upstream.only();
            let parameters = [seen.target.as_bytes(), &seen.body].concat();
            let parameters = String::from_utf8(parameters).unwrap();
            assert_eq!(parameters.split_once("text=").unwrap().1, text(length), "{length}");
        }
    }
    // The address of the Bot API makes it too long, and it has a body already.
    let request = format!("POST {path}{} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}", text(65_534));
    assert_error(&gateway.ask(request).await, 414, "Request-URI Too Long");
    assert_eq!(upstream.seen().len(), 0);
}

#[tokio::test]
async fn a_call_that_cannot_be_passed_on_says_whether_it_may_have_been_carried_out() {
    let upstream = Upstream::start().await;
    let nowhere = Options { api_url: "http://127.0.0.1:1".to_owned(), ..Options::before(&upstream) }.start();
    let answer = nowhere.get("/{bot}/getMe").await;
    assert_error(
        &answer,
        502,
        "Bad Gateway: Telegram is not available: connection refused. The call was not carried out",
    );
}

/// A Bot API that answers one request with these bytes and closes the connection, and a gateway before it.
async fn before_a_broken_bot_api(answer: &'static str) -> (Gateway, impl Future<Output = ()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port is free");
    let api_url = format!("http://{}", listener.local_addr().expect("it has an address"));
    let answering = async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n{}") {
            stream.read_buf(&mut head).await.expect("it sends");
        }
        stream.write_all(answer.as_bytes()).await.expect("it reads");
    };
    (Options { api_url, ..Options::default() }.start(), answering)
}

#[tokio::test]
async fn a_call_whose_answer_is_lost_says_that_it_may_have_been_carried_out() {
    let (gateway, answering) = before_a_broken_bot_api("").await;
    let (answer, ()) = tokio::join!(gateway.post("/{bot}/sendMessage", "application/json", "{}"), answering);
    assert_error(&answer, 502, "Bad Gateway: no answer of Telegram's could be read");
    assert!(answer.body.contains("The call may have been carried out"), "{answer:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off() {
    let (gateway, answering) = before_a_broken_bot_api("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"ok\":").await;
    let mut wire = RawConnection::connect(gateway.addr).await;
    wire.send(with_stand_in(posted("/{bot}/sendMessage", "application/json", "{}").as_bytes())).await;
    let (text, ()) = tokio::join!(wire.closed(), answering);
    assert!(text.to_lowercase().contains("content-length: 100\r\n") && text.ends_with("{\"ok\":"), "{text}");
}

#[tokio::test]
async fn a_body_that_the_bot_breaks_off_is_not_a_whole_call() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    let chunked =
        "POST /{bot}/sendMessage HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nXYZ\r\n";
    assert_error(&gateway.ask(chunked).await, 400, "Bad Request: the body broke off");
}

#[tokio::test]
async fn a_client_that_waits_for_permission_to_send_gets_it() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    let mut wire = RawConnection::connect(gateway.addr).await;
    let head = "POST /{bot}/sendMessage HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    wire.send(with_stand_in(head.as_bytes())).await;
    assert_eq!(wire.answer().await.status, 100);
    wire.send("{}").await;
    assert_passed(&wire.answer().await);
    assert_eq!(&upstream.only().body[..], b"{}");
}

#[tokio::test]
async fn calls_go_through_the_proxy_of_the_settings() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::before(upstream.addr).await;
    let options = Options { api_url: "http://bot-api.test/base".to_owned(), ..Options::before(&upstream) };
    let url: &'static str = format!("http://{}", proxy.addr).leak();
    let gateway = options.with("telegram.proxy", url).start();
    assert_passed(&gateway.get("/{bot}/getMe").await);
    waiting::until("the proxy was used", async || (!proxy.heads().is_empty()).then_some(())).await;
    assert!(proxy.heads()[0].starts_with("GET http://bot-api.test/base/bot"));
}
