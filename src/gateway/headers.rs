//! Which headers pass. Telegram believes some headers of a local peer, such as X-Real-IP, so a request keeps only those that
//! describe its body and the answer that it wants.

use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    PROXY_AUTHENTICATE, RANGE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName};

/// The headers of a request that pass. Content-Length follows from the body.
const OF_REQUESTS: [HeaderName; 8] =
    [ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE];

/// The headers that concern one connection, and so do not pass.
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// The headers of a request that pass.
pub(super) fn of_request(headers: &HeaderMap) -> HeaderMap {
    let passed = headers.iter().filter(|(name, _)| OF_REQUESTS.contains(name));
    passed.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Removes the headers of an answer that do not pass.
pub(super) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }

    #[test]
    fn only_what_describes_the_body_and_the_wanted_answer_passes() {
        let all = headers(&[
            ("host", "127.0.0.1"),
            ("content-type", "application/json"),
            ("content-length", "2"),
            ("accept-encoding", "gzip, deflate"),
            ("transfer-encoding", "chunked"),
            ("connection", "keep-alive, x-own"),
            ("x-own", "1"),
            ("x-real-ip", "1.2.3.4"),
            ("x-forwarded-for", "1.2.3.4"),
            ("forwarded", "for=1.2.3.4"),
            ("authorization", "Bearer a"),
            ("cookie", "a=b"),
            ("expect", "100-continue"),
        ]);
        let expected = headers(&[("content-type", "application/json"), ("accept-encoding", "gzip, deflate")]);
        assert_eq!(of_request(&all), expected);
    }

    #[test]
    fn an_answer_loses_only_the_headers_of_its_connection() {
        let mut answer = headers(&[
            ("content-type", "application/json"),
            ("content-length", "2"),
            ("content-encoding", "gzip"),
            ("retry-after", "3"),
            ("connection", "keep-alive, X-Own"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("x-own", "1"),
        ]);
        remove_hop_by_hop(&mut answer);
        let expected = headers(&[
            ("content-type", "application/json"),
            ("content-length", "2"),
            ("content-encoding", "gzip"),
            ("retry-after", "3"),
        ]);
        assert_eq!(answer, expected);
    }
}
