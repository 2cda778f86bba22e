//! A bare connection to the host, for what the client itself does not yet do.

use futures_util::{SinkExt, StreamExt};
use http::header::SEC_WEBSOCKET_PROTOCOL;
use protocol::{ClientFrame, ClientName, Reply, Request, SignIn, decode_server, encode};
use server_core::Server;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::stage::bounded;

pub(crate) struct Bare {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    req: u32,
}

impl Bare {
    /// A connection signed in as the member of that name.
    pub(crate) async fn of(server: &Server, name: &str) -> Self {
        let mut request = format!("ws://{}/ws", server.local_addr()).into_client_request().unwrap();
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, "hearth.v1".parse().unwrap());
        let (socket, _) = bounded("the handshake", connect_async(request)).await.unwrap();
        let mut bare = Self { socket, req: 0 };
        let client = ClientName { name: "bare".into(), version: "0".into() };
        bare.ask(Request::Hello { nonce: "A".repeat(43), client }).await;
        let by = SignIn::Password { name: name.into(), password: format!("{name} has a password").into() };
        bare.ask(Request::SignIn { by, device: "bare".into(), session: None, code: None }).await;
        bare
    }

    pub(crate) async fn send(&mut self, request: Request) -> u32 {
        self.req += 1;
        let frame = encode(&ClientFrame { req: self.req, request });
        bounded("the sending", self.socket.send(Message::text(frame))).await.unwrap();
        self.req
    }

    /// Asks, and waits for the answer, which must be none of refusal.
    pub(crate) async fn ask(&mut self, request: Request) -> Reply {
        let req = self.send(request).await;
        loop {
            let heard = bounded("the answer", self.socket.next()).await.unwrap().unwrap();
            let Message::Text(text) = heard else { continue };
            let frame = decode_server(&text).unwrap();
            if frame.req == Some(req) {
                assert!(!matches!(frame.reply, Reply::Error(_)), "{:?}", frame.reply);
                return frame.reply;
            }
        }
    }
}
