//! Two rules about the sources, checked by reading them: which module may import which, and which files alone may name
//! a library, read a secret or use the environment, the clock and other side effects.

use std::fs;
use std::path::{Path, PathBuf};

/// Each module, and the other modules that it may import.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    // `fail_points` is below all others, because several modules contain points at which a test ends the process.
    ("fail_points", &[]),
    ("clock", &[]),
    ("humanize", &[]),
    ("update", &["clock"]),
    ("lifecycle", &["fail_points"]),
    // `settings` imports only the rules of a webhook URL from `telegram` (`telegram/webhook_url.rs`).
    ("settings", &["telegram", "update", "humanize"]),
    ("telemetry", &["clock", "settings"]),
    // Below the modules that report what they did with an update.
    ("trail", &["clock", "update"]),
    // `telemetry` is below the modules that count: each takes its counter types from there and owns its counters.
    ("telegram", &["update", "clock", "settings", "telemetry", "humanize"]),
    ("inbox", &["update", "clock", "fail_points", "lifecycle", "settings", "telegram", "telemetry"]),
    // `handler` hands the span of an attempt to those who send requests for it.
    ("handler", &["update", "clock", "settings", "telegram", "telemetry"]),
    ("handler/forward", &["update", "clock", "lifecycle", "settings", "telegram", "telemetry", "trail"]),
    ("webhook", &["update", "clock", "settings", "http", "inbox", "telegram", "telemetry", "trail"]),
    (
        "dispatch",
        &[
            "update",
            "clock",
            "fail_points",
            "settings",
            "inbox",
            "handler",
            "telegram",
            "lifecycle",
            "telemetry",
            "trail",
            "humanize",
        ],
    ),
    ("registrar", &["clock", "settings", "telegram", "lifecycle", "telemetry", "humanize"]),
    // The Bot API for the bot behind the service. It reads the target of the forward, and waits as the telegram client does.
    ("gateway", &["clock", "handler", "http", "humanize", "inbox", "lifecycle", "settings", "telegram", "telemetry"]),
    ("process", &["clock", "lifecycle", "settings", "telegram", "telemetry"]),
    // What all routes share. The folders that report on other modules have lines of their own.
    ("http", &["clock", "lifecycle", "telegram", "telemetry"]),
    // It has the words for the steps of the trail, which two kinds of pages show.
    ("http/pages", &["clock", "lifecycle", "humanize", "trail"]),
    (
        "http/health",
        &["clock", "dispatch", "handler", "inbox", "lifecycle", "registrar", "telemetry", "webhook", "humanize"],
    ),
    ("http/metrics", &["clock", "dispatch", "inbox", "registrar", "telegram", "telemetry", "webhook"]),
    // It shows what the other modules report, and is built only by `app`.
    (
        "console",
        &[
            "clock",
            "dispatch",
            "handler",
            "http",
            "humanize",
            "inbox",
            "process",
            "registrar",
            "settings",
            "telegram",
            "telemetry",
            "trail",
            "update",
            "webhook",
        ],
    ),
    // Engines record spans through `telemetry`; only `traces` knows the collector. It takes its HTTP client from `telegram`.
    ("traces", &["clock", "lifecycle", "settings", "telegram", "telemetry"]),
    // From `http` it takes what its page shares with the others.
    ("sandbox", &["update", "clock", "settings", "telegram", "lifecycle", "http", "trail", "humanize"]),
    // From `handler` it takes what the forward knows of a bot's address and target.
    ("doctor", &["clock", "settings", "handler", "http", "inbox", "telegram", "registrar", "humanize"]),
    (
        "app",
        &[
            "clock",
            "console",
            "dispatch",
            "gateway",
            "handler",
            "http",
            "inbox",
            "lifecycle",
            "process",
            "registrar",
            "settings",
            "telegram",
            "telemetry",
            "traces",
            "trail",
            "update",
            "webhook",
        ],
    ),
    (
        "cli",
        &[
            "app",
            "clock",
            "fail_points",
            "doctor",
            "http",
            "inbox",
            "lifecycle",
            "process",
            "registrar",
            "sandbox",
            "settings",
            "telegram",
            "telemetry",
            "trail",
            "update",
            "webhook",
            "humanize",
        ],
    ),
];

/// Each restricted name, and the paths whose files may contain it.
const ONLY_HERE: &[(&str, &[&str])] = &[
    ("reqwest::", &["telegram/", "http/probe.rs", "traces/collector.rs"]),
    ("opentelemetry_otlp::", &["traces/"]),
    ("prometheus_client::", &["telemetry/", "http/metrics/"]),
    ("tower_http::", &["http/"]),
    ("rusqlite::", &["inbox/sqlite/"]),
    ("sqlx::", &["inbox/postgres/"]),
    ("tokio::spawn", &["lifecycle/"]),
    ("signal::unix", &["lifecycle/"]),
    ("std::env", &["settings/sources.rs"]),
    ("env::var", &["settings/sources.rs"]),
    // `process` reads `/proc`, to find the processes that a bot has left behind.
    ("std::fs", &["settings/", "inbox/sqlite/", "http/metrics/process.rs", "process/descendants.rs"]),
    ("tracing_subscriber::", &["telemetry/", "settings/"]),
    ("config::", &["settings/"]),
    ("toml::", &["settings/"]),
    ("set_hook", &["telemetry/"]),
    ("anyhow::", &["cli/"]),
    ("println!", &["cli/"]),
    ("SystemTime::now", &["clock.rs"]),
    ("Timestamp::now", &["clock.rs"]),
    ("getUpdates", &["sandbox/", "telegram/forbidden.rs"]),
    ("rustix::", &["lifecycle/", "process/"]),
];

/// The files that read a secret, and how often each does.
const READ_SECRETS: &[(&str, usize)] = &[
    ("cli/gateway.rs", 1),
    ("cli/ring.rs", 1),
    ("cli/webhook.rs", 1),
    ("console/session.rs", 1),
    ("http/probe.rs", 1),
    ("http/token.rs", 1),
    ("inbox/postgres/database.rs", 1),
    ("process/environment.rs", 3),
    ("process/redaction.rs", 4),
    ("registrar/wanted.rs", 1),
    ("settings/layer.rs", 1),
    ("settings/merged.rs", 1),
    ("settings/proxy.rs", 3),
    ("settings/reader.rs", 3),
    ("settings/sections/console.rs", 2),
    ("settings/sections/forward.rs", 1),
    ("settings/sections/headers.rs", 1),
    ("settings/sections/inbox.rs", 2),
    ("settings/sources.rs", 2),
    ("settings/toml_file.rs", 1),
    ("settings/variables.rs", 5),
    ("telegram/client.rs", 1),
    ("telegram/methods.rs", 2),
    ("telegram/token.rs", 5),
];

/// The sources without their tests, each with its path below `src` and its text.
pub(crate) fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "tests") {
                    folders.push(path);
                }
                continue;
            }
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            if path.extension().is_none_or(|ending| ending != "rs") || is_test_module(&path) {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let code: String =
                code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
            sources.push((name, code));
        }
    }
    assert!(sources.len() > 40, "too few sources were found");
    sources
}

/// Whether a file is a module that is compiled only for tests.
fn is_test_module(path: &Path) -> bool {
    let (folder, stem) = (path.parent().unwrap(), path.file_stem().unwrap().to_str().unwrap());
    let declared = format!("#[cfg(test)]\nmod {stem};");
    let parents = [folder.join("mod.rs"), folder.with_extension("rs")];
    parents.iter().any(|parent| fs::read_to_string(parent).is_ok_and(|text| text.contains(&declared)))
}

fn module(path: &str) -> &str {
    path.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The modules that a file may import: the line of its folder applies, otherwise the line of its module.
fn may_import(path: &str) -> Option<&'static [&'static str]> {
    let line = |of: &str| MAY_IMPORT.iter().find(|(name, _)| *name == of).map(|(_, allowed)| *allowed);
    let folder = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
    line(folder).or_else(|| line(module(path)))
}

/// The modules that a source imports by `crate::module`, also in lists.
fn imports(code: &str) -> Vec<String> {
    let flat: String = code.split_whitespace().collect::<Vec<_>>().join(" ");
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut modules = Vec::new();
    for piece in flat.split("crate::").skip(1) {
        match piece.strip_prefix('{') {
            Some(list) => modules.extend(list.split('}').next().unwrap().split(',').map(|item| word(item.trim()))),
            None => modules.push(word(piece)),
        }
    }
    modules
}

#[test]
fn a_module_imports_only_the_modules_it_may() {
    let mut violations = Vec::new();
    for (path, code) in sources() {
        let module = module(&path);
        if matches!(module, "lib" | "main") {
            continue;
        }
        let Some(allowed) = may_import(&path) else {
            violations.push(format!("{path}: this module is not in the list"));
            continue;
        };
        for seen in imports(&code) {
            if seen != module && !allowed.contains(&seen.as_str()) {
                violations.push(format!("{path} imports {seen}"));
            }
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn restricted_names_occur_only_in_the_files_that_may_contain_them() {
    let mut violations = Vec::new();
    for (path, code) in sources() {
        for (name, paths) in ONLY_HERE {
            if code.contains(name) && !paths.iter().any(|allowed| path.starts_with(allowed)) {
                violations.push(format!("{path} names {name}"));
            }
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn the_files_that_read_a_secret_are_known() {
    let count = |(path, code): (String, String)| (path, code.matches("expose_secret(").count());
    let mut seen: Vec<_> = sources().into_iter().map(count).filter(|(_, times)| *times > 0).collect();
    seen.sort();
    let known: Vec<_> = READ_SECRETS.iter().map(|(path, times)| ((*path).to_owned(), *times)).collect();
    assert_eq!(seen, known, "each further file can leak a secret: is there another way?");
}

/// `refused_calls` tests what a handler returns. This test is about the program's own code.
#[test]
fn only_the_sandbox_and_the_list_of_forbidden_methods_name_the_method_that_polls() {
    let all: Vec<_> = sources().into_iter().filter(|(path, _)| !path.starts_with("sandbox/")).collect();
    for (path, code) in &all {
        let named = code.to_lowercase().matches("getupdates").count();
        assert_eq!(named, usize::from(path == "telegram/forbidden.rs"), "{path} names the method that polls");
    }
    assert!(all.iter().any(|(path, _)| path == "telegram/api.rs"), "the client of the Bot API was not read");
}

#[test]
fn no_file_has_more_than_350_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (path, _) in sources() {
        let lines = fs::read_to_string(root.join(&path)).unwrap().lines().count();
        assert!(lines <= 350, "{path} has {lines} lines");
    }
}
