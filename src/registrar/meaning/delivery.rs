use super::Entry;

/// How delivering fails before there is a status: Telegram's words, those of OpenSSL and of the
/// system's errors, as its server passes them on. The first that fits counts.
pub(super) const FAILURES: [Entry; 17] = [
    Entry {
        key: "read_timeout",
        code: None,
        phrases: &["read timeout expired"],
        means: "the service took longer than 60 s to answer",
        remedy: "Look at the inbox, and at what stands before the service: Doorbell answers as soon as an update is \
                 stored.",
    },
    Entry {
        key: "write_timeout",
        code: None,
        phrases: &["write timeout expired"],
        means: "the service took longer than 60 s to take in a request",
        remedy: "Look at what stands before the service, and at its load.",
    },
    Entry {
        key: "nobody_answers",
        code: None,
        phrases: &["connection timed out"],
        means: "nobody answers at that address: a firewall, or a machine that is off or asleep",
        remedy: "Start the service, and open the port of the public URL to the internet.",
    },
    Entry {
        key: "nothing_listens",
        code: None,
        phrases: &["connection refused"],
        means: "nothing listens at that address and port: the service is not running there",
        remedy: "Start the service; let it listen on PORT at 0.0.0.0, and the proxy or tunnel lead there.",
    },
    Entry {
        key: "connection_cut",
        code: None,
        phrases: &["connection reset by peer"],
        means: "the connection was cut by the service, or by what stands before it",
        remedy: "Now and then it is harmless, and tried again at once. If it stays, look at time-outs before the \
                 service.",
    },
    Entry {
        key: "connection_cut",
        code: None,
        phrases: &["broken pipe"],
        means: "the connection was cut by the service, or by what stands before it",
        remedy: "Now and then it is harmless, and tried again at once. If it stays, look at time-outs before the \
                 service.",
    },
    Entry {
        key: "connection_closed",
        code: None,
        phrases: &["connection closed"],
        means: "the connection was closed before there was an answer",
        remedy: "Now and then it is harmless, and tried again at once. If it stays, look at time-outs before the \
                 service.",
    },
    Entry {
        key: "no_route",
        code: None,
        phrases: &["no route to host"],
        means: "there is no way to that address",
        remedy: "Look at the DNS record of the public URL's host.",
    },
    Entry {
        key: "no_route",
        code: None,
        phrases: &["network is unreachable"],
        means: "there is no way to that address",
        remedy: "Look at the DNS record of the public URL's host.",
    },
    Entry {
        key: "certificate",
        code: None,
        phrases: &["ssl error *certificate verify failed*"],
        means: "the certificate is self-signed, out of date, incomplete or for another name",
        remedy: "Use a certificate that browsers accept, with its whole chain; platforms and tunnels bring one.",
    },
    Entry {
        key: "no_tls",
        code: None,
        phrases: &["ssl error *wrong version number*"],
        means: "the address speaks no TLS at that port",
        remedy: "Let something that ends TLS listen there: the platform, a reverse proxy or a tunnel.",
    },
    Entry {
        key: "tls",
        code: None,
        phrases: &["ssl error *"],
        means: "TLS failed: Telegram and the server at that address found no common ground",
        remedy: "Offer TLS 1.2 or 1.3 with a certificate that browsers accept, for the host of the public URL.",
    },
    Entry {
        key: "host_not_found",
        code: None,
        phrases: &["failed to resolve host*"],
        means: "the name is not in the DNS, or not yet",
        remedy: "Correct PUBLIC_URL or the DNS record. A new record takes a while to be seen: Doorbell goes on \
                 trying.",
    },
    Entry {
        key: "answer_encoding",
        code: None,
        phrases: &["unsupported media type: unsupported content-encoding"],
        means: "what stands before the service answers compressed in a way that Telegram cannot read",
        remedy: "Switch compression off for this path, or allow gzip only.",
    },
    Entry {
        key: "answer_broken",
        code: Some(400),
        phrases: &["unexpected end of request content"],
        means: "the answer had a body that was broken off",
        remedy: "Doorbell answers without a body: look at what runs at the public URL.",
    },
    Entry {
        key: "answer_headers",
        code: None,
        phrases: &["request header fields too large: total headers size exceeded"],
        means: "the answer had headers of more than 256 KiB",
        remedy: "Look at what stands before the service and adds them.",
    },
    Entry {
        key: "answer_transfer",
        code: None,
        phrases: &["unimplemented: unsupported transfer-encoding"],
        means: "the answer came in a transfer encoding that Telegram cannot read",
        remedy: "Look at what stands before the service.",
    },
];
