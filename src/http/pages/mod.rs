//! What the pages share: the layout, the style sheet and the script, the two languages, live updates, and the protection
//! of forms.
//!
//! A page is rendered on the server and works without JavaScript. With it, one `EventSource` says that something has
//! changed; then the script fetches the same URL and replaces `<main>`. Everything is compiled in, and nothing comes from
//! another host.

mod assets;
mod cross_site;
mod language;
mod live;
mod page;
mod steps;

pub use assets::Asset;
pub use cross_site::refuse_cross_site;
pub use language::Language;
pub use live::{Live, LiveStream};
pub use page::{Page, render, routes, wants_json};
pub use steps::{StepText, milliseconds, step_text};
