use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

use crate::clock::{SharedClock, elapsed};
use crate::inbox::{Survey, SurveyCache};
use crate::lifecycle::Shutdown;
use crate::registrar::{Status, WebhookHealth};
use crate::webhook::Counts;

/// What the health routes report.
pub struct Health {
    /// What is in the inbox.
    pub survey_cache: Arc<SurveyCache>,
    /// The most updates that may wait.
    pub capacity: usize,
    /// The status of the registration.
    pub registration: watch::Receiver<Status>,
    /// What the registrar has observed about the webhook.
    pub webhook_health: watch::Receiver<WebhookHealth>,
    /// The counts of requests to the webhook.
    pub counts: Arc<Counts>,
    /// When the service started.
    pub started_at: Timestamp,
    /// Advice for the operator about the platform.
    pub advice: Option<String>,
    /// The time.
    pub clock: SharedClock,
    /// Whether the service is stopping.
    pub shutdown: Shutdown,
}

/// What is in the inbox, if it answers.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum InboxDepth {
    Known {
        #[serde(flatten)]
        survey: Survey,
        oldest_s: Option<u64>,
    },
    Unknown {
        error: String,
    },
}

impl Health {
    pub(super) fn is_stopping(&self) -> bool {
        self.shutdown.soft.is_cancelled()
    }

    pub(super) async fn inbox(&self) -> InboxDepth {
        match self.survey_cache.survey().await {
            Ok(survey) => {
                let oldest_s = survey.oldest.map(|oldest| elapsed(oldest, self.clock.steady()).as_secs());
                InboxDepth::Known { survey, oldest_s }
            }
            Err(error) => InboxDepth::Unknown { error },
        }
    }
}
