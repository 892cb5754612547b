//! What must hold whatever comes in: each function takes any bytes at all, and panics where a promise
//! is broken. The property tests (`malformed_input`) and the fuzzers (`fuzz/`) share them.

mod answers;
mod commands;
mod door;
mod settings;
mod updates;

pub use answers::answers;
pub use commands::commands;
pub use door::door;
pub use settings::settings;
pub use updates::updates;

/// Cuts an input into its parts, which lines of two percent signs divide; missing ones are empty.
fn parts<const N: usize>(input: &[u8]) -> [&[u8]; N] {
    const DIVIDER: &[u8] = b"\n%%\n";
    let mut rest = Some(input);
    std::array::from_fn(|index| {
        let text = rest.take().unwrap_or_default();
        let end = text.windows(DIVIDER.len()).position(|window| window == DIVIDER).filter(|_| index + 1 < N);
        let (part, after) = end.map_or((text, None), |at| (&text[..at], Some(&text[at + DIVIDER.len()..])));
        rest = after;
        part
    })
}

/// A JSON body as Doorbell promises to take it: without a byte-order mark, and U+FFFD in the place of
/// what is not UTF-8.
fn json(body: &[u8]) -> Option<serde_json::Value> {
    serde_json::from_str(String::from_utf8_lossy(body).trim_start_matches('\u{feff}')).ok()
}
