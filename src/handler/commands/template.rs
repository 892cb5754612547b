//! The template of a reply. It is compiled and test-rendered when the settings are read.

use std::borrow::Cow;

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State};

use super::markup::{MESSAGE_UTF16, Markup, cut, utf16_units};
use super::scope::{self, Scope};

/// A text with variables.
///
/// With a parse mode, every value is escaped by its rules, and a template cannot turn that off. The text of the template
/// itself is not escaped.
#[derive(Debug)]
pub(super) struct Template {
    environment: Environment<'static>,
    markup: Markup,
}

/// A problem of a template: what was found, and what is valid.
pub(super) struct Flaw {
    pub(super) found: String,
    pub(super) wanted: String,
}

/// The name of the one template in an environment.
const NAME: &str = "reply";

/// The UTF-16 units that the values may still use, so that the message is not too long. Values are cut before they are
/// escaped, because cut markup is invalid.
struct Space(usize);

/// The limit of one rendering, in the template engine's unit: 50,000 steps, or 64 times as many bytes. The longest
/// message needs a tenth of it. The limit is needed because a person's text can decide how often a loop runs.
const FUEL: u64 = 50_000;

/// The UTF-16 units that values may use in any case: enough for a name in a very long template.
const LEAST_SPACE: usize = 64;

impl Template {
    /// Compiles `source`, and test-renders it once with all values and once without any.
    pub(super) fn new(source: &str, markup: Markup) -> Result<Self, Vec<Flaw>> {
        let mut environment = Environment::new();
        environment.remove_filter("safe");
        environment.remove_global("debug");
        environment.set_fuel(Some(FUEL));
        if markup != Markup::None {
            // This only turns escaping on. The formatter does it.
            environment.set_auto_escape_callback(|_| AutoEscape::Custom("telegram".into()));
            let space = MESSAGE_UTF16.saturating_sub(utf16_units(source)).max(LEAST_SPACE);
            environment.set_formatter(move |out, state, value| write_value(markup, space, out, state, value));
        }
        environment.add_template_owned(NAME, source.to_owned()).map_err(|error| vec![Flaw::of(&error)])?;
        let template = Self { environment, markup };
        let unknown = template.unknown_names();
        if !unknown.is_empty() {
            return Err(unknown);
        }
        for (scope, values) in [(Scope::full(), "with"), (Scope::default(), "without")] {
            let text = template.write(scope).map_err(|error| vec![Flaw::of(&error)])?;
            if !markup.is_blank(&text) {
                markup.check(&text).map_err(|problem| vec![Flaw::of_markup(markup, &problem, values)])?;
            }
        }
        Ok(template)
    }

    /// The text for an update, short enough for one message. `None` where it would show nothing. The error holds
    /// nothing of the update.
    pub(super) fn render(&self, scope: Scope) -> Result<Option<String>, ErrorKind> {
        let mut text = self.write(scope).map_err(|error| error.kind())?;
        if self.markup.is_blank(&text) {
            return Ok(None);
        }
        if self.markup == Markup::None
            && let Cow::Owned(cut) = cut(&text, MESSAGE_UTF16)
        {
            text = cut;
        }
        Ok(Some(text))
    }

    pub(super) fn markup(&self) -> Markup {
        self.markup
    }

    fn write(&self, scope: Scope) -> Result<String, Error> {
        self.environment.get_template(NAME)?.render(scope.into_value())
    }

    fn unknown_names(&self) -> Vec<Flaw> {
        let named = self.environment.get_template(NAME).map(|template| template.undeclared_variables(true));
        let is_function = |name: &str| self.environment.globals().any(|(known, _)| known == name);
        let mut unknown: Vec<_> = named.unwrap_or_default().into_iter().collect();
        unknown.retain(|name| !scope::NAMES.contains(&name.as_str()) && !is_function(name));
        unknown.sort();
        unknown.iter().map(|name| Flaw { found: format!("`{name}` is unknown"), wanted: wanted(name) }).collect()
    }
}

/// The known variable that is nearest to `name`, otherwise all of them.
fn wanted(name: &str) -> String {
    let likeness = |known: &str| {
        let last = known.rsplit('.').next().unwrap_or(known);
        strsim::jaro_winkler(name, known).max(strsim::jaro_winkler(name, last))
    };
    let nearest = scope::NAMES.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match nearest.filter(|known| likeness(known) > 0.8) {
        Some(known) => format!("`{known}` is the nearest known name"),
        None => format!("one of {}", scope::NAMES.join(", ")),
    }
}

fn write_value(
    markup: Markup,
    space: usize,
    out: &mut minijinja::Output,
    state: &mut State,
    value: &Value,
) -> Result<(), Error> {
    if value.is_undefined() {
        return Ok(());
    }
    let text = value.as_str().map_or_else(|| Cow::Owned(value.to_string()), Cow::Borrowed);
    // A safe value comes from a block or a filter, and its parts have been escaped already.
    if value.is_safe() {
        return Ok(out.write_str(&text)?);
    }
    let Space(space) = state.get_or_insert_extension(Space(space));
    let text = cut(&text, *space);
    *space -= utf16_units(&text);
    Ok(markup.write_escaped(&text, out)?)
}

impl Flaw {
    /// The problem of a text that Telegram would refuse. `values` says how the template was test-rendered.
    fn of_markup(markup: Markup, problem: &str, values: &str) -> Self {
        let mode = markup.parse_mode().unwrap_or_default();
        let wanted = match markup {
            Markup::MarkdownV2 => {
                "a text that Telegram takes: in MarkdownV2, each of _*[]()~`>#+-=|{}.! that is no markup has a \
                 backslash before it (in TOML, between single quotes)"
            }
            Markup::Markdown => {
                "a text that Telegram takes: in Markdown, each of _*`[ has its end, or a backslash before it"
            }
            Markup::Html | Markup::None => {
                "a text that Telegram takes: in HTML, only the tags that it knows, each closed, and &lt; for <"
            }
        };
        Self { found: format!("Telegram refuses this {mode} ({values} values): {problem}"), wanted: wanted.to_owned() }
    }

    fn of(error: &Error) -> Self {
        let line = error.line().map(|line| format!(" in line {line}")).unwrap_or_default();
        let wanted = [
            (ErrorKind::UnknownFilter, "a filter such as `default`, `upper` or `replace`"),
            (ErrorKind::UnknownTest, "a test such as `defined` or `startingwith`"),
            (ErrorKind::UnknownFunction, "one of `range`, `dict` and `namespace`"),
        ];
        let wanted = wanted.into_iter().find(|(kind, _)| *kind == error.kind()).map_or(
            "a template such as `Hello, {{ user.first_name }}`, which renders with empty values too",
            |(_, wanted)| wanted,
        );
        let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
        Self { found: format!("{}{detail}{line}", error.kind()), wanted: wanted.to_owned() }
    }
}
