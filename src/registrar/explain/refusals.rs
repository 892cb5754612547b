use super::entry::{Entry, table};

/// The conflicts (409). All but the first are about polling. All mean that more than one program uses the bot's token.
pub(super) const CONFLICTS: &[Entry] = table! {
    conflict_set_webhook (409): "terminated by other setwebhook*"
        => "two programs, or two instances of this service, set the webhook at the same moment, and the later one \
         won"
        => "No action is needed for instances of one service: Doorbell tries again. Otherwise stop the other \
         program.";
    conflict_polling_ended (409): "terminated by setwebhook*"
        => "a program was polling when the webhook was set, and Telegram ended its request"
        => "Stop that program: it is a copy of this bot that polls.";
    conflict_webhook_active (409): "can't use + method while webhook is active*"
        => "a program polls for updates while the webhook is set; Telegram refuses that, and the webhook is not \
         touched"
        => "Stop that program: it is a copy of this bot that polls. Do not delete the webhook, as the message \
         suggests: Doorbell would get no updates.";
    conflict_two_polling (409): "terminated by other + request*" | "terminated by other long poll or webhook*"
        => "two programs poll with this bot's token, and each ends the other's request"
        => "Stop both: neither of them is Doorbell, which never polls. Look for a copy on one of your machines, for \
         a second process or worker, and for an old deployment that has not ended.";
};

/// Why Telegram refuses every call.
pub(super) const TOKEN: &[Entry] = table! {
    token_refused (401): "" | "invalid token specified"
        => "Telegram does not know the bot token: it was revoked or is incomplete"
        => "Ask @BotFather for it (/mybots, the bot, API Token) and set TELEGRAM_BOT_TOKEN to it.";
    token_malformed (421): "unallowed token specified"
        => "the configured bot token does not have the form of a bot token"
        => "Ask @BotFather for it (/mybots, the bot, API Token) and set TELEGRAM_BOT_TOKEN to it.";
    logged_out (400): "logged out"
        => "the bot was logged out of this Bot API server"
        => "The bot can log in again after 10 minutes, or it now uses another server: check TELEGRAM_API_URL.";
    method_not_found (404): "method not found"
        => "the Bot API does not know a method of that name: the name is misspelt, or the server at \
         TELEGRAM_API_URL is too old or not a Bot API"
        => "Correct the name of the method or TELEGRAM_API_URL. If TELEGRAM_API_URL is not set, Telegram's own \
         server is used.";
    not_found (404): ""
        => "the Bot API found nothing at the URL of the call: Telegram knows no such token, or another program \
         answers there"
        => "Check TELEGRAM_BOT_TOKEN and TELEGRAM_API_URL.";
};

/// Failures of Telegram's servers, and its limits.
pub(super) const TROUBLE: &[Entry] = table! {
    flood (429): "" | "retry after +" | "retry after + seconds" | "on method + in chat + retry in + seconds"
        | "retry in + seconds"
        => "this bot sends too many calls, in total or to this chat, and Telegram refuses calls for the number of \
         seconds that it names"
        => "Wait: Doorbell obeys and tries again. If it happens often, set outbound.per_second or \
         outbound.per_chat_per_second.";
    bot_api_restart (500): "restart"
        => "the Bot API server is restarting"
        => "Wait: Doorbell tries again.";
    certificate_not_saved (500): "failed to save certificate"
        => "the Bot API server could not store the certificate that came with setWebhook"
        => "Set the webhook without a certificate, as Doorbell does, or check the disk of your own Bot API server.";
    bot_api_failed (500): ""
        => "the Bot API failed while it carried out a call, and the call may have had its effect"
        => "Wait: Doorbell tries again. If it persists, check what that call sends.";
    bad_gateway (502): ""
        => "a proxy found no server behind it; if the Bot API gave this answer, the proxy is Telegram's"
        => "Wait: Doorbell tries again. If your own Bot API server or proxy answered, check its log.";
    gateway_timeout (504): ""
        => "a proxy got no answer from the server behind it in time; if the Bot API gave this answer, the proxy is \
         Telegram's, and the call may have had its effect"
        => "Wait: Doorbell tries again. If your own Bot API server or proxy answered, check its log.";
    upload_too_large (413): ""
        => "the body of the call is larger than the Bot API accepts: 50 MB for a file, 10 MB for a photo"
        => "Send a smaller file, or run your own Bot API server, which accepts 2000 MB.";
    answer_too_large (413): "too many parameters"
        => "the answer had a body over 1 MiB, which Telegram reads as a method call"
        => "Doorbell answers without a body: check which program runs at the public URL.";
};
