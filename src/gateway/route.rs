//! What a path means. It is decoded before it is compared, because the Bot API decodes it too; then only letters and digits
//! pass as the name of a method, and no dot segment as a part of a file's path.

use std::borrow::Cow;

use super::refusal::Refusal;

/// The path of a request, taken apart. It borrows from the path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route<'a> {
    /// The token, decoded. It is not compared yet.
    pub(super) token: Cow<'a, [u8]>,
    pub(super) wanted: Wanted<'a>,
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted<'a> {
    /// A method by its name: letters and digits.
    Method(Cow<'a, str>),
    /// A method that the parameter `method` names.
    MethodOfParameters,
    /// A file by its path, as it came.
    File(&'a str),
}

/// The names of the Bot API's methods are shorter than this.
const LONGEST_METHOD: usize = 64;
/// The segment after the token in the test environment. Whether it goes out is decided by the settings.
const TEST: &str = "test";

/// Takes a path apart.
///
/// # Errors
///
/// The response to a path that the gateway does not have.
pub(super) fn parse(path: &str) -> Result<Route<'_>, Refusal> {
    let rest = path.strip_prefix('/').ok_or_else(Refusal::not_found)?;
    if let Some(file) = rest.strip_prefix("file/") {
        let (token, path) = token(file).ok_or_else(Refusal::not_found)?;
        let path = path.ok_or_else(Refusal::not_found)?;
        return Ok(Route { token, wanted: Wanted::File(file_path(path)?) });
    }
    let (token, rest) = token(rest).ok_or_else(Refusal::not_found)?;
    let rest = rest.unwrap_or_default();
    let decoded = decode(rest);
    // Only the decoded name matters, so that no spelling of `test` or of the method differs from another.
    let method = match decoded.split_first_chunk::<4>() {
        Some((first, [])) if first.eq_ignore_ascii_case(TEST.as_bytes()) => &[][..],
        Some((first, [b'/', method @ ..])) if first.eq_ignore_ascii_case(TEST.as_bytes()) => method,
        Some((first, _)) if first.eq_ignore_ascii_case(TEST.as_bytes()) => return Err(Refusal::no_method()),
        _ => &decoded,
    };
    let wanted = if method.is_empty() {
        Wanted::MethodOfParameters
    } else {
        Wanted::Method(Cow::Owned(method_name(method).ok_or_else(Refusal::no_method)?))
    };
    Ok(Route { token, wanted })
}

/// The name of a method, if these bytes can be one.
pub(super) fn method_name(name: &[u8]) -> Option<String> {
    let is_name = !name.is_empty()
        && name.len() <= LONGEST_METHOD
        && name.iter().all(u8::is_ascii_alphanumeric)
        // The Bot API reads the first four letters as the test environment.
        && !name.get(..TEST.len()).is_some_and(|start| start.eq_ignore_ascii_case(TEST.as_bytes()));
    if is_name { String::from_utf8(name.to_vec()).ok() } else { None }
}

/// The token after `bot`, and what follows the next slash.
fn token(rest: &str) -> Option<(Cow<'_, [u8]>, Option<&str>)> {
    let rest = rest.strip_prefix("bot")?;
    let (token, rest) = rest.split_once('/').map_or((rest, None), |(token, rest)| (token, Some(rest)));
    Some((decode(token), rest))
}

/// The path of a file without dot segments. It stays as it came, because `%2F` must reach the Bot API.
fn file_path(path: &str) -> Result<&str, Refusal> {
    let decoded = decode(path);
    let has_dots = decoded.split(|byte| matches!(byte, b'/' | b'\\')).any(|segment| matches!(segment, b"." | b".."));
    if has_dots || decoded.iter().any(u8::is_ascii_control) {
        return Err(Refusal::bad_request("a file path has no dot segments and no control characters"));
    }
    if path.is_empty() { Err(Refusal::not_found()) } else { Ok(path) }
}

/// Decodes `%XX`. Like the Bot API, it keeps a percent sign without two digits.
fn decode(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('%') {
        return Cow::Borrowed(text.as_bytes());
    }
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if let (b'%', Some(high), Some(low)) = (byte, digit(at + 1), digit(at + 2)) {
            decoded.extend(u8::try_from(high * 16 + low));
            at += 3;
        } else {
            decoded.push(*byte);
            at += 1;
        }
    }
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(path: &str) -> Option<String> {
        match parse(path).ok()?.wanted {
            Wanted::Method(name) => Some(name.into_owned()),
            Wanted::MethodOfParameters => Some("?".to_owned()),
            Wanted::File(path) => Some(format!("file {path}")),
        }
    }

    #[test]
    fn a_method_is_found_in_every_spelling_of_its_path() {
        for (path, expected) in [
            ("/bot1:a/getMe", "getMe"),
            ("/bot1:a/%67etMe", "getMe"),
            ("/bot1:a/GETME", "GETME"),
            ("/bot1:a/test/getMe", "getMe"),
            ("/bot1:a/t%65st/getMe", "getMe"),
            ("/bot1:a/test%2FgetMe", "getMe"),
            ("/bot1:a", "?"),
            ("/bot1:a/", "?"),
            ("/bot1:a/test", "?"),
            ("/bot1:a/test/", "?"),
        ] {
            assert_eq!(method(path).as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn what_is_no_name_of_a_method_is_refused() {
        for path in [
            "/",
            "",
            "/bo",
            "/file",
            "/file/",
            "/file/bot1:a",
            "/file/bot1:a/",
            "//bot1:a/getMe",
            "/x/bot1:a/getMe",
            "/Bot1:a/getMe",
            "/bot1:a//getMe",
            "/bot1:a/getMe/",
            "/bot1:a/x/../getMe",
            "/bot1:a/./getMe",
            "/bot1:a/%2e/getMe",
            "/bot1:a/test/test/getMe",
            "/bot1:a/testgetMe",
            "/bot1:a/get%00Me",
            "/bot1:a/getMe%20",
            "/bot1:a/getMe%3Fa",
            "/bot1:a/getMe;a",
            "/bot1:a/get%C3%A9",
            "/bot1:a/%2567etMe",
            "/bot1:a/get%",
            "/bot1:a/\\getMe",
        ] {
            assert_eq!(method(path), None, "{path}");
        }
        assert_eq!(method(&format!("/bot1:a/{}", "a".repeat(65))), None);
    }

    #[test]
    fn the_token_is_decoded_and_the_path_of_a_file_is_not() {
        let route = parse("/file/bot1%3Aa/photos%2Ffile%20_1.jpg").unwrap();
        assert_eq!(&*route.token, b"1:a");
        assert_eq!(route.wanted, Wanted::File("photos%2Ffile%20_1.jpg"));
        assert_eq!(method("/file/bot1:a//var/lib/1.jpg").as_deref(), Some("file /var/lib/1.jpg"));
        assert_eq!(method("/file/bot1:a/a..b/...").as_deref(), Some("file a..b/..."));
    }

    #[test]
    fn dot_segments_of_a_file_are_refused_in_every_spelling() {
        for path in ["../a", "a/../b", "a/%2e%2e/b", "a%2F..%2Fb", "a\\..\\b", "a%5C.%2e", "./a", "a/.", "%2E", "a%00"]
        {
            assert_eq!(method(&format!("/file/bot1:a/{path}")), None, "{path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_method_is_always_letters_and_digits(path in "/bot1:a/[a-zA-Z0-9%/.\\\\?;#:@ -]{0,40}") {
            if let Ok(Route { wanted: Wanted::Method(name), .. }) = parse(&path) {
                proptest::prop_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{name}");
            }
        }
    }
}
