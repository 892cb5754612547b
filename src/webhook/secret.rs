use http::HeaderMap;
use secrecy::SecretString;

use super::SECRET_HEADER;
use crate::secret::{Known, offered};

/// The secret tokens that are let in: the one in force and, while it is being changed, the one
/// before.
#[derive(Clone)]
pub struct Secrets(Known);

impl Secrets {
    /// Lets in whoever knows the secret in force, or the previous one.
    #[must_use]
    pub fn new(current: &SecretString, previous: Option<&SecretString>) -> Self {
        Self(Known::new(std::iter::once(current).chain(previous)))
    }

    /// Whether the one header holds one of the secrets. A missing header, or a second one, costs the
    /// same as a wrong one.
    #[must_use]
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        self.0.include(offered(headers, &SECRET_HEADER))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

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
