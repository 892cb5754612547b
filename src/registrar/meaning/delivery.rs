use super::Entry;

/// How delivering fails before there is a status: Telegram's words, those of OpenSSL and of the
/// system's errors, as its server passes them on. The first that fits counts.
pub(super) const FAILURES: [Entry; 19] = [
    (
        "Read timeout expired",
        "the service took longer than 60 s to answer",
        "Look at the inbox, and at what stands before the service: Doorbell answers as soon as an update is stored.",
    ),
    (
        "Write timeout expired",
        "the service took longer than 60 s to take in a request",
        "Look at what stands before the service, and at its load.",
    ),
    (
        "timed out",
        "nobody answers at that address: a firewall, or a machine that is off or asleep",
        "Start the service, and open the port of the public URL to the internet.",
    ),
    (
        "Connection refused",
        "nothing listens at that address and port: the service is not running there",
        "Start the service; let it listen on PORT at 0.0.0.0, and the proxy or tunnel lead there.",
    ),
    (
        "Connection reset by peer",
        "the connection was cut by the service, or by what stands before it",
        "Now and then it is harmless, and tried again at once. If it stays, look at time-outs before the service.",
    ),
    (
        "Broken pipe",
        "the connection was cut by the service, or by what stands before it",
        "Now and then it is harmless, and tried again at once. If it stays, look at time-outs before the service.",
    ),
    (
        "Connection closed",
        "the connection was closed before there was an answer",
        "Now and then it is harmless, and tried again at once. If it stays, look at time-outs before the service.",
    ),
    ("No route to host", "there is no way to that address", "Look at the DNS record of the public URL's host."),
    ("Network is unreachable", "there is no way to that address", "Look at the DNS record of the public URL's host."),
    (
        "certificate verify failed",
        "the certificate is self-signed, out of date, incomplete or for another name",
        "Use a certificate that browsers accept, with its whole chain; platforms and tunnels bring one.",
    ),
    (
        "wrong version number",
        "the address speaks no TLS at that port",
        "Let something that ends TLS listen there: the platform, a reverse proxy or a tunnel.",
    ),
    (
        "SSL error",
        "TLS failed: Telegram and the server at that address found no common ground",
        "Offer TLS 1.2 or 1.3 with a certificate that browsers accept, for the host of the public URL.",
    ),
    (
        "Failed to resolve host",
        "the name is not in the DNS, or not yet",
        "Correct PUBLIC_URL or the DNS record. A new record takes a while to be seen: Doorbell goes on trying.",
    ),
    (
        "unsupported content-encoding",
        "what stands before the service answers compressed in a way that Telegram cannot read",
        "Switch compression off for this path, or allow gzip only.",
    ),
    (
        "too many parameters",
        "the answer had a body over 1 MiB, which Telegram reads as a method call",
        "Doorbell answers without a body: look at what runs at the public URL.",
    ),
    (
        "unexpected end of request content",
        "the answer had a body that was broken off",
        "Doorbell answers without a body: look at what runs at the public URL.",
    ),
    (
        "total headers size exceeded",
        "the answer had headers of more than 256 KiB",
        "Look at what stands before the service and adds them.",
    ),
    (
        "unsupported transfer-encoding",
        "the answer came in a transfer encoding that Telegram cannot read",
        "Look at what stands before the service.",
    ),
    ("Too Many Requests", "Telegram is asked too often", "Wait: Doorbell obeys, and asks again by itself."),
];
