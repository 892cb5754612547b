use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::SECRET_HEADER;

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

    /// Whether the one header holds one of the secrets. A missing header, or a second one, costs the
    /// same as a wrong one.
    #[must_use]
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        let mut offered = headers.get_all(SECRET_HEADER).iter();
        let offered = offered.next().filter(|_| offered.next().is_none());
        let offered: [u8; 32] = Sha256::digest(offered.map_or(&[][..], HeaderValue::as_bytes)).into();
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
        let admits = |offered: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for secret in offered {
                headers.append(SECRET_HEADER, HeaderValue::from_static(secret));
            }
            secrets.admit(&headers)
        };
        assert!(admits(&["current"]) && admits(&["previous"]));
        for wrong in [&[][..], &[""], &["curren"], &["current "], &["current", "current"], &["wrong", "current"]] {
            assert!(!admits(wrong), "{wrong:?}");
        }
    }
}
