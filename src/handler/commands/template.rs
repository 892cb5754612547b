//! The template of a reply: compiled once, and known from the start to render.

use std::borrow::Cow;

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State};

use super::markup::{MESSAGE_UTF16, Markup, cut, utf16_units};
use super::scope::{self, Scope};

/// A text with places for what an update says.
///
/// With a parse mode, every value is escaped by its rules, and nothing in a template can turn that
/// off. The template's own text is not touched.
#[derive(Debug)]
pub(super) struct Template {
    environment: Environment<'static>,
    markup: Markup,
}

/// What is wrong with a template: what was found, and what would be right.
pub(super) struct Flaw {
    pub(super) found: String,
    pub(super) wanted: String,
}

/// The name under which an environment holds its one template.
const NAME: &str = "reply";

/// The units of UTF-16 that values may still fill, so that the message is not too long. It is the
/// values that are cut, before they are escaped: cut markup is no markup.
struct Space(usize);

/// What one rendering may cost, in the engine's own measure: so many steps, or 64 times as many bytes.
/// The longest message needs a tenth of it. What a person writes may decide how often a loop runs.
const FUEL: u64 = 50_000;

/// Room for a name, however long the template is.
const LEAST_SPACE: usize = 64;

impl Template {
    /// Compiles `source`, and renders it once with everything there and once with nothing there.
    pub(super) fn new(source: &str, markup: Markup) -> Result<Self, Vec<Flaw>> {
        let mut environment = Environment::new();
        environment.remove_filter("safe");
        environment.remove_global("debug");
        environment.set_fuel(Some(FUEL));
        if markup != Markup::None {
            // Only says that there is escaping to do; the formatter does it.
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

    /// The text for an update, short enough for one message; none where there would be nothing to
    /// see. The error holds nothing of the update.
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

/// The known name that `name` was probably meant to be, else all of them.
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
    // What a block or a filter has put together here before has been through this already.
    if value.is_safe() {
        return Ok(out.write_str(&text)?);
    }
    let Space(space) = state.get_or_insert_extension(Space(space));
    let text = cut(&text, *space);
    *space -= utf16_units(&text);
    Ok(markup.write_escaped(&text, out)?)
}

impl Flaw {
    /// Telegram would refuse the text; `values` says how the template was tried.
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
