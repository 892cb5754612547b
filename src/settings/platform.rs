//! Recognises where the service runs, by the variables that platforms set for their services.

use secrecy::ExposeSecret;

use super::origin::Origin;
use super::sources::{Environment, Variable};

/// Where the service runs, as the environment shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Platform {
    /// The platform's name, such as `Render`; none on an unknown machine.
    pub name: Option<&'static str>,
    /// Whether it is production, as far as the platform says so.
    pub stage: Stage,
    /// The header in which the platform's proxy writes the client's address, over whatever a client
    /// sent under that name; none where no such header is known.
    pub client_address: Option<&'static str>,
}

/// Whether a service is production.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// The platform says that it is production, or has nothing else.
    Production,
    /// A preview or a test environment, which may hold production's token; what shows it.
    Preview(&'static str),
    /// A place to develop in, a platform that does not say, or none: it counts as not production.
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

/// How a platform is recognised, and what it says.
struct Marks {
    name: &'static str,
    /// Any of these shows the platform.
    shown_by: &'static [&'static str],
    /// How the public URL is made; the first way whose variables are all set is taken.
    public: &'static [PublicUrl],
    /// What shows a preview or a test environment.
    preview: &'static [Sign],
    /// When a service that is no preview is production.
    production: Production,
    client_address: Option<&'static str>,
}

/// When a service that is no preview is production.
enum Production {
    /// Always: the platform has nothing else, or marks what else it has.
    Always,
    /// Where this variable is set.
    IfSet(&'static str),
    /// It cannot be told.
    Unsure,
}

/// One way to make the public URL of variables. `https://` is written before what has no scheme.
enum PublicUrl {
    /// The value of a variable, with this text after it.
    Value(&'static str, &'static str),
    /// The first of the comma list in a variable, or the first with https where some have a scheme.
    First(&'static str),
    /// The values of two variables, with a dot between them.
    Joined(&'static str, &'static str),
    /// The value of the first variable, the service's port, and the value of the second.
    WithPort(&'static str, &'static str),
}

/// Something that a variable shows.
struct Sign {
    variable: &'static str,
    seen: Seen,
    /// The same in words.
    says: &'static str,
}

/// How the value of a variable is looked at. One that is not set, or empty, shows nothing.
enum Seen {
    Anything,
    Equal(&'static str),
    NotEqual(&'static str),
    BeginsWith(&'static str),
}

/// Render's mark, which counts everywhere.
const PULL_REQUEST: Sign =
    Sign { variable: "IS_PULL_REQUEST", seen: Seen::Equal("true"), says: "IS_PULL_REQUEST is true" };

/// The platforms, in the order in which they are tried.
const PLATFORMS: &[Marks] = &[
    Marks {
        name: "Render",
        shown_by: &["RENDER"],
        public: &[PublicUrl::Value("RENDER_EXTERNAL_URL", "")],
        // Cloudflare, in front of Render's own proxies, writes it.
        client_address: Some("cf-connecting-ip"),
        ..MARKS
    },
    Marks {
        name: "Fly",
        shown_by: &["FLY_APP_NAME"],
        public: &[PublicUrl::Value("FLY_APP_NAME", ".fly.dev")],
        client_address: Some("fly-client-ip"),
        ..MARKS
    },
    Marks {
        name: "Railway",
        shown_by: &["RAILWAY_PUBLIC_DOMAIN", "RAILWAY_ENVIRONMENT_NAME"],
        public: &[PublicUrl::Value("RAILWAY_PUBLIC_DOMAIN", "")],
        // The first environment of a project has this name; one of a pull request copies its variables.
        preview: &[Sign {
            variable: "RAILWAY_ENVIRONMENT_NAME",
            seen: Seen::NotEqual("production"),
            says: "RAILWAY_ENVIRONMENT_NAME is not \"production\"",
        }],
        production: Production::IfSet("RAILWAY_ENVIRONMENT_NAME"),
        ..MARKS
    },
    Marks {
        name: "Koyeb",
        shown_by: &["KOYEB_PUBLIC_DOMAIN"],
        public: &[PublicUrl::Value("KOYEB_PUBLIC_DOMAIN", "")],
        ..MARKS
    },
    Marks {
        name: "Heroku",
        shown_by: &["DYNO"],
        // Set only where the app's "dyno metadata" is switched on.
        public: &[PublicUrl::Value("HEROKU_APP_DEFAULT_DOMAIN_NAME", "")],
        // A review app has the secrets of its pipeline.
        preview: &[
            Sign { variable: "HEROKU_PR_NUMBER", seen: Seen::Anything, says: "HEROKU_PR_NUMBER is set" },
            Sign { variable: "HEROKU_BRANCH", seen: Seen::Anything, says: "HEROKU_BRANCH is set" },
        ],
        ..MARKS
    },
    Marks {
        name: "Coolify",
        shown_by: &["COOLIFY_URL", "COOLIFY_FQDN"],
        // Which of the two has the scheme differs between Coolify's versions.
        public: &[PublicUrl::First("COOLIFY_URL"), PublicUrl::First("COOLIFY_FQDN")],
        preview: &[Sign {
            variable: "COOLIFY_BRANCH",
            seen: Seen::BeginsWith("pull/"),
            says: "COOLIFY_BRANCH begins with \"pull/\"",
        }],
        production: Production::IfSet("COOLIFY_BRANCH"),
        ..MARKS
    },
    // Its URL could be asked of Google's metadata server, but nothing goes to the network before the start.
    Marks { name: "Cloud Run", shown_by: &["K_SERVICE"], production: Production::Unsure, ..MARKS },
    Marks {
        name: "Azure Container Apps",
        shown_by: &["CONTAINER_APP_NAME"],
        // CONTAINER_APP_HOSTNAME is the revision's own name, which ends with it.
        public: &[PublicUrl::Joined("CONTAINER_APP_NAME", "CONTAINER_APP_ENV_DNS_SUFFIX")],
        production: Production::Unsure,
        ..MARKS
    },
    Marks {
        name: "Azure App Service",
        shown_by: &["WEBSITE_SITE_NAME"],
        public: &[PublicUrl::Value("WEBSITE_HOSTNAME", "")],
        // The production slot has this name; another slot is a stage before it.
        preview: &[Sign {
            variable: "WEBSITE_SLOT_NAME",
            seen: Seen::NotEqual("production"),
            says: "WEBSITE_SLOT_NAME is not \"Production\"",
        }],
        production: Production::IfSet("WEBSITE_SLOT_NAME"),
        ..MARKS
    },
    Marks {
        name: "Zeabur",
        shown_by: &["ZEABUR_WEB_URL"],
        public: &[PublicUrl::Value("ZEABUR_WEB_URL", "")],
        production: Production::Unsure,
        ..MARKS
    },
    Marks {
        name: "Sliplane",
        shown_by: &["SLIPLANE_DOMAIN"],
        public: &[PublicUrl::Value("SLIPLANE_DOMAIN", "")],
        production: Production::Unsure,
        ..MARKS
    },
    Marks {
        name: "Replit",
        shown_by: &["REPLIT_DOMAINS"],
        public: &[PublicUrl::First("REPLIT_DOMAINS")],
        // Without it, it is the editor.
        production: Production::IfSet("REPLIT_DEPLOYMENT"),
        ..MARKS
    },
    Marks {
        name: "GitHub Codespaces",
        shown_by: &["CODESPACE_NAME"],
        public: &[PublicUrl::WithPort("CODESPACE_NAME", "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN")],
        production: Production::Unsure,
        ..MARKS
    },
    Marks {
        name: "Hugging Face Spaces",
        shown_by: &["SPACE_ID"],
        public: &[PublicUrl::Value("SPACE_HOST", "")],
        production: Production::Unsure,
        ..MARKS
    },
];

/// What most platforms have in common.
const MARKS: Marks =
    Marks { name: "", shown_by: &[], public: &[], preview: &[], production: Production::Always, client_address: None };

/// Recognises the platform.
pub(super) fn recognise(environment: &Environment) -> Platform {
    let marks = marks(environment);
    Platform {
        name: marks.map(|marks| marks.name),
        stage: stage(environment, marks),
        client_address: marks.and_then(|marks| marks.client_address),
    }
}

fn stage(environment: &Environment, marks: Option<&Marks>) -> Stage {
    let signs = marks.map(|marks| marks.preview).unwrap_or_default();
    if let Some(sign) = signs.iter().chain([&PULL_REQUEST]).find(|sign| sign.is_seen(environment)) {
        return Stage::Preview(sign.says);
    }
    let is_production = marks.is_some_and(|marks| match marks.production {
        Production::Always => true,
        Production::IfSet(variable) => value(environment, variable).is_some(),
        Production::Unsure => false,
    });
    if is_production { Stage::Production } else { Stage::Unsure }
}

impl Sign {
    fn is_seen(&self, environment: &Environment) -> bool {
        value(environment, self.variable).is_some_and(|value| match self.seen {
            Seen::Anything => true,
            Seen::Equal(text) => value.eq_ignore_ascii_case(text),
            Seen::NotEqual(text) => !value.eq_ignore_ascii_case(text),
            Seen::BeginsWith(text) => value.starts_with(text),
        })
    }
}

/// The public URL as the platform knows it, and which variables said so. `port` is the service's own.
pub(super) fn public_url(environment: &Environment, port: &str) -> Option<(String, Origin)> {
    let marks = marks(environment)?;
    marks.public.iter().find_map(|way| {
        let (url, variables) = way.make(environment, port)?;
        let url = url.trim_end_matches('/');
        let url = if url.contains("://") { url.to_owned() } else { format!("https://{url}") };
        Some((url, Origin::Platform { name: marks.name, variables }))
    })
}

impl PublicUrl {
    fn make(&self, environment: &Environment, port: &str) -> Option<(String, Vec<&'static str>)> {
        let value = |variable| value(environment, variable);
        Some(match *self {
            Self::Value(variable, after) => (format!("{}{after}", value(variable)?), vec![variable]),
            Self::First(variable) => (first(&value(variable)?)?, vec![variable]),
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

fn marks(environment: &Environment) -> Option<&'static Marks> {
    PLATFORMS.iter().find(|marks| marks.shown_by.iter().any(|variable| value(environment, variable).is_some()))
}

fn value(environment: &Environment, variable: &str) -> Option<String> {
    match environment.value(variable) {
        Variable::Text(text) if !text.expose_secret().is_empty() => Some(text.expose_secret().to_owned()),
        Variable::Text(_) | Variable::NotText | Variable::NotSet => None,
    }
}
