//! Reads the layer that is the environment, and the files that its variables name.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::keys;
use super::layers::Layers;
use super::origin::Origin;
use super::problems::Problem;
use super::sources::{Environment, Variable};

/// The variables whose names people and platforms know, and the keys they set. An empty one counts
/// as not set.
const WELL_KNOWN: [(&str, &str); 14] = [
    ("TELEGRAM_BOT_TOKEN", "telegram.bot_token"),
    ("TELEGRAM_API_URL", "telegram.api_url"),
    ("TELEGRAM_PROXY", "telegram.proxy"),
    ("PORT", "server.port"),
    ("HOST", "server.host"),
    ("PUBLIC_URL", "webhook.public_url"),
    ("WEBHOOK_SECRET", "webhook.secret_token"),
    ("DATABASE_URL", "inbox.url"),
    ("ADMIN_TOKEN", "console.token"),
    ("LOG_FORMAT", "log.format"),
    ("RUST_LOG", "log.filter"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "traces.endpoint"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "traces.headers"),
    ("OTEL_SERVICE_NAME", "traces.service"),
];

/// What the variables begin with that can set any key.
const ANY_KEY: &str = "DOORBELL__";

/// What all variables begin with that are meant for this program.
const OURS: &str = "DOORBELL_";

/// Those of them that set no key.
const OTHERS: [&str; 3] = ["DOORBELL_PROFILE", "DOORBELL_CONFIG", "DOORBELL_FAIL_POINT"];

/// A text that may be meant to begin and end with a quotation mark.
const FREE_TEXT: &str = "fallback.reply";

/// No secret is longer; what is longer was not meant.
const LONGEST_SECRET: u64 = 64 * 1024;

/// Lays the environment: the well-known variables, then those that name their key.
pub(super) fn read(environment: &Environment, layers: &mut Layers) {
    for (variable, key) in WELL_KNOWN {
        set(environment, variable, key, true, layers);
    }
    for variable in environment.names().filter(|name| name.starts_with(ANY_KEY)) {
        let key = key_of(variable);
        let by_file = variable.strip_suffix("_FILE").map(|plain| (plain, key_of(plain)));
        if keys::known().contains_key(&key) {
            set(environment, variable, &key, false, layers);
        } else if let Some((plain, key)) = by_file.filter(|(_, key)| keys::is_secret(key)) {
            // Where the plain variable is there as well, it has been dealt with, or will be.
            if matches!(environment.value(plain), Variable::NotSet) {
                set(environment, plain, &key, false, layers);
            }
        } else {
            let nearest = keys::nearest_key(&key).map(variable_of);
            layers.unknown(variable, Origin::Variable(variable.to_owned()), nearest);
        }
    }
}

/// Looks at the variables that begin as ours do and set nothing. One that is nearly a variable of ours is a mistake, and
/// an error; of the others, which may be anybody's, the names are returned.
pub(super) fn unread(environment: &Environment, layers: &mut Layers) -> Vec<String> {
    let ours = environment.names().filter(|name| name.starts_with(OURS) && !name.starts_with(ANY_KEY));
    let mut unread = Vec::new();
    for variable in ours.filter(|name| !OTHERS.contains(name) && !is_of_kubernetes(environment, name)) {
        match nearest_variable(variable) {
            Some(nearest) => layers.unknown(variable, Origin::Variable(variable.to_owned()), Some(nearest)),
            None => unread.push(variable.to_owned()),
        }
    }
    unread
}

/// Kubernetes describes a service named `doorbell` to every container beside it in variables of this name.
fn is_of_kubernetes(environment: &Environment, name: &str) -> bool {
    let is_address = match environment.value(name) {
        Variable::Text(text) => ["tcp://", "udp://"].iter().any(|scheme| text.expose_secret().starts_with(scheme)),
        Variable::NotText | Variable::NotSet => false,
    };
    is_address || ["_SERVICE_HOST", "_SERVICE_PORT", "_TCP_", "_UDP_"].iter().any(|part| name.contains(part))
}

/// The variable that somebody who wrote this one most likely meant, with one underscore and two taken for the same.
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
    let near_enough = (unknown.len() / 6).min(2);
    by_key
        .chain(well_known)
        .chain(others)
        .map(|(name, variable)| (strsim::damerau_levenshtein(&unknown, &name), variable))
        .filter(|(distance, _)| *distance <= near_enough)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, variable)| format!("{variable}{suffix}"))
}

fn key_of(variable: &str) -> String {
    variable.strip_prefix(ANY_KEY).unwrap_or(variable).replace("__", ".").to_ascii_lowercase()
}

fn variable_of(key: &str) -> String {
    format!("{ANY_KEY}{}", key.replace('.', "__").to_uppercase())
}

/// Sets a key from a variable or, where it is a secret, from the file that the variable's twin with
/// `_FILE` at its end names.
fn set(environment: &Environment, variable: &str, key: &str, empty_is_not_set: bool, layers: &mut Layers) {
    let by_file = format!("{variable}_FILE");
    let is_there = |name: &str| match environment.value(name) {
        Variable::NotSet => false,
        Variable::NotText => true,
        Variable::Text(text) => !text.expose_secret().is_empty(),
    };
    if keys::is_secret(key) && is_there(&by_file) {
        if is_there(variable) {
            layers.problems.push(Problem {
                key: key.to_owned(),
                source: Origin::Variable(variable.to_owned()),
                found: format!("both {variable} and {by_file} are set"),
                wanted: "one of them".to_owned(),
                hint: None,
            });
        } else {
            set_from_file(environment, &by_file, key, layers);
        }
        return;
    }
    let source = Origin::Variable(variable.to_owned());
    match environment.value(variable) {
        Variable::NotSet => {}
        Variable::Text(text) if text.expose_secret().is_empty() && empty_is_not_set => {}
        Variable::Text(text) if key != FREE_TEXT && is_quoted(text.expose_secret()) => {
            layers.problems.push(Problem {
                key: key.to_owned(),
                source,
                found: "quotation marks around the value".to_owned(),
                wanted: "the value alone".to_owned(),
                hint: Some(UNQUOTE.to_owned()),
            });
        }
        Variable::Text(text) => layers.set_text(key, text.clone(), source),
        Variable::NotText => layers.problems.push(not_text(key, source)),
    }
}

/// What to do about a value in quotation marks.
pub(super) const UNQUOTE: &str = "remove the quotation marks around the value: in an env file of Docker, and in the form \
                                  of many platforms, they are part of it";

/// Whether a value stands in quotation marks, as a shell would have removed them.
pub(super) fn is_quoted(text: &str) -> bool {
    let text = text.trim();
    text.len() > 1 && ['"', '\''].iter().any(|mark| text.starts_with(*mark) && text.ends_with(*mark))
}

fn set_from_file(environment: &Environment, variable: &str, key: &str, layers: &mut Layers) {
    let path = match environment.value(variable) {
        Variable::Text(path) => PathBuf::from(path.expose_secret()),
        Variable::NotText | Variable::NotSet => {
            layers.problems.push(not_text(key, Origin::Variable(variable.to_owned())));
            return;
        }
    };
    let source = Origin::SecretFile { variable: variable.to_owned(), path: path.clone() };
    match contents(&path) {
        Ok(secret) => layers.set_text(key, secret, source),
        Err(found) => {
            layers.unreadable = true;
            layers.problems.push(Problem {
                key: key.to_owned(),
                source,
                found,
                wanted: "a file that can be read and holds the secret, and nothing else".to_owned(),
                hint: is_quoted(&path.to_string_lossy()).then(|| UNQUOTE.to_owned()),
            });
        }
    }
}

/// The secret in a file, without the line break that most editors put at its end.
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

fn not_text(key: &str, source: Origin) -> Problem {
    Problem {
        key: key.to_owned(),
        source,
        found: "bytes that are not UTF-8".to_owned(),
        wanted: "text".to_owned(),
        hint: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
