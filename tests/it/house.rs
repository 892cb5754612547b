//! Two rules about the sources, checked by reading them: which module may import which, and which files alone may name
//! a library, read a secret or use the environment, the clock and other side effects.

use std::fs;
use std::path::{Path, PathBuf};

/// Each module, and the other modules that it may import.
const MAY_LOOK_INTO: &[(&str, &[&str])] = &[
    // Below everybody: the points of death that tests choose from lie in several rooms.
    ("fail", &[]),
    ("clock", &[]),
    ("wording", &[]),
    ("update", &["clock"]),
    ("lifecycle", &["fail"]),
    // Of telegram, settings ask only for the rules of a webhook (`telegram/webhook_url.rs`).
    ("settings", &["telegram", "update", "wording"]),
    ("telemetry", &["clock", "settings"]),
    // Telemetry is ground: who counts takes its counters from there, and keeps them.
    ("telegram", &["update", "clock", "settings", "telemetry", "wording"]),
    ("inbox", &["update", "clock", "fail", "lifecycle", "settings", "telegram", "telemetry"]),
    ("handler", &["update", "clock", "settings", "telegram"]),
    ("webhook", &["update", "clock", "settings", "http", "inbox", "telegram", "telemetry"]),
    (
        "dispatch",
        &["update", "clock", "fail", "settings", "inbox", "handler", "telegram", "lifecycle", "telemetry", "wording"],
    ),
    ("registrar", &["clock", "settings", "telegram", "lifecycle", "telemetry", "wording"]),
    // What all routes share. The folders that report on other modules have lines of their own.
    ("http", &["clock", "lifecycle", "telegram", "telemetry"]),
    ("http/health", &["clock", "inbox", "lifecycle", "registrar", "webhook", "wording"]),
    ("http/metrics", &["clock", "dispatch", "inbox", "registrar", "telegram", "telemetry", "webhook"]),
    // Engines tell telemetry of spans; this room alone knows where they go. It takes its TLS from telegram.
    ("traces", &["clock", "lifecycle", "settings", "telegram", "telemetry"]),
    ("sandbox", &["update", "clock", "settings", "telegram", "lifecycle"]),
    ("doctor", &["clock", "settings", "http", "inbox", "telegram", "registrar", "wording"]),
    (
        "app",
        &[
            "clock",
            "dispatch",
            "handler",
            "http",
            "inbox",
            "lifecycle",
            "registrar",
            "settings",
            "telegram",
            "telemetry",
            "traces",
            "update",
            "webhook",
        ],
    ),
    (
        "cli",
        &[
            "app",
            "clock",
            "fail",
            "doctor",
            "http",
            "inbox",
            "lifecycle",
            "registrar",
            "sandbox",
            "settings",
            "telegram",
            "telemetry",
            "update",
            "webhook",
            "wording",
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
    ("std::fs", &["settings/", "inbox/sqlite/", "http/metrics/process.rs"]),
    ("tracing_subscriber::", &["telemetry/", "settings/"]),
    ("config::", &["settings/"]),
    ("toml::", &["settings/"]),
    ("set_hook", &["telemetry/"]),
    ("anyhow::", &["cli/"]),
    ("println!", &["cli/"]),
    ("SystemTime::now", &["clock.rs"]),
    ("Timestamp::now", &["clock.rs"]),
    ("getUpdates", &["sandbox/", "telegram/forbidden.rs"]),
    ("rustix::", &["lifecycle/"]),
];

/// The files that read a secret, and how often each does.
const LOOK_INTO_SECRETS: &[(&str, usize)] = &[
    ("cli/ring.rs", 1),
    ("cli/webhook.rs", 1),
    ("http/probe.rs", 1),
    ("http/token.rs", 1),
    ("inbox/postgres/database.rs", 1),
    ("registrar/wanted.rs", 1),
    ("settings/layer.rs", 1),
    ("settings/merged.rs", 1),
    ("settings/proxy.rs", 3),
    ("settings/reader.rs", 3),
    ("settings/sections/console.rs", 2),
    ("settings/sections/inbox.rs", 2),
    ("settings/sections/traces.rs", 1),
    ("settings/sources.rs", 1),
    ("settings/toml_file.rs", 1),
    ("settings/variables.rs", 5),
    ("telegram/client.rs", 1),
    ("telegram/methods.rs", 1),
    ("telegram/token.rs", 4),
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

fn room(path: &str) -> &str {
    path.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The modules that a file may import: those of its folder, if there is a line for it, or else of its module.
fn may_look_into(path: &str) -> Option<&'static [&'static str]> {
    let line = |of: &str| MAY_LOOK_INTO.iter().find(|(name, _)| *name == of).map(|(_, allowed)| *allowed);
    let folder = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
    line(folder).or_else(|| line(room(path)))
}

/// The modules that a source imports by `crate::module`, also in lists.
fn looks_into(code: &str) -> Vec<String> {
    let flat: String = code.split_whitespace().collect::<Vec<_>>().join(" ");
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut rooms = Vec::new();
    for piece in flat.split("crate::").skip(1) {
        match piece.strip_prefix('{') {
            Some(list) => rooms.extend(list.split('}').next().unwrap().split(',').map(|item| word(item.trim()))),
            None => rooms.push(word(piece)),
        }
    }
    rooms
}

#[test]
fn a_room_looks_only_into_the_rooms_it_may() {
    let mut offences = Vec::new();
    for (path, code) in sources() {
        let room = room(&path);
        if matches!(room, "lib" | "main") {
            continue;
        }
        let Some(allowed) = may_look_into(&path) else {
            offences.push(format!("{path}: the house has no room of this name"));
            continue;
        };
        for seen in looks_into(&code) {
            if seen != room && !allowed.contains(&seen.as_str()) {
                offences.push(format!("{path} looks into {seen}"));
            }
        }
    }
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn restricted_names_occur_only_in_the_files_that_may_contain_them() {
    let mut offences = Vec::new();
    for (path, code) in sources() {
        for (name, paths) in ONLY_HERE {
            if code.contains(name) && !paths.iter().any(|allowed| path.starts_with(allowed)) {
                offences.push(format!("{path} names {name}"));
            }
        }
    }
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn the_files_that_read_a_secret_are_known() {
    let count = |(path, code): (String, String)| (path, code.matches("expose_secret(").count());
    let mut seen: Vec<_> = sources().into_iter().map(count).filter(|(_, times)| *times > 0).collect();
    seen.sort();
    let known: Vec<_> = LOOK_INTO_SECRETS.iter().map(|(path, times)| ((*path).to_owned(), *times)).collect();
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
