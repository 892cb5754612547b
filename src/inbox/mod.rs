//! Stores updates: an accepted update survives a crash, is claimed one at a time per chat in the order of acceptance,
//! and is forgotten only after a verdict says how it ended.
//!
//! The webhook and dispatch meet here and nowhere else. Three stores implement [`Inbox`]: a SQLite file, a PostgreSQL
//! database, and memory.

mod browse;
mod contract;
mod counts;
mod delivery;
mod deps;
mod error;
mod lanes;
mod memory;
mod millis;
mod open;
mod postgres;
mod ready_queue;
mod record;
mod sqlite;
mod stored;
mod survey;
mod survey_cache;
mod sweeping;
mod verdict;

pub use browse::{Browse, Cursor, DeadGroup, Filter, HeldBack, NotACursor, Page, StateCounts};
pub use contract::Inbox;
pub use counts::Counts;
pub use delivery::{Accepted, Claimable, Delivery, LEASE, Lease, URGENT};
pub use error::{InboxError, Unhandled};
pub use open::{ephemeral_storage_warning, inspect, open, open_for_operator, stored_target};
pub use record::{Record, Selection, UpdateState};
pub use stored::Stored;
pub use survey::{Inspection, Survey};
pub use survey_cache::SurveyCache;
pub use verdict::{Verdict, VerdictKind};
