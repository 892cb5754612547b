//! Texts that operators paste with the explanation that each must get, and texts that must get none.

use super::*;
use crate::telegram::ApiError;

/// The texts, and the key of the explanation that [`explain`] must find.
const KNOWN: &[(&str, &str)] = &[
    // Conflicts, as Telegram, libraries and logs write them.
    (
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
        "conflict_two_polling",
    ),
    (
        "telegram.error.Conflict: Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
        "conflict_two_polling",
    ),
    (
        "TelegramConflictError: Telegram server says - Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
        "conflict_two_polling",
    ),
    (
        "ETELEGRAM: 409 Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
        "conflict_two_polling",
    ),
    (
        "GrammyError: Call to 'getUpdates' failed! (409: Conflict: terminated by other getUpdates request; make sure that only one bot instance is running)",
        "conflict_two_polling",
    ),
    (
        "A request to the Telegram API was unsuccessful. Error code: 409. Description: Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
        "conflict_two_polling",
    ),
    (
        "error: [polling_error] {\"code\":\"ETELEGRAM\",\"message\":\"ETELEGRAM: 409 Conflict: terminated by other getUpdates request\"}",
        "conflict_two_polling",
    ),
    ("TelegramError: 409: Conflict: can't use getUpdates method while webhook is active", "conflict_webhook_active"),
    (
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
        "conflict_webhook_active",
    ),
    (
        "Conflict: can\u{2019}t use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
        "conflict_webhook_active",
    ),
    (
        "{\"ok\":false,\"error_code\":409,\"description\":\"Conflict: terminated by setWebhook request\"}",
        "conflict_polling_ended",
    ),
    (
        "{'ok': False, 'error_code': 409, 'description': 'Conflict: terminated by setWebhook request'}",
        "conflict_polling_ended",
    ),
    ("409 Conflict: terminated by other setWebhook", "conflict_set_webhook"),
    ("409", "code_409"),
    ("409 Conflict", "code_409"),
    ("{\"ok\":false,\"error_code\":409}", "code_409"),
    // The token, the method, Telegram's limits and failures.
    ("Unauthorized", "token_refused"),
    ("{\"ok\":false,\"error_code\":401,\"description\":\"Unauthorized\"}", "token_refused"),
    ("Telegram refuses the bot token: 401 Unauthorized: invalid token specified", "token_refused"),
    ("aiogram.exceptions.TelegramUnauthorizedError: Telegram server says - Unauthorized", "token_refused"),
    ("Misdirected Request: unallowed token specified", "token_malformed"),
    ("Not Found", "not_found"),
    ("{\"ok\":false,\"error_code\":404,\"description\":\"Not Found: method not found\"}", "method_not_found"),
    ("Logged out", "logged_out"),
    ("Bad Request: Logged out", "logged_out"),
    ("401", "code_401"),
    ("HTTP 403", "code_403"),
    ("404 Not Found", "code_404"),
    ("429", "code_429"),
    ("Too Many Requests: retry after 35", "flood"),
    ("ETELEGRAM: 429 Too Many Requests: retry after 35", "flood"),
    (
        "TelegramRetryAfter: Telegram server says - Flood control exceeded on method 'SendMessage' in chat 42. Retry in 5 seconds.",
        "flood",
    ),
    ("telegram.error.RetryAfter: Flood control exceeded. Retry in 5 seconds", "flood"),
    ("502", "code_5xx"),
    ("Bad Gateway", "bad_gateway"),
    ("telegram.error.NetworkError: Bad Gateway", "bad_gateway"),
    ("Telegram is not available: it answered HTTP 502 Bad Gateway", "bad_gateway"),
    ("Gateway Timeout", "gateway_timeout"),
    ("Internal Server Error: restart", "bot_api_restart"),
    ("Internal Server Error", "bot_api_failed"),
    ("Request Entity Too Large", "upload_too_large"),
    // setWebhook.
    ("Bad Request: bad webhook: Failed to resolve host: Name or service not known", "host_not_found"),
    (
        "The webhook is not registered: Telegram says 400 Bad Request: bad webhook: Failed to resolve host: Name or service not known. No updates arrive here.",
        "host_not_found",
    ),
    ("Bad Request: bad webhook: IP address 10.0.0.1 is reserved", "address_reserved"),
    ("Bad Request: bad webhook: IPv6-only addresses are not allowed", "address_ipv6"),
    ("Bad Request: bad webhook: An HTTPS URL must be provided for webhook", "webhook_not_https"),
    ("Bad Request: bad webhook: HTTPS url must be provided for webhook", "webhook_not_https"),
    ("Bad Request: HTTPS url must be provided for webhook", "webhook_not_https"),
    ("HTTPS url must be provided for webhook", "webhook_not_https"),
    ("Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443", "webhook_port"),
    ("Bad Request: bad webhook: Invalid IP address specified", "webhook_ip_address"),
    ("Bad Request: bad webhook: Connection refused", "nothing_listens"),
    ("Bad Request: bad webhook: SSL error {error:0A000086:SSL routines::certificate verify failed}", "certificate"),
    ("Bad Request: invalid webhook URL specified", "webhook_url"),
    ("Bad Request: secret token contains unallowed characters", "webhook_secret"),
    ("Bad Request: secret token is too long", "webhook_secret"),
    ("Bad Request: certificate size is too big (4000000 bytes)", "certificate_size"),
    ("Internal Server Error: failed to save certificate", "certificate_not_saved"),
    // Deliveries: last_error_message, alone and in our sentences.
    ("Wrong response from the webhook: 401 Unauthorized", "webhook_status"),
    (
        "Telegram could not deliver an update: Wrong response from the webhook: 502 Bad Gateway. This means: a proxy",
        "webhook_status",
    ),
    (
        "{\"ok\":true,\"result\":{\"url\":\"https://a.example\",\"last_error_message\":\"Connection timed out\"}}",
        "nobody_answers",
    ),
    ("Connection refused", "nothing_listens"),
    ("Telegram could not deliver an update: Connection refused. This means: nothing listens", "nothing_listens"),
    ("last error     1h 2m ago: Connection refused", "nothing_listens"),
    (
        "3 updates wait at Telegram; it could not deliver 12 s ago: Read timeout expired. This means: it was slow",
        "read_timeout",
    ),
    ("Connection timed out", "nobody_answers"),
    ("Connection reset by peer", "connection_cut"),
    ("Broken pipe", "connection_cut"),
    ("Connection closed", "connection_closed"),
    ("No route to host", "no_route"),
    ("Network is unreachable", "no_route"),
    ("Read timeout expired", "read_timeout"),
    ("Write timeout expired", "write_timeout"),
    ("SSL error {error:0A000086:SSL routines::certificate verify failed}", "certificate"),
    ("SSL error {error:0A00010B:SSL routines::wrong version number}", "no_tls"),
    ("SSL error {error:0A000410:SSL routines::ssl/tls alert handshake failure}", "tls"),
    ("Unsupported Media Type: unsupported content-encoding", "answer_encoding"),
    ("Request Entity Too Large: too many parameters", "answer_too_large"),
    ("Bad Request: unexpected end of request content", "answer_broken"),
    ("Request Header Fields Too Large: total headers size exceeded", "answer_headers"),
    ("Unimplemented: unsupported transfer-encoding", "answer_transfer"),
    // Chats and people.
    ("Forbidden: bot was blocked by the user", "blocked"),
    ("blocked by the user", "blocked"),
    ("Telegram refused it: 403 Forbidden: bot was blocked by the user", "blocked"),
    ("Error: 403: Forbidden: bot was blocked by the user", "blocked"),
    ("Forbidden: user is deactivated", "user_deactivated"),
    ("Forbidden: bot can't initiate conversation with a user", "not_started"),
    ("Forbidden: bot can't send messages to bots", "to_a_bot"),
    ("Forbidden: bot was kicked from the supergroup chat", "kicked"),
    ("Forbidden: bot is not a member of the channel chat", "not_a_member"),
    ("Forbidden: the group chat was deleted", "chat_deleted"),
    ("Bad Request: not enough rights to send text messages to the chat", "no_rights"),
    ("not enough rights to send text messages to the chat", "no_rights"),
    ("Bad Request: need administrator rights in the channel chat", "no_rights"),
    ("Bad Request: CHAT_ADMIN_REQUIRED", "no_rights"),
    ("Bad Request: CHAT_SEND_PHOTOS_FORBIDDEN", "no_rights"),
    ("chat not found", "chat_not_found"),
    ("telegram.error.BadRequest: Chat not found", "chat_not_found"),
    ("TelegramBadRequest: Telegram server says - Bad Request: chat not found", "chat_not_found"),
    ("Telegram.Bot.Exceptions.ApiRequestException: Bad Request: chat not found", "chat_not_found"),
    ("Bad Request: PEER_ID_INVALID", "chat_not_found"),
    ("Bad Request: user not found", "user_not_found"),
    ("Bad Request: group chat was upgraded to a supergroup chat", "chat_upgraded"),
    (
        "{\"ok\":false,\"error_code\":400,\"description\":\"Bad Request: group chat was upgraded to a supergroup chat\",\"parameters\":{\"migrate_to_chat_id\":-1001}}",
        "chat_upgraded",
    ),
    ("Bad Request: message thread not found", "thread_not_found"),
    ("Bad Request: TOPIC_CLOSED", "topic_closed"),
    ("Bad Request: method is available only for supergroups", "wrong_kind_of_chat"),
    // What is sent.
    (
        "Bad Request: can't parse entities: Character '!' is reserved and must be escaped with the preceding '\\'",
        "markdown_v2",
    ),
    ("Character '!' is reserved and must be escaped with the preceding '\\'", "markdown_v2"),
    (
        "{\"ok\":false,\"error_code\":400,\"description\":\"Bad Request: can't parse entities: Character '.' is reserved and must be escaped with the preceding '\\\\'\"}",
        "markdown_v2",
    ),
    ("Bad Request: can't parse entities: Unsupported start tag \"b\u{e9}\" at byte offset 3", "markup"),
    ("Bad Request: can't parse entities: Can't find end of the entity starting at byte offset 12", "markup"),
    ("Bad Request: can't parse entities (the rest is not shown: it may quote what people wrote)", "markup"),
    ("can't parse entities", "markup"),
    ("Bad Request: message is too long", "text_too_long"),
    ("Bad Request: message caption is too long", "caption_too_long"),
    ("Bad Request: message text is empty", "text_empty"),
    ("Bad Request: BUTTON_DATA_INVALID", "button_data"),
    ("Bad Request: inline keyboard button URL 'http://localhost' is invalid: Wrong HTTP URL", "button_url"),
    ("Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard", "buttons"),
    ("Bad Request: wrong file identifier/HTTP URL specified", "file_unknown"),
    ("Bad Request: failed to get HTTP URL content", "file_url"),
    ("Bad Request: file is too big", "file_too_big"),
    ("Bad Request: PHOTO_INVALID_DIMENSIONS", "photo"),
    ("Bad Request: BOT_COMMAND_INVALID", "bot_commands"),
    // The message or query that a call is about.
    ("Bad Request: query is too old and response timeout expired or query ID is invalid", "query_too_old"),
    ("query is too old and response timeout expired or query ID is invalid", "query_too_old"),
    (
        "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message",
        "not_modified",
    ),
    ("Bad Request: message to edit not found", "message_gone"),
    ("Bad Request: message to be replied not found", "reply_gone"),
    ("Bad Request: message can't be edited", "edit_forbidden"),
    ("Bad Request: message can't be deleted for everyone", "delete_forbidden"),
    // Lines around it, as a log has them.
    (
        "2026-11-26T10:00:00Z  WARN doorbell::dispatch: gave up a call: Telegram refused it: 400 Bad Request: message is too long attempt=1",
        "text_too_long",
    ),
    ("\u{1b}[33mConflict: terminated by setWebhook request\u{1b}[0m", "conflict_polling_ended"),
    (
        "Traceback (most recent call last):\n  File \"bot.py\", line 3\ntelegram.error.Forbidden: Forbidden: bot was blocked by the user\n",
        "blocked",
    ),
];

const UNKNOWN: &[&str] = &[
    "",
    "   ",
    "Something new",
    "is reserved",
    "The table for Ann is reserved",
    "Character '!' is reserved",
    "IP address of mine is reserved for you",
    "Bad Request",
    "Bad Request: something new",
    "Forbidden: something new",
    "Conflict: something new",
    "A conflict: terminated by other means",
    "400",
    "200",
    "4090",
    "Room 409 is free",
    "{\"ok\":false,\"error_code\":400}",
    "{\"ok\":true,\"result\":true}",
    "{\"ok\":false,\"error_code\":418,\"description\":\"I'm a teapot\"}",
    "Wrong response from the webhook: 418 I'm a teapot",
    "the page was not found in my browser",
    "my secret token",
    "secret token",
    "PostgreSQL: connection refused by the server",
    "sqlx: error communicating with database: Connection refused (os error 111)",
    "Operation timed out",
    "SSL: CERTIFICATE_VERIFY_FAILED",
    "the message is too long for this letter box",
    "chat not found in your database",
    "Bad Request: chat not found in your database",
    "The user was unauthorized to do this",
    "only on ports",
    "terminated by other",
    "We had a bad gateway drug",
    "not enough",
    "query is too old",
];

#[test]
fn every_known_text_gets_its_explanation() {
    let wrong: Vec<_> = KNOWN
        .iter()
        .map(|(text, key)| (text, key, explain(text).map(|known| known.key)))
        .filter(|(_, key, found)| *found != Some(**key))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(KNOWN.len() > 71);
}

#[test]
fn an_unknown_text_gets_no_explanation() {
    let guessed: Vec<_> = UNKNOWN.iter().filter_map(|text| Some((text, explain(text)?.key))).collect();
    assert!(guessed.is_empty(), "{guessed:#?}");
}

#[test]
fn every_known_status_of_a_webhook_is_explained() {
    for (status, words) in [
        ("401 Unauthorized", "secret token"),
        ("403 Forbidden", "in front of it"),
        ("404 Not Found", "no such path"),
        ("302 Found", "redirects"),
        ("410 Gone", "23 h"),
        ("502 Bad Gateway", "proxy"),
        ("530 <none>", "failed"),
        ("100 Continue", "1xx"),
        ("502", "proxy"),
    ] {
        let text = format!("Wrong response from the webhook: {status}");
        let known = explain(&text).unwrap_or_else(|| panic!("{text}"));
        assert!(known.means.contains(words), "{text}: {known:?}");
    }
}

#[test]
fn sentences_of_the_program_itself_can_be_explained() {
    let refused = |code, description: &str| ApiError::Refused {
        code,
        description: description.to_owned(),
        migrate_to_chat_id: None,
    };
    for (error, key) in [
        (refused(403, "Forbidden: bot was blocked by the user"), "blocked"),
        (refused(400, "Bad Request: chat not found"), "chat_not_found"),
        (ApiError::Throttled { retry_after: std::time::Duration::from_secs(5) }, "our_wait"),
        (ApiError::Unreachable { reason: "connection refused".to_owned() }, "our_unreachable"),
        (ApiError::Unreadable { reason: "HTTP 200 without the JSON of the Bot API".to_owned() }, "our_unreadable"),
        (ApiError::Unknown { reason: "connection closed before message completed".to_owned() }, "our_unknown"),
    ] {
        for line in [error.to_string(), format!("2026-11-26T10:00:00Z WARN doorbell::registrar: It failed: {error}")] {
            assert_eq!(explain(&line).map(|known| known.key), Some(key), "{line}");
        }
    }
}

#[test]
fn every_entry_has_the_same_form() {
    let tables = TABLES.into_iter().chain([ours::OURS, codes::CODES, codes::WEBHOOK_STATUSES]);
    for Entry { explanation, phrases, .. } in tables.flatten() {
        let Explanation { key, means, remedy } = explanation;
        assert!(!means.ends_with('.') && remedy.ends_with('.'), "{key}");
        for phrase in *phrases {
            assert_eq!(*phrase, phrase.to_lowercase(), "{key}");
        }
    }
    for key in TRANSIENT {
        assert!(TABLES.into_iter().flatten().any(|entry| entry.explanation.key == key), "{key}");
    }
}
