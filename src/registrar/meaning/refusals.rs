use super::Entry;

/// The conflicts (409). Only the first is about webhooks alone; all of them mean that more than one
/// program uses the bot's token.
pub(super) const CONFLICTS: [Entry; 4] = [
    (
        "terminated by other setWebhook",
        "two programs, or two instances of this service, set the webhook at the same moment, and the later one won",
        "Nothing is to be done for instances of one service: Doorbell tries again by itself. Otherwise stop the other \
         program.",
    ),
    (
        "terminated by setWebhook",
        "a program was polling when the webhook was set, and Telegram ended its request",
        "Stop that program: it is a copy of this bot that polls.",
    ),
    (
        "while webhook is active",
        "a program polls for updates while the webhook is set; Telegram refuses that, and the webhook is not touched",
        "Stop that program: it is a copy of this bot that polls. Do not delete the webhook, as the message suggests: \
         Doorbell would get no updates.",
    ),
    (
        "terminated by other",
        "two programs poll with this bot's token, and each ends the other's request",
        "Stop them both: neither of them is Doorbell, which never polls. Look for a copy on a machine of yours, for a \
         second process or worker, and for an old deployment that has not ended.",
    ),
];

/// Why Telegram refuses a call that is about the webhook or the token.
pub(super) const REFUSALS: [Entry; 13] = [
    (
        "is reserved",
        "the name leads to a private address, which Telegram does not ring",
        "Set PUBLIC_URL to an address that is reached from the internet: the platform's, or a tunnel's.",
    ),
    (
        "IPv6-only",
        "the name has no IPv4 address, which Telegram needs",
        "Add an A record to the DNS, or use the platform's own name.",
    ),
    ("HTTPS URL must be provided", "the public URL does not begin with https", "Correct PUBLIC_URL."),
    (
        "only on ports",
        "the public URL has a port that Telegram does not ring",
        "Use the port 443, 80, 88 or 8443 in PUBLIC_URL; the service itself may listen on another.",
    ),
    ("Invalid IP address", "an address that was given to Telegram is none", "Correct what set the webhook."),
    ("invalid webhook URL", "the public URL is no URL that Telegram can read", "Correct PUBLIC_URL."),
    (
        "secret token",
        "Telegram takes a secret token of 1 to 256 of the characters A-Z a-z 0-9 _ - only",
        "Correct WEBHOOK_SECRET, or leave it out: it is then derived from the bot token.",
    ),
    (
        "Unauthorized",
        "Telegram does not know the bot token: it was revoked, or is not complete",
        "Ask @BotFather for it (/mybots, the bot, API Token) and set TELEGRAM_BOT_TOKEN to it.",
    ),
    (
        "unallowed token",
        "what is set as the bot token is none",
        "Ask @BotFather for it (/mybots, the bot, API Token) and set TELEGRAM_BOT_TOKEN to it.",
    ),
    (
        "Logged out",
        "the bot was logged out of this Bot API server",
        "It may come back after 10 minutes, or speaks to another server: look at TELEGRAM_API_URL.",
    ),
    ("Internal Server Error: restart", "the Bot API server is restarting", "Wait: Doorbell asks again by itself."),
    (
        "method not found",
        "what answers at TELEGRAM_API_URL is not the Bot API, or an old one",
        "Correct TELEGRAM_API_URL; without it, Telegram's own is used.",
    ),
    (
        "Not Found",
        "Telegram knows no such token, or what answers is not the Bot API",
        "Look at TELEGRAM_BOT_TOKEN and at TELEGRAM_API_URL.",
    ),
];
