use super::Entry;

/// The conflicts (409). Only the first is about webhooks alone; all of them mean that more than one
/// program uses the bot's token.
pub(super) const CONFLICTS: [Entry; 4] = [
    Entry {
        key: "conflict_set_webhook",
        code: Some(409),
        phrases: &["terminated by other setwebhook*"],
        means: "two programs, or two instances of this service, set the webhook at the same moment, and the later one \
                won",
        remedy: "Nothing is to be done for instances of one service: Doorbell tries again by itself. Otherwise stop the \
                 other program.",
    },
    Entry {
        key: "conflict_polling_ended",
        code: Some(409),
        phrases: &["terminated by setwebhook*"],
        means: "a program was polling when the webhook was set, and Telegram ended its request",
        remedy: "Stop that program: it is a copy of this bot that polls.",
    },
    Entry {
        key: "conflict_webhook_active",
        code: Some(409),
        phrases: &["can't use + method while webhook is active*"],
        means: "a program polls for updates while the webhook is set; Telegram refuses that, and the webhook is not \
                touched",
        remedy: "Stop that program: it is a copy of this bot that polls. Do not delete the webhook, as the message \
                 suggests: Doorbell would get no updates.",
    },
    Entry {
        key: "conflict_two_polling",
        code: Some(409),
        phrases: &["terminated by other + request*", "terminated by other long poll or webhook*"],
        means: "two programs poll with this bot's token, and each ends the other's request",
        remedy: "Stop them both: neither of them is Doorbell, which never polls. Look for a copy on a machine of yours, \
                 for a second process or worker, and for an old deployment that has not ended.",
    },
];

/// Why Telegram refuses every call.
pub(super) const TOKEN: [Entry; 5] = [
    Entry {
        key: "token_refused",
        code: Some(401),
        phrases: &["", "invalid token specified"],
        means: "Telegram does not know the bot token: it was revoked, or is not complete",
        remedy: "Ask @BotFather for it (/mybots, the bot, API Token) and set TELEGRAM_BOT_TOKEN to it.",
    },
    Entry {
        key: "token_malformed",
        code: Some(421),
        phrases: &["unallowed token specified"],
        means: "the text that is set as the bot token is not a bot token",
        remedy: "Ask @BotFather for it (/mybots, the bot, API Token) and set TELEGRAM_BOT_TOKEN to it.",
    },
    Entry {
        key: "logged_out",
        code: Some(400),
        phrases: &["logged out"],
        means: "the bot was logged out of this Bot API server",
        remedy: "It may come back after 10 minutes, or now uses another server: look at TELEGRAM_API_URL.",
    },
    Entry {
        key: "method_not_found",
        code: Some(404),
        phrases: &["method not found"],
        means: "the Bot API does not know a method of that name: the name is misspelt, the server at TELEGRAM_API_URL is \
                too old, or it is not a Bot API",
        remedy: "Correct the name of the method, or TELEGRAM_API_URL; without it, Telegram's own server is used.",
    },
    Entry {
        key: "not_found",
        code: Some(404),
        phrases: &[""],
        means: "the Bot API found nothing at the URL of the call: Telegram knows no such token, or another program \
                answers there",
        remedy: "Look at TELEGRAM_BOT_TOKEN and at TELEGRAM_API_URL.",
    },
];

/// Trouble of Telegram's own, and its limits.
pub(super) const TROUBLE: [Entry; 8] = [
    Entry {
        key: "flood",
        code: Some(429),
        phrases: &[
            "",
            "retry after +",
            "retry after + seconds",
            "on method + in chat + retry in + seconds",
            "retry in + seconds",
        ],
        means: "Telegram is asked too often, by this bot or in this chat, and refuses calls for the seconds that it \
                names",
        remedy: "Wait: Doorbell obeys, and asks again by itself. If it returns, set outbound.per_second or \
                 outbound.per_chat_per_second.",
    },
    Entry {
        key: "bot_api_restart",
        code: Some(500),
        phrases: &["restart"],
        means: "the Bot API server is restarting",
        remedy: "Wait: Doorbell asks again by itself.",
    },
    Entry {
        key: "certificate_not_saved",
        code: Some(500),
        phrases: &["failed to save certificate"],
        means: "the Bot API server could not store the certificate that came with setWebhook",
        remedy: "Set the webhook without a certificate, as Doorbell does, or look at the disk of your own Bot API \
                 server.",
    },
    Entry {
        key: "bot_api_failed",
        code: Some(500),
        phrases: &[""],
        means: "the Bot API failed while it carried out a call; the call may have had its effect",
        remedy: "Wait: Doorbell tries again by itself. If it stays, look at what is sent with that call.",
    },
    Entry {
        key: "bad_gateway",
        code: Some(502),
        phrases: &[""],
        means: "a proxy found no server behind it: Telegram's own, if a call to the Bot API was answered so",
        remedy: "Wait: Doorbell asks again by itself. If your own Bot API server or proxy answered, look at its log.",
    },
    Entry {
        key: "gateway_timeout",
        code: Some(504),
        phrases: &[""],
        means: "a proxy waited in vain for the server behind it: Telegram's own, if a call to the Bot API was answered so; \
                the call may have had its effect",
        remedy: "Wait: Doorbell asks again by itself. If your own Bot API server or proxy answered, look at its log.",
    },
    Entry {
        key: "upload_too_large",
        code: Some(413),
        phrases: &[""],
        means: "the call has a larger body than the Bot API accepts: 50 MB for a file, 10 MB for a photo",
        remedy: "Send a smaller file, or use a Bot API server of your own, which accepts 2000 MB.",
    },
    Entry {
        key: "answer_too_large",
        code: Some(413),
        phrases: &["too many parameters"],
        means: "the answer had a body over 1 MiB, which Telegram reads as a method call",
        remedy: "Doorbell answers without a body: look at what runs at the public URL.",
    },
];
