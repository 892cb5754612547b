use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;

use super::{Away, Inbox, InboxError, Survey};
use crate::clock::{SharedClock, later};
use crate::telemetry::{self, Storm};

/// The longest an answer waits for the inbox. Render counts a check that takes over 5 s as failed.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the inbox's answer is good for: whoever hammers at the door does not reach the inbox.
const FRESH: Duration = Duration::from_secs(1);

/// Knows what the inbox holds, for whoever shows it: the inbox is asked once a second at most.
pub struct SurveyCache {
    inbox: Arc<dyn Inbox>,
    clock: SharedClock,
    /// What the inbox last said, and when. Who finds it stale asks for all who wait.
    surveyed: Mutex<Option<(Timestamp, Result<Survey, String>)>>,
    failing: Storm,
}

impl SurveyCache {
    /// Has not asked yet.
    #[must_use]
    pub fn new(inbox: Arc<dyn Inbox>, clock: SharedClock) -> Self {
        let failing = Storm::new(Arc::clone(&clock));
        Self { inbox, clock, surveyed: Mutex::default(), failing }
    }

    /// What the inbox holds, as of a second ago at most.
    ///
    /// # Errors
    ///
    /// Why the inbox does not say it, in words that strangers may read; the log has the others.
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
                // Of a database that is away the store itself tells.
                let told = matches!(&error, InboxError::Unavailable(source) if source.is::<Away>());
                if !told && let Some(times) = self.failing.event() {
                    tracing::warn!(error = %telemetry::chain(&error), times, "the inbox does not say what it holds");
                }
                error.public_message()
            }),
            () = self.clock.sleep(PATIENCE) => Err("the inbox does not answer".to_owned()),
        }
    }
}
