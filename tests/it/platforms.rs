//! On each platform: what its variables tell, and whether a service there takes a webhook that leads elsewhere.

use std::path::Path;
use std::time::Duration;

use doorbell::clock::SystemClock;
use doorbell::sandbox::{Sandbox, TOKEN};
use serde_json::Value;

use crate::harness::{Program, count_calls, run, start_sandbox, until};

/// What a service does about another host's webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Takes,
    /// It leaves it alone, and would register itself where there is none.
    Leaves,
    /// It leaves it alone, and says that it is a preview, and by what that is shown.
    Stays(&'static str),
}
use Does::{Leaves, Stays, Takes};

struct Place {
    name: Option<&'static str>,
    variables: &'static [(&'static str, &'static str)],
    /// The public URL with the variables that tell it.
    url: Option<(&'static str, &'static str)>,
    does: Does,
}

const fn on(
    name: &'static str,
    variables: &'static [(&'static str, &'static str)],
    url: Option<(&'static str, &'static str)>,
    does: Does,
) -> Place {
    Place { name: Some(name), variables, url, does }
}

const PLACES: &[Place] = &[
    Place { name: None, variables: &[], url: None, does: Leaves },
    Place { name: None, variables: &[("IS_PULL_REQUEST", "true")], url: None, does: Stays("IS_PULL_REQUEST is true") },
    on(
        "Render",
        &[("RENDER", "true"), ("IS_PULL_REQUEST", "false"), ("RENDER_EXTERNAL_URL", "https://bot.onrender.com")],
        Some(("https://bot.onrender.com", "RENDER_EXTERNAL_URL")),
        Takes,
    ),
    on(
        "Render",
        &[("RENDER", "true"), ("IS_PULL_REQUEST", "true"), ("RENDER_EXTERNAL_URL", "https://bot-pr-7.onrender.com")],
        Some(("https://bot-pr-7.onrender.com", "RENDER_EXTERNAL_URL")),
        Stays("IS_PULL_REQUEST is true"),
    ),
    on("Fly", &[("FLY_APP_NAME", "bot")], Some(("https://bot.fly.dev", "FLY_APP_NAME")), Takes),
    on(
        "Railway",
        &[("RAILWAY_ENVIRONMENT_NAME", "production"), ("RAILWAY_PUBLIC_DOMAIN", "bot.up.railway.app")],
        Some(("https://bot.up.railway.app", "RAILWAY_PUBLIC_DOMAIN")),
        Takes,
    ),
    on(
        "Railway",
        &[("RAILWAY_ENVIRONMENT_NAME", "bot-pr-7"), ("RAILWAY_PUBLIC_DOMAIN", "bot-pr-7.up.railway.app")],
        Some(("https://bot-pr-7.up.railway.app", "RAILWAY_PUBLIC_DOMAIN")),
        Stays("RAILWAY_ENVIRONMENT_NAME is not \"production\""),
    ),
    on("Heroku", &[("DYNO", "web.1")], None, Takes),
    on("Heroku", &[("DYNO", "web.1"), ("HEROKU_PR_NUMBER", "7")], None, Stays("HEROKU_PR_NUMBER is set")),
    on("Heroku", &[("DYNO", "web.1"), ("HEROKU_BRANCH", "topic")], None, Stays("HEROKU_BRANCH is set")),
    on(
        "Coolify",
        &[("COOLIFY_URL", "https://bot.example.org,https://www.example.org"), ("COOLIFY_BRANCH", "main")],
        Some(("https://bot.example.org", "COOLIFY_URL")),
        Takes,
    ),
    on(
        "Coolify",
        &[("COOLIFY_FQDN", "7.bot.example.org"), ("COOLIFY_BRANCH", "pull/7/head")],
        Some(("https://7.bot.example.org", "COOLIFY_FQDN")),
        Stays("COOLIFY_BRANCH begins with \"pull/\""),
    ),
    on("Coolify", &[("COOLIFY_FQDN", "bot.example.org")], Some(("https://bot.example.org", "COOLIFY_FQDN")), Leaves),
    on("Cloud Run", &[("K_SERVICE", "bot"), ("K_REVISION", "bot-00001-abc")], None, Leaves),
    on(
        "Azure Container Apps",
        &[("CONTAINER_APP_NAME", "bot"), ("CONTAINER_APP_ENV_DNS_SUFFIX", "sea.westeurope.azurecontainerapps.io")],
        Some((
            "https://bot.sea.westeurope.azurecontainerapps.io",
            "CONTAINER_APP_NAME and CONTAINER_APP_ENV_DNS_SUFFIX",
        )),
        Leaves,
    ),
    on(
        "Azure App Service",
        &[("WEBSITE_SITE_NAME", "bot"), ("WEBSITE_HOSTNAME", "bot.azurewebsites.net")],
        Some(("https://bot.azurewebsites.net", "WEBSITE_HOSTNAME")),
        Leaves,
    ),
    on("Azure App Service", &[("WEBSITE_SITE_NAME", "bot"), ("WEBSITE_SLOT_NAME", "Production")], None, Takes),
    on(
        "Azure App Service",
        &[("WEBSITE_SITE_NAME", "bot"), ("WEBSITE_SLOT_NAME", "staging")],
        None,
        Stays("WEBSITE_SLOT_NAME is not \"Production\""),
    ),
    on(
        "Zeabur",
        &[("ZEABUR_WEB_URL", "https://bot.zeabur.app/")],
        Some(("https://bot.zeabur.app", "ZEABUR_WEB_URL")),
        Leaves,
    ),
    on(
        "Sliplane",
        &[("SLIPLANE_DOMAIN", "bot.sliplane.app")],
        Some(("https://bot.sliplane.app", "SLIPLANE_DOMAIN")),
        Leaves,
    ),
    on(
        "Replit",
        &[("REPLIT_DOMAINS", "bot.replit.app,bot.example.org"), ("REPLIT_DEPLOYMENT", "1")],
        Some(("https://bot.replit.app", "REPLIT_DOMAINS")),
        Takes,
    ),
    on(
        "Replit",
        &[("REPLIT_DOMAINS", "x-00.riker.replit.dev")],
        Some(("https://x-00.riker.replit.dev", "REPLIT_DOMAINS")),
        Leaves,
    ),
    on(
        "GitHub Codespaces",
        &[
            ("CODESPACE_NAME", "bot-x7"),
            ("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN", "app.github.dev"),
            ("PORT", "9000"),
        ],
        Some(("https://bot-x7-9000.app.github.dev", "CODESPACE_NAME and GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN")),
        Leaves,
    ),
    on(
        "Hugging Face Spaces",
        &[("SPACE_ID", "ann/bot"), ("SPACE_HOST", "ann-bot.hf.space")],
        Some(("https://ann-bot.hf.space", "SPACE_HOST")),
        Leaves,
    ),
];

#[test]
fn the_public_url_is_what_the_platform_tells_and_settings_says_by_which_variables() {
    for place in PLACES {
        let printed = run(&["settings", "--json"], place.variables, Path::new("/"));
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        let printed: Value = serde_json::from_str(&printed.stdout).unwrap();
        let entry = printed.as_array().unwrap().iter().find(|entry| entry["key"] == "webhook.public_url").unwrap();
        assert_eq!(entry["value"].as_str(), place.url.map(|(url, _)| url), "{:?}", place.variables);
        if let (Some((_, variables)), Some(name)) = (place.url, place.name) {
            let plural = if variables.contains(" and ") { "s" } else { "" };
            assert_eq!(entry["source"], format!("environment variable{plural} {variables}, set by {name}"));
        }
    }
}

/// The host that has the webhook before the service starts.
const FOREIGN: &str = "192.0.2.1";

/// A Telegram whose bot is rung at another host.
async fn telegram_of_another() -> Sandbox {
    let sandbox = start_sandbox(&SystemClock).await;
    sandbox.take_over_webhook(&format!("https://{FOREIGN}/hook")).expect("it can be set");
    sandbox
}

/// What `serve` does there, and what its log says of it.
fn serve(sandbox: &Sandbox, variables: &[(&str, &str)]) -> (Program, String, bool) {
    let folder = tempfile::tempdir().expect("a temporary folder").keep();
    let log = folder.join("log");
    let api_url = sandbox.api_url();
    let ours = [("TELEGRAM_BOT_TOKEN", TOKEN), ("TELEGRAM_API_URL", &api_url), ("DATABASE_URL", "memory:")];
    // The port is the harness's own.
    let variables: Vec<_> = variables.iter().copied().filter(|(name, _)| *name != "PORT").chain(ours).collect();
    let program = Program::serve(&variables, &log);
    let took = until("it is decided", Duration::from_secs(20), || {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        let foreign = sandbox.webhook().is_some_and(|webhook| webhook.url.contains(FOREIGN));
        (!foreign).then_some(true).or_else(|| said.contains("The webhook is not registered").then_some(false))
    });
    let said = std::fs::read_to_string(&log).expect("there is a log");
    (program, said, took)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_its_platform_shows_to_be_production_takes_the_webhook_of_another_host() {
    let started = PLACES.iter().map(async |place| {
        let sandbox = telegram_of_another().await;
        let theirs = sandbox.clone();
        let (program, said, took) =
            tokio::task::spawn_blocking(move || serve(&theirs, place.variables)).await.expect("no panic");
        assert_eq!(took, place.does == Takes, "{:?}: {said}", place.variables);
        assert_eq!(count_calls(&sandbox, "deleteWebhook"), 0);
        match place.does {
            Takes => {}
            Leaves => {
                assert_eq!(count_calls(&sandbox, "setWebhook"), 1, "the other service's");
                assert!(said.contains(FOREIGN) && said.contains("doorbell serve --takeover"), "{said}");
            }
            Stays(sign) => {
                assert_eq!(count_calls(&sandbox, "setWebhook"), 1, "the other service's");
                let sign = format!("this is a preview or a test environment ({})", sign.replace('"', "\\\""));
                assert!(said.contains(&sign), "{sign}: {said}");
            }
        }
        drop(program);
    });
    for started in started.collect::<Vec<_>>() {
        started.await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_of_any_platform_takes_the_webhook_when_it_is_told_to() {
    for place in PLACES.iter().filter(|place| matches!(place.does, Stays(_))) {
        let sandbox = telegram_of_another().await;
        let variables = [place.variables, &[("DOORBELL__WEBHOOK__TAKEOVER", "always")]].concat();
        let (_program, said, took) =
            tokio::task::spawn_blocking(move || serve(&sandbox, &variables)).await.expect("no panic");
        assert!(took, "{:?}: {said}", place.variables);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_names_the_platform_and_what_shows_a_preview() {
    let sandbox = telegram_of_another().await;
    let api_url = sandbox.api_url();
    let examined = tokio::task::spawn_blocking(move || {
        for place in PLACES {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let ours = [("TELEGRAM_BOT_TOKEN", TOKEN), ("TELEGRAM_API_URL", &api_url), ("DATABASE_URL", "memory:")];
            let public = [("PUBLIC_URL", "http://127.0.0.1:9")];
            let printed = run(&["doctor", "--json"], &[place.variables, &ours, &public].concat(), folder.path());
            let printed: Value = serde_json::from_str(&printed.stdout).unwrap();
            let findings = printed.as_array().or_else(|| printed["findings"].as_array()).unwrap();
            let finding = findings.iter().find(|finding| finding["check"] == "place").unwrap().to_string();
            let name = place.name.unwrap_or("no platform that Doorbell knows");
            let says = match place.does {
                Takes => "it takes the webhook over when it starts",
                Leaves => "it takes no webhook over from another host",
                Stays(sign) => &sign.replace('"', "\\\""),
            };
            assert!(finding.contains(name) && finding.contains(says), "{name}, {says}: {finding}");
        }
    });
    examined.await.expect("no panic");
    assert_eq!(count_calls(&sandbox, "setWebhook"), 1, "the doctor changes nothing");
}
