//! The one port: plain and TLS, names and origins, subprotocols.

use http::StatusCode;
use protocol::{Reply, Request};
use server_core::{Config, Server, StartError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, http::HeaderName};

use crate::support::{World, soon};

const ORIGIN: HeaderName = http::header::ORIGIN;
const HOST: HeaderName = http::header::HOST;
const SUBPROTOCOL: HeaderName = http::header::SEC_WEBSOCKET_PROTOCOL;

async fn handshake(world: &World, headers: &[(HeaderName, &str)]) -> Result<String, StatusCode> {
    let socket = TcpStream::connect(world.address()).await.unwrap();
    let mut request = format!("ws://{}/ws", world.address()).into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(name.clone(), value.parse().unwrap());
    }
    match soon(tokio_tungstenite::client_async(request, socket)).await {
        Ok((_, response)) => Ok(response.headers()[SUBPROTOCOL].to_str().unwrap().to_owned()),
        Err(tungstenite::Error::Http(response)) => Err(response.status()),
        Err(error) => panic!("no handshake: {error}"),
    }
}

#[tokio::test]
async fn a_version_in_common_is_needed_and_echoed() {
    let world = World::start().await;
    assert_eq!(handshake(&world, &[(SUBPROTOCOL, "hearth.v9, hearth.v1")]).await, Ok("hearth.v1".into()));
    assert_eq!(handshake(&world, &[(SUBPROTOCOL, "hearth.v9")]).await, Err(StatusCode::BAD_REQUEST));
    assert_eq!(handshake(&world, &[]).await, Err(StatusCode::BAD_REQUEST));
}

#[tokio::test]
async fn pages_of_other_sites_and_rebound_names_are_refused() {
    let world = World::start().await;
    let version = (SUBPROTOCOL, "hearth.v1");
    let own = format!("http://{}", world.address());
    assert!(handshake(&world, &[version.clone(), (ORIGIN, &own)]).await.is_ok());
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        assert_eq!(handshake(&world, &[version.clone(), (ORIGIN, origin)]).await, Err(StatusCode::FORBIDDEN));
    }
    let rebound = [version.clone(), (HOST, "evil.example"), (ORIGIN, "http://evil.example")];
    assert_eq!(handshake(&world, &rebound).await, Err(StatusCode::MISDIRECTED_REQUEST));
}

#[tokio::test]
async fn health_and_page_are_served_plainly_on_loopback() {
    let world = World::start().await;
    for (path, expected) in
        [("/livez", "200"), ("/readyz", "200"), ("/version", "200"), ("/assets/none.js", "404")]
    {
        let answer = get(&world, path).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{path}: {answer}");
    }
    assert!(get(&world, "/join/abc").await.contains("content-security-policy: "));
}

async fn get(world: &World, path: &str) -> String {
    let mut socket = TcpStream::connect(world.address()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", world.address());
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon(socket.read_to_string(&mut answer)).await.unwrap();
    answer
}

#[tokio::test]
async fn tls_is_spoken_on_the_same_port_by_the_hosts_own_key() {
    let world = World::start().await;
    let mut alice = Box::pin(tls::dial(&world)).await;
    let Reply::Welcome(welcome) = alice.hello().await else { panic!("no welcome") };
    assert_eq!(welcome.host.id, *world.server.host_id());
    assert_eq!(welcome.host.name, "Studio");
    assert_eq!(alice.ask(Request::Ping).await, Reply::Pong);
}

#[tokio::test]
async fn a_port_in_use_is_noticed_before_anything_is_made() {
    let world = World::start().await;
    let folder = world.dir.path().join("second");
    let error = Server::start(Config::new(&folder, world.address())).await.unwrap_err();
    assert!(matches!(error, StartError::PortInUse(_)));
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_host_in_use_and_a_wrong_key_are_told_apart() {
    let world = World::start().await;
    let folder = world.dir.path().join("host");
    assert!(server_core::is_host(&folder));
    let again = || {
        let mut config = Config::new(&folder, ([127, 0, 0, 1], 0).into());
        config.announce = false;
        config
    };
    let error = Server::start(again()).await.unwrap_err();
    assert!(matches!(error, StartError::Open(vault::OpenError::InUse(_))), "{error}");
    world.server.stop().await;
    std::fs::write(folder.join("key"), "00".repeat(32)).unwrap();
    let error = Server::start(again()).await.unwrap_err();
    assert!(matches!(error, StartError::Open(vault::OpenError::WrongKey(_))), "{error}");
}

mod tls {
    //! A client that pins the host's key as real ones do.

    use std::sync::Arc;

    use futures_util::{SinkExt, StreamExt};
    use protocol::{ClientFrame, ClientName, Reply, Request, decode_server, encode};
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;

    use crate::support::{World, soon};

    #[derive(Debug)]
    struct Pinned(Arc<CryptoProvider>);

    impl ServerCertVerifier for Pinned {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }

    pub(super) struct Client(WebSocketStream<TlsStream<TcpStream>>);

    pub(super) async fn dial(world: &World) -> Client {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned(provider)))
            .with_no_client_auth();
        let socket = TcpStream::connect(world.address()).await.unwrap();
        let name = ServerName::from(world.address().ip());
        let socket = soon(TlsConnector::from(Arc::new(config)).connect(name, socket)).await.unwrap();
        let mut request = format!("wss://{}/ws", world.address()).into_client_request().unwrap();
        request.headers_mut().insert(super::SUBPROTOCOL, "hearth.v1".parse().unwrap());
        Client(soon(Box::pin(tokio_tungstenite::client_async(request, socket))).await.unwrap().0)
    }

    impl Client {
        pub(super) async fn hello(&mut self) -> Reply {
            let client = ClientName { name: "test".into(), version: "0".into() };
            self.ask(Request::Hello { nonce: crate::support::NONCE.into(), client }).await
        }

        pub(super) async fn ask(&mut self, request: Request) -> Reply {
            soon(self.0.send(Message::text(encode(&ClientFrame { req: 1, request })))).await.unwrap();
            let Some(Ok(Message::Text(text))) = soon(self.0.next()).await else { panic!("no answer") };
            decode_server(&text).unwrap().reply
        }
    }
}
