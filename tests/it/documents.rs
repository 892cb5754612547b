//! The documents and the platform files match the program: their commands, settings, links and answers are real.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use crate::harness::{SandboxProcess, TestApp, TestAppBuilder, get, post, raw, run};

const PAGES: [&str; 2] = ["README.md", "README.ru.md"];

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(path).expect("the document exists")
}

static DEFAULTS: LazyLock<toml::Table> =
    LazyLock::new(|| read("config/default.toml").parse().expect("the defaults are TOML"));

/// The fenced code blocks of a page, each with its language and its text.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    page.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n')).collect()
}

/// The inline code of a page: the text between single backticks outside of code blocks.
fn spans(page: &str) -> Vec<&str> {
    page.split("\n```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2)).collect()
}

/// The arguments of every `doorbell` command on a page.
fn commands(page: &str) -> Vec<Vec<&str>> {
    let lines = blocks(page).into_iter().filter(|(language, _)| matches!(*language, "sh" | "console"));
    let lines = lines.flat_map(|(_, text)| text.lines()).chain(spans(page));
    let mut commands = Vec::new();
    for line in lines {
        let words: Vec<&str> = line.split([' ', '|', ')']).collect();
        let starts_command = |at: usize| match words[at] {
            "doorbell" | "/doorbell" => !matches!(words.get(at + 1), Some(&"/doorbell")),
            "--" => words[..at].contains(&"run"),
            _ => false,
        };
        commands.extend((0..words.len()).filter(|at| starts_command(*at)).map(|at| words[at + 1..].to_vec()));
    }
    commands
}

#[test]
fn every_command_in_the_readme_exists() {
    for page in PAGES {
        let text = read(page);
        let commands = commands(&text);
        assert!(commands.len() > 15, "{page}: only {} commands were found: {commands:?}", commands.len());
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
fn every_key_and_variable_in_the_readme_is_in_the_defaults() {
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
fn the_settings_in_the_readme_are_valid() {
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
fn every_file_that_the_readme_names_exists() {
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
fn both_readmes_have_the_same_headings_commands_and_keys() {
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
        assert!(!prose.replace("![", "[").contains('!'));
    }
}

#[tokio::test]
async fn the_refusal_in_the_readme_is_the_answer_of_the_service() {
    let app = TestApp::spawn().await;
    let (wrong, missing) = (post(app.addr, Some("wrong"), b"{}").await, post(app.addr, None, b"{}").await);
    assert_eq!((wrong.status, missing.status), (401, 401));
    assert_eq!(wrong.json(), missing.json());
    for page in PAGES {
        let text = read(page);
        let shown = text.lines().find(|line| line.starts_with("{\"")).expect("the page shows an answer");
        assert_eq!(shown, wrong.body.trim_end(), "{page}");
    }
}

#[test]
fn the_sandbox_session_and_the_log_sentences_in_the_readme_are_real() {
    let sandbox = SandboxProcess::start();
    let (url, host) = (sandbox.url(), sandbox.program.addr.to_string());
    let sent = sandbox.run(&["ring", "/start", "--url", &url]);
    let reply = sandbox.replies(1, 1).remove(0);
    // The log and /healthz use the same sentences.
    let health = get(sandbox.program.addr, "/healthz").body;
    for page in PAGES {
        let text = read(page);
        let line = |words: &str| text.lines().find(|line| line.contains(words)).expect(words);
        assert_eq!(sent.stdout.trim_end(), line(" answered 200").replace("http://127.0.0.1:10000", &url), "{page}");
        let (_, shown) = line("\"bot\":true").split_once("\"text\":\"").unwrap();
        let shown = shown.trim_end_matches(" …");
        assert!(reply.starts_with(shown) && !shown.is_empty(), "{page}: {reply}");

        let registered = spans(&text).into_iter().find(|span| span.contains("…onrender.com")).unwrap();
        assert!(health.contains(&registered.replace("…onrender.com", &host)), "{page}: {health}");
        let (_, removed) = text.split_once("*This bot's webhook").expect("the page quotes the sentence");
        let removed = format!("This bot's webhook{}", removed.split('*').next().unwrap());
        let explained = run(&["doctor", "--explain", &removed], &[], Path::new("/"));
        assert_eq!(explained.code, 0, "{page}: {}", explained.stdout);
    }
}

#[tokio::test]
async fn every_page_that_a_document_or_a_setting_names_exists() {
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
    // Bot commands and folders also begin with a slash.
    let others = ["/start", "/stop", "/newbot", "/revoke", "/etc/", "/var/", "/srv/"];
    pages.retain(|page| !others.iter().any(|other| page.starts_with(other)));
    assert!(pages.contains("/metrics") && pages.contains("/healthz"), "{pages:?}");
    for page in pages {
        let answer = crate::harness::fetch(app.addr, page).await;
        assert_ne!(answer.status, 404, "{page}");
    }
}

/// The lines of a YAML file without comments and empty lines.
fn lines(text: &str) -> Vec<&str> {
    let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim_end());
    lines.filter(|line| !line.is_empty() && !line.trim_start().starts_with('#')).collect()
}

#[tokio::test]
async fn the_health_check_of_the_blueprint_answers_200() {
    let blueprint = read("render.yaml");
    let path = lines(&blueprint).into_iter().find_map(|line| line.trim().strip_prefix("healthCheckPath: ")).unwrap();
    let app = TestApp::spawn().await;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", app.addr);
    assert_eq!(raw(app.addr, request.as_bytes()).await.status, 200);
}

#[test]
fn the_blueprint_contains_no_secret_and_no_key_that_render_refuses() {
    let text = read("render.yaml");
    let blueprint = lines(&text);
    let has = |line: &str| blueprint.iter().any(|other| other.trim() == line);
    assert!(has("previews:") && has("generation: \"off\""), "previews must be off: they have the same bot token");
    assert!(has("runtime: docker") && has("plan: free") && has("region: frankfurt"));
    // Render refuses these keys on the free plan.
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
    assert!(!text.contains("numInstances: 2\n    disk:"), "only one instance can have the disk");
}

#[test]
fn every_test_in_the_threat_model_exists() {
    let page = read(".github/SECURITY.md");
    let is_test = |span: &&str| {
        span.matches('_').count() > 2 && span.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    let tests: Vec<_> = spans(&page).into_iter().filter(is_test).collect();
    assert!(tests.len() > 15, "{tests:?}");
    let mut paths = vec!["src".to_owned(), "tests/it".to_owned()];
    let mut sources = String::new();
    while let Some(path) = paths.pop() {
        match fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(&path)) {
            Ok(folder) => {
                paths.extend(folder.map(|entry| format!("{path}/{}", entry.unwrap().file_name().to_str().unwrap())));
            }
            Err(_) => sources += &read(&path),
        }
    }
    for test in tests {
        // The inbox contract lists its tests in a macro.
        let contract = format!("\n        {test}\n");
        assert!(sources.contains(&format!("fn {test}(")) || sources.contains(&contract), "{test}");
    }
}
