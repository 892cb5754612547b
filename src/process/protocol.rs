//! What Doorbell and the guardian say to each other over a socket. The end of the socket is a message too: the other side
//! is gone.

use super::exit::Exit;

/// An order to the guardian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Send SIGTERM to the bot.
    Terminate,
    /// Kill all processes of the bot.
    Kill,
}

impl Order {
    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Terminate => b't',
            Self::Kill => b'k',
        }
    }

    pub(super) fn of(byte: u8) -> Option<Self> {
        [Self::Terminate, Self::Kill].into_iter().find(|order| order.byte() == byte)
    }
}

/// A report of the guardian, which is one line.
#[derive(Clone, Debug)]
pub(super) enum Report {
    /// The bot was started as this process, which leads a process group of its own.
    Started(u32),
    /// The bot ended.
    Ended(Exit),
}

impl Report {
    pub(super) fn line(&self) -> String {
        match self {
            Self::Started(pid) => format!("started {pid}\n"),
            Self::Ended(Exit::Status(status)) => format!("status {status}\n"),
            Self::Ended(Exit::Signal(signal)) => format!("signal {signal}\n"),
            Self::Ended(Exit::Unknown | Exit::NotStarted(_)) => "unknown 0\n".to_owned(),
        }
    }

    pub(super) fn of(line: &str) -> Option<Self> {
        let (what, number) = line.trim_end().split_once(' ')?;
        Some(match what {
            "started" => Self::Started(number.parse().ok()?),
            "status" => Self::Ended(Exit::Status(number.parse().ok()?)),
            "signal" => Self::Ended(Exit::Signal(number.parse().ok()?)),
            "unknown" => Self::Ended(Exit::Unknown),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_understood_by_the_other_side() {
        for order in [Order::Terminate, Order::Kill] {
            assert_eq!(Order::of(order.byte()), Some(order));
        }
        for report in [
            Report::Started(4_194_304),
            Report::Ended(Exit::Status(0)),
            Report::Ended(Exit::Signal(9)),
            Report::Ended(Exit::Unknown),
        ] {
            assert_eq!(format!("{:?}", Report::of(&report.line()).unwrap()), format!("{report:?}"));
        }
        assert!(Report::of("").is_none() && Report::of("started now\n").is_none() && Order::of(b'x').is_none());
    }
}
