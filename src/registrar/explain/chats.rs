use super::entry::{Entry, table};

/// Why a call is refused because of the chat or the person that it is for.
pub(super) const CHATS: &[Entry] = table! {
    blocked (403): "bot was blocked by the user" | "blocked by the user" | "user_is_blocked"
        => "the person has blocked the bot: this message was not delivered, and none will be until the person \
         unblocks the bot"
        => "No action is needed: the call is given up. Remove the person from what the bot sends on its own.";
    user_deactivated (403): "user is deactivated"
        => "the person has deleted their account"
        => "No action is needed: the call is given up. Remove the person from what the bot sends on its own.";
    not_started (403): "bot can't initiate conversation with a user" | "bot can't initiate conversation with the user"
        => "the person has never written to the bot, and a bot cannot write first"
        => "Ask the person to press Start in the bot's chat.";
    to_a_bot (403): "bot can't send messages to bots" | "bots can't send messages to bots"
        | "the bot can't send messages to the bot"
        => "the chat is that of a bot, and bots cannot write to each other"
        => "Check the chat_id: it may be the bot's own id.";
    kicked (403): "bot was kicked from the * chat" | "bot was kicked from the chat"
        => "the bot was removed from the group or channel"
        => "An administrator of the chat can add it again; until then the call is given up.";
    not_a_member (403): "bot is not a member of the * chat" | "bot is not a member of the chat"
        => "the bot is not in that group or channel"
        => "Add the bot to the chat; in a channel it must be an administrator.";
    chat_deleted (403): "the group chat was deleted" | "the * chat was deleted"
        => "the group was deleted"
        => "No action is needed: the call is given up.";
    no_rights (403): "not enough rights*" | "bot have no rights to send a message" | "chat_write_forbidden"
        | "need administrator rights*"
        => "the bot does not have the right to do this in that chat"
        => "An administrator of the chat must give the bot that right (in a channel, make it an administrator). No \
         bot has rights over administrators and the owner.";
    no_rights (400): "not enough rights*" | "have no rights to send a message" | "need administrator rights*"
        | "chat_admin_required" | "chat_write_forbidden" | "chat_restricted" | "chat_send_+_forbidden"
        | "right_forbidden" | "user_admin_invalid" | "can't restrict self" | "can't remove chat owner"
        | "user is an administrator of the chat"
        => "the bot does not have the right to do this in that chat"
        => "An administrator of the chat must give the bot that right (in a channel, make it an administrator). No \
         bot has rights over administrators and the owner.";
    chat_not_found (400): "chat not found" | "chat_id is empty" | "chat_id_invalid" | "peer_id_invalid"
        | "invalid chat_id specified"
        => "Telegram knows no chat with that id for this bot: the id is wrong, the person has never written to the \
         bot, or the bot is not in that group or channel"
        => "Check the chat_id (a group's is negative, a supergroup's or channel's begins with -100), and whether \
         the chat belongs to this bot and not to another one.";
    user_not_found (400): "user not found" | "user_id_invalid" | "participant_id_invalid" | "user_not_participant"
        | "invalid user_id specified"
        => "Telegram knows no person with that id for this bot, or the person is not in that chat"
        => "Check the user_id; the bot must have met the person in a chat.";
    chat_upgraded (400): "group chat was upgraded to a supergroup chat"
        | "group chat was migrated to a supergroup chat"
        => "the group has become a supergroup with another id, and the old id no longer works"
        => "Use the id in parameters.migrate_to_chat_id from now on.";
    chat_deactivated (400): "group is deactivated" | "group chat was deactivated" | "channel_private"
        => "the group or channel no longer exists, or is closed to the bot"
        => "No action is needed: the call is given up.";
    thread_not_found (400): "message thread not found" | "topic_deleted" | "topic_id_invalid"
        | "message_thread_id_invalid"
        => "the topic of the forum no longer exists, so the message cannot be sent there"
        => "Omit message_thread_id, or use that of a topic that exists.";
    topic_closed (400): "topic_closed" | "topic is closed"
        => "the topic of the forum is closed, so the bot cannot write into it"
        => "Open the topic again, or make the bot an administrator that may manage topics.";
    wrong_kind_of_chat (400): "method is available only for supergroups"
        | "method is available for supergroup and channel chats only"
        | "method is available for supergroup chats only" | "there are no administrators in the private chat"
        | "the chat is not a forum"
        => "the method does not exist for that type of chat"
        => "Check the type of the chat before the call.";
};
