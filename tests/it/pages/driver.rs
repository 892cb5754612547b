//! The chromedriver that all tests of this process share, and the programs that they need.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use thirtyfour::error::{WebDriverError, WebDriverResult};
use thirtyfour::session::http::{Body, HttpClient};

use crate::harness::skip_without;

/// The names of the driver on the PATH.
const PROGRAM: &str = "chromedriver";
/// The names of the browser on the PATH: Debian's, and that of others.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A running chromedriver. Its script ends it, and every browser that it has started, when this process ends in any way.
pub(super) struct Driver {
    /// The base URL of the driver.
    pub(super) url: String,
    /// The script.
    pub(super) script: Child,
}

impl Driver {
    /// The one of this process. `None` if this machine has no browser, which standard error says once.
    pub(super) fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Driver>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// Starts one of its own.
    pub(super) fn start() -> Option<Self> {
        let browser = BROWSERS.into_iter().find(|name| is_installed(name));
        let missing = if browser.is_none() { Some(BROWSERS[0]) } else { (!is_installed(PROGRAM)).then_some(PROGRAM) };
        if let Some(missing) = missing {
            skip_without(missing, "the pages in a browser");
            return None;
        }
        let mut script = Command::new("sh")
            .args(["-c", include_str!("driver.sh"), "sh"])
            .arg(std::env::temp_dir())
            .arg(PROGRAM)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut line = String::new();
        let mut stdout = BufReader::new(script.stdout.take().expect("it is piped"));
        stdout.read_line(&mut line).expect("the script writes to its standard output");
        let port: u16 = line.trim().parse().expect("the script's standard error has the reason");
        Some(Self { url: format!("http://127.0.0.1:{port}"), script })
    }
}

/// Whether a program runs.
pub(super) fn is_installed(program: &str) -> bool {
    let version = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// The HTTP client of a session with the driver, which speaks plain HTTP on loopback.
pub(super) struct PlainClient(Client<HttpConnector, Full<Bytes>>);

impl PlainClient {
    pub(super) fn connect() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }
}

#[async_trait]
impl HttpClient for PlainClient {
    async fn send(&self, request: Request<Body<'_>>) -> WebDriverResult<Response<Bytes>> {
        let failed = |error: &dyn std::fmt::Display| WebDriverError::RequestFailed(error.to_string());
        let request = request.map(|body| match body {
            Body::Empty => Full::default(),
            Body::Json(value) => Full::from(value.to_string()),
        });
        let response = self.0.request(request).await.map_err(|error| failed(&error))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| failed(&error))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }

    /// A client for another runtime, which closes a session whose own runtime has ended.
    async fn new(&self) -> Arc<dyn HttpClient> {
        Arc::new(Self::connect())
    }
}
