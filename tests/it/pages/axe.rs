//! axe-core, which finds what people who see, hear or move badly cannot use.

use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use super::browser::Browser;
use super::driver::is_installed;
use crate::harness::{print_line, skip_without};

/// The package, with the version of the rules.
const PACKAGE: &str = "axe-core@4.14.1";

/// Fails the test when the page breaks a rule. Without npm, a line says once that the rules are not checked.
pub(super) async fn assert_accessible(browser: &Browser) {
    let Some(script) = script() else { return };
    browser.run(script).await;
    let found = browser.promised("axe.run({ resultTypes: ['violations'] })").await;
    let violations = found["violations"].as_array().unwrap_or_else(|| panic!("axe-core failed: {found}"));
    assert!(found["passes"].as_array().is_some_and(|passes| passes.len() > 5), "few rules were checked: {found}");
    let told: Vec<_> = violations.iter().map(told).collect();
    assert!(told.is_empty(), "{}: {told:#?}", browser.url().await);
}

/// A violation in a few words.
fn told(violation: &Value) -> String {
    let nodes = violation["nodes"].as_array().into_iter().flatten();
    let nodes: Vec<_> = nodes.map(|node| format!("{} {}", node["html"], node["any"][0]["message"])).collect();
    format!("{}: {} {nodes:?}", violation["id"], violation["help"])
}

/// axe-core, which is installed from npm in a throw-away folder.
fn script() -> Option<&'static str> {
    static SCRIPT: OnceLock<Option<String>> = OnceLock::new();
    let install = || {
        #[expect(clippy::disallowed_methods, reason = "this configures the tests, not the service")]
        if std::env::var_os("DOORBELL_WITHOUT_AXE").is_some() {
            print_line("SKIPPED because of DOORBELL_WITHOUT_AXE: the rules of axe-core");
            return None;
        }
        if !is_installed("npm") {
            skip_without("npm", "the rules of axe-core");
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--prefer-offline", PACKAGE]).current_dir(folder.path());
        let installed = npm.output().expect("npm is there");
        if !installed.status.success() {
            let errors = String::from_utf8_lossy(&installed.stderr);
            skip_without(&format!("axe-core cannot be fetched ({errors}) and"), "the rules of axe-core");
            return None;
        }
        let script = folder.path().join("node_modules/axe-core/axe.min.js");
        Some(std::fs::read_to_string(script).expect("the package has this file"))
    };
    SCRIPT.get_or_init(install).as_deref()
}
