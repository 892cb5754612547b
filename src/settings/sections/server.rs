use std::net::IpAddr;

use bytesize::ByteSize;
use schemars::JsonSchema;

use crate::settings::platform::Platform;
use crate::settings::problem::Refusal;
use crate::settings::reader::Reader;

/// Telegram sends updates of up to this size. A smaller limit would lose them.
const LONGEST_UPDATE: ByteSize = ByteSize::kib(513);

/// Ports that Render reserves.
const RESERVED_ON_RENDER: [u16; 3] = [18012, 18013, 19099];

/// `[server]`: the listener.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ServerSettings {
    /// The address to listen on.
    #[schemars(with = "String")]
    pub host: IpAddr,
    /// The port to listen on; 0 means any free one.
    pub port: u16,
    /// The longest request body that is read, in bytes.
    #[schemars(with = "String")]
    pub body_limit: usize,
}

impl ServerSettings {
    pub(in crate::settings) fn read(from: &mut Reader, platform: &Platform) -> Self {
        let host = from.address("server.host");
        let port = from.whole("server.port", 0..=65_535);
        let body_limit = from.text("server.body_limit", "a size from 513 KiB to 1 GiB, such as 1 MiB", body_limit);
        if platform.name == Some("Render") && RESERVED_ON_RENDER.contains(&port) {
            from.refuse(
                "server.port",
                "a port that Render does not keep for itself",
                Refusal::hint("10000 is Render's own choice"),
            );
        }
        Self { host, port, body_limit }
    }
}

fn body_limit(text: &str) -> Result<usize, Refusal> {
    let size: ByteSize = text.trim().parse().or(Err(Refusal::default()))?;
    if size < LONGEST_UPDATE {
        return Err(Refusal::hint("Telegram sends updates of up to 513 KiB; a smaller limit would lose them"));
    }
    usize::try_from(size.as_u64()).ok().filter(|_| size <= ByteSize::gib(1)).ok_or_else(Refusal::default)
}
