use super::Entry;

/// Why Telegram refuses a `setWebhook`, beside what it meets at the address. Telegram puts
/// `Bad Request: bad webhook: ` before most of them.
pub(super) const WEBHOOK: [Entry; 8] = [
    Entry {
        key: "address_reserved",
        code: Some(400),
        phrases: &["ip address + is reserved"],
        means: "the name leads to a private address, to which Telegram does not connect",
        remedy: "Set PUBLIC_URL to an address that is reached from the internet: the platform's, or a tunnel's.",
    },
    Entry {
        key: "address_ipv6",
        code: Some(400),
        phrases: &["ipv6-only addresses are not allowed"],
        means: "the name has no IPv4 address, which Telegram needs",
        remedy: "Add an A record to the DNS, or use the platform's own name.",
    },
    Entry {
        key: "webhook_not_https",
        code: Some(400),
        phrases: &["an https url must be provided for webhook", "https url must be provided for webhook"],
        means: "the public URL does not begin with https, and Telegram's own Bot API sends updates by https only",
        remedy: "Correct PUBLIC_URL: it must begin with https://.",
    },
    Entry {
        key: "webhook_port",
        code: Some(400),
        phrases: &["webhook can be set up only on ports *"],
        means: "the public URL has a port to which Telegram does not connect",
        remedy: "Use the port 443, 80, 88 or 8443 in PUBLIC_URL; the service itself may listen on another.",
    },
    Entry {
        key: "webhook_ip_address",
        code: Some(400),
        phrases: &["invalid ip address specified"],
        means: "the ip_address that was sent with setWebhook is not an IP address",
        remedy: "Correct the program that set the webhook; Doorbell sends no ip_address.",
    },
    Entry {
        key: "webhook_url",
        code: Some(400),
        phrases: &["invalid webhook url specified"],
        means: "Telegram cannot read the public URL",
        remedy: "Correct PUBLIC_URL.",
    },
    Entry {
        key: "webhook_secret",
        code: Some(400),
        phrases: &["secret token contains unallowed characters", "secret token is too long"],
        means: "Telegram accepts a secret token of 1 to 256 of the characters A-Z a-z 0-9 _ - only",
        remedy: "Correct WEBHOOK_SECRET, or leave it out: it is then derived from the bot token.",
    },
    Entry {
        key: "certificate_size",
        code: Some(400),
        phrases: &["certificate size is too big*"],
        means: "the certificate that was sent with setWebhook is larger than 3 MiB",
        remedy: "Send the certificate alone, in PEM; Doorbell sends none, and needs none behind a platform's or \
                 proxy's.",
    },
];
