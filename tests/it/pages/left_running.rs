//! The tests leave no process behind.

use std::fs;
use std::path::Path;

use super::browser::{Browser, Look};
use super::driver::Driver;
use crate::harness::waiting::until;

/// The living processes of a session.
fn processes(of: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("Linux has /proc");
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let session = |id: u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let fields: Vec<_> = stat.rsplit_once(") ")?.1.split(' ').map(ToOwned::to_owned).collect();
        (fields[0] != "Z").then_some(fields[3].clone())
    };
    ids.filter(|id| session(*id).as_deref() == Some(of)).collect()
}

/// The id of the driver, whose session holds all that it has started.
fn driver_id(script: u32) -> Option<String> {
    let children = fs::read_to_string(format!("/proc/{script}/task/{script}/children")).ok()?;
    let is_driver = |id: &&str| {
        let name = fs::read_to_string(Path::new("/proc").join(id).join("comm"));
        name.is_ok_and(|name| name.trim() == "chromedriver")
    };
    children.split(' ').find(is_driver).map(ToOwned::to_owned)
}

#[tokio::test]
async fn a_driver_ends_with_its_browsers_when_the_tests_end() {
    let Some(mut driver) = Driver::start() else { return };
    let browser = Browser::start(&driver, Look::DESKTOP, None).await;
    browser.goto("about:blank").await;
    let id = driver_id(driver.script.id()).expect("the script has started the driver");
    let running = processes(&id).len();
    assert!(running > 2, "{running}: the driver and a browser of several processes");
    // As when the tests are killed: nothing closes the session.
    browser.leave();
    drop(driver.script.stdin.take());
    until("the script ends", async || driver.script.try_wait().expect("it is a child")).await;
    assert_eq!(processes(&id), [0; 0]);
}
