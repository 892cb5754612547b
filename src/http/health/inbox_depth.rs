use serde::Serialize;

use super::state::ServiceState;
use crate::clock::elapsed;
use crate::inbox::Survey;

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

impl InboxDepth {
    pub(super) async fn read(service: &ServiceState) -> Self {
        match service.survey_cache.survey().await {
            Ok(survey) => {
                let oldest_s = survey.oldest.map(|oldest| elapsed(oldest, service.clock.steady()).as_secs());
                Self::Known { survey, oldest_s }
            }
            Err(error) => Self::Unknown { error },
        }
    }
}
