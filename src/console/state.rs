//! What all pages of the console share.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use http::header::HOST;
use jiff::Timestamp;
use parking_lot::Mutex;
use secrecy::SecretString;
use tokio::sync::{Notify, Semaphore, watch};
use url::{Position, Url};

use super::attempts::Attempts;
use super::deps::Deps;
use super::samples::Samples;
use super::session::Sessions;
use crate::http::TokenDigests;
use crate::http::listener::Peer;
use crate::http::pages::Live;
use crate::inbox::StateCounts;
use crate::settings::{Entry, InboxUrl, Settings};
use crate::webhook::SourceCheck;

/// The most readings of the inbox of all pages at once.
const READINGS: usize = 2;

/// The console of a service whose settings have an operator's token.
pub struct Console {
    pub(super) deps: Deps,
    pub(super) tokens: TokenDigests,
    pub(super) sessions: Sessions,
    pub(super) attempts: Attempts,
    pub(super) live: Live,
    /// Grows whenever a page may show something else.
    pub(super) changes: watch::Sender<u64>,
    /// Notified when a page opens its event stream.
    pub(super) opened: Notify,
    pub(super) samples: Samples,
    /// The numbers that were read last, and when by the time of day.
    last_counts: Mutex<Option<(Timestamp, StateCounts)>>,
    /// A permit for each reading of the inbox at once.
    pub(super) readings: Semaphore,
    /// The settings in force.
    pub(super) settings: Vec<Entry>,
    /// Whether updates are in the memory of this process only.
    pub(super) is_memory: bool,
    /// The path of the public URL: every link begins with it.
    pub(super) root: String,
    /// Where the service is reached from outside.
    public_url: Option<Url>,
    addresses: SourceCheck,
}

impl Console {
    /// The console of a service. `None` without an operator's token: then `/console` does not exist.
    #[must_use]
    pub fn new(settings: &Settings, deps: Deps) -> Option<Arc<Self>> {
        let token: &SecretString = settings.console.token.as_ref()?;
        let service = &deps.service;
        let public_url = settings.webhook.public_url.as_deref().and_then(|url| Url::parse(url).ok());
        Some(Arc::new(Self {
            tokens: TokenDigests::new([token]),
            sessions: Sessions::new(token),
            attempts: Attempts::new(Arc::clone(&service.clock)),
            live: Live::new(Arc::clone(&service.clock), service.shutdown.clone()),
            changes: watch::Sender::new(0),
            opened: Notify::new(),
            samples: Samples::default(),
            last_counts: Mutex::default(),
            readings: Semaphore::new(READINGS),
            settings: settings.effective().to_vec(),
            is_memory: matches!(settings.inbox.url, InboxUrl::Memory),
            root: public_url.as_ref().map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default(),
            public_url,
            addresses: SourceCheck::new(&settings.webhook, &settings.platform),
            deps,
        }))
    }

    /// The address that a request came from: what the proxy of the platform reports, else the other end of the connection.
    pub(super) fn address(&self, headers: &HeaderMap, peer: Option<&Peer>) -> Option<IpAddr> {
        self.addresses.address(headers).or(peer.map(|peer| peer.0))
    }

    /// Whether a request came by https: what the proxy says, else whether it was sent to the host of an https public URL.
    pub(super) fn is_https(&self, headers: &HeaderMap) -> bool {
        if let Some(protocol) = headers.get("x-forwarded-proto") {
            let first = protocol.to_str().ok().and_then(|protocols| protocols.split(',').next());
            return first.is_some_and(|protocol| protocol.trim().eq_ignore_ascii_case("https"));
        }
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let is_there =
            |url: &Url| url.scheme() == "https" && Some(&url[Position::BeforeHost..Position::AfterPort]) == host;
        self.public_url.as_ref().is_some_and(is_there)
    }

    /// Where the service is reached from outside, without the path of the webhook.
    pub(super) fn public_url(&self) -> Option<&str> {
        self.public_url.as_ref().map(|url| url.as_str().trim_end_matches('/'))
    }

    /// The address of a page: `path` begins with `/console`.
    pub(super) fn link(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// Keeps the numbers if they could be read. Returns the last known ones.
    pub(super) fn remember(&self, counts: Option<StateCounts>) -> Option<(Timestamp, StateCounts)> {
        let mut last = self.last_counts.lock();
        if let Some(counts) = counts {
            *last = Some((self.deps.service.clock.now(), counts));
        }
        *last
    }

    /// Tells the open pages that they may show something else now.
    pub(super) fn changed(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }
}
