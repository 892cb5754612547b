use std::future::Future;

use tokio::net::TcpListener;

use super::*;

/// How these responses are read, each the response to one request. The connection then closes.
async fn read(answers: &'static [&'static str]) -> Vec<Result<WebhookResponse, DeliveryError>> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut connection = Connection::open(listener.local_addr().unwrap()).await.unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    let receiver = async move {
        for answer in answers {
            stream.read_exact(&mut [0; 1]).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    };
    let sender = async move {
        let mut results = Vec::new();
        for _ in answers {
            results.push(connection.exchange(b"x").await);
        }
        results
    };
    both(receiver, sender).await
}

async fn both<T>(first: impl Future<Output = ()>, second: impl Future<Output = T>) -> T {
    tokio::join!(first, second).1
}

async fn read_one(answer: &'static str) -> Result<WebhookResponse, DeliveryError> {
    let answers: &'static [&'static str] = Box::leak(Box::new([answer]));
    read(answers).await.remove(0)
}

#[tokio::test]
async fn a_body_has_the_length_that_its_headers_give() {
    let plain = "HTTP/1.1 200 OK\r\nContent-Type: Application/JSON; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}";
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\n{\r\n1\r\n}\r\n0\r\nTrailer: 1\r\n\r\n";
    let answers: &'static [&'static str] = Box::leak(Box::new([plain, chunked, "HTTP/1.1 204 Empty\r\n\r\n"]));
    let answers: Vec<WebhookResponse> = read(answers).await.into_iter().map(Result::unwrap).collect();
    assert!(answers[0].may_be_a_call() && !answers[1].may_be_a_call());
    assert_eq!((answers[0].body.as_slice(), answers[1].body.as_slice()), (&b"{}"[..], &b"{}"[..]));
    assert_eq!((answers[2].code, answers[2].keep_alive), (204, true));
}

#[tokio::test]
async fn an_interim_response_counts_as_the_response_and_the_final_one_as_the_next() {
    let both = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let answers = read(Box::leak(Box::new([both, ""]))).await;
    let codes: Vec<u16> = answers.into_iter().map(|answer| answer.unwrap().code).collect();
    assert_eq!(codes, [100, 200]);
}

#[tokio::test]
async fn a_closed_connection_differs_from_a_response_with_connection_close() {
    assert_eq!(read_one("").await.unwrap_err(), DeliveryError::Closed);
    assert_eq!(read_one("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n123").await.unwrap_err(), DeliveryError::Closed);
    let busy = read_one("HTTP/1.1 503 Busy Now\r\nRetry-After: 7\r\nConnection: close\r\n\r\n").await.unwrap();
    assert_eq!((busy.code, busy.reason.as_str(), busy.retry_after, busy.keep_alive), (503, "Busy Now", 7, false));
    assert!(!read_one("HTTP/1.0 200 OK\r\n\r\n").await.unwrap().keep_alive);
}

#[tokio::test]
async fn some_responses_with_200_are_failures() {
    for (answer, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n", "Unsupported Media Type: unsupported content-encoding"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "Unimplemented: unsupported transfer-encoding"),
        ("HTTP/2 200 OK\r\n\r\n", "HTTP Version Not Supported"),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1048577\r\n\r\n",
            "Request Entity Too Large: too many parameters",
        ),
    ] {
        assert!(
            matches!(read_one(answer).await, Err(DeliveryError::Malformed(_, text)) if text == expected),
            "{answer}"
        );
    }
}
