//! The pictures of the README. `DOORBELL_SCREENSHOTS=1 cargo test --test it screenshots` makes them anew; without it the same
//! scenes are played and checked, and nothing is written.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use doorbell::handler::HandlerError;
use doorbell::telegram::Call;
use doorbell::update::Update;

use super::browser::{Browser, ENTER, Look};
use super::console::{open, url};
use crate::console::with_console;
use crate::harness::waiting::until;
use crate::harness::{SandboxProcess, handler_fn, message, text};

/// The most bytes of a picture in the repository.
const MOST: usize = 150_000;

/// The photo that a person sends: hills below the sun.
const PHOTO: &str = "(() => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 200, height: 112 });
    const draw = canvas.getContext('2d');
    const fill = (colour, shape) => { draw.fillStyle = colour; draw.beginPath(); shape(); draw.fill(); };
    fill('#a9d0ef', () => draw.rect(0, 0, 200, 112));
    fill('#ffd166', () => draw.arc(150, 32, 16, 0, 7));
    fill('#6c8ea8', () => { draw.moveTo(0, 95); draw.lineTo(60, 38); draw.lineTo(120, 95); });
    fill('#557790', () => { draw.moveTo(66, 95); draw.lineTo(126, 54); draw.lineTo(200, 95); });
    fill('#4f7d4a', () => draw.ellipse(60, 120, 140, 38, 0, 0, 7));
    fill('#3d6b3a', () => draw.ellipse(175, 124, 107, 38, 0, 0, 7));
    return canvas.toDataURL('image/png').split(',')[1];
})()";

#[expect(clippy::disallowed_methods, reason = "this configures the tests, not the service")]
fn are_wanted() -> bool {
    std::env::var_os("DOORBELL_SCREENSHOTS").is_some()
}

/// Writes what is seen into `examples/screenshots`, if the environment asks for it.
async fn take(browser: &Browser, name: &str) {
    browser.run("scrollTo(0, 0)").await;
    browser.assert_no_sideways_scrolling().await;
    browser.assert_no_complaint().await;
    let picture = browser.screenshot().await;
    assert!(!picture.is_empty(), "{name}");
    if are_wanted() {
        assert!(picture.len() <= MOST, "{name}: {} bytes", picture.len());
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/screenshots");
        std::fs::create_dir_all(&folder).expect("it can be created");
        std::fs::write(folder.join(name).with_extension("png"), picture).expect("it can be written");
    }
}

async fn say(browser: &Browser, text: &str, answer: &str) {
    browser.write("#text", text).await;
    browser.write("#text", ENTER).await;
    browser.sees_in(".bubble.bot", answer).await;
}

#[tokio::test]
async fn the_picture_of_the_chat_shows_buttons_a_photo_and_a_trail() {
    let sandbox = SandboxProcess::start();
    let Some(browser) = Browser::open(Look::DESKTOP).await else { return };
    // The three columns need at least 1,024 pixels.
    browser.resize(1040, 770).await;
    browser.goto(format!("http://{}/", sandbox.bot_api)).await;
    say(&browser, "/start", "Hello, Ann").await;
    let photo = browser.value(PHOTO).await;
    let photo = STANDARD.decode(photo.as_str().expect("a text")).expect("the photo");
    let file = sandbox.folder.path().join("hills.png");
    std::fs::write(&file, photo).expect("it can be written");
    browser.press("Attach").await;
    browser.write("input[name=file]", &file.to_string_lossy()).await;
    browser.write("#text", "The view from here").await;
    browser.write("#text", ENTER).await;
    browser.until_true("document.querySelector('.part img')?.naturalWidth === 200").await;
    browser.until_true("document.querySelectorAll('.bubble.bot').length === 2").await;
    browser.run("document.querySelector('#attach').open = false").await;
    browser.until_true("document.querySelectorAll('.bubble.own a.mark').length === 2").await;
    browser.run("document.querySelector('.bubble.own a.mark').click()").await;
    browser.sees_in(".trail li", "answered 200").await;
    browser.sees_in("details.call", "sendMessage").await;
    // In a reversed column, zero is the end.
    browser.run("document.querySelector('#log').scrollTop = 0").await;
    browser.sees_in(".bubble .keyboard", "About webhooks").await;
    take(&browser, "chat").await;
}

#[tokio::test]
async fn the_picture_of_the_chat_on_a_phone_is_dark() {
    let sandbox = SandboxProcess::start();
    let Some(browser) = Browser::open(Look::PHONE.dark()).await else { return };
    browser.resize(390, 844).await;
    browser.goto(format!("http://{}/", sandbox.bot_api)).await;
    say(&browser, "/start", "Hello, Ann").await;
    say(&browser, "/echo Is anybody there?", "You said: Is anybody there?").await;
    say(&browser, "/whoami", "user 1, in chat 1").await;
    browser.until_true("document.querySelectorAll('.bubble').length === 6").await;
    take(&browser, "chat-dark-phone").await;
}

#[tokio::test]
async fn the_picture_of_the_console_shows_updates_and_dead_letters() {
    let handler = handler_fn(|update: Update| async move {
        let number = update.id.0;
        tokio::time::sleep(Duration::from_millis(number.unsigned_abs() % 7 * 3)).await;
        match text(&update).as_str() {
            "/order 4711" => Err(HandlerError::Reject("the order is not known".to_owned())),
            _ => Ok(vec![Call::send_message(number % 3 + 1, "Thank you.")]),
        }
    });
    let mut app = with_console().with_handler(handler).start().await;
    app.allow_unfinished_work = true;
    app.registered().await;
    let Some(browser) = Browser::open(Look::DESKTOP).await else { return };
    browser.resize(1280, 850).await;
    let mut number = 0;
    // The charts show five minutes, with a value every five seconds.
    let rounds: usize = if are_wanted() { 24 } else { 1 };
    for round in 0..rounds {
        for _ in 0..[14, 19, 11, 25, 32, 21, 17, 28][round % 8] {
            number += 1;
            let text = if number % 37 == 5 { "/order 4711" } else { "/order" };
            assert_eq!(app.deliver(&message(number, number % 3 + 1, text)).await.status, 200);
        }
        if are_wanted() {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    }
    until("all are handled", async || (app.survey().await.waiting == 0).then_some(())).await;
    open(&browser, &app, "/console").await;
    browser.goto(url(&app, "/console")).await;
    browser.sees_in(".counts", "dead letter").await;
    browser.until_true("document.querySelectorAll('.parts .ok').length === 3").await;
    take(&browser, "console").await;
}
