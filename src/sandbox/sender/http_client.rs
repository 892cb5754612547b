//! A connection to the webhook: sends a request and reads the response as the real sender does.
//!
//! It does not use an HTTP client library, because a library is more lenient than Telegram: it skips 1xx
//! responses, reads bodies that end with the connection, and hides the reason phrase.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The maximum size of the headers, and of a body that is a method call.
const MAX_HEAD: usize = 256 << 10;
const MAX_CALL: usize = 1 << 20;

/// An open connection, and the bytes that arrived after the last response.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// The webhook's response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WebhookResponse {
    pub(crate) code: u16,
    pub(crate) reason: String,
    pub(crate) keep_alive: bool,
    /// In seconds; 0 if there was none or it was a date.
    pub(crate) retry_after: u64,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

/// Why there is no response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DeliveryError {
    /// The webhook closed the connection in good order. `getWebhookInfo` does not report this.
    Closed,
    /// The connection failed.
    Failed(String),
    /// The response is malformed. The sender reports this status to the webhook.
    Malformed(u16, &'static str),
}

impl From<io::Error> for DeliveryError {
    fn from(error: io::Error) -> Self {
        // The system's text, without the number that Rust appends.
        let text = error.to_string();
        Self::Failed(text.split(" (os error").next().unwrap_or_default().to_owned())
    }
}

/// The length of a body, as the headers give it.
enum Length {
    Known(usize),
    Chunked,
}

impl Connection {
    pub(crate) async fn open(addr: SocketAddr) -> Result<Self, DeliveryError> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, unread: Vec::new() })
    }

    /// Sends a request and reads the whole response.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<WebhookResponse, DeliveryError> {
        self.stream.write_all(request).await?;
        let response = self.read_response().await;
        if let Err(DeliveryError::Malformed(code, text)) = &response {
            let reason = text.split(':').next().unwrap_or_default();
            let complaint = format!("HTTP/1.1 {code} {reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            // The connection is closed next in any case.
            self.stream.write_all(complaint.as_bytes()).await.ok();
        }
        response
    }

    /// Returns when the webhook closes the idle connection or sends something on it.
    pub(crate) async fn readable(&self) {
        self.stream.peek(&mut [0]).await.ok();
    }

    async fn read_response(&mut self) -> Result<WebhookResponse, DeliveryError> {
        let (mut response, length) = loop {
            if let Some(head) = self.read_head()? {
                break head;
            }
            if self.unread.len() > MAX_HEAD {
                return Err(DeliveryError::Malformed(
                    431,
                    "Request Header Fields Too Large: total headers size exceeded",
                ));
            }
            self.fill().await?;
        };
        response.body = match length {
            Length::Known(length) => self.read_bytes(length, &response).await?,
            Length::Chunked => self.read_chunks(&response).await?,
        };
        Ok(response)
    }

    fn read_head(&mut self) -> Result<Option<(WebhookResponse, Length)>, DeliveryError> {
        let mut headers = [httparse::EMPTY_HEADER; 100];
        let mut head = httparse::Response::new(&mut headers);
        let size = match head.parse(&self.unread) {
            Ok(httparse::Status::Complete(size)) => size,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::Version) => return Err(DeliveryError::Malformed(505, "HTTP Version Not Supported")),
            Err(_) => return Err(DeliveryError::Malformed(400, "Bad Request")),
        };
        let header = |name: &str| {
            let value = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            value.map(|header| String::from_utf8_lossy(header.value).trim().to_ascii_lowercase()).unwrap_or_default()
        };
        match header("content-encoding").as_str() {
            "" | "identity" | "gzip" | "deflate" => {}
            _ => return Err(DeliveryError::Malformed(415, "Unsupported Media Type: unsupported content-encoding")),
        }
        let code = head.code.unwrap_or_default();
        let length = match header("transfer-encoding").as_str() {
            "" | "identity" => Length::Known(header("content-length").parse().unwrap_or(0)),
            "chunked" => Length::Chunked,
            _ => return Err(DeliveryError::Malformed(501, "Unimplemented: unsupported transfer-encoding")),
        };
        let connection = header("connection");
        let response = WebhookResponse {
            code,
            reason: head.reason.unwrap_or_default().to_owned(),
            keep_alive: if head.version == Some(1) { connection != "close" } else { connection == "keep-alive" },
            retry_after: header("retry-after").parse().unwrap_or(0),
            // A compressed body is not decompressed here, so no method call is read from it.
            content_type: if header("content-encoding").is_empty() { header("content-type") } else { String::new() },
            body: Vec::new(),
        };
        self.unread.drain(..size);
        Ok(Some((response, length)))
    }

    async fn read_bytes(&mut self, length: usize, response: &WebhookResponse) -> Result<Vec<u8>, DeliveryError> {
        response.check_size(length)?;
        while self.unread.len() < length {
            self.fill().await?;
        }
        Ok(self.unread.drain(..length).collect())
    }

    async fn read_chunks(&mut self, response: &WebhookResponse) -> Result<Vec<u8>, DeliveryError> {
        const BAD: DeliveryError = DeliveryError::Malformed(400, "Bad Request: invalid chunk size");
        let mut body = Vec::new();
        loop {
            let line = self.read_line().await?;
            let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16).or(Err(BAD))?;
            if size == 0 {
                while !self.read_line().await?.is_empty() {}
                return Ok(body);
            }
            response.check_size(body.len().saturating_add(size))?;
            body.append(&mut self.read_bytes(size, response).await?);
            self.read_line().await?;
        }
    }

    async fn read_line(&mut self) -> Result<String, DeliveryError> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), DeliveryError> {
        match self.stream.read_buf(&mut self.unread).await? {
            0 => Err(DeliveryError::Closed),
            _ => Ok(()),
        }
    }
}

impl WebhookResponse {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// Whether the body is read as a method call.
    pub(crate) fn may_be_a_call(&self) -> bool {
        let kinds = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"];
        self.is_success() && kinds.iter().any(|kind| self.content_type.contains(kind))
    }

    fn check_size(&self, size: usize) -> Result<(), DeliveryError> {
        let small = size <= MAX_CALL || !self.may_be_a_call() || self.content_type.contains("multipart");
        small.then_some(()).ok_or(DeliveryError::Malformed(413, "Request Entity Too Large: too many parameters"))
    }
}

#[cfg(test)]
mod tests;
