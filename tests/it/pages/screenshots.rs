//! The pictures of the README: `DOORBELL_SCREENSHOTS=1 cargo test --test it pages` makes them anew.

use std::path::Path;

use super::browser::Browser;

/// The most bytes of a picture in the repository.
const MOST: usize = 150_000;

/// Writes what is seen in a small window into `examples/screenshots`, if the environment asks for it.
pub(super) async fn take(browser: &Browser, name: &str) {
    #[expect(clippy::disallowed_methods, reason = "this configures the tests, not the service")]
    let is_wanted = std::env::var_os("DOORBELL_SCREENSHOTS").is_some();
    if !is_wanted {
        return;
    }
    browser.shrink().await;
    let picture = browser.screenshot().await;
    assert!(picture.len() <= MOST, "{name}: {} bytes", picture.len());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/screenshots");
    std::fs::create_dir_all(&folder).expect("it can be created");
    std::fs::write(folder.join(name).with_extension("png"), picture).expect("it can be written");
}
