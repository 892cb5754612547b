//! Sends spans to the collector, over OTLP.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use parking_lot::Mutex;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Url};

use crate::settings::TracesSettings;
use crate::telegram::http_client;
use crate::telemetry::chain;

/// The time limit of an export: the default of OpenTelemetry's exporters.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The collector that spans are exported to.
pub(super) struct Collector {
    exporter: SpanExporter,
    host: String,
    last_error: LastError,
}

impl Collector {
    /// The collector at `endpoint`, a base URL. Opens no connection yet.
    pub(super) fn new(endpoint: &Url, settings: &TracesSettings) -> Self {
        let mut url = endpoint.clone();
        // As the OTLP specification defines the path below OTEL_EXPORTER_OTLP_ENDPOINT.
        url.set_path(&format!("{}/v1/traces", endpoint.path().trim_end_matches('/')));
        let host = url.host_str().unwrap_or_default().to_owned();
        let last_error = LastError::default();
        // Everything that the exporter could otherwise read from the environment is set here, or by the client.
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(CollectorClient::new(settings.headers(), last_error.clone()))
            .with_endpoint(url)
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(TIMEOUT)
            // The next batch is the retry: one that waits would only fill the queue.
            .with_retry_policy(RetryPolicy::default().with_max_retries(0))
            .build()
            .expect("the endpoint is a URL, and the rest is constant");
        let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource =
            Resource::builder_empty().with_service_name(settings.service.clone()).with_attribute(version).build();
        exporter.set_resource(&resource);
        Self { exporter, host, last_error }
    }

    /// The host name, for log lines.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Exports spans. The error says why they were not accepted.
    pub(super) async fn export(&self, spans: Vec<SpanData>) -> Result<(), String> {
        self.exporter.export(spans).await.map_err(|error| self.last_error.take().unwrap_or_else(|| error.to_string()))
    }
}

/// Why the last request failed. The exporter reports every failure of a connection in the same words.
#[derive(Clone, Debug, Default)]
struct LastError(Arc<Mutex<Option<String>>>);

impl LastError {
    fn set(&self, error: String) {
        *self.0.lock() = Some(error);
    }

    fn take(&self) -> Option<String> {
        self.0.lock().take()
    }
}

/// Sends the exporter's requests with the headers of the settings, and with no header that the exporter found in the
/// environment.
#[derive(Debug)]
struct CollectorClient {
    client: Client,
    headers: HeaderMap,
    last_error: LastError,
}

impl CollectorClient {
    fn new(headers: HeaderMap, last_error: LastError) -> Self {
        // It follows no redirect, which would carry the headers to another host.
        Self { client: http_client(TIMEOUT), headers, last_error }
    }
}

#[async_trait]
impl HttpClient for CollectorClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let mut headers = self.headers.clone();
        if let Some(content_type) = head.headers.get(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, content_type.clone());
        }
        let post = self.client.post(head.uri.to_string()).headers(headers).body(body);
        let failed = |error: reqwest::Error| {
            let error = error.without_url();
            self.last_error.set(chain(&error).to_string());
            HttpError::from(error)
        };
        let reply = post.send().await.map_err(failed)?;
        let mut response = Response::builder().status(reply.status());
        if let Some(headers) = response.headers_mut() {
            headers.clone_from(reply.headers());
        }
        // The body is not read: a collector may send any amount, and nothing in it changes what happens next.
        Ok(response.body(Bytes::new())?)
    }
}
