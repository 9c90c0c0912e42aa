//! A NATS server that speaks rubbish: to a node that just came, and in the middle of a conversation. The node tries again
//! for ever (reference/mesh.md, Joining, 6), and its clients get their events once the server is itself again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::language::{Input, bytes, inputs};
use super::witness::Witness;
use crate::support::{Workspace, eventually, http};

/// The node may not hold more than this besides what it held before.
const MOST_MEMORY: u64 = 64 << 20;

/// Stands before a real server.
struct Between {
    port: u16,
    /// How many connections came.
    came: Arc<AtomicUsize>,
    /// What whoever comes is told, in place of the server.
    greeting: Arc<Mutex<Option<Vec<u8>>>>,
    /// To whoever came last, what is said in the server's name.
    last: Arc<Mutex<Option<Says>>>,
}

type Says = mpsc::UnboundedSender<Vec<u8>>;

impl Between {
    async fn stand_before(server: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let between = Self {
            port: listener.local_addr().expect("an address").port(),
            came: Arc::default(),
            greeting: Arc::default(),
            last: Arc::default(),
        };
        let server = server.trim_start_matches("nats://").to_owned();
        let (came, greeting) = (between.came.clone(), between.greeting.clone());
        let last = between.last.clone();
        tokio::spawn(async move {
            loop {
                let (mut node, _) = listener.accept().await.expect("accepted");
                let greeting = greeting.lock().expect("a greeting").clone();
                if let Some(greeting) = greeting {
                    let _gone = node.write_all(&greeting).await;
                    let _gone = node.shutdown().await;
                } else {
                    let server = TcpStream::connect(&server).await.expect("NATS");
                    let (says, said) = mpsc::unbounded_channel();
                    *last.lock().expect("the last") = Some(says);
                    tokio::spawn(pass(node, server, said));
                }
                came.fetch_add(1, Ordering::SeqCst);
            }
        });
        between
    }

    fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }

    /// Says something in the server's name.
    fn say(&self, bytes: Vec<u8>) {
        let last = self.last.lock().expect("the last").clone();
        last.expect("somebody came").send(bytes).expect("is there");
    }

    /// Whoever comes from now on is told this, or meets the server.
    fn greet_with(&self, greeting: Option<Vec<u8>>) {
        *self.greeting.lock().expect("a greeting") = greeting;
    }
}

/// Passes bytes both ways until one side ends; what is to be said goes to the node in between.
async fn pass(node: TcpStream, server: TcpStream, mut said: mpsc::UnboundedReceiver<Vec<u8>>) {
    let (mut from_node, mut to_node) = node.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let upwards = async { tokio::io::copy(&mut from_node, &mut to_server).await };
    let downwards = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let bytes = tokio::select! {
                biased;
                read = from_server.read(&mut buffer) => match read {
                    Ok(read @ 1..) => buffer[..read].to_vec(),
                    _ => return,
                },
                Some(said) = said.recv() => said,
            };
            if to_node.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = upwards => {}
        () = downwards => {}
    }
}

async fn play(input: &Input, between: &Between, workspace: &Workspace, witness: &Witness) {
    let name = &*input.name;
    let before = between.came();
    between.say(bytes(&input.send));
    match input.expect[0].as_str() {
        Some("again") => {
            eventually(name, || async { (between.came() > before).then_some(()) }).await;
            workspace.service.ready().await;
            witness.hears_after(workspace, name).await;
        }
        Some("goes on") => {
            witness.hears_after(workspace, name).await;
            assert_eq!(between.came(), before, "{name}: it came again");
        }
        _ => panic!("{name}: {:?}", input.expect),
    }
}

// contract: mesh/outage/reconnect
#[tokio::test]
async fn a_nats_server_that_speaks_rubbish_is_left_and_tried_again() {
    let nats = crate::support::nats::Nats::start().await;
    let between = Between::stand_before(&nats.url()).await;
    let workspace = Workspace::with()
        .nats(nats)
        .env("TRANSPORTER", &format!("nats://127.0.0.1:{}", between.port))
        .start()
        .await;
    let witness = Witness::of(&workspace).await;
    let held = workspace.service.memory();
    for input in inputs("nats") {
        play(&input, &between, &workspace, &witness).await;
    }
    greeted_otherwise(&between, &workspace).await;
    workspace.service.ready().await;
    witness.hears_after(&workspace, "all of it").await;
    let holds = workspace.service.memory();
    assert!(holds < held + MOST_MEMORY, "{held} became {holds}");
    for level in ["error", "fatal"] {
        let lines = workspace.service.logged(level);
        assert_eq!(lines, Vec::<Value>::new());
    }
    let panicked = workspace.service.process.tail();
    assert!(panicked.is_empty(), "{panicked}");
    witness.heard_no_more().await;
}

/// Whoever comes is told each of these, comes again, and stays alive meanwhile.
async fn greeted_otherwise(between: &Between, workspace: &Workspace) {
    for (at, input) in inputs("nats-greeting").iter().enumerate() {
        let name = &*input.name;
        assert_eq!(input.expect, ["again"], "{name}");
        between.greet_with(Some(bytes(&input.send)));
        if at == 0 {
            // The conversation that stands ends.
            between.say(b"HOSTILE\r\n".to_vec());
        }
        let before = between.came();
        eventually(name, || async {
            (between.came() >= before + 2).then_some(())
        })
        .await;
        let alive = http::get(workspace.service.port, "/livez").await;
        assert_eq!(alive.expect("an answer").status, 200, "{name}");
        let ready = http::get(workspace.service.port, "/readyz").await;
        assert_eq!(ready.expect("an answer").status, 503, "{name}");
    }
    between.greet_with(None);
    let before = between.came();
    eventually("it comes", || async {
        (between.came() > before).then_some(())
    })
    .await;
}
