//! Text with entities as HTML. Entities come from the bot and may be any JSON.

use std::fmt::Write;

use askama::filters::{Html, escape};
use serde_json::Value;

/// A part of a text with a format: its bytes, its rank and its tags.
#[derive(Debug)]
struct Span {
    start: usize,
    end: usize,
    rank: usize,
    open: String,
    close: &'static str,
}

/// The kinds of entity from the outermost to the innermost. The tags are always nested in this order, so the HTML is valid
/// even if the entities overlap: only the first is a block, and of links and buttons there is only one at a time.
const RANKS: [&str; 15] = [
    "blockquote",
    "expandable_blockquote",
    "pre",
    "text_link",
    "text_mention",
    "url",
    "bot_command",
    "mention",
    "hashtag",
    "spoiler",
    "bold",
    "italic",
    "underline",
    "strikethrough",
    "code",
];
/// The ranks of which only one can be open: quotations, code blocks, and what can be clicked.
const ALONE: [std::ops::RangeInclusive<usize>; 3] = [0..=1, 2..=2, 3..=6];

/// The text as HTML. Each command is a button of the form with the id `say`.
pub(super) fn html(text: &str, entities: &[Value]) -> String {
    let spans = spans(text, entities);
    let mut cuts: Vec<usize> = spans.iter().flat_map(|span| [span.start, span.end]).chain([0, text.len()]).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let mut html = String::with_capacity(text.len() + 16);
    let mut open: Vec<&Span> = Vec::new();
    for piece in cuts.windows(2) {
        let (start, end) = (piece[0], piece[1]);
        let wanted = active(&spans, start, end);
        let kept = open.iter().zip(&wanted).take_while(|(open, wanted)| std::ptr::eq(**open, **wanted)).count();
        for span in open.drain(kept..).rev() {
            html.push_str(span.close);
        }
        for span in &wanted[kept..] {
            html.push_str(&span.open);
        }
        open = wanted;
        push_escaped(&mut html, &text[start..end]);
    }
    for span in open.iter().rev() {
        html.push_str(span.close);
    }
    html
}

/// The spans that cover a piece, from the outermost to the innermost.
fn active(spans: &[Span], start: usize, end: usize) -> Vec<&Span> {
    let mut active: Vec<&Span> = Vec::new();
    for span in spans.iter().filter(|span| span.start <= start && span.end >= end) {
        let clashes = |other: &&Span| {
            other.rank == span.rank
                || ALONE.iter().any(|ranks| ranks.contains(&other.rank) && ranks.contains(&span.rank))
        };
        if !active.iter().any(clashes) {
            active.push(span);
        }
    }
    active.sort_by_key(|span| span.rank);
    active
}

/// The entities that are valid for this text. Parts that lie outside of it are cut off.
fn spans(text: &str, entities: &[Value]) -> Vec<Span> {
    let positions = Positions::of(text);
    let span = |entity: &Value| {
        let kind = entity["type"].as_str()?;
        let rank = RANKS.iter().position(|known| *known == kind)?;
        let offset = usize::try_from(entity["offset"].as_i64()?).ok()?;
        let length = usize::try_from(entity["length"].as_i64()?).ok()?;
        let (start, end) = (positions.byte(offset), positions.byte(offset.saturating_add(length)));
        let (open, close) = tags(kind, entity, text.get(start..end)?)?;
        (start < end).then_some(Span { start, end, rank, open, close })
    };
    entities.iter().take(100).filter_map(span).collect()
}

/// The tags of an entity; none if it has no link that may be followed.
fn tags(kind: &str, entity: &Value, text: &str) -> Option<(String, &'static str)> {
    Some(match kind {
        "blockquote" => ("<blockquote>".to_owned(), "</blockquote>"),
        "expandable_blockquote" => ("<blockquote class=\"long\">".to_owned(), "</blockquote>"),
        "pre" => {
            let mut open = "<code class=\"block\"".to_owned();
            if let Some(language) = entity["language"].as_str().filter(|language| !language.is_empty()) {
                // Writing to a string does not fail.
                let _ = write!(open, " data-language=\"{}\"", escaped(language));
            }
            (open + ">", "</code>")
        }
        "text_link" => (link(entity["url"].as_str()?)?, "</a>"),
        "url" => (link(text)?, "</a>"),
        "text_mention" | "mention" => ("<span class=\"mention\">".to_owned(), "</span>"),
        "hashtag" => ("<span class=\"hashtag\">".to_owned(), "</span>"),
        "bot_command" => {
            let command = escaped(text);
            (format!("<button class=\"command\" form=\"say\" name=\"press\" value=\"{command}\">"), "</button>")
        }
        "spoiler" => ("<span class=\"spoiler\" tabindex=\"0\">".to_owned(), "</span>"),
        "bold" => ("<b>".to_owned(), "</b>"),
        "italic" => ("<i>".to_owned(), "</i>"),
        "underline" => ("<u>".to_owned(), "</u>"),
        "strikethrough" => ("<s>".to_owned(), "</s>"),
        _ => ("<code>".to_owned(), "</code>"),
    })
}

/// The opening tag of a link; none unless it leads to a web page, an e-mail address or a phone number.
fn link(url: &str) -> Option<String> {
    Some(format!("<a href=\"{}\" rel=\"noreferrer noopener\" target=\"_blank\">", escaped(&safe_url(url)?)))
}

/// The address of a link that may be followed. An address without a scheme is one of the web.
pub(super) fn safe_url(url: &str) -> Option<String> {
    let parsed = url::Url::parse(url).or_else(|_| url::Url::parse(&format!("http://{url}"))).ok()?;
    matches!(parsed.scheme(), "http" | "https" | "mailto" | "tel").then(|| parsed.to_string())
}

fn push_escaped(html: &mut String, text: &str) {
    html.push_str(&escaped(text));
}

/// The text escaped for HTML. Control characters are shown as a sign, because HTML does not allow them.
pub(super) fn escaped(text: &str) -> String {
    let shown: String = text.chars().map(visible).collect();
    escape(&shown, Html).map(|escaped| escaped.to_string()).unwrap_or_default()
}

/// A character that may be in HTML.
pub(super) fn visible(c: char) -> char {
    match c {
        '\n' | '\t' => c,
        // The pictures of the control characters.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER),
        '\u{7f}' => '\u{2421}',
        // They would change the direction of what follows.
        '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

/// Converts offsets in UTF-16 units to bytes.
struct Positions(Vec<usize>);

impl Positions {
    fn of(text: &str) -> Self {
        let starts = text.char_indices().flat_map(|(at, c)| std::iter::repeat_n(at, c.len_utf16()));
        Self(starts.chain([text.len()]).collect())
    }

    /// The byte at which the character begins that has this unit, or the end of the text.
    fn byte(&self, unit: usize) -> usize {
        self.0.get(unit).or(self.0.last()).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
