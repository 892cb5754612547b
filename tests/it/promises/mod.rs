//! Promises that must hold for any input. Each function takes arbitrary bytes and panics if a promise is broken.
//! The property tests and the fuzzers (`fuzz/`) share them.

mod answers;
mod commands;
mod http_requests;
mod settings;
mod updates;

pub use answers::answers;
pub use commands::commands;
pub use http_requests::http_requests;
pub use settings::settings;
pub use updates::updates;

/// Splits an input into its parts at lines of two percent signs. Missing parts are empty.
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

/// A JSON body as Doorbell promises to read it: without a byte-order mark, and with U+FFFD for bytes that are not
/// UTF-8.
fn json(body: &[u8]) -> Option<serde_json::Value> {
    serde_json::from_str(String::from_utf8_lossy(body).trim_start_matches('\u{feff}')).ok()
}
