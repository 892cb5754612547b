//! Merges the sources with `config`. The last source that sets a key wins, and each value keeps its
//! origin.

use std::collections::BTreeMap;

use config::{Config, Value, ValueKind};
use secrecy::{ExposeSecret, SecretString};

use super::layer::Layer;
use super::problem::Problem;
use super::sources::Sources;
use super::{keys, origin, platform, proxy, toml_file, toml_value, variables};
use crate::telegram::{PUBLIC_API_HOST, is_public_api};

/// The merged sources: values that are not validated yet, and the problems of the sources.
#[derive(Debug, Default)]
pub(super) struct Merged {
    config: Config,
    secrets: BTreeMap<String, SecretString>,
    pub(super) problems: Vec<Problem>,
    /// Whether a source could not be read.
    pub(super) is_unreadable: bool,
}

impl Merged {
    /// Merges all sources.
    pub(super) fn new(sources: &Sources) -> Self {
        let mut command = Layer::default();
        for (key, value) in &sources.overrides {
            command.set_text(key, &value.as_str().into(), origin::COMMAND_LINE);
        }
        let layers = [
            toml_file::defaults(),
            toml_file::profile(sources),
            toml_file::config_file(sources),
            variables::read(&sources.environment),
            command,
        ];
        let merged = layers.into_iter().fold(Self::default(), Self::with);
        let detected = merged.detected(sources);
        merged.with(detected)
    }

    /// Adds a layer, whose values replace these.
    fn with(mut self, mut layer: Layer) -> Self {
        self.problems.append(&mut layer.problems);
        self.secrets.append(&mut layer.secrets);
        self.is_unreadable |= layer.is_unreadable;
        let config = Config::builder().add_source(self.config).add_source(layer).build();
        Self { config: config.expect("no source of ours fails to collect"), ..self }
    }

    /// The values that the environment provides if no source sets them: the platform's public URL, and the proxy
    /// for Telegram's own Bot API.
    fn detected(&self, sources: &Sources) -> Layer {
        let mut layer = Layer::default();
        if self.text("webhook.public_url").is_empty()
            && let Some((url, origin)) = platform::public_url(&sources.environment, &self.text("server.port"))
        {
            layer.set_text("webhook.public_url", &url.into(), &origin);
        }
        if self.secret(keys::PROXY).is_ok_and(|proxy| proxy.expose_secret().trim().is_empty())
            && is_public_api(&self.text("telegram.api_url"))
            && let Some((url, origin)) = proxy::of_environment(&sources.environment, PUBLIC_API_HOST)
        {
            layer.set_text(keys::PROXY, &url, &origin);
        }
        layer
    }

    /// The merged values, without the secrets.
    pub(super) fn root(&self) -> &Value {
        &self.config.cache
    }

    pub(super) fn into_root(self) -> Value {
        self.config.cache
    }

    /// The value at a path, or an empty table if there is none. Secrets are not included.
    pub(super) fn value(&self, path: &str) -> toml::Value {
        find(self.root(), path)
            .0
            .map_or_else(|| toml_value::plain(ValueKind::Nil), |value| toml_value::plain(value.kind.clone()))
    }

    /// The text of a secret, or a description of the value that is not a text.
    pub(super) fn secret(&self, key: &str) -> Result<&SecretString, String> {
        match find(self.root(), key).0.map(|value| &value.kind) {
            Some(ValueKind::String(kind)) => Err(kind.clone()),
            Some(_) | None => Ok(self.secrets.get(key).expect("each secret has a default")),
        }
    }

    fn text(&self, key: &str) -> String {
        let value = self.value(key);
        value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned())
    }
}

/// Follows a path such as `webhook.register` or `command[0].reply`. Returns the value, if there is one, and
/// the origin of the innermost value on the way that has one.
pub(super) fn find<'a>(root: &'a Value, path: &str) -> (Option<&'a Value>, Option<&'a str>) {
    let (mut value, mut origin) = (Some(root), None);
    for name in path.split(['.', '[']) {
        value = match value.map(|value| &value.kind) {
            Some(ValueKind::Table(table)) => table.get(name),
            Some(ValueKind::Array(list)) => name.trim_end_matches(']').parse().ok().and_then(|at: usize| list.get(at)),
            Some(_) | None => None,
        };
        origin = value.and_then(Value::origin).or(origin);
    }
    (value, origin)
}
