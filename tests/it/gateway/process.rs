//! A gateway in a process of its own, whose memory no other test uses: this test binary, started again with one test.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::harness::Options;
use super::upstream::Upstream;

/// The variable that tells the process where the Bot API is.
const BOT_API: &str = "DOORBELL_TEST_BOT_API";
/// What the process prints before its address.
const LISTENS: &str = "the gateway listens on ";

pub struct GatewayProcess {
    pub addr: SocketAddr,
    child: Child,
}

impl GatewayProcess {
    pub async fn start(upstream: &Upstream) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program has a path"))
            .args(["--exact", "gateway::process::serve_until_killed", "--ignored", "--nocapture"])
            .env(BOT_API, upstream.url())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let address = tokio::task::spawn_blocking(move || {
            lines.find_map(|line| line.ok()?.split_once(LISTENS).map(|(_, addr)| addr.trim().to_owned()))
        });
        let addr = address.await.expect("no panic").and_then(|addr| addr.parse().ok()).expect("it prints its address");
        Self { addr, child }
    }

    /// The resident memory of the process in bytes.
    pub fn resident(&self) -> usize {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).expect("it runs");
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

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it is started by the tests that need it, and runs until they end it"]
#[expect(clippy::disallowed_methods, reason = "the parent process says where the Bot API is")]
async fn serve_until_killed() {
    let Ok(api_url) = std::env::var(BOT_API) else { return };
    let gateway = Options { api_url, ..Options::default() }.start();
    println!("{LISTENS}{}", gateway.addr);
    std::future::pending::<()>().await;
}
