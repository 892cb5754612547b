//! Percent-encoding, `%XX`.

/// Decodes every `%XX`. Anything else remains as it is.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let decoded = hex.filter(|hex| !hex.starts_with('+')).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_sequences_are_decoded() {
        assert_eq!(percent_decoded("photos%2Ffile_1.jpg%3a%C3%A9"), "photos/file_1.jpg:é");
        assert_eq!(percent_decoded("100%, %+1 %z1 %4"), "100%, %+1 %z1 %4");
    }
}
