//! Once, and in order: a redelivered update has one effect.

use crate::harness::{TestApp, message};

#[tokio::test]
async fn an_update_that_is_delivered_five_times_has_one_reply() {
    let app = TestApp::spawn().await;
    for _ in 0..5 {
        assert_eq!(app.deliver(&message(1, 7, "/start")).await.status, 200);
    }
    app.drain().await;
    assert_eq!(app.replies(7).len(), 1);
}

#[tokio::test]
async fn fifty_concurrent_copies_get_200_and_one_reply() {
    let app = TestApp::spawn().await;
    let update = message(1, 7, "/start");
    let answers = futures_util::future::join_all((0..50).map(|_| app.deliver(&update))).await;
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body.is_empty()));
    app.drain().await;
    assert_eq!(app.replies(7).len(), 1);
}
