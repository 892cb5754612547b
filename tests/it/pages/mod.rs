//! The pages in a real browser: headless Chromium, driven over WebDriver. A machine without it says so in one line, and
//! `CI=true` requires it.

mod axe;
mod browser;
mod driver;
mod front_page;
mod left_running;
mod wire;
