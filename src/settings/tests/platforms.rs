use crate::settings::platform::{Platform, Stage, detect, public_url};

fn on(variables: &[(&str, &str)]) -> (Platform, Option<String>) {
    let environment = variables.iter().copied().collect();
    (detect(&environment), public_url(&environment, "10000").map(|(url, _)| url))
}

#[test]
fn platforms_are_detected_and_provide_the_public_url() {
    for (variables, name, url) in [
        (
            &[("RENDER", "true"), ("RENDER_EXTERNAL_URL", "https://a.onrender.com")][..],
            "Render",
            "https://a.onrender.com",
        ),
        (&[("RENDER", "true"), ("FLY_APP_NAME", "a"), ("RENDER_EXTERNAL_URL", "")], "Render", ""),
        (&[("FLY_APP_NAME", "a")], "Fly", "https://a.fly.dev"),
        (&[("RAILWAY_ENVIRONMENT_NAME", "x")], "Railway", ""),
        (&[("RAILWAY_PUBLIC_DOMAIN", "a.up.railway.app")], "Railway", "https://a.up.railway.app"),
        (&[("KOYEB_PUBLIC_DOMAIN", "a.koyeb.app")], "Koyeb", "https://a.koyeb.app"),
        (
            &[("DYNO", "web.1"), ("HEROKU_APP_DEFAULT_DOMAIN_NAME", "a.herokuapp.com")],
            "Heroku",
            "https://a.herokuapp.com",
        ),
        (&[("K_SERVICE", "a"), ("K_REVISION", "a-1")], "Cloud Run", ""),
        (&[("COOLIFY_URL", "https://a.org,https://b.org")], "Coolify", "https://a.org"),
        (&[("COOLIFY_URL", "http://a.sslip.io, https://b.org")], "Coolify", "https://b.org"),
        (&[("COOLIFY_URL", "a.org,b.org"), ("COOLIFY_FQDN", "https://c.org")], "Coolify", "https://a.org"),
        (&[("COOLIFY_URL", ","), ("COOLIFY_FQDN", "c.org")], "Coolify", "https://c.org"),
        (
            &[
                ("CONTAINER_APP_NAME", "bot"),
                ("CONTAINER_APP_ENV_DNS_SUFFIX", "sea.eu.azurecontainerapps.io"),
                ("CONTAINER_APP_HOSTNAME", "bot--r1.sea.eu.azurecontainerapps.io"),
            ],
            "Azure Container Apps",
            "https://bot.sea.eu.azurecontainerapps.io",
        ),
        (&[("CONTAINER_APP_NAME", "bot")], "Azure Container Apps", ""),
        (
            &[("WEBSITE_SITE_NAME", "bot"), ("WEBSITE_HOSTNAME", "bot.azurewebsites.net")],
            "Azure App Service",
            "https://bot.azurewebsites.net",
        ),
        (&[("ZEABUR_WEB_URL", "https://bot.zeabur.app/")], "Zeabur", "https://bot.zeabur.app"),
        (&[("SLIPLANE_DOMAIN", "bot.sliplane.app")], "Sliplane", "https://bot.sliplane.app"),
        (&[("REPLIT_DOMAINS", "bot.replit.app,bot.org")], "Replit", "https://bot.replit.app"),
        (
            &[("CODESPACE_NAME", "bot-x7"), ("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN", "app.github.dev")],
            "GitHub Codespaces",
            "https://bot-x7-10000.app.github.dev",
        ),
        (
            &[("SPACE_ID", "ann/bot"), ("SPACE_HOST", "ann-bot.hf.space")],
            "Hugging Face Spaces",
            "https://ann-bot.hf.space",
        ),
    ] {
        let (platform, public) = on(variables);
        assert_eq!((platform.name, public.as_deref().unwrap_or_default()), (Some(name), url), "{variables:?}");
    }
    assert_eq!(on(&[]), (Platform::default(), None));
}

#[test]
fn a_platform_shows_production_and_previews() {
    let preview = Stage::Preview;
    for (variables, stage) in [
        (&[("RENDER", "true")][..], Stage::Production),
        (&[("RENDER", "true"), ("IS_PULL_REQUEST", "false")], Stage::Production),
        (&[("RENDER", "true"), ("IS_PULL_REQUEST", "true")], preview("IS_PULL_REQUEST is true")),
        (&[("IS_PULL_REQUEST", "true")], preview("IS_PULL_REQUEST is true")),
        (&[("FLY_APP_NAME", "a")], Stage::Production),
        (&[("KOYEB_PUBLIC_DOMAIN", "a")], Stage::Production),
        (&[("DYNO", "web.1")], Stage::Production),
        (&[("DYNO", "web.1"), ("HEROKU_PR_NUMBER", "7")], preview("HEROKU_PR_NUMBER is set")),
        (&[("DYNO", "web.1"), ("HEROKU_BRANCH", "topic")], preview("HEROKU_BRANCH is set")),
        (&[("RAILWAY_ENVIRONMENT_NAME", "production")], Stage::Production),
        (&[("RAILWAY_ENVIRONMENT_NAME", "bot-pr-7")], preview("RAILWAY_ENVIRONMENT_NAME is not \"production\"")),
        (&[("RAILWAY_PUBLIC_DOMAIN", "a")], Stage::Unsure),
        (&[("COOLIFY_URL", "a"), ("COOLIFY_BRANCH", "main")], Stage::Production),
        (&[("COOLIFY_URL", "a"), ("COOLIFY_BRANCH", "pull/7/head")], preview("COOLIFY_BRANCH begins with \"pull/\"")),
        (&[("COOLIFY_URL", "a")], Stage::Unsure),
        (&[("K_SERVICE", "a")], Stage::Unsure),
        (&[("CONTAINER_APP_NAME", "a")], Stage::Unsure),
        (&[("WEBSITE_SITE_NAME", "a")], Stage::Unsure),
        (&[("WEBSITE_SITE_NAME", "a"), ("WEBSITE_SLOT_NAME", "Production")], Stage::Production),
        (
            &[("WEBSITE_SITE_NAME", "a"), ("WEBSITE_SLOT_NAME", "staging")],
            preview("WEBSITE_SLOT_NAME is not \"Production\""),
        ),
        (&[("ZEABUR_WEB_URL", "a")], Stage::Unsure),
        (&[("SLIPLANE_DOMAIN", "a")], Stage::Unsure),
        (&[("REPLIT_DOMAINS", "a"), ("REPLIT_DEPLOYMENT", "1")], Stage::Production),
        (&[("REPLIT_DOMAINS", "a")], Stage::Unsure),
        (&[("CODESPACE_NAME", "a")], Stage::Unsure),
        (&[("SPACE_ID", "a")], Stage::Unsure),
        (&[], Stage::Unsure),
    ] {
        assert_eq!(on(variables).0.stage, stage, "{variables:?}");
    }
}
