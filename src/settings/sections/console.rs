use bytesize::ByteSize;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};

use crate::settings::problem::Refusal;
use crate::settings::reader::Reader;

const KEY: &str = "console.token";

/// The shortest token: 16 hexadecimal digits are 64 bits.
const SHORTEST: usize = 16;

/// `[console]`: what only the operator may see.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ConsoleSettings {
    /// The operator's token. `/console` and `/metrics` require it, and answer 404 when it is not set.
    #[schemars(with = "String")]
    pub token: Option<SecretString>,
    /// The most updates whose trail is kept in memory.
    #[schemars(range(min = 1, max = 100_000))]
    pub trail_updates: usize,
    /// The most memory for these trails, in bytes.
    #[schemars(with = "String")]
    pub trail_bytes: usize,
}

impl ConsoleSettings {
    pub(in crate::settings) fn read(from: &mut Reader) -> Self {
        Self {
            token: from.token(KEY, "16 to 512 visible ASCII characters, without white space", token),
            trail_updates: from.whole("console.trail_updates", 1..=100_000),
            trail_bytes: from.text("console.trail_bytes", "a size from 64 KiB to 1 GiB, such as 8 MiB", trail_bytes),
        }
    }
}

fn trail_bytes(text: &str) -> Result<usize, Refusal> {
    let size: ByteSize = text.trim().parse().or(Err(Refusal::default()))?;
    let is_valid = (ByteSize::kib(64)..=ByteSize::gib(1)).contains(&size);
    usize::try_from(size.as_u64()).ok().filter(|_| is_valid).ok_or_else(Refusal::default)
}

/// A token is sent in a header, which allows only visible ASCII, and must be hard to guess.
fn token(token: &str) -> Result<(), Refusal> {
    if token.len() > 512 || !token.bytes().all(|c| c.is_ascii_graphic()) {
        return Err(Refusal::default());
    }
    if token.len() < SHORTEST {
        return Err(Refusal::hint("a short one can be guessed: `openssl rand -hex 16` makes one"));
    }
    Ok(())
}

/// Refuses a token that equals another secret, because a reader of one would know both.
pub(in crate::settings) fn compare(
    console: &ConsoleSettings,
    others: [(&str, &Option<SecretString>); 3],
    from: &mut Reader,
) {
    let Some(token) = &console.token else { return };
    let is_same = |other: &SecretString| other.expose_secret() == token.expose_secret();
    if let Some((name, _)) = others.iter().find(|(_, other)| other.as_ref().is_some_and(is_same)) {
        let hint = "everyone who has that one would have both: `openssl rand -hex 16` makes a new one";
        from.refuse(KEY, "a secret of its own", Refusal::new(format!("the same text as {name}"), hint));
    }
}
