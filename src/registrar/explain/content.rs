use super::entry::{Entry, table};

/// Why a call is refused because of what it sends.
pub(super) const CONTENT: &[Entry] = table! {
    markdown_v2 (400): "can't parse entities: character * is reserved and must be escaped*"
        | "can't parse message text: character * is reserved and must be escaped*"
        | "can't parse caption: character * is reserved and must be escaped*"
        | "character + is reserved and must be escaped with the preceding *"
        => "the text is sent with parse_mode = \"MarkdownV2\" and contains a character that this format reserves; \
         nothing was sent"
        => "Write a backslash before each literal _ * [ ] ( ) ~ ` > # + - = | { } . ! or use parse_mode = \"HTML\".";
    markup (400): "can't parse entities*" | "can't parse message text*" | "can't parse caption*"
        | "can't parse message caption*"
        => "the markup of the text is not valid in its parse_mode: a tag or a character is not closed, unknown or \
         wrongly nested; nothing was sent"
        => "Correct the reply; in HTML write &lt; &gt; &amp; for < > &, in Markdown a backslash before _ * ` [.";
    text_too_long (400): "message is too long" | "message_too_long" | "message text is too long"
        => "the text has more than 4096 characters after its markup is parsed; nothing was sent"
        => "Shorten it, or send it as several messages.";
    caption_too_long (400): "message caption is too long" | "media_caption_too_long" | "caption is too long"
        => "the caption has more than 1024 characters after its markup is parsed; nothing was sent"
        => "Shorten it, or send the text as a separate message.";
    text_empty (400): "message text is empty" | "text must be non-empty" | "message_empty"
        | "message must be non-empty"
        => "the text is empty or contains only white space or markup; nothing was sent"
        => "Check the reply, and what its template produces for this update.";
    buttons (400): "can't parse reply keyboard markup json object" | "can't parse inline keyboard button*"
        | "can't parse keyboard button*" | "can't parse reply markup*" | "object expected as reply markup"
        | "button_type_invalid" | "button_text_invalid" | "button_pos_invalid"
        | "text buttons are unallowed in the inline keyboard" | "reply_markup_invalid" | "inline keyboard expected"
        => "Telegram cannot parse the buttons; nothing was sent"
        => "Correct the buttons: a list of rows, each a list of buttons with a text and exactly one action.";
    button_data (400): "button_data_invalid" | "data_invalid"
        => "the callback_data of a button is empty or longer than 64 bytes; nothing was sent"
        => "Shorten it to 1 to 64 bytes; a letter outside ASCII counts as two to four.";
    button_url (400): "button_url_invalid" | "inline keyboard button url * is invalid*" | "wrong http url"
        | "url_invalid" | "url host is empty"
        => "the URL of a button is not one that Telegram opens; nothing was sent"
        => "Correct it: http://, https:// or tg://, with a full host name, not localhost.";
    buttons_too_many (400): "reply markup is too long" | "reply_markup_too_long"
        => "there are too many buttons, or they are too long together; nothing was sent"
        => "Use fewer buttons or shorter callback_data.";
    file_unknown (400): "wrong file identifier/http url specified" | "wrong remote file identifier specified*"
        | "wrong file identifier*" | "invalid file_id" | "file_id_invalid" | "file_reference_+"
        | "there is no + in the request"
        => "Telegram knows no file with that identifier for this bot; a file_id of another bot does not work"
        => "Send the file itself once, and use the file_id from the answer.";
    file_url (400): "failed to get http url content" | "wrong type of the web page content" | "webpage_curl_failed"
        | "webpage_media_empty" | "wrong http url specified"
        => "Telegram could not fetch the file from the URL, or found no such file there"
        => "The URL must be public, answer within seconds with the file's type, and be smaller than 20 MB (5 MB for \
         a photo). Otherwise upload the file.";
    file_too_big (400): "file is too big" | "file_too_big"
        => "the file is larger than 20 MB, the most that a bot may download"
        => "Run your own Bot API server, which has no such limit.";
    photo (400): "photo_invalid_dimensions" | "image_process_failed" | "photo_ext_invalid" | "photo_invalid"
        => "Telegram cannot use the file as a photo: its format or its size is wrong"
        => "Width and height together must be at most 10000, their ratio at most 20. Otherwise send it as a \
         document.";
    bot_commands (400): "bot_command_invalid" | "bot_command_description_invalid" | "can't parse commands*"
        | "can't parse botcommand*"
        => "a command or its description is not what Telegram accepts; the menu is unchanged"
        => "A command consists of 1 to 32 of a-z 0-9 _, its description of 1 to 256 characters.";
};

/// Why a call is refused because of the message or query that it is about.
pub(super) const METHOD: &[Entry] = table! {
    query_too_old (400): "query is too old and response timeout expired or query id is invalid" | "query_id_invalid"
        => "a button press or an inline query was answered too late or twice: Telegram waits for only a few \
         seconds, and the person sees no answer"
        => "Answer it first and do the work afterwards. After an outage this is normal and passes.";
    not_modified (400): "message is not modified*" | "message_not_modified" | "chat_not_modified"
        | "chat description is not modified"
        => "the edit would change nothing: text and buttons are the same as before"
        => "No action is needed: the message is as it should be. Often a button was pressed twice.";
    message_gone (400): "message to edit not found" | "message to delete not found" | "message to forward not found"
        | "message to copy not found" | "message to pin not found" | "message to unpin not found"
        | "message to react not found" | "message_id_invalid" | "message not found"
        => "the message no longer exists in that chat, or never did"
        => "No action is needed if it was deleted. Otherwise check chat_id and message_id.";
    reply_gone (400): "message to be replied not found" | "message to reply not found" | "replied message not found"
        | "reply message not found"
        => "the message that is replied to no longer exists; nothing was sent"
        => "Send with allow_sending_without_reply, or without the reply.";
    edit_forbidden (400): "message can't be edited" | "message_edit_time_expired" | "message_author_required"
        => "the message cannot be edited: it is not the bot's own, or it is too old"
        => "Send a new message instead.";
    delete_forbidden (400): "message can't be deleted*" | "message_delete_forbidden"
        => "the message cannot be deleted: it is older than 48 h, or the bot lacks that right in the chat"
        => "Delete it earlier, or make the bot an administrator that may delete messages.";
};
