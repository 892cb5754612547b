use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::later;

/// How long a session lasts after the login.
pub(super) const LIFETIME: Duration = Duration::from_hours(12);

/// Issues and checks the sessions of the operator.
///
/// A session is the time of its end with a signature. The key is derived from the operator's token, so no state is kept,
/// all instances accept a session, and a changed token ends every session.
pub(super) struct Sessions {
    key: [u8; 32],
}

impl Sessions {
    /// The sessions for this operator's token.
    pub(super) fn new(token: &SecretString) -> Self {
        let mut mac = keyed(token.expose_secret().as_bytes());
        mac.update(b"doorbell console session");
        Self { key: mac.finalize().into_bytes().into() }
    }

    /// A session that begins now.
    pub(super) fn issue(&self, now: Timestamp) -> String {
        let ends = later(now, LIFETIME).as_second().to_string();
        let signature = URL_SAFE_NO_PAD.encode(self.signature(&ends).finalize().into_bytes());
        format!("{ends}.{signature}")
    }

    /// Whether a session is one of ours and has not ended.
    pub(super) fn is_valid(&self, session: &str, now: Timestamp) -> bool {
        let Some((ends, signature)) = session.split_once('.') else { return false };
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        let is_ours = self.signature(ends).verify_slice(&signature).is_ok();
        is_ours && ends.parse::<i64>().is_ok_and(|ends| now.as_second() < ends)
    }

    fn signature(&self, ends: &str) -> Hmac<Sha256> {
        let mut mac = keyed(&self.key);
        mac.update(ends.as_bytes());
        mac
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_valid_until_its_end_and_only_for_its_token() {
        let (now, sessions) = (Timestamp::UNIX_EPOCH, Sessions::new(&"the-operators-token".into()));
        let session = sessions.issue(now);
        let before_end = later(now, Duration::from_secs(LIFETIME.as_secs() - 1));
        assert!(sessions.is_valid(&session, now) && sessions.is_valid(&session, before_end));
        assert!(!sessions.is_valid(&session, later(now, LIFETIME)));
        assert!(!Sessions::new(&"the-operators-tokem".into()).is_valid(&session, now));
    }

    #[test]
    fn a_session_that_was_changed_is_not_valid() {
        let (now, sessions) = (Timestamp::UNIX_EPOCH, Sessions::new(&"the-operators-token".into()));
        let session = sessions.issue(now);
        let (ends, signature) = session.split_once('.').unwrap();
        for changed in [
            String::new(),
            ".".to_owned(),
            ends.to_owned(),
            format!("{ends}."),
            format!("9{ends}.{signature}"),
            format!("{ends}.{}", signature.to_uppercase()),
            format!("{ends}.{}", &signature[1..]),
            format!("{session}.{signature}"),
        ] {
            assert!(!sessions.is_valid(&changed, now), "{changed}");
        }
    }
}
