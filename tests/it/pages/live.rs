//! What all pages share, in a browser: live updates, forms without JavaScript, and the refusal of other sites.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::response::{Html, Redirect};
use axum::routing::{get, post};
use doorbell::clock::SystemClock;
use doorbell::http::listener::{self, Limits};
use doorbell::http::pages::{self, Language, Live, Page};
use doorbell::lifecycle::{Shutdown, Task};
use tokio::sync::watch;

use super::axe::assert_accessible;
use super::browser::{Browser, Look};
use crate::harness::print_line;

/// A service with one page, which shows a number that a form increases.
struct Service {
    addr: SocketAddr,
    _shutdown: Shutdown,
}

impl Service {
    fn start(routes: Router) -> Self {
        let shutdown = Shutdown::new();
        let socket = listener::bind(([127, 0, 0, 1], 0).into()).expect("a free port is free");
        let addr = socket.local_addr().expect("it has an address");
        let (limits, counts, clock) = (Limits::default(), Arc::default(), Arc::new(SystemClock));
        let deps = listener::Deps { limits, counts, clock, shutdown: shutdown.clone() };
        shutdown.supervise(Task::Listener, listener::serve(socket, routes, deps));
        Self { addr, _shutdown: shutdown }
    }

    fn with_a_page() -> Self {
        let live = Live::new(Arc::new(SystemClock), Shutdown::new());
        let number = watch::Sender::new(0);
        let (shown, seen) = (number.subscribe(), number.subscribe());
        let stream = get(async move || live.stream(seen.clone()));
        let add = post(async move || {
            number.send_modify(|number| *number += 1);
            Redirect::to("/")
        });
        let show = get(async move |language: Language| Html(page(language, *shown.borrow())));
        Self::start(pages::routes(Router::new().route("/", show).route("/add", add).route("/live", stream)))
    }

    fn url(&self) -> String {
        format!("http://{}/", self.addr)
    }
}

fn page(language: Language, number: u64) -> String {
    let page =
        Page { language, title: "A page".to_owned(), root: String::new(), live: Some("/live".to_owned()), query: None };
    let (style, script, icon, code) = (page.style(), page.script(), page.icon(), language.code());
    let items = "<p>an item</p>".repeat(100);
    format!(
        r#"<!doctype html><html lang="{code}"><head><title>A page</title><link rel="stylesheet" href="{style}">
<link rel="icon" href="{icon}">
<script src="{script}" data-live="/live" defer></script></head><body><main id="main" tabindex="-1">
<h1>A page</h1><p id="number">{number}</p><form method="post" action="/add"><label for="text">A text</label>
<textarea id="text" name="text"></textarea><button>Add</button></form>
<details id="more"><summary>More</summary><p>details</p></details>{items}</main></body></html>"#
    )
}

#[tokio::test]
async fn a_second_window_follows_live_and_keeps_what_a_person_is_doing() {
    let service = Service::with_a_page();
    let Some([first, second]) = Browser::open_two(Look::DESKTOP).await else { return };
    for browser in [&first, &second] {
        browser.goto(service.url()).await;
        browser.sees_in("#number", "0").await;
    }
    second.press("More").await;
    second.write("#text", "half a sente").await;
    second.run("scrollTo(0, 300)").await;
    let began = Instant::now();
    first.click("form button").await;
    second.until_true("document.querySelector('#number').textContent === '1'").await;
    print_line(&format!("the second window showed the change {} ms after the click", began.elapsed().as_millis()));
    assert_eq!(second.value("document.querySelector('#text').value").await, "half a sente");
    assert_eq!(second.value("document.activeElement.id").await, "text");
    assert_eq!(second.value("document.querySelector('#more').open").await, true);
    assert_eq!(second.value("scrollY").await, 300);
    // The person goes on typing, and the next change does not disturb either.
    second.write("#text", "nce").await;
    first.click("form button").await;
    second.until_true("document.querySelector('#number').textContent === '2'").await;
    assert_eq!(second.value("document.querySelector('#text').value").await, "half a sentence");
    assert_eq!(second.count("main").await, 1);
    assert_accessible(&second).await;
    for browser in [&first, &second] {
        browser.assert_no_complaint().await;
    }
}

#[tokio::test]
async fn without_javascript_a_form_works_and_the_page_is_loaded_again() {
    let service = Service::with_a_page();
    let Some(browser) = Browser::open(Look::PHONE.without_scripts()).await else { return };
    browser.goto(service.url()).await;
    browser.click("form button").await;
    browser.sees_in("#number", "1").await;
    browser.assert_no_complaint().await;
}

#[tokio::test]
async fn a_form_on_a_page_of_another_site_is_refused() {
    let service = Service::with_a_page();
    let form = format!("<form method=post action={}add><button>Win a prize</button></form>", service.url());
    let other = Service::start(Router::new().route("/", get(async || Html(form))));
    let Some(browser) = Browser::open(Look::DESKTOP).await else { return };
    browser.goto(other.url()).await;
    browser.click("button").await;
    browser.sees("The request came from a page of another site").await;
    browser.goto(service.url()).await;
    browser.sees_in("#number", "0").await;
}
