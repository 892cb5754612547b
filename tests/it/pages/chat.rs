//! The sandbox's chat page in a browser, behind the real program.

use std::time::Instant;

use serde_json::json;

use super::axe::assert_accessible;
use super::browser::{Browser, ENTER, Look};
use super::wire::{assert_small, post_json};
use crate::harness::{SandboxProcess, print_line};

/// Texts that break pages: markup, right-to-left, emoji, control characters, and the longest message without a space.
fn hostile() -> Vec<String> {
    vec![
        "<script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">".to_owned(),
        "\u{202e}שלום עולם مرحبا بالعالم".to_owned(),
        "👩‍👩‍👧‍👦🏳️‍🌈 e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}".to_owned(),
        "a\u{0}b\u{1}c\u{7f}d\u{9b}e\u{2028}f\u{feff}g\ttab\nline".to_owned(),
        "x".repeat(4096),
    ]
}

fn url(sandbox: &SandboxProcess) -> String {
    format!("http://{}/", sandbox.bot_api)
}

#[tokio::test]
async fn start_is_typed_and_its_answer_and_its_trail_are_seen() {
    let sandbox = SandboxProcess::start();
    let Some(browser) = Browser::open(Look::DESKTOP).await else { return };
    browser.goto(url(&sandbox)).await;
    browser.write("#text", "/start").await;
    let began = Instant::now();
    browser.write("#text", ENTER).await;
    browser.until_true("document.querySelector('.bubble.bot .text')?.textContent.startsWith('Hello, Ann')").await;
    print_line(&format!("/start was sent and its answer seen within {} ms", began.elapsed().as_millis()));
    assert_eq!(browser.value("document.querySelector('#text').value").await, "", "the field is free again");
    browser.click(".bubble.own a.mark").await;
    browser.sees_in(".trail li", "answered 200").await;
    browser.sees_in("details.call", "sendMessage").await;
    assert_eq!(browser.count("article.bubble").await, 2);
    assert_accessible(&browser).await;
    browser.assert_no_complaint().await;
    // The address holds what is open.
    let address = browser.url().await;
    browser.goto(address.as_str()).await;
    browser.sees_in("details.call", "sendMessage").await;
}

#[tokio::test]
async fn a_second_window_of_the_chat_follows_live() {
    let sandbox = SandboxProcess::start();
    let Some([first, second]) = Browser::open_two(Look::DESKTOP).await else { return };
    for browser in [&first, &second] {
        browser.goto(url(&sandbox)).await;
    }
    second.write("#text", "not sent").await;
    first.write("#text", "/echo one").await;
    first.write("#text", ENTER).await;
    for browser in [&first, &second] {
        browser.sees_in(".bubble.bot", "You said: one").await;
    }
    assert_eq!(second.value("document.querySelector('#text').value").await, "not sent");
    for browser in [&first, &second] {
        browser.assert_no_complaint().await;
    }
}

#[tokio::test]
async fn no_text_breaks_the_chat_page_in_any_look_and_its_first_view_is_small() {
    let sandbox = SandboxProcess::start();
    assert_small(sandbox.bot_api, "/", "").await;
    for (text, chat) in hostile().iter().zip([1, 1, 1, 1, 2]) {
        post_json(sandbox.bot_api, "/sandbox/messages", &json!({"chat": chat, "from": "<b>Ann</b>", "text": text}))
            .await;
    }
    sandbox.replies(1, 4);
    sandbox.replies(2, 1);
    for look in [Look::DESKTOP, Look::DESKTOP.dark(), Look::PHONE, Look::PHONE.dark().russian()] {
        let Some(browser) = Browser::open(look).await else { return };
        browser.goto(url(&sandbox)).await;
        browser.contains("<script>document.title").await;
        browser.contains("שלום").await;
        browser.assert_no_sideways_scrolling().await;
        assert_accessible(&browser).await;
        assert!(!browser.title().await.contains("hacked"));
        browser.goto(format!("{}?chat=2", url(&sandbox))).await;
        browser.contains(&"x".repeat(4096)).await;
        browser.assert_no_sideways_scrolling().await;
        assert_accessible(&browser).await;
        browser.assert_no_complaint().await;
    }
}

#[tokio::test]
async fn the_chat_works_without_javascript() {
    let sandbox = SandboxProcess::start();
    let Some(browser) = Browser::open(Look::PHONE.without_scripts()).await else { return };
    browser.goto(url(&sandbox)).await;
    browser.write("#text", "/echo without a script").await;
    browser.click("#say button.send").await;
    browser.sees_in(".bubble.own", "/echo without a script").await;
    sandbox.replies(1, 1);
    browser.goto(browser.url().await.as_str()).await;
    browser.sees_in(".bubble.bot", "You said: without a script").await;
    browser.assert_no_sideways_scrolling().await;
    browser.assert_no_complaint().await;
    browser.goto(format!("{}?chat=424242", url(&sandbox))).await;
    browser.sees("There is no such chat.").await;
}
