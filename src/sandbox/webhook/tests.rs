use serde_json::json;

use super::*;

const URL: &str = "http://127.0.0.1:9/hook";

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
}

fn params(params: Value) -> Params {
    let Value::Object(params) = params else { unreachable!() };
    Params(params)
}

/// One `setWebhook`; the description of its answer.
fn set(world: &mut World, millis: i64, call: Value) -> String {
    let reply = match world.set_webhook(at(millis), &params(call)) {
        Begun::Answer(reply) => reply,
        Begun::Check(plan) => {
            let found = Ok(plan.target.clone());
            world.finish_webhook(*plan, found).err().unwrap_or_else(|| Reply::done("Webhook was set"))
        }
    };
    description(&reply)
}

fn description(reply: &Reply) -> String {
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    body["description"].as_str().unwrap().to_owned()
}

fn info(world: &World) -> Value {
    serde_json::from_slice::<Value>(&world.webhook_info().body).unwrap()["result"].take()
}

#[test]
fn only_one_webhook_may_be_set_in_a_second() {
    let mut world = World::new();
    assert_eq!(set(&mut world, 0, json!({"url": URL})), "Webhook was set");
    assert_eq!(set(&mut world, 999, json!({"url": URL})), "Too Many Requests: retry after 1");
    assert_eq!(set(&mut world, 1000, json!({"url": URL})), "Webhook is already set");
}

#[test]
fn nothing_changes_if_nothing_changed_but_the_allowed_updates() {
    let mut world = World::new();
    let call = json!({"url": URL, "secret_token": "a", "max_connections": "7"});
    set(&mut world, 0, call.clone());
    let actor = Arc::clone(&world.hook.as_ref().unwrap().actor);
    let mut again = call;
    again["allowed_updates"] = json!(["message"]);
    assert_eq!(set(&mut world, 1000, again), "Webhook is already set");
    assert!(Arc::ptr_eq(&actor, &world.hook.as_ref().unwrap().actor));
    assert_eq!(world.webhook().unwrap().allowed_updates, ["message"]);
    for changed in [json!({"url": URL}), json!({"url": URL, "max_connections": 41}), json!({"url": URL})] {
        let at = world.next_set_at.as_millisecond() - 1_700_000_000_000;
        assert_eq!(set(&mut world, at, changed), "Webhook was set");
    }
    assert_eq!(world.webhook().unwrap().max_connections, 40, "the default, as the call named none");
}

#[test]
fn a_call_that_fails_leaves_no_webhook_and_nothing_pending_if_it_said_so() {
    for (call, expected) in [
        (json!({"url": "ftp://x"}), "Bad Request: invalid webhook URL specified"),
        (json!({"url": URL, "secret_token": "a b"}), "Bad Request: secret token contains unallowed characters"),
        (json!({"url": URL, "secret_token": "a".repeat(257)}), "Bad Request: secret token is too long"),
        (
            json!({"url": "http://x.example", "ip_address": "x"}),
            "Bad Request: bad webhook: Invalid IP address specified",
        ),
    ] {
        let mut world = World::new();
        set(&mut world, 0, json!({"url": URL}));
        world.push(at(0), "poll", &json!({"id": "1"})).unwrap();
        assert_eq!(set(&mut world, 1000, call.clone()), expected);
        assert_eq!((world.hook.is_none(), world.backlog.len()), (true, 1));
        let mut call = call;
        call["drop_pending_updates"] = json!("Yes");
        set(&mut world, 2000, call);
        assert_eq!(world.backlog.len(), 0);
    }
}

#[test]
fn a_webhook_that_waits_for_its_checks_is_terminated_by_the_next() {
    let mut world = World::new();
    let Begun::Check(first) = world.set_webhook(at(0), &params(json!({"url": URL}))) else { unreachable!() };
    assert_eq!(set(&mut world, 1000, json!({"url": URL})), "Webhook was set");
    assert!(first.terminated.is_cancelled());
}

#[test]
fn a_host_without_an_address_is_no_webhook() {
    let mut world = World::new();
    let Begun::Check(plan) = world.set_webhook(at(0), &params(json!({"url": "http://x.example"}))) else {
        unreachable!()
    };
    let refused = world.finish_webhook(*plan, Err("Name or service not known".into())).unwrap_err();
    assert_eq!(description(&refused), "Bad Request: bad webhook: Failed to resolve host: Name or service not known");
    assert!(world.setting.is_none());
}

#[test]
fn the_public_rules_hold_when_it_is_strict() {
    let mut world = World::new();
    world.strict = true;
    let mut expect = |millis, url: &str, expected: &str| {
        assert_eq!(set(&mut world, millis, json!({"url": url})), format!("Bad Request: bad webhook: {expected}"));
    };
    expect(0, "http://93.184.216.34/hook", "An HTTPS URL must be provided for webhook");
    expect(1000, "https://93.184.216.34:444/hook", "Webhook can be set up only on ports 80, 88, 443 or 8443");
    expect(2000, "https://10.0.0.1/hook", "IP address 10.0.0.1 is reserved");
    expect(3000, "https://[2606:2800::1]/hook", "IPv6-only addresses are not allowed");
    world.routes.insert("bot.example".into(), "127.0.0.1:9".parse().unwrap());
    assert_eq!(set(&mut world, 4000, json!({"url": "https://bot.example/hook"})), "Webhook was set");
}

#[test]
fn max_connections_is_clamped_and_never_an_error() {
    let mut world = World::new();
    for (n, (asked, expected)) in
        [(json!(0), 1), (json!(1000), 100), (json!("many"), 1), (json!(50), 50)].into_iter().enumerate()
    {
        set(&mut world, 1000 * i64::try_from(n).unwrap(), json!({"url": URL, "max_connections": asked}));
        assert_eq!(world.webhook().unwrap().max_connections, expected);
    }
}

#[test]
fn allowed_updates_stay_when_they_are_not_understood() {
    let mut world = World::new();
    let mut allowed = |value: Value| {
        world.allow(&params(json!({"allowed_updates": value})));
        world.allowed.clone()
    };
    assert_eq!(allowed(json!(["MESSAGE", "chat_member", "nonsense"])).unwrap(), ["message", "chat_member"]);
    for nonsense in [json!(""), json!("{"), json!("message"), json!([1]), json!(null), json!({})] {
        assert_eq!(allowed(nonsense).unwrap(), ["message", "chat_member"]);
    }
    assert_eq!(allowed(json!("[\"poll\"]")).unwrap(), ["poll"]);
    assert_eq!(allowed(json!(["nonsense"])), None);
    assert!(world.allows("message") && !world.allows("chat_member"));
}

#[test]
fn webhook_info_has_only_the_fields_that_apply() {
    let mut world = World::new();
    world.push(at(0), "poll", &json!({"id": "1"})).unwrap();
    assert_eq!(info(&world), json!({"url": "", "has_custom_certificate": false, "pending_update_count": 1}));
    set(&mut world, 0, json!({"url": URL, "secret_token": "a", "allowed_updates": ["poll"]}));
    assert_eq!(
        info(&world),
        json!({
            "url": URL, "has_custom_certificate": false, "pending_update_count": 1, "max_connections": 40,
            "ip_address": "127.0.0.1", "allowed_updates": ["poll"],
        })
    );
    assert_eq!(description(&world.delete_webhook(&Params::default())), "Webhook was deleted");
    let again = world.delete_webhook(&params(json!({"drop_pending_updates": true})));
    assert_eq!((description(&again).as_str(), world.backlog.len()), ("Webhook is already deleted", 0));
}
