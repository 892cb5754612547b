//! The chat page of the sandbox, over HTTP and without a browser: what people and the bot write is shown, forms do what they
//! say, and nothing that is written can do harm.

use std::net::SocketAddr;
use std::time::Duration;

use doorbell::sandbox::{Message, Sandbox, ServiceView, TOKEN};
use serde_json::{Value, json};

use crate::harness::{Answer, Program, SandboxProcess, TestApp, TestAppBuilder, fetch, free_port, get, raw, until};

async fn sandbox() -> Sandbox {
    crate::harness::start_sandbox(&doorbell::clock::SystemClock).await
}

/// A service that answers every text, and is registered.
async fn answering() -> TestApp {
    let app = TestAppBuilder::default().with("fallback.reply", "heard").start().await;
    app.registered().await;
    app
}

/// Sends a form as a browser does, and returns the answer.
async fn post_form(addr: SocketAddr, path: &str, fields: &[(&str, &str)], headers: &str) -> Answer {
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {addr}\r\n{headers}Content-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        form.len()
    );
    raw(addr, format!("{head}{form}").as_bytes()).await
}

/// Sends a form and returns the page to which it leads.
async fn submit(sandbox: &Sandbox, path: &str, fields: &[(&str, &str)]) -> Answer {
    let answer = post_form(sandbox.addr(), path, fields, "Sec-Fetch-Site: same-origin\r\n").await;
    assert_eq!(answer.status, 303, "{path} {fields:?}: {answer:?}");
    // The harness gives headers in lower case.
    let place = answer.header("location").expect("a place").to_owned();
    page(sandbox, &place.replace("as=ann", "as=Ann").replace("as=bob", "as=Bob")).await
}

async fn page(sandbox: &Sandbox, path: &str) -> Answer {
    let page = fetch(sandbox.addr(), path).await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{page:?}");
    page
}

/// Makes a call of the bot and returns its answer.
async fn call(sandbox: &Sandbox, method: &str, params: &Value) -> Value {
    let body = params.to_string();
    let head = format!(
        "POST /bot{TOKEN}/{method} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    raw(sandbox.addr(), format!("{head}{body}").as_bytes()).await.json()
}

fn last(sandbox: &Sandbox, chat: i64) -> Message {
    sandbox.messages(Some(chat)).pop().expect("a message")
}

#[tokio::test]
async fn a_person_writes_in_the_page_and_sees_the_answer_and_the_trail() {
    let app = answering().await;
    let sandbox = &app.sandbox;
    let empty = page(sandbox, "/").await;
    for words in ["Ann", "Bob", "Carol", "Friends", "News", "Write /start below", "role=\"log\""] {
        assert!(empty.body.contains(words), "{words}: {}", empty.body);
    }
    submit(sandbox, "/chat/send", &[("view", "/?chat=1&as=Ann"), ("text", "good day, see /help")]).await;
    sandbox.until(|sandbox| sandbox.messages(Some(1)).len() == 2).await;
    sandbox.idle().await;
    let shown = page(sandbox, "/?chat=1").await;
    assert!(shown.body.contains(">heard</div>"), "{}", shown.body);
    assert!(shown.body.contains("good day, see <button class=\"command\" form=\"say\""), "{}", shown.body);
    let update = last_update(sandbox);
    let trail = page(sandbox, &format!("/?chat=1&as=Ann&update={update}")).await.body;
    for words in
        ["Delivery 1: answered 200", "<code>sendMessage</code>", "&#34;update_id&#34;", "aria-current=\"true\""]
    {
        assert!(trail.contains(words), "{words}: {trail}");
    }
    let russian = page(sandbox, "/?chat=1&lang=ru").await;
    assert!(russian.body.contains("Путь обновления") && russian.body.contains("lang=\"ru\""), "{}", russian.body);
    assert!(russian.body.contains("\"?chat=1&#38;lang=en\""), "the switch keeps the chat: {}", russian.body);
}

fn last_update(sandbox: &Sandbox) -> i64 {
    sandbox.messages(Some(1)).iter().filter_map(|message| message.update_id).next_back().expect("an update").0
}

#[tokio::test]
async fn a_button_is_pressed_and_the_answer_of_the_bot_is_shown() {
    let sandbox = sandbox().await;
    let keyboard = json!({"inline_keyboard": [[{"text": "Yes", "callback_data": "y\"<"}, {"text": "Site", "url": "https://a.example/?b=1"}]]});
    let sent = call(&sandbox, "sendMessage", &json!({"chat_id": 1, "text": "Sure?", "reply_markup": keyboard})).await;
    let id = sent["result"]["message_id"].to_string();
    let shown = page(&sandbox, "/?chat=1").await.body;
    assert!(shown.contains("value=\"y&#34;&#60;\">Yes</button>"), "{shown}");
    assert!(shown.contains("href=\"https://a.example/?b=1\" rel=\"noreferrer noopener\""), "{shown}");
    let view = ("view", "/?chat=1&as=Ann");
    let pressed = submit(&sandbox, "/chat/press", &[view, ("message", &id), ("data", "y\"<")]).await.body;
    assert!(pressed.contains("Ann: <b>Yes</b>") && pressed.contains("has not answered yet"), "{pressed}");
    let updates = call(&sandbox, "getUpdates", &json!({})).await;
    let query = &updates["result"][0]["callback_query"];
    assert_eq!((&query["data"], &query["from"]["first_name"]), (&json!("y\"<"), &json!("Ann")));
    call(
        &sandbox,
        "answerCallbackQuery",
        &json!({"callback_query_id": query["id"], "text": "Saved & done", "show_alert": true}),
    )
    .await;
    let answered = page(&sandbox, "/?chat=1").await.body;
    assert!(answered.contains("Saved &#38; done") && answered.contains("press alert"), "{answered}");
    let refused = submit(&sandbox, "/chat/press", &[view, ("message", &id), ("data", "no")]).await.body;
    assert!(refused.contains("no longer has this button"), "{refused}");
    let foreign = page(&sandbox, "/?chat=1&problem=Your+account+is+closed").await.body;
    assert!(!foreign.contains("account is closed") && !foreign.contains("role=\"alert\""), "{foreign}");
}

#[tokio::test]
async fn a_photo_is_sent_shown_and_downloaded_and_other_files_are_attachments() {
    let sandbox = sandbox().await;
    let upload = async |name: &str, content: &[u8]| {
        let head = format!(
            "--X\r\nContent-Disposition: form-data; name=\"view\"\r\n\r\n/?chat=1&as=Ann\r\n--X\r\nContent-Disposition: \
             form-data; name=\"text\"\r\n\r\nLook\r\n--X\r\nContent-Disposition: form-data; name=\"file\"; \
             filename=\"{name}\"\r\n\r\n"
        );
        let body = [head.as_bytes(), content, b"\r\n--X--\r\n"].concat();
        let request = format!(
            "POST /chat/send HTTP/1.1\r\nHost: {}\r\nContent-Type: multipart/form-data; boundary=X\r\nContent-Length: \
             {}\r\nConnection: close\r\n\r\n",
            sandbox.addr(),
            body.len()
        );
        assert_eq!(raw(sandbox.addr(), &[request.as_bytes(), &body].concat()).await.status, 303);
    };
    upload("cat.png", b"\x89PNG\r\n\x1a\nrest").await;
    let sent = last(&sandbox, 1);
    assert_eq!(sent.text, "[photo] Look");
    let shown = page(&sandbox, "/?chat=1").await.body;
    let path = shown.split("<img src=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an image").to_owned();
    let image = fetch(sandbox.addr(), &path).await;
    assert_eq!((image.status, image.header("content-type")), (200, Some("image/png")), "{image:?}");
    assert_eq!(image.header("x-content-type-options"), Some("nosniff"));
    upload("evil.html", b"<script>alert(1)</script>").await;
    let shown = page(&sandbox, "/?chat=1").await.body;
    let path = shown.split("href=\"/chat/files/documents").nth(1).and_then(|rest| rest.split('"').next());
    let file = fetch(sandbox.addr(), &format!("/chat/files/documents{}", path.expect("a file"))).await;
    assert_eq!(file.header("content-type"), Some("application/octet-stream"));
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"evil.html\""));
    assert_eq!(fetch(sandbox.addr(), "/chat/files/documents/none.bin").await.status, 404);
}

#[tokio::test]
async fn formats_edits_deletions_replies_and_albums_are_shown() {
    let sandbox = sandbox().await;
    let html = "<b>bold <i>both</i></b> <a href=\"https://a.example\">link</a> <tg-spoiler>secret</tg-spoiler> \
                <pre><code class=\"language-rust\">let a;</code></pre>";
    let sent = call(&sandbox, "sendMessage", &json!({"chat_id": 1, "text": html, "parse_mode": "HTML"})).await;
    assert_eq!(sent["result"]["entities"][0], json!({"type": "bold", "offset": 0, "length": 9}), "{sent}");
    call(&sandbox, "sendMessage", &json!({"chat_id": 1, "text": "*two* `three`", "parse_mode": "MarkdownV2"})).await;
    let shown = page(&sandbox, "/?chat=1").await.body;
    for words in [
        "<b>bold <i>both</i></b>",
        "rel=\"noreferrer noopener\" target=\"_blank\">link</a>",
        "<span class=\"spoiler\" tabindex=\"0\">secret</span>",
        "<code class=\"block\" data-language=\"rust\">let a;</code>",
        "<b>two</b> <code>three</code>",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let id = &sent["result"]["message_id"];
    call(&sandbox, "editMessageText", &json!({"chat_id": 1, "message_id": id, "text": "new"})).await;
    sandbox.send_text(1, "Ann", "my text");
    let own = last(&sandbox, 1).message_id;
    let view = format!("/?chat=1&as=Ann&edit={own}");
    submit(&sandbox, "/chat/send", &[("view", &view), ("text", "my new text")]).await;
    let view = format!("/?chat=1&as=Ann&reply={id}");
    submit(&sandbox, "/chat/send", &[("view", &view), ("text", "I reply")]).await;
    let updates = call(&sandbox, "getUpdates", &json!({})).await;
    assert_eq!(updates["result"][1]["edited_message"]["text"], "my new text", "{updates}");
    assert_eq!(&updates["result"][2]["message"]["reply_to_message"]["message_id"], id, "{updates}");
    let media =
        json!([{"type": "photo", "media": "https://a.example/1"}, {"type": "photo", "media": "https://a.example/2"}]);
    call(&sandbox, "sendMediaGroup", &json!({"chat_id": 1, "media": media})).await;
    call(&sandbox, "sendMessage", &json!({"chat_id": 1, "text": "gone"})).await;
    let gone = last(&sandbox, 1).message_id;
    call(&sandbox, "deleteMessage", &json!({"chat_id": 1, "message_id": gone})).await;
    let shown = page(&sandbox, "/?chat=1").await.body;
    for words in
        ["<em>edited</em>", "Earlier texts", "bold both link", "<em>deleted</em>", "parts album", "my new text"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(shown.contains(&format!("<p class=\"quote\"><a href=\"#m{id}\"")), "{shown}");
}

#[tokio::test]
async fn what_the_bot_shows_for_a_short_time_is_on_the_page() {
    let sandbox = sandbox().await;
    call(&sandbox, "sendChatAction", &json!({"chat_id": 1, "action": "typing"})).await;
    call(&sandbox, "sendMessageDraft", &json!({"chat_id": 1, "draft_id": 7, "text": "Once upon"})).await;
    let shown = page(&sandbox, "/?chat=1").await.body;
    assert!(shown.contains("Doorbell is typing…") && shown.contains("Once upon"), "{shown}");
    let stopped = submit(&sandbox, "/chat/stop", &[("view", "/?chat=1&as=Ann"), ("draft", "7")]).await.body;
    assert!(!stopped.contains("Once upon"), "{stopped}");
    let updates = call(&sandbox, "getUpdates", &json!({})).await;
    assert_eq!(updates["result"][0]["stopped_message_generation"]["draft_id"], 7, "{updates}");
    let keyboard =
        json!({"keyboard": [["Left", {"text": "My number", "request_contact": true}]], "one_time_keyboard": true});
    call(&sandbox, "sendMessage", &json!({"chat_id": 1, "text": "Where?", "reply_markup": keyboard})).await;
    let commands = json!([{"command": "help", "description": "Shows help"}]);
    call(&sandbox, "setMyCommands", &json!({"commands": commands})).await;
    let shown = page(&sandbox, "/?chat=1").await.body;
    assert!(!shown.contains("is typing"), "a message ends it: {shown}");
    for words in ["value=\"Left\"", "value=\"contact\"", "value=\"/help\"", "Shows help"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    submit(&sandbox, "/chat/send", &[("view", "/?chat=1&as=Ann"), ("share", "contact")]).await;
    assert!(last(&sandbox, 1).content.is_some_and(|content| content["contact"]["first_name"] == "Ann"));
    let used = page(&sandbox, "/?chat=1").await.body;
    assert!(!used.contains("value=\"Left\""), "the keyboard was for one use: {used}");
}

#[tokio::test]
async fn a_rich_draft_is_shown_with_stop_until_the_rich_message_comes() {
    let sandbox = sandbox().await;
    let blocks = json!([
        {"type": "heading", "text": "The plan"},
        {"type": "paragraph", "text": ["first ", {"type": "bold", "text": "the <b>end</b>"}]},
    ]);
    let draft = json!({"chat_id": 1, "draft_id": 9, "rich_message": {"blocks": blocks}});
    assert_eq!(call(&sandbox, "sendRichMessageDraft", &draft).await, json!({"ok": true, "result": true}));
    let shown = page(&sandbox, "/?chat=1").await.body;
    assert!(shown.contains("The plan") && shown.contains("first the &#60;b&#62;end&#60;/b&#62;"), "{shown}");
    assert!(shown.contains("name=\"draft\" value=\"9\"><button>Stop"), "{shown}");
    let none = json!({"chat_id": 1, "draft_id": 0, "rich_message": {"markdown": "a"}});
    let refused = call(&sandbox, "sendRichMessageDraft", &none).await;
    assert_eq!(refused["description"], "Bad Request: draft identifier must be non-zero");

    let stopped = submit(&sandbox, "/chat/stop", &[("view", "/?chat=1&as=Ann"), ("draft", "9")]).await.body;
    assert!(!stopped.contains(">Stop<"), "{stopped}");
    call(&sandbox, "sendRichMessageDraft", &draft).await;
    call(&sandbox, "sendRichMessage", &json!({"chat_id": 1, "rich_message": {"blocks": blocks}})).await;
    let sent = page(&sandbox, "/?chat=1").await.body;
    assert!(
        !sent.contains(">Stop<") && sent.contains("Rich message</span> <span class=\"line\" dir=\"auto\">The plan"),
        "{sent}"
    );
    let updates = call(&sandbox, "getUpdates", &json!({})).await;
    assert_eq!(updates["result"][0]["stopped_message_generation"]["draft_id"], 9, "{updates}");
}

#[tokio::test]
async fn a_call_of_the_bot_that_is_refused_is_on_the_page_with_the_reason() {
    let sandbox = sandbox().await;
    sandbox.show_service(ServiceView {
        explain: Some(|text| text.contains("parse entities").then(|| "The markup is broken. Escape it.".to_owned())),
        ..ServiceView::default()
    });
    assert!(!page(&sandbox, "/").await.body.contains("were refused"));
    call(&sandbox, "sendMessage", &json!({"chat_id": 1, "text": ""})).await;
    call(&sandbox, "sendMessage", &json!({"chat_id": 1, "text": "<b>a", "parse_mode": "HTML"})).await;
    call(&sandbox, "sendMessage", &json!({"chat_id": 1, "text": "fine"})).await;
    let shown = page(&sandbox, "/").await.body;
    let refusals = shown.split("id=\"refusals-title\"").nth(1).and_then(|rest| rest.split("</section>").next());
    let refusals = refusals.expect("the refusals");
    for words in ["Bad Request: message text is empty", "parse entities", "The markup is broken. Escape it."] {
        assert!(refusals.contains(words), "{words}: {refusals}");
    }
    assert_eq!(refusals.matches("<li").count(), 2, "{refusals}");
}

#[tokio::test]
async fn a_program_gets_the_page_as_json() {
    let app = answering().await;
    let sandbox = &app.sandbox;
    sandbox.send_text(1, "Ann", "hello");
    sandbox.until(|sandbox| sandbox.messages(Some(1)).len() == 2).await;
    sandbox.idle().await;
    call(sandbox, "sendMessageDraft", &json!({"chat_id": 1, "draft_id": 7, "text": "Once upon"})).await;
    call(sandbox, "sendMessage", &json!({"chat_id": 2, "text": ""})).await;
    let json = async |path: &str| {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\nConnection: close\r\n\r\n",
            sandbox.addr()
        );
        let answer = raw(sandbox.addr(), request.as_bytes()).await;
        assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
        (answer.status, answer.json())
    };
    let (status, seen) = json("/?chat=1&problem=empty").await;
    assert_eq!((status, &seen["name"], &seen["view"]["as"]), (200, &json!("Ann"), &json!("Ann")));
    assert_eq!(seen["problem"], "Write something first.");
    let said = |at: usize| (&seen["messages"][at]["from"], &seen["messages"][at]["text"]);
    assert_eq!([said(0), said(1)], [(&json!("Ann"), &json!("hello")), (&json!("Doorbell"), &json!("heard"))]);
    assert_eq!(seen["messages"][0]["mark"], "delivered");
    assert_eq!(seen["drafts"], json!([{"draft_id": 7, "text": "Once upon"}]));
    assert_eq!(seen["trail"]["calls"][0]["method"], "sendMessage", "{seen}");
    assert_eq!(seen["refused_calls"][0]["description"], "Bad Request: message text is empty");
    let names: Vec<_> = seen["switches"].as_array().unwrap().iter().map(|switch| &switch["name"]).collect();
    assert!(names.contains(&&json!("polling-copy")), "{names:?}");
    assert!(!seen.to_string().contains(TOKEN));
    let (status, unknown) = json("/?chat=987654321").await;
    assert_eq!((status, &unknown["exists"]), (404, &json!(false)));
}

#[tokio::test]
async fn a_person_whom_the_bot_bans_cannot_write_and_getchatmember_says_so() {
    let sandbox = sandbox().await;
    let send = [("view", "/?chat=-10&as=Bob"), ("text", "hello")];
    submit(&sandbox, "/chat/send", &send).await;
    assert_eq!(last(&sandbox, -10).from, "Bob");
    call(&sandbox, "banChatMember", &json!({"chat_id": -10, "user_id": 2})).await;
    let member = call(&sandbox, "getChatMember", &json!({"chat_id": -10, "user_id": 2})).await;
    assert_eq!(member["result"]["status"], "kicked", "{member}");
    let refused = submit(&sandbox, "/chat/send", &send).await.body;
    assert!(refused.contains("may not write here"), "{refused}");
    assert_eq!(sandbox.messages(Some(-10)).len(), 1);
    call(&sandbox, "promoteChatMember", &json!({"chat_id": -10, "user_id": 3, "can_pin_messages": true})).await;
    let admins = call(&sandbox, "getChatAdministrators", &json!({"chat_id": -10})).await;
    assert_eq!(admins["result"][2]["user"]["id"], 3, "{admins}");
    let private = call(&sandbox, "banChatMember", &json!({"chat_id": 1, "user_id": 1})).await;
    assert_eq!(private["description"], "Bad Request: can't ban members in private chats");
}

#[tokio::test]
async fn a_channel_post_is_one_in_the_name_of_the_channel() {
    let sandbox = sandbox().await;
    let channel = "-1001000000001";
    submit(&sandbox, "/chat/send", &[("view", &format!("/?chat={channel}&as=Ann")), ("text", "news")]).await;
    let updates = call(&sandbox, "getUpdates", &json!({})).await;
    let post = &updates["result"][0]["channel_post"];
    assert_eq!((&post["text"], &post["sender_chat"]["title"]), (&json!("news"), &json!("News")), "{updates}");
    assert!(post.get("from").is_none(), "{post}");
}

#[tokio::test]
async fn a_scenario_is_switched_on_and_off_and_a_delivery_is_repeated() {
    let app = answering().await;
    let sandbox = &app.sandbox;
    let turn =
        async |name: &str| submit(sandbox, "/chat/switch", &[("view", "/?chat=1&as=Ann"), ("name", name)]).await.body;
    let on = turn("fails-500").await;
    assert!(on.contains("aria-pressed=\"true\"") && sandbox.faults().len() == 1, "{on}");
    let off = turn("fails-500").await;
    assert!(!off.contains("aria-pressed=\"true\"") && sandbox.faults().is_empty(), "{off}");
    let early = turn("duplicate").await;
    assert!(early.contains("Write a message first"), "{early}");
    sandbox.send_text(1, "Ann", "hello");
    sandbox.until(|sandbox| sandbox.messages(Some(1)).len() == 2).await;
    sandbox.idle().await;
    turn("duplicate").await;
    sandbox.until(|sandbox| sandbox.deliveries().len() == 2).await;
    sandbox.idle().await;
    let update = last_update(sandbox);
    let trail = page(sandbox, &format!("/?chat=1&as=Ann&update={update}")).await.body;
    assert!(trail.matches(": answered 200").count() == 2, "{trail}");
    assert_eq!(sandbox.messages(Some(1)).len(), 2, "it was handled once");
    assert!(!trail.contains("kill-bot"), "there is no bot to kill: {trail}");
}

#[tokio::test]
async fn pages_of_other_sites_and_other_host_names_are_refused() {
    let sandbox = sandbox().await;
    let form = [("view", "/?chat=1&as=Ann"), ("text", "hello")];
    for headers in ["Sec-Fetch-Site: cross-site\r\n", "Origin: https://other.example\r\n", "Origin: null\r\n"] {
        assert_eq!(post_form(sandbox.addr(), "/chat/send", &form, headers).await.status, 403, "{headers}");
    }
    for path in ["/", "/chat/live", "/sandbox/messages"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: other.example:8081\r\nConnection: close\r\n\r\n");
        assert_eq!(raw(sandbox.addr(), request.as_bytes()).await.status, 421, "{path}");
    }
    assert!(sandbox.messages(None).is_empty());
    let shown = page(&sandbox, "/").await;
    let policy = shown.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(!shown.body.contains("<style") && !shown.body.contains(" style=") && !shown.body.contains(" onclick"));
    assert!(!shown.body.contains(TOKEN));
}

#[tokio::test]
async fn no_text_does_harm_to_the_page() {
    let sandbox = sandbox().await;
    let script = "<script>alert(1)</script><img src=x onerror=alert(1)>";
    sandbox.send_text(-77, script, script);
    call(&sandbox, "sendMessage", &json!({"chat_id": -77, "text": script})).await;
    call(&sandbox, "sendMessage", &json!({"chat_id": -77, "text": "x", "entities": [{"type": "bold", "offset": -1, "length": 9_000_000_000_u64}]})).await;
    let long = format!("{}\u{5d0}\u{5d1}\u{202e}\u{1f468}\u{200d}\u{1f469} \0\u{7}\r\n", "\u{1f514}".repeat(2_000));
    submit(&sandbox, "/chat/send", &[("view", "/?chat=-77&as=Ann"), ("text", &long)]).await;
    assert!(last(&sandbox, -77).text.contains('\u{5d0}'), "it was sent as written");
    let shown = page(&sandbox, "/?chat=-77").await.body;
    assert!(!shown.contains("<script>alert") && !shown.contains("<img src=x"), "{shown}");
    assert!(shown.contains("&#60;script&#62;") && shown.contains("\u{2407}") && !shown.contains('\u{202e}'), "{shown}");
    assert!(shown.contains("dir=\"auto\""));
    let too_long = "\u{e4}".repeat(4_097);
    let refused = submit(&sandbox, "/chat/send", &[("view", "/?chat=-77&as=Ann"), ("text", &too_long)]).await.body;
    assert!(refused.contains("at most"), "{refused}");
    let unknown = fetch(sandbox.addr(), "/?chat=987654321&update=1&before=x").await;
    assert!(
        unknown.status == 404 && unknown.body.contains("There is no such chat") && unknown.body.contains("href=\"/\"")
    );
}

#[tokio::test]
async fn the_transcript_is_plain_text() {
    let sandbox = sandbox().await;
    sandbox.send_text(1, "Ann", "/start");
    call(&sandbox, "sendMessage", &json!({"chat_id": 1, "text": "Hello\nAnn"})).await;
    let answer = fetch(sandbox.addr(), "/sandbox/messages?format=text&chat=1").await;
    let lines: Vec<_> = answer.body.lines().map(|line| line.split_once(' ').expect("a time")).collect();
    assert_eq!(lines.iter().map(|(_, said)| *said).collect::<Vec<_>>(), ["Ann: /start", "Doorbell: Hello⏎Ann"]);
    assert!(lines.iter().all(|(time, _)| time.len() == 8), "{lines:?}");
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")));
}

#[tokio::test]
async fn the_page_of_a_long_chat_is_small_and_leads_to_earlier_messages() {
    let sandbox = sandbox().await;
    for n in 0..120 {
        sandbox.send_text(1, "Ann", &format!("message number {n}, with some words that differ: {}", n * 7919));
    }
    let request =
        format!("GET / HTTP/1.1\r\nHost: {}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n", sandbox.addr());
    let compressed = raw(sandbox.addr(), request.as_bytes()).await;
    assert_eq!(compressed.header("content-encoding"), Some("gzip"));
    let mut sizes = vec![bytes_of(sandbox.addr(), "/").await];
    for asset in assets(&page(&sandbox, "/").await.body) {
        sizes.push(bytes_of(sandbox.addr(), &asset).await);
    }
    assert!(sizes.len() >= 4 && sizes.iter().sum::<usize>() <= 30 * 1024, "{sizes:?}");
    let shown = page(&sandbox, "/").await.body;
    assert!(shown.contains("message number 119,") && shown.contains("message number 70,"), "{shown}");
    assert!(!shown.contains("message number 69,"), "{shown}");
    let earlier =
        shown.split("class=\"more\"><a href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
    let before = page(&sandbox, &earlier.replace("&#38;", "&")).await.body;
    assert!(before.contains("message number 69,") && !before.contains("message number 70,"), "{before}");
}

/// The addresses of the style sheets, the script and the icon of a page.
fn assets(page: &str) -> Vec<String> {
    let quoted = page.split('"').filter(|text| text.contains("/assets/"));
    quoted.map(str::to_owned).collect()
}

/// The size of a compressed response, with its head.
async fn bytes_of(addr: SocketAddr, path: &str) -> usize {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(addr).await.expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it answers");
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{path}");
    answer.len()
}

#[tokio::test]
async fn the_event_stream_says_that_something_has_changed() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let sandbox = sandbox().await;
    let mut stream = tokio::net::TcpStream::connect(sandbox.addr()).await.expect("it listens");
    let request = format!("GET /chat/live HTTP/1.1\r\nHost: {}\r\n\r\n", sandbox.addr());
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut seen = String::new();
    let mut read_until = async |events: usize| {
        while seen.matches("event: changed").count() < events {
            let mut bytes = [0; 1024];
            let length = stream.read(&mut bytes).await.expect("it sends");
            assert!(length > 0, "the stream ended: {seen}");
            seen.push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
    };
    read_until(1).await;
    sandbox.send_text(1, "Ann", "hello");
    tokio::time::timeout(Duration::from_secs(10), read_until(2)).await.expect("an event");
}

#[test]
fn the_page_shows_what_the_service_does_and_says() {
    let sandbox = SandboxProcess::start();
    let page = |path: &str| get(sandbox.bot_api, path).body;
    assert!(page("/").contains("Telegram sends this bot&#39;s updates to"), "{}", page("/"));
    sandbox.run(&["ring", "/start", "--url", &sandbox.url()]);
    let said = sandbox.replies(1, 1);
    assert!(!said.is_empty());
    let send = std::process::Command::new("curl")
        .args(["-s", &format!("http://{}/sandbox/messages", sandbox.bot_api), "-d", "{\"text\": \"/start\"}"])
        .output();
    if send.is_err() {
        crate::harness::skip_without("curl", "the trail on the chat page");
        return;
    }
    until("the trail is complete", Duration::from_secs(20), || {
        let shown = page("/?chat=1");
        let steps = [
            "Delivery 1: answered 200",
            "stored (message",
            "the handler returned",
            "sendMessage: ok",
            "the attempt ended: done",
        ];
        steps.iter().all(|step| shown.contains(step)).then_some(())
    });
}

#[test]
fn the_option_open_never_makes_the_sandbox_fail() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = free_port();
    let mut command = Program::command(&["sandbox", "--open", "--port", &port.to_string(), "--bot-api-port", "0"]);
    command
        .current_dir(folder.path())
        .env("PATH", "/nowhere")
        .stdout(std::fs::File::create(folder.path().join("out")).expect("a file"));
    let program = Program::spawn(command, port, &folder.path().join("log"));
    program.listens();
    until("it says that there is no browser", Duration::from_secs(20), || {
        let all =
            ["out", "log"].map(|name| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default()).concat();
        all.contains("The page could not be opened here").then_some(())
    });
}
