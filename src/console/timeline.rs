use super::when::When;
use crate::http::pages::{Language, StepText, step_text};
use crate::trail::Step;

/// A line of the timeline of an update.
pub(super) struct Moment {
    pub(super) at: When,
    pub(super) step: StepText,
}

/// The line for a step.
pub(super) fn moment(step: &Step, at: impl Fn(jiff::Timestamp) -> When, language: Language) -> Moment {
    Moment { at: at(step.at), step: step_text(&step.event, language) }
}
