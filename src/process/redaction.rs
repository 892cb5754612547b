use secrecy::{ExposeSecret, SecretString};

/// The shortest text that is replaced. A shorter one would also match harmless words.
const SHORTEST: usize = 16;

/// Removes the bot's own secrets from what it writes: libraries log the URLs that they call, and these contain the token.
#[derive(Clone)]
pub(super) struct Redaction(Vec<SecretString>);

impl Redaction {
    pub(super) fn new(secrets: &[&SecretString]) -> Self {
        let mut texts = Vec::new();
        for secret in secrets {
            let secret = secret.expose_secret();
            // The colon of a token may be written as `%3A`, so the part after it counts too.
            let parts = [Some(secret), secret.split_once(':').map(|(_, part)| part)];
            texts.extend(parts.into_iter().flatten().filter(|text| text.len() >= SHORTEST).map(SecretString::from));
        }
        Self(texts)
    }

    /// The text without the secrets.
    pub(super) fn apply(&self, mut text: String) -> String {
        for secret in &self.0 {
            if text.contains(secret.expose_secret()) {
                text = text.replace(secret.expose_secret(), "[secret]");
            }
        }
        text
    }

    /// The length of the longest secret.
    pub(super) fn longest(&self) -> usize {
        self.0.iter().map(|secret| secret.expose_secret().len()).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secrets_of_the_bot_are_removed_in_every_form() {
        let (token, secret) = ("123456789:AAtest-0123456789".into(), "made-for-the-bot-1".into());
        let redaction = Redaction::new(&[&token, &secret, &"short".into()]);
        for (text, without) in [
            ("POST /bot123456789:AAtest-0123456789/getMe", "POST /bot[secret]/getMe"),
            ("GET /file/bot123456789%3AAAtest-0123456789/a", "GET /file/bot123456789%3A[secret]/a"),
            ("made-for-the-bot-1 made-for-the-bot-1", "[secret] [secret]"),
            ("short", "short"),
        ] {
            assert_eq!(redaction.apply(text.to_owned()), without);
        }
    }
}
