//! The JSON Schema of a settings file.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::keys;
use super::load::Settings;

/// The JSON Schema of a settings file: every key with its description and default. Editors use it to
/// complete and check.
#[must_use]
pub fn json_schema() -> Value {
    let generator = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true).into_generator();
    let mut schema = generator.into_root_schema_for::<Settings>().to_value();
    if let Some(section) = schema.as_object_mut() {
        section.insert("title".to_owned(), "Settings of Doorbell".into());
        with_defaults("", section);
    }
    for (list, called_by) in [("command", "name"), ("button", "data")] {
        if let Some(table) = schema.pointer_mut(&format!("/properties/{list}/items")).and_then(Value::as_object_mut) {
            table.insert("required".to_owned(), json!([called_by, "reply"]));
        }
    }
    schema
}

/// Adds the defaults. A key with a default is not required.
fn with_defaults(section: &str, schema: &mut Map<String, Value>) {
    schema.remove("required");
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (name, property) in properties.iter_mut() {
        let Some(property) = property.as_object_mut() else { continue };
        let key = keys::join(section, name);
        if keys::is_section(&key) {
            with_defaults(&key, property);
        } else if let Some(default) = keys::known().get(&key).filter(|_| !keys::LISTS.contains(&key.as_str())) {
            property.insert("default".to_owned(), json!(default));
        }
    }
}
