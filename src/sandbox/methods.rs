//! The methods of the Bot API that need nothing but the world.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::reply::{Params, Reply};
use super::world::{BOT_NAME, BOT_USERNAME, World, bot_id};

/// Methods that exist and do nothing here: they answer `true`.
const ACCEPTED: [&str; 34] = [
    "answerinlinequery",
    "answerprecheckoutquery",
    "answershippingquery",
    "answerwebappquery",
    "approvechatjoinrequest",
    "banchatmember",
    "banchatsenderchat",
    "close",
    "closeforumtopic",
    "declinechatjoinrequest",
    "deletechatphoto",
    "leavechat",
    "logout",
    "pinchatmessage",
    "promotechatmember",
    "reopenforumtopic",
    "restrictchatmember",
    "sendchataction",
    "setchatdescription",
    "setchatmenubutton",
    "setchatpermissions",
    "setchatphoto",
    "setchatstickerset",
    "setchattitle",
    "setmessagereaction",
    "setmydefaultadministratorrights",
    "setmydescription",
    "setmyname",
    "setmyshortdescription",
    "setpassportdataerrors",
    "unbanchatmember",
    "unpinallchatmessages",
    "unpinchatmessage",
    "verifyuser",
];

/// Media that are kept as a message `[photo] caption`.
const MEDIA: [&str; 17] = [
    "animation",
    "audio",
    "contact",
    "dice",
    "document",
    "game",
    "invoice",
    "location",
    "paidmedia",
    "photo",
    "poll",
    "sticker",
    "venue",
    "video",
    "videonote",
    "voice",
    "checklist",
];

/// Whether the Bot API has such a method, as far as it is known here.
pub(super) fn exists(method: &str) -> bool {
    let method = method.to_ascii_lowercase();
    // These two take their time, and so are carried out elsewhere.
    matches!(method.as_str(), "setwebhook" | "getupdates")
        || World::new().perform(Timestamp::UNIX_EPOCH, &method, &Params::default()).code != 404
}

impl World {
    /// Carries out a method, its name in lower case.
    pub(super) fn perform(&mut self, now: Timestamp, method: &str, params: &Params) -> Reply {
        let result = match method {
            "getme" => Ok(Reply::ok(me())),
            "deletewebhook" => Ok(self.delete_webhook(params)),
            "getwebhookinfo" => Ok(self.webhook_info()),
            "sendmessage" => self.send_message(now, params),
            "editmessagetext" => self.edit_message(now, params, "text"),
            "editmessagecaption" => self.edit_message(now, params, "caption"),
            "editmessagereplymarkup" => self.edit_markup(params),
            "deletemessage" => self.delete_message(params),
            "forwardmessage" => self.repeat_message(now, params).map(Reply::ok),
            "copymessage" => {
                let copied = self.repeat_message(now, params);
                copied.map(|sent| Reply::ok(json!({"message_id": sent["message_id"]})))
            }
            "sendmediagroup" => self.send_album(now, params),
            "sendchataction" => self.addressee(params).map(|_| Reply::ok(true)),
            "answercallbackquery" => self.answer_callback_query(now, params),
            "setmycommands" => self.set_commands(params),
            "getmycommands" => Ok(Reply::ok(self.commands.get(&scope(params)).cloned().unwrap_or_else(|| json!([])))),
            "deletemycommands" => {
                self.commands.remove(&scope(params));
                Ok(Reply::ok(true))
            }
            "getchat" => self.addressee(params).map(|chat| Reply::ok(self.chats[&chat].clone())),
            _ if ACCEPTED.contains(&method) => Ok(Reply::ok(true)),
            _ => match method.strip_prefix("send").filter(|media| MEDIA.contains(media)) {
                Some(media) => self.send_media(now, params, media),
                None => Err(Reply::error(404, "Not Found: method not found")),
            },
        };
        result.unwrap_or_else(|refusal| refusal)
    }

    /// The query is gone when it was answered, or came too long ago. One that the sandbox never sent
    /// may come from elsewhere, such as `doorbell ring`, and is accepted unless it is strict.
    fn answer_callback_query(&mut self, now: Timestamp, params: &Params) -> Result<Reply, Reply> {
        let id = params.text("callback_query_id").unwrap_or_default();
        match self.queries.get(id.as_ref()) {
            Some(until) if *until >= now => Ok(Reply::ok(true)),
            None if !self.strict && !id.is_empty() => Ok(Reply::ok(true)),
            _ => Err(Reply::bad("query is too old and response timeout expired or query ID is invalid")),
        }
    }

    fn set_commands(&mut self, params: &Params) -> Result<Reply, Reply> {
        let Some(Ok(Value::Array(commands))) = params.json("commands") else {
            return Err(Reply::bad("can't parse commands JSON object"));
        };
        let invalid = |command: &Value| {
            let name = command["command"].as_str().unwrap_or_default();
            let name = name.strip_prefix('/').unwrap_or(name);
            let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            name.is_empty() || name.len() > 32 || !name.bytes().all(allowed)
        };
        if commands.iter().any(invalid) {
            return Err(Reply::bad("BOT_COMMAND_INVALID"));
        }
        if commands.iter().any(|command| command["description"].as_str().is_none_or(str::is_empty)) {
            return Err(Reply::bad("BOT_COMMAND_DESCRIPTION_INVALID"));
        }
        if commands.len() > 100 {
            return Err(Reply::bad("BOT_COMMANDS_TOO_MUCH"));
        }
        self.commands.insert(scope(params), Value::Array(commands));
        Ok(Reply::ok(true))
    }
}

/// Commands are kept apart by whom they are for.
fn scope(params: &Params) -> String {
    let scope = params.json("scope").and_then(Result::ok).unwrap_or_else(|| json!({"type": "default"}));
    format!("{scope} {}", params.text("language_code").unwrap_or_default())
}

fn me() -> Value {
    json!({
        "id": bot_id(), "is_bot": true, "first_name": BOT_NAME, "username": BOT_USERNAME,
        "can_join_groups": true, "can_read_all_group_messages": false, "supports_inline_queries": true,
        "can_connect_to_business": false, "has_main_web_app": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn perform(world: &mut World, second: i64, method: &str, params: Value) -> (u16, Value) {
        let Value::Object(params) = params else { unreachable!() };
        let reply = world.perform(Timestamp::from_second(second).unwrap(), method, &Params(params));
        (reply.code, serde_json::from_slice(&reply.body).unwrap())
    }

    #[test]
    fn commands_are_kept_for_their_scope() {
        let mut world = World::new();
        let commands = json!([{"command": "start", "description": "Start"}]);
        assert_eq!(perform(&mut world, 0, "setmycommands", json!({"commands": commands})).0, 200);
        assert_eq!(perform(&mut world, 0, "getmycommands", json!({})).1["result"], commands);
        assert_eq!(perform(&mut world, 0, "getmycommands", json!({"language_code": "de"})).1["result"], json!([]));
        let (code, answer) = perform(&mut world, 0, "setmycommands", json!({"commands": [{"command": "Start"}]}));
        assert_eq!((code, answer["description"].as_str()), (400, Some("Bad Request: BOT_COMMAND_INVALID")));
    }

    #[test]
    fn a_callback_query_can_be_answered_for_150_seconds() {
        let mut world = World::new();
        world.expect_answer("7", Timestamp::UNIX_EPOCH);
        let answer = |world: &mut World, second| {
            perform(world, second, "answercallbackquery", json!({"callback_query_id": "7"})).0
        };
        assert_eq!((answer(&mut world, 150), answer(&mut world, 151)), (200, 400));
    }

    #[test]
    fn a_method_that_does_not_exist_is_not_found() {
        let (code, answer) = perform(&mut World::new(), 0, "sendlove", json!({}));
        assert_eq!((code, answer["description"].as_str()), (404, Some("Not Found: method not found")));
    }
}
