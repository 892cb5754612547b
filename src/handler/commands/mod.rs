//! Answers the commands and buttons that the settings declare, each with a text from a template.

mod body;
mod builtin;
mod markup;
mod reply;
mod scope;
mod template;

use std::borrow::Cow;
use std::collections::HashMap;

use async_trait::async_trait;
use minijinja::value::Value as TemplateValue;

use super::contract::{Context, Handler, HandlerError};
use crate::settings::{ButtonSettings, CommandSettings, ReplySettings};
use crate::telegram::{Call, Identity};
use crate::update::{Command, Update};
use body::{Body, CallbackQuery, Message};
use reply::DeclaredReply;
use scope::Scope;

pub use reply::TemplateProblem;

/// Answers messages that begin with a declared command, and presses of declared buttons. Where the settings have a
/// fallback, it answers every other message of a person in a private chat. Every press is acknowledged. Where the
/// settings declare nothing, there are built-in replies to `/start` and `/help`.
///
/// No other update gets a reply. An update that cannot be read is no error.
#[derive(Debug)]
pub struct Commands {
    /// The replies to commands, by name in lower case.
    by_name: HashMap<String, DeclaredReply>,
    /// The replies to buttons, by callback data.
    by_data: HashMap<String, DeclaredReply>,
    fallback: Option<DeclaredReply>,
    /// The commands with a description, and their descriptions, in the order of the settings.
    described: Vec<(String, String)>,
    /// The described commands as a text, for the templates.
    listing: TemplateValue,
    is_built_in: bool,
    identity: Identity,
}

impl Commands {
    /// Compiles all replies.
    ///
    /// The case of a command's name does not matter. Of two commands or buttons with the same name, the first one is
    /// used. `identity` has the bot's name, for `/start@bot`. While it is unknown, a command that names a bot is
    /// answered only in private chats, where there is no other bot.
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
        let mut compile = |settings: &ReplySettings, origin: String, key: &str| {
            DeclaredReply::new(settings, origin, key).map_err(|more| problems.extend(more)).ok()
        };
        let (mut by_name, mut described) = (HashMap::new(), Vec::new());
        for (index, command) in commands.iter().enumerate() {
            let name = command.name.to_ascii_lowercase();
            if let Some(description) = &command.description {
                described.push((name.clone(), description.clone()));
            }
            if let Some(reply) = compile(&command.reply, format!("/{name}"), &format!("command[{index}]")) {
                by_name.entry(name).or_insert(reply);
            }
        }
        let mut by_data = HashMap::new();
        for (index, button) in buttons.iter().enumerate() {
            let origin = format!("button {}", button.data);
            if let Some(reply) = compile(&button.reply, origin, &format!("button[{index}]")) {
                by_data.entry(button.data.clone()).or_insert(reply);
            }
        }
        let fallback = fallback.and_then(|fallback| compile(fallback, "fallback".to_owned(), "fallback"));
        if !problems.is_empty() {
            return Err(problems);
        }
        let lines: Vec<_> = described.iter().map(|(name, description)| format!("/{name} - {description}")).collect();
        Ok(Self {
            by_name,
            by_data,
            fallback,
            described,
            listing: TemplateValue::from(lines.join("\n")),
            is_built_in: built_in.is_some(),
            identity,
        })
    }

    /// The `setMyCommands` call that shows people the described commands. `None` where the settings describe no
    /// command: then the list that the owner gave to `BotFather` stays.
    #[must_use]
    pub fn announcement(&self) -> Option<Call> {
        if self.is_built_in || self.described.is_empty() {
            return None;
        }
        let described = self.described.iter();
        Some(Call::set_my_commands(described.map(|(name, description)| (name.as_str(), description.as_str()))))
    }

    /// The calls for an update.
    ///
    /// # Errors
    ///
    /// [`HandlerError::Reject`] when the reply cannot be rendered.
    pub fn answer(&self, update: &Update) -> Result<Vec<Call>, HandlerError> {
        match update.kind.name() {
            "message" => self.answer_message(update),
            "callback_query" => Ok(self.answer_press(update)),
            _ => Ok(Vec::new()),
        }
    }

    /// The calls for an update with a message.
    fn answer_message(&self, update: &Update) -> Result<Vec<Call>, HandlerError> {
        if self.fallback.is_none() && !Command::may_be_in(&update.body) {
            return Ok(Vec::new());
        }
        let body = Body::read(&update.body);
        let Some(message) = body.and_then(|body| body.message) else { return Ok(Vec::new()) };
        let me = self.identity.get();
        let bot = me.as_ref().map_or("", |me| &*me.username);
        let Some((reply, args)) = self.reply_to(&message, bot) else { return Ok(Vec::new()) };
        let scope = Scope::new(message.from.as_ref(), &message.chat, args, bot, &self.listing);
        let text = reply.render(scope).map_err(|kind| {
            // A retry would fail in the same way.
            HandlerError::Reject(format!("its reply could not be rendered ({kind})"))
        })?;
        if text.is_none() {
            tracing::debug!(update.id = update.id.0, chat.id = message.chat.id, "the reply is blank and is not sent");
        }
        Ok(text.map(|text| reply.call(&message, text)).into_iter().collect())
    }

    /// The reply to a message and the value of its `args`: the text behind the command, or the whole text for the
    /// fallback.
    fn reply_to<'a>(&self, message: &'a Message, bot: &str) -> Option<(&DeclaredReply, &'a str)> {
        let private = message.is_private();
        let is_ours = |name: &str| if bot.is_empty() { private } else { name.eq_ignore_ascii_case(bot) };
        let command = message.command().filter(|command| command.bot.is_none_or(is_ours));
        let declared = command.and_then(|command| {
            let has_upper_case = command.name.bytes().any(|byte| byte.is_ascii_uppercase());
            let name = command.name;
            let name = if has_upper_case { Cow::Owned(name.to_ascii_lowercase()) } else { Cow::Borrowed(name) };
            Some((self.by_name.get(&*name)?, command.args))
        });
        // Two bots with a fallback would answer each other without end.
        let is_from_bot = message.from.as_ref().is_some_and(|from| from.is_bot);
        declared.or_else(|| {
            let fallback = self.fallback.as_ref().filter(|_| private && !is_from_bot && message.has_content)?;
            Some((fallback, message.text().unwrap_or_default().trim()))
        })
    }

    /// The calls for a press of a button. It is acknowledged first, so that the button stops its progress indicator.
    /// Then the declared reply follows, if the bot knows the chat and the topic.
    fn answer_press(&self, update: &Update) -> Vec<Call> {
        let query = Body::read(&update.body).and_then(|body| body.callback_query);
        let Some(CallbackQuery { id, from, message, data }) = query else { return Vec::new() };
        let acknowledgement = Call::new("answerCallbackQuery").with("callback_query_id", &*id.0);
        let Some(reply) = data.and_then(|data| self.by_data.get(&*data.0)) else { return vec![acknowledgement] };
        let mut calls = vec![acknowledgement.with_origin(reply.origin.clone())];
        if let Some(message) = message.filter(|message| !message.has_lost_its_topic()) {
            let me = self.identity.get();
            let bot = me.as_ref().map_or("", |me| &*me.username);
            match reply.render(Scope::new(from.as_ref(), &message.chat, "", bot, &self.listing)) {
                Ok(text) => calls.extend(text.map(|text| reply.call(&message, text))),
                Err(kind) => tracing::error!(
                    update.id = update.id.0, chat = %update.chat_key, origin = reply.origin,
                    "the reply to a press could not be rendered ({kind}); the press is acknowledged without it"
                ),
            }
        }
        calls
    }
}

#[async_trait]
impl Handler for Commands {
    async fn handle(&self, update: &Update, _: &Context<'_>) -> Result<Vec<Call>, HandlerError> {
        self.answer(update)
    }

    fn has_side_effects(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
