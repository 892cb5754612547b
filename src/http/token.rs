use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The SHA-256 digests of the tokens that are valid. A comparison takes the same time for every candidate of the same
/// length, and nothing here can show a token.
#[derive(Clone)]
pub struct TokenDigests(Vec<[u8; 32]>);

impl TokenDigests {
    /// Digests each valid token.
    #[must_use]
    pub fn new<'a>(tokens: impl IntoIterator<Item = &'a SecretString>) -> Self {
        Self(tokens.into_iter().map(|token| Sha256::digest(token.expose_secret()).into()).collect())
    }

    /// Whether the candidate is a valid token. A missing candidate costs the same time as a wrong one.
    #[must_use]
    pub fn matches(&self, candidate: Option<&[u8]>) -> bool {
        let candidate: [u8; 32] = Sha256::digest(candidate.unwrap_or_default()).into();
        self.0.iter().fold(Choice::from(0), |matched, valid| matched | valid.ct_eq(&candidate)).into()
    }
}

/// The value of a header that was sent exactly once. Two values are ambiguous, so they count as none.
#[must_use]
pub fn single_value<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).map(HeaderValue::as_bytes)
}
