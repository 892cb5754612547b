use super::Entry;

/// Why a call is refused because of the chat or the person that it is for.
pub(super) const CHATS: [Entry; 16] = [
    Entry {
        key: "blocked",
        code: Some(403),
        phrases: &["bot was blocked by the user", "blocked by the user", "user_is_blocked"],
        means: "the person has blocked the bot: this message was not delivered, and none will be until the person \
                unblocks it",
        remedy: "Nothing is to be done: the call is given up. Remove the person from what the bot sends by itself.",
    },
    Entry {
        key: "user_deactivated",
        code: Some(403),
        phrases: &["user is deactivated"],
        means: "the person has deleted their account",
        remedy: "Nothing is to be done: the call is given up. Remove the person from what the bot sends by itself.",
    },
    Entry {
        key: "not_started",
        code: Some(403),
        phrases: &["bot can't initiate conversation with a user", "bot can't initiate conversation with the user"],
        means: "the person has never written to the bot, and a bot cannot write first",
        remedy: "Ask the person to press Start in the bot's chat.",
    },
    Entry {
        key: "to_a_bot",
        code: Some(403),
        phrases: &[
            "bot can't send messages to bots",
            "bots can't send messages to bots",
            "the bot can't send messages to the bot",
        ],
        means: "the chat is that of a bot, and bots cannot write to each other",
        remedy: "Look at the chat_id: it may be the bot's own id.",
    },
    Entry {
        key: "kicked",
        code: Some(403),
        phrases: &["bot was kicked from the * chat", "bot was kicked from the chat"],
        means: "the bot was removed from the group or channel",
        remedy: "An administrator of the chat can add it again; until then the call is given up.",
    },
    Entry {
        key: "not_a_member",
        code: Some(403),
        phrases: &["bot is not a member of the * chat", "bot is not a member of the chat"],
        means: "the bot is not in that group or channel",
        remedy: "Add the bot to the chat; in a channel it must be an administrator.",
    },
    Entry {
        key: "chat_deleted",
        code: Some(403),
        phrases: &["the group chat was deleted", "the * chat was deleted"],
        means: "the group was deleted",
        remedy: "Nothing is to be done: the call is given up.",
    },
    Entry {
        key: "no_rights",
        code: Some(403),
        phrases: &[
            "not enough rights*",
            "bot have no rights to send a message",
            "chat_write_forbidden",
            "need administrator rights*",
        ],
        means: RIGHTS,
        remedy: GIVE_RIGHTS,
    },
    Entry {
        key: "no_rights",
        code: Some(400),
        phrases: &[
            "not enough rights*",
            "have no rights to send a message",
            "need administrator rights*",
            "chat_admin_required",
            "chat_write_forbidden",
            "chat_restricted",
            "chat_send_+_forbidden",
            "right_forbidden",
            "user_admin_invalid",
            "can't restrict self",
            "can't remove chat owner",
            "user is an administrator of the chat",
        ],
        means: RIGHTS,
        remedy: GIVE_RIGHTS,
    },
    Entry {
        key: "chat_not_found",
        code: Some(400),
        phrases: &[
            "chat not found",
            "chat_id is empty",
            "chat_id_invalid",
            "peer_id_invalid",
            "invalid chat_id specified",
        ],
        means: "Telegram knows no chat of that id for this bot: the id is wrong, the person has never written to the bot, \
                or the bot is not in that group or channel",
        remedy: "Look at the chat_id (a group's is negative, a supergroup's and channel's begins with -100), and at \
                 whether it is this bot's chat and not another bot's.",
    },
    Entry {
        key: "user_not_found",
        code: Some(400),
        phrases: &[
            "user not found",
            "user_id_invalid",
            "participant_id_invalid",
            "user_not_participant",
            "invalid user_id specified",
        ],
        means: "Telegram knows no person of that id for this bot, or the person is not in that chat",
        remedy: "Look at the user_id; the bot must have met the person in a chat.",
    },
    Entry {
        key: "chat_upgraded",
        code: Some(400),
        phrases: &["group chat was upgraded to a supergroup chat", "group chat was migrated to a supergroup chat"],
        means: "the group has become a supergroup with another id, and the old id does not work any more",
        remedy: "Use the id in parameters.migrate_to_chat_id from now on.",
    },
    Entry {
        key: "chat_deactivated",
        code: Some(400),
        phrases: &["group is deactivated", "group chat was deactivated", "channel_private"],
        means: "the group or channel does not exist any more, or is closed to the bot",
        remedy: "Nothing is to be done: the call is given up.",
    },
    Entry {
        key: "thread_not_found",
        code: Some(400),
        phrases: &["message thread not found", "topic_deleted", "topic_id_invalid", "message_thread_id_invalid"],
        means: "the topic of the forum does not exist any more, so the message cannot go there",
        remedy: "Leave message_thread_id out, or use that of a topic that exists.",
    },
    Entry {
        key: "topic_closed",
        code: Some(400),
        phrases: &["topic_closed", "topic is closed"],
        means: "the topic of the forum is closed, so the bot cannot write into it",
        remedy: "Open the topic again, or make the bot an administrator that may manage topics.",
    },
    Entry {
        key: "wrong_kind_of_chat",
        code: Some(400),
        phrases: &[
            "method is available only for supergroups",
            "method is available for supergroup and channel chats only",
            "method is available for supergroup chats only",
            "there are no administrators in the private chat",
            "the chat is not a forum",
        ],
        means: "the method does not exist for that kind of chat",
        remedy: "Look at the type of the chat before the call.",
    },
];

const RIGHTS: &str = "the bot does not have the right to do this in that chat";
const GIVE_RIGHTS: &str = "An administrator of the chat must give the bot that right (in a channel, make it an \
                           administrator); over administrators and the owner no bot has a right.";
