//! What whoever started the sandbox shows of it: the conversation as it goes on, and how a bot gets here.

use super::{Message, Sandbox, TOKEN};

impl Sandbox {
    /// The messages after one of that number, in the order in which they were written.
    #[must_use]
    pub fn messages_after(&self, message_id: i64) -> Vec<Message> {
        let world = self.shared.lock();
        let mut newer: Vec<_> =
            world.messages.iter().rev().take_while(|message| message.message_id > message_id).cloned().collect();
        newer.reverse();
        newer
    }

    /// Whom the chat is with: a person's first name, or a group's title.
    #[must_use]
    pub fn chat_name(&self, chat: i64) -> Option<String> {
        let world = self.shared.lock();
        let chat = world.chats.get(&chat)?;
        chat["title"].as_str().or(chat["first_name"].as_str()).map(ToOwned::to_owned)
    }

    /// Says at which URL the bot is to be reached, for whoever asks which [variables](Sandbox::variables) lead here.
    pub fn bot_is_at(&self, public_url: &str) {
        self.shared.change(|world, _| world.bot_url = Some(public_url.to_owned()));
    }

    /// The variables of the environment with which a bot speaks to this sandbox instead of to Telegram.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let public_url = self.shared.lock().bot_url.clone().map(|url| ("PUBLIC_URL", url));
        let api = [("TELEGRAM_API_URL", self.api_url()), ("TELEGRAM_BOT_TOKEN", TOKEN.to_owned())];
        api.into_iter().chain(public_url).collect()
    }
}
