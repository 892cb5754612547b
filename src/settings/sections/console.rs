use schemars::JsonSchema;
use secrecy::SecretString;

use crate::settings::describe;
use crate::settings::reader::{Reader, Refusal};

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
        Self { token: from.token("console.token", "1 to 512 visible ASCII characters, without white space", token) }
    }
}

/// It travels in a header, which holds nothing else.
fn token(token: &str) -> Result<(), Refusal> {
    let is_one = token.len() <= 512 && token.bytes().all(|c| c.is_ascii_graphic());
    if is_one { Ok(()) } else { Err(Refusal::found(describe::secret(token))) }
}
