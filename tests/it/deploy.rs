//! The files in `examples/deploy/`: the program accepts their settings and commands, and answers at their ports and
//! paths. The platforms themselves are not tested.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use doorbell::app::GRACE;
use serde_json::Value;

use crate::harness::{TestApp, fetch, run};

fn read(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/deploy");
    fs::read_to_string(folder.join(name)).expect("the file exists")
}

fn yaml(name: &str) -> Value {
    serde_yaml_ng::from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

type Variables = BTreeMap<String, String>;

/// Replaces `${NAME}`, `${NAME:?…}` and `%…`, as the operator or the platform would.
fn filled_in(value: &str) -> String {
    let known = [
        ("TELEGRAM_BOT_TOKEN", "123456789:AAtestDeploy0123456789012345678901234"),
        ("BOT_HOST", "bot.example.org"),
        ("POSTGRES_PASSWORD", "0123456789abcdef"),
        ("APP_URL", "https://doorbell-x7.ondigitalocean.app"),
    ];
    let mut value = value.replace("%S", "/var/lib");
    for (name, text) in known {
        for form in [format!("${{{name}}}"), format!("${{{name}:?write it into .env}}")] {
            value = value.replace(&form, text);
        }
    }
    assert!(!value.contains("${") && !value.contains('%'), "{value} has an unknown placeholder");
    value
}

/// The effective settings with these variables. Fails if the program refuses or ignores one of them.
fn settings_of(what: &str, variables: &Variables) -> BTreeMap<String, Value> {
    let given: Vec<_> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
    let shown = run(&["settings", "--json"], &given, Path::new("/"));
    assert_eq!(shown.code, 0, "{what}: {}", shown.stderr);
    let entries: Vec<Value> = serde_json::from_str(&shown.stdout).unwrap();
    for name in variables.keys() {
        let ours = |entry: &Value| {
            entry["source"].as_str().is_some_and(|source| source.split([' ', ',']).any(|word| word == name))
        };
        assert!(entries.iter().any(ours), "{what}: {name} sets nothing");
    }
    entries.iter().map(|entry| (entry["key"].as_str().unwrap().to_owned(), entry["value"].clone())).collect()
}

/// The port on which the service listens with these variables.
fn port_of(what: &str, variables: &Variables) -> u64 {
    settings_of(what, variables)["server.port"].as_u64().unwrap()
}

/// Parses a duration of these files: `35s`, or a number of seconds.
fn seconds(text: &str) -> Duration {
    humantime::parse_duration(text).or_else(|_| text.parse().map(Duration::from_secs)).unwrap()
}

/// The variables of a list of tables; `value` selects the value of a table, and tables without one are left out.
fn named(list: &Value, value: impl Fn(&Value) -> Option<&str>) -> Variables {
    let name = |variable: &Value| variable["key"].as_str().unwrap().to_owned();
    let values = list.as_array().unwrap().iter().map(|one| (name(one), value(one).map(filled_in)));
    values.filter_map(|(name, value)| Some((name, value?))).collect()
}

#[test]
fn the_compose_files_have_valid_settings_and_enough_time_to_stop() {
    let caddy = read("Caddyfile");
    for (name, inbox) in [("compose.yaml", "sqlite:data/doorbell.db"), ("compose.postgres.yaml", "PostgreSQL")] {
        let file = yaml(name);
        let service = &file["services"]["doorbell"];
        let variables: Variables = service["environment"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), filled_in(value.as_str().unwrap())))
            .collect();
        let port = port_of(name, &variables);
        assert!(caddy.contains(&format!("dynamic a doorbell {port}")), "{name}: Caddy does not forward to port {port}");
        let given: Vec<_> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
        let shown = run(&["settings"], &given, Path::new("/")).stdout;
        let store = shown.lines().find(|line| line.starts_with("inbox.url ")).unwrap();
        assert!(store.contains(inbox), "{name}: {store}");
        assert!(seconds(service["stop_grace_period"].as_str().unwrap()) > GRACE, "{name}");
        // The volume is mounted at the inbox below the image's WORKDIR. With PostgreSQL there is no volume.
        let volume = service["volumes"][0].as_str();
        assert_eq!(volume, (inbox != "PostgreSQL").then_some("inbox:/srv/data"), "{name}");
        assert_eq!(service["read_only"], true, "{name}");
    }
}

#[test]
fn the_systemd_unit_has_valid_settings_a_valid_command_and_enough_time_to_stop() {
    let unit = read("doorbell.service");
    let of = |key: &str| unit.lines().filter_map(|line| line.strip_prefix(key)).collect::<Vec<_>>();
    let secret = tempfile::tempdir().unwrap();
    fs::write(secret.path().join("telegram-bot-token"), "123456789:AAtestDeploy0123456789012345678901234").unwrap();
    let expanded = |value: &str| filled_in(&value.replace("%d", secret.path().to_str().unwrap()));
    let variables: Variables = of("Environment=")
        .into_iter()
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), expanded(value)))
        .collect();
    let settings = settings_of("doorbell.service", &variables);
    assert_eq!(settings["server.host"], "127.0.0.1");
    let command = of("ExecStart=/usr/local/bin/doorbell ");
    let help = run(&[command[0], "--help"], &[], Path::new("/"));
    assert_eq!(help.code, 0, "{}", help.stderr);
    assert!(seconds(of("TimeoutStopSec=")[0]) > GRACE);
    assert_eq!((of("DynamicUser="), of("StateDirectory=")), (vec!["yes"], vec!["doorbell"]));
    // Wrong settings end with status 2, after which systemd must not restart the service.
    let wrong = run(&["serve"], &[("PORT", "none")], secret.path());
    assert_eq!(of("RestartPreventExitStatus="), [wrong.code.to_string()]);
}

#[tokio::test]
async fn the_files_for_fly_digitalocean_and_render_have_valid_settings_ports_and_health_checks() {
    let fly: toml::Table = read("fly.toml").parse().unwrap();
    let variables: Variables = fly["env"]
        .as_table()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), filled_in(value.as_str().unwrap())))
        .collect();
    let http = &fly["http_service"];
    assert_eq!(http["internal_port"].as_integer().unwrap().cast_unsigned(), port_of("fly.toml", &variables));
    assert!(seconds(&fly["kill_timeout"].to_string()) > GRACE);
    assert_eq!(fly["kill_signal"].as_str(), Some("SIGTERM"));

    let digitalocean = yaml("digitalocean.yaml");
    let service = &digitalocean["services"][0];
    let variables = named(&service["envs"], |one| one["value"].as_str().filter(|value| !value.is_empty()));
    assert_eq!(service["http_port"].as_u64().unwrap(), port_of("digitalocean.yaml", &variables));
    assert_eq!(variables["PUBLIC_URL"], "https://doorbell-x7.ondigitalocean.app");

    let render = yaml("render.image.yaml");
    let variables = named(&render["services"][0]["envVars"], |one| one["value"].as_str());
    settings_of("render.image.yaml", &variables);
    assert_eq!(render["services"][0]["runtime"], "image");
    assert_eq!(render["previews"]["generation"], "off");

    let app = TestApp::spawn().await;
    for path in [
        http["checks"][0]["path"].as_str(),
        service["health_check"]["http_path"].as_str(),
        render["services"][0]["healthCheckPath"].as_str(),
    ] {
        assert_eq!(fetch(app.addr, path.unwrap()).await.status, 200);
    }
}

#[test]
fn a_container_with_a_bot_starts_that_bot_with_valid_settings() {
    for (folder, bot) in [("python-bot", "bots/aiogram"), ("node-bot", "bots/grammy")] {
        let dockerfile = read(&format!("{folder}/Dockerfile"));
        let of = |name: &str| dockerfile.lines().filter_map(|line| line.strip_prefix(name)).collect::<Vec<_>>();
        let command: Vec<String> = serde_json::from_str(of("CMD ")[0]).unwrap();
        assert_eq!(command[..3], ["doorbell", "serve", "--"], "{folder}");
        let bot = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(bot);
        let copied = of("COPY ")[1].split(' ').next().unwrap().replace('*', "");
        for file in [&command[4], &copied] {
            assert!(bot.join(file).exists(), "{folder}: {file}");
        }
        assert_eq!((of("USER "), of("STOPSIGNAL ")), (vec!["1000:1000"], vec!["SIGTERM"]), "{folder}");

        let render = yaml(&format!("{folder}/render.yaml"));
        let mut variables = named(&render["services"][0]["envVars"], |one| one["value"].as_str());
        let profile = of("ENV ")[0].split(' ').find_map(|pair| pair.strip_prefix("DOORBELL_PROFILE=")).unwrap();
        settings_of(folder, &variables);
        variables.insert("DOORBELL_PROFILE".to_owned(), profile.to_owned());
        variables.insert("TELEGRAM_BOT_TOKEN".to_owned(), filled_in("${TELEGRAM_BOT_TOKEN}"));
        let given: Vec<_> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
        let shown = run(&["settings"], &given, Path::new("/"));
        assert_eq!(shown.code, 0, "{folder}: {}", shown.stderr);
        let exposed: u64 = of("EXPOSE ")[0].parse().unwrap();
        assert_eq!(exposed, port_of(folder, &Variables::new()), "{folder}");
        assert_eq!(render["services"][0]["healthCheckPath"], "/healthz", "{folder}");
        assert_eq!(render["previews"]["generation"], "off", "{folder}");
    }
}

#[test]
fn the_variables_in_the_commands_for_cloud_run_and_railway_are_settings() {
    let page = read("README.md");
    let assigned = |flag: &str| {
        let lists = page.split(flag).skip(1).filter_map(|rest| rest.split_whitespace().next());
        let pairs = lists.flat_map(|list| list.split(',')).filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Variables>()
    };
    let cloud_run = assigned("--set-env-vars ");
    assert_eq!(cloud_run.keys().collect::<Vec<_>>(), ["DATABASE_URL", "PUBLIC_URL"]);
    settings_of("Cloud Run", &cloud_run);
    let mut railway = assigned("--set ");
    // The page does not contain a token, and the second variable belongs to Railway.
    assert!(railway.remove("TELEGRAM_BOT_TOKEN").is_some());
    let draining = railway.remove("RAILWAY_DEPLOYMENT_DRAINING_SECONDS").unwrap();
    assert!(seconds(&draining) > GRACE);
    settings_of("Railway", &railway);
}
