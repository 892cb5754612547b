use super::*;

fn call(state: &mut State, second: i64, method: &str, params: Value) -> (u16, Value) {
    let Value::Object(params) = params else { unreachable!() };
    let response = execute(state, Timestamp::from_second(second).unwrap(), method, &Params::from(params));
    (response.code, serde_json::from_slice(&response.body).unwrap())
}

#[test]
fn commands_are_stored_by_scope() {
    let mut state = State::default();
    let commands = json!([{"command": "start", "description": "Start"}]);
    assert_eq!(call(&mut state, 0, "setmycommands", json!({"commands": commands})).0, 200);
    assert_eq!(call(&mut state, 0, "getmycommands", json!({})).1["result"], commands);
    assert_eq!(call(&mut state, 0, "getmycommands", json!({"language_code": "de"})).1["result"], json!([]));
    let (code, answer) = call(&mut state, 0, "setmycommands", json!({"commands": [{"command": "Start"}]}));
    assert_eq!((code, answer["description"].as_str()), (400, Some("Bad Request: BOT_COMMAND_INVALID")));
}

#[test]
fn a_callback_query_can_be_answered_for_150_seconds() {
    let mut state = State::default();
    state.callback_queries.add("7", Timestamp::UNIX_EPOCH);
    let answer =
        |state: &mut State, second| call(state, second, "answercallbackquery", json!({"callback_query_id": "7"})).0;
    assert_eq!((answer(&mut state, 150), answer(&mut state, 151)), (200, 400));
}

#[test]
fn a_method_that_does_not_exist_is_not_found() {
    let (code, answer) = call(&mut State::default(), 0, "sendlove", json!({}));
    assert_eq!((code, answer["description"].as_str()), (404, Some("Not Found: method not found")));
}

#[test]
fn methods_are_found_in_any_case() {
    assert!(matches!(find("LOGOUT").map(|row| row.method), Some(Accept)));
    assert_eq!(find("setWebHook").map(|row| row.name), Some("setWebhook"));
    assert!(["", "send", "sendé", "photo", "logOut close"].into_iter().all(|name| find(name).is_none()));
}
