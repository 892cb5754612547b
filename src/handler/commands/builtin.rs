//! The commands of a service whose settings declare none, so that a new bot answers.

use crate::settings::{CommandSettings, ReplySettings};

const START: &str = "\
Hello{% if user.first_name %}, {{ user.first_name }}{% endif %}. \
This bot is up and hears you; its owner has not taught it anything yet.

If that is you: declare its first command in the settings, as a section [[command]] with a name and a reply. \
It takes the place of this text.";

const HELP: &str = "\
I know these:
{{ commands }}

If you are my owner: a section [[command]] in the settings, with a name and a reply, teaches me more.";

/// `/start` and `/help`. Their replies say how to declare commands.
pub(super) fn commands() -> [CommandSettings; 2] {
    [("start", "Say hello", START), ("help", "List the commands", HELP)].map(|(name, description, reply)| {
        CommandSettings {
            name: name.to_owned(),
            description: Some(description.to_owned()),
            reply: ReplySettings { reply: reply.to_owned(), parse_mode: None, buttons: Vec::new() },
        }
    })
}
