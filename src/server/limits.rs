use std::time::Duration;

/// How many connections there may be, and how long each may take over what it does.
///
/// They are no settings: each number follows from what Telegram and the platforms do. Tests bring
/// smaller ones.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most connections at once. Telegram opens 100 at most, and a platform's edge some more;
    /// of the 1,024 descriptors that a process often has, the others are left to the inbox and to
    /// calls to the Bot API. Beyond it, whoever has been waited for longest makes room for the
    /// newcomer, so a check of health is always answered.
    pub connections: usize,
    /// From the connection, or from the first byte of a later request, to the end of the request's
    /// head.
    pub head: Duration,
    /// From the head to the answer. Telegram itself gives up after 60 s.
    pub work: Duration,
    /// From the first moment at which the client takes nothing more to the end of the answer.
    pub answer: Duration,
    /// Without a request on a connection that has had one. Telegram closes its idle connections
    /// after 60 s, Render's edge later: whoever closes first loses requests, so it is not us.
    pub idle: Duration,
    /// For the client to read an answer that ended the connection, before what it still sends
    /// resets it.
    pub linger: Duration,
    /// How long idle connections stay open after the soft stop, and new ones are taken. Telegram goes on writing to them, and counts a request
    /// on a connection that was closed meanwhile as failed; an answer that says `Connection: close` moves it on
    /// without a failure.
    pub farewell: Duration,
    /// How often the deadlines are looked at; each may be overrun by as much.
    pub tick: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 768,
            head: Duration::from_secs(10),
            work: Duration::from_mins(1),
            answer: Duration::from_secs(10),
            idle: Duration::from_mins(2),
            linger: Duration::from_secs(2),
            farewell: Duration::from_secs(1),
            tick: Duration::from_secs(1),
        }
    }
}
