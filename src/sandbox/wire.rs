//! One connection to the webhook: a request, its answer, as the real sender reads it.
//!
//! Written by hand, not with a client library, because a library is kinder than Telegram is: it
//! skips 1xx answers, reads bodies that end with the connection, and hides the reason phrase.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The most bytes of headers, and of a body that would be a method call.
const LARGEST_HEAD: usize = 256 << 10;
const LARGEST_CALL: usize = 1 << 20;

/// An open connection, and what arrived on it beyond the last answer.
#[derive(Debug)]
pub(super) struct Line {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// What the webhook answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) reason: String,
    pub(super) keep_alive: bool,
    /// Whole seconds; 0 if there was none or it was a date.
    pub(super) retry_after: u64,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The webhook closed the connection in good order; Telegram shows this to nobody.
    Closed,
    /// The connection broke.
    Broken(String),
    /// The answer is not one; the sender says so to the receiver, with this status.
    Nonsense(u16, &'static str),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        // The system's own words, without the number that Rust adds to them.
        let text = error.to_string();
        Self::Broken(text.split(" (os error").next().unwrap_or_default().to_owned())
    }
}

/// What the head of an answer says of its body.
enum Length {
    Known(usize),
    Chunked,
}

impl Line {
    pub(super) async fn open(addr: SocketAddr) -> Result<Self, Trouble> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, unread: Vec::new() })
    }

    /// Sends a request and reads the answer to its end.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Answer, Trouble> {
        self.stream.write_all(request).await?;
        let answer = self.read_answer().await;
        if let Err(Trouble::Nonsense(code, text)) = &answer {
            let reason = text.split(':').next().unwrap_or_default();
            let complaint = format!("HTTP/1.1 {code} {reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            // The connection is lost either way.
            self.stream.write_all(complaint.as_bytes()).await.ok();
        }
        answer
    }

    /// Returns when the other end closes the idle connection, or says something unasked.
    pub(super) async fn stirred(&self) {
        self.stream.peek(&mut [0]).await.ok();
    }

    async fn read_answer(&mut self) -> Result<Answer, Trouble> {
        let (mut answer, length) = loop {
            if let Some(head) = self.read_head()? {
                break head;
            }
            if self.unread.len() > LARGEST_HEAD {
                return Err(Trouble::Nonsense(431, "Request Header Fields Too Large: total headers size exceeded"));
            }
            self.fill().await?;
        };
        answer.body = match length {
            Length::Known(length) => self.read_bytes(length, &answer).await?,
            Length::Chunked => self.read_chunks(&answer).await?,
        };
        Ok(answer)
    }

    fn read_head(&mut self) -> Result<Option<(Answer, Length)>, Trouble> {
        let mut headers = [httparse::EMPTY_HEADER; 100];
        let mut response = httparse::Response::new(&mut headers);
        let size = match response.parse(&self.unread) {
            Ok(httparse::Status::Complete(size)) => size,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::Version) => return Err(Trouble::Nonsense(505, "HTTP Version Not Supported")),
            Err(_) => return Err(Trouble::Nonsense(400, "Bad Request")),
        };
        let header = |name: &str| {
            let value = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            value.map(|header| String::from_utf8_lossy(header.value).trim().to_ascii_lowercase()).unwrap_or_default()
        };
        match header("content-encoding").as_str() {
            "" | "identity" | "gzip" | "deflate" => {}
            _ => return Err(Trouble::Nonsense(415, "Unsupported Media Type: unsupported content-encoding")),
        }
        let code = response.code.unwrap_or_default();
        let length = match header("transfer-encoding").as_str() {
            "" | "identity" => Length::Known(header("content-length").parse().unwrap_or(0)),
            "chunked" => Length::Chunked,
            _ => return Err(Trouble::Nonsense(501, "Unimplemented: unsupported transfer-encoding")),
        };
        let connection = header("connection");
        let answer = Answer {
            code,
            reason: response.reason.unwrap_or_default().to_owned(),
            keep_alive: if response.version == Some(1) { connection != "close" } else { connection == "keep-alive" },
            retry_after: header("retry-after").parse().unwrap_or(0),
            // A compressed body is not unpacked here, so no method is read from it.
            content_type: if header("content-encoding").is_empty() { header("content-type") } else { String::new() },
            body: Vec::new(),
        };
        self.unread.drain(..size);
        Ok(Some((answer, length)))
    }

    async fn read_bytes(&mut self, length: usize, answer: &Answer) -> Result<Vec<u8>, Trouble> {
        answer.check_size(length)?;
        while self.unread.len() < length {
            self.fill().await?;
        }
        Ok(self.unread.drain(..length).collect())
    }

    async fn read_chunks(&mut self, answer: &Answer) -> Result<Vec<u8>, Trouble> {
        const BAD: Trouble = Trouble::Nonsense(400, "Bad Request: invalid chunk size");
        let mut body = Vec::new();
        loop {
            let line = self.read_line().await?;
            let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16).or(Err(BAD))?;
            if size == 0 {
                while !self.read_line().await?.is_empty() {}
                return Ok(body);
            }
            answer.check_size(body.len().saturating_add(size))?;
            body.append(&mut self.read_bytes(size, answer).await?);
            self.read_line().await?;
        }
    }

    async fn read_line(&mut self) -> Result<String, Trouble> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), Trouble> {
        match self.stream.read_buf(&mut self.unread).await? {
            0 => Err(Trouble::Closed),
            _ => Ok(()),
        }
    }
}

impl Answer {
    /// Whether its body is read as a method call.
    pub(super) fn may_be_a_call(&self) -> bool {
        let kinds = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"];
        (200..300).contains(&self.code) && kinds.iter().any(|kind| self.content_type.contains(kind))
    }

    fn check_size(&self, size: usize) -> Result<(), Trouble> {
        let small = size <= LARGEST_CALL || !self.may_be_a_call() || self.content_type.contains("multipart");
        small.then_some(()).ok_or(Trouble::Nonsense(413, "Request Entity Too Large: too many parameters"))
    }
}

#[cfg(test)]
mod tests;
