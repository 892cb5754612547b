use serde_json::json;

use super::*;

const URL: &str = "http://127.0.0.1:9/hook";

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
}

fn params(params: Value) -> Params {
    let Value::Object(params) = params else { unreachable!() };
    Params::from(params)
}

/// One `setWebhook`; the description of its answer.
fn set(state: &mut State, millis: i64, call: Value) -> String {
    let response = match begin_set(state, at(millis), &params(call)) {
        SetWebhook::Done(response) => response,
        SetWebhook::Resolve(pending) => {
            let resolved = Ok(pending.target.clone());
            finish_set(state, *pending, resolved).err().unwrap_or_else(|| ApiResponse::done("Webhook was set"))
        }
    };
    description(&response)
}

fn description(response: &ApiResponse) -> String {
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    body["description"].as_str().unwrap().to_owned()
}

fn info(state: &mut State) -> Value {
    super::info(state, &ApiCall { now: at(0), params: &Params::default() })
}

#[test]
fn set_webhook_is_throttled_to_once_in_a_second() {
    let mut state = State::default();
    assert_eq!(set(&mut state, 0, json!({"url": URL})), "Webhook was set");
    assert_eq!(set(&mut state, 999, json!({"url": URL})), "Too Many Requests: retry after 1");
    assert_eq!(set(&mut state, 1000, json!({"url": URL})), "Webhook is already set");
}

#[test]
fn set_webhook_with_other_allowed_updates_only_keeps_the_webhook() {
    let mut state = State::default();
    let call = json!({"url": URL, "secret_token": "a", "max_connections": "7"});
    set(&mut state, 0, call.clone());
    let sender = Arc::clone(&state.webhook.as_ref().unwrap().sender);
    let mut again = call;
    again["allowed_updates"] = json!(["message"]);
    assert_eq!(set(&mut state, 1000, again), "Webhook is already set");
    assert!(Arc::ptr_eq(&sender, &state.webhook.as_ref().unwrap().sender));
    assert_eq!(state.webhook_record().unwrap().allowed_updates, ["message"]);
    for changed in [json!({"url": URL}), json!({"url": URL, "max_connections": 41}), json!({"url": URL})] {
        let at = state.set_webhook_from.as_millisecond() - 1_700_000_000_000;
        assert_eq!(set(&mut state, at, changed), "Webhook was set");
    }
    assert_eq!(state.webhook_record().unwrap().max_connections, 40, "the default, as the call named none");
}

#[test]
fn a_set_webhook_that_fails_leaves_no_webhook_and_drops_pending_updates_if_asked() {
    for (call, expected) in [
        (json!({"url": "ftp://x"}), "Bad Request: invalid webhook URL specified"),
        (json!({"url": URL, "secret_token": "a b"}), "Bad Request: secret token contains unallowed characters"),
        (json!({"url": URL, "secret_token": "a".repeat(257)}), "Bad Request: secret token is too long"),
        (
            json!({"url": "http://x.example", "ip_address": "x"}),
            "Bad Request: bad webhook: Invalid IP address specified",
        ),
    ] {
        let mut state = State::default();
        set(&mut state, 0, json!({"url": URL}));
        state.push(at(0), "poll", &json!({"id": "1"})).unwrap();
        assert_eq!(set(&mut state, 1000, call.clone()), expected);
        assert_eq!((state.webhook.is_none(), state.backlog.len()), (true, 1));
        let mut call = call;
        call["drop_pending_updates"] = json!("Yes");
        set(&mut state, 2000, call);
        assert_eq!(state.backlog.len(), 0);
    }
}

#[test]
fn a_set_webhook_that_waits_for_its_host_is_cancelled_by_the_next() {
    let mut state = State::default();
    let SetWebhook::Resolve(first) = begin_set(&mut state, at(0), &params(json!({"url": URL}))) else { unreachable!() };
    assert_eq!(set(&mut state, 1000, json!({"url": URL})), "Webhook was set");
    assert!(first.cancelled.is_cancelled());
}

#[test]
fn a_host_without_an_address_is_refused() {
    let mut state = State::default();
    let SetWebhook::Resolve(pending) = begin_set(&mut state, at(0), &params(json!({"url": "http://x.example"}))) else {
        unreachable!()
    };
    let refused = finish_set(&mut state, *pending, Err("Name or service not known".into())).unwrap_err();
    assert_eq!(description(&refused), "Bad Request: bad webhook: Failed to resolve host: Name or service not known");
    assert!(state.pending_webhook.is_none());
}

#[test]
fn the_public_rules_apply_in_strict_mode() {
    let mut state = State { strict: true, ..State::default() };
    let mut expect = |millis, url: &str, expected: &str| {
        assert_eq!(set(&mut state, millis, json!({"url": url})), format!("Bad Request: bad webhook: {expected}"));
    };
    expect(0, "http://93.184.216.34/hook", "An HTTPS URL must be provided for webhook");
    expect(1000, "https://93.184.216.34:444/hook", "Webhook can be set up only on ports 80, 88, 443 or 8443");
    expect(2000, "https://10.0.0.1/hook", "IP address 10.0.0.1 is reserved");
    expect(3000, "https://[2606:2800::1]/hook", "IPv6-only addresses are not allowed");
    state.routes.insert("bot.example".into(), "127.0.0.1:9".parse().unwrap());
    assert_eq!(set(&mut state, 4000, json!({"url": "https://bot.example/hook"})), "Webhook was set");
}

#[test]
fn max_connections_is_clamped_and_never_an_error() {
    let mut state = State::default();
    for (n, (asked, expected)) in
        [(json!(0), 1), (json!(1000), 100), (json!("many"), 1), (json!(50), 50)].into_iter().enumerate()
    {
        set(&mut state, 1000 * i64::try_from(n).unwrap(), json!({"url": URL, "max_connections": asked}));
        assert_eq!(state.webhook_record().unwrap().max_connections, expected);
    }
}

#[test]
fn invalid_allowed_updates_change_nothing() {
    let mut state = State::default();
    let mut allowed = |value: Value| {
        set_allowed_updates(&mut state, &params(json!({"allowed_updates": value})));
        state.allowed_updates.clone()
    };
    assert_eq!(allowed(json!(["MESSAGE", "chat_member", "nonsense"])).unwrap(), ["message", "chat_member"]);
    for nonsense in [json!(""), json!("{"), json!("message"), json!([1]), json!(null), json!({})] {
        assert_eq!(allowed(nonsense).unwrap(), ["message", "chat_member"]);
    }
    assert_eq!(allowed(json!("[\"poll\"]")).unwrap(), ["poll"]);
    assert_eq!(allowed(json!(["nonsense"])), None);
    assert!(state.receives("message") && !state.receives("chat_member"));
}

#[test]
fn webhook_info_has_only_the_fields_that_apply() {
    let mut state = State::default();
    state.push(at(0), "poll", &json!({"id": "1"})).unwrap();
    assert_eq!(info(&mut state), json!({"url": "", "has_custom_certificate": false, "pending_update_count": 1}));
    set(&mut state, 0, json!({"url": URL, "secret_token": "a", "allowed_updates": ["poll"]}));
    assert_eq!(
        info(&mut state),
        json!({
            "url": URL, "has_custom_certificate": false, "pending_update_count": 1, "max_connections": 40,
            "ip_address": "127.0.0.1", "allowed_updates": ["poll"],
        })
    );
    assert_eq!(description(&delete(&mut state, &Params::default())), "Webhook was deleted");
    let again = delete(&mut state, &params(json!({"drop_pending_updates": true})));
    assert_eq!((description(&again).as_str(), state.backlog.len()), ("Webhook is already deleted", 0));
}
