//! Reads the text fields of a multipart body as Telegram does: leniently, because every library writes it another way.

/// The name and the text of each field. A part with a file name is a file, and is left out.
pub(super) fn fields(content_type: &str, body: &[u8]) -> Vec<(String, String)> {
    let Some(boundary) = parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty()) else {
        return Vec::new();
    };
    let delimiter = [b"--", boundary.as_bytes()].concat();
    let mut parts = split(body, &delimiter);
    // What precedes the first boundary is no part.
    parts.remove(0);
    parts.into_iter().filter_map(field).collect()
}

/// The field in the bytes between two boundaries.
fn field(part: &[u8]) -> Option<(String, String)> {
    let part = part.strip_prefix(b"\r\n").or_else(|| part.strip_prefix(b"\n"))?;
    let end = find(part, b"\r\n\r\n")?;
    let (head, value) = (String::from_utf8_lossy(&part[..end]), &part[end + 4..]);
    let disposition = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    if parameter(disposition, "filename").is_some() {
        return None;
    }
    let name = parameter(disposition, "name")?;
    let value = value.strip_suffix(b"\r\n").unwrap_or(value);
    Some((name, String::from_utf8_lossy(value).into_owned()))
}

/// The parameter of a header's value, quoted or not.
fn parameter(value: &str, name: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|pair| {
        let (found, value) = pair.split_once('=')?;
        let value = value.trim();
        let value = value.strip_prefix('"').map_or(value, |quoted| quoted.split('"').next().unwrap_or_default());
        found.trim().eq_ignore_ascii_case(name).then(|| value.to_owned())
    })
}

/// The pieces between the separators. There is at least one.
fn split<'a>(mut bytes: &'a [u8], separator: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    while let Some(at) = find(bytes, separator) {
        pieces.push(&bytes[..at]);
        bytes = &bytes[at + separator.len()..];
    }
    pieces.push(bytes);
    pieces
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(content_type: &str, body: &str) -> String {
        let fields = fields(content_type, body.as_bytes());
        fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }

    #[test]
    fn fields_are_read_however_a_library_writes_them() {
        let usual = "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
                     --X\r\nContent-Disposition: form-data; name=\"b\"\r\nContent-Type: text/plain\r\n\r\n2\r\n3\r\n--X--\r\n";
        assert_eq!(joined("multipart/form-data; boundary=X", usual), "a=1&b=2\r\n3");
        let quoted = "--X y\r\ncontent-disposition:form-data;name=a\r\n\r\n1\r\n--X y--";
        assert_eq!(joined("Multipart/Form-Data; Boundary=\"X y\"; charset=utf-8", quoted), "a=1");
    }

    #[test]
    fn a_file_is_no_field_and_a_broken_part_is_skipped() {
        let body = "--X\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\nfile\r\n\
                    --X\r\nno head\r\n--X\r\nContent-Disposition: form-data\r\n\r\nno name\r\n\
                    --X\r\nContent-Disposition: form-data; name=c\r\n\r\n";
        assert_eq!(joined("multipart/form-data; boundary=X", body), "c=");
        for empty in ["", "--X--", "X", "--X\r\n"] {
            assert_eq!(joined("multipart/form-data; boundary=X", empty), "");
        }
        assert_eq!(joined("multipart/form-data; boundary=\"\"", "----"), "");
    }
}
