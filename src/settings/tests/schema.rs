use crate::settings::{Need, Settings, Sources, json_schema, keys};

/// How many keys a schema has.
fn count(schema: &serde_json::Value, section: &str) -> usize {
    let properties = schema["properties"].as_object().unwrap();
    let keys = properties.iter().map(|(name, property)| {
        let key = keys::join(section, name);
        if keys::is_section(&key) { count(property, &key) } else { 1 }
    });
    keys.sum()
}

#[test]
fn the_schema_has_every_key_with_its_meaning_and_no_other() {
    let schema = json_schema();
    for key in keys::known().keys() {
        let pointer: String = key.split('.').flat_map(|name| ["/properties/", name]).collect();
        let property = schema.pointer(&pointer);
        assert!(property.is_some_and(|property| property["description"].is_string()), "{key} in {schema:#}");
    }
    assert_eq!(count(&schema, ""), keys::known().len());
}

#[test]
fn the_schema_refuses_unknown_keys_and_requires_name_and_reply_of_a_command() {
    let schema = json_schema();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["webhook"]["additionalProperties"], false);
    assert!(schema.get("required").is_none());
    let command = &schema["properties"]["command"]["items"];
    assert_eq!(command["additionalProperties"], false, "{command:#}");
    assert_eq!(command["required"], serde_json::json!(["name", "reply"]), "{command:#}");
}

#[test]
fn every_key_is_read_and_listed_as_effective() {
    let settings = Settings::load(&Sources::default(), Need::Nothing).unwrap();
    let mut listed: Vec<_> = settings.effective().iter().map(|entry| entry.key.as_str()).collect();
    listed.sort_unstable();
    assert!(listed.iter().copied().eq(keys::known().keys().map(String::as_str)), "{listed:?}");
}
