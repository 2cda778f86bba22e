//! Another host in the place of the known one: it learns nothing.

use std::sync::Arc;

use client_core::{ConnectionState, StopReason};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::stage::{Stage, bounded, general, live, post, state};

#[tokio::test(flavor = "multi_thread")]
async fn another_host_at_the_same_address_is_a_full_stop() {
    let stage = Stage::new();
    let server = stage.host().await;
    let address = server.local_addr();
    let (_, (_b, bob)) = stage.alice_and_bob(&server).await;
    let (pinned, room) = (server.host_id().clone(), general(&bob).await);
    server.stop().await;
    state(&bob, "the loss", |state| !state.is_live()).await;
    let waiting = bob.send(room, "only for the studio").await.unwrap();

    let other = stage.host_at("impostor", address).await;
    bob.retry_now();
    let stopped =
        state(&bob, "the full stop", |state| matches!(state, ConnectionState::Stopped { .. })).await;
    let expected = StopReason::KeyChanged { expected: pinned, found: other.host_id().clone() };
    assert_eq!(stopped, ConnectionState::Stopped { reason: expected });
    assert_eq!(other.online_count(), 0);
    assert!(bob.message(waiting).await.unwrap().unwrap().seq.is_none());
    other.stop().await;

    let server = stage.host_at("studio", address).await;
    bob.retry_now();
    live(&bob).await;
    post(&bob, room, "back home").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impostor_hears_not_one_byte_behind_its_handshake() {
    let stage = Stage::new();
    let server = stage.host().await;
    let address = server.local_addr();
    let (_, (_b, bob)) = stage.alice_and_bob(&server).await;
    server.stop().await;
    state(&bob, "the loss", |state| !state.is_live()).await;

    let (heard, mut hearing) = mpsc::channel::<Vec<u8>>(16);
    let listener = TcpListener::bind(address).await.unwrap();
    let impostor = tokio::spawn(listen(listener, heard));
    bob.retry_now();
    let stopped = state(&bob, "the full stop", |state| matches!(state, ConnectionState::Stopped { .. }));
    assert!(matches!(stopped.await, ConnectionState::Stopped { reason: StopReason::KeyChanged { .. } }));
    let bytes = bounded("the end of the impostor's connection", hearing.recv()).await.unwrap();
    assert!(bytes.is_empty(), "{} bytes were sent to an impostor", bytes.len());
    impostor.abort();
}

/// TLS with a key of its own, listening for whatever is said on it.
async fn listen(listener: TcpListener, heard: mpsc::Sender<Vec<u8>>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    while let Ok((tcp, _)) = listener.accept().await {
        let mut bytes = Vec::new();
        if let Ok(mut tls) = acceptor.accept(tcp).await {
            // Whether the end is clean or an alert does not matter here.
            let _ = tls.read_to_end(&mut bytes).await;
        }
        if heard.send(bytes).await.is_err() {
            return;
        }
    }
}
