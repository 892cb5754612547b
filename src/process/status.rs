use jiff::Timestamp;

use super::exit::Exit;

/// The status of your bot's process.
#[derive(Clone, Debug)]
pub enum ChildStatus {
    /// It is being started.
    Starting,
    /// It runs.
    Running {
        /// The number of the process.
        pid: u32,
        /// When it was started.
        since: Timestamp,
        /// How often it was started again since the service started.
        restarts: u32,
        /// The port on which it must listen.
        port: u16,
        /// Whether it takes connections on that port. It is checked every few seconds.
        is_open: bool,
    },
    /// It has ended, and is started again later.
    Waiting {
        /// When it is started again.
        until: Timestamp,
        /// How it ended.
        last: Exit,
    },
    /// It has ended, and is not started again, because the service stops.
    Ended,
}

impl ChildStatus {
    /// A sentence for the operator: what happened, and what to do.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Starting => "your bot is being started".to_owned(),
            Self::Running { pid, since, port, is_open: true, .. } => {
                format!("your bot runs as process {pid} since {since:.0} and takes connections on port {port}")
            }
            Self::Running { pid, port, is_open: false, .. } => format!(
                "your bot runs as process {pid} but takes no connections on port {port}: it must run its webhook server \
                 on 127.0.0.1 and on the port in its variable PORT"
            ),
            Self::Waiting { until, last } => {
                let why = last.explanation().map(|why| format!(" ({why})")).unwrap_or_default();
                format!("your bot {last}{why}; it is started again at {until:.0}, and updates wait for it")
            }
            Self::Ended => "your bot has ended, because the service stops".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_is_a_sentence() {
        let since = Timestamp::UNIX_EPOCH;
        let running = |is_open| ChildStatus::Running { pid: 7, since, restarts: 0, port: 20_001, is_open };
        for (status, sentence) in [
            (
                running(true),
                "your bot runs as process 7 since 1970-01-01T00:00:00Z and takes connections on port 20001",
            ),
            (
                running(false),
                "your bot runs as process 7 but takes no connections on port 20001: it must run its webhook server on \
                 127.0.0.1 and on the port in its variable PORT",
            ),
            (
                ChildStatus::Waiting { until: since, last: Exit::Signal(9) },
                "your bot was ended by signal 9 (SIGKILL) (if nobody killed it, the system did because memory was \
                 short); it is started again at 1970-01-01T00:00:00Z, and updates wait for it",
            ),
            (
                ChildStatus::Waiting { until: since, last: Exit::Status(3) },
                "your bot ended with exit status 3; it is started again at 1970-01-01T00:00:00Z, and updates wait for \
                 it",
            ),
        ] {
            assert_eq!(status.sentence(), sentence);
        }
    }
}
