use std::borrow::Cow;

use super::{Parameters, text};

/// The parameters of a multipart body. A part with a `filename` is a file and no parameter. What follows an error does not
/// count.
pub(super) fn parameters(content_type: &str, body: &[u8]) -> Parameters {
    let mut parameters = Parameters::default();
    if let Some(boundary) = boundary(content_type) {
        // As in JSON, the parts before an error count.
        let _ = read(&boundary, body, &mut parameters);
    }
    parameters
}

/// The delimiter of the parts. Its value may be quoted.
fn boundary(content_type: &str) -> Option<Vec<u8>> {
    let at = content_type.to_ascii_lowercase().find("boundary")?;
    let value = content_type.get(at..)?.split_once('=')?.1.split(';').next()?.trim();
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    (!value.is_empty()).then(|| format!("\r\n--{value}").into_bytes())
}

fn read(delimiter: &[u8], body: &[u8], parameters: &mut Parameters) -> Option<()> {
    // The first delimiter may have no line break before it.
    let mut rest = after(body, &delimiter[2..])?;
    while !rest.starts_with(b"--") {
        let end_of_head = find(rest, b"\r\n\r\n")?;
        let head = rest.get(2..end_of_head)?;
        // The last line break belongs to the next delimiter if the part is empty.
        let content = &rest[end_of_head + 4..];
        let (value, next) = match find(content, delimiter) {
            Some(at) => (&content[..at], &content[at + delimiter.len()..]),
            None if content.starts_with(&delimiter[2..]) => (&content[..0], &content[delimiter.len() - 2..]),
            None => return None,
        };
        let part = part_name(head)?;
        if !part.is_file
            && let Some(slot) = parameters.slot(&part.name)
        {
            *slot = Some(text(value).into_owned());
        }
        rest = next;
    }
    Some(())
}

/// What the head of a part says.
struct Part {
    name: String,
    is_file: bool,
}

/// The name of a part. Header names are in any case, and the values may be quoted and percent-encoded.
fn part_name(head: &[u8]) -> Option<Part> {
    let head = text(head);
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then(|| value.trim())
    })?;
    let mut part = Part { name: String::new(), is_file: false };
    for pair in disposition.split(';').skip(1) {
        let Some((key, value)) = pair.split_once('=') else { continue };
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        match key.trim() {
            "name" => part.name = percent_decoded(value).into_owned(),
            "filename" => part.is_file = true,
            _ => {}
        }
    }
    Some(part)
}

fn percent_decoded(value: &str) -> Cow<'_, str> {
    if !value.contains('%') {
        return value.into();
    }
    let (bytes, mut decoded, mut at) = (value.as_bytes(), Vec::with_capacity(value.len()), 0);
    while at < bytes.len() {
        let code = value.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let escaped = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        decoded.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    text(&decoded).into_owned().into()
}

fn after<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    find(bytes, mark).map(|at| &bytes[at + mark.len()..])
}

/// Where `mark` begins. The search skips to the next possible first byte, because a file can be large.
fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    let first = *mark.first()?;
    let mut from = 0;
    while let Some(found) = bytes.get(from..)?.iter().position(|byte| *byte == first) {
        if bytes[from + found..].starts_with(mark) {
            return Some(from + found);
        }
        from += found + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=XX";

    fn found(content_type: &str, body: &str) -> (Option<String>, Option<String>) {
        let Parameters { method, chat_id } = parameters(content_type, body.as_bytes());
        (method, chat_id)
    }

    fn some(method: &str, chat_id: &str) -> (Option<String>, Option<String>) {
        (Some(method.to_owned()), Some(chat_id.to_owned()))
    }

    #[test]
    fn the_bodies_of_aiogram_grammy_telegraf_and_net_are_read() {
        let aiogram = "--XX\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=\"method\"\r\n\r\n\
                       sendMessage\r\n--XX\r\nContent-Type: text/plain; charset=utf-8\r\n\
                       Content-Disposition: form-data; name=\"chat_id\"\r\n\r\n7\r\n--XX--\r\n";
        assert_eq!(found(TYPE, aiogram), some("sendMessage", "7"));
        let grammy = "--XX\r\ncontent-disposition:form-data;name=\"chat_id\"\r\n\r\n7\r\n--XX\r\n\
                      content-disposition:form-data;name=\"photo\";filename=method\r\ncontent-type:application/octet-stream\
                      \r\n\r\n\r\n--X\r\nbytes\r\n--XX\r\ncontent-disposition:form-data;name=method\r\n\r\nsendPhoto\r\n--XX--";
        assert_eq!(found(TYPE, grammy), some("sendPhoto", "7"));
        let telegraf = "--XX\r\nCONTENT-DISPOSITION: form-data; name=\"%6Dethod\"\r\n\r\nsendPhoto\r\n--XX\r\n\
                        content-disposition: form-data; name=\"chat_id\"\r\n\r\n7\r\n--XX--";
        assert_eq!(found(TYPE, telegraf), some("sendPhoto", "7"));
        let net = "--XX\r\nContent-Disposition: form-data; name=method\r\n\r\nsendPhoto\r\n--XX\r\n\
                   Content-Disposition: form-data; name=chat_id\r\n\r\n7\r\n--XX--\r\n";
        assert_eq!(found("multipart/form-data; boundary=\"XX\"", net), some("sendPhoto", "7"));
    }

    #[test]
    fn a_part_with_a_file_name_is_no_parameter() {
        let body = "--XX\r\nContent-Disposition: form-data; name=\"method\"; filename=\"\"\r\n\r\nsendDice\r\n--XX--";
        assert_eq!(found(TYPE, body), (None, None));
    }

    #[test]
    fn the_parts_before_an_error_count() {
        let whole = "--XX\r\nContent-Disposition: form-data; name=\"method\"\r\n\r\nsendDice\r\n--XX";
        for rest in ["", "\r\n", "\r\n\r\n", "\r\nno header\r\n\r\nx\r\n--XX--", "\r\nContent-Dis"] {
            assert_eq!(found(TYPE, &format!("{whole}{rest}")).0.as_deref(), Some("sendDice"), "{rest}");
        }
        assert_eq!(found(TYPE, "--XX\r\nContent-Disposition: form-data; name=\"method\"\r\n\r\nsendDi").0, None);
        assert_eq!(found("multipart/form-data", whole), (None, None));
        assert_eq!(found("multipart/form-data; boundary=", whole), (None, None));
    }

    #[test]
    fn an_empty_part_has_an_empty_value() {
        let body = "--XX\r\nContent-Disposition: form-data; name=\"method\"\r\n\r\n\r\n--XX--";
        assert_eq!(found(TYPE, body).0.as_deref(), Some(""));
    }
}
