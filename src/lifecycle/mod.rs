//! Starts the tasks of the service, supervises them and stops them in order: softly first, hard when the grace period
//! is over. A supervised task that fails stops the service. A crash writes no core dump.

mod children;
mod core_dumps;
mod shutdown;
mod signals;
mod task;

pub use children::{EndedChildren, reap_orphans, survive_stop_signals};
pub use core_dumps::disable_core_dumps;
pub use shutdown::Shutdown;
pub use signals::stop_on_signals;
pub use task::{Task, TaskEnd, TaskFailed};
