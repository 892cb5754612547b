use std::net::{Ipv4Addr, SocketAddr};

use schemars::JsonSchema;

use crate::settings::problem::Refusal;
use crate::settings::reader::Reader;

/// `[gateway]`: the Bot API for your own bot.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GatewaySettings {
    /// The address to listen on.
    #[schemars(with = "String")]
    pub listen: Option<SocketAddr>,
    /// Whether the bot may empty the inbox with `drop_pending_updates`.
    pub allow_drop: bool,
}

/// Where the gateway listens if the settings name no address.
const DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);

impl GatewaySettings {
    /// The address on which the gateway listens. `None`: there is no gateway. `has_bot`: whether there is a bot to forward
    /// to.
    #[must_use]
    pub fn address(&self, has_bot: bool) -> Option<SocketAddr> {
        self.listen.or(has_bot.then_some(DEFAULT))
    }

    pub(in crate::settings) fn read(from: &mut Reader) -> Self {
        Self {
            listen: from.optional("gateway.listen", "an IP address and a port, such as 127.0.0.1:8081", |text| {
                text.trim().parse().or(Err(Refusal::default()))
            }),
            allow_drop: from.flag("gateway.allow_drop"),
        }
    }
}
