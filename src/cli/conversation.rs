//! Prints the messages of the sandbox to standard output, one line each. They are the output of the command, and are
//! never logged. The people of the sandbox are simulated, so their messages may be shown.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use super::print::{printable, say};
use crate::humanize::shortened;
use crate::lifecycle::Shutdown;
use crate::sandbox::{Message, Sandbox};

/// The most characters of a text that a line shows.
const SHOWN: usize = 100;

/// The most lines that wait to be printed. Later ones are dropped if standard output is not read.
const WAITING: usize = 1_000;

/// Prints each new message until the sandbox stops.
pub(super) fn print(sandbox: &Sandbox, shutdown: &Shutdown) {
    let (sandbox, soft) = (sandbox.clone(), shutdown.soft.clone());
    let lines = printer();
    shutdown.tasks.spawn(async move {
        let mut last = 0;
        loop {
            for message in sandbox.messages_after(last) {
                last = message.message_id;
                let _ = lines.try_send(line(&message, sandbox.chat_name(message.chat)));
            }
            let is_new = |sandbox: &Sandbox| !sandbox.messages_after(last).is_empty();
            tokio::select! {
                () = sandbox.until(is_new) => {}
                () = soft.cancelled() => return,
            }
        }
    });
}

/// Starts the thread that prints. If standard output is not read, it blocks without delaying anything else.
fn printer() -> SyncSender<String> {
    let (lines, to_print) = sync_channel::<String>(WAITING);
    let printing = thread::Builder::new().name("conversation".to_owned()).spawn(move || {
        for line in to_print {
            say(line);
        }
    });
    // If the thread could not be started, the channel is closed and nothing is printed.
    drop(printing);
    lines
}

/// The line for a message, such as `Ann to the bot, chat 1: /start`.
fn line(message: &Message, chat: Option<String>) -> String {
    let Message { from, bot, text, chat: id, .. } = message;
    let to = match (bot, chat) {
        (true, chat) => chat.unwrap_or_else(|| "an unknown chat".to_owned()),
        (false, Some(group)) if *id < 0 => group,
        (false, _) => "the bot".to_owned(),
    };
    let shown = shortened(text, SHOWN).replace(char::is_control, " ");
    let buttons = if message.buttons.is_some() { " [with buttons]" } else { "" };
    let from = printable(from);
    format!("{from} to {to}, chat {id}: {shown}{buttons}")
}
