use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{load, say};
use crate::clock::{Clock, SystemClock, elapsed};
use crate::inbox::{self, Inbox, Record, Selection};
use crate::settings::{Need, Sources};
use crate::telegram::BotToken;
use crate::update::UpdateId;
use crate::wording;

/// `doorbell dead …`
#[derive(Subcommand)]
pub(super) enum DeadCommand {
    /// Lists the dead updates, the oldest first
    #[command(after_help = "Example: doorbell dead list --json")]
    List {
        /// How many at most
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: usize,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Shows one dead update whole: why it failed, and what was in it
    #[command(after_help = "Example: doorbell dead show 123456")]
    Show {
        /// The number of the update
        id: i64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Puts dead updates back to be handled, each at the end of its chat's line
    #[command(after_help = "Examples:\n  doorbell dead retry 123456 123457\n  doorbell dead retry --all")]
    Retry(Chosen),
    /// Forgets dead updates for good
    #[command(after_help = "Examples:\n  doorbell dead discard 123456\n  doorbell dead discard --all")]
    Discard(Chosen),
}

/// Which dead updates are meant.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Which {
    /// The numbers of updates
    #[arg(value_name = "ID")]
    ids: Vec<i64>,
    /// Every dead update
    #[arg(long)]
    all: bool,
}

#[derive(Args)]
pub(super) struct Chosen {
    #[command(flatten)]
    which: Which,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Which {
    fn selection(&self) -> Selection {
        if self.all { Selection::All } else { Selection::Ids(self.ids.iter().copied().map(UpdateId).collect()) }
    }
}

/// Shows or moves dead updates, beside the service that may be running.
pub(super) async fn run(command: DeadCommand, sources: &Sources) -> anyhow::Result<ExitCode> {
    let settings = load(sources, Need::Nothing)?;
    let bot = settings.telegram.bot_token.clone().map(|token| BotToken::new(token).bot_id());
    let inbox = inbox::open_for_operator(&settings.inbox, bot, Arc::new(SystemClock))?;
    match command {
        DeadCommand::List { limit, json } => list(&*inbox, limit, json).await,
        DeadCommand::Show { id, json } => show(&*inbox, id, json).await,
        DeadCommand::Retry(Chosen { which, json }) => {
            let moved = inbox.revive(&which.selection()).await?;
            report(&which, &moved, "put back to be handled", json)
        }
        DeadCommand::Discard(Chosen { which, json }) => {
            let moved = inbox.discard(&which.selection()).await?;
            report(&which, &moved, "discarded", json)
        }
    }
}

async fn list(inbox: &dyn Inbox, limit: usize, json: bool) -> anyhow::Result<ExitCode> {
    let dead = inbox.list(&Selection::All, limit).await?;
    if json {
        // What people wrote is shown by `show`, for the one update that was asked for.
        let dead: Vec<_> = dead.into_iter().map(|record| Record { body: None, calls_left: None, ..record }).collect();
        say(format_args!("{:#}", json!(dead)));
        return Ok(ExitCode::SUCCESS);
    }
    if dead.is_empty() {
        say("There are no dead updates.");
    }
    for record in &dead {
        say(line(record));
    }
    if dead.len() == limit {
        say(format_args!("There may be more: see --limit (now {limit})."));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(record: &Record) -> String {
    let age = wording::age(elapsed(record.received_at, SystemClock.now()));
    format!(
        "{}  {}  {}  {}  arrived {age} ago  {}",
        record.id,
        record.kind,
        record.chat_key,
        wording::count(record.attempts, "attempt", "attempts"),
        record.reason.as_deref().unwrap_or("no reason was kept")
    )
}

async fn show(inbox: &dyn Inbox, id: i64, json: bool) -> anyhow::Result<ExitCode> {
    let found = inbox.list(&Selection::Ids(vec![UpdateId(id)]), 1).await?;
    let Some(record) = found.first() else { return Err(none_of_these()) };
    if json {
        say(format_args!("{:#}", json!(record)));
        return Ok(ExitCode::SUCCESS);
    }
    say(line(record));
    if let Some(calls) = &record.calls_left {
        say("It was handled; these calls were still to be made:");
        for call in calls {
            say(format_args!("  {} {}", call.method, json!(call.params)));
        }
    }
    say(record.body.as_deref().unwrap_or_default());
    Ok(ExitCode::SUCCESS)
}

fn report(which: &Which, moved: &[UpdateId], what: &str, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        say(json!({ "updates": moved }));
    } else {
        match moved {
            [] if which.all => say("There are no dead updates."),
            [] => {}
            moved => say(format_args!("{} {what}.", count(moved.len()))),
        }
    }
    if moved.len() < which.ids.len() {
        return Err(none_of_these());
    }
    Ok(ExitCode::SUCCESS)
}

fn count(updates: usize) -> String {
    if updates == 1 { "1 dead update was".to_owned() } else { format!("{updates} dead updates were") }
}

fn none_of_these() -> anyhow::Error {
    anyhow::anyhow!(
        "no dead update has this number, or one of these numbers; `doorbell dead list` shows those there are"
    )
}
