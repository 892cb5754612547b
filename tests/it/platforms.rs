//! For each platform: what its variables report, and whether a service there takes over the webhook of another host.

use std::path::Path;
use std::time::Duration;

use doorbell::clock::SystemClock;
use doorbell::sandbox::{Sandbox, TOKEN};
use serde_json::Value;

use crate::harness::{Program, count_calls, run, start_sandbox, until};

/// The reaction of a service to the webhook of another host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behaviour {
    TakesOver,
    /// It does not replace it, and would register its own if there were none.
    LeavesAlone,
    /// It does not replace it, and says that it is a preview and which variable shows that.
    IsPreview(&'static str),
}
use Behaviour::{IsPreview, LeavesAlone, TakesOver};

struct Deployment {
    name: Option<&'static str>,
    variables: &'static [(&'static str, &'static str)],
    /// The public URL with the variables that contain it.
    url: Option<(&'static str, &'static str)>,
    behaviour: Behaviour,
}

const fn on(
    name: &'static str,
    variables: &'static [(&'static str, &'static str)],
    url: Option<(&'static str, &'static str)>,
    behaviour: Behaviour,
) -> Deployment {
    Deployment { name: Some(name), variables, url, behaviour }
}

const DEPLOYMENTS: &[Deployment] = &[
    Deployment { name: None, variables: &[], url: None, behaviour: LeavesAlone },
    Deployment {
        name: None,
        variables: &[("IS_PULL_REQUEST", "true")],
        url: None,
        behaviour: IsPreview("IS_PULL_REQUEST is true"),
    },
    on(
        "Render",
        &[("RENDER", "true"), ("IS_PULL_REQUEST", "false"), ("RENDER_EXTERNAL_URL", "https://bot.onrender.com")],
        Some(("https://bot.onrender.com", "RENDER_EXTERNAL_URL")),
        TakesOver,
    ),
    on(
        "Render",
        &[("RENDER", "true"), ("IS_PULL_REQUEST", "true"), ("RENDER_EXTERNAL_URL", "https://bot-pr-7.onrender.com")],
        Some(("https://bot-pr-7.onrender.com", "RENDER_EXTERNAL_URL")),
        IsPreview("IS_PULL_REQUEST is true"),
    ),
    on("Fly", &[("FLY_APP_NAME", "bot")], Some(("https://bot.fly.dev", "FLY_APP_NAME")), TakesOver),
    on(
        "Railway",
        &[("RAILWAY_ENVIRONMENT_NAME", "production"), ("RAILWAY_PUBLIC_DOMAIN", "bot.up.railway.app")],
        Some(("https://bot.up.railway.app", "RAILWAY_PUBLIC_DOMAIN")),
        TakesOver,
    ),
    on(
        "Railway",
        &[("RAILWAY_ENVIRONMENT_NAME", "bot-pr-7"), ("RAILWAY_PUBLIC_DOMAIN", "bot-pr-7.up.railway.app")],
        Some(("https://bot-pr-7.up.railway.app", "RAILWAY_PUBLIC_DOMAIN")),
        IsPreview("RAILWAY_ENVIRONMENT_NAME is not \"production\""),
    ),
    on("Heroku", &[("DYNO", "web.1")], None, TakesOver),
    on("Heroku", &[("DYNO", "web.1"), ("HEROKU_PR_NUMBER", "7")], None, IsPreview("HEROKU_PR_NUMBER is set")),
    on("Heroku", &[("DYNO", "web.1"), ("HEROKU_BRANCH", "topic")], None, IsPreview("HEROKU_BRANCH is set")),
    on(
        "Coolify",
        &[("COOLIFY_URL", "https://bot.example.org,https://www.example.org"), ("COOLIFY_BRANCH", "main")],
        Some(("https://bot.example.org", "COOLIFY_URL")),
        TakesOver,
    ),
    on(
        "Coolify",
        &[("COOLIFY_FQDN", "7.bot.example.org"), ("COOLIFY_BRANCH", "pull/7/head")],
        Some(("https://7.bot.example.org", "COOLIFY_FQDN")),
        IsPreview("COOLIFY_BRANCH begins with \"pull/\""),
    ),
    on(
        "Coolify",
        &[("COOLIFY_FQDN", "bot.example.org")],
        Some(("https://bot.example.org", "COOLIFY_FQDN")),
        LeavesAlone,
    ),
    on("Cloud Run", &[("K_SERVICE", "bot"), ("K_REVISION", "bot-00001-abc")], None, LeavesAlone),
    on(
        "Azure Container Apps",
        &[("CONTAINER_APP_NAME", "bot"), ("CONTAINER_APP_ENV_DNS_SUFFIX", "sea.westeurope.azurecontainerapps.io")],
        Some((
            "https://bot.sea.westeurope.azurecontainerapps.io",
            "CONTAINER_APP_NAME and CONTAINER_APP_ENV_DNS_SUFFIX",
        )),
        LeavesAlone,
    ),
    on(
        "Azure App Service",
        &[("WEBSITE_SITE_NAME", "bot"), ("WEBSITE_HOSTNAME", "bot.azurewebsites.net")],
        Some(("https://bot.azurewebsites.net", "WEBSITE_HOSTNAME")),
        LeavesAlone,
    ),
    on("Azure App Service", &[("WEBSITE_SITE_NAME", "bot"), ("WEBSITE_SLOT_NAME", "Production")], None, TakesOver),
    on(
        "Azure App Service",
        &[("WEBSITE_SITE_NAME", "bot"), ("WEBSITE_SLOT_NAME", "staging")],
        None,
        IsPreview("WEBSITE_SLOT_NAME is not \"Production\""),
    ),
    on(
        "Zeabur",
        &[("ZEABUR_WEB_URL", "https://bot.zeabur.app/")],
        Some(("https://bot.zeabur.app", "ZEABUR_WEB_URL")),
        LeavesAlone,
    ),
    on(
        "Sliplane",
        &[("SLIPLANE_DOMAIN", "bot.sliplane.app")],
        Some(("https://bot.sliplane.app", "SLIPLANE_DOMAIN")),
        LeavesAlone,
    ),
    on(
        "Replit",
        &[("REPLIT_DOMAINS", "bot.replit.app,bot.example.org"), ("REPLIT_DEPLOYMENT", "1")],
        Some(("https://bot.replit.app", "REPLIT_DOMAINS")),
        TakesOver,
    ),
    on(
        "Replit",
        &[("REPLIT_DOMAINS", "x-00.riker.replit.dev")],
        Some(("https://x-00.riker.replit.dev", "REPLIT_DOMAINS")),
        LeavesAlone,
    ),
    on(
        "GitHub Codespaces",
        &[
            ("CODESPACE_NAME", "bot-x7"),
            ("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN", "app.github.dev"),
            ("PORT", "9000"),
        ],
        Some(("https://bot-x7-9000.app.github.dev", "CODESPACE_NAME and GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN")),
        LeavesAlone,
    ),
    on(
        "Hugging Face Spaces",
        &[("SPACE_ID", "ann/bot"), ("SPACE_HOST", "ann-bot.hf.space")],
        Some(("https://ann-bot.hf.space", "SPACE_HOST")),
        LeavesAlone,
    ),
];

#[test]
fn settings_print_the_platforms_public_url_and_the_variables_that_tell_it() {
    for deployment in DEPLOYMENTS {
        let printed = run(&["settings", "--json"], deployment.variables, Path::new("/"));
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        let printed: Value = serde_json::from_str(&printed.stdout).unwrap();
        let entry = printed.as_array().unwrap().iter().find(|entry| entry["key"] == "webhook.public_url").unwrap();
        assert_eq!(entry["value"].as_str(), deployment.url.map(|(url, _)| url), "{:?}", deployment.variables);
        if let (Some((_, variables)), Some(name)) = (deployment.url, deployment.name) {
            let plural = if variables.contains(" and ") { "s" } else { "" };
            assert_eq!(entry["source"], format!("environment variable{plural} {variables}, set by {name}"));
        }
    }
}

/// The host that has the webhook before the service starts.
const FOREIGN: &str = "192.0.2.1";

/// A Telegram that has a webhook of another host for the bot.
async fn telegram_of_another() -> Sandbox {
    let sandbox = start_sandbox(&SystemClock).await;
    sandbox.take_over_webhook(&format!("https://{FOREIGN}/hook")).expect("it can be set");
    sandbox
}

/// Starts `serve`. Returns the program, its log, and whether it took the webhook over.
fn serve(sandbox: &Sandbox, variables: &[(&str, &str)]) -> (Program, String, bool) {
    let folder = tempfile::tempdir().expect("a temporary folder").keep();
    let log = folder.join("log");
    let api_url = sandbox.api_url();
    let ours = [("TELEGRAM_BOT_TOKEN", TOKEN), ("TELEGRAM_API_URL", &api_url), ("DATABASE_URL", "memory:")];
    // The harness chooses the port.
    let variables: Vec<_> = variables.iter().copied().filter(|(name, _)| *name != "PORT").chain(ours).collect();
    let program = Program::serve(&variables, &log);
    let took = until("it is decided", Duration::from_secs(20), || {
        let log_text = std::fs::read_to_string(&log).unwrap_or_default();
        let foreign = sandbox.webhook().is_some_and(|webhook| webhook.url.contains(FOREIGN));
        (!foreign).then_some(true).or_else(|| log_text.contains("The webhook is not registered").then_some(false))
    });
    let log_text = std::fs::read_to_string(&log).expect("there is a log");
    (program, log_text, took)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_production_service_of_a_platform_takes_over_the_webhook_of_another_host() {
    let started = DEPLOYMENTS.iter().map(async |deployment| {
        let sandbox = telegram_of_another().await;
        let theirs = sandbox.clone();
        let (program, log_text, took) =
            tokio::task::spawn_blocking(move || serve(&theirs, deployment.variables)).await.expect("no panic");
        assert_eq!(took, deployment.behaviour == TakesOver, "{:?}: {log_text}", deployment.variables);
        assert_eq!(count_calls(&sandbox, "deleteWebhook"), 0);
        match deployment.behaviour {
            TakesOver => {}
            LeavesAlone => {
                assert_eq!(count_calls(&sandbox, "setWebhook"), 1, "the other service's");
                assert!(log_text.contains(FOREIGN) && log_text.contains("doorbell serve --takeover"), "{log_text}");
            }
            IsPreview(sign) => {
                assert_eq!(count_calls(&sandbox, "setWebhook"), 1, "the other service's");
                let sign = format!("this is a preview or a test environment ({})", sign.replace('"', "\\\""));
                assert!(log_text.contains(&sign), "{sign}: {log_text}");
            }
        }
        drop(program);
    });
    for started in started.collect::<Vec<_>>() {
        started.await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_takes_over_the_webhook_when_takeover_is_always() {
    for deployment in DEPLOYMENTS.iter().filter(|deployment| matches!(deployment.behaviour, IsPreview(_))) {
        let sandbox = telegram_of_another().await;
        let variables = [deployment.variables, &[("DOORBELL__WEBHOOK__TAKEOVER", "always")]].concat();
        let (_program, log_text, took) =
            tokio::task::spawn_blocking(move || serve(&sandbox, &variables)).await.expect("no panic");
        assert!(took, "{:?}: {log_text}", deployment.variables);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_names_the_platform_and_what_shows_a_preview() {
    let sandbox = telegram_of_another().await;
    let api_url = sandbox.api_url();
    let examined = tokio::task::spawn_blocking(move || {
        for deployment in DEPLOYMENTS {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let ours = [("TELEGRAM_BOT_TOKEN", TOKEN), ("TELEGRAM_API_URL", &api_url), ("DATABASE_URL", "memory:")];
            let public = [("PUBLIC_URL", "http://127.0.0.1:9")];
            let printed = run(&["doctor", "--json"], &[deployment.variables, &ours, &public].concat(), folder.path());
            let printed: Value = serde_json::from_str(&printed.stdout).unwrap();
            let findings = printed.as_array().or_else(|| printed["findings"].as_array()).unwrap();
            let finding = findings.iter().find(|finding| finding["check"] == "platform").unwrap().to_string();
            let name = deployment.name.unwrap_or("no platform that Doorbell knows");
            let says = match deployment.behaviour {
                TakesOver => "it takes the webhook over when it starts",
                LeavesAlone => "it takes no webhook over from another host",
                IsPreview(sign) => &sign.replace('"', "\\\""),
            };
            assert!(finding.contains(name) && finding.contains(says), "{name}, {says}: {finding}");
        }
    });
    examined.await.expect("no panic");
    assert_eq!(count_calls(&sandbox, "setWebhook"), 1, "the doctor changes nothing");
}
