use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Answer;
use super::app::SECRET;

/// A connection that is kept, as Telegram's sender keeps its own: one ring after another.
pub(crate) struct Line {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Line {
    pub(crate) async fn open(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::new() })
    }

    /// Delivers an update and reads the answer; an error when the connection ends before it came.
    pub(crate) async fn deliver(&mut self, update: &serde_json::Value) -> io::Result<Answer> {
        self.send(update).await?;
        self.answer().await
    }

    /// Delivers an update, and leaves the answer for later.
    pub(crate) async fn send(&mut self, update: &serde_json::Value) -> io::Result<()> {
        let body = update.to_string();
        let request = format!(
            "POST /telegram/webhook HTTP/1.1\r\nHost: doorbell\r\nX-Telegram-Bot-Api-Secret-Token: {SECRET}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: keep-alive\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await
    }

    /// Reads the next answer.
    pub(crate) async fn answer(&mut self) -> io::Result<Answer> {
        loop {
            if let Some(head) = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let length = Answer::read(&self.read[..head]).header("content-length").and_then(|n| n.parse().ok());
                let end = head + 4 + length.unwrap_or(0);
                if self.read.len() >= end {
                    let answer = Answer::read(&self.read[..end]);
                    self.read.drain(..end);
                    return Ok(answer);
                }
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
