use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::StatusCode;
use tokio::io::AsyncWrite;

/// Gives a body to the responses that hyper itself writes when it cannot read the head of a request, such as 414 and
/// 431. Hyper has no option for it.
pub(super) struct ProtocolErrors {
    body: fn(StatusCode) -> String,
    /// The number of requests whose responses have been sent. If hyper writes although no other request has begun, it
    /// writes such a response.
    answered: u64,
    /// What is left to send of the response that replaces hyper's.
    unsent: Bytes,
}

impl ProtocolErrors {
    pub(super) fn new(body: fn(StatusCode) -> String) -> Self {
        Self { body, answered: 0, unsent: Bytes::new() }
    }

    /// Takes the response over, if it is hyper's own. `requests` is the number of requests that have begun.
    pub(super) fn takes(&mut self, response: &[u8], requests: u64) -> bool {
        if requests != self.answered || !self.unsent.is_empty() {
            return false;
        }
        let status = response.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let status = status.and_then(|status| StatusCode::from_bytes(status).ok());
        let Some(status) = status.filter(|status| status.is_client_error() && response.ends_with(b"\r\n\r\n")) else {
            return false;
        };
        let body = (self.body)(status);
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.unsent = (head + body.as_str()).into();
        true
    }

    /// Sends what was taken over.
    pub(super) fn poll_send<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let sent = ready!(Pin::new(&mut *stream).poll_write(cx, &self.unsent))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.advance(sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Records that the responses to all these requests have been sent.
    pub(super) fn sent(&mut self, requests: u64) {
        self.answered = requests;
    }
}
