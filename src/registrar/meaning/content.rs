use super::Entry;

/// Why a call is refused because of what it sends.
pub(super) const CONTENT: [Entry; 14] = [
    Entry {
        key: "markdown_v2",
        code: Some(400),
        phrases: &[
            "can't parse entities: character * is reserved and must be escaped*",
            "can't parse message text: character * is reserved and must be escaped*",
            "can't parse caption: character * is reserved and must be escaped*",
            "character + is reserved and must be escaped with the preceding *",
        ],
        means: "the text is sent with parse_mode = \"MarkdownV2\", and holds a character that this format reserves; \
                nothing was sent",
        remedy: "Write a backslash before each of _ * [ ] ( ) ~ ` > # + - = | { } . ! that is meant as it stands, or use \
                 parse_mode = \"HTML\".",
    },
    Entry {
        key: "markup",
        code: Some(400),
        phrases: &[
            "can't parse entities*",
            "can't parse message text*",
            "can't parse caption*",
            "can't parse message caption*",
        ],
        means: "the markup of the text is not valid in its parse_mode: a tag or a sign is not closed, not known, or wrongly \
                nested; nothing was sent",
        remedy: "Correct the reply; in HTML write &lt; &gt; &amp; for < > &, in Markdown a backslash before _ * ` [.",
    },
    Entry {
        key: "text_too_long",
        code: Some(400),
        phrases: &["message is too long", "message_too_long", "message text is too long"],
        means: "the text has more than 4096 characters after its markup is read; nothing was sent",
        remedy: "Shorten it, or send it as several messages.",
    },
    Entry {
        key: "caption_too_long",
        code: Some(400),
        phrases: &["message caption is too long", "media_caption_too_long", "caption is too long"],
        means: "the caption has more than 1024 characters after its markup is read; nothing was sent",
        remedy: "Shorten it, or send the text as a message of its own.",
    },
    Entry {
        key: "text_empty",
        code: Some(400),
        phrases: &["message text is empty", "text must be non-empty", "message_empty", "message must be non-empty"],
        means: "the text is empty, or only white space or markup; nothing was sent",
        remedy: "Look at the reply and at what its template makes of this update.",
    },
    Entry {
        key: "buttons",
        code: Some(400),
        phrases: &[
            "can't parse reply keyboard markup json object",
            "can't parse inline keyboard button*",
            "can't parse keyboard button*",
            "can't parse reply markup*",
            "object expected as reply markup",
            "button_type_invalid",
            "button_text_invalid",
            "button_pos_invalid",
            "text buttons are unallowed in the inline keyboard",
            "reply_markup_invalid",
            "inline keyboard expected",
        ],
        means: "the buttons are not written as Telegram reads them; nothing was sent",
        remedy: "Correct the buttons: rows in a list of lists, each button with a text and exactly one action.",
    },
    Entry {
        key: "button_data",
        code: Some(400),
        phrases: &["button_data_invalid", "data_invalid"],
        means: "the callback_data of a button is empty or longer than 64 bytes; nothing was sent",
        remedy: "Shorten it to 1 to 64 bytes; a letter outside ASCII counts two to four.",
    },
    Entry {
        key: "button_url",
        code: Some(400),
        phrases: &[
            "button_url_invalid",
            "inline keyboard button url * is invalid*",
            "wrong http url",
            "url_invalid",
            "url host is empty",
        ],
        means: "the URL of a button is not one that Telegram opens; nothing was sent",
        remedy: "Correct it: http://, https:// or tg://, and a full host name, not localhost.",
    },
    Entry {
        key: "buttons_too_many",
        code: Some(400),
        phrases: &["reply markup is too long", "reply_markup_too_long"],
        means: "the buttons are too many or too long together; nothing was sent",
        remedy: "Use fewer buttons or shorter callback_data.",
    },
    Entry {
        key: "file_unknown",
        code: Some(400),
        phrases: &[
            "wrong file identifier/http url specified",
            "wrong remote file identifier specified*",
            "wrong file identifier*",
            "invalid file_id",
            "file_id_invalid",
            "file_reference_+",
            "there is no + in the request",
        ],
        means: "Telegram knows no file of that identifier for this bot; a file_id of another bot does not work",
        remedy: "Send the file itself once, and use the file_id from the answer.",
    },
    Entry {
        key: "file_url",
        code: Some(400),
        phrases: &[
            "failed to get http url content",
            "wrong type of the web page content",
            "webpage_curl_failed",
            "webpage_media_empty",
            "wrong http url specified",
        ],
        means: "Telegram could not fetch the file from the URL, or found no such file there",
        remedy: "The URL must be public, answer within seconds with the file's type, and be under 20 MB (5 MB a photo); \
                 else upload the file.",
    },
    Entry {
        key: "file_too_big",
        code: Some(400),
        phrases: &["file is too big", "file_too_big"],
        means: "the file is larger than a bot may download, 20 MB",
        remedy: "Use a Bot API server of your own, which has no such limit.",
    },
    Entry {
        key: "photo",
        code: Some(400),
        phrases: &["photo_invalid_dimensions", "image_process_failed", "photo_ext_invalid", "photo_invalid"],
        means: "Telegram cannot use the file as a photo: its form or its size is wrong",
        remedy: "Width and height together must be at most 10000, their ratio at most 20; else send it as a \
                 document.",
    },
    Entry {
        key: "bot_commands",
        code: Some(400),
        phrases: &[
            "bot_command_invalid",
            "bot_command_description_invalid",
            "can't parse commands*",
            "can't parse botcommand*",
        ],
        means: "a command or its description is not what Telegram accepts; the menu stays as it was",
        remedy: "A command is 1 to 32 of a-z 0-9 _, its description 1 to 256 characters.",
    },
];
