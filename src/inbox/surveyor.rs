use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;

use super::{Inbox, Survey};
use crate::clock::{SharedClock, later};
use crate::telemetry;

/// The longest an answer waits for the inbox. Render counts a check that takes over 5 s as failed.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the inbox's answer is good for: whoever hammers at the door does not reach the inbox.
const FRESH: Duration = Duration::from_secs(1);

/// Knows what the inbox holds, for whoever shows it: the inbox is asked once a second at most.
pub struct Surveyor {
    inbox: Arc<dyn Inbox>,
    clock: SharedClock,
    /// What the inbox last said, and when. Who finds it stale asks for all who wait.
    surveyed: Mutex<Option<(Timestamp, Result<Survey, String>)>>,
}

impl Surveyor {
    /// Has not asked yet.
    #[must_use]
    pub fn new(inbox: Arc<dyn Inbox>, clock: SharedClock) -> Self {
        Self { inbox, clock, surveyed: Mutex::default() }
    }

    /// What the inbox holds, as of a second ago at most.
    ///
    /// # Errors
    ///
    /// Why the inbox does not say it, in words for the operator.
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
            surveyed = self.inbox.survey() => surveyed.map_err(|error| telemetry::chain(&error).to_string()),
            () = self.clock.sleep(PATIENCE) => Err("the inbox does not answer".to_owned()),
        }
    }
}
