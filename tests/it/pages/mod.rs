//! The pages in a real browser: headless Chromium, driven through chromedriver. A machine without it says so in one line, and
//! `CI=true` requires it.

mod axe;
mod browser;
mod chat;
mod console;
mod console_looks;
mod driver;
mod event_stream;
mod front_page;
mod left_running;
mod live;
mod screenshots;
mod wire;
