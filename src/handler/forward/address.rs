use super::bot_url::BotUrl;
use super::destination::Addresses;
use super::status::BotStatus;
use super::target::Target;
use crate::settings::ForwardSettings;

/// The host and the port to which the forward connects with these settings and this target, for checks by another process.
/// It does not know the port of a bot that the service has started itself.
///
/// # Errors
///
/// The status of a bot that has no such address.
pub fn address_of(
    settings: &ForwardSettings,
    public_url: Option<&str>,
    target: Option<&Target>,
) -> Result<(String, u16), BotStatus> {
    let addresses = Addresses {
        own: None,
        forward_url: settings.written_url().and_then(BotUrl::parse),
        public_url: public_url.and_then(BotUrl::parse),
        own_ports: Vec::new(),
    };
    addresses.resolve(target).map(|destination| (destination.connect_host, destination.connect_port))
}
