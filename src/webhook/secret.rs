use http::HeaderMap;
use secrecy::SecretString;

use crate::http::{TokenDigests, single_value};
use crate::telegram::SECRET_HEADER;

/// The secret tokens that are valid: the current one and, during a change, the previous one.
#[derive(Clone)]
pub struct Secrets(TokenDigests);

impl Secrets {
    /// Accepts the current secret and the previous one.
    #[must_use]
    pub fn new(current: &SecretString, previous: Option<&SecretString>) -> Self {
        Self(TokenDigests::new(std::iter::once(current).chain(previous)))
    }

    /// Whether the header was sent once and holds a valid secret. A missing header and a repeated one cost the same time
    /// as a wrong one.
    #[must_use]
    pub fn verify(&self, headers: &HeaderMap) -> bool {
        self.0.matches(single_value(headers, &SECRET_HEADER))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_the_valid_secrets_are_accepted() {
        let secrets = Secrets::new(&"current".to_owned().into(), Some(&"previous".to_owned().into()));
        let accepts = |offered: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for secret in offered {
                headers.append(SECRET_HEADER, HeaderValue::from_static(secret));
            }
            secrets.verify(&headers)
        };
        assert!(accepts(&["current"]) && accepts(&["previous"]));
        for wrong in [&[][..], &[""], &["curren"], &["current "], &["current", "current"], &["wrong", "current"]] {
            assert!(!accepts(wrong), "{wrong:?}");
        }
    }
}
