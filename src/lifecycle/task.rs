use std::fmt;

/// Declares [`Task`], the list of all its values and their names.
macro_rules! tasks {
    ($($(#[$doc:meta])* $task:ident = $name:literal,)+) => {
        /// A supervised task. The service cannot work without it: when it fails, the service stops.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Task {
            $($(#[$doc])* $task,)+
        }

        impl Task {
            /// Every supervised task. `tests/it/supervised.rs` kills each of them once.
            pub const ALL: &[Self] = &[$(Self::$task,)+];

            /// The name in the log, such as "the listener".
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$task => $name,)+
                }
            }
        }
    };
}

tasks! {
    /// Accepts HTTP connections.
    Listener = "the listener",
    /// Accepts HTTP connections of your own bot.
    Gateway = "the gateway",
    /// Claims updates and starts attempts.
    Dispatch = "dispatch",
    /// Follows whether the operator has paused the handling of updates.
    PauseWatch = "the watch of the pause",
    /// Samples the counters for the console, and tells its pages of changes.
    Console = "the console",
    /// Prolongs the leases of the updates that are being handled.
    LeaseRenewal = "lease renewal",
    /// Removes expired data from the inbox.
    InboxSweep = "the inbox sweep",
    /// Registers the webhook and watches it.
    Registrar = "the registrar",
    /// Watches whether the bot behind the service takes connections.
    BotWatch = "the watch of your bot",
    /// Runs your own bot as a child process.
    ChildProcess = "your bot's process",
    /// Sends finished spans to the collector.
    TraceExport = "trace export",
    /// Waits for SIGTERM and SIGINT. It is a thread.
    SignalHandling = "signal handling",
    /// Writes to the SQLite file. It is a thread.
    SqliteWriter = "the SQLite writer",
    /// Connects to PostgreSQL at the start and after an outage.
    DatabaseConnection = "the database connection",
    /// Writes batches to PostgreSQL.
    DatabaseWriter = "the database writer",
    /// Listens for the notifications of other instances.
    DatabaseListener = "the database listener",
    /// Claims its updates again after an outage of PostgreSQL.
    LeaseRecovery = "lease recovery",
    /// Accepts HTTP connections of the sandbox.
    SandboxListener = "the sandbox listener",
    /// Removes expired data from the sandbox.
    SandboxSweep = "the sandbox sweep",
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A supervised task panicked, or ended before a stop was requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{task} {end}, and the service cannot work without it")]
pub struct TaskFailed {
    /// Which task.
    pub task: Task,
    /// How it ended.
    pub end: TaskEnd,
}

/// How a failed task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskEnd {
    /// It panicked. The log says where.
    Panicked,
    /// It returned.
    Returned,
}

impl fmt::Display for TaskEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Panicked => "panicked",
            Self::Returned => "ended by itself",
        })
    }
}
