use super::{Parameters, text};
use crate::telegram::multipart_parts;

/// The parameters of a multipart body. A file is no parameter. What follows an error does not count, as in JSON.
pub(super) fn parameters(content_type: &str, body: &[u8]) -> Parameters {
    let mut parameters = Parameters::default();
    let parts = multipart_parts(content_type, body).map_while(|part| part.filter(|part| part.is_complete));
    for part in parts.filter(|part| part.file_name.is_none()) {
        if let Some(slot) = parameters.slot(&part.name) {
            *slot = Some(text(part.content).into_owned());
        }
    }
    parameters
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
