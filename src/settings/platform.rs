//! Recognises where the service runs, by the variables that platforms set for their services.

use secrecy::ExposeSecret;

use super::origin::Origin;
use super::sources::{Environment, Variable};

/// Where the service runs, as the environment shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Platform {
    /// The platform's name, such as `Render`; none on an unknown machine.
    pub name: Option<&'static str>,
    /// Whether this is a preview of a change, not production.
    pub preview: bool,
    /// What tells this running instance from the others, where the platform says it.
    pub instance: Option<String>,
    /// The deployed revision, where the platform says it.
    pub revision: Option<String>,
    /// The header in which the platform's proxy writes the client's address, over whatever a client
    /// sent under that name; none where no such header is known.
    pub client_address: Option<&'static str>,
}

impl Platform {
    /// Whether this is the production service of a recognised platform.
    #[must_use]
    pub fn is_production(&self) -> bool {
        self.name.is_some() && !self.preview
    }
}

/// How a platform is recognised, and what it says.
struct Marks {
    name: &'static str,
    /// Any of these shows the platform.
    shown_by: &'static [&'static str],
    /// The variable of the public URL, and what stands before and after its value.
    public: Option<(&'static str, &'static str, &'static str)>,
    instance: Option<&'static str>,
    revision: &'static str,
    client_address: Option<&'static str>,
}

/// The platforms, in the order in which they are tried.
const PLATFORMS: [Marks; 6] = [
    Marks {
        name: "Render",
        shown_by: &["RENDER"],
        public: Some(("RENDER_EXTERNAL_URL", "", "")),
        instance: Some("RENDER_INSTANCE_ID"),
        revision: "RENDER_GIT_COMMIT",
        // Cloudflare, in front of Render's own proxies, writes it.
        client_address: Some("cf-connecting-ip"),
    },
    Marks {
        name: "Fly",
        shown_by: &["FLY_APP_NAME"],
        public: Some(("FLY_APP_NAME", "https://", ".fly.dev")),
        instance: Some("FLY_MACHINE_ID"),
        revision: "FLY_IMAGE_REF",
        client_address: Some("fly-client-ip"),
    },
    Marks {
        name: "Railway",
        shown_by: &["RAILWAY_PUBLIC_DOMAIN", "RAILWAY_ENVIRONMENT_NAME"],
        public: Some(("RAILWAY_PUBLIC_DOMAIN", "https://", "")),
        instance: Some("RAILWAY_REPLICA_ID"),
        revision: "RAILWAY_GIT_COMMIT_SHA",
        client_address: None,
    },
    Marks {
        name: "Koyeb",
        shown_by: &["KOYEB_PUBLIC_DOMAIN"],
        public: Some(("KOYEB_PUBLIC_DOMAIN", "https://", "")),
        instance: Some("KOYEB_INSTANCE_ID"),
        revision: "KOYEB_GIT_SHA",
        client_address: None,
    },
    Marks {
        name: "Heroku",
        shown_by: &["DYNO"],
        // Set only where the app's "dyno metadata" is switched on.
        public: Some(("HEROKU_APP_DEFAULT_DOMAIN_NAME", "https://", "")),
        instance: Some("DYNO"),
        revision: "HEROKU_SLUG_COMMIT",
        client_address: None,
    },
    Marks {
        name: "Cloud Run",
        shown_by: &["K_SERVICE"],
        public: None,
        instance: None,
        revision: "K_REVISION",
        client_address: None,
    },
];

/// Recognises the platform.
pub(super) fn recognise(environment: &Environment) -> Platform {
    let marks = marks(environment);
    Platform {
        name: marks.map(|marks| marks.name),
        preview: value(environment, "IS_PULL_REQUEST").as_deref() == Some("true"),
        instance: marks.and_then(|marks| value(environment, marks.instance?)),
        revision: marks.and_then(|marks| value(environment, marks.revision)),
        client_address: marks.and_then(|marks| marks.client_address),
    }
}

/// The public URL as the platform knows it, and which variable said so.
pub(super) fn public_url(environment: &Environment) -> Option<(String, Origin)> {
    let marks = marks(environment)?;
    let (variable, before, after) = marks.public?;
    let url = format!("{before}{}{after}", value(environment, variable)?);
    Some((url, Origin::Platform { name: marks.name, variable }))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn on(variables: &[(&str, &str)]) -> (Platform, Option<String>) {
        let environment = variables.iter().copied().collect();
        (recognise(&environment), public_url(&environment).map(|(url, _)| url))
    }

    #[test]
    fn platforms_are_recognised_and_tell_the_public_url() {
        for (variables, name, url) in [
            (
                &[("RENDER", "true"), ("RENDER_EXTERNAL_URL", "https://a.onrender.com")][..],
                "Render",
                Some("https://a.onrender.com"),
            ),
            (&[("RENDER", "true"), ("FLY_APP_NAME", "a"), ("RENDER_EXTERNAL_URL", "")], "Render", None),
            (&[("FLY_APP_NAME", "a")], "Fly", Some("https://a.fly.dev")),
            (&[("RAILWAY_ENVIRONMENT_NAME", "x")], "Railway", None),
            (&[("RAILWAY_PUBLIC_DOMAIN", "a.up.railway.app")], "Railway", Some("https://a.up.railway.app")),
            (&[("KOYEB_PUBLIC_DOMAIN", "a.koyeb.app")], "Koyeb", Some("https://a.koyeb.app")),
            (
                &[("DYNO", "web.1"), ("HEROKU_APP_DEFAULT_DOMAIN_NAME", "a.herokuapp.com")],
                "Heroku",
                Some("https://a.herokuapp.com"),
            ),
            (&[("K_SERVICE", "a")], "Cloud Run", None),
        ] {
            let (platform, public) = on(variables);
            assert_eq!((platform.name, public.as_deref()), (Some(name), url), "{variables:?}");
            assert!(platform.is_production());
        }
        assert_eq!(on(&[]), (Platform::default(), None));
    }

    #[test]
    fn a_preview_is_not_production() {
        let (platform, _) = on(&[("RENDER", "true"), ("IS_PULL_REQUEST", "true"), ("RENDER_INSTANCE_ID", "srv-1")]);
        assert!(platform.preview && !platform.is_production());
        assert_eq!(platform.instance.as_deref(), Some("srv-1"));
        assert!(!on(&[("RENDER", "true"), ("IS_PULL_REQUEST", "false")]).0.preview);
    }
}
