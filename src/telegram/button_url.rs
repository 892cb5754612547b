use url::{Host, Url};

/// Checks that Telegram accepts this URL for a button (`TDLib`, `LinkManager.cpp`: `get_checked_link`).
///
/// # Errors
///
/// The reason in Telegram's words.
pub fn check_button_url(url: &str) -> Result<(), &'static str> {
    let url = url.trim();
    if url.is_empty() {
        return Err("URL must be non-empty");
    }
    if ["tg:", "ton:", "tonsite:"].iter().any(|scheme| url.to_ascii_lowercase().starts_with(scheme)) {
        return Ok(());
    }
    // Telegram takes a URL without a scheme as a web page.
    let parsed = if url.contains("://") { Url::parse(url) } else { Url::parse(&format!("http://{url}")) };
    let parsed = parsed.or(Err("Wrong HTTP URL"))?;
    match parsed.scheme() {
        "http" | "https" => match parsed.host() {
            Some(Host::Domain(name)) if name.contains('.') => Ok(()),
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => Ok(()),
            Some(Host::Domain(_)) | None => Err("Wrong HTTP URL"),
        },
        _ => Err("Unsupported URL protocol"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_button_must_be_a_public_page_or_a_telegram_link() {
        for url in [
            "https://example.org",
            "http://example.org/a?b#c",
            "example.org:8080/a",
            "tg://user?id=7",
            "https://127.0.0.1",
        ] {
            assert_eq!(check_button_url(url), Ok(()), "{url}");
        }
        for (url, problem) in [
            ("", "URL must be non-empty"),
            ("https://localhost", "Wrong HTTP URL"),
            ("http://", "Wrong HTTP URL"),
            ("just words", "Wrong HTTP URL"),
            ("ftp://example.org", "Unsupported URL protocol"),
            ("javascript://example.org", "Unsupported URL protocol"),
        ] {
            assert_eq!(check_button_url(url), Err(problem), "{url}");
        }
    }
}
