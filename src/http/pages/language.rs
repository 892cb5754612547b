use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::header::{ACCEPT_LANGUAGE, COOKIE};
use http::request::Parts;
use url::form_urlencoded;

/// The cookie with the language that the person has chosen.
pub(super) const COOKIE_NAME: &str = "doorbell_language";

/// The language of a page. A template writes both texts beside each other: `{{ language.pick("Settings", "Настройки") }}`.
///
/// It is the one in the query (`?lang=ru`), else in the cookie, else the first of `Accept-Language` that we have, else
/// English. Sentences that the log has too are in English in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Russian.
    Russian,
}

impl Language {
    /// The text in this language.
    #[must_use]
    pub fn pick<'a>(self, english: &'a str, russian: &'a str) -> &'a str {
        match self {
            Self::English => english,
            Self::Russian => russian,
        }
    }

    /// The code for `lang="…"`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.pick("en", "ru")
    }

    /// A number with its noun. English needs two forms, Russian three: `1 чат`, `2 чата`, `5 чатов`.
    #[must_use]
    pub fn count(self, number: u64, english: [&str; 2], russian: [&str; 3]) -> String {
        let form = match self {
            Self::English => english[usize::from(number != 1)],
            Self::Russian => match (number % 10, number % 100) {
                (1, tens) if tens != 11 => russian[0],
                (2..=4, tens) if !(12..=14).contains(&tens) => russian[1],
                _ => russian[2],
            },
        };
        format!("{number} {form}")
    }

    /// The language of a code such as `ru`, `ru-RU` or `en`.
    fn of(code: &str) -> Option<Self> {
        match code.trim().split('-').next()? {
            "en" => Some(Self::English),
            "ru" => Some(Self::Russian),
            _ => None,
        }
    }

    /// The language that the query asks for.
    pub(super) fn of_query(query: Option<&str>) -> Option<Self> {
        let mut pairs = form_urlencoded::parse(query?.as_bytes());
        pairs.find(|(name, _)| name == "lang").and_then(|(_, code)| Self::of(&code))
    }

    fn of_request(parts: &Parts) -> Self {
        let cookies = parts.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let chosen = || cookies.find(|(name, _)| *name == COOKIE_NAME).and_then(|(_, code)| Self::of(code));
        let accepted = || {
            let wanted = parts.headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?;
            wanted.split(',').find_map(|language| Self::of(language.split(';').next()?))
        };
        Self::of_query(parts.uri.query()).or_else(chosen).or_else(accepted).unwrap_or_default()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of_request(parts))
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn the_query_decides_then_the_cookie_then_the_browser() {
        let language = |uri: &str, cookie: &str, accept: &str| {
            let request = Request::builder().uri(uri).header(COOKIE, cookie).header(ACCEPT_LANGUAGE, accept);
            Language::of_request(&request.body(()).unwrap().into_parts().0)
        };
        assert_eq!(language("/?lang=en", "doorbell_language=ru", "ru"), Language::English);
        assert_eq!(language("/?a=b", "a=b; doorbell_language=ru", "en"), Language::Russian);
        assert_eq!(language("/", "", "de-DE, ru-RU;q=0.9, en;q=0.8"), Language::Russian);
        assert_eq!(language("/?lang=xx", "doorbell_language=", "de"), Language::English);
    }

    #[test]
    fn a_number_has_the_form_of_its_noun() {
        let chats = |number| Language::Russian.count(number, ["chat", "chats"], ["чат", "чата", "чатов"]);
        let expected = ["0 чатов", "1 чат", "3 чата", "5 чатов", "11 чатов", "12 чатов", "21 чат", "112 чатов"];
        assert_eq!([0, 1, 3, 5, 11, 12, 21, 112].map(chats), expected);
        assert_eq!(Language::English.count(1, ["chat", "chats"], ["", "", ""]), "1 chat");
    }
}
