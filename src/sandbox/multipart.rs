//! The parts of a `multipart/form-data` body, read as leniently as Telegram reads them: header names in any
//! case, names with or without quotes and with `%XX`, no line break needed after the last boundary.

use super::percent;

/// One part of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) name: String,
    /// Its file name, possibly empty. A part is a file exactly if it has one.
    pub(super) file_name: Option<String>,
    pub(super) content: &'a [u8],
}

/// The parts of a body in their order. Parts without a name are left out; an empty body has none.
pub(super) fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<Part<'a>> {
    let delimiter = format!("\r\n--{boundary}");
    // The first boundary needs no line break before it.
    let first = &delimiter.as_bytes()[2..];
    let mut rest = if body.starts_with(first) { Some(&body[first.len()..]) } else { after(body, delimiter.as_bytes()) };
    let mut parts = Vec::new();
    while let Some(part) = rest.filter(|rest| !rest.starts_with(b"--")) {
        let end = find(part, delimiter.as_bytes());
        parts.extend(read(&part[..end.unwrap_or(part.len())]));
        rest = end.map(|end| &part[end + delimiter.len()..]);
    }
    parts
}

fn read(part: &[u8]) -> Option<Part<'_>> {
    let end = find(part, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&part[..end]);
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let (_, disposition) = headers.find(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"))?;
    let name = attribute(disposition, "name").filter(|name| !name.is_empty())?;
    Some(Part { name, file_name: attribute(disposition, "filename"), content: &part[end + 4..] })
}

/// The attribute of a header value such as `form-data; name="x"; filename=p.jpg`.
fn attribute(value: &str, name: &str) -> Option<String> {
    let mut rest = value;
    while let Some((_, attributes)) = rest.split_once(';') {
        let (key, value) = attributes.split_once('=')?;
        let (value, after) = match value.trim_start().strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_at(value.find(';').unwrap_or(value.len())),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(percent::decode(value.trim()));
        }
        rest = after;
    }
    None
}

fn after<'a>(bytes: &'a [u8], sought: &[u8]) -> Option<&'a [u8]> {
    find(bytes, sought).map(|at| &bytes[at + sought.len()..])
}

/// Where `sought`, which begins with a carriage return, is found first.
fn find(bytes: &[u8], sought: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == b'\r') {
        if bytes[from + at..].starts_with(sought) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Vec<(String, Option<String>, String)> {
        let text = |part: Part<'_>| (part.name, part.file_name, String::from_utf8_lossy(part.content).into_owned());
        parts(body.as_bytes(), "B").into_iter().map(text).collect()
    }

    fn part(name: &str, file_name: Option<&str>, content: &str) -> (String, Option<String>, String) {
        (name.to_owned(), file_name.map(str::to_owned), content.to_owned())
    }

    #[test]
    fn parts_are_read_as_grammy_telegraf_and_net_write_them() {
        let grammy = "--B\r\ncontent-disposition:form-data;name=\"x\";filename=p.jpg\r\ncontent-type:image/jpeg\r\n\r\n\
                      a\r\nb\r\n--B--\r\n";
        assert_eq!(read(grammy), [part("x", Some("p.jpg"), "a\r\nb")]);
        let telegraf = "--B\r\nContent-Disposition: form-data; name=\"method\"\r\n\r\nsendPhoto\r\n--B--";
        assert_eq!(read(telegraf), [part("method", None, "sendPhoto")]);
        let net = "--B\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=chat_id\r\n\r\n\
                   1\r\n--B\r\nContent-Disposition: form-data; name=0; filename=0; filename*=utf-8''0\r\n\r\n-Bx\r\n--B--\r\n";
        assert_eq!(read(net), [part("chat_id", None, "1"), part("0", Some("0"), "-Bx")]);
    }

    #[test]
    fn names_are_decoded_and_may_contain_a_semicolon_in_quotes() {
        let body = "--B\r\nCONTENT-DISPOSITION: form-data; filename=\"a;b%20c.txt\"; name=\"d%C3%A9\"\r\n\r\n\r\n--B--";
        assert_eq!(read(body), [part("dé", Some("a;b c.txt"), "")]);
    }

    #[test]
    fn an_empty_body_and_one_without_the_boundary_have_no_parts() {
        for body in ["", "--", "--B--\r\n", "--C\r\n\r\na", "--B\r\n\r\nno name\r\n--B--"] {
            assert_eq!(read(body), [], "{body:?}");
        }
        assert_eq!(
            read("preamble\r\n--B\r\nContent-Disposition: form-data; name=a\r\n\r\ncut"),
            [part("a", None, "cut")]
        );
    }
}
