//! A bot on https: this service trusts public certificate authorities only, and says what to mend.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use doorbell::handler::forward::BotStatus;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};

use super::{holds, status_is};
use crate::harness::{TestAppBuilder, fetch, message};

/// A certificate for `localhost` that no authority has signed, and its key. They are used here only.
const SELF_SIGNED: &[u8] = include_bytes!("self_signed.pem");

/// A bot that speaks TLS with this certificate, or no TLS at all.
fn bot(speaks_tls: bool) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port is free");
    let addr = listener.local_addr().expect("it has an address");
    let certificates = CertificateDer::pem_slice_iter(SELF_SIGNED).map(|one| one.expect("a certificate")).collect();
    let key = PrivateKeyDer::from_pem_slice(SELF_SIGNED).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS")
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .expect("they belong together");
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            if speaks_tls {
                let mut connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
                // It ends with the alert of the client.
                let _ = Stream::new(&mut connection, &mut stream).write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            } else {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            }
        }
    });
    addr
}

/// The status of a bot on https, and what it says.
async fn trouble_with(bot: SocketAddr) -> String {
    let url = format!("https://localhost:{}/hook/CANARY", bot.port());
    let mut app = TestAppBuilder::default().with("forward.url", url).with("dispatch.attempts", 1).start().await;
    app.allow_unfinished_work = true;
    assert_eq!(app.deliver(&message(1, 7, "a")).await.status, 200);
    let status = status_is(&app, "set up wrong", |status| matches!(status, BotStatus::Misconfigured { .. })).await;
    let ready = fetch(app.addr, "/readyz").await;
    assert_eq!(ready.status, 503);
    holds(&app, 1, 0).await;
    let mut again = app.forward.as_ref().expect("there is a bot").status();
    again.mark_unchanged();
    // It takes connections, which does not mean that it is mended.
    let requests = app.forward.as_ref().expect("there is a bot").counts();
    crate::harness::waiting::until("it is tried again", async || {
        (requests.requests.of(doorbell::handler::forward::ForwardOutcome::Misconfigured).get() >= 3).then_some(())
    })
    .await;
    assert!(matches!(*again.borrow(), BotStatus::Misconfigured { .. }), "{:?}", again.borrow());
    assert!(!again.has_changed().expect("it runs"), "the status stays");
    holds(&app, 1, 0).await;
    status.sentence()
}

#[tokio::test]
async fn a_certificate_that_no_public_authority_has_signed_is_named_and_nothing_is_lost() {
    let sentence = trouble_with(bot(true)).await;
    assert!(sentence.contains("TLS") && sentence.contains("UnknownIssuer"), "{sentence}");
    assert!(sentence.contains("a certificate of a public authority for localhost"), "{sentence}");
}

#[tokio::test]
async fn an_https_address_of_a_bot_that_speaks_http_is_named() {
    let sentence = trouble_with(bot(false)).await;
    assert!(sentence.contains("TLS") && sentence.contains("an http URL"), "{sentence}");
}
