//! The parts of a `multipart/form-data` body, read as leniently as Telegram reads them: header names in any case, values
//! with or without quotes and with `%XX`, no line break needed after the last boundary.

use super::percent::percent_decoded;

/// One part of a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    /// Its name.
    pub(crate) name: String,
    /// Its file name, possibly empty. A part is a file exactly if it has one.
    pub(crate) file_name: Option<String>,
    /// Its content.
    pub(crate) content: &'a [u8],
    /// Whether a boundary follows. Without one, the body broke off in this part.
    pub(crate) is_complete: bool,
}

/// The parts of a body in their order. `None` stands for a part that cannot be read; Telegram does not read on then. A body
/// without its boundary has no parts.
pub(crate) fn parts<'a>(content_type: &str, body: &'a [u8]) -> Parts<'a> {
    let delimiter = boundary(content_type).map(|boundary| format!("\r\n--{boundary}").into_bytes()).unwrap_or_default();
    // The first boundary needs no line break before it.
    let rest = match delimiter.get(2..) {
        Some(first) if body.starts_with(first) => Some(&body[first.len()..]),
        Some(_) => find(body, &delimiter).map(|at| &body[at + delimiter.len()..]),
        None => None,
    };
    Parts { delimiter, rest }
}

/// See [`parts`].
pub(crate) struct Parts<'a> {
    delimiter: Vec<u8>,
    /// What follows the last boundary that was found.
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Parts<'a> {
    type Item = Option<Part<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let part = self.rest.take().filter(|rest| !rest.starts_with(b"--"))?;
        let end = find(part, &self.delimiter);
        self.rest = end.map(|end| &part[end + self.delimiter.len()..]);
        Some(read(&part[..end.unwrap_or(part.len())], end.is_some()))
    }
}

/// The boundary that a content type names. It may be quoted.
fn boundary(content_type: &str) -> Option<&str> {
    let at = content_type.to_ascii_lowercase().find("boundary")?;
    let value = content_type.get(at..)?.split_once('=')?.1.trim_start();
    let boundary = match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => value.split(';').next().map(str::trim_end),
    };
    boundary.filter(|boundary| !boundary.is_empty())
}

fn read(part: &[u8], is_complete: bool) -> Option<Part<'_>> {
    let (head, content) = match find(part, b"\r\n\r\n") {
        Some(end) => (&part[..end], &part[end + 4..]),
        // In an empty part, the last line break of the head may be that of the boundary.
        None if is_complete => (part.strip_suffix(b"\r\n")?, &part[part.len()..]),
        None => return None,
    };
    let head = String::from_utf8_lossy(head);
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let (_, disposition) = headers.find(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"))?;
    let name = attribute(disposition, "name").filter(|name| !name.is_empty())?;
    Some(Part { name, file_name: attribute(disposition, "filename"), content, is_complete })
}

/// The attribute of a header value such as `form-data; name="x"; filename=p.jpg`.
fn attribute(value: &str, name: &str) -> Option<String> {
    let mut rest = value.split_once(';')?.1;
    while let Some((keys, value)) = rest.split_once('=') {
        // Words without a value may stand before the key.
        let key = keys.rsplit(';').next().unwrap_or_default();
        let (value, after) = match value.trim_start().strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => value.split_at(value.find(';').unwrap_or(value.len())),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(percent_decoded(value.trim()));
        }
        rest = after;
    }
    None
}

/// Where `sought`, which begins with a carriage return, is found first. The search skips to the next one, because a file can
/// be large.
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

    type Read = (String, Option<String>, String);

    fn read_as(content_type: &str, body: &str) -> Vec<Read> {
        let text = |part: Part<'_>| (part.name, part.file_name, String::from_utf8_lossy(part.content).into_owned());
        parts(content_type, body.as_bytes()).flatten().map(text).collect()
    }

    fn read(body: &str) -> Vec<Read> {
        read_as("multipart/form-data; boundary=B", body)
    }

    fn part(name: &str, file_name: Option<&str>, content: &str) -> Read {
        (name.to_owned(), file_name.map(str::to_owned), content.to_owned())
    }

    #[test]
    fn parts_are_read_as_aiogram_grammy_telegraf_and_net_write_them() {
        let aiogram = "--B\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\
                       1\r\n--B\r\nContent-Disposition: form-data; name=\"b\"\r\nContent-Type: text/plain\r\n\r\n2\r\n3\r\n--B--\r\n";
        assert_eq!(read(aiogram), [part("a", None, "1"), part("b", None, "2\r\n3")]);
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
    fn the_boundary_may_be_quoted_and_the_type_in_any_case() {
        let body = "--X y\r\ncontent-disposition:form-data;name=a\r\n\r\n1\r\n--X y--";
        for content_type in [
            "Multipart/Form-Data; Boundary=\"X y\"; charset=utf-8",
            "text/plain, multipart/form-data; boundary = X y ; a=b",
            "multipart/form-data; boundary=\"X y",
        ] {
            assert_eq!(read_as(content_type, body), [part("a", None, "1")], "{content_type}");
        }
        for content_type in
            ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\""]
        {
            assert_eq!(read_as(content_type, body), [], "{content_type}");
            assert_eq!(read_as(content_type, "----"), [], "{content_type}");
        }
    }

    #[test]
    fn names_are_decoded_and_may_contain_a_semicolon_in_quotes() {
        let body =
            "--B\r\nCONTENT-DISPOSITION: form-data; x; filename=\"a;b%20c.txt\"; name=\"d%C3%A9\"\r\n\r\n\r\n--B--";
        assert_eq!(read(body), [part("dé", Some("a;b c.txt"), "")]);
    }

    #[test]
    fn an_empty_part_has_an_empty_content_also_with_one_line_break_less() {
        for end in ["\r\n\r\n\r\n--B--", "\r\n\r\n--B--", "\r\n\r\n"] {
            assert_eq!(
                read(&format!("--B\r\nContent-Disposition: form-data; name=c{end}")),
                [part("c", None, "")],
                "{end:?}"
            );
        }
    }

    #[test]
    fn a_part_that_cannot_be_read_is_nothing_and_others_follow() {
        let body = "--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"\"\r\n\r\nfile\r\n\
                    --B\r\nno head\r\n--B\r\nContent-Disposition: form-data\r\n\r\nno name\r\n\
                    --B\r\nContent-Disposition: form-data; name=c\r\n\r\n1";
        let readable: Vec<_> = parts("; boundary=B", body.as_bytes()).map(|part| part.is_some()).collect();
        assert_eq!(readable, [true, false, false, true]);
        assert_eq!(read(body), [part("a", Some(""), "file"), part("c", None, "1")]);
    }

    #[test]
    fn a_body_that_breaks_off_says_so_in_its_last_part() {
        let body = "preamble\r\n--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n\
                    --B\r\nContent-Disposition: form-data; name=b\r\n\r\ncut";
        let complete: Vec<_> = parts("; boundary=B", body.as_bytes()).flatten().map(|part| part.is_complete).collect();
        assert_eq!((complete, read(body)), (vec![true, false], vec![part("a", None, "1"), part("b", None, "cut")]));
    }

    #[test]
    fn an_empty_body_and_one_without_the_boundary_have_no_parts() {
        for body in ["", "-", "--", "--B--", "--B--\r\n", "B", "--B\r\n", "--C\r\n\r\na", "--B\r\n\r\nno name\r\n--B--"]
        {
            assert_eq!(read(body), [], "{body:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(body: Vec<u8>, content_type in "[a-zA-Z\"=;% ]{0,9}boundary[=\" ]{0,3}[a-zA-Z;\"]{0,3}") {
            for part in parts(&content_type, &body).flatten() {
                proptest::prop_assert!(part.content.len() <= body.len());
            }
        }
    }
}
