use super::entry::{Entry, table};

/// Sentences of this program's log, `/healthz` and doctor that contain no error of Telegram.
pub(super) const OURS: &[Entry] = table! {
    our_superseded (_): "another service, at *" | "it leads to another service, at *"
        | "the webhook leads to another service, at *"
        => "the webhook of this bot leads to another host: its updates go there and not to this service"
        => "Stop one of the two services. To take the webhook on purpose, start this one again or run `doorbell \
         webhook set`.";
    our_removed (_): "this bot's webhook was removed*" | "the webhook is not registered now: it was removed *"
        => "another program called deleteWebhook with this bot's token, as polling bots do when they start"
        => "Find the copy of the bot that polls, and stop it. If you cannot find it, send /revoke to @BotFather and \
         give the new token to Doorbell only.";
    our_changed (_): "this bot's webhook was changed*" | "the webhook is not registered now: it was changed *"
        => "another program set the webhook of this address with other settings"
        => "Give all instances of the service the same [webhook] settings, and stop old ones.";
    our_secret (_): "telegram sends a secret token that this service does not know*"
        | "telegram's secret token was wrong *"
        | "the webhook is not registered now: telegram's secret token was wrong *"
        => "the webhook was set with another secret token than the current one, so updates are refused (401) and \
         wait at Telegram"
        => "Give all instances of the service the same TELEGRAM_BOT_TOKEN and WEBHOOK_SECRET.";
    our_no_public_url (_): "doorbell does not know its public url*"
        => "neither a setting nor the platform says where this service is reached from outside, so no webhook can \
         be set"
        => "Set PUBLIC_URL to the https address at which this service is reached.";
    our_register_off (_): "registration is turned off*"
        => "webhook.register is false: the service accepts updates, and another program must set the webhook"
        => "Set webhook.register to true, or run `doorbell webhook set` once.";
    our_preview (_): "this is a preview *"
        => "the service runs as a preview of a change, and a preview takes nothing from production"
        => "To try the bot there, give the preview the token of a separate bot, and set \
         DOORBELL__WEBHOOK__TAKEOVER=always.";
    our_pile (_): "updates pile up at telegram: *"
        => "updates arrive faster than this service stores them; they wait at Telegram for at most 24 h"
        => "Raise webhook.max_connections (at most 100), and check how long the inbox takes to store an update.";
    our_unreachable (_): "telegram is not available: *"
        => "a call from this service to the Bot API got no answer: the network, a proxy or the name server here \
         failed, or Telegram itself"
        => "Wait: Doorbell tries again. If it persists, check the network from here to the internet, \
         TELEGRAM_API_URL and TELEGRAM_PROXY.";
    our_unreadable (_): "the answer was not the bot api's: *"
        => "a server other than the Bot API answered a call, such as a proxy or a login page"
        => "Check TELEGRAM_API_URL, and the proxies between here and the internet.";
    our_unknown (_): "no answer of telegram's could be read: *"
        => "a call was sent and its answer was lost or broken, so it is unknown whether Telegram carried the call \
         out"
        => "No action is needed if it happens once: Doorbell sends such a call at most three times \
         (outbound.unknown_outcome_attempts). If it persists, check the network and the proxies between here and \
         the Bot API.";
    our_wait (_): "telegram asks to wait *"
        => "this bot sends too many calls (429), and Telegram refuses calls for a while"
        => "Wait: Doorbell obeys and tries again.";
};
