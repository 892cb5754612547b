use super::entry::{Entry, table};

/// What an error code means that comes without a description. The Bot API sends codes as answers to calls; a webhook can
/// have answered with the same ones.
pub(super) const CODES: &[Entry] = table! {
    code_401 (_): "401"
        => "as the answer to a call: Telegram does not know the bot token; as the answer of a webhook: the service \
         does not know the secret token that Telegram sends"
        => "Check TELEGRAM_BOT_TOKEN. For a webhook, give all instances of the service the same TELEGRAM_BOT_TOKEN \
         and WEBHOOK_SECRET.";
    code_403 (_): "403"
        => "as the answer to a call: the bot may not do this in that chat, usually because the person has blocked it \
         or it was removed; as the answer of a webhook: a firewall or a bot protection refuses Telegram"
        => "Read the description that comes with the code: it names the reason. For a webhook, allow POST \
         /telegram/webhook without a challenge.";
    code_404 (_): "404"
        => "as the answer to a call: the token or the method does not exist; as the answer of a webhook: a server \
         answers at the public URL, but has no such path"
        => "Check TELEGRAM_BOT_TOKEN and TELEGRAM_API_URL. For a webhook, check PUBLIC_URL and the program that runs \
         there.";
    code_409 (_): "409"
        => "two programs use the bot's token: one polls while another one polls too, or while a webhook is set"
        => "Stop the programs that poll: none of them is Doorbell, which never polls. Look for a copy on one of your \
         machines, for a second process or worker, and for an old deployment that has not ended.";
    code_413 (_): "413"
        => "the request was too large: for a call, a file over 50 MB; for a webhook, the proxy in front of the service \
         refuses updates of that size"
        => "Send a smaller file. For a webhook, configure the proxy to accept bodies of 1 MiB.";
    code_429 (_): "429"
        => "too many calls are sent to Telegram; the field retry_after says for how many seconds it refuses them"
        => "Wait: Doorbell obeys and tries again. If it happens often, set outbound.per_second or \
         outbound.per_chat_per_second.";
    code_5xx (_): "500" | "502" | "503" | "504"
        => "as the answer to a call: Telegram's servers failed; as the answer of a webhook: the service, or the proxy \
         in front of it, could not answer"
        => "For a call, wait: Doorbell tries again. For a webhook, check the log of the service and the state of the \
         platform.";
};

/// What it means that a webhook answered with this status.
pub(super) const WEBHOOK_STATUSES: &[Entry] = table! {
    webhook_status (_): "401"
        => "the program that answers does not know the secret token that Telegram sends"
        => "Doorbell registers its own secret again when it sees this. Give all instances of the service the same \
         TELEGRAM_BOT_TOKEN and WEBHOOK_SECRET. Nothing in front of the service may ask for a password.";
    webhook_status (_): "403"
        => "the service, or a firewall or bot protection in front of it, refuses requests that look like Telegram's"
        => "Allow POST /telegram/webhook there without a challenge.";
    webhook_status (_): "404"
        => "a server answers, but has no such path: the public URL leads to another service, or to one that is gone"
        => "Check PUBLIC_URL, and the program that runs at that address.";
    webhook_status (_): "405"
        => "a server answers, but accepts no POST at that path: the public URL leads to another service"
        => "Check PUBLIC_URL, and the program that runs at that address.";
    webhook_status (_): "400"
        => "the service did not accept what Telegram sent as an update: a proxy in front of it changes requests, or it \
         is not Doorbell"
        => "Check PUBLIC_URL, and the proxy in front of the service.";
    webhook_status (_): "408"
        => "an update took too long to arrive at the service"
        => "Telegram tries again. If it persists, check the proxy in front of the service.";
    webhook_status (_): "410"
        => "the service says that it is gone for good; Telegram deletes a webhook that says so for 23 h"
        => "Doorbell never says so: check which program runs at the public URL.";
    webhook_status (_): "411"
        => "the proxy in front of the service removes the length of the request"
        => "Configure the proxy to pass requests on with Content-Length.";
    webhook_status (_): "413"
        => "the server refuses updates of that size"
        => "Configure the proxy in front of the service to accept bodies of 1 MiB; updates have up to 513 KiB.";
    webhook_status (_): "421"
        => "the proxy in front of the service does not know its host name"
        => "Check PUBLIC_URL and the domains that are configured at the platform.";
    webhook_status (_): "429"
        => "a proxy or firewall in front of the service limits the number of requests"
        => "Exempt Telegram's requests from that limit.";
    webhook_status (_): "500"
        => "the service, or the proxy in front of it, failed"
        => "Check the log of the service at that time; Doorbell itself answers 503 when it cannot store an update.";
    webhook_status (_): "502" | "504" | "521" | "522" | "523" | "524"
        => "the platform's proxy found no running service behind it: it was stopped, starting, asleep or crashed"
        => "It passes after a deploy. If it persists, check the service's log, and make the service listen on PORT at \
         0.0.0.0.";
    webhook_status (_): "503"
        => "the service could not store updates for a while, or was starting, stopping or asleep"
        => "It passes after a deploy. If it persists, check the inbox: /readyz says what is wrong.";
    webhook_status (_): "301" | "302" | "303" | "307" | "308"
        => "the public URL redirects, which Telegram does not follow"
        => "Set PUBLIC_URL to the URL that it redirects to: https, with or without www as the server expects it.";
    webhook_status (_): "1*"
        => "the answer has a 1xx status, which Telegram treats as the final answer"
        => "Prevent 1xx answers (100 Continue, 103 Early Hints) on this path.";
    webhook_status (_): "5*"
        => "the service, or the proxy in front of it, failed"
        => "Check the log of the service and the state of the platform.";
};
