use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, StatusCode};

use crate::http::Problem;

/// Refuses a request that was sent to another name than this machine's own. A page of another site could otherwise give its
/// own name the address 127.0.0.1 and then read everything here (DNS rebinding).
pub(in crate::sandbox) async fn refuse_other_hosts(request: Request, next: Next) -> Response {
    if names_this_machine(request.headers()) {
        return next.run(request).await;
    }
    let title = "The sandbox answers only under the name of this machine";
    Problem::new(StatusCode::MISDIRECTED_REQUEST, title, "Use 127.0.0.1 or localhost in the address.").into_response()
}

/// Whether the `Host` header is a name of the loopback interface. A request without one is no browser's.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST) else { return true };
    let Ok(authority) = Authority::try_from(host.as_bytes()) else { return false };
    let name = authority.host();
    let is_loopback = |name: &str| name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    name.eq_ignore_ascii_case("localhost") || is_loopback(name.trim_matches(['[', ']']))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for (host, expected) in [
            ("127.0.0.1:8081", true),
            ("localhost", true),
            ("LOCALHOST:8081", true),
            ("[::1]:8081", true),
            ("127.8.0.1", true),
            ("attacker.example:8081", false),
            ("127.0.0.1.attacker.example", false),
            ("localhost.attacker.example", false),
            ("10.0.0.1", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
            assert_eq!(names_this_machine(&headers), expected, "{host}");
        }
        assert!(names_this_machine(&HeaderMap::new()), "a program that sends no Host is no browser");
    }
}
