/// The length in bytes of the command with which `text` begins, as Telegram marks it in `entities`: `/name` or
/// `/name@bot`. It ends at the first character that is part of no name; with a letter of another alphabet, or
/// `/`, `<` or `>` behind it, it is none.
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
    (!text[length..].starts_with(is_part_of_a_word)).then_some(length)
}

/// Whether a command can neither begin behind this character nor end before it.
#[must_use]
pub fn is_part_of_a_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '/' | '<' | '>')
}
