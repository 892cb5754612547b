//! Extracts Telegram's words from a text: from log lines, from JSON, and after the names that libraries put before them.

use http::StatusCode;
use serde_json::Value;

/// What may follow a phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing but a full stop: the phrase is the whole text, and no code shows that it is Telegram's.
    Text,
    /// The end of a sentence, a bracket or a quotation mark.
    Boundary,
}

/// A part of the text that may be Telegram's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate<'a> {
    /// The error code that goes with them, where it is known.
    pub(super) code: Option<u16>,
    /// Begins with the words; what follows them is not cut off.
    pub(super) words: &'a str,
    pub(super) end: End,
}

/// The longest text that is read, in characters. Error messages are shorter.
const LONGEST: usize = 8_000;

/// The words with which Telegram begins a description, the error code that they stand for, and whether a colon must follow:
/// other sentences contain such words too.
const CLASSES: [(&str, u16, bool); 13] = [
    ("bad request", 400, true),
    // python-telegram-bot writes the name of its class instead of Telegram's words.
    ("telegram.error.badrequest", 400, true),
    ("unauthorized", 401, false),
    ("forbidden", 403, true),
    ("not found", 404, false),
    ("conflict", 409, true),
    ("request entity too large", 413, false),
    ("misdirected request", 421, true),
    ("too many requests", 429, false),
    ("internal server error", 500, false),
    ("bad gateway", 502, false),
    ("gateway timeout", 504, false),
    ("flood control exceeded", 429, false),
];

/// An error of a delivery follows these words, without a code.
const LEADS: [&str; 5] =
    [BAD_WEBHOOK, "telegram could not deliver an update: ", " ago: ", "is over: ", "webhook error. "];

/// How Telegram begins when it refuses an address. A reason follows, or the error of the connection to the address.
const BAD_WEBHOOK: &str = "bad webhook: ";

/// The descriptions in an input, in lower case: those in the JSON that it contains, or the input itself.
pub(super) fn descriptions(input: &str) -> Vec<String> {
    let input: String = input.chars().take(LONGEST).collect();
    let mut texts = Vec::new();
    if let (Some(from), Some(to)) = (input.find('{'), input.rfind('}'))
        && let Some(Ok(json)) = input.get(from..=to).map(serde_json::from_str::<Value>)
    {
        collect_descriptions(&json, &mut texts);
    }
    if texts.is_empty() { vec![plain(&input)] } else { texts }
}

fn collect_descriptions(json: &Value, texts: &mut Vec<String>) {
    match json {
        Value::Object(fields) => {
            for name in ["description", "last_error_message", "message"] {
                if let Some(Value::String(text)) = fields.get(name) {
                    texts.push(plain(text));
                }
            }
            if texts.is_empty()
                && let Some(code) = fields.get("error_code").and_then(Value::as_u64)
            {
                texts.push(code.to_string());
            }
            fields.values().for_each(|value| collect_descriptions(value, texts));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_descriptions(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The text in lower case, with one blank between two words, without terminal colours, and without control characters
/// other than line ends.
fn plain(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let colour =
            part.strip_prefix('[').map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';'));
        plain.push_str(colour.and_then(|rest| rest.strip_prefix('m')).unwrap_or(part));
    }
    let is_kept = |c: &char| !c.is_control() || c.is_whitespace();
    let text = plain.chars().filter(is_kept).collect::<String>();
    let text = text.replace(['\u{2018}', '\u{2019}'], "'").to_lowercase();
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// The code of a text that contains nothing else, or only its standard reason: `409`, `HTTP 502`, `409 Conflict`.
pub(super) fn bare_code(text: &str) -> Option<u16> {
    const AROUND: [&str; 8] = ["error", "http", "http/1.1", "status", "code", "error_code", "etelegram", "telegram"];
    let mut words = text.split([' ', ':', '=', '#', '[', ']', '(', ')']).filter(|word| !word.is_empty());
    let number = words.by_ref().find(|word| !AROUND.contains(word))?;
    let code = StatusCode::from_bytes(number.as_bytes()).ok().filter(|_| number.len() == 3)?;
    let reason = words.collect::<Vec<_>>().join(" ");
    let standard = code.canonical_reason().unwrap_or_default().to_lowercase();
    (reason.is_empty() || reason == standard).then(|| code.as_u16())
}

/// Everything that may be Telegram's words: what follows a code or a lead, in the order of the text, and last the whole
/// text.
pub(super) fn candidates(text: &str) -> Vec<Candidate<'_>> {
    let mut found = Vec::new();
    for (class, code, colon) in CLASSES {
        for (at, _) in text.match_indices(class).filter(|(at, _)| begins(&text[..*at])) {
            let rest = &text[at + class.len()..];
            let words = match rest.strip_prefix(": ") {
                Some(words) => words,
                None if colon => continue,
                None => rest.trim_start(),
            };
            found.push((at, Candidate { code: Some(code), words, end: End::Boundary }));
        }
    }
    for lead in LEADS {
        for at in text.match_indices(lead).map(|(at, _)| at + lead.len()) {
            let candidate = Candidate { code: None, words: &text[at..], end: End::Boundary };
            found.push((at, candidate));
            if lead == BAD_WEBHOOK {
                found.push((at, Candidate { code: Some(400), ..candidate }));
            }
        }
    }
    found.sort_by_key(|(at, _)| *at);
    let whole = text.strip_prefix("error: ").unwrap_or(text);
    let whole = Candidate { code: None, words: whole, end: End::Text };
    found.into_iter().map(|(_, candidate)| candidate).chain([whole]).collect()
}

/// Whether a description may begin after this text: at a line start, or after a colon, a dash, a bracket, a quotation mark
/// or a number.
fn begins(before: &str) -> bool {
    let Some(last) = before.chars().next_back() else { return true };
    match last {
        '\n' | '(' | '[' | '"' | '\'' | '`' => true,
        ' ' => before.trim_end().ends_with(|c: char| matches!(c, ':' | '-' | ']' | '>') || c.is_ascii_digit()),
        _ => false,
    }
}

/// The positions at which a sentence of this program may begin: line starts, and after a colon, a quotation mark or a full
/// stop.
pub(super) fn sentence_starts(text: &str) -> Vec<&str> {
    let after = [": ", "\"", ". ", "\n", "> "];
    let inner = after.iter().flat_map(|mark| text.match_indices(mark).map(|(at, mark)| &text[at + mark.len()..]));
    std::iter::once(text).chain(inner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_code_is_a_number_with_at_most_its_standard_reason() {
        for (text, code) in [
            ("409", Some(409)),
            ("http 502", Some(502)),
            ("http/1.1 502 bad gateway", Some(502)),
            ("409 conflict", Some(409)),
            ("[403] forbidden", Some(403)),
            ("error code: 429", Some(429)),
            ("409 conflict: terminated", None),
            ("4090", None),
            ("room 409 of the hotel", None),
            ("", None),
        ] {
            assert_eq!(bare_code(text), code, "{text}");
        }
    }

    #[test]
    fn a_description_with_a_code_begins_after_a_delimiter() {
        let codes = |text: &str| candidates(text).iter().filter_map(|candidate| candidate.code).collect::<Vec<_>>();
        assert_eq!(codes("bad request: chat not found"), [400]);
        assert_eq!(codes("call to 'x' failed! (409: conflict: terminated)"), [409]);
        assert_eq!(codes("the chat was not found"), [0_u16; 0]);
        assert_eq!(codes("a conflict: of interests"), [0_u16; 0]);
    }
}
