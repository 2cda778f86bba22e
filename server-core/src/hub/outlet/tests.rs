use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::net::tcp::OwnedReadHalf;

use super::super::frame::PING;
use super::*;
use crate::connection::sealed::{Sealed, divide};

fn frame(text: &str) -> Bytes {
    text_frame(&text)
}

/// Writes what waits, as the connection's task does.
async fn write_out(outlet: &Outlet, socket: &mut (impl AsyncWrite + Unpin)) {
    std::future::poll_fn(|cx| outlet.poll_write_out(cx, socket)).await.unwrap();
}

/// An outlet on a plain socket, its own end of it, and the peer's.
async fn plain(limit: usize) -> (Outlet, OwnedReadHalf, std::net::TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (reading, writing) = listener.accept().await.unwrap().0.into_split();
    writing.writable().await.unwrap();
    (Outlet::new(limit, Some(Way::Plain(writing))), reading, peer)
}

fn read(peer: &mut std::net::TcpStream, count: usize) -> Vec<u8> {
    peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut bytes = vec![0; count];
    peer.read_exact(&mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn what_waits_comes_out_in_order() {
    let outlet = Outlet::new(1024, None);
    outlet.push(&frame("one"));
    outlet.push(&frame("two"));
    assert_eq!(outlet.next().await, Next::Write);
    let mut written = Vec::new();
    write_out(&outlet, &mut written).await;
    assert_eq!(written, [frame("one"), frame("two")].concat());
    assert!(outlet.has_room() && outlet.waiting().bytes == 0);
}

#[tokio::test]
async fn a_full_outlet_gives_up_what_waits_and_asks_to_resync() {
    let outlet = Outlet::new(200, None);
    for _ in 0..3 {
        outlet.push(&frame(&"x".repeat(60)));
    }
    assert!(outlet.is_cut());
    assert_eq!(outlet.next().await, Next::Close(CloseCode::Resync));
}

#[tokio::test]
async fn closing_lets_the_last_words_out_and_cutting_does_not() {
    let outlet = Outlet::new(1024, None);
    outlet.push(&frame("last"));
    outlet.close(CloseCode::ComeBack);
    outlet.push(&frame("too late"));
    assert!(!outlet.is_cut());
    assert_eq!(outlet.next().await, Next::Write);
    let mut written = Vec::new();
    write_out(&outlet, &mut written).await;
    assert_eq!(written, frame("last"));
    assert_eq!(outlet.next().await, Next::Close(CloseCode::ComeBack));

    let outlet = Outlet::new(1024, None);
    outlet.push(&frame("never"));
    outlet.cut(CloseCode::SessionEnded);
    assert_eq!(outlet.next().await, Next::Close(CloseCode::SessionEnded));
    assert!(outlet.waiting().pieces.is_empty());
}

#[tokio::test]
async fn a_plain_socket_is_written_to_at_once() {
    let (outlet, _, mut peer) = plain(1024).await;
    outlet.push(&frame("now"));
    outlet.control(&PING);
    assert!(outlet.look().is_none(), "nothing is left for the task");
    let expected = [frame("now"), PING.clone()].concat();
    assert_eq!(read(&mut peer, expected.len()), expected);
}

#[tokio::test]
async fn a_full_socket_is_cut_at_the_end_of_a_frame_and_nowhere_else() {
    let (outlet, socket, mut peer) = plain(8 * 1024 * 1024).await;
    let large = frame(&"x".repeat(300_001));
    while outlet.look().is_none() {
        outlet.push(&large);
    }
    outlet.push(&frame("given up"));
    outlet.cut(CloseCode::SessionEnded);
    outlet.push(&frame("too late"));
    outlet.control(&PING);
    let reader = std::thread::spawn(move || {
        peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut all = Vec::new();
        let mut piece = [0; 65536];
        while !all.ends_with(&PING) {
            let count = peer.read(&mut piece).unwrap();
            all.extend_from_slice(&piece[..count]);
        }
        all
    });
    let mut wire = crate::connection::wire::Wire::Plain(socket);
    write_out(&outlet, &mut wire).await;
    let all = reader.join().unwrap();
    assert_eq!((all.len() - PING.len()) % large.len(), 0, "only whole frames");
    assert!(all.chunks(large.len()).all(|frame| *frame == large || *frame == *PING));
}

type Client = rustls::StreamOwned<rustls::ClientConnection, std::net::TcpStream>;

/// An outlet on an encrypted socket, its own end of it, and the peer's.
async fn sealed(limit: usize) -> (Outlet, Sealed, Client) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let shaken = std::thread::spawn(move || {
        let client =
            rustls::ClientConnection::new(Arc::new(client), "localhost".try_into().unwrap()).unwrap();
        let mut client = rustls::StreamOwned::new(client, peer);
        client.conn.complete_io(&mut client.sock).unwrap();
        client
    });
    let socket = listener.accept().await.unwrap().0;
    let stream = tokio_rustls::TlsAcceptor::from(Arc::new(server)).accept(socket).await.unwrap();
    let (sealed, seal) = divide(stream);
    (Outlet::new(limit, Some(Way::Sealed(seal))), sealed, shaken.join().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_socket_is_written_to_at_once_and_read_from() {
    let (outlet, mut sealed, mut client) = sealed(1024 * 1024).await;
    let large = frame(&"x".repeat(100_000));
    outlet.push(&frame("now"));
    outlet.push(&large);
    outlet.control(&PING);
    assert!(outlet.look().is_none(), "nothing is left for the task");
    let expected = [frame("now"), large, PING.clone()].concat();
    let mut bytes = vec![0; expected.len()];
    client.read_exact(&mut bytes).unwrap();
    assert_eq!(bytes, expected);
    let said = vec![7; 50_000];
    let mut heard = Vec::new();
    std::io::Write::write_all(&mut client, &said).unwrap();
    client.conn.send_close_notify();
    client.conn.complete_io(&mut client.sock).unwrap();
    loop {
        let mut room = [0; 4096];
        let mut buffer = tokio::io::ReadBuf::new(&mut room);
        std::future::poll_fn(|cx| sealed.poll_read(cx, &mut buffer)).await.unwrap();
        if buffer.filled().is_empty() {
            break;
        }
        heard.extend_from_slice(buffer.filled());
    }
    assert_eq!(heard, said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_encrypted_socket_is_cut_at_the_end_of_a_frame_and_nowhere_else() {
    let (outlet, sealed, mut client) = sealed(8 * 1024 * 1024).await;
    let large = frame(&"x".repeat(300_001));
    while outlet.look().is_none() {
        outlet.push(&large);
    }
    outlet.push(&frame("given up"));
    outlet.cut(CloseCode::SessionEnded);
    outlet.push(&frame("too late"));
    outlet.control(&PING);
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        let mut piece = [0; 65536];
        while !all.ends_with(&PING) {
            let count = client.read(&mut piece).unwrap();
            all.extend_from_slice(&piece[..count]);
        }
        all
    });
    let mut wire = crate::connection::wire::Wire::Tls(sealed);
    write_out(&outlet, &mut wire).await;
    let all = reader.join().unwrap();
    assert_eq!((all.len() - PING.len()) % large.len(), 0, "only whole frames");
    assert!(all.chunks(large.len()).all(|frame| *frame == large || *frame == *PING));
}
