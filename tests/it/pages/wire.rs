//! The size of a page as it travels: with its style and its script, compressed.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{print_line, raw};

/// The most bytes of a first view, which a phone with a bad connection loads in a second.
const MOST: usize = 30 * 1024;

/// Fails the test when the first view of a page is larger than it may be. `headers` are those of a person who has
/// logged in, each with its line end.
pub(super) async fn assert_small(addr: SocketAddr, path: &str, headers: &str) {
    let (_, page) = fetch(addr, path, headers).await;
    let page = String::from_utf8_lossy(&page).into_owned();
    let packed = format!("Accept-Encoding: gzip, br\r\n{headers}");
    let mut sizes = vec![(path.to_owned(), fetch(addr, path, &packed).await.1.len())];
    for name in loaded(&page) {
        let (_, part) = fetch(addr, &name, &packed).await;
        sizes.push((name, part.len()));
    }
    let all: usize = sizes.iter().map(|(_, size)| size).sum();
    print_line(&format!("the first view of {path}: {all} bytes, {sizes:?}"));
    assert!(all <= MOST, "{path}: {sizes:?}");
}

/// The paths that a page loads: its style, its script and its images.
fn loaded(page: &str) -> Vec<String> {
    let mut names = Vec::new();
    for tag in page.split('<').filter(|tag| ["link ", "script ", "img "].iter().any(|name| tag.starts_with(name))) {
        for attribute in [" href=\"", " src=\""] {
            let value = tag.split_once(attribute).and_then(|(_, rest)| rest.split_once('"'));
            names.extend(value.map(|(value, _)| value.to_owned()).filter(|value| value.starts_with('/')));
        }
    }
    names.sort();
    names.dedup();
    names
}

/// The head of a response, and all bytes that were received, the head included.
pub(super) async fn fetch(addr: SocketAddr, path: &str, headers: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(addr).await.expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.expect("it answers");
    let head = String::from_utf8_lossy(&received).split("\r\n\r\n").next().unwrap_or_default().to_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
    (head, received)
}

/// Posts JSON, which must be answered with 200.
pub(super) async fn post_json(addr: SocketAddr, path: &str, body: &serde_json::Value) {
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {addr}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    let answer = raw(addr, format!("{head}{body}").as_bytes()).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
}
