//! A browser that a test drives as a person would.

use std::time::Duration;

use serde_json::{Value, json};
use thirtyfour::prelude::{By, WebDriver};
use thirtyfour::{Capabilities, WebElement};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::driver::{Driver, PlainClient};
use crate::harness::waiting::{soon, until};

/// The enter key.
pub(super) const ENTER: &str = "\u{e007}";

/// How many browsers run at the same time: one for each core of a small machine.
const BROWSERS: u32 = 2;

/// A browser starts slowly while other tests use the machine.
const START: Duration = Duration::from_mins(2);

static SLOTS: Semaphore = Semaphore::const_new(BROWSERS as usize);

/// What a person's browser is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) is_dark: bool,
    pub(super) has_scripts: bool,
    /// The language of the person, as the browser sends it.
    pub(super) language: &'static str,
}

impl Look {
    pub(super) const DESKTOP: Self =
        Self { width: 1280, height: 800, is_dark: false, has_scripts: true, language: "en" };
    /// The narrowest phone that the pages support.
    pub(super) const PHONE: Self = Self { width: 320, height: 640, ..Self::DESKTOP };

    pub(super) const fn dark(self) -> Self {
        Self { is_dark: true, ..self }
    }

    pub(super) const fn without_scripts(self) -> Self {
        Self { has_scripts: false, ..self }
    }

    pub(super) const fn russian(self) -> Self {
        Self { language: "ru", ..self }
    }
}

/// An open browser. It is closed when it is dropped.
pub(super) struct Browser {
    driver: WebDriver,
    _slot: Option<SemaphorePermit<'static>>,
}

impl Browser {
    /// Opens a browser. `None` if this machine has none: the test is then skipped.
    pub(super) async fn open(look: Look) -> Option<Self> {
        let driver = Driver::shared()?;
        let slot = SLOTS.acquire().await.expect("it is never closed");
        Some(Self::start(driver, look, Some(slot)).await)
    }

    /// Opens two browsers of two people.
    pub(super) async fn open_two(look: Look) -> Option<[Self; 2]> {
        let driver = Driver::shared()?;
        let slots = SLOTS.acquire_many(BROWSERS).await.expect("it is never closed");
        Some([Self::start(driver, look, Some(slots)).await, Self::start(driver, look, None).await])
    }

    pub(super) async fn start(driver: &Driver, look: Look, slot: Option<SemaphorePermit<'static>>) -> Self {
        let session = WebDriver::builder(&driver.url, capabilities(look)).client(PlainClient::connect());
        let started = tokio::time::timeout(START, session.connect()).await.expect("a browser starts");
        let driver = started.expect("a session with the browser");
        let browser = Self { driver, _slot: slot };
        browser.become_like(look).await;
        browser
    }

    async fn become_like(&self, look: Look) {
        let Look { width, height, is_dark, has_scripts, language: _ } = look;
        self.resize(width, height).await;
        let scheme = if is_dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.order("Emulation.setEmulatedMedia", media).await;
        self.order("Emulation.setScriptExecutionDisabled", json!({ "value": !has_scripts })).await;
    }

    /// Changes the size of the window.
    pub(super) async fn resize(&self, width: u32, height: u32) {
        // Chromium has a least width for windows, which is wider than a phone.
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.order("Emulation.setDeviceMetricsOverride", screen).await;
    }

    /// A command of the browser's own protocol.
    pub(super) async fn order(&self, command: &str, parameters: Value) -> Value {
        self.driver.cdp().send_raw(command, parameters).await.expect(command)
    }

    /// Opens a page and waits until it is loaded.
    pub(super) async fn goto(&self, url: impl AsRef<str>) {
        soon("the page loads", self.driver.goto(url.as_ref())).await.expect("the page can be opened");
    }

    /// Goes one page back.
    pub(super) async fn back(&self) {
        self.driver.back().await.expect("there is a page before this one");
    }

    pub(super) async fn url(&self) -> url::Url {
        self.driver.current_url().await.expect("a page is open")
    }

    pub(super) async fn title(&self) -> String {
        self.driver.title().await.expect("a page is open")
    }

    /// The visible text of the whole page.
    pub(super) async fn page_text(&self) -> String {
        self.text("body").await
    }

    /// The visible text of the first element that fits the selector.
    pub(super) async fn text(&self, css: &str) -> String {
        until(css, async || self.find(css).await?.text().await.ok()).await
    }

    /// The visible texts of all elements that fit the selector now.
    pub(super) async fn texts(&self, css: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for element in self.driver.find_all(By::Css(css)).await.expect("a page is open") {
            // It may have been replaced since.
            if let Ok(text) = element.text().await {
                texts.push(text);
            }
        }
        texts
    }

    /// Waits until the page shows this text.
    pub(super) async fn sees(&self, text: &str) {
        self.sees_in("body", text).await;
    }

    /// Waits until an element that fits the selector shows this text. A failure shows the page.
    pub(super) async fn sees_in(&self, css: &str, text: &str) {
        let what = format!("{css} shows {text:?}");
        self.wait(&what, async || self.texts(css).await.iter().any(|seen| seen.contains(text)).then_some(())).await;
    }

    /// Waits until the page contains this text, also where it is scrolled out of sight.
    pub(super) async fn contains(&self, text: &str) {
        self.wait(text, async || self.text_content().await.contains(text).then_some(())).await;
    }

    async fn text_content(&self) -> String {
        self.value("document.querySelector('main').textContent").await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits for a value. A failure shows the page.
    async fn wait<T>(&self, what: &str, answer: impl AsyncFnMut() -> Option<T>) -> T {
        let failure = tokio::select! {
            value = until(what, answer) => return value,
            () = tokio::time::sleep(Duration::from_secs(15)) => self.page_text().await,
        };
        panic!("this does not happen at {}: {what}. The page shows:\n{failure}", self.url().await);
    }

    /// How many elements fit the selector now.
    pub(super) async fn count(&self, css: &str) -> usize {
        self.driver.find_all(By::Css(css)).await.expect("a page is open").len()
    }

    /// Clicks the first element that fits the selector, as soon as there is one that can be clicked.
    pub(super) async fn click(&self, css: &str) {
        self.wait(css, async || self.find(css).await?.click().await.ok()).await;
    }

    /// Clicks the first button, link or summary with this text.
    pub(super) async fn press(&self, text: &str) {
        let path = format!(
            "//*[self::button or self::a or self::summary or self::label][contains(normalize-space(.), '{text}')]"
        );
        self.wait(text, async || self.driver.find(By::XPath(path.as_str())).await.ok()?.click().await.ok()).await;
    }

    /// Types a text or a key such as [`ENTER`] into a field.
    pub(super) async fn write(&self, css: &str, text: &str) {
        self.wait(css, async || self.find(css).await?.send_keys(text).await.ok()).await;
    }

    /// Presses keys on whatever has the focus, as on a keyboard.
    pub(super) async fn press_keys(&self, keys: &str) {
        self.driver.action_chain().send_keys(keys).perform().await.expect("a page is open");
    }

    /// Ends without closing the browser.
    pub(super) fn leave(self) {
        self.driver.leak().expect("it has not been closed");
    }

    async fn find(&self, css: &str) -> Option<WebElement> {
        self.driver.find(By::Css(css)).await.ok()
    }

    /// The value of a JavaScript expression in the page.
    pub(super) async fn value(&self, expression: &str) -> Value {
        let value = self.driver.execute(format!("return {expression}"), Vec::new()).await;
        value.expect(expression).json().clone()
    }

    /// The value of a promise of the page.
    pub(super) async fn promised(&self, promise: &str) -> Value {
        let script =
            format!("const done = arguments[arguments.length - 1]; {promise}.then(done, e => done(String(e)))");
        self.driver.execute_async(script, Vec::new()).await.expect(promise).json().clone()
    }

    /// Waits until a JavaScript expression is true.
    pub(super) async fn until_true(&self, expression: &str) {
        self.wait(expression, async || (self.value(expression).await == true).then_some(())).await;
    }

    /// Runs a script in the page.
    pub(super) async fn run(&self, script: &str) {
        self.driver.execute(script, Vec::new()).await.expect("the script runs");
    }

    /// What is seen now, as PNG.
    pub(super) async fn screenshot(&self) -> Vec<u8> {
        self.driver.screenshot_as_png().await.expect("a page is open")
    }

    /// Fails the test when the browser has complained since the last call: a failed script, a refused resource or a
    /// violated policy.
    pub(super) async fn assert_no_complaint(&self) {
        let log = self.driver.browser_log().await.expect("the browser keeps a log");
        let complaints: Vec<_> = log.into_iter().map(|entry| entry.message).collect();
        assert!(complaints.is_empty(), "the browser complained: {complaints:#?}");
    }

    /// Fails the test when the page is wider than the window.
    pub(super) async fn assert_no_sideways_scrolling(&self) {
        let widths = self.value("[document.scrollingElement.scrollWidth, innerWidth]").await;
        let wide = "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)\
                    .slice(0, 5).map(e => e.outerHTML.slice(0, 200))";
        assert!(widths[0].as_i64() <= widths[1].as_i64(), "{widths}: {:#}", self.value(wide).await);
    }
}

fn capabilities(look: Look) -> Capabilities {
    let arguments = [
        "--headless=new",
        // The sandbox needs rights that a container or root does not have. Only our own pages are opened.
        "--no-sandbox",
        // Containers have little shared memory.
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--disable-background-networking",
        "--no-first-run",
        // Whatever a page names, nothing but this machine is reached.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        &format!("--lang={}", look.language),
        &format!("--window-size={},{}", look.width, look.height),
    ]
    .map(ToOwned::to_owned);
    let capabilities = json!({
        "browserName": "chrome",
        "goog:chromeOptions": {
            "args": arguments,
            "prefs": { "intl.accept_languages": look.language },
        },
        "goog:loggingPrefs": { "browser": "WARNING" },
    });
    serde_json::from_value(capabilities).expect("capabilities are an object")
}
