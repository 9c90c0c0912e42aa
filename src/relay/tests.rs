//! A leg by itself, over a real connection to a server of the test: time passes where the test lets it.

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::ReadBuf;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::dial::CONNECT;
use super::{Names, Relay, RelaySeed};
use crate::client::{Buffered, Client, ClientSeed, Connection, Leg, Server};
use crate::config::{self, RelayConfig, ServerUrl};
use crate::ddp::glance::Glance;
use crate::ddp::{Close, Framing};

/// How long a server may be silent, and again once it was pinged (reference/relay.md).
const SILENCE: Duration = Duration::from_secs(30);

struct Rig {
    leg: Box<dyn Leg>,
    client: Arc<Client>,
    server: WebSocketStream<TcpStream>,
}

impl Rig {
    /// A leg that is open. From now on time stands still.
    async fn open() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let session = config::defaults().session;
        let relay = Relay::new(RelaySeed {
            config: RelayConfig {
                server: ServerUrl {
                    tls: false,
                    host: "127.0.0.1".into(),
                    port: listener.local_addr().unwrap().port(),
                    path: "/websocket".into(),
                },
                tls_ca: None,
                request_timeout: session.request_timeout,
                http: false,
            },
            session,
            grace: SILENCE,
            trusted: None,
            names: Names {
                method: |_| false,
                publication: |_| false,
            },
        });
        let client = Client::new(ClientSeed {
            id: "session".into(),
            framing: Framing::Raw,
            connection: Connection {
                instance: "instance".into(),
                address: None,
                headers: "{}".into(),
            },
            buffered: Buffered::new(1 << 20, 1 << 30),
            max_subscriptions: 10,
        });
        let mut leg = relay.leg(&client, CONNECT);
        let greeting = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut server = tokio_tungstenite::accept_async(stream).await.unwrap();
            let connect = server.next().await.unwrap().unwrap();
            assert_eq!(connect, Message::text(CONNECT));
            let connected = Message::text(r#"{"msg":"connected","session":"theirs"}"#);
            server.send(connected).await.unwrap();
            server
        };
        let (server, connected) = tokio::join!(greeting, turn(&mut *leg, &client));
        assert_eq!(connected, Ok(vec![]));
        tokio::time::pause();
        Self {
            leg,
            client,
            server,
        }
    }

    /// The leg's turn, when something has come.
    async fn turn(&mut self) -> Result<Vec<u8>, Close> {
        turn(&mut *self.leg, &self.client).await
    }

    /// Time passes until the leg wants to be called, and it is.
    async fn on_time(&mut self) {
        let at = self.leg.deadline().expect("it waits for something");
        tokio::time::advance(at - Instant::now()).await;
        self.leg.on_time();
    }

    /// The server is silent until it is pinged. Of the two pings it has read the one of DDP only.
    async fn pinged(&mut self) {
        assert!(self.turn().now_or_never().is_none());
        self.on_time().await;
        assert!(self.turn().now_or_never().is_none(), "it waits again");
        let ping = self.server.next().await.unwrap().unwrap();
        assert_eq!(ping, Message::text(r#"{"msg":"ping"}"#));
    }
}

async fn turn(leg: &mut dyn Leg, client: &Client) -> Result<Vec<u8>, Close> {
    std::future::poll_fn(|cx| {
        let mut chunk = [MaybeUninit::uninit(); 4096];
        let mut chunk = ReadBuf::uninit(&mut chunk);
        let polled = leg.poll(cx, client, &mut chunk);
        polled.map_ok(|frames| frames.to_vec())
    })
    .await
}

// contract: relay/limits/drain
#[tokio::test]
async fn a_method_is_open_until_its_updated_has_passed() {
    let mut rig = Rig::open().await;
    let method = r#"{"msg":"method","id":"1","method":"x","params":[]}"#;
    rig.leg.hear(&rig.client, method, &Glance::at(method));
    for (answer, idle, settled) in [
        (r#"{"msg":"result","id":"1","result":1}"#, false, true),
        (r#"{"msg":"updated","methods":["1"]}"#, true, true),
    ] {
        assert!(!rig.leg.is_idle());
        rig.server.send(Message::text(answer)).await.unwrap();
        let passed = rig.turn().await.unwrap();
        assert!(passed.ends_with(answer.as_bytes()));
        assert_eq!((rig.leg.is_idle(), rig.leg.is_settled()), (idle, settled));
    }
}

// contract: relay/heartbeats/silent
#[tokio::test]
async fn a_server_that_stays_silent_is_pinged_and_given_up() {
    let mut rig = Rig::open().await;
    let heard = Instant::now();
    rig.pinged().await;
    let asked = Instant::now();
    assert_eq!(
        (asked - heard).as_secs().div_ceil(10) * 10,
        SILENCE.as_secs()
    );
    rig.on_time().await;
    assert_eq!(Instant::now() - asked, SILENCE);
    assert_eq!(rig.turn().await, Err(Close::ServiceRestart));
    assert_eq!(rig.leg.deadline(), None);
}

// contract: relay/heartbeats/silent
#[tokio::test]
async fn a_server_that_answers_either_ping_is_kept() {
    let mut rig = Rig::open().await;
    for ddp in [true, false] {
        rig.pinged().await;
        if ddp {
            let pong = Message::text(r#"{"msg":"pong"}"#);
            rig.server.send(pong).await.unwrap();
        } else {
            // Its library answers what it reads.
            let ping = rig.server.next().await.unwrap().unwrap();
            assert_eq!(ping, Message::Ping("".into()));
            rig.server.flush().await.unwrap();
        }
        assert_eq!(rig.turn().await, Ok(vec![]), "the client hears nothing");
        assert_eq!(rig.leg.deadline(), Some(Instant::now() + SILENCE));
        if ddp {
            let ping = rig.server.next().await.unwrap().unwrap();
            assert_eq!(ping, Message::Ping("".into()));
            rig.server.flush().await.unwrap();
            assert_eq!(rig.turn().await, Ok(vec![]));
        }
    }
}

// contract: relay/heartbeats/slept
#[tokio::test]
async fn a_process_that_slept_asks_before_it_gives_the_server_up() {
    let mut rig = Rig::open().await;
    assert!(rig.turn().now_or_never().is_none());
    // It had not asked yet; it waited for the answer.
    for _ in 0..2 {
        tokio::time::advance(Duration::from_secs(3600)).await;
        rig.leg.on_time();
        assert!(rig.turn().now_or_never().is_none(), "it asks, and waits");
        assert_eq!(rig.leg.deadline(), Some(Instant::now() + SILENCE));
    }
    rig.on_time().await;
    assert_eq!(rig.turn().await, Err(Close::ServiceRestart));
}
