//! How the pages of the console look: readable for everyone, narrow, small, and harmless.

use super::axe::assert_accessible;
use super::browser::{Browser, Look};
use super::console::{open, url, with_updates};
use super::wire::assert_small;
use crate::console::{Operator, token, with_console};
use crate::harness::TestApp;

const PAGES: [&str; 12] = [
    "/console",
    "/console/updates",
    "/console/updates?state=dead&q=8",
    "/console/updates/2",
    "/console/held-back",
    "/console/held-back?chat=9",
    "/console/dead",
    "/console/webhook",
    "/console/webhook/register",
    "/console/pause",
    "/console/bot",
    "/console/settings",
];

const LOOKS: [Look; 4] = [Look::DESKTOP, Look::DESKTOP.dark(), Look::PHONE, Look::PHONE.dark().russian()];

/// Opens each page in each look. Returns whether there is a browser.
async fn look_at(app: &TestApp, paths: &[&str]) -> bool {
    for look in LOOKS {
        let Some(browser) = Browser::open(look).await else { return false };
        browser.goto(url(app, "/console/login")).await;
        browser.assert_no_sideways_scrolling().await;
        browser.write("#token", &token()).await;
        browser.click(".login button").await;
        for path in paths {
            browser.goto(url(app, path)).await;
            browser.until_true("document.querySelector('nav [aria-current=page]') !== null").await;
            browser.assert_no_sideways_scrolling().await;
            assert_accessible(&browser).await;
            assert!(!browser.title().await.contains("hacked"), "{path}");
            browser.assert_no_complaint().await;
        }
    }
    true
}

#[tokio::test]
async fn each_page_of_the_console_is_readable_in_every_look() {
    let app = with_updates().await;
    look_at(&app, &PAGES).await;
}

#[tokio::test]
async fn the_page_of_a_bot_that_is_away_is_readable_in_every_look() {
    let mut app = with_console().with("forward.url", "http://127.0.0.1:1/").start().await;
    app.allow_unfinished_work = true;
    look_at(&app, &["/console", "/console/bot", "/console/webhook"]).await;
}

#[tokio::test]
async fn a_first_view_of_each_page_of_the_console_is_small() {
    let app = with_updates().await;
    let operator = Operator::log_in(&app).await;
    let cookie = format!("Cookie: doorbell_session={}\r\n", operator.session);
    assert_small(app.addr, "/console/login", "").await;
    for path in PAGES {
        assert_small(app.addr, path, &cookie).await;
    }
}

#[tokio::test]
async fn a_script_in_a_reason_is_text_on_every_page() {
    let app = with_updates().await;
    let Some(browser) = Browser::open(Look::DESKTOP).await else { return };
    open(&browser, &app, "/console/dead").await;
    for path in ["/console/dead", "/console/updates/2", "/console/bot", "/console/updates"] {
        browser.goto(url(&app, path)).await;
        browser.sees_in("main", super::console::SCRIPT).await;
        assert!(!browser.title().await.contains("hacked"), "{path}");
    }
    browser.assert_no_complaint().await;
}
