//! Where a command in a text ends.

/// The length in bytes of the command at the beginning of `text`, as Telegram marks it in `entities`: `/name` or
/// `/name@bot`. The command ends at the first character that cannot be part of a name. It is no command if a letter of
/// another alphabet, or `/`, `<` or `>`, follows.
#[must_use]
pub fn command_length(text: &str) -> Option<usize> {
    let word = |text: &str| text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let rest = text.strip_prefix('/')?;
    let name = word(rest);
    if !(1..=64).contains(&name) {
        return None;
    }
    let bot = rest[name..].strip_prefix('@').map(word).filter(|length| (3..=32).contains(length));
    let length = 1 + name + bot.map_or(0, |bot| 1 + bot);
    (!text[length..].starts_with(is_word_char)).then_some(length)
}

/// Whether this character belongs to a word: a command can neither begin after it nor end before it.
#[must_use]
pub fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '/' | '<' | '>')
}
