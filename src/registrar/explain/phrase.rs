//! Matches a text with a phrase from its first character.

use super::extract::End;

/// Whether `text` begins with `phrase` and then ends as `end` requires. In the phrase, `+` stands for one word and `*` for
/// anything in the same line.
pub(super) fn fits(phrase: &str, text: &str, end: End) -> bool {
    let Some(at) = phrase.find(['+', '*']) else {
        return text.strip_prefix(phrase).is_some_and(|rest| ends(rest, end));
    };
    let (literal, wildcard) = phrase.split_at(at);
    let (wildcard, phrase) = wildcard.split_at(1);
    let Some(text) = text.strip_prefix(literal) else { return false };
    let line = text.split('\n').next().unwrap_or_default();
    let reach = if wildcard == "*" { line } else { line.split(' ').next().unwrap_or_default() };
    let least = usize::from(wildcard == "+");
    let mut stops = reach.char_indices().map(|(at, _)| at).chain([reach.len()]).filter(|at| *at >= least);
    stops.any(|at| fits(phrase, &text[at..], end))
}

/// Whether what follows does not belong to the same sentence.
fn ends(rest: &str, end: End) -> bool {
    match end {
        End::Text => rest.trim_matches(|c: char| c.is_whitespace() || matches!(c, '.' | '!' | '"' | '\'')).is_empty(),
        End::Boundary => {
            rest.is_empty()
                || is_field(rest)
                || rest.starts_with(['.', ',', ';', ')', ']', '}', '"', '\'', '\n'])
                || rest.starts_with(" (")
        }
    }
}

/// Whether the next word is a field of a log line, such as `chat=7`.
fn is_field(rest: &str) -> bool {
    let word = rest.strip_prefix(' ').unwrap_or_default();
    let name = word.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_matches_completely_and_its_wildcards_stay_within_a_word_or_a_line() {
        for (phrase, text, fitting) in [
            ("chat not found", "chat not found", true),
            ("chat not found", "chat not found. more", true),
            ("chat not found", "chat not found here", false),
            ("chat not found", "the chat not found", false),
            ("ip address + is reserved", "ip address 10.0.0.1 is reserved", true),
            ("ip address + is reserved", "ip address 10.0.0.1 of mine is reserved", false),
            ("ip address + is reserved", "ip address  is reserved", false),
            ("can't parse entities*", "can't parse entities: a <b", true),
            ("a*b", "a\nb", false),
            ("", "", true),
            ("", ". more", true),
            ("", "more", false),
        ] {
            assert_eq!(fits(phrase, text, End::Boundary), fitting, "{phrase:?} {text:?}");
        }
        assert!(fits("timed out", "timed out!", End::Text) && !fits("timed out", "timed out. more", End::Text));
    }
}
