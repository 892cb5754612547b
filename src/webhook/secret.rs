use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The secret tokens that are let in: the one in force and, while it is being changed, the one
/// before. Kept as digests, so that comparing takes the same time whatever was sent.
#[derive(Clone)]
pub struct Secrets(Vec<[u8; 32]>);

impl Secrets {
    /// Lets in whoever knows the secret in force, or the previous one.
    #[must_use]
    pub fn new(current: &SecretString, previous: Option<&SecretString>) -> Self {
        let admitted = std::iter::once(current).chain(previous);
        Self(admitted.map(|secret| Sha256::digest(secret.expose_secret()).into()).collect())
    }

    /// Whether the header holds one of the secrets. A missing header costs the same as a wrong one.
    #[must_use]
    pub fn admit(&self, header: Option<&HeaderValue>) -> bool {
        let offered: [u8; 32] = Sha256::digest(header.map_or(&[][..], HeaderValue::as_bytes)).into();
        let known = self.0.iter().fold(Choice::from(0), |known, secret| known | secret.ct_eq(&offered));
        known.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_secrets_are_let_in() {
        let secrets = Secrets::new(&"current".to_owned().into(), Some(&"previous".to_owned().into()));
        for (offered, admitted) in
            [("current", true), ("previous", true), ("curren", false), ("current ", false), ("", false)]
        {
            assert_eq!(secrets.admit(Some(&HeaderValue::from_static(offered))), admitted, "{offered:?}");
        }
        assert!(!secrets.admit(None));
    }
}
