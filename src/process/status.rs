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
        /// How the process before it ended.
        before: Option<Exit>,
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
            Self::Running { pid, since, before, port, is_open, .. } => {
                let mut sentence = if *is_open {
                    format!("your bot runs as process {pid} since {since:.0} and takes connections on port {port}")
                } else {
                    format!(
                        "your bot runs as process {pid} but takes no connections on port {port}: it must run its webhook \
                         server on 127.0.0.1 and on the port in its variable PORT"
                    )
                };
                if let Some(before) = before {
                    sentence = format!("{sentence}. The process before it {}", before.clause());
                }
                sentence
            }
            Self::Waiting { until, last } => {
                format!("your bot {}. It is started again at {until:.0}; updates wait for it", last.clause())
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
        let running = |is_open, before: Option<Exit>| {
            let restarts = u32::from(before.is_some());
            ChildStatus::Running { pid: 7, since, restarts, before, port: 20_001, is_open }
        };
        for (status, sentence) in [
            (
                running(true, None),
                "your bot runs as process 7 since 1970-01-01T00:00:00Z and takes connections on port 20001",
            ),
            (
                running(true, Some(Exit::Signal(15))),
                "your bot runs as process 7 since 1970-01-01T00:00:00Z and takes connections on port 20001. The process \
                 before it was ended by signal 15 (SIGTERM): its last lines of output usually say why",
            ),
            (
                running(false, None),
                "your bot runs as process 7 but takes no connections on port 20001: it must run its webhook server on \
                 127.0.0.1 and on the port in its variable PORT",
            ),
            (
                ChildStatus::Waiting { until: since, last: Exit::Signal(9) },
                "your bot was ended by signal 9 (SIGKILL): if nobody killed it, the system did because memory was \
                 short. It is started again at 1970-01-01T00:00:00Z; updates wait for it",
            ),
            (
                ChildStatus::Waiting { until: since, last: Exit::Status(3) },
                "your bot ended with exit status 3: its last lines of output usually say why. It is started again at \
                 1970-01-01T00:00:00Z; updates wait for it",
            ),
        ] {
            assert_eq!(status.sentence(), sentence);
        }
    }
}
