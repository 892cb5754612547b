use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::Answer;

/// A connection on which a test sends any bytes.
pub struct RawConnection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl RawConnection {
    pub async fn connect(addr: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(addr).await.expect("the service listens"), read: Vec::new() }
    }

    /// A client whose receive buffer holds only a few kilobytes.
    pub async fn with_small_buffer(addr: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(2048).expect("a small buffer");
        Self { stream: socket.connect(addr).await.expect("the service listens"), read: Vec::new() }
    }

    /// Sends bytes. A connection that the service closed is not an error.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Sends until the service accepts no more because its responses are not read.
    pub async fn fill_send_buffer(&mut self, bytes: &[u8]) {
        loop {
            let sent = tokio::time::timeout(Duration::from_millis(300), self.stream.write_all(bytes)).await;
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    }

    /// Reads the next complete response.
    pub async fn answer(&mut self) -> Answer {
        loop {
            if let Some(end) = end_of_answer(&self.read) {
                let answer: Vec<u8> = self.read.drain(..end).collect();
                return Answer::read(&answer);
            }
            let read = self.stream.read_buf(&mut self.read).await.expect("the connection holds");
            assert!(read > 0, "the connection was closed before a response");
        }
    }

    /// Reads the next bytes; none when the service closes the connection.
    pub async fn read_some(&mut self) -> String {
        let _ = self.stream.read_buf(&mut self.read).await;
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }

    /// Closes the sending side only.
    pub async fn end(&mut self) {
        self.stream.shutdown().await.expect("the connection holds");
    }

    /// Reads everything until the service closes the connection.
    pub async fn closed(&mut self) -> String {
        let reading = self.stream.read_to_end(&mut self.read);
        let _ = tokio::time::timeout(Duration::from_secs(20), reading).await.expect("the service closes it");
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }
}

/// The end of the first response, once it is complete.
fn end_of_answer(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let headers = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length = headers.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    (bytes.len() >= head + length).then_some(head + length)
}
