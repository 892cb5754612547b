//! The operator's console in a browser: the login, live updates, keys, and its work without JavaScript.

use std::time::{Duration, Instant};

use doorbell::clock::{Clock, ManualClock, SystemClock};
use doorbell::handler::HandlerError;
use doorbell::update::Update;

use super::axe::assert_accessible;
use super::browser::{Browser, ENTER, Look};
use crate::console::{token, with_console};
use crate::harness::waiting::until;
use crate::harness::{TestApp, handler_fn, message, print_line, text};

/// A reason that would run as a script in a page that does not escape it.
pub(super) const SCRIPT: &str =
    "<script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">";

/// A service with an update that was done, two dead letters, and a chat in which one update waits behind another.
pub(super) async fn with_updates() -> TestApp {
    let handler = handler_fn(|update: Update| async move {
        match text(&update).as_str() {
            "fine" => Ok(Vec::new()),
            "fails" => Err(HandlerError::Unavailable("the shop is closed".to_owned())),
            text => Err(HandlerError::Reject(format!("rejected {text}"))),
        }
    });
    let mut app = with_console().with_handler(handler).start().await;
    app.allow_unfinished_work = true;
    app.registered().await;
    let updates = [(1, 7, "fine"), (2, 7, SCRIPT), (3, 8, "order 4711"), (4, 9, "fails"), (5, 9, "fine")];
    for (id, chat, text) in updates {
        assert_eq!(app.deliver(&message(id, chat, text)).await.status, 200);
    }
    until("two are given up", async || (app.survey().await.dead == 2).then_some(())).await;
    app
}

pub(super) fn url(app: &TestApp, path: &str) -> String {
    format!("http://{}{path}", app.addr)
}

/// Opens a page of the console and logs in on the way.
pub(super) async fn open(browser: &Browser, app: &TestApp, path: &str) {
    browser.goto(url(app, path)).await;
    enter_token(browser, &token()).await;
    browser.sees_in("header", "Log out").await;
}

/// Writes a token into the form of the login and sends it.
async fn enter_token(browser: &Browser, token: &str) {
    browser.write("#token", token).await;
    browser.write("#token", ENTER).await;
}

async fn path(browser: &Browser) -> String {
    let url = browser.url().await;
    url[url::Position::BeforePath..].to_owned()
}

#[tokio::test]
async fn only_the_right_token_logs_in_and_when_the_session_ends_one_comes_back_to_where_one_was() {
    let clock = ManualClock::new(SystemClock.now());
    let app = with_console().with_clock(&clock).start().await;
    let Some(browser) = Browser::open(Look::DESKTOP).await else { return };
    browser.goto(url(&app, "/console/updates?state=dead")).await;
    browser.sees("The operator's token").await;
    assert_eq!(browser.value("document.activeElement.id").await, "token");
    assert_accessible(&browser).await;
    enter_token(&browser, "wrong").await;
    browser.sees_in("[role=alert]", "This is not the operator's token.").await;
    assert_accessible(&browser).await;
    enter_token(&browser, &token()).await;
    browser.sees_in("header", "Log out").await;
    assert_eq!(path(&browser).await, "/console/updates?state=dead");

    // The open page notices the end of the session by itself.
    clock.advance(Duration::from_hours(12));
    until("the login is shown", async || {
        clock.advance(Duration::from_secs(1));
        (browser.count("#token").await == 1).then_some(())
    })
    .await;
    enter_token(&browser, &token()).await;
    browser.sees_in("header", "Log out").await;
    assert_eq!(path(&browser).await, "/console/updates?state=dead");
    browser.press("Log out").await;
    browser.sees("The operator's token").await;
    browser.goto(url(&app, "/console")).await;
    browser.sees("The operator's token").await;
}

#[tokio::test]
async fn a_new_update_appears_in_the_console_without_a_reload() {
    let app = with_updates().await;
    let Some(browser) = Browser::open(Look::DESKTOP).await else { return };
    open(&browser, &app, "/console/updates").await;
    browser.run("window.isTheSamePage = true").await;
    browser.write("input[name=kind]", "mess").await;
    let began = Instant::now();
    assert_eq!(app.deliver(&message(6, 10, "fine")).await.status, 200);
    browser.until_true("document.querySelector('#row-6')?.closest('tr').textContent.includes('done')").await;
    print_line(&format!("a new update was seen in the console within {} ms", began.elapsed().as_millis()));
    assert_eq!(browser.value("window.isTheSamePage").await, true);
    assert_eq!(browser.value("document.querySelector('input[name=kind]').value").await, "mess");
    assert_eq!(browser.value("document.activeElement.name").await, "kind");
    browser.assert_no_complaint().await;
}

#[tokio::test]
async fn the_keys_search_go_along_the_rows_open_one_and_show_their_list() {
    let app = with_updates().await;
    let Some(browser) = Browser::open(Look::DESKTOP).await else { return };
    open(&browser, &app, "/console/updates").await;
    let focused = async |what: &str| browser.value(&format!("document.activeElement.{what}")).await;
    browser.press_keys("j").await;
    assert_eq!(focused("id").await, "row-5", "the newest is the first");
    browser.press_keys("jj").await;
    assert_eq!(focused("id").await, "row-3");
    browser.press_keys("k").await;
    assert_eq!(focused("id").await, "row-4");
    browser.press_keys("?").await;
    browser.sees_in("#keys", "along the rows").await;
    browser.press_keys("?").await;
    browser.until_true("!document.querySelector('#keys').open").await;
    browser.press_keys("/").await;
    assert_eq!(focused("name").await, "q");
    browser.press_keys("3jko?/").await;
    assert_eq!(focused("value").await, "3jko?/", "in a field, keys write");
    browser.run("document.activeElement.value = '8'").await;
    browser.press_keys(ENTER).await;
    browser
        .until_true("location.search.includes('q=8') && document.querySelectorAll('[data-item]').length === 1")
        .await;
    browser.press_keys("jo").await;
    browser.sees_in("h1", "Update 3").await;
    assert_eq!(path(&browser).await, "/console/updates/3");
    browser.press_keys("r").await;
    browser.sees_in("button", "Retry (1)").await;
    browser.assert_no_complaint().await;
}

#[tokio::test]
async fn an_update_is_copied_as_curl_with_one_click() {
    let app = with_updates().await;
    let Some(browser) = Browser::open(Look::DESKTOP).await else { return };
    open(&browser, &app, "/console/updates/3").await;
    // The clipboard of a machine without a screen may be closed.
    browser.run("navigator.clipboard.writeText = async (text) => { window.copied = text }").await;
    browser.press("Copy as curl (this is logged)").await;
    browser.sees_in("[role=status]", "The command is on the clipboard.").await;
    let copied = browser.value("window.copied").await;
    let copied = copied.as_str().unwrap();
    assert!(copied.starts_with("curl -i 'http://127.0.0.1:") && copied.contains("order 4711"), "{copied}");
    assert!(copied.contains(": $WEBHOOK_SECRET\""), "{copied}");
    assert_accessible(&browser).await;
    browser.assert_no_complaint().await;
    // Without a clipboard the command is a text that one click selects.
    browser.run("navigator.clipboard.writeText = () => Promise.reject(new Error('closed'))").await;
    browser.press("Copy as curl (this is logged)").await;
    browser.sees_in("pre.whole", "$WEBHOOK_SECRET").await;
    browser.click("pre.whole").await;
    assert_eq!(browser.value("getSelection().toString()").await, copied);
    assert_accessible(&browser).await;
}

#[tokio::test]
async fn without_javascript_the_whole_console_works() {
    let app = with_updates().await;
    let Some(browser) = Browser::open(Look::PHONE.without_scripts()).await else { return };
    open(&browser, &app, "/console").await;
    browser.sees_in(".counts", "2 dead letters").await;
    browser.press("Updates").await;
    browser.write("input[name=q]", "8").await;
    browser.press("Search").await;
    browser.sees_in(".filter", "Clear the filter").await;
    assert_eq!(browser.texts("tbody th a").await, ["3"]);
    browser.click("#row-3").await;
    browser.press("Show the content (this is logged)").await;
    browser.sees_in("pre", "\"first_name\"").await;
    browser.press("Back to update 3").await;
    browser.press("Copy as curl (this is logged)").await;
    browser.sees_in("pre.whole", "order 4711").await;
    browser.press("Back to update 3").await;
    browser.press("Dead letters").await;
    browser.click("#pick-3").await;
    browser.press("Delete the selected").await;
    browser.press("Delete for ever (1)").await;
    browser.sees_in("[role=status]", "1 update").await;
    assert_eq!(app.survey().await.dead, 1);
    browser.press("Chats held back").await;
    browser.write("input[name=chat]", "9").await;
    browser.press("Search").await;
    browser.sees_in("tbody", "the shop is closed").await;
    browser.press("Overview").await;
    browser.press("Pause handling").await;
    browser.click("main form button").await;
    browser.sees_in("[role=status]", "Paused.").await;
    browser.press("Resume handling").await;
    browser.sees_in("#pause", "Pause handling").await;
    browser.press("Log out").await;
    browser.sees("The operator's token").await;
    browser.assert_no_complaint().await;
}
