//! What the documents and the files for platforms say is held against the program.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use crate::harness::{TestApp, TestAppBuilder, post, raw, run};

const PAGES: [&str; 2] = ["README.md", "README.ru.md"];

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(path).expect("the document is there")
}

static DEFAULTS: LazyLock<toml::Table> = LazyLock::new(|| read("config/default.toml").parse().expect("it is TOML"));

/// The fenced blocks of a page: the language and the text of each.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    page.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n')).collect()
}

/// What stands between single backticks, outside of the blocks.
fn spans(page: &str) -> Vec<&str> {
    page.split("\n```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2)).collect()
}

/// The commands of ours that a page names: the arguments of each.
fn commands(page: &str) -> Vec<Vec<&str>> {
    let lines = blocks(page).into_iter().filter(|(language, _)| matches!(*language, "sh" | "console"));
    let lines = lines.flat_map(|(_, text)| text.lines()).chain(spans(page));
    let mut commands = Vec::new();
    for line in lines {
        let words: Vec<&str> = line.split([' ', '|', ')']).collect();
        let ours = |at: usize| match words[at] {
            "doorbell" | "/doorbell" => !matches!(words.get(at + 1), Some(&"/doorbell")),
            "--" => words[..at].contains(&"run"),
            _ => false,
        };
        commands.extend((0..words.len()).filter(|at| ours(*at)).map(|at| words[at + 1..].to_vec()));
    }
    commands
}

#[test]
fn every_command_that_the_readme_names_is_one() {
    for page in PAGES {
        let text = read(page);
        let commands = commands(&text);
        assert!(commands.len() > 15, "{page} names more commands than these: {commands:?}");
        for command in commands {
            let is_name = |word: &&&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
            let mut arguments: Vec<&str> = command.iter().take_while(is_name).copied().collect();
            arguments.push("--help");
            let help = run(&arguments, &[], Path::new("/"));
            assert_eq!(help.code, 0, "{page}: {command:?}: {}", help.stderr);
            for option in command.iter().filter(|word| word.starts_with("--") && word.len() > 2) {
                let docker = ["--restart", "--name"];
                assert!(help.stdout.contains(option) || docker.contains(option), "{page}: {command:?} has no {option}");
            }
        }
    }
}

/// Whether a key such as `webhook.public_url` is in the defaults.
fn is_key(key: &str) -> bool {
    let mut names = key.split('.');
    let found = names.next().and_then(|section| DEFAULTS.get(section));
    names.fold(found, |found, name| found?.get(name)).is_some()
}

#[test]
fn every_key_and_variable_that_the_readme_names_is_in_the_defaults() {
    let defaults = read("config/default.toml");
    for page in PAGES {
        let text = read(page);
        let keys = spans(&text).into_iter().filter(|span| {
            let section = span.split_once('.').map(|(section, _)| section);
            section.is_some_and(|section| DEFAULTS.contains_key(section)) && !span.contains(['/', ' '])
        });
        let unknown: Vec<_> = keys.filter(|key| !is_key(key)).collect();
        assert!(unknown.is_empty(), "{page}: {unknown:?}");
        let rows = text
            .lines()
            .filter_map(|line| line.strip_prefix("| `"))
            .filter(|row| row.contains('_') || row.starts_with("HOST"));
        let mut seen = 0;
        for row in rows {
            let cells: Vec<_> = row.split('|').collect();
            let named = |cell: &str| {
                cell.split(['`', ',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>()
            };
            for (variable, key) in named(cells[0]).into_iter().zip(named(cells[1])) {
                let documented = defaults.contains(&format!("Variable: {variable}"))
                    || defaults.contains(&format!("Variable:\n# {variable}"));
                assert!(documented && is_key(&key), "{page}: {variable} {key}");
                seen += 1;
            }
        }
        assert!(seen >= 9, "{page}: {seen} variables");
    }
}

#[test]
fn the_settings_that_the_readme_shows_are_accepted_as_they_stand() {
    for page in PAGES {
        let text = read(page);
        let (_, settings) = blocks(&text).into_iter().find(|(language, _)| *language == "toml").unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("my-bot.toml"), settings).unwrap();
        let shown = run(&["settings", "--config", "my-bot.toml"], &[], folder.path());
        assert_eq!(shown.code, 0, "{page}: {}", shown.stderr);
    }
}

#[test]
fn the_rust_that_the_readme_shows_is_that_of_the_example() {
    let example = read("examples/echo.rs");
    for page in PAGES {
        let text = read(page);
        let (_, code) = blocks(&text).into_iter().find(|(language, _)| *language == "rust").unwrap();
        for line in code.lines() {
            assert!(example.contains(line), "{page}: {line}");
        }
    }
}

#[test]
fn what_the_readme_leads_to_is_there() {
    for page in PAGES {
        let text = read(page);
        let links = text.split("](").skip(1).filter_map(|link| link.split(')').next());
        let files = links
            .filter(|link| !link.starts_with("http"))
            .chain(spans(&text).into_iter().filter(|span| span.starts_with("tests/") || span.starts_with("src/")));
        for file in files {
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(file).exists(), "{page}: {file}");
        }
    }
}

#[test]
fn both_pages_say_the_same() {
    let [english, russian] = PAGES.map(read);
    assert!(english.lines().count() < 200 && russian.lines().count() < 200);
    let headings = |page: &str| {
        let levels = page.lines().filter(|line| line.starts_with('#') && !line.contains(" shown"));
        levels.map(|line| line.chars().take_while(|c| *c == '#').count()).collect::<Vec<_>>()
    };
    assert_eq!(headings(&english), headings(&russian));
    let named = |page: &str| {
        let mut named: Vec<String> = commands(page).into_iter().map(|command| command.join(" ")).collect();
        named.extend(spans(page).into_iter().filter(|span| span.contains(['/', '_', '.'])).map(str::to_owned));
        named.sort();
        named.dedup();
        named
    };
    assert_eq!(named(&english), named(&russian));
    for page in [&english, &russian] {
        let prose: String = page.split("\n```").step_by(2).collect();
        assert!(!prose.replace("[![", "[[").contains('!'));
    }
}

#[tokio::test]
async fn the_answers_that_the_readme_shows_are_those_of_the_service() {
    let app = TestApp::spawn().await;
    let (wrong, missing) = (post(app.addr, Some("wrong"), b"{}").await, post(app.addr, None, b"{}").await);
    assert_eq!((wrong.status, missing.status), (401, 401));
    assert_eq!(wrong.json(), missing.json());
    for page in PAGES {
        let text = read(page);
        let shown = text.lines().find(|line| line.starts_with("{\"")).expect("an answer is shown");
        assert_eq!(shown, wrong.body.trim_end(), "{page}");
    }
}

#[tokio::test]
async fn no_document_and_no_setting_names_a_page_that_is_not_there() {
    let app = TestAppBuilder::default().with("console.token", "an-operators-token-1").start().await;
    let schema = run(&["settings", "--schema"], &[], Path::new("/")).stdout;
    let files = ["config/default.toml", "render.yaml", "README.md", "README.ru.md"].map(read);
    let mut pages = std::collections::BTreeSet::new();
    for text in files.iter().chain([&schema]) {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '.' | ':' | '-')));
        let words = words.map(|word| word.trim_end_matches(['.', ':']));
        let is_page = |word: &&str| word.strip_prefix('/').is_some_and(|rest| rest.starts_with(char::is_alphabetic));
        pages.extend(words.filter(is_page));
    }
    // What people write to bots, and folders.
    let others = ["/start", "/newbot", "/revoke", "/etc/", "/var/", "/srv/"];
    pages.retain(|page| !others.iter().any(|other| page.starts_with(other)));
    assert!(pages.contains("/metrics") && pages.contains("/healthz"), "{pages:?}");
    for page in pages {
        let answer = crate::harness::fetch(app.addr, page).await;
        assert_ne!(answer.status, 404, "{page}");
    }
}

/// The lines of a file that count: without comments, and without what is blank.
fn lines(text: &str) -> Vec<&str> {
    let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim_end());
    lines.filter(|line| !line.is_empty() && !line.trim_start().starts_with('#')).collect()
}

#[tokio::test]
async fn the_health_check_of_the_blueprint_is_a_route_that_answers_200() {
    let blueprint = read("render.yaml");
    let path = lines(&blueprint).into_iter().find_map(|line| line.trim().strip_prefix("healthCheckPath: ")).unwrap();
    let app = TestApp::spawn().await;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", app.addr);
    assert_eq!(raw(app.addr, request.as_bytes()).await.status, 200);
}

#[test]
fn the_blueprint_holds_no_secret_and_nothing_that_render_refuses() {
    let text = read("render.yaml");
    let blueprint = lines(&text);
    let has = |line: &str| blueprint.iter().any(|other| other.trim() == line);
    assert!(has("previews:") && has("generation: \"off\""), "a preview would take the webhook");
    assert!(has("runtime: docker") && has("plan: free") && has("region: frankfurt"));
    // On the free plan there is no disk, one instance, and no longer time to stop.
    for refused in ["disk:", "numInstances:", "maxShutdownDelaySeconds:", "preDeployCommand:", "scaling:"] {
        assert!(!blueprint.iter().any(|line| line.trim().starts_with(refused)), "{refused} on the free plan");
    }
    let mut variables = Vec::new();
    for (at, line) in blueprint.iter().enumerate() {
        if let Some(key) = line.trim().strip_prefix("- key: ") {
            variables.push((key, blueprint[at + 1].trim()));
        }
    }
    assert_eq!(
        variables,
        [
            ("TELEGRAM_BOT_TOKEN", "sync: false"),
            ("ADMIN_TOKEN", "generateValue: true"),
            ("DATABASE_URL", "value: \"memory:\""),
        ]
    );
    assert!(!text.contains("numInstances: 2\n    disk:"), "a disk belongs to one instance");
}

#[test]
fn each_test_that_the_threat_model_names_is_there() {
    let page = read(".github/SECURITY.md");
    let is_test = |span: &&str| {
        span.matches('_').count() > 2 && span.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    let tests: Vec<_> = spans(&page).into_iter().filter(is_test).collect();
    assert!(tests.len() > 15, "{tests:?}");
    let mut places = vec!["src".to_owned(), "tests/it".to_owned()];
    let mut sources = String::new();
    while let Some(place) = places.pop() {
        match fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(&place)) {
            Ok(folder) => {
                places.extend(folder.map(|entry| format!("{place}/{}", entry.unwrap().file_name().to_str().unwrap())));
            }
            Err(_) => sources += &read(&place),
        }
    }
    for test in tests {
        let contract = format!("\n        {test}\n");
        assert!(sources.contains(&format!("fn {test}(")) || sources.contains(&contract), "{test}");
    }
}
