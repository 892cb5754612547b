use serde_json::{Value, json};

use crate::sandbox::DeliveryOutcome;
use crate::sandbox::tests::{ReceivedRequest, TestSandbox};
use crate::update::UpdateId;

/// The seconds between the attempts so far.
fn gaps(telegram: &TestSandbox) -> Vec<i64> {
    let at: Vec<i64> = telegram.sandbox.deliveries().iter().map(|delivery| TestSandbox::second(delivery.at)).collect();
    at.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// Advances the clock second by second.
async fn wait(telegram: &TestSandbox, seconds: u64) {
    for _ in 0..seconds {
        telegram.advance(1);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_failed_update_is_retried_at_once_and_then_after_2_4_8_and_16_seconds() {
    let telegram = TestSandbox::start().await;
    let mut receiver = telegram.receiver(json!({})).await;
    telegram.sandbox.send_text(1, "Ann", "a");
    receiver.next().await.fail("");
    for (attempt, gap) in [(2, 2), (3, 4), (4, 8), (5, 16)] {
        receiver.next().await.fail("");
        telegram.settled(attempt).await;
        wait(&telegram, gap).await;
    }
    receiver.next().await.ok();
    telegram.sandbox.idle().await;
    assert_eq!(gaps(&telegram), [0, 2, 4, 8, 16]);
    assert_eq!(telegram.sandbox.deliveries().last().unwrap().attempt, 6);
}

#[tokio::test]
async fn retry_after_is_obeyed_on_any_failure() {
    let telegram = TestSandbox::start().await;
    let mut receiver = telegram.receiver(json!({})).await;
    telegram.sandbox.send_text(1, "Ann", "a");
    for attempt in 1..=3 {
        receiver.next().await.fail("Retry-After: 3\r\n");
        telegram.settled(attempt).await;
        wait(&telegram, 3).await;
    }
    receiver.next().await.fail("Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n");
    telegram.settled(4).await;
    wait(&telegram, 2).await;
    receiver.next().await.ok();
    telegram.sandbox.idle().await;
    assert_eq!(gaps(&telegram), [3, 3, 3, 2], "a date is ignored, and the doubling had not advanced");
}

#[tokio::test]
async fn an_update_that_expires_before_the_next_attempt_is_dropped() {
    let telegram = TestSandbox::start().await;
    let mut receiver = telegram.receiver(json!({})).await;
    telegram.sandbox.push("inline_query", json!({"id": "1", "from": {"id": 7}, "query": ""}));
    receiver.next().await.fail("Retry-After: 31\r\n");
    telegram.sandbox.idle().await;
    assert_eq!(telegram.sandbox.deliveries().len(), 1);
}

#[tokio::test]
async fn a_request_has_exactly_telegrams_headers_in_their_order() {
    let telegram = TestSandbox::start().await;
    let mut receiver = telegram.receiver(json!({"secret_token": "s3cret_-"})).await;
    let id = telegram.sandbox.push("poll", json!({"id": "5", "question": "é/\u{1f514}"}));
    let request = receiver.next().await;
    let host = receiver.url().replace("http://", "").replace("/hook", "");
    let body = format!("{{\"update_id\":{id},\n\"poll\":{{\"id\":\"5\",\"question\":\"\\u00e9/\\ud83d\\udd14\"}}}}");
    assert_eq!(
        request.head,
        format!(
            "POST /hook HTTP/1.1\r\nHost: {host}\r\nX-Telegram-Bot-Api-Secret-Token: s3cret_-\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: keep-alive\r\n\
             Accept-Encoding: gzip, deflate\r\n\r\n",
            body.len()
        )
    );
    assert_eq!(String::from_utf8(request.body).unwrap(), body);
}

#[tokio::test]
async fn updates_of_one_chat_are_sent_in_order_and_other_queues_beside_it() {
    let telegram = TestSandbox::start().await;
    let mut receiver = telegram.receiver(json!({})).await;
    telegram.sandbox.send_text(9, "Bo", "warm up");
    receiver.next().await.ok();
    telegram.sandbox.idle().await;
    let [first, second] = ["a", "b"].map(|text| telegram.sandbox.send_text(1, "Ann", text));
    let button = telegram.sandbox.press_button(1, "Ann", 1, "x");
    let mut in_flight = [receiver.next().await, receiver.next().await];
    in_flight.sort_by_key(|request| request.id().0);
    let [message, query] = in_flight;
    assert_eq!((message.id(), query.id()), (first, button), "a button press of the same user does not wait");
    query.ok();
    message.ok();
    let next = receiver.next().await;
    assert_eq!(next.id(), second);
    next.ok();
    telegram.sandbox.idle().await;
}

#[tokio::test]
async fn there_is_one_connection_until_the_first_success() {
    let telegram = TestSandbox::start().await;
    let mut receiver = telegram.receiver(json!({"max_connections": 3})).await;
    for chat in 1..=6 {
        telegram.sandbox.send_text(chat, "Ann", "a");
    }
    let first = receiver.next().await;
    wait(&telegram, 5).await;
    assert_eq!(telegram.sandbox.deliveries().len(), 1);
    first.ok();
    let in_flight = [receiver.next().await, receiver.next().await, receiver.next().await];
    assert_eq!(telegram.sandbox.deliveries().len(), 4, "no more than max_connections");
    in_flight.into_iter().for_each(ReceivedRequest::ok);
    for _ in 0..2 {
        receiver.next().await.ok();
    }
    telegram.sandbox.idle().await;
}

#[tokio::test]
async fn an_unreachable_receiver_is_retried_every_two_seconds_at_most() {
    let telegram = TestSandbox::start().await;
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    telegram.call("setWebhook", json!({"url": format!("http://{unused}/hook")})).await;
    for chat in 1..=3 {
        telegram.sandbox.send_text(chat, "Ann", "a");
    }
    for attempt in 1..=3 {
        telegram.settled(attempt).await;
        wait(&telegram, 2).await;
    }
    telegram.settled(4).await;
    assert_eq!(gaps(&telegram), [2, 2, 2]);
    assert_eq!(telegram.sandbox.deliveries()[0].outcome, DeliveryOutcome::Failed("Connection refused".into()));
}

#[tokio::test]
async fn a_changed_webhook_cuts_updates_in_flight_and_sends_them_again_at_once() {
    let telegram = TestSandbox::start().await;
    let mut receiver = telegram.receiver(json!({})).await;
    let id = telegram.sandbox.send_text(1, "Ann", "a");
    let first = receiver.next().await;
    telegram.advance(1);
    telegram.call("setWebhook", json!({"url": receiver.url(), "secret_token": "new"})).await;
    let second = receiver.next().await;
    assert_eq!((first.id(), second.id(), first.connection != second.connection), (id, id, true));
    first.ok();
    second.ok();
    telegram.sandbox.idle().await;
    telegram.settled(2).await;
    let outcomes: Vec<DeliveryOutcome> =
        telegram.sandbox.deliveries().into_iter().map(|delivery| delivery.outcome).collect();
    assert_eq!(outcomes, [DeliveryOutcome::Cut, DeliveryOutcome::Status(200)]);
}

#[tokio::test]
async fn connection_close_in_a_response_ends_the_connection() {
    let telegram = TestSandbox::start().await;
    let mut receiver = telegram.receiver(json!({})).await;
    telegram.sandbox.send_text(1, "Ann", "a");
    telegram.sandbox.send_text(1, "Ann", "b");
    let first = receiver.next().await;
    let connection = first.connection;
    first.answer("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let second = receiver.next().await;
    assert!(second.connection > connection);
    let connection = second.connection;
    second.ok();
    telegram.sandbox.send_text(1, "Ann", "c");
    let third = receiver.next().await;
    assert_eq!(third.connection, connection);
    third.ok();
    telegram.sandbox.idle().await;
}

#[tokio::test]
async fn an_update_without_a_response_within_60_seconds_fails() {
    let telegram = TestSandbox::start().await;
    let mut receiver = telegram.receiver(json!({})).await;
    telegram.sandbox.send_text(1, "Ann", "a");
    let unanswered = receiver.next().await;
    telegram.advance(59);
    assert_eq!(telegram.sandbox.deliveries()[0].outcome, DeliveryOutcome::Sent);
    telegram.advance(1);
    receiver.next().await.ok();
    telegram.sandbox.idle().await;
    assert_eq!(telegram.sandbox.deliveries()[0].outcome, DeliveryOutcome::Failed("Read timeout expired".into()));
    drop(unanswered);
}

#[tokio::test]
async fn the_last_error_remains_after_recovery_and_a_closed_connection_is_not_an_error() {
    let telegram = TestSandbox::start().await;
    let mut receiver = telegram.receiver(json!({})).await;
    telegram.sandbox.send_text(1, "Ann", "a");
    receiver.next().await.answer("");
    wait(&telegram, 2).await;
    let again = receiver.next().await;
    assert_eq!(telegram.call("getWebhookInfo", json!({})).await.body["result"]["last_error_message"], Value::Null);
    again.answer("HTTP/1.1 500 Oh Dear\r\nContent-Length: 0\r\n\r\n");
    telegram.settled(2).await;
    wait(&telegram, 2).await;
    receiver.next().await.ok();
    telegram.sandbox.idle().await;
    let info = telegram.call("getWebhookInfo", json!({})).await.body["result"].take();
    assert_eq!(info["last_error_message"], "Wrong response from the webhook: 500 Oh Dear");
    assert_eq!(info["last_error_date"], telegram.sandbox.deliveries()[1].at.as_second());
    telegram.call("setWebhook", json!({"url": receiver.url(), "max_connections": 7})).await;
    assert_eq!(telegram.call("getWebhookInfo", json!({})).await.body["result"]["last_error_date"], Value::Null);
}

#[tokio::test]
async fn a_method_call_in_the_webhooks_response_is_executed() {
    let telegram = TestSandbox::start().await;
    let mut receiver = telegram.receiver(json!({})).await;
    for call in [
        r#"{"method":"SendMessage","chat_id":1,"text":"hi","reply_markup":{"inline_keyboard":[]}}"#,
        r#"{"method":"deleteWebhook"}"#,
        r#"{"method":"sendMessage","#,
    ] {
        telegram.sandbox.send_text(1, "Ann", "a");
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", call.len());
        receiver.next().await.answer(head + call);
        telegram.sandbox.idle().await;
    }
    let calls = telegram.sandbox.calls();
    let codes: Vec<Option<u16>> = calls.iter().filter(|call| call.in_webhook_answer).map(|call| call.code).collect();
    assert_eq!(codes, [Some(200), Some(400)]);
    assert!(telegram.sandbox.messages(Some(1)).iter().any(|message| message.bot && message.text == "hi"));
    assert!(telegram.sandbox.webhook().is_some());
}

#[tokio::test]
async fn a_webhook_that_is_gone_for_23_hours_is_deleted() {
    let telegram = TestSandbox::start().await;
    let mut receiver = telegram.receiver(json!({})).await;
    telegram.sandbox.push("poll", json!({"id": "5"}));
    let gone = "HTTP/1.1 410 Gone\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n";
    for attempt in 1.. {
        receiver.next().await.answer(gone);
        telegram.settled(attempt).await;
        if telegram.sandbox.webhook().is_none() {
            break;
        }
        telegram.advance(3600);
    }
    assert_eq!(
        (gaps(&telegram).len(), telegram.sandbox.pending()),
        (24, 1),
        "the first attempt after more than 23 hours"
    );
}

#[tokio::test]
async fn bytes_that_are_not_utf8_are_sent_unchanged() {
    let telegram = TestSandbox::start().await;
    let mut receiver = telegram.receiver(json!({})).await;
    let id = telegram.sandbox.push_raw("callback_query", 5, b"{\"data\":\"\xff\xc3(\"}");
    let request = receiver.next().await;
    let expected =
        [format!("{{\"update_id\":{id},\n\"callback_query\":").as_bytes(), b"{\"data\":\"\xff\xc3(\"}}"].concat();
    assert_eq!((request.id(), &request.body), (id, &expected));
    request.ok();
    telegram.sandbox.idle().await;
}

#[tokio::test]
async fn a_healthy_receiver_gets_updates_without_delay() {
    let telegram = TestSandbox::start().await;
    let mut receiver = telegram.receiver(json!({})).await;
    let ids: Vec<UpdateId> = (0..500).map(|n| telegram.sandbox.send_text(1 + n % 50, "Ann", "a")).collect();
    let mut seen = Vec::new();
    for _ in &ids {
        let request = receiver.next().await;
        seen.push(request.id());
        request.ok();
    }
    telegram.sandbox.idle().await;
    seen.sort_unstable();
    assert_eq!(seen, ids);
}
