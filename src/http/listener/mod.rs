//! The listener: accepts connections, serves HTTP/1.1, and limits the number of connections and the time of each step.
//! When the service stops, every request that has begun is answered first.
//!
//! A connection has no timer of its own. It records in its `Progress` what it is doing and since which tick; once a
//! tick, `Connections` checks the deadlines of all. So each kind of waiting has a deadline, at little cost per request.

mod body;
mod connection;
mod connection_id;
mod connections;
mod counts;
mod limits;
mod progress;
mod protocol_errors;
mod response_body;
mod stream;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket};

use super::layers::layered;
use crate::clock::SharedClock;
use crate::lifecycle::Shutdown;
use crate::telemetry::Storm;
use connections::Connections;

pub use connection_id::{ConnectionId, Peer};
pub use counts::{Closed, Counts};
pub use limits::Limits;

/// The wait before the next attempt when a connection cannot be accepted, as when the process has no descriptors left.
const RETRY: Duration = Duration::from_millis(100);
/// How many connections may wait to be accepted. The client tries again one beyond it a second later.
const BACKLOG: u32 = 4096;
/// How much of its responses the system buffers for a client that does not read them. By default it buffers megabytes,
/// which a platform counts as the service's memory.
const SEND_BUFFER: u32 = 64 * 1024;

/// What [`serve`] needs in addition to the socket and the routes.
pub struct Deps {
    /// The bounds of connections.
    pub limits: Limits,
    /// Counts the connections.
    pub counts: Arc<Counts>,
    /// The time.
    pub clock: SharedClock,
    /// Stops the listener.
    pub shutdown: Shutdown,
}

/// Binds the address. No connection is accepted before [`serve`].
///
/// # Errors
///
/// When the address is in use, or the process may not bind it.
pub fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart may bind the port while connections of the process before it are still closing.
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// Serves until the soft stop, and returns when the last connection has ended.
///
/// From the soft stop on, the next response of each connection says that it is the last. For [`Limits::farewell`], idle
/// connections stay open and new ones are accepted, because the sender may not know of the stop yet.
pub async fn serve(listener: TcpListener, routes: Router, deps: Deps) {
    let Deps { limits, counts, clock, shutdown } = deps;
    let routes = layered(routes);
    let connections = Connections::new(limits, counts);
    let failures = Storm::new(Arc::clone(&clock));
    let mut farewell = pin!(async {
        shutdown.soft.cancelled().await;
        connections.announce_end();
        clock.sleep(limits.farewell).await;
    });
    let mut tick = clock.sleep(limits.tick);
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.hard.cancelled() => break,
            () = &mut farewell => break,
            () = &mut tick => {
                connections.close_overdue();
                tick = clock.sleep(limits.tick);
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                log_recovery(&failures);
                connections.add(stream, Peer(peer.ip()), clock.steady(), routes.clone());
            }
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                log_failure(&failures, &error);
                clock.sleep(RETRY).await;
            }
        }
    }
    drop(listener);
    connections.begin_shutdown();
    loop {
        tokio::select! {
            () = connections.ended() => return,
            () = &mut tick => {
                connections.close_overdue();
                tick = clock.sleep(limits.tick);
            }
            () = shutdown.hard.cancelled() => return connections.abort(),
        }
    }
}

fn log_failure(failures: &Storm, error: &io::Error) {
    if let Some(times) = failures.event() {
        tracing::error!(%error, times, "connections cannot be accepted; trying again ten times a second");
    }
}

fn log_recovery(failures: &Storm) {
    if let Some(over) = failures.over() {
        tracing::info!(times = over.times, lasted_s = over.lasted.as_secs(), "connections can be accepted again");
    }
}

/// Whether a failure to accept concerns one connection, and not the listener.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
