use super::Entry;

/// Sentences of this program's own log, `/healthz` and doctor that carry no error of Telegram's.
pub(super) const OURS: [Entry; 12] = [
    Entry {
        key: "our_superseded",
        code: None,
        phrases: &[
            "another service, at *",
            "it leads to another service, at *",
            "the webhook leads to another service, at *",
        ],
        means: "a webhook of another host is set for this bot: its updates go there and not to this service",
        remedy: "Stop one of the two services. To take the webhook on purpose, start this one again or run `doorbell \
                 webhook set`.",
    },
    Entry {
        key: "our_removed",
        code: None,
        phrases: &["this bot's webhook was removed*", "the webhook is not registered now: it was removed *"],
        means: "another program has called deleteWebhook with this bot's token, as polling bots do when they start",
        remedy: "Find the copy of the bot that polls, and stop it. If you cannot find it, send /revoke to @BotFather and \
                 give the new token to Doorbell alone.",
    },
    Entry {
        key: "our_changed",
        code: None,
        phrases: &["this bot's webhook was changed*", "the webhook is not registered now: it was changed *"],
        means: "another program has set the webhook of this address with other settings",
        remedy: "Give all instances of the service the same [webhook] settings, and stop old ones.",
    },
    Entry {
        key: "our_secret",
        code: None,
        phrases: &[
            "telegram sends a secret token that this service does not know*",
            "telegram's secret token was wrong *",
            "the webhook is not registered now: telegram's secret token was wrong *",
        ],
        means: "the webhook was set with another secret token than the one in force, so updates are refused (401) and wait \
                at Telegram",
        remedy: "Give all instances of the service the same TELEGRAM_BOT_TOKEN and WEBHOOK_SECRET.",
    },
    Entry {
        key: "our_no_public_url",
        code: None,
        phrases: &["doorbell does not know its public url*"],
        means: "no setting and no platform says where this service is reached from outside, so no webhook can be set",
        remedy: "Set PUBLIC_URL to the https address at which this service is reached.",
    },
    Entry {
        key: "our_register_off",
        code: None,
        phrases: &["registration is turned off*"],
        means: "webhook.register is false: the service accepts updates, and another program must set the webhook",
        remedy: "Set webhook.register to true, or run `doorbell webhook set` once.",
    },
    Entry {
        key: "our_preview",
        code: None,
        phrases: &["this is a preview *"],
        means: "the service runs as a preview of a change, and a preview takes nothing from production",
        remedy: "To try the bot there, give the preview the token of a bot of its own, and set \
                 DOORBELL__WEBHOOK__TAKEOVER=always.",
    },
    Entry {
        key: "our_pile",
        code: None,
        phrases: &["updates pile up at telegram: *"],
        means: "updates come faster than this service stores them; they wait at Telegram, for 24 h at most",
        remedy: "Raise webhook.max_connections (100 at most), and look at how long the inbox takes to store an \
                 update.",
    },
    Entry {
        key: "our_unreachable",
        code: None,
        phrases: &["telegram is not available: *"],
        means: "a call from this service to the Bot API got no answer: the network, a proxy or the name server here, or \
                Telegram itself",
        remedy: "Wait: Doorbell tries again by itself. If it stays, look at the way from here to the internet, at \
                 TELEGRAM_API_URL and at TELEGRAM_PROXY.",
    },
    Entry {
        key: "our_unreadable",
        code: None,
        phrases: &["the answer was not the bot api's: *"],
        means: "another server than the Bot API answered a call, such as a proxy or a page that asks for a login",
        remedy: "Look at TELEGRAM_API_URL, and at proxies on the way from here to the internet.",
    },
    Entry {
        key: "our_unknown",
        code: None,
        phrases: &["no answer of telegram's could be read: *"],
        means: "a call was sent, and its answer was lost or broken: nobody knows whether Telegram carried it out",
        remedy: "Nothing, if it happens once: Doorbell sends such a call three times in all \
                 (outbound.unknown_outcome_attempts). If it stays, look at the network and at proxies on the way from \
                 here to the Bot API.",
    },
    Entry {
        key: "our_wait",
        code: None,
        phrases: &["telegram asks to wait *"],
        means: "Telegram is asked too often (429), and refuses calls for a while",
        remedy: "Wait: Doorbell obeys, and asks again by itself.",
    },
];
