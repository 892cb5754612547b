//! Masks the description with which Telegram refuses a call, so that it may be logged.
//!
//! A description can quote what a person wrote: `can't parse entities: Unsupported start tag "b" at byte offset 5`. A
//! list of Telegram's sentences would never be complete. So this is a list of the words in them. Every other word is
//! masked.

use std::collections::HashSet;
use std::sync::LazyLock;

/// The words in the descriptions of the Bot API.
const WORDS: &str = "a access action actions active actual add added address admin administrator administrators after \
    again all allowed already an and animation answer anonymous any api are as assist at attached audio author bad \
    banned be because been before bio birthday blocked blockquote bold bot bots business but button buttons by byte \
    bytes call callback can can't cancel caption change changed channel channels character characters chat chats check \
    checklist choose close closed code command commands comments conflict connection contact content copied copy \
    corresponding could couldn't created creator custom custom_emoji data date deactivated default delete deleted \
    depth description different disabled discussion document does doesn't download duplicate during edit edited effect \
    either email emoji empty enabled end entities entity error escaped exceeded exceeds exist existing exists expected \
    expired expire extended fail failed failure file files find first for forbidden format former forward forwarded \
    found from game general get gateway gift giveaway greater group groups has have hash heading high host \
    html http https icon id identifier if image in inaccessible incorrect initiate inline inside internal internet \
    invalid invoice is isn't it italic its join json kept key keyboard kick kicked language large last later left \
    length less limit limited link list live location long longer malformed many markdown markup match maximum media \
    member members message messages method migrated minimum missing modified modify monospace more most must name need \
    needed nested no non-empty not nothing number object of off offset old on one only open option options or order other \
    outside owner page paid parameter parameters parent parse parse_mode parsed part participant passport pay payload \
    payment peer pending permission permissions persistent phone photo pin pinned poll polls position post posts pre \
    preceded preceding precheckout preview price private profile promote protected provided provider public query \
    question quiz quote reached reaction read received recipient refund registered remote remove replied reply \
    request requested requests require required reserved response restart restrict restricted result results retry \
    right rights same schedule scheduled score secret see self send sender sending sent server service set setwebhook \
    several short should size slow slowmode small specified spoiler star stars start starting state sticker stickers stop \
    stopped story strikethrough string strings structure suggested super supergroup supported tag tags terminated text \
    than that the there this thread thumbnail time timeout title to token too topic topics transaction try type \
    unauthorized unavailable unclosed underline unexpected unfinished unmatched unpin unsupported until update updates \
    upgraded upload uploaded url use used user username users value values verified version via video view visible \
    voice wait was web webhook webpage where which while with without write wrong yet you your";

/// The last words of Telegram's error names, such as `MESSAGE_TOO_LONG`.
const ENDINGS: &str = "ADMIN ALLOWED BIG BLOCKED DEACTIVATED EMPTY ERROR EXISTS EXPIRED FAILED FORBIDDEN FOUND INVALID \
    LONG MANY MISSING MODIFIED OCCUPIED PRIVATE REQUIRED SHORT UNSUPPORTED";

static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| WORDS.split_whitespace().collect());

const MASK: &str = "…";

/// A description without quotations and unknown words.
pub(super) fn masked(description: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in without_quotes(description).split_whitespace() {
        if is_harmless(word) {
            words.push(word.to_owned());
        } else if words.last().is_none_or(|last| last != MASK) {
            words.push(MASK.to_owned());
        }
    }
    words.join(" ")
}

/// The text with each quotation masked. A quotation without an end is masked to the end of the text.
fn without_quotes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\'', '`', '«', '“']) {
        let (before, quoted) = rest.split_at(at);
        let open = quoted.chars().next().unwrap_or_default();
        let inner = &quoted[open.len_utf8()..];
        out.push_str(before);
        // An apostrophe inside a word starts no quotation.
        if open == '\'' && before.ends_with(char::is_alphanumeric) {
            out.push(open);
            rest = inner;
            continue;
        }
        let close = match open {
            '«' => '»',
            '“' => '”',
            same => same,
        };
        let Some(end) = inner.find(close) else {
            out.push_str(MASK);
            return out;
        };
        // A quoted markup character is harmless, as in: Character '!' is reserved.
        let is_mark = inner[..end].len() == 1 && inner.starts_with(|c: char| c.is_ascii_punctuation());
        out.push(open);
        out.push_str(if is_mark { &inner[..end] } else { MASK });
        out.push(close);
        rest = &inner[end + close.len_utf8()..];
    }
    out.push_str(rest);
    out
}

fn is_harmless(word: &str) -> bool {
    const AROUND: &str = ".,:;!?()[]\"'`«»“”/-";
    let bare = word.trim_matches(|c| AROUND.contains(c));
    let is_number = bare.len() <= 6 && bare.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = bare.contains('_')
        && bare.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        && bare.rsplit('_').next().is_some_and(|ending| ENDINGS.split(' ').any(|known| known == ending));
    // At this point a quotation is masked, or holds one markup character.
    let is_mark = word.chars().count() <= 5 && word.chars().all(|c| c.is_ascii_punctuation() || c == '…');
    is_number || is_name || is_mark || bare == MASK || KNOWN.contains(bare.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telegrams_own_words_are_shown_and_quotations_are_masked() {
        for (description, expected) in [
            ("Bad Request: chat not found", "Bad Request: chat not found"),
            ("Forbidden: bot was blocked by the user", "Forbidden: bot was blocked by the user"),
            ("Bad Request: message is too long", "Bad Request: message is too long"),
            (
                "Bad Request: can't parse entities: Unsupported start tag \"wife\" at byte offset 12",
                "Bad Request: can't parse entities: Unsupported start tag \"…\" at byte offset 12",
            ),
            (
                "Bad Request: can't parse entities: Can't find end of the entity starting at byte offset 5",
                "Bad Request: can't parse entities: Can't find end of the entity starting at byte offset 5",
            ),
            (
                "Bad Request: can't parse entities: Character '!' is reserved and must be escaped with the preceding '\\'",
                "Bad Request: can't parse entities: Character '!' is reserved and must be escaped with the preceding '\\'",
            ),
            ("Bad Request: BUTTON_DATA_INVALID", "Bad Request: BUTTON_DATA_INVALID"),
            (
                "Bad Request: inline keyboard button URL 'tg://ann' is invalid: Wrong HTTP URL",
                "Bad Request: inline keyboard button URL '…' is invalid: Wrong HTTP URL",
            ),
            (
                "Bad Request: query is too old and response timeout expired or query ID is invalid",
                "Bad Request: query is too old and response timeout expired or query ID is invalid",
            ),
            ("Too Many Requests: retry after 30", "Too Many Requests: retry after 30"),
        ] {
            assert_eq!(masked(description), expected);
        }
    }

    #[test]
    fn the_words_of_a_person_are_masked_with_and_without_quotes() {
        for text in [
            "Bad Request: MARKED",
            "MARKED",
            "Bad Request: unsupported tag \"a MARKED b\" and 'c MARKED d' and «MARKED»",
            "Bad Request: an \"unclosed MARKED quotation",
            "Bad Request: 'MARKED",
            "MY_MARKED_WORD: bad",
            "Bad Request: tag\u{a0}\"MARKED\"MARKED",
        ] {
            let text_shown = masked(text);
            assert!(!text_shown.contains("MARKED"), "{text_shown}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_unknown_word_is_masked(text in "[a-z\"'`«» :.…é]{0,40}zqx[a-z\"' ]{0,9}") {
            proptest::prop_assert!(!masked(&text).contains("zqx"), "{}", masked(&text));
        }
    }
}
