//! Answers how many updates the inbox holds, without asking it more than once a second.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;

use super::contract::Inbox;
use super::error::{Away, InboxError};
use super::survey::Survey;
use crate::clock::{SharedClock, later};
use crate::telemetry::{self, Storm};

/// How long to wait for the inbox. Render counts a health check that takes over 5 s as failed.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long an answer is used again, so that frequent health checks do not load the inbox.
const FRESH: Duration = Duration::from_secs(1);

/// The latest [`Survey`], for health checks and metrics.
pub struct SurveyCache {
    inbox: Arc<dyn Inbox>,
    clock: SharedClock,
    /// The last answer and its time. The lock is held while the inbox is asked, so that one question serves all.
    surveyed: Mutex<Option<(Timestamp, Result<Survey, String>)>>,
    failing: Storm,
}

impl SurveyCache {
    /// A cache that has not asked yet.
    #[must_use]
    pub fn new(inbox: Arc<dyn Inbox>, clock: SharedClock) -> Self {
        let failing = Storm::new(Arc::clone(&clock));
        Self { inbox, clock, surveyed: Mutex::default(), failing }
    }

    /// The survey, at most a second old.
    ///
    /// # Errors
    ///
    /// Why the inbox does not answer, in a text that anybody may read. The log has the details.
    pub async fn survey(&self) -> Result<Survey, String> {
        let mut surveyed = self.surveyed.lock().await;
        let now = self.clock.steady();
        if let Some((at, survey)) = &*surveyed
            && (*at..later(*at, FRESH)).contains(&now)
        {
            return survey.clone();
        }
        let survey = self.ask().await;
        *surveyed = Some((self.clock.steady(), survey.clone()));
        survey
    }

    async fn ask(&self) -> Result<Survey, String> {
        tokio::select! {
            surveyed = self.inbox.survey() => surveyed.map_err(|error| {
                // The store itself reports that its database is away.
                let reported = matches!(&error, InboxError::Unavailable(source) if source.is::<Away>());
                if !reported && let Some(times) = self.failing.event() {
                    tracing::warn!(error = %telemetry::chain(&error), times, "the inbox could not be surveyed");
                }
                error.public_message()
            }),
            () = self.clock.sleep(PATIENCE) => Err("the inbox does not answer".to_owned()),
        }
    }
}
