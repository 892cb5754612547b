use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};

use crate::settings::reader::{Reader, Refusal};
use crate::settings::{Settings, describe};

const KEY: &str = "console.token";

/// No shorter token is accepted: 16 characters of hexadecimal digits are 64 bits.
const SHORTEST: usize = 16;

/// `[console]`: what is the operator's alone.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ConsoleSettings {
    /// The operator's token: it opens `/metrics`, which answers 404 without it.
    #[schemars(with = "String")]
    pub token: Option<SecretString>,
}

impl ConsoleSettings {
    pub(in crate::settings) fn read(from: &mut Reader) -> Self {
        Self { token: from.token(KEY, "16 to 512 visible ASCII characters, without white space", token) }
    }
}

/// It travels in a header, which holds nothing else; and it is all that stands between a stranger and what is the
/// operator's.
fn token(token: &str) -> Result<(), Refusal> {
    if token.len() > 512 || !token.bytes().all(|c| c.is_ascii_graphic()) {
        return Err(Refusal::found(describe::secret(token)));
    }
    if token.len() < SHORTEST {
        let hint = "a short one can be guessed: `openssl rand -hex 16` makes one".to_owned();
        return Err(Refusal { found: Some(describe::secret(token)), hint: Some(hint) });
    }
    Ok(())
}

/// Refuses a token that is another secret as well: each would be handed to those who know the other.
pub(in crate::settings) fn compare(settings: &Settings, from: &mut Reader) {
    let Some(token) = &settings.console.token else { return };
    let others = [
        ("the bot token", &settings.telegram.bot_token),
        ("the webhook's secret token", &settings.webhook.secret_token),
        ("the webhook's former secret token", &settings.webhook.previous_secret_token),
    ];
    let is_same = |other: &Option<SecretString>| {
        other.as_ref().is_some_and(|other| other.expose_secret() == token.expose_secret())
    };
    if let Some((name, _)) = others.iter().find(|(_, other)| is_same(other)) {
        let hint = "whoever has this one would have both: `openssl rand -hex 16` makes a new one".to_owned();
        let refusal = Refusal { found: Some(format!("the same text as {name}")), hint: Some(hint) };
        from.refuse(KEY, "a secret of its own", refusal);
    }
}
