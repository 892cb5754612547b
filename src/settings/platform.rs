//! Detects the platform on which the service runs, by the variables that platforms set.

use super::origin;
use super::sources::Environment;

/// The platform, as the environment variables show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Platform {
    /// The platform's name, such as `Render`; none on an unknown machine.
    pub name: Option<&'static str>,
    /// Whether it is production, as far as the platform says so.
    pub stage: Stage,
    /// The header in which the platform's proxy writes the client's address. The proxy overwrites a header of
    /// that name from the client. `None` when no such header is known.
    pub client_address: Option<&'static str>,
}

/// Whether a service is production.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// The platform reports production, or has no other kind of service.
    Production,
    /// A preview or a test environment, which may have production's token. The text names the variable that shows it.
    Preview(&'static str),
    /// A development environment, a platform that does not report the kind, or no platform. It is not production.
    #[default]
    Unsure,
}

impl Platform {
    /// Whether this is the production service of a recognised platform.
    #[must_use]
    pub fn is_production(&self) -> bool {
        self.stage == Stage::Production
    }

    /// Whether this is a preview or a test environment.
    #[must_use]
    pub fn is_preview(&self) -> bool {
        matches!(self.stage, Stage::Preview(_))
    }
}

/// How a platform is detected, and how its variables are used.
struct Marks {
    name: &'static str,
    /// Any of these variables shows the platform.
    shown_by: &'static [&'static str],
    /// How the public URL is built. The first rule whose variables are all set is used.
    public: &'static [PublicUrl],
    /// What shows a preview or a test environment.
    preview: &'static [Sign],
    /// When a service that is not a preview is production.
    production: Production,
    client_address: Option<&'static str>,
}

/// When a service that is not a preview is production.
enum Production {
    /// Always: the platform has only production, or marks everything else.
    Always,
    /// If this variable is set.
    IfSet(&'static str),
    /// The platform does not report it.
    Unknown,
}

use Production::{Always, IfSet, Unknown};

/// A rule that builds the public URL from variables. `https://` is added if the scheme is missing.
enum PublicUrl {
    /// The value of a variable, followed by this text.
    Value(&'static str, &'static str),
    /// The first URL in a variable with a list between commas, https first.
    First(&'static str),
    /// The values of two variables, with a dot between them.
    Joined(&'static str, &'static str),
    /// The value of the first variable, the service's port, and the value of the second.
    WithPort(&'static str, &'static str),
}

use PublicUrl::{First, Joined, Value, WithPort};

/// A condition on a variable. A variable that is empty or not set does not meet it.
struct Sign {
    variable: &'static str,
    shows: fn(&str) -> bool,
    /// The condition as a text for people.
    says: &'static str,
}

const fn sign(variable: &'static str, shows: fn(&str) -> bool, says: &'static str) -> Sign {
    Sign { variable, shows, says }
}

/// Render's variable for a preview. It is honoured on every platform.
const PULL_REQUEST: Sign =
    sign("IS_PULL_REQUEST", |value| value.eq_ignore_ascii_case("true"), "IS_PULL_REQUEST is true");

/// The platforms, in the order in which they are tried: name, what shows it, public URL, production.
const PLATFORMS: &[Marks] = &[
    // The header is written by Cloudflare, which is in front of Render's own proxies.
    marks("Render", &["RENDER"], &[Value("RENDER_EXTERNAL_URL", "")], Always).client_address("cf-connecting-ip"),
    marks("Fly", &["FLY_APP_NAME"], &[Value("FLY_APP_NAME", ".fly.dev")], Always).client_address("fly-client-ip"),
    // The first environment of a project is named production; that of a pull request copies its variables.
    marks(
        "Railway",
        &["RAILWAY_PUBLIC_DOMAIN", "RAILWAY_ENVIRONMENT_NAME"],
        &[Value("RAILWAY_PUBLIC_DOMAIN", "")],
        IfSet("RAILWAY_ENVIRONMENT_NAME"),
    )
    .preview(&[sign(
        "RAILWAY_ENVIRONMENT_NAME",
        |value| !value.eq_ignore_ascii_case("production"),
        "RAILWAY_ENVIRONMENT_NAME is not \"production\"",
    )]),
    marks("Koyeb", &["KOYEB_PUBLIC_DOMAIN"], &[Value("KOYEB_PUBLIC_DOMAIN", "")], Always),
    // The URL is set only if the app's "dyno metadata" is enabled. A review app has the secrets of its pipeline.
    marks("Heroku", &["DYNO"], &[Value("HEROKU_APP_DEFAULT_DOMAIN_NAME", "")], Always).preview(&[
        sign("HEROKU_PR_NUMBER", |_| true, "HEROKU_PR_NUMBER is set"),
        sign("HEROKU_BRANCH", |_| true, "HEROKU_BRANCH is set"),
    ]),
    // Coolify's version decides which of the two has the scheme.
    marks(
        "Coolify",
        &["COOLIFY_URL", "COOLIFY_FQDN"],
        &[First("COOLIFY_URL"), First("COOLIFY_FQDN")],
        IfSet("COOLIFY_BRANCH"),
    )
    .preview(&[sign("COOLIFY_BRANCH", |value| value.starts_with("pull/"), "COOLIFY_BRANCH begins with \"pull/\"")]),
    // Only Google's metadata server knows the URL, and the program does not use the network before the start.
    marks("Cloud Run", &["K_SERVICE"], &[], Unknown),
    // CONTAINER_APP_HOSTNAME is the revision's own name, which ends with it.
    marks(
        "Azure Container Apps",
        &["CONTAINER_APP_NAME"],
        &[Joined("CONTAINER_APP_NAME", "CONTAINER_APP_ENV_DNS_SUFFIX")],
        Unknown,
    ),
    // The production slot has this name; other slots are stages before it.
    marks("Azure App Service", &["WEBSITE_SITE_NAME"], &[Value("WEBSITE_HOSTNAME", "")], IfSet("WEBSITE_SLOT_NAME"))
        .preview(&[sign(
            "WEBSITE_SLOT_NAME",
            |value| !value.eq_ignore_ascii_case("production"),
            "WEBSITE_SLOT_NAME is not \"Production\"",
        )]),
    marks("Zeabur", &["ZEABUR_WEB_URL"], &[Value("ZEABUR_WEB_URL", "")], Unknown),
    marks("Sliplane", &["SLIPLANE_DOMAIN"], &[Value("SLIPLANE_DOMAIN", "")], Unknown),
    // REPLIT_DEPLOYMENT is not set in the editor.
    marks("Replit", &["REPLIT_DOMAINS"], &[First("REPLIT_DOMAINS")], IfSet("REPLIT_DEPLOYMENT")),
    marks(
        "GitHub Codespaces",
        &["CODESPACE_NAME"],
        &[WithPort("CODESPACE_NAME", "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN")],
        Unknown,
    ),
    marks("Hugging Face Spaces", &["SPACE_ID"], &[Value("SPACE_HOST", "")], Unknown),
];

const fn marks(
    name: &'static str,
    shown_by: &'static [&'static str],
    public: &'static [PublicUrl],
    production: Production,
) -> Marks {
    Marks { name, shown_by, public, production, preview: &[], client_address: None }
}

impl Marks {
    const fn preview(self, preview: &'static [Sign]) -> Self {
        Self { preview, ..self }
    }

    const fn client_address(self, header: &'static str) -> Self {
        Self { client_address: Some(header), ..self }
    }
}

/// Detects the platform.
pub(super) fn detect(environment: &Environment) -> Platform {
    let marks = shown(environment);
    Platform {
        name: marks.map(|marks| marks.name),
        stage: stage(environment, marks),
        client_address: marks.and_then(|marks| marks.client_address),
    }
}

fn stage(environment: &Environment, marks: Option<&Marks>) -> Stage {
    let signs = marks.map(|marks| marks.preview).unwrap_or_default();
    let is_shown = |sign: &&Sign| environment.text(sign.variable).is_some_and(sign.shows);
    if let Some(sign) = signs.iter().chain([&PULL_REQUEST]).find(is_shown) {
        return Stage::Preview(sign.says);
    }
    let is_production = marks.is_some_and(|marks| match marks.production {
        Always => true,
        IfSet(variable) => environment.text(variable).is_some(),
        Unknown => false,
    });
    if is_production { Stage::Production } else { Stage::Unsure }
}

/// The public URL from the platform's variables, and its origin. `port` is the service's own.
pub(super) fn public_url(environment: &Environment, port: &str) -> Option<(String, String)> {
    let marks = shown(environment)?;
    marks.public.iter().find_map(|way| {
        let (url, variables) = way.make(environment, port)?;
        let url = url.trim_end_matches('/');
        let url = if url.contains("://") { url.to_owned() } else { format!("https://{url}") };
        Some((url, origin::platform(marks.name, &variables)))
    })
}

impl PublicUrl {
    fn make(&self, environment: &Environment, port: &str) -> Option<(String, Vec<&'static str>)> {
        let value = |variable| environment.text(variable);
        Some(match *self {
            Self::Value(variable, after) => (format!("{}{after}", value(variable)?), vec![variable]),
            Self::First(variable) => (first(value(variable)?)?, vec![variable]),
            Self::Joined(one, two) => (format!("{}.{}", value(one)?, value(two)?), vec![one, two]),
            Self::WithPort(name, domain) => (format!("{}-{port}.{}", value(name)?, value(domain)?), vec![name, domain]),
        })
    }
}

fn first(list: &str) -> Option<String> {
    let mut urls = list.split(',').map(str::trim).filter(|url| !url.is_empty());
    let with_https = urls.clone().find(|url| url.starts_with("https://"));
    with_https.or_else(|| urls.next()).map(str::to_owned)
}

fn shown(environment: &Environment) -> Option<&'static Marks> {
    PLATFORMS.iter().find(|marks| marks.shown_by.iter().any(|variable| environment.text(variable).is_some()))
}
