/// A text and its entities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Formatted {
    /// The text that people see.
    pub text: String,
    /// Its formatted parts, in the order in which they end.
    pub entities: Vec<Entity>,
}

/// A formatted part of a text. Offset and length are in UTF-16 units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// The `type` in the Bot API, such as `bold`.
    pub kind: &'static str,
    /// Where it begins.
    pub offset: usize,
    /// How long it is.
    pub length: usize,
    /// The URL of a `text_link`, the language of a `pre`, or the id of a `custom_emoji`.
    pub detail: Option<String>,
}

/// Writes a text and marks its entities.
#[derive(Default)]
pub(super) struct Writer {
    formatted: Formatted,
    units: usize,
}

impl Writer {
    pub(super) fn push(&mut self, c: char) {
        self.formatted.text.push(c);
        self.units += c.len_utf16();
    }

    pub(super) fn push_str(&mut self, text: &str) {
        self.formatted.text.push_str(text);
        self.units += text.encode_utf16().count();
    }

    /// The position, in UTF-16 units.
    pub(super) fn position(&self) -> usize {
        self.units
    }

    /// The text from a position on.
    pub(super) fn text_from(&self, bytes: usize) -> &str {
        self.formatted.text.get(bytes..).unwrap_or_default()
    }

    /// The number of bytes that were written.
    pub(super) fn bytes(&self) -> usize {
        self.formatted.text.len()
    }

    /// Marks what was written since `offset`. An entity without a text is left out.
    pub(super) fn mark(&mut self, kind: &'static str, offset: usize, detail: Option<String>) {
        let length = self.units - offset;
        if length > 0 {
            self.formatted.entities.push(Entity { kind, offset, length, detail });
        }
    }

    /// The last entity, if it begins at `offset` and ends here.
    pub(super) fn last_at(&mut self, offset: usize) -> Option<&mut Entity> {
        let end = self.units;
        self.formatted.entities.last_mut().filter(|last| last.offset == offset && last.offset + last.length == end)
    }

    pub(super) fn finish(self) -> Formatted {
        self.formatted
    }
}

/// The text after the name of a language at the beginning of a code block and after one line break, and the language.
pub(super) fn language(rest: &str) -> (&str, Option<String>) {
    let end = rest.find(|c: char| c.is_whitespace() || c == '`').unwrap_or(rest.len());
    let has_language = end > 0 && rest[end..].starts_with(char::is_whitespace);
    let (language, rest) = if has_language { (Some(rest[..end].to_owned()), &rest[end..]) } else { (None, rest) };
    let breaks = ["\r\n", "\n\r", "\n", "\r"];
    let rest = breaks.iter().find_map(|line_break| rest.strip_prefix(line_break)).unwrap_or(rest);
    (rest, language)
}
