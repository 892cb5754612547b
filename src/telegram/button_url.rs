use url::{Host, Url};

/// Whether Telegram takes this as the URL of a button (`TDLib`, `LinkManager.cpp`: `get_checked_link`).
///
/// # Errors
///
/// What Telegram says of it.
pub fn check_button_url(url: &str) -> Result<(), &'static str> {
    let url = url.trim();
    if url.is_empty() {
        return Err("URL must be non-empty");
    }
    if ["tg:", "ton:", "tonsite:"].iter().any(|scheme| url.to_ascii_lowercase().starts_with(scheme)) {
        return Ok(());
    }
    // Without a scheme it is a web page.
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
    fn a_buttons_url_leads_to_a_public_page_or_into_telegram() {
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
