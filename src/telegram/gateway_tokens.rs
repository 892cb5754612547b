use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::token::BotToken;

/// Which token of the bot a request presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresentedToken {
    /// The stand-in token.
    StandIn,
    /// The real token, which a bot holds that was connected to Telegram directly before.
    Real,
}

/// The tokens that the gateway accepts, as digests: nothing here can show a token.
#[derive(Clone, Copy, Debug)]
pub struct GatewayTokens {
    stand_in: [u8; 32],
    real: [u8; 32],
}

impl GatewayTokens {
    /// The stand-in token and the real token.
    #[must_use]
    pub fn new(token: &BotToken) -> Self {
        let [stand_in, real] = token.digests();
        Self { stand_in, real }
    }

    /// The token that this text is. The comparison takes the same time for every text of the same length.
    #[must_use]
    pub fn recognize(&self, candidate: &[u8]) -> Option<PresentedToken> {
        let candidate: [u8; 32] = Sha256::digest(candidate).into();
        let (stand_in, real) = (self.stand_in.ct_eq(&candidate), self.real.ct_eq(&candidate));
        if stand_in.into() { Some(PresentedToken::StandIn) } else { bool::from(real).then_some(PresentedToken::Real) }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_stand_in_and_the_real_token_are_accepted_and_nothing_else() {
        let real = "123456:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr";
        let token = BotToken::new(real.to_owned().into());
        let tokens = GatewayTokens::new(&token);
        let stand_in = token.stand_in();
        assert_eq!(tokens.recognize(stand_in.expose_secret().as_bytes()), Some(PresentedToken::StandIn));
        assert_eq!(tokens.recognize(real.as_bytes()), Some(PresentedToken::Real));
        for other in ["", "123456", "123456:", &real[..real.len() - 1], &format!("{real} "), &real.to_lowercase()] {
            assert_eq!(tokens.recognize(other.as_bytes()), None, "{other}");
        }
    }
}
