use super::*;

#[test]
fn every_problem_is_reported_at_once() {
    let (_directory, mut sources) = file("[server]\nprot = 80\n[dispatch]\nattempts = 'eight'");
    sources.environment =
        [("PORT", "http"), ("LOG_FORMAT", "xml"), ("DOORBELL__SERVR__HOST", "::")].into_iter().collect();
    let error = Settings::load(&sources, Need::Token).unwrap_err();
    let keys: Vec<_> = error.problems.iter().map(|problem| problem.key.as_str()).collect();
    let expected = [
        "server.prot",
        "DOORBELL__SERVR__HOST",
        "server.port",
        "dispatch.attempts",
        "log.format",
        "telegram.bot_token",
    ];
    assert_eq!(keys, expected);
    let text = error.to_string();
    assert!(
        text.starts_with("the settings have 6 problems\n\nserver.prot (file ") && text.contains(", line 2)"),
        "{text}"
    );
    assert!(
        text.contains("the nearest is server.port") && text.contains("the nearest is DOORBELL__SERVER__HOST"),
        "{text}"
    );
    assert!(!text.contains('!'), "{text}");
}

#[test]
fn each_problem_says_what_was_found_and_what_is_wanted() {
    for (variable, value, found, wanted) in [
        ("PORT", "65536", "65536", "a whole number from 0 to 65535"),
        ("PORT", "1\nx = 2", "\"1\\nx = 2\"", "a whole number"),
        ("HOST", "localhost", "\"localhost\"", "an IP address"),
        ("LOG_FORMAT", "xml", "\"xml\"", "one of \"auto\", \"text\", \"json\""),
        ("RUST_LOG", "a=b=c", "\"a=b=c\"", "a level"),
        ("TELEGRAM_API_URL", "api.telegram.org", "\"api.telegram.org\"", "the base URL of a Bot API"),
        ("TELEGRAM_API_URL", "https://api.telegram.org/bot1", "https://api.telegram.org with a path", "the base URL"),
        ("PUBLIC_URL", "bot.example.org", "\"bot.example.org\"", "public base URL"),
        ("PUBLIC_URL", "https://a.example.org/{x}", "https://a.example.org with a path", "public base URL"),
        ("PUBLIC_URL", "http://a.example.org", "\"http://a.example.org\"", "https, port 443, 80, 88 or 8443"),
        ("PUBLIC_URL", "https://localhost", "\"https://localhost\"", "a public host name"),
        ("WEBHOOK_SECRET", "a b", "3 characters, one of them white space", "1 to 256 of A-Z a-z 0-9 _ -"),
        ("ADMIN_TOKEN", "a\nb", "3 characters, one of them a line break", "visible ASCII"),
        ("ADMIN_TOKEN", "fifteen-letters", "15 characters", "16 to 512"),
        ("RUST_LOG", "verbose", "\"verbose\", which is no level", "a level"),
        ("RUST_LOG", "info,sqlx", "\"sqlx\", which is no level", "a level"),
        ("RUST_LOG", "dorbell=debug", "\"dorbell=debug\", under which Doorbell itself logs nothing", "a level"),
        ("PORT", "\"8080\"", "quotation marks around the value", "the value alone"),
        ("PUBLIC_URL", "'https://a.example.org'", "quotation marks around the value", "the value alone"),
        ("DATABASE_URL", "\"memory:\"", "quotation marks around the value", "the value alone"),
        (
            "DOORBELL__WEBHOOK__ALLOWED_UPDATES",
            "'[\"message\"]'",
            "quotation marks around the value",
            "the value alone",
        ),
        ("DOORBELL_WEBHOOK_TAKEOVER", "always", "a key that does not exist", "a known key"),
        ("DATABASE_URL", "mysql://me:word@db/bot", "a URL of the unknown scheme mysql", "sqlite:PATH, postgres://"),
        ("DATABASE_URL", "doorbell.db", "11 characters without a known scheme", "or memory:"),
        ("DATABASE_URL", "sqlite::memory:", "an SQLite database in memory", "or memory:"),
        (
            "DATABASE_URL",
            "postgres://me:wo/rd@db/bot",
            "a URL that does not mean what was written; it is not shown",
            "postgres://",
        ),
        (
            "DATABASE_URL",
            "postgres://me:word@db:port/bot",
            "a PostgreSQL URL of 30 characters that cannot be read",
            "postgres://",
        ),
        ("DOORBELL__INBOX__URL", "", "0 characters without a known scheme", "or memory:"),
        ("DOORBELL__INBOX__KEEP_DONE", "47h", "\"47h\"", "from 2 days to 365 days"),
        ("DOORBELL__INBOX__CAPACITY", "0", "0", "a whole number from 1"),
        ("DOORBELL__DISPATCH__CONCURRENCY", "0", "0", "a whole number from 1"),
        ("DOORBELL__DISPATCH__HANDLER_TIMEOUT", "30", "\"30\"", "a duration with its unit, such as 30s"),
        ("DOORBELL__DISPATCH__BACKOFF__FIRST", "5m", "\"60s\"", "no less than dispatch.backoff.first, 5 min"),
        ("DOORBELL__OUTBOUND__PER_SECOND", "-1", "-1", "0 for no cap"),
        ("DOORBELL__OUTBOUND__PER_SECOND", "nan", "nan", "0 for no cap"),
        ("DOORBELL__SERVER__BODY_LIMIT", "512 KiB", "\"512 KiB\"", "a size from 513 KiB"),
        ("DOORBELL__WEBHOOK__MAX_CONNECTIONS", "101", "101", "a whole number from 1 to 100"),
        ("DOORBELL__WEBHOOK__REGISTER", "yes", "\"yes\"", "true or false"),
        ("DOORBELL__WEBHOOK__TAKEOVER", "maybe", "\"maybe\"", "one of \"auto\", \"always\", \"never\""),
        ("DOORBELL__WEBHOOK__ALLOWED_UPDATES", "message", "\"message\"", "a list of kinds"),
        ("DOORBELL__WEBHOOK__ALLOWED_UPDATES", "['mesage']", "the unknown kind \"mesage\"", "a list of kinds"),
        ("DOORBELL__WEBHOOK__SOURCE_CHECK", "enforce", "\"enforce\"", "\"off\" or \"report\", where no header tells"),
        ("DOORBELL__WEBHOOK__SOURCE_RANGES", "[]", "[]", "a list of ranges"),
        ("DOORBELL__WEBHOOK__SOURCE_RANGES", "['1.2.3.4/33']", "[\"1.2.3.4/33\"]", "a list of ranges"),
        ("DOORBELL__WEBHOOK__SOURCE_HEADER", "x real ip", "\"x real ip\"", "the name of a header"),
        ("DOORBELL_PROFILE", "staging", "\"staging\"", "production or sandbox"),
    ] {
        let problem = problem(&[(variable, value)]);
        assert_eq!(problem.found, found, "{variable}={value}");
        assert!(problem.wanted.contains(wanted), "{variable}={value}: {}", problem.wanted);
    }
}

#[test]
fn hints_say_what_to_do() {
    for (variable, value, hint) in [
        ("PUBLIC_URL", "https://a.example.org/telegram/webhook", "the service adds /telegram/webhook itself"),
        ("DOORBELL__WEBHOOK__ALLOWED_UPDATES", "['mesage']", "the nearest is \"message\""),
        ("DOORBELL__SERVER__BODY_LIMIT", "1 KiB", "Telegram sends updates of up to 513 KiB"),
        ("TELEGRAM_BOT_TOKEN", &format!("{TOKEN}\n"), "remove the white space or line break"),
        ("TELEGRAM_BOT_TOKEN", &format!("\"{TOKEN}\""), "remove the quotation marks"),
    ] {
        let shown = problem(&[(variable, value)]).hint.unwrap();
        assert!(shown.contains(hint), "{variable}: {shown}");
    }
    let reserved = problem(&[("RENDER", "true"), ("PORT", "18012")]);
    assert!(reserved.hint.unwrap().contains("10000"));
}

#[test]
fn a_mistyped_variable_is_an_error_that_names_the_nearest_one() {
    for (mistyped, meant) in [
        ("DOORBELL_WEBHOOK_TAKEOVER", "DOORBELL__WEBHOOK__TAKEOVER"),
        ("DOORBELL_WEBHOOK__TAKEOVER", "DOORBELL__WEBHOOK__TAKEOVER"),
        ("DOORBELL_WEBHOK_TAKEOVER", "DOORBELL__WEBHOOK__TAKEOVER"),
        ("DOORBELL_DISPATCH_BACKOFF_LONGEST", "DOORBELL__DISPATCH__BACKOFF__LONGEST"),
        ("DOORBELL_TELEGRAM_BOT_TOKEN", "DOORBELL__TELEGRAM__BOT_TOKEN"),
        ("DOORBELL_TELEGRAM_BOT_TOKEN_FILE", "DOORBELL__TELEGRAM__BOT_TOKEN_FILE"),
        ("DOORBELL_PORT", "PORT"),
        ("DOORBELL_DATABASE_URL", "DATABASE_URL"),
        ("DOORBELL_PROFIL", "DOORBELL_PROFILE"),
    ] {
        let problem = problem(&[(mistyped, "MARKED")]);
        assert_eq!((problem.key.as_str(), problem.hint), (mistyped, Some(format!("the nearest is {meant}"))));
        assert!(!problem.found.contains("MARKED"));
    }
}

#[test]
fn an_unknown_variable_that_may_belong_to_another_program_is_a_warning() {
    let settings = load(&[("DOORBELL_REQUIRE_POSTGRES", "1"), ("DOORBELL_IMAGE", "a"), ("DOORBELL_PROFILE", "")]);
    let remark = settings.remark().unwrap();
    assert!(remark.contains("environment: DOORBELL_IMAGE, DOORBELL_REQUIRE_POSTGRES. "), "{remark}");
    // Kubernetes sets these where a service is named doorbell.
    let of_kubernetes = [
        ("DOORBELL_SERVICE_HOST", "10.0.0.11"),
        ("DOORBELL_SERVICE_PORT", "80"),
        ("DOORBELL_SERVICE_PORT_HTTP", "80"),
        ("DOORBELL_PORT", "tcp://10.0.0.11:80"),
        ("DOORBELL_PORT_80_TCP", "tcp://10.0.0.11:80"),
        ("DOORBELL_PORT_80_TCP_ADDR", "10.0.0.11"),
        ("DOORBELL_PORT_80_TCP_PORT", "80"),
        ("DOORBELL_PORT_80_TCP_PROTO", "tcp"),
    ];
    assert_eq!(load(&of_kubernetes).remark(), None);
}

#[test]
fn a_log_filter_with_which_the_service_logs_is_accepted() {
    for filter in ["info", "TRACE", "off", "info,sqlx=debug", "doorbell=debug", "doorbell::dispatch", "sqlx=off,warn"] {
        assert_eq!(load(&[("RUST_LOG", filter)]).log.filter, filter);
    }
}

#[test]
fn quotation_marks_around_the_name_of_a_profile_or_a_file_are_reported() {
    for (variable, value) in [
        ("DOORBELL_PROFILE", "\"production\""),
        ("DOORBELL_CONFIG", "'/nowhere/my.toml'"),
        ("ADMIN_TOKEN_FILE", "\"/nowhere/token\""),
    ] {
        let shown = problem(&[(variable, value)]).hint.unwrap_or_default();
        assert!(shown.contains("remove the quotation marks"), "{variable}: {shown}");
    }
    // A reply may begin and end with quotation marks on purpose.
    let reply = load(&[("DOORBELL__FALLBACK__REPLY", "'What?'")]).fallback.unwrap().reply;
    assert_eq!(reply, "'What?'");
}

#[test]
fn the_operators_token_must_differ_from_the_other_secrets() {
    let secret = "a-secret-of-the-webhook";
    for (variable, name) in [
        ("TELEGRAM_BOT_TOKEN", "the bot token"),
        ("WEBHOOK_SECRET", "the webhook's secret token"),
        ("DOORBELL__WEBHOOK__PREVIOUS_SECRET_TOKEN", "the webhook's former secret token"),
    ] {
        let value = if variable == "TELEGRAM_BOT_TOKEN" { TOKEN } else { secret };
        let problem = problem(&[("ADMIN_TOKEN", value), (variable, value)]);
        assert_eq!((problem.key.as_str(), problem.found), ("console.token", format!("the same text as {name}")));
    }
}

#[test]
fn a_command_with_a_problem_is_named() {
    let start = "[[command]]\nname = 'start'\nreply = 'Hello'\n";
    for (more, key, found) in [
        ("parse_mode = 'markdown3'", "command \"start\", parse_mode", "\"markdown3\""),
        ("description = ''", "command \"start\", description", "nothing"),
        ("replay = 'x'", "command \"start\", replay", "a key that does not exist"),
        ("buttons = [{ text = 'Site' }]", "command \"start\", buttons", "[{ text = \"Site\" }]"),
        ("buttons = [[{ text = 'Site' }]]", "command \"start\", buttons", "the button \"Site\" with 0 actions"),
        ("buttons = [[{ url = 'https://example.org' }]]", "command \"start\", buttons", "a button without a text"),
        (
            "buttons = [[{ text = 'A', ulr = 'b' }]]",
            "command \"start\", buttons",
            "the button \"A\" with the unknown field ulr",
        ),
        (
            "buttons = [[{ text = 'A', callback_data = '' }]]",
            "command \"start\", buttons",
            "the button \"A\" with too much callback_data, or none",
        ),
        ("[[command]]\nname = 'start'\nreply = 'x'", "command \"start\", name", "\"start\""),
        ("[[command]]\nname = '/start'\nreply = 'x'", "command \"/start\", name", "\"/start\""),
        ("[[command]]\nreply = 'x'", "command number 2, name", "nothing"),
        ("[[command]]\nname = 'help'", "command \"help\", reply", "nothing"),
        ("[[command]]\nname = 'help'\nreply = ' '", "command \"help\", reply", "an empty text"),
    ] {
        let problem = problem_of_file(&format!("{start}{more}"));
        assert_eq!((problem.key.as_str(), problem.found.as_str()), (key, found), "{more}");
        assert!(problem.source.contains(", line "), "{problem}");
    }
    let right = "description = 'd'\nparse_mode = 'html'\nbuttons = [[{ text = 'A', url = 'https://example.org' }], []]";
    let (_directory, sources) = file(&format!("{start}{right}"));
    let settings = Settings::load(&sources, Need::Nothing).unwrap();
    assert_eq!(settings.commands[0].reply.parse_mode.as_deref(), Some("HTML"));
    assert_eq!(settings.commands[0].reply.buttons[0][0]["url"], "https://example.org");
}

#[test]
fn a_problem_in_a_file_is_reported_with_its_line() {
    for (text, found, line) in [
        ("[telegram\n", None, ", line 1"),
        ("[server]\nport = 1\nport = 2", Some("duplicate key"), ", line 3"),
        ("\nserver = 5", Some("one value (of type integer)"), ", line 2"),
        ("\n\n[weather]\nsun = true", Some("a key that does not exist"), ", line 3"),
        ("[server]\nport = '1'", Some("\"1\""), ", line 2"),
        ("[server.port]\nx = 1", Some("a table"), ", line 1"),
        ("[[telegram]]\nbot_token = 'x'", None, ", line 1"),
    ] {
        let problem = problem_of_file(text);
        assert!(problem.source.ends_with(line), "{text}: {problem}");
        assert!(found.is_none_or(|found| found == problem.found), "{text}: {problem}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_the_only_problem() {
    let sources = Sources { config_file: Some("/nowhere/doorbell.toml".into()), ..Sources::default() };
    let error = Settings::load(&sources, Need::Token).unwrap_err();
    assert_eq!(error.problems.len(), 1);
    assert!(
        error.to_string().contains("/nowhere/doorbell.toml") && error.to_string().contains("No such file"),
        "{error}"
    );
}

#[test]
fn a_missing_token_is_a_problem_where_it_is_needed_but_not_on_a_preview() {
    let error = Settings::load(&sources(&[]), Need::Token).unwrap_err();
    assert!(error.to_string().contains("@BotFather") && error.to_string().contains("TELEGRAM_BOT_TOKEN"), "{error}");
    assert!(Settings::load(&sources(&[("TELEGRAM_BOT_TOKEN", TOKEN)]), Need::Token).is_ok());
    let preview = Settings::load(&sources(&[("RENDER", "true"), ("IS_PULL_REQUEST", "true")]), Need::Token).unwrap();
    assert!(preview.telegram.bot_token.is_none() && preview.platform.is_preview());
}

#[test]
fn an_unknown_kind_of_update_is_a_warning_with_the_nearest_name_unless_none_is_known() {
    let kinds = |list: &'static str| sources(&[("DOORBELL__WEBHOOK__ALLOWED_UPDATES", list)]);
    let settings = Settings::load(&kinds("['Message', 'callback_qery', 'from_tomorrow']"), Need::Nothing).unwrap();
    assert_eq!(settings.webhook.allowed_updates, ["message", "callback_qery", "from_tomorrow"]);
    let shown: Vec<_> = settings.warnings.iter().map(|warning| (&*warning.found, warning.hint.as_deref())).collect();
    let expected = [
        ("the unknown kind \"callback_qery\"", Some("the nearest is \"callback_query\"")),
        ("the unknown kind \"from_tomorrow\"", None),
    ];
    assert_eq!(shown, expected);
    assert_eq!(problems(&kinds("['mesage', 'from_tomorrow']")).len(), 1);
    let known = Settings::load(&kinds("['subscription', 'stopped_message_generation']"), Need::Nothing).unwrap();
    assert_eq!(known.warnings, []);
}

#[test]
fn a_button_with_a_problem_is_named_and_a_valid_one_is_read() {
    let yes = "[[button]]\ndata = 'yes'\nreply = 'Well.'\n";
    let long = format!("[[button]]\ndata = '{}'\nreply = 'x'", "a".repeat(65));
    for (more, key) in [
        ("parse_mode = 'markdown3'", "button \"yes\", parse_mode".to_owned()),
        ("name = 'x'", "button \"yes\", name".to_owned()),
        ("[[button]]\ndata = 'yes'\nreply = 'x'", "button \"yes\", data".to_owned()),
        ("[[button]]\ndata = ''\nreply = 'x'", "button number 2, data".to_owned()),
        ("[[button]]\nreply = 'x'", "button number 2, data".to_owned()),
        ("[[button]]\ndata = 'no'", "button \"no\", reply".to_owned()),
        (&*long, format!("button \"{}\", data", "a".repeat(65))),
    ] {
        assert_eq!(problem_of_file(&format!("{yes}{more}")).key, key, "{more}");
    }
    let (_directory, sources) = file(&format!("{yes}buttons = [[{{ text = 'No', callback_data = 'no' }}]]"));
    let settings = Settings::load(&sources, Need::Nothing).unwrap();
    assert_eq!((&*settings.buttons[0].data, &*settings.buttons[0].reply.buttons[0][0]["callback_data"]), ("yes", "no"));
}
