use super::standing::Standing;
use crate::settings::{Platform, Stage, Takeover};

/// Which webhook a service that starts may make its own. The newest start wins, but only where the
/// bot is meant to live.
///
/// A preview is known by the signs of its platform. Render's previews of an image promise no such sign
/// and look like production: such a one takes over when it starts, the service that had the webhook
/// says `superseded` and names its host, and the next start of either wins again. A service that shows
/// neither a preview nor production counts as not production.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Whatever is there: a webhook that leads to another host is taken over.
    Any,
    /// None, or one that leads to this host already. Another host's is left alone, because this is
    /// no recognised platform's production service.
    Vacant,
    /// The same, because the operator forbids to take over.
    VacantByOrder,
    /// Not even where there is none: this is a preview or a test environment.
    Nothing {
        /// What shows the preview.
        shown_by: &'static str,
    },
}

impl Claim {
    /// What the settings and the place allow.
    #[must_use]
    pub fn of(takeover: Takeover, platform: &Platform) -> Self {
        match (takeover, platform.stage) {
            (Takeover::Always, _) | (Takeover::Auto, Stage::Production) => Self::Any,
            (Takeover::Auto | Takeover::Never, Stage::Preview(shown_by)) => Self::Nothing { shown_by },
            (Takeover::Auto, Stage::Unsure) => Self::Vacant,
            (Takeover::Never, Stage::Production | Stage::Unsure) => Self::VacantByOrder,
        }
    }

    /// How the service stands towards the webhook of another host, if it leaves that alone.
    #[must_use]
    pub fn leaves(self, host: &str) -> Option<Standing> {
        let why = match self {
            Self::Any => return None,
            Self::Nothing { shown_by } => return Some(preview(shown_by)),
            Self::Vacant => {
                "and only a service that its platform shows to be production (Render, Fly and their likes do) takes a \
                 webhook over by itself"
            }
            Self::VacantByOrder => "and webhook.takeover = \"never\" forbids to take it over",
        };
        Some(Standing::Refused {
            reason: format!("it leads to another service, at {host}, {why}"),
            advice: format!(
                "Doorbell leaves it alone. To take it on purpose, and all updates away from {host}: `doorbell serve \
                 --takeover`, or webhook.takeover = \"always\". To try something out, rather use a bot of its own: \
                 send /newbot to @BotFather."
            ),
        })
    }
}

/// How a preview stands that takes no webhook.
pub(super) fn preview(shown_by: &str) -> Standing {
    Standing::Refused {
        reason: format!(
            "this is a preview or a test environment ({shown_by}), and a preview never takes the webhook from production"
        ),
        advice: "Doorbell did not ask Telegram to change anything. To try the bot here, give the preview the token of \
                 a bot of its own, and set DOORBELL__WEBHOOK__TAKEOVER=always."
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_production_service_takes_over_by_itself_and_a_preview_takes_nothing() {
        let local = Platform::default();
        let production = Platform { name: Some("Render"), stage: Stage::Production, ..Platform::default() };
        let preview = Platform { stage: Stage::Preview("A is set"), ..production.clone() };
        let nothing = Claim::Nothing { shown_by: "A is set" };
        for (takeover, place, claim) in [
            (Takeover::Auto, &production, Claim::Any),
            (Takeover::Auto, &local, Claim::Vacant),
            (Takeover::Auto, &preview, nothing),
            (Takeover::Never, &production, Claim::VacantByOrder),
            (Takeover::Never, &preview, nothing),
            (Takeover::Always, &local, Claim::Any),
            (Takeover::Always, &preview, Claim::Any),
        ] {
            assert_eq!(Claim::of(takeover, place), claim, "{takeover:?} {place:?}");
        }
    }

    #[test]
    fn whoever_is_left_alone_is_named_with_the_way_to_do_it_on_purpose() {
        let sentence = Claim::Vacant.leaves("b.example").unwrap().sentence();
        for words in ["b.example", "doorbell serve --takeover", "webhook.takeover = \"always\"", "/newbot"] {
            assert!(sentence.contains(words), "{sentence}");
        }
        assert_eq!(Claim::Any.leaves("b.example"), None);
    }
}
