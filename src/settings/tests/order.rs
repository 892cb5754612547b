use super::*;

#[test]
fn an_express_entry_that_matches_nothing_is_a_warning_with_what_would() {
    let express = |entry: &'static str, allowed: &'static str| {
        let variables = [("DOORBELL__DISPATCH__EXPRESS", entry), ("DOORBELL__WEBHOOK__ALLOWED_UPDATES", allowed)];
        let settings = Settings::load(&sources(&variables), Need::Nothing).unwrap();
        settings
            .warnings
            .into_iter()
            .map(|warning| (warning.found, warning.hint.unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    assert_eq!(express("['/stop', 'stop:']", "[]"), []);
    for (entry, allowed, found, hint) in [
        (
            "['/stop now']",
            "[]",
            "\"/stop now\", which matches no update: a command has 1 to 32 letters",
            "\"/stop\" matches",
        ),
        ("['/stop@my_bot']", "[]", "a command has 1 to 32 letters", "\"/stop\" matches"),
        ("['/']", "[]", "a command has 1 to 32 letters", ""),
        ("['stop:']", "['message']", "has no \"callback_query\"", "add \"callback_query\""),
        ("['/stop']", "['callback_query']", "has no kind of message", "add \"message\""),
        ("['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa']", "[]", "at most 64 bytes", ""),
    ] {
        let warnings = express(entry, allowed);
        assert_eq!(warnings.len(), 1, "{entry}: {warnings:?}");
        assert!(warnings[0].0.contains(found) && warnings[0].1.contains(hint), "{entry}: {warnings:?}");
    }
    assert_eq!(problems(&sources(&[("DOORBELL__DISPATCH__EXPRESS", "['']")])).len(), 1, "it would match every button");
}

#[test]
fn a_maximum_age_that_makes_no_sense_is_a_warning_and_one_that_cannot_be_read_is_a_problem() {
    let ages = |ages: &'static str| sources(&[("DOORBELL__DISPATCH__MAX_AGE", ages)]);
    let warnings = |list: &'static str| {
        let settings = Settings::load(&ages(list), Need::Nothing).unwrap();
        settings.warnings.into_iter().map(|warning| warning.found).collect::<Vec<_>>()
    };
    assert_eq!(
        warnings("['message=10m', 'Inline_Query = 30s']"),
        ["inline_query=30 s: updates of this kind expire after 30 s"]
    );
    assert_eq!(
        warnings("['pre_checkout_query=5s']"),
        ["pre_checkout_query=5 s: updates of this kind can be answered for 10 s"]
    );
    assert_eq!(warnings("['mesage=10m']"), ["the unknown kind \"mesage\""]);
    for list in ["['message']", "['message=']", "['message=10']", "['=10m']", "['message=0s']", "[10]"] {
        assert_eq!(problems(&ages(list)).len(), 1, "{list}");
    }
}
