//! What users do apart from writing texts and pressing buttons: a table of actions and the updates that each causes.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::api_response::ApiResponse;
use super::entities::detect;
use super::methods::call::ApiCall;
use super::methods::media::PLACEHOLDER;
use super::methods::messages::{placeholder, to_json};
use super::methods::parameters::{self, Type, usual_type};
use super::methods::table::{Method, find};
use super::methods::template::fill;
use super::people::user;
use super::records::Message;
use super::state::State;
use super::user_actions::unblock;
use crate::telegram::{Params, UploadedFile};
use crate::update::UpdateId;

/// An action: its name, its parameters as in the table of methods, an example of them, where it is possible, and the
/// updates that it causes, each as a kind and a template. A message is a kind with its content alone.
type Action = (&'static str, &'static str, &'static str, Chats, &'static [Update]);

/// The kind and the template of an update.
type Update = (&'static str, &'static str);

/// The chats in which an action is possible.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chats {
    All,
    Private,
    Groups,
}

const MEMBERSHIP: [&str; 4] = [
    r#"{"chat":"@chat","from":"@person","date":"@now","old_chat_member":{"status":"left","user":"@person"},
        "new_chat_member":{"status":"member","user":"@person"}}"#,
    r#"{"chat":"@chat","from":"@person","date":"@now","old_chat_member":{"status":"member","user":"@person"},
        "new_chat_member":{"status":"left","user":"@person"}}"#,
    r#"{"chat":"@chat","from":"@person","date":"@now","old_chat_member":{"status":"left","user":"@bot"},
        "new_chat_member":{"status":"member","user":"@bot"}}"#,
    r#"{"chat":"@chat","from":"@person","date":"@now","old_chat_member":{"status":"member","user":"@bot"},
        "new_chat_member":{"status":"kicked","user":"@bot","until_date":0}}"#,
];
const REACTION: &str = r#"{"chat":"@chat","message_id":"$message_id","user":"@person","date":"@now","old_reaction":[],
    "new_reaction":[{"type":"emoji","emoji":"$emoji|👍"}]}"#;
const INLINE_QUERY: &str =
    r#"{"id":"@id","from":"@person","query":"$query|","offset":"$offset|","chat_type":"sender"}"#;

const ACTIONS: &[Action] = &[
    ("inline-query", "?query ?offset", r#"{"query": "cats"}"#, Chats::All, &[("inline_query", INLINE_QUERY)]),
    (
        "reaction",
        "message_id ?emoji",
        r#"{"message_id": 2, "emoji": "👍"}"#,
        Chats::All,
        &[("message_reaction", REACTION)],
    ),
    (
        "poll-answer",
        "message_id option_ids",
        r#"{"message_id": 2, "option_ids": [0]}"#,
        Chats::All,
        &[(
            "poll_answer",
            r#"{"poll_id":"$poll_id","user":"@person","option_ids":"$option_ids","option_persistent_ids":"$chosen"}"#,
        )],
    ),
    (
        "join",
        "",
        r#"{"chat": -5, "from": "Bob"}"#,
        Chats::Groups,
        &[("message", r#"{"new_chat_members":["@person"]}"#), ("chat_member", MEMBERSHIP[0])],
    ),
    (
        "leave",
        "",
        r#"{"chat": -5, "from": "Bob"}"#,
        Chats::Groups,
        &[("message", r#"{"left_chat_member":"@person"}"#), ("chat_member", MEMBERSHIP[1])],
    ),
    (
        "add-bot",
        "",
        r#"{"chat": -5}"#,
        Chats::Groups,
        &[("my_chat_member", MEMBERSHIP[2]), ("message", r#"{"new_chat_members":["@bot"]}"#)],
    ),
    ("stop", "", r#"{"chat": 1}"#, Chats::Private, &[("my_chat_member", MEMBERSHIP[3])]),
    (
        "stop-draft",
        "draft_id",
        r#"{"draft_id": 1}"#,
        Chats::Private,
        &[("stopped_message_generation", r#"{"chat":"@chat","draft_id":"$draft_id"}"#)],
    ),
];

/// What users send as the bot does with a method of that name, each with an example.
const SENT: &[(&str, &str)] = &[
    ("photo", r#"{"caption": "Look"}"#),
    ("document", "{}"),
    ("voice", r#"{"duration": 3}"#),
    ("audio", "{}"),
    ("video", "{}"),
    ("video-note", "{}"),
    ("animation", "{}"),
    ("sticker", r#"{"emoji": "👍"}"#),
    ("location", r#"{"latitude": 52.5, "longitude": 13.4}"#),
    ("venue", r#"{"latitude": 52.5, "longitude": 13.4, "title": "Zoo", "address": "Zoo Street 1"}"#),
    ("contact", r#"{"phone_number": "+4930123", "first_name": "Bob"}"#),
    ("dice", "{}"),
    ("poll", r#"{"question": "When?", "options": ["Now", "Later"]}"#),
];

/// The names of the actions, each with an example of its parameters.
pub(super) fn examples() -> impl Iterator<Item = (&'static str, &'static str)> {
    SENT.iter().copied().chain(ACTIONS.iter().map(|(name, _, example, ..)| (*name, *example)))
}

/// Does what a user does. Returns the id of the first update that the bot receives, or none.
pub(super) fn act(state: &mut State, now: Timestamp, name: &str, params: Params) -> Result<Option<UpdateId>, String> {
    let (_, example) = examples().find(|(known, _)| *known == name).ok_or_else(|| {
        let known: Vec<_> = examples().map(|(known, _)| known).collect();
        format!("there is no action \"{}\"; the actions are {}", name.escape_debug(), known.join(", "))
    })?;
    let refuse =
        |problem: String| format!("{problem}; expected: {example}, optionally with \"chat\": 1, \"from\": \"Ann\"");
    let (row, chats, updates) = updates_of(name).ok_or_else(|| refuse("there is nothing to send".to_owned()))?;
    let (chat, from) = person(&params, chats).map_err(refuse)?;
    state.conversations.chat_or_insert(chat, &from);
    let params = prepare(state, params, row, &updates, (chat, &from)).map_err(refuse)?;
    let call = ApiCall { now, params: &params };
    let refuse = |refusal: ApiResponse| refuse(refusal.description());
    parameters::check(state, &call, row).map_err(refuse)?;
    let mut contents = Vec::new();
    for (kind, template) in updates {
        contents.push((kind, fill(state, &call, template).map_err(refuse)?));
    }
    if name == "poll-answer" {
        vote(state, &call, chat);
    }
    if name == "stop" {
        state.conversations.blocked.insert(chat);
    } else {
        unblock(state, now, chat, &from);
    }
    if name == "stop-draft" {
        state.presence.stop_draft(chat, call.params.integer("draft_id").unwrap_or_default());
    }
    let member = user(chat, &from).id;
    match name {
        "join" if state.members.status(chat, member) == "kicked" => {
            return Err(format!("{from} is banned from chat {chat}"));
        }
        "join" => state.members.reset(chat, member),
        "leave" => state.members.set(chat, member, "left", Map::new()),
        _ if is_message(name) && !state.members.may_write(chat, member) => {
            return Err(format!("{from} may not write in chat {chat}"));
        }
        _ => {}
    }
    let push = |(kind, content)| match kind {
        "message" => write(state, &call, (chat, &from), name, content),
        kind => state.push(now, kind, &content),
    };
    // Each has its effect, although only the first is returned.
    let ids: Vec<_> = contents.into_iter().map(push).collect();
    Ok(ids.into_iter().flatten().next())
}

/// Whether the action sends a message.
fn is_message(name: &str) -> bool {
    SENT.iter().any(|(sent, _)| *sent == name)
}

/// The parameters of an action, the chats in which it is possible, and the kinds and templates of its updates.
fn updates_of(name: &str) -> Option<(&'static str, Chats, Vec<Update>)> {
    if let Some((_, row, _, chats, updates)) = ACTIONS.iter().find(|(known, ..)| *known == name) {
        return Some((row, *chats, updates.to_vec()));
    }
    let sent = find(&format!("send{}", name.replace('-', "")))?;
    let Method::Send(template) = sent.method else { return None };
    Some((sent.parameters, Chats::All, vec![("message", template)]))
}

/// Who acts, and in which chat.
fn person(params: &Params, chats: Chats) -> Result<(i64, String), String> {
    let chat = params.text("chat").map_or(Ok(1), |chat| chat.parse()).unwrap_or(0);
    let name = params.text("from").map_or_else(|| "Ann".to_owned(), |name| name.trim().to_owned());
    match chats {
        _ if name.is_empty() => Err("from is empty".to_owned()),
        _ if chat == 0 => Err("chat is not the id of a chat".to_owned()),
        Chats::Groups if chat > 0 => Err("this happens in groups only, whose ids are negative".to_owned()),
        Chats::Private if chat < 0 => Err("this happens in private chats only, whose ids are positive".to_owned()),
        Chats::All | Chats::Groups | Chats::Private => Ok((chat, name)),
    }
}

/// Refuses unknown parameters and adds those that follow from the others.
fn prepare(
    state: &mut State,
    mut params: Params,
    row: &str,
    updates: &[(&str, &str)],
    (chat, from): (i64, &str),
) -> Result<Params, String> {
    let is_known = |name: &str| {
        let quoted = [format!("\"${name}\""), format!("\"${name}|")];
        let in_template = |template: &str| quoted.iter().any(|quoted| template.contains(quoted));
        let row_names = parameters::listed(row).any(|parameter| parameter.name == name && name != "chat_id");
        let in_file = matches!(name, "duration" | "emoji")
            && usual_type(updates[0].1.split('"').nth(1).unwrap_or_default()) == Type::File;
        matches!(name, "chat" | "from" | "caption")
            || row_names
            || in_file
            || updates.iter().any(|(_, template)| in_template(template))
    };
    if let Some(unknown) = params.values.keys().find(|name| !is_known(name)) {
        return Err(format!("there is no parameter \"{}\"", unknown.escape_debug()));
    }
    for parameter in parameters::listed(row).filter(|parameter| parameter.is == Type::File) {
        if params.text(parameter.name).is_none() {
            let (field, content) = (parameter.name.to_owned(), Bytes::from_static(PLACEHOLDER));
            params.add_file(UploadedFile { field, name: String::new(), content });
        }
    }
    if parameters::listed(row).any(|parameter| parameter.name == "message_id")
        && let Some(id) = params.integer("message_id")
    {
        let message = state.conversations.message(chat, id);
        let message = message.ok_or_else(|| format!("there is no message {id} in chat {chat}"))?;
        if let Some(chosen) = params.json("option_ids").and_then(Result::ok) {
            let poll = message.content.as_ref().and_then(|content| content.get("poll"));
            let poll = poll.ok_or_else(|| format!("message {id} is not a poll"))?;
            let option =
                |id: &Value| Some(poll["options"].get(usize::try_from(id.as_u64()?).ok()?)?["persistent_id"].clone());
            let chosen: Option<Value> = chosen.as_array().and_then(|chosen| chosen.iter().map(option).collect());
            params.values.insert("chosen".to_owned(), chosen.ok_or("the poll has no such option")?);
            params.values.insert("poll_id".to_owned(), poll["id"].clone());
        }
    }
    params.values.extend(
        [("chat", json!(chat)), ("chat_id", json!(chat)), ("from", json!(from))]
            .map(|(name, value)| (name.to_owned(), value)),
    );
    Ok(params)
}

/// Counts an answer to a poll.
fn vote(state: &mut State, call: &ApiCall<'_>, chat: i64) {
    let chosen = call.params.json("option_ids").and_then(Result::ok).unwrap_or_default();
    let message = state.conversations.message(chat, call.params.integer("message_id").unwrap_or_default());
    let Some(poll) = message.and_then(|message| message.content.as_mut()?.get_mut("poll")) else { return };
    let add_one = |count: &mut Value| *count = (count.as_i64().unwrap_or_default() + 1).into();
    for option in chosen.as_array().into_iter().flatten().filter_map(Value::as_u64) {
        let options = poll["options"].as_array_mut();
        let option = options.and_then(|options| options.get_mut(usize::try_from(option).ok()?));
        if let Some(option) = option {
            add_one(&mut option["voter_count"]);
        }
    }
    add_one(&mut poll["total_voter_count"]);
}

/// Writes a message of a person.
fn write(
    state: &mut State,
    call: &ApiCall<'_>,
    (chat, from): (i64, &str),
    label: &str,
    mut content: Value,
) -> Option<UpdateId> {
    let caption = call.params.text("caption").unwrap_or_default();
    if !caption.is_empty() {
        content["caption"] = caption.as_ref().into();
        let entities = detect(&caption);
        if !entities.is_empty() {
            content["caption_entities"] = json!(entities);
        }
    }
    let mut message = Message {
        at: call.now,
        chat,
        from: from.to_owned(),
        bot: false,
        text: placeholder(label, &caption),
        message_id: state.conversations.next_message_id(),
        update_id: None,
        buttons: None,
        content: Some(content),
        more: None,
        reply_to: None,
        edits: Vec::new(),
    };
    let shown = to_json(&state.conversations, &message);
    let is_channel = state.conversations.chats.get(&chat).is_some_and(|chat| chat["type"] == "channel");
    let kind = if is_channel { "channel_post" } else { "message" };
    message.update_id = state.push(call.now, kind, &shown);
    let update_id = message.update_id;
    state.conversations.write(message);
    update_id
}

#[cfg(test)]
mod tests;
