//! Tells those who know a secret from those who do not, in a time that says nothing about it.

use http::{HeaderMap, HeaderName};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// Secrets that let somebody in. Kept as digests, so that comparing takes the same time whatever was
/// offered, and nothing here can show them.
#[derive(Clone)]
pub struct Known(Vec<[u8; 32]>);

impl Known {
    /// Each of these lets in.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        Self(secrets.into_iter().map(|secret| Sha256::digest(secret.expose_secret()).into()).collect())
    }

    /// Whether what was offered is one of them. Nothing offered costs the same as something wrong.
    #[must_use]
    pub fn include(&self, offered: Option<&[u8]>) -> bool {
        let offered: [u8; 32] = Sha256::digest(offered.unwrap_or_default()).into();
        self.0.iter().fold(Choice::from(0), |known, secret| known | secret.ct_eq(&offered)).into()
    }
}

/// The value of a header that was sent once: of two, nobody can say which is meant.
#[must_use]
pub fn offered<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).map(http::HeaderValue::as_bytes)
}
