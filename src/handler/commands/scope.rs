//! The variables of a template: the sender, the chat, the bot and the arguments of the command.

use std::sync::Arc;

use minijinja::value::{Object, Value};

use super::body::{Chat, User};

/// Every variable that a template may use.
pub(super) const NAMES: [&str; 11] = [
    "user.first_name",
    "user.last_name",
    "user.username",
    "user.id",
    "user.language_code",
    "chat.id",
    "chat.type",
    "chat.title",
    "args",
    "bot.username",
    "commands",
];

/// The parts before the dot in [`NAMES`].
const OWNERS: [&str; 3] = ["user", "chat", "bot"];

/// The values of the variables in one reply, in the order of [`NAMES`]. A missing value is an empty text.
#[derive(Debug)]
pub(super) struct Scope([Value; NAMES.len()]);

impl Default for Scope {
    fn default() -> Self {
        Self(NAMES.map(|_| Value::from("")))
    }
}

impl Scope {
    /// The values for one update.
    pub(super) fn new(from: Option<&User>, chat: &Chat, args: &str, bot: &str, commands: &Value) -> Self {
        let of_user = |field: fn(&User) -> Value| from.map_or_else(|| Value::from(""), field);
        Self([
            of_user(|user| Value::from(&*user.first_name.0)),
            of_user(|user| Value::from(&*user.last_name.0)),
            of_user(|user| Value::from(&*user.username.0)),
            of_user(|user| Value::from(user.id)),
            of_user(|user| Value::from(&*user.language_code.0)),
            Value::from(chat.id),
            Value::from(&*chat.kind.0),
            Value::from(&*chat.title.0),
            Value::from(args),
            Value::from(bot),
            commands.clone(),
        ])
    }

    /// A value for every variable, to test a template.
    pub(super) fn full() -> Self {
        let numbers = ["user.id", "chat.id"];
        Self(NAMES.map(|name| if numbers.contains(&name) { Value::from(42) } else { Value::from("some text") }))
    }

    pub(super) fn into_value(self) -> Value {
        Value::from_object(Names { scope: Arc::new(self), owner: "" })
    }
}

/// The variables of one owner, such as `user`. With an empty owner, the owners and the variables without a dot.
#[derive(Debug)]
struct Names {
    scope: Arc<Scope>,
    owner: &'static str,
}

impl Object for Names {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        if self.owner.is_empty()
            && let Some(owner) = OWNERS.into_iter().find(|owner| *owner == key)
        {
            return Some(Value::from_object(Self { scope: Arc::clone(&self.scope), owner }));
        }
        let at = NAMES.iter().position(|name| name.split_once('.').unwrap_or(("", name)) == (self.owner, key))?;
        Some(self.scope.0[at].clone())
    }
}
