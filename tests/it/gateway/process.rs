//! The gateway in the real program, whose memory no other test uses.

use std::net::SocketAddr;
use std::time::Duration;

use doorbell::sandbox::TOKEN;
use tempfile::TempDir;

use super::upstream::Upstream;
use crate::harness::{Program, free_port, waiting};

pub struct GatewayProcess {
    pub addr: SocketAddr,
    program: Program,
    _folder: TempDir,
}

impl GatewayProcess {
    pub async fn start(upstream: &Upstream) -> Self {
        let (folder, port) = (tempfile::tempdir().expect("a temporary folder"), free_port());
        let listen = format!("127.0.0.1:{port}");
        let variables = [
            ("TELEGRAM_BOT_TOKEN", TOKEN),
            ("TELEGRAM_API_URL", &upstream.url()),
            ("DATABASE_URL", "memory:"),
            ("DOORBELL__GATEWAY__LISTEN", &listen),
            ("DOORBELL__WEBHOOK__REGISTER", "false"),
            ("RUST_LOG", "info"),
        ];
        let program = Program::serve(&variables, &folder.path().join("log"));
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        waiting::until("the gateway listens", async || tokio::net::TcpStream::connect(addr).await.ok()).await;
        Self { addr, program, _folder: folder }
    }

    /// The resident memory of the process in bytes.
    pub fn resident(&self) -> usize {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.program.child.id())).expect("it runs");
        let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
        pages * 4096
    }

    /// Awaits a future, and meanwhile notes the most memory that the process has.
    pub async fn measured<T>(&self, future: impl Future<Output = T>, most: &mut usize) -> T {
        let measuring = async {
            loop {
                *most = self.resident().max(*most);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            value = future => value,
            () = measuring => unreachable!("it has no end"),
        }
    }
}
