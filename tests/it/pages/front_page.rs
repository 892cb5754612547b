//! `GET /` of the service, as people see it.

use super::axe::assert_accessible;
use super::browser::{Browser, Look};
use super::wire::assert_small;
use crate::harness::TestApp;

#[tokio::test]
async fn the_front_page_is_readable_in_every_look_and_small() {
    let app = TestApp::spawn().await;
    let address = format!("http://{}/", app.addr);
    assert_small(app.addr, "/", "").await;
    for look in [Look::DESKTOP, Look::DESKTOP.dark(), Look::PHONE, Look::PHONE.dark()] {
        let Some(browser) = Browser::open(look).await else { return };
        browser.goto(&address).await;
        browser.sees("The service is running.").await;
        browser.assert_no_sideways_scrolling().await;
        assert_accessible(&browser).await;
        browser.assert_no_complaint().await;
    }
}

#[tokio::test]
async fn the_language_is_the_persons_and_a_switch_changes_it_without_javascript() {
    let app = TestApp::spawn().await;
    let Some(browser) = Browser::open(Look::PHONE.russian().without_scripts()).await else { return };
    browser.goto(format!("http://{}/", app.addr)).await;
    browser.sees("Сервис работает.").await;
    assert_eq!(browser.title().await, "Вебхук-сервис · Doorbell");
    browser.press("English").await;
    browser.sees("The service is running.").await;
    browser.goto(format!("http://{}/", app.addr)).await;
    browser.sees("The service is running.").await;
    assert_eq!(browser.url().await.query(), None, "the choice is kept in a cookie");
    browser.back().await;
    assert_eq!(browser.url().await.query(), Some("lang=en"));
}
