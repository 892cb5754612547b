use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::time::Duration;

use rand::RngExt;
use tokio::net::TcpStream;

use crate::clock::SharedClock;

/// The ports that are tried for a bot without a port of its own. Systems take the ports of outgoing connections from above
/// this range, so that none of them has the bot's port while the bot is not running.
const CHOICE: Range<u16> = 20_000..30_000;
/// How many ports are tried.
const ATTEMPTS: usize = 100;

/// How long a connection on this machine may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// The port of the settings, or a free one if that is 0. It is kept over the restarts of the bot.
///
/// # Errors
///
/// When the machine has no free port.
pub fn choose_port(port: u16) -> io::Result<u16> {
    if port != 0 {
        return Ok(port);
    }
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).is_ok();
    let mut random = rand::rng();
    match (0..ATTEMPTS).map(|_| random.random_range(CHOICE)).find(is_free) {
        Some(port) => Ok(port),
        None => Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port()),
    }
}

/// Whether a program on this machine takes connections on a port. It opens a connection and sends nothing: a request could
/// end the bot.
pub async fn port_is_open(port: u16, clock: &SharedClock) -> bool {
    let connect = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    tokio::select! {
        connected = connect => connected.is_ok(),
        () = clock.sleep(CONNECT_LIMIT) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::SystemClock;

    #[tokio::test]
    async fn a_chosen_port_is_free_and_one_with_a_listener_is_open() {
        let clock: SharedClock = Arc::new(SystemClock);
        let port = choose_port(0).unwrap();
        assert!(!port_is_open(port, &clock).await);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert!(port_is_open(port, &clock).await);
        drop(listener);
        assert_eq!(choose_port(8080).unwrap(), 8080);
    }
}
