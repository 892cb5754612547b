use super::Meaning;

/// What it means that a webhook answered with this status.
pub(super) fn of(status: &str) -> Option<Meaning> {
    let (means, remedy) = match status {
        "401" => (
            "whoever answers does not know the secret token that Telegram sends",
            "Doorbell registers its own again when it sees this. Give all instances of the service the same \
             TELEGRAM_BOT_TOKEN and WEBHOOK_SECRET; nothing before the service may ask for a password.",
        ),
        "403" => (
            "the service, or what stands before it (a firewall, a bot protection), lets nobody in who looks like \
             Telegram",
            "Let POST /telegram/webhook pass there without a challenge.",
        ),
        "404" => (
            "a server answers, but has no such path: the public URL leads to another service, or to one that is gone",
            "Look at PUBLIC_URL, and at what runs at that address.",
        ),
        "405" => (
            "a server answers, but takes no POST at that path: the public URL leads to another service",
            "Look at PUBLIC_URL, and at what runs at that address.",
        ),
        "400" => (
            "the service did not take what Telegram sent for an update: something before it changes requests, or it is \
             not Doorbell",
            "Look at PUBLIC_URL, and at what stands before the service.",
        ),
        "408" => (
            "an update took too long to arrive at the service",
            "It is tried again; if it stays, look at what stands before the service.",
        ),
        "410" => (
            "the service says that it is gone for good; Telegram deletes a webhook that says so for 23 h",
            "Doorbell never says so: look at what runs at the public URL.",
        ),
        "411" => (
            "what stands before the service takes the length off the request",
            "Let the proxy pass requests on with Content-Length.",
        ),
        "413" => (
            "the server refuses updates of that size",
            "Let what stands before the service take bodies of 1 MiB; updates have up to 513 KiB.",
        ),
        "421" => (
            "what stands before the service does not know its host name",
            "Look at PUBLIC_URL and at the domains of the platform.",
        ),
        "429" => ("something before the service limits requests", "Let Telegram pass without a limit."),
        "500" => (
            "the service, or what stands before it, failed",
            "Look at the log of the service at that time; Doorbell itself answers 503 when it cannot store.",
        ),
        "502" | "504" | "521" | "522" | "523" | "524" => (
            "the platform's proxy found no running service behind it: it was stopped, starting, asleep or crashed",
            "It passes with a deploy. If it stays: look at the service's log, and let it listen on PORT at 0.0.0.0.",
        ),
        "503" => (
            "the service could not store updates for a while, or was starting, stopping or asleep",
            "It passes with a deploy. If it stays, look at the inbox: /readyz says what is wrong.",
        ),
        "301" | "302" | "303" | "307" | "308" => (
            "the public URL redirects, which Telegram does not follow",
            "Set PUBLIC_URL to the URL that it redirects to: https, with or without www as the server wants it.",
        ),
        other if other.len() == 3 && other.starts_with('1') => (
            "something answered with a 1xx status, which Telegram takes for the final answer",
            "Keep 1xx answers (100 Continue, 103 Early Hints) off this path.",
        ),
        other if other.len() == 3 && other.starts_with('5') => (
            "the service, or what stands before it, failed",
            "Look at the log of the service and at the state of the platform.",
        ),
        _ => return None,
    };
    Some(Meaning { key: "webhook_status", means, remedy })
}
