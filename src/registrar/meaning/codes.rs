use super::Meaning;

/// What a code means that came without a description. The Bot API sends codes as answers to calls;
/// a webhook can have answered with the same.
pub(super) fn of(code: u16) -> Option<Meaning> {
    let (key, means, remedy) = match code {
        401 => (
            "code_401",
            "as the answer to a call: Telegram does not know the bot token; as the answer of a webhook: the service does \
             not know the secret token that Telegram sends",
            "Look at TELEGRAM_BOT_TOKEN; for a webhook, give all instances of the service the same TELEGRAM_BOT_TOKEN \
             and WEBHOOK_SECRET.",
        ),
        403 => (
            "code_403",
            "as the answer to a call: the bot may not do this in that chat, mostly because the person has blocked it or \
             it was removed; as the answer of a webhook: a firewall or a bot protection refuses Telegram",
            "Read the description that comes with the code: it names the reason. For a webhook, allow POST \
             /telegram/webhook without a challenge.",
        ),
        404 => (
            "code_404",
            "as the answer to a call: the token or the method does not exist; as the answer of a webhook: a server \
             answers at the public URL, but has no such path",
            "Look at TELEGRAM_BOT_TOKEN and TELEGRAM_API_URL; for a webhook, at PUBLIC_URL and at the program that runs \
             there.",
        ),
        409 => (
            "code_409",
            "two programs use the bot's token: one polls while another polls too, or while a webhook is set",
            "Stop the programs that poll: none of them is Doorbell, which never polls. Look for a copy on a machine of \
             yours, for a second process or worker, and for an old deployment that has not ended.",
        ),
        413 => (
            "code_413",
            "the request was too large: for a call, a file over 50 MB; for a webhook, a server before the service refuses \
             updates of that size",
            "Send a smaller file; for a webhook, let the server before the service accept bodies of 1 MiB.",
        ),
        429 => (
            "code_429",
            "Telegram is asked too often; the field retry_after says for how many seconds it refuses calls",
            "Wait: Doorbell obeys, and asks again by itself. If it returns, set outbound.per_second or \
             outbound.per_chat_per_second.",
        ),
        500 | 502 | 503 | 504 => (
            "code_5xx",
            "as the answer to a call: Telegram has trouble of its own; as the answer of a webhook: the service, or the \
             proxy before it, could not answer",
            "For a call, wait: Doorbell asks again by itself. For a webhook, look at the log of the service and at the \
             state of the platform.",
        ),
        _ => return None,
    };
    Some(Meaning { key, means, remedy })
}
