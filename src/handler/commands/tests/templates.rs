//! Which templates, markup and button URLs are refused at the start, and which reject an update.

use super::*;

#[test]
fn every_problem_of_every_template_is_reported_at_once() {
    let declared = [
        command("start", None, "{{ user.frist_name }} {{ name }} {{ args }}"),
        command("fine", None, "{% for i in range(2) %}{{ loop.index }}{% endfor %}{{ bot.username }}"),
        command("broken", None, "{{ user.first_name "),
    ];
    let fallback = reply("{{ args | shout }}", Some("BBCode"));
    let problems = Commands::new(&declared, &[], Some(&fallback), Identity::default()).unwrap_err();
    let shown: Vec<_> = problems.iter().map(|problem| (problem.key.as_str(), problem.to_string())).collect();
    for (at, key, words) in [
        (0, "command[0].reply", "`name` is unknown"),
        (1, "command[0].reply", "`user.frist_name` is unknown; wanted: `user.first_name` is the nearest"),
        (2, "command[2].reply", "syntax error"),
        (3, "fallback.parse_mode", "`BBCode` is unknown; wanted: one of HTML, MarkdownV2, Markdown"),
        (4, "fallback.reply", "unknown filter"),
    ] {
        assert!(shown[at].0 == key && shown[at].1.contains(words), "{:?}", shown[at]);
    }
    assert_eq!(shown.len(), 5);
}

#[test]
fn markup_that_telegram_would_refuse_is_found_at_the_start_with_its_reason() {
    for (mode, template, found) in [
        ("MarkdownV2", "Hello, {{ user.first_name }}!", "Character '!' is reserved"),
        ("MarkdownV2", "*Hello", "Can't find end of Bold entity at byte offset 0"),
        ("MarkdownV2", "Hello _{{ args }}_", "(without values): can't parse entities: Can't find end of Underline"),
        ("Markdown", "snake_case", "Can't find end of the entity starting at byte offset 5"),
        ("HTML", "a<br>b", "Unsupported start tag \"br\""),
        ("HTML", "<b>a", "Can't find end tag corresponding to start tag \"b\""),
    ] {
        let problems = Commands::new(&[], &[], Some(&reply(template, Some(mode))), Identity::default()).unwrap_err();
        let [problem] = &problems[..] else { panic!("{problems:?}") };
        assert!(problem.key == "fallback.reply" && problem.found.contains(found), "{problem}");
    }
    for (mode, template) in [
        ("MarkdownV2", r"*Hello*, {{ user.first_name }}\! _{{ args }} a_"),
        ("Markdown", "*Hello*, {{ user.first_name }}!"),
        ("HTML", "<b>Hello</b>, {{ user.first_name }}! 1 &lt; 2"),
    ] {
        assert!(Commands::new(&[], &[], Some(&reply(template, Some(mode))), Identity::default()).is_ok(), "{template}");
    }
}

#[test]
fn a_button_url_that_telegram_would_refuse_is_found_at_the_start() {
    let button =
        |url: &str| BTreeMap::from([("text".to_owned(), "Site".to_owned()), ("url".to_owned(), url.to_owned())]);
    let of = |url| ReplySettings { buttons: vec![vec![button(url)]], ..reply("x", None) };
    let problems = Commands::new(&[], &[], Some(&of("https://localhost")), Identity::default()).unwrap_err();
    assert_eq!(problems[0].key, "fallback.buttons");
    assert!(problems[0].found.contains("\"Site\"") && problems[0].found.contains("Wrong HTTP URL"), "{}", problems[0]);
    assert!(Commands::new(&[], &[], Some(&of("https://example.org")), Identity::default()).is_ok());
}

#[test]
fn a_template_that_names_something_unknown_is_a_problem() {
    for (template, wanted) in [
        ("{{ first_name }}", "`user.first_name`"),
        ("{{ user['first_name'] }}", "`user."),
        ("{{ user.first_name.upper() }}", "`user.first_name`"),
        ("{{ user.first_name | safe }}", "a filter such as"),
        ("{{ debug() }}", "one of"),
        ("{% if args is wrong %}x{% endif %}", "a test such as"),
        ("{{ (args ~ 'x') + 1 }}", "a template such as"),
        ("{% include 'x' %}", "a template such as"),
    ] {
        let problems = problems(template);
        assert!(problems.len() == 1 && problems[0].wanted.contains(wanted), "{template}: {problems:?}");
    }
}

#[test]
fn a_template_that_fails_on_a_message_rejects_it_and_does_not_quote_it() {
    let commands =
        Commands::new(&[command("roll", None, "{{ 6 // (args | length - 3) }}")], &[], None, Identity::default())
            .unwrap();
    let update = json!({ "update_id": 1, "message": message("private", "/roll abc") });
    let error = handled(&commands, &update).unwrap_err();
    assert!(matches!(&error, HandlerError::Reject(reason) if !reason.contains("abc")), "{error}");
}
