//! Answers the commands that the settings declare, each with a text made from a template.

mod builtin;
mod markup;
mod message;
mod said;
mod scope;
mod template;
mod text;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use async_trait::async_trait;
use minijinja::value::Value as TemplateValue;
use serde_json::{Value, json};

use super::{Handler, HandlerError};
use crate::settings::{ButtonSettings, CommandSettings, ReplySettings};
use crate::telegram::{Call, Identity, check_button_url};
use crate::update::Update;

use markup::Markup;
use message::{Chat, Message, Press, User};
use scope::Scope;
use template::Template;

/// Answers messages that begin with a declared command, presses of declared buttons, and, where there is a
/// fallback, every other message of a person in a private chat. Where nothing is declared at all, it has a
/// `/start` and a `/help` of its own. A press is acknowledged in any case.
///
/// All else, such as other kinds of updates and what others said in a group, gets no answer; neither
/// does an update that cannot be read: it is never an error.
#[derive(Debug)]
pub struct Commands {
    /// By name, in lower case.
    replies: HashMap<String, Reply>,
    /// By the data of the button.
    buttons: HashMap<String, Reply>,
    fallback: Option<Reply>,
    /// The described commands and their descriptions, in the order of the settings.
    described: Vec<(String, String)>,
    /// The same as a text.
    listing: TemplateValue,
    built_in: bool,
    identity: Identity,
}

/// Why a reply in the settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateProblem {
    /// Where it stands, such as `command[0].reply`.
    pub key: String,
    /// What was found there.
    pub found: String,
    /// What would be right.
    pub wanted: String,
}

#[derive(Debug)]
struct Reply {
    /// What it answers, for the log.
    origin: String,
    template: Template,
    keyboard: Option<Value>,
}

impl Commands {
    /// Compiles all replies.
    ///
    /// Names of commands are compared without regard to case; of two that are the same, the first
    /// one answers. `identity` says which bot `/start@bot` is for; as long as it is empty, a command
    /// that names a bot is answered in private chats only, where there is no other bot.
    ///
    /// # Errors
    ///
    /// Every problem at once.
    pub fn new(
        commands: &[CommandSettings],
        buttons: &[ButtonSettings],
        fallback: Option<&ReplySettings>,
        identity: Identity,
    ) -> Result<Self, Vec<TemplateProblem>> {
        let built_in = (commands.is_empty() && buttons.is_empty() && fallback.is_none()).then(builtin::commands);
        let commands = built_in.as_ref().map_or(commands, |built_in| &built_in[..]);
        let mut problems = Vec::new();
        let mut replies = HashMap::new();
        let mut described = Vec::new();
        for (index, command) in commands.iter().enumerate() {
            let name = command.name.to_ascii_lowercase();
            if let Some(description) = &command.description {
                described.push((name.clone(), description.clone()));
            }
            match Reply::new(&command.reply, format!("/{name}"), &format!("command[{index}]")) {
                Ok(reply) => {
                    replies.entry(name).or_insert(reply);
                }
                Err(more) => problems.extend(more),
            }
        }
        let mut pressed = HashMap::new();
        for (index, button) in buttons.iter().enumerate() {
            match Reply::new(&button.reply, format!("button {}", button.data), &format!("button[{index}]")) {
                Ok(reply) => {
                    pressed.entry(button.data.clone()).or_insert(reply);
                }
                Err(more) => problems.extend(more),
            }
        }
        let fallback = fallback.map(|fallback| Reply::new(fallback, "fallback".to_owned(), "fallback"));
        let fallback = match fallback.transpose() {
            Ok(fallback) => fallback,
            Err(more) => {
                problems.extend(more);
                None
            }
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        let lines: Vec<_> = described.iter().map(|(name, description)| format!("/{name} - {description}")).collect();
        let listing = TemplateValue::from(lines.join("\n"));
        let built_in = built_in.is_some();
        Ok(Self { replies, buttons: pressed, fallback, described, listing, built_in, identity })
    }

    /// The `setMyCommands` call that shows people the described commands. None where none is
    /// declared: what the owner told `BotFather` then stays.
    #[must_use]
    pub fn announcement(&self) -> Option<Call> {
        if self.built_in || self.described.is_empty() {
            return None;
        }
        let shown = |(name, description): &(String, String)| json!({ "command": name, "description": description });
        Some(Call::new("setMyCommands").with("commands", self.described.iter().map(shown).collect::<Vec<_>>()))
    }

    /// The reply to a message.
    fn answer(&self, update: &Update) -> Result<Vec<Call>, HandlerError> {
        if self.fallback.is_none() && !message::may_hold_a_command(&update.body) {
            return Ok(Vec::new());
        }
        let Some(message) = Message::read(&update.body) else { return Ok(Vec::new()) };
        let me = self.identity.get();
        let bot = me.as_ref().map_or("", |me| &*me.username);
        let Some((reply, args)) = self.reply_to(&message, update, bot) else { return Ok(Vec::new()) };
        let text = self.render(reply, message.from.as_ref(), &message.chat, args, bot).map_err(|kind| {
            // With the same message it would fail again.
            HandlerError::Reject(format!("its reply could not be rendered ({kind})"))
        })?;
        if text.is_none() {
            tracing::debug!(update.id = update.id.0, chat.id = message.chat.id, "the reply is blank and not sent");
        }
        Ok(text.map(|text| reply.call(&message, text)).into_iter().collect())
    }

    /// The reply to a message, and its `args`: what follows the command in it; for the fallback, all of it.
    fn reply_to<'a>(&self, message: &'a Message, update: &Update, bot: &str) -> Option<(&Reply, &'a str)> {
        let private = message.in_private();
        let is_ours = |name: &str| if bot.is_empty() { private } else { name.eq_ignore_ascii_case(bot) };
        let command = message.command().filter(|command| command.bot.is_none_or(is_ours));
        let declared = command.and_then(|command| {
            let upper = command.name.bytes().any(|byte| byte.is_ascii_uppercase());
            let name = if upper { Cow::Owned(command.name.to_ascii_lowercase()) } else { Cow::Borrowed(command.name) };
            Some((self.replies.get(&*name)?, command.args))
        });
        // Two bots that answer each other's every word would never end.
        let from_bot = message.from.as_ref().is_some_and(|from| from.is_bot);
        declared.or_else(|| {
            let fallback = self.fallback.as_ref().filter(|_| private && !from_bot)?;
            let is_said = message.words().is_some() || said::is_said_by_a_person(&update.body);
            is_said.then(|| (fallback, message.words().unwrap_or_default().trim()))
        })
    }

    /// What follows a press: it is acknowledged, so that the button does not spin on, and then answered where
    /// its reply is declared and the bot knows where.
    fn answer_press(&self, update: &Update) -> Vec<Call> {
        let Some(press) = Press::read(&update.body) else { return Vec::new() };
        let mut acknowledgement = Call::new("answerCallbackQuery").with("callback_query_id", &*press.id.0);
        let declared = press.data.as_ref().and_then(|data| self.buttons.get(&*data.0));
        if let Some(reply) = declared {
            acknowledgement = acknowledgement.answering(reply.origin.clone());
        }
        let mut calls = vec![acknowledgement];
        let message = press.message.as_ref().filter(|message| !message.has_lost_its_topic());
        if let (Some(reply), Some(message)) = (declared, message) {
            let me = self.identity.get();
            let bot = me.as_ref().map_or("", |me| &*me.username);
            match self.render(reply, press.from.as_ref(), &message.chat, "", bot) {
                Ok(text) => calls.extend(text.map(|text| reply.call(message, text))),
                Err(kind) => tracing::error!(
                    update.id = update.id.0, chat = %update.chat_key, origin = reply.origin,
                    "the reply to a press could not be rendered ({kind}); the press is acknowledged without it"
                ),
            }
        }
        calls
    }

    fn render(
        &self,
        reply: &Reply,
        from: Option<&User>,
        chat: &Chat,
        args: &str,
        bot: &str,
    ) -> Result<Option<String>, minijinja::ErrorKind> {
        reply.template.render(Scope::new(from, chat, args, bot, &self.listing))
    }
}

#[async_trait]
impl Handler for Commands {
    async fn handle(&self, update: &Update) -> Result<Vec<Call>, HandlerError> {
        match update.kind.name() {
            "message" => self.answer(update),
            "callback_query" => Ok(self.answer_press(update)),
            _ => Ok(Vec::new()),
        }
    }
}

impl Reply {
    fn new(settings: &ReplySettings, origin: String, key: &str) -> Result<Self, Vec<TemplateProblem>> {
        let parse_mode = settings.parse_mode.as_deref();
        let markup = Markup::named(parse_mode).ok_or_else(|| TemplateProblem {
            key: format!("{key}.parse_mode"),
            found: format!("`{}` is unknown", parse_mode.unwrap_or_default()),
            wanted: format!("one of {}", Markup::NAMES.join(", ")),
        });
        // With no parse mode to go by, the template is looked at all the same: every problem at once.
        let template = Template::new(&settings.reply, *markup.as_ref().unwrap_or(&Markup::None)).map_err(|flaws| {
            let problem = |flaw: template::Flaw| TemplateProblem {
                key: format!("{key}.reply"),
                found: flaw.found,
                wanted: flaw.wanted,
            };
            flaws.into_iter().map(problem).collect::<Vec<_>>()
        });
        let urls = settings.buttons.iter().flatten().filter_map(|button| Some((button, button.get("url")?)));
        let urls = urls.filter_map(|(button, url)| Some((button, url, check_button_url(url).err()?)));
        let urls = urls.map(|(button, url, problem)| TemplateProblem {
            key: format!("{key}.buttons"),
            found: format!("the button \"{}\" with the url `{url}`: {problem}", button["text"]),
            wanted: "a URL that Telegram takes, such as https://example.org or tg://user?id=42".to_owned(),
        });
        let mut problems: Vec<_> = urls.collect();
        match (markup, template) {
            (Ok(_), Ok(template)) if problems.is_empty() => {
                let keyboard = (!settings.buttons.is_empty()).then(|| json!({ "inline_keyboard": settings.buttons }));
                Ok(Self { origin, template, keyboard })
            }
            (markup, template) => {
                problems.splice(0..0, markup.err().into_iter().chain(template.err().unwrap_or_default()));
                Err(problems)
            }
        }
    }

    fn call(&self, message: &Message, text: String) -> Call {
        let mut call = Call::send_message(message.chat.id, text).answering(self.origin.clone());
        if let Some(parse_mode) = self.template.markup().parse_mode() {
            call = call.with("parse_mode", parse_mode);
        }
        if let Some(keyboard) = &self.keyboard {
            call = call.with("reply_markup", keyboard.clone());
        }
        message.in_its_topic(call)
    }
}

impl fmt::Display for TemplateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; wanted: {}", self.key, self.found, self.wanted)
    }
}

#[cfg(test)]
mod tests;
