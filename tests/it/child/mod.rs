//! Your own bot as a child process: it gets what it needs and no secret of ours, it is kept running, and no end of the
//! service leaves a process of it behind.

mod bot;
mod environment;
mod no_orphans;
mod output;
mod restarts;
mod stopping;
mod wrong_commands;
