//! Reads the variables of the environment, and the files of secrets that they name.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use super::layer::Layer;
use super::problem::{Problem, is_quoted};
use super::sources::{Environment, Variable};
use super::{keys, origin};

/// The well-known variables, and the keys that they set. An empty one counts as not set.
const WELL_KNOWN: [(&str, &str); 15] = [
    ("TELEGRAM_BOT_TOKEN", "telegram.bot_token"),
    ("TELEGRAM_API_URL", "telegram.api_url"),
    ("TELEGRAM_PROXY", "telegram.proxy"),
    ("PORT", "server.port"),
    ("HOST", "server.host"),
    ("PUBLIC_URL", "webhook.public_url"),
    ("WEBHOOK_SECRET", "webhook.secret_token"),
    ("DATABASE_URL", "inbox.url"),
    ("FORWARD_URL", "forward.url"),
    ("ADMIN_TOKEN", "console.token"),
    ("LOG_FORMAT", "log.format"),
    ("RUST_LOG", "log.filter"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "traces.endpoint"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "traces.headers"),
    ("OTEL_SERVICE_NAME", "traces.service"),
];

/// The prefix of the variables that can set any key.
const ANY_KEY: &str = "DOORBELL__";

/// The prefix of all variables of this program.
const OURS: &str = "DOORBELL_";

/// The variables with this prefix that set no key.
const OTHERS: [&str; 3] = ["DOORBELL_PROFILE", "DOORBELL_CONFIG", "DOORBELL_FAIL_POINT"];

/// The key of a text that may have quotation marks on purpose.
const FREE_TEXT: &str = "fallback.reply";

/// The longest secret, in bytes.
const LONGEST_SECRET: u64 = 64 * 1024;

/// Reads the well-known variables, then those that name their key. A variable whose name is nearly one of these is
/// reported as a problem.
pub(super) fn read(environment: &Environment) -> Layer {
    let mut layer = Layer::default();
    for (variable, key) in WELL_KNOWN {
        set(environment, variable, key, true, &mut layer);
    }
    for variable in environment.names().filter(|name| name.starts_with(ANY_KEY)) {
        let key = key_of(variable);
        let by_file = variable.strip_suffix("_FILE").map(|plain| (plain, key_of(plain)));
        if keys::known().contains_key(&key) {
            set(environment, variable, &key, false, &mut layer);
        } else if let Some((plain, key)) = by_file.filter(|(_, key)| keys::is_secret(key)) {
            // Where the plain variable is set as well, it reports the conflict.
            if matches!(environment.value(plain), Variable::NotSet) {
                set(environment, plain, &key, false, &mut layer);
            }
        } else {
            layer.unknown(variable, origin::variable(variable), keys::nearest_key(&key).map(variable_of));
        }
    }
    for variable in unknown(environment) {
        if let Some(nearest) = nearest_variable(variable) {
            layer.unknown(variable, origin::variable(variable), Some(nearest));
        }
    }
    layer
}

/// The variables with our prefix that set nothing and may belong to another program.
pub(super) fn unread(environment: &Environment) -> Vec<String> {
    unknown(environment).filter(|name| nearest_variable(name).is_none()).map(str::to_owned).collect()
}

/// The variables that a program inherits which this one starts: all except those that this program reads, and those that
/// name the files of its secrets.
#[must_use]
pub fn inheritable(environment: &Environment) -> Vec<(OsString, OsString)> {
    environment.all().filter(|(name, _)| name.to_str().is_none_or(|name| !is_ours(name))).collect()
}

fn is_ours(name: &str) -> bool {
    let plain = name.strip_suffix("_FILE").unwrap_or(name);
    name.starts_with(OURS) || WELL_KNOWN.iter().any(|(known, _)| *known == name || *known == plain)
}

fn unknown(environment: &Environment) -> impl Iterator<Item = &str> {
    let ours = environment.names().filter(|name| name.starts_with(OURS) && !name.starts_with(ANY_KEY));
    ours.filter(|name| !OTHERS.contains(name) && !is_of_kubernetes(environment, name))
}

/// Kubernetes sets such variables in each container of a namespace that has a service named `doorbell`.
fn is_of_kubernetes(environment: &Environment, name: &str) -> bool {
    let text = environment.text(name).unwrap_or_default();
    let is_address = text.starts_with("tcp://") || text.starts_with("udp://");
    is_address || ["_SERVICE_HOST", "_SERVICE_PORT", "_TCP_", "_UDP_"].iter().any(|part| name.contains(part))
}

/// The variable that is nearest to a mistyped one. One underscore and two are equal here.
fn nearest_variable(unknown: &str) -> Option<String> {
    let plain = |name: &str| {
        let words: Vec<_> = name.split('_').filter(|word| !word.is_empty()).collect();
        words.join("_").to_lowercase()
    };
    let (unknown, suffix) = match unknown.strip_suffix("_FILE") {
        Some(secret) => (secret, "_FILE"),
        None => (unknown, ""),
    };
    let unknown = plain(unknown.strip_prefix(OURS).unwrap_or(unknown));
    let by_key = keys::known().keys().map(|key| (key.replace('.', "_"), variable_of(key)));
    let well_known = WELL_KNOWN.iter().map(|(name, _)| (plain(name), (*name).to_owned()));
    let others = OTHERS.iter().map(|name| (plain(name.strip_prefix(OURS).unwrap_or(name)), (*name).to_owned()));
    let variable = keys::nearest_of(&unknown, (unknown.len() / 6).min(2), by_key.chain(well_known).chain(others))?;
    Some(format!("{variable}{suffix}"))
}

fn key_of(variable: &str) -> String {
    variable.strip_prefix(ANY_KEY).unwrap_or(variable).replace("__", ".").to_ascii_lowercase()
}

fn variable_of(key: &str) -> String {
    format!("{ANY_KEY}{}", key.replace('.', "__").to_uppercase())
}

/// Sets a key from a variable or, if the key is a secret, from the file that the variable with `_FILE` at
/// its end names.
fn set(environment: &Environment, variable: &str, key: &str, empty_is_not_set: bool, layer: &mut Layer) {
    let by_file = format!("{variable}_FILE");
    let source = origin::variable(variable);
    if keys::is_secret(key) && environment.is_set(&by_file) {
        if environment.is_set(variable) {
            let found = format!("both {variable} and {by_file} are set");
            layer.problems.push(Problem::new(key, source, found, "one of them"));
        } else {
            set_from_file(environment, &by_file, key, layer);
        }
        return;
    }
    match environment.value(variable) {
        Variable::NotSet => {}
        Variable::Text(text) if text.expose_secret().is_empty() && empty_is_not_set => {}
        Variable::Text(text) if key != FREE_TEXT && is_quoted(text.expose_secret()) => {
            let problem = Problem::new(key, source, "quotation marks around the value", "the value alone");
            layer.problems.push(problem.with_hint_on_quotes(text.expose_secret()));
        }
        Variable::Text(text) => layer.set_text(key, text, &source),
        Variable::NotText => layer.problems.push(not_text(key, variable)),
    }
}

fn set_from_file(environment: &Environment, variable: &str, key: &str, layer: &mut Layer) {
    let Variable::Text(path) = environment.value(variable) else {
        layer.problems.push(not_text(key, variable));
        return;
    };
    let path = Path::new(path.expose_secret());
    let source = origin::secret_file(variable, path);
    match contents(path) {
        Ok(secret) => layer.set_text(key, &secret, &source),
        Err(found) => {
            layer.is_unreadable = true;
            let wanted = "a file that can be read and holds the secret, and nothing else";
            let problem = Problem::new(key, source, found, wanted);
            layer.problems.push(problem.with_hint_on_quotes(&path.to_string_lossy()));
        }
    }
}

/// The secret in a file, without the line break that most editors add.
fn contents(path: &Path) -> Result<SecretString, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(LONGEST_SECRET + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    let text = SecretString::from(text);
    match text.expose_secret().trim_end_matches(['\n', '\r']) {
        "" => Err("an empty file".to_owned()),
        secret if secret.len() as u64 > LONGEST_SECRET => Err("more than 64 KiB".to_owned()),
        secret => Ok(secret.into()),
    }
}

fn not_text(key: &str, variable: &str) -> Problem {
    Problem::new(key, origin::variable(variable), "bytes that are not UTF-8", "text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_this_one_starts_inherits_no_variable_that_this_one_reads() {
        let ours = WELL_KNOWN.iter().flat_map(|(name, _)| [(*name).to_owned(), format!("{name}_FILE")]);
        let others = ["DOORBELL__INBOX__URL", "DOORBELL_PROFILE", "DOORBELL__FORWARD__URL_FILE"].map(str::to_owned);
        let bots = ["PATH", "API_KEY_FILE", "MY_DATABASE_URL", "PORT_OF_REDIS"].map(str::to_owned);
        let all = ours.chain(others).chain(bots.clone()).map(|name| (name, "value"));
        let inherited: Vec<_> = inheritable(&all.collect()).into_iter().map(|(name, _)| name).collect();
        assert_eq!(inherited, ["API_KEY_FILE", "MY_DATABASE_URL", "PATH", "PORT_OF_REDIS"]);
    }

    #[test]
    fn the_defaults_name_each_well_known_variable_above_its_key() {
        for (variable, key) in WELL_KNOWN {
            let (section, name) = key.split_once('.').unwrap();
            let section = keys::DEFAULTS.split("\n[").find(|text| text.starts_with(&format!("{section}]"))).unwrap();
            let (above, _) = section.split_once(&format!("\n{name} = ")).unwrap();
            let comment = above.rsplit(" = ").next().unwrap().replace("\n# ", " ");
            assert!(comment.contains(&format!("Variable: {variable}")), "{variable}: {comment}");
        }
    }
}
