use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Url, redirect};

use crate::telegram::tls;
use crate::telemetry::chain;

/// How long a request may take: the default of OpenTelemetry's exporters.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where traces go.
pub(super) struct Collector {
    client: Client,
    url: Url,
}

impl Collector {
    /// The collector at that base, which is told these headers. Opens no connection yet.
    pub(super) fn new(endpoint: &Url, headers: HeaderMap) -> Self {
        let mut url = endpoint.clone();
        // As the specification of OTLP's settings has it.
        url.set_path(&format!("{}/v1/traces", endpoint.path().trim_end_matches('/')));
        // No redirects, because they would carry the headers elsewhere; no proxy from the environment, because settings
        // alone read it.
        let client = Client::builder()
            .user_agent(concat!("doorbell/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .tls_backend_preconfigured(tls())
            .http1_only()
            .timeout(PATIENCE)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("the client's settings are constant and right");
        Self { client, url }
    }

    /// Its host, for people.
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Sends one message; otherwise says in words why it was not taken.
    pub(super) async fn post(&self, message: Vec<u8>) -> Result<(), String> {
        let request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/x-protobuf").body(message);
        let answer = request.send().await.map_err(|error| chain(&error.without_url()).to_string())?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(format!("it answered {status}")) }
    }
}
