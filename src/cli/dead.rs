use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;

use super::print::say;
use crate::clock::{Clock, SystemClock, elapsed};
use crate::humanize;
use crate::inbox::{self, Inbox, Record, Selection};
use crate::settings::{Need, Settings, Sources};
use crate::telegram::BotToken;
use crate::update::UpdateId;

/// `doorbell dead …`
#[derive(Subcommand)]
pub(super) enum DeadCommand {
    /// Lists the dead-letter updates, the oldest first
    #[command(after_help = "Example: doorbell dead list --json")]
    List {
        /// The most updates to list
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: usize,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Shows one dead-letter update: why it failed, and its content
    #[command(after_help = "Example: doorbell dead show 123456")]
    Show {
        /// The id of the update
        id: i64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Handles dead-letter updates again, each at the end of its chat's queue
    #[command(after_help = "Examples:\n  doorbell dead retry 123456 123457\n  doorbell dead retry --all")]
    Retry(Chosen),
    /// Deletes dead-letter updates
    #[command(after_help = "Examples:\n  doorbell dead discard 123456\n  doorbell dead discard --all")]
    Discard(Chosen),
}

/// The selected dead-letter updates.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Which {
    /// The ids of updates
    #[arg(value_name = "ID")]
    ids: Vec<i64>,
    /// All dead-letter updates
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

/// Shows or moves dead-letter updates. The service may be running at the same time.
pub(super) async fn run(command: DeadCommand, sources: &Sources) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(sources, Need::Nothing)?;
    let bot = settings.telegram.bot_token.clone().map(|token| BotToken::new(token).bot_id());
    let inbox = inbox::open_for_operator(&settings.inbox, bot, Arc::new(SystemClock))?;
    match command {
        DeadCommand::List { limit, json } => list(&*inbox, limit, json).await,
        DeadCommand::Show { id, json } => show(&*inbox, id, json).await,
        DeadCommand::Retry(Chosen { which, json }) => {
            let moved = inbox.revive(&which.selection()).await?;
            report(&which, &moved, "queued again", json)
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
        // Only `show` prints what a person wrote, for the one update that was asked for.
        let dead: Vec<_> = dead.into_iter().map(|record| Record { body: None, calls_left: None, ..record }).collect();
        say(format_args!("{:#}", json!(dead)));
        return Ok(ExitCode::SUCCESS);
    }
    if dead.is_empty() {
        say("There are no dead-letter updates.");
    }
    for record in &dead {
        say(line(record));
    }
    if dead.len() == limit {
        say(format_args!("There may be more: use --limit (now {limit})."));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(record: &Record) -> String {
    let age = humanize::age(elapsed(record.received_at, SystemClock.now()));
    format!(
        "{}  {}  {}  {}  arrived {age} ago  {}",
        record.id,
        record.kind,
        record.chat_key,
        humanize::count(record.attempts, "attempt", "attempts"),
        record.reason.as_deref().unwrap_or("no reason was stored")
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
        say("It was handled. These calls were not made yet:");
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
            [] if which.all => say("There are no dead-letter updates."),
            [] => {}
            moved => {
                let updates = humanize::count(moved.len() as u64, "dead-letter update was", "dead-letter updates were");
                say(format_args!("{updates} {what}."));
            }
        }
    }
    if moved.len() < which.ids.len() {
        return Err(none_of_these());
    }
    Ok(ExitCode::SUCCESS)
}

fn none_of_these() -> anyhow::Error {
    anyhow::anyhow!(
        "there is no dead-letter update with this id, or with one of these ids; `doorbell dead list` shows them all"
    )
}
