use super::entry::{Entry, table};

/// Why Telegram refuses a `setWebhook`, apart from failures to connect. Telegram puts `Bad Request: bad webhook: ` before
/// most of them.
pub(super) const WEBHOOK: &[Entry] = table! {
    address_reserved (400): "ip address + is reserved"
        => "the host name resolves to a private address, to which Telegram does not connect"
        => "Set PUBLIC_URL to an address that can be reached from the internet: the platform's or a tunnel's.";
    address_ipv6 (400): "ipv6-only addresses are not allowed"
        => "the host name has no IPv4 address, which Telegram needs"
        => "Add an A record to the DNS, or use the platform's host name.";
    webhook_not_https (400): "an https url must be provided for webhook" | "https url must be provided for webhook"
        => "the public URL does not begin with https, and Telegram's own Bot API sends updates over https only"
        => "Correct PUBLIC_URL: it must begin with https://.";
    webhook_port (400): "webhook can be set up only on ports *"
        => "the public URL has a port to which Telegram does not connect"
        => "Use port 443, 80, 88 or 8443 in PUBLIC_URL; the service itself may listen on another port.";
    webhook_ip_address (400): "invalid ip address specified"
        => "the ip_address that was sent with setWebhook is not an IP address"
        => "Correct the program that set the webhook: Doorbell sends no ip_address.";
    webhook_url (400): "invalid webhook url specified"
        => "Telegram cannot read the public URL"
        => "Correct PUBLIC_URL.";
    webhook_secret (400): "secret token contains unallowed characters" | "secret token is too long"
        => "a secret token must consist of 1 to 256 of the characters A-Z a-z 0-9 _ -"
        => "Correct WEBHOOK_SECRET, or remove it: the secret is then derived from the bot token.";
    certificate_size (400): "certificate size is too big*"
        => "the certificate that was sent with setWebhook is larger than 3 MiB"
        => "Send only the certificate, in PEM. Doorbell sends none, and needs none behind a platform or a proxy.";
};

/// Why a delivery fails without an HTTP status: the texts of Telegram, of OpenSSL and of system errors. The first match
/// counts.
pub(super) const FAILURES: &[Entry] = table! {
    read_timeout (_): "read timeout expired"
        => "the service took longer than 60 s to answer"
        => "Check the inbox, and the proxy in front of the service: Doorbell answers as soon as an update is \
         stored.";
    write_timeout (_): "write timeout expired"
        => "the service took longer than 60 s to read a request"
        => "Check the proxy in front of the service, and the load of the service.";
    nobody_answers (_): "connection timed out"
        => "no machine answers at that address: a firewall blocks it, or the machine is off or asleep"
        => "Start the service, and open the port of the public URL to the internet.";
    nothing_listens (_): "connection refused"
        => "nothing listens at that address and port: the service is not running there"
        => "Start the service. Make it listen on PORT at 0.0.0.0, and point the proxy or tunnel to that port.";
    connection_cut (_): "connection reset by peer" | "broken pipe"
        => "the service, or a proxy in front of it, reset the connection"
        => "It is harmless now and then: Telegram tries again at once. If it persists, check the time-outs of the \
         proxy.";
    connection_closed (_): "connection closed"
        => "the connection was closed before an answer was sent"
        => "It is harmless now and then: Telegram tries again at once. If it persists, check the time-outs of the \
         proxy.";
    no_route (_): "no route to host" | "network is unreachable"
        => "there is no network route to that address"
        => "Check the DNS record of the public URL's host.";
    certificate (_): "ssl error *certificate verify failed*"
        => "the certificate is self-signed, expired, incomplete or for another name"
        => "Use a certificate that browsers accept, with its whole chain. Platforms and tunnels provide one.";
    no_tls (_): "ssl error *wrong version number*"
        => "the server at that address and port does not speak TLS"
        => "Put a server that terminates TLS there: the platform, a reverse proxy or a tunnel.";
    tls (_): "ssl error *"
        => "the TLS handshake between Telegram and the server at that address failed"
        => "Offer TLS 1.2 or 1.3 with a certificate that browsers accept, for the host of the public URL.";
    host_not_found (_): "failed to resolve host*"
        => "the host name is not in the DNS, or not yet"
        => "Correct PUBLIC_URL or the DNS record. A new record takes some time to become visible: Doorbell keeps \
         trying.";
    answer_encoding (_): "unsupported media type: unsupported content-encoding"
        => "the proxy in front of the service compresses answers in a way that Telegram cannot read"
        => "Turn compression off for this path, or allow only gzip.";
    answer_broken (400): "unexpected end of request content"
        => "the body of the answer is incomplete"
        => "Doorbell answers without a body: check which program runs at the public URL.";
    answer_headers (_): "request header fields too large: total headers size exceeded"
        => "the answer had more than 256 KiB of headers"
        => "Check the proxy in front of the service, which adds them.";
    answer_transfer (_): "unimplemented: unsupported transfer-encoding"
        => "the answer has a transfer encoding that Telegram cannot read"
        => "Check the proxy in front of the service.";
};
