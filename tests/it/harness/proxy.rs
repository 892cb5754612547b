use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// A proxy on loopback. It sends every plain HTTP request to one server, for any host in the request, and
/// refuses tunnels. It records the head of the first request of each connection.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) addr: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port is free");
        let addr = listener.local_addr().expect("it has an address");
        let proxy = Self { addr, heads: Arc::default() };
        let accepting = proxy.clone();
        tokio::task::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn(accepting.clone().pass(stream, server));
            }
        });
        proxy
    }

    /// The recorded heads, in order.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no panic").clone()
    }

    async fn pass(self, mut client: TcpStream, server: SocketAddr) {
        let mut first = [0];
        if client.peek(&mut first).await.is_ok() && first == [SOCKS] {
            self.pass_socks(client, server).await.expect("the client speaks SOCKS 5");
            return;
        }
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            match client.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        let tunnel = text.starts_with("CONNECT ");
        self.heads.lock().expect("no panic").push(text);
        if tunnel {
            let _ = client.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await;
            return;
        }
        let mut server = TcpStream::connect(server).await.expect("the server listens");
        server.write_all(&head).await.expect("the server reads");
        // The server understands requests that name the host in their first line.
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }

    /// SOCKS 5 (RFC 1928) with a password (RFC 1929), for a host that is given by its name.
    async fn pass_socks(self, mut client: TcpStream, server: SocketAddr) -> std::io::Result<()> {
        let [_, methods] = read(&mut client).await?;
        client.read_exact(&mut vec![0; methods.into()]).await?;
        client.write_all(&[SOCKS, 2]).await?;
        let [_] = read(&mut client).await?;
        let (user, password) = (text(&mut client).await?, text(&mut client).await?);
        client.write_all(&[1, 0]).await?;
        let [_, _, _, kind] = read(&mut client).await?;
        assert_eq!(kind, 3, "a name");
        let host = text(&mut client).await?;
        let [_, _] = read(&mut client).await?;
        self.heads.lock().expect("no panic").push(format!("SOCKS {host} for {user}, {} characters", password.len()));
        client.write_all(&[SOCKS, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
        let mut server = TcpStream::connect(server).await?;
        // Either side may close the connection.
        let _ = copy_bidirectional(&mut client, &mut server).await;
        Ok(())
    }
}

/// The first byte of SOCKS 5, which starts no HTTP request.
const SOCKS: u8 = 5;

async fn read<const N: usize>(client: &mut TcpStream) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// A text after its length.
async fn text(client: &mut TcpStream) -> std::io::Result<String> {
    let mut text = vec![0; client.read_u8().await?.into()];
    client.read_exact(&mut text).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
