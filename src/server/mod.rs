//! Listens: takes connections, speaks HTTP/1.1 on them, puts out whoever is slow or too many, and
//! lets go of them in order when the service stops.
//!
//! A connection carries no timer of its own. It notes in its `Progress` what
//! it is doing and since which tick; once a tick, `Connections` looks over all of them. So a
//! request costs a few stores, and each kind of waiting has a deadline of its own.

mod body;
mod connection;
mod connections;
mod counts;
mod limits;
mod progress;
mod stream;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket};

use crate::clock::SharedClock;
use crate::lifecycle::Shutdown;
use crate::telemetry::Storm;
use connections::Connections;

pub use counts::{Closed, Counts};
pub use limits::Limits;

/// How long the listener rests when the process has no descriptors left.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// How many connections may wait to be taken: a burst beyond it would be tried again a second later.
const BACKLOG: u32 = 4096;
/// How much of its answers the system keeps for a client that does not read them. Left to itself it
/// keeps megabytes, which count as the service's memory on a platform.
const SEND_BUFFER: u32 = 64 * 1024;

/// Binds the address; nobody is served before [`serve`].
///
/// # Errors
///
/// When the address is in use or not ours to bind.
pub fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart may take the port although connections of the one before are still closing.
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// Serves until the soft stop. Then each connection ends with its next answer, which says so. For the farewell, idle
/// connections stay and new ones are taken: whoever sends may not know of the stop yet. Returns when the last connection
/// has ended.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    counts: Arc<Counts>,
    clock: SharedClock,
    shutdown: Shutdown,
) {
    let connections = Connections::new(limits, counts);
    let exhausted = Storm::new(Arc::clone(&clock));
    let farewell = async {
        shutdown.soft.cancelled().await;
        connections.announce_end();
        clock.sleep(limits.farewell).await;
    };
    let mut farewell = pin!(farewell);
    let mut tick = clock.sleep(limits.tick);
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.hard.cancelled() => break,
            () = &mut farewell => break,
            () = &mut tick => {
                connections.look_over();
                tick = clock.sleep(limits.tick);
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                if let Some(over) = exhausted.over() {
                    tracing::info!(
                        times = over.times,
                        lasted_s = over.lasted.as_secs(),
                        "connections can be accepted again"
                    );
                }
                connections.take(stream, router.clone());
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                if let Some(times) = exhausted.event() {
                    tracing::error!(%error, times, "connections cannot be accepted; trying again ten times a second");
                }
                clock.sleep(EXHAUSTED).await;
            }
        }
    }
    drop(listener);
    connections.say_goodbye();
    loop {
        tokio::select! {
            () = connections.ended() => return,
            () = &mut tick => {
                connections.look_over();
                tick = clock.sleep(limits.tick);
            }
            () = shutdown.hard.cancelled() => return connections.cut(),
        }
    }
}

/// Whether the failure concerns the one connection that was being taken, not the listener.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
