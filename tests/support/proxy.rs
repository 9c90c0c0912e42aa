//! A TCP proxy between two real parts: what a network does to them. It holds a direction, delays, cuts into pieces,
//! resets (at once, or in the middle of something), refuses, and leads to another server.
//!
//! What is told holds for the connections that are there and for those that come.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    ToServer,
    ToClient,
}

/// How bytes go one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Passes,
    /// Nothing moves, not even an end: the connection is half open.
    Held,
    /// Each piece is so late, and none overtakes another.
    Late(Duration),
    /// At most so many bytes at a time.
    Pieces(usize),
    /// The connection is reset after so many more bytes.
    Ends(usize),
}

#[derive(Debug, Clone, Copy)]
struct Manner {
    server: u16,
    refuses: bool,
    to_server: Flow,
    to_client: Flow,
    /// Connections that came under an earlier number are reset.
    age: usize,
}

pub struct Proxy {
    port: u16,
    manner: Arc<watch::Sender<Manner>>,
    taken: Arc<AtomicUsize>,
    // Everything of it ends with the test.
    _ends: tokio_util::sync::DropGuard,
}

impl Proxy {
    /// A proxy in front of a port.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let manner = Arc::new(watch::Sender::new(Manner {
            server,
            refuses: false,
            to_server: Flow::Passes,
            to_client: Flow::Passes,
            age: 0,
        }));
        let taken = Arc::<AtomicUsize>::default();
        let end = tokio_util::sync::CancellationToken::new();
        let (told, counter, token) = (manner.clone(), taken.clone(), end.clone());
        tokio::spawn(async move {
            let accept = async {
                loop {
                    let (client, _) = listener.accept().await.expect("accepted");
                    counter.fetch_add(1, Ordering::SeqCst);
                    let (told, token) = (told.clone(), token.clone());
                    tokio::spawn(async move {
                        token.run_until_cancelled(connection(client, &told)).await
                    });
                }
            };
            token.run_until_cancelled(accept).await
        });
        Self {
            port,
            manner,
            taken,
            _ends: end.drop_guard(),
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Itself in the place of NATS.
    pub fn nats(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Itself in the place of the database.
    pub fn mongodb(&self) -> String {
        format!("mongodb://127.0.0.1:{}/rocketchat", self.port)
    }

    /// How many connections came so far.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }

    /// Everything passes again, for those that come: what was held in between is gone with its connections.
    pub fn heal(&self) {
        self.manner.send_modify(|manner| {
            manner.refuses = false;
            manner.to_server = Flow::Passes;
            manner.to_client = Flow::Passes;
            manner.age += 1;
        });
    }

    /// One direction is held.
    pub fn hold(&self, way: Way) {
        self.flow(way, Flow::Held);
    }

    /// Both directions are late.
    pub fn delay(&self, by: Duration) {
        self.flow(Way::ToServer, Flow::Late(by));
        self.flow(Way::ToClient, Flow::Late(by));
    }

    /// Both directions come in pieces.
    pub fn pieces(&self, bytes: usize) {
        self.flow(Way::ToServer, Flow::Pieces(bytes));
        self.flow(Way::ToClient, Flow::Pieces(bytes));
    }

    /// A connection is reset after so many more bytes in this direction; later ones pass.
    pub fn reset_after(&self, way: Way, bytes: usize) {
        self.flow(way, Flow::Ends(bytes));
    }

    /// All connections are reset now.
    pub fn cut(&self) {
        self.manner.send_modify(|manner| manner.age += 1);
    }

    /// All connections are reset, and each that comes.
    pub fn refuse(&self) {
        self.manner.send_modify(|manner| {
            manner.refuses = true;
            manner.age += 1;
        });
    }

    /// Those that come from now on reach another server; those that are there are reset.
    pub fn move_to(&self, server: u16) {
        self.manner.send_modify(|manner| {
            manner.server = server;
            manner.age += 1;
        });
    }

    fn flow(&self, way: Way, flow: Flow) {
        self.manner
            .send_modify(|manner| *manner.flow_of(way) = flow);
    }
}

impl Manner {
    fn of(&self, way: Way) -> Flow {
        match way {
            Way::ToServer => self.to_server,
            Way::ToClient => self.to_client,
        }
    }

    fn flow_of(&mut self, way: Way) -> &mut Flow {
        match way {
            Way::ToServer => &mut self.to_server,
            Way::ToClient => &mut self.to_client,
        }
    }
}

/// A connection, which ends in resets unless both sides ended it themselves.
async fn connection(client: TcpStream, manner: &watch::Sender<Manner>) {
    let came = *manner.borrow();
    let reset = |stream: &TcpStream| {
        let _gone = SockRef::from(stream).set_linger(Some(Duration::ZERO));
    };
    reset(&client);
    if came.refuses {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", came.server)).await else {
        return;
    };
    reset(&server);
    for stream in [&client, &server] {
        let _late = stream.set_nodelay(true);
    }
    let (from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let ways = async {
        let there = carry(from_client, &mut to_server, Way::ToServer, manner, came.age);
        let back = carry(from_server, &mut to_client, Way::ToClient, manner, came.age);
        tokio::try_join!(there, back)
    };
    let mut watched = manner.subscribe();
    let both_ended = tokio::select! {
        ended = ways => ended.is_ok(),
        _ = watched.wait_for(|now| now.age != came.age) => false,
    };
    if both_ended {
        for half in [&to_client, &to_server] {
            let _gone = SockRef::from(half.as_ref()).set_linger(None);
        }
    }
}

/// The connection is to be reset.
struct Reset;

/// One direction to its end.
async fn carry(
    mut from: OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    way: Way,
    teller: &watch::Sender<Manner>,
    age: usize,
) -> Result<(), Reset> {
    let mut manner = teller.subscribe();
    let mut buffer = vec![0; 16 * 1024];
    let mut passed_since_told = 0;
    let mut told = Flow::Passes;
    loop {
        let now = *manner.borrow_and_update();
        if now.age != age {
            return Err(Reset);
        }
        let flow = now.of(way);
        if flow != told {
            (told, passed_since_told) = (flow, 0);
        }
        let most = match flow {
            Flow::Held => {
                manner.changed().await.map_err(|_| Reset)?;
                continue;
            }
            Flow::Pieces(bytes) => bytes,
            Flow::Ends(bytes) => bytes - passed_since_told,
            Flow::Passes | Flow::Late(_) => buffer.len(),
        };
        let most = most.min(buffer.len());
        let read = tokio::select! {
            biased;
            changed = manner.changed() => {
                changed.map_err(|_| Reset)?;
                continue;
            }
            read = from.read(&mut buffer[..most]) => read.map_err(|_| Reset)?,
        };
        if let Flow::Late(by) = flow {
            tokio::time::sleep(by).await;
        }
        // Held meanwhile: what was read waits as well.
        let held = |now: &Manner| now.age == age && now.of(way) == Flow::Held;
        let mut waits = manner.clone();
        let now = waits.wait_for(|now| !held(now)).await.map(|now| *now);
        if now.map_err(|_| Reset)?.age != age {
            return Err(Reset);
        }
        if read == 0 {
            let _gone = to.shutdown().await;
            return Ok(());
        }
        to.write_all(&buffer[..read]).await.map_err(|_| Reset)?;
        passed_since_told += read;
        if matches!(flow, Flow::Ends(bytes) if passed_since_told >= bytes) {
            teller.send_modify(|manner| *manner.flow_of(way) = Flow::Passes);
            return Err(Reset);
        }
    }
}
