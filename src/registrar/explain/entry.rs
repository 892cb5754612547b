use serde::Serialize;

/// What an error of Telegram means, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Its name, which stays when the sentences change.
    pub key: &'static str,
    /// What happened and what it means, without a full stop.
    pub means: &'static str,
    /// What the operator can do, a whole sentence.
    pub remedy: &'static str,
}

/// Phrases of Telegram with the same meaning.
pub(super) struct Entry {
    /// The error code that Telegram sends with them; none for texts that come without one.
    pub(super) code: Option<u16>,
    /// In lower case, each complete: `+` stands for one word, `*` for anything in the same line.
    pub(super) phrases: &'static [&'static str],
    pub(super) explanation: Explanation,
}

/// Rows of the form `key (code): "phrase" | … => "what it means" => "What to do.";` with `_` for no code.
macro_rules! table {
    ($($key:ident ($code:tt): $($phrase:literal)|+ => $means:literal => $remedy:literal;)+) => {
        &[$($crate::registrar::explain::entry::Entry {
            code: table!(@code $code),
            phrases: &[$($phrase),+],
            explanation: $crate::registrar::explain::entry::Explanation {
                key: stringify!($key),
                means: $means,
                remedy: $remedy,
            },
        }),+]
    };
    (@code _) => { None };
    (@code $code:literal) => { Some($code) };
}
pub(super) use table;
