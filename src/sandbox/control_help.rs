//! The text that `GET /sandbox` returns.

use std::fmt::Write;

use super::actions;

const HELP: &str = "\
The sandbox of Doorbell: a simulated Telegram. Act as a user of the bot:

  POST   /sandbox/messages   {\"text\": \"/start\", \"chat\": 1, \"from\": \"Ann\"}   write; only text is required
  GET    /sandbox/messages   the messages of all chats; ?chat=1 for one chat, ?format=text for plain text
  POST   /sandbox/presses    {\"message_id\": 2, \"data\": \"yes\", \"chat\": 1}     press a button of the message
  POST   /sandbox/updates    {\"kind\": \"inline_query\", \"content\": {...}}      send any update
  POST   /sandbox/actions/join  {\"chat\": -5, \"from\": \"Bob\"}   or another action of the list below
  GET    /sandbox/calls      the Bot API calls that were received
  GET    /sandbox/deliveries the attempts to deliver updates
  GET    /sandbox/webhook    the webhook that is set
  GET    /sandbox/variables  the environment variables with which a bot uses this sandbox

Make calls fail:

  POST   /sandbox/faults     {\"method\": \"sendMessage\", \"times\": 1, \"what\": {\"html\": 502}}
                             or {\"status\": {\"code\": 429, \"description\": \"Too Many Requests\", \"retry_after\": 3}},
                             {\"slow\": 1500}, \"hang\", \"close\", \"lost\", \"garbage\"
                             Faults wait in a queue: the oldest that matches a call applies, and times is the number
                             of calls that it still applies to. Without times it applies until all are deleted.
  GET    /sandbox/faults     the active faults
  DELETE /sandbox/faults

Run a scenario:

  POST   /sandbox/scenarios/polling-copy    an old copy of the bot that polls starts
  POST   /sandbox/scenarios/second-service  {\"url\": \"https://other.example/hook\"}   another service takes the webhook
  POST   /sandbox/scenarios/changed-secret  another program changes the secret token
";

const ACTIONS: &str = "
The actions of users, each with its parameters; all take \"chat\" and \"from\". A photo, document or other file can be
sent by a form: curl -F photo=@cat.jpg -F caption=Look http://127.0.0.1:8081/sandbox/actions/photo. Without one, it is a
picture of one pixel. After \"stop\", the bot is blocked until the person writes again.

";

/// The whole text.
pub(super) fn text() -> String {
    let mut text = format!("{HELP}{ACTIONS}");
    for (name, example) in actions::examples() {
        writeln!(text, "  POST   /sandbox/actions/{name:<13} {example}").expect("writing to a String succeeds");
    }
    text
}
