use crate::settings::{Platform, Stage, Takeover};

/// Which webhook a service that starts may replace. The newest start wins, but only where the bot is meant to run.
///
/// A preview is recognised by the variables of its platform. Render's previews of an image set no such variable and look
/// like production: such a preview takes over when it starts, the service that had the webhook reports `superseded` and
/// names its host, and the next start of either wins again. A service that shows neither a preview nor production is
/// treated as not production.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeoverPolicy {
    /// Any webhook, also one that leads to another host.
    Any,
    /// None, or one that leads to this host already. Another host's is left alone, because this service is not known to be
    /// production.
    FreeOnly,
    /// The same, because the operator forbids takeovers.
    FreeOnlyByOrder,
    /// No webhook at all, not even a missing one: this is a preview or a test environment.
    Preview {
        /// What shows that it is a preview.
        evidence: &'static str,
    },
}

impl TakeoverPolicy {
    /// The policy that follows from the setting and the platform.
    #[must_use]
    pub fn of(takeover: Takeover, platform: &Platform) -> Self {
        match (takeover, platform.stage) {
            (Takeover::Always, _) | (Takeover::Auto, Stage::Production) => Self::Any,
            (Takeover::Auto | Takeover::Never, Stage::Preview(evidence)) => Self::Preview { evidence },
            (Takeover::Auto, Stage::Unsure) => Self::FreeOnly,
            (Takeover::Never, Stage::Production | Stage::Unsure) => Self::FreeOnlyByOrder,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_production_service_takes_over_unasked_and_a_preview_takes_nothing() {
        let local = Platform::default();
        let production = Platform { name: Some("Render"), stage: Stage::Production, ..Platform::default() };
        let preview = Platform { stage: Stage::Preview("A is set"), ..production.clone() };
        let nothing = TakeoverPolicy::Preview { evidence: "A is set" };
        for (takeover, platform, policy) in [
            (Takeover::Auto, &production, TakeoverPolicy::Any),
            (Takeover::Auto, &local, TakeoverPolicy::FreeOnly),
            (Takeover::Auto, &preview, nothing),
            (Takeover::Never, &production, TakeoverPolicy::FreeOnlyByOrder),
            (Takeover::Never, &preview, nothing),
            (Takeover::Always, &local, TakeoverPolicy::Any),
            (Takeover::Always, &preview, TakeoverPolicy::Any),
        ] {
            assert_eq!(TakeoverPolicy::of(takeover, platform), policy, "{takeover:?} {platform:?}");
        }
    }
}
