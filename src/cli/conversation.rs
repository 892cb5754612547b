//! Prints what is said in the sandbox, a line for each message. Its people are simulated, so their words may be read; and
//! as they are what the command is there to show, they go to standard output, and not into the log.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use super::say;
use crate::lifecycle::Shutdown;
use crate::sandbox::{Message, Sandbox};

/// The longest text that a line shows.
const SHOWN: usize = 100;

/// Lines that wait to be printed; where nobody reads them, later ones are left out.
const WAITING: usize = 1_000;

/// Prints each message from now on, until the sandbox stops.
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

/// A thread of its own prints: one that stands still, because nobody reads, must hold up nothing else, and no end.
fn printer() -> SyncSender<String> {
    let (lines, to_print) = sync_channel::<String>(WAITING);
    let printing = thread::Builder::new().name("conversation".to_owned()).spawn(move || {
        for line in to_print {
            say(line);
        }
    });
    // Without a thread nothing is printed: the channel is closed.
    drop(printing);
    lines
}

/// Who says what to whom, such as `Ann to Doorbell, chat 1: /start`.
fn line(message: &Message, chat: Option<String>) -> String {
    let Message { from, bot, text, chat: id, .. } = message;
    let to = match (bot, chat) {
        (true, chat) => chat.unwrap_or_else(|| "nobody known".to_owned()),
        (false, Some(group)) if *id < 0 => group,
        (false, _) => "the bot".to_owned(),
    };
    let mut shown: String = text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    let buttons = if message.buttons.is_some() { " [with buttons]" } else { "" };
    let from: String = from.chars().filter(|c| !c.is_control()).collect();
    format!("{from} to {to}, chat {id}: {shown}{buttons}")
}
