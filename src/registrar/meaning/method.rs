use super::Entry;

/// Why a call is refused because of the message or query that it is about.
pub(super) const METHOD: [Entry; 6] = [
    Entry {
        key: "query_too_old",
        code: Some(400),
        phrases: &["query is too old and response timeout expired or query id is invalid", "query_id_invalid"],
        means: "a button press or an inline query was answered too late, or twice: Telegram waits for some seconds only, \
                and the person sees no answer any more",
        remedy: "Answer it first and work afterwards. After an outage this is normal, and passes.",
    },
    Entry {
        key: "not_modified",
        code: Some(400),
        phrases: &[
            "message is not modified*",
            "message_not_modified",
            "chat_not_modified",
            "chat description is not modified",
        ],
        means: "the edit would change nothing: text and buttons are the same as before",
        remedy: "Nothing is to be done: the message is as it should be. Often a button was pressed twice.",
    },
    Entry {
        key: "message_gone",
        code: Some(400),
        phrases: &[
            "message to edit not found",
            "message to delete not found",
            "message to forward not found",
            "message to copy not found",
            "message to pin not found",
            "message to unpin not found",
            "message to react not found",
            "message_id_invalid",
            "message not found",
        ],
        means: "the message does not exist any more in that chat, or never did",
        remedy: "Nothing is to be done if it was deleted; else look at chat_id and message_id.",
    },
    Entry {
        key: "reply_gone",
        code: Some(400),
        phrases: &[
            "message to be replied not found",
            "message to reply not found",
            "replied message not found",
            "reply message not found",
        ],
        means: "the message that is answered does not exist any more; nothing was sent",
        remedy: "Send with allow_sending_without_reply, or without the reply.",
    },
    Entry {
        key: "edit_forbidden",
        code: Some(400),
        phrases: &["message can't be edited", "message_edit_time_expired", "message_author_required"],
        means: "the message cannot be edited: it is not the bot's own, or too old",
        remedy: "Send a new message instead.",
    },
    Entry {
        key: "delete_forbidden",
        code: Some(400),
        phrases: &["message can't be deleted*", "message_delete_forbidden"],
        means: "the message cannot be deleted: it is older than 48 h, or the bot does not have that right in the \
                chat",
        remedy: "Delete it earlier, or make the bot an administrator that may delete messages.",
    },
];
