//! The programs that are measured, each on the second core.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio, id};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::TcpStream;

pub(crate) const TOKEN: &str = "123456789:AAtestBenchBenchBenchBenchBenchBenc";
pub(crate) const SECRET: &str = "bench-secret";

/// Ticks of the processor time in `/proc`, in a second: the same on every Linux that Rust supports.
const TICKS: f64 = 100.0;

pub(crate) struct Subject {
    process: Child,
    /// The port for updates.
    pub(crate) port: u16,
    /// The port for calls of the Bot API.
    pub(crate) calls_port: u16,
    /// The token in the path of a call.
    pub(crate) token: String,
    _folder: TempDir,
}

/// Moves this process to the first core.
pub(crate) fn pin_this_process() {
    let pinned = Command::new("taskset").args(["-cp", "0", &id().to_string()]).stdout(Stdio::null()).status();
    if !pinned.is_ok_and(|status| status.success()) {
        println!("NOT PINNED: taskset is missing; the load and the program share all cores");
    }
}

/// A command on the second core.
fn on_second_core(program: &str) -> Command {
    let has_taskset = Command::new("taskset").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !has_taskset {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", "1", program]);
    command
}

fn free_port() -> u16 {
    let bound = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    bound.expect("a free port").port()
}

impl Subject {
    /// The service, which stores updates in SQLite and forwards them to a bot.
    pub(crate) async fn doorbell(bot: u16, bot_api: u16) -> Self {
        const PROGRAM: &str = env!("CARGO_BIN_EXE_doorbell");
        let (folder, port, calls_port) = (tempfile::tempdir().expect("a folder"), free_port(), free_port());
        let environment = [
            ("TELEGRAM_BOT_TOKEN", TOKEN.to_owned()),
            ("TELEGRAM_API_URL", format!("http://127.0.0.1:{bot_api}")),
            ("WEBHOOK_SECRET", SECRET.to_owned()),
            ("DOORBELL__WEBHOOK__REGISTER", "false".to_owned()),
            ("HOST", "127.0.0.1".to_owned()),
            ("PORT", port.to_string()),
            ("DATABASE_URL", format!("sqlite:{}/bench.db", folder.path().display())),
            ("FORWARD_URL", format!("http://127.0.0.1:{bot}/hook")),
            ("DOORBELL__GATEWAY__LISTEN", format!("127.0.0.1:{calls_port}")),
            ("RUST_LOG", "error".to_owned()),
        ];
        let token = Command::new(PROGRAM).args(["gateway", "token"]).envs(environment.clone()).output();
        let token = String::from_utf8(token.expect("the program").stdout).expect("a token").trim().to_owned();
        let process = on_second_core(PROGRAM).arg("serve").envs(environment).spawn().expect("the program");
        let subject = Self { process, port, calls_port, token, _folder: folder };
        subject.listens(port).await;
        subject.listens(calls_port).await;
        subject
    }

    /// nginx as a proxy before the Bot API, which replaces the path as the gateway does.
    pub(crate) async fn nginx(bot_api: u16) -> Option<Self> {
        let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
        let root = folder.path().display();
        let configuration = format!(
            "daemon off; master_process off; pid {root}/pid; error_log {root}/error.log;
             events {{ worker_connections 1024; }}
             http {{
                 access_log off; client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;
                 fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;
                 keepalive_requests 100000000;
                 upstream api {{ server 127.0.0.1:{bot_api}; keepalive 100; keepalive_requests 100000000; }}
                 server {{
                     listen 127.0.0.1:{port};
                     location /botstand-in/ {{
                         proxy_pass http://api/bot{TOKEN}/; proxy_http_version 1.1; proxy_set_header Connection \"\";
                     }}
                 }}
             }}"
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration).expect("a file");
        match Command::new("nginx").arg("-v").stderr(Stdio::null()).status() {
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            version => assert!(version.is_ok_and(|status| status.success()), "nginx cannot be started"),
        }
        let process = on_second_core("nginx").arg("-c").arg(file).spawn().expect("nginx");
        let subject = Self { process, port, calls_port: port, token: "stand-in".to_owned(), _folder: folder };
        subject.listens(port).await;
        Some(subject)
    }

    async fn listens(&self, port: u16) {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(10), "nothing listens on port {port}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The processor time that the program has used, in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap_or_default();
        let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
        fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
