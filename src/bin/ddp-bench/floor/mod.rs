//! The theoretical server of the speed goals: one thread, one epoll; an event arrives over NATS on the same subject as
//! everybody's; one non-blocking write of the ready frame per listener; no other work.
//!
//! It sets sessions up just as far as the bench's clients need (nobody is asked, everything is granted), sends the same
//! frame bytes as the service, and joins the mesh so that the same generator loads it. Its cost is what the kernel takes.

mod client;
mod frame;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use mio::net::TcpListener;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use self::client::{Client, Wish};
use self::frame::Frames;
use crate::clock::{Alarm, Nanos};
use crate::mesh::{About, Abouts, Link, node_info, parts, service};
use crate::wire::json;
use crate::wire::nats::{self, Operation};
use crate::wire::script::Framing;

const NATS: Token = Token(usize::MAX);
const LISTENER: Token = Token(usize::MAX - 1);
const ALARM: Token = Token(usize::MAX - 2);

/// What the floor is told.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// Where NATS listens.
    pub(crate) nats: SocketAddr,
    /// `MOL`, or `MOL-<namespace>`.
    pub(crate) prefix: String,
    /// The node's id.
    pub(crate) node: String,
    /// It ends by itself after this.
    pub(crate) lasting: Duration,
}

/// Serves until its time is over or NATS is gone.
pub(crate) fn serve(settings: &Settings) -> io::Result<()> {
    Floor::start(settings)?.run()
}

/// All publications of user presence share this key: everybody hears everybody.
const PRESENCE: &str = "*";

struct Floor<'a> {
    settings: &'a Settings,
    poll: Poll,
    link: Link,
    listener: TcpListener,
    alarm: Alarm,
    ends: Nanos,
    clients: Vec<Option<Client>>,
    free: Vec<usize>,
    listeners: HashMap<String, Vec<usize>>,
    abouts: Abouts,
    buffer: Vec<u8>,
    frames: Frames,
}

impl<'a> Floor<'a> {
    fn start(settings: &'a Settings) -> io::Result<Self> {
        let (prefix, node) = (&settings.prefix, &settings.node);
        let subjects = [
            format!("{prefix}.DISCOVER"),
            format!("{prefix}.DISCOVER.{node}"),
            format!("{prefix}.EVENT.{node}"),
        ];
        let mut link = Link::connect(settings.nats, node, &subjects)?;
        let poll = Poll::new()?;
        link.register(poll.registry(), NATS)?;
        let mut listener = listen(settings.listen)?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        let mut alarm = Alarm::new()?;
        poll.registry().register(
            &mut SourceFd(&alarm.file().as_raw_fd()),
            ALARM,
            Interest::READABLE,
        )?;
        let ends = Nanos::now() + settings.lasting;
        alarm.set(Some(ends))?;
        let mut floor = Self {
            settings,
            poll,
            link,
            listener,
            alarm,
            ends,
            clients: Vec::new(),
            free: Vec::new(),
            listeners: HashMap::new(),
            abouts: Abouts::new(),
            buffer: vec![0; 64 << 10],
            frames: Frames::default(),
        };
        floor.introduce("INFO");
        floor.link.flush()?;
        Ok(floor)
    }

    fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                match event.token() {
                    NATS => self.mesh()?,
                    LISTENER => self.accept()?,
                    ALARM => {}
                    Token(at) => self.serve_client(at, event.is_writable()),
                }
            }
            if Nanos::now() >= self.ends {
                // The alarm is dropped with the rest.
                return self.alarm.set(None);
            }
        }
    }

    fn introduce(&mut self, subject: &str) {
        let events = [
            "watch.messages",
            "presence.status",
            "meteor.clientVersionUpdated",
        ];
        let info = node_info(
            &service("streamer", &[], &events),
            &self.settings.node,
            "bench-floor",
        );
        let subject = format!("{}.{subject}", self.settings.prefix);
        nats::publish(&mut self.link.outbox, subject.as_bytes(), info.as_bytes());
    }

    fn mesh(&mut self) -> io::Result<()> {
        while self.link.fill()? {
            let mut asked = Vec::new();
            let mut broken = Vec::new();
            while let Some(operation) = self.link.inbox.take() {
                match operation {
                    Operation::Message { subject, payload } => {
                        let kind = &subject[(self.settings.prefix.len() + 1).min(subject.len())..];
                        if kind.starts_with(b"EVENT.") {
                            let heard = Heard {
                                abouts: &self.abouts,
                                listeners: &self.listeners,
                                clients: &mut self.clients,
                                frames: &mut self.frames,
                            };
                            heard.deliver(payload, &mut broken);
                        } else if let Some(sender) = json::member(payload, "sender") {
                            asked.push(String::from_utf8_lossy(json::text(sender)).into_owned());
                        }
                    }
                    Operation::Ping => self.link.outbox.extend_from_slice(nats::PONG),
                    _ => {}
                }
            }
            for sender in asked {
                self.introduce(&format!("INFO.{sender}"));
            }
            for at in broken {
                self.drop_client(at);
            }
        }
        self.link.flush()
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // Out of files, or the client left at once: the next one may do better.
                Err(_) => return Ok(()),
            };
            let at = self.free.pop().unwrap_or(self.clients.len());
            self.poll.registry().register(
                &mut stream,
                Token(at),
                Interest::READABLE | Interest::WRITABLE,
            )?;
            // Without it a frame waits for the acknowledgement of the one before.
            let _only_slower = stream.set_nodelay(true);
            if at == self.clients.len() {
                self.clients.push(None);
            }
            self.clients[at] = Some(Client::new(stream));
        }
    }

    fn serve_client(&mut self, at: usize, writable: bool) {
        let Some(client) = self.clients.get_mut(at).and_then(Option::as_mut) else {
            return;
        };
        let mut alive = !writable || client.flush();
        alive = alive && client.read(&mut self.buffer);
        for wish in std::mem::take(&mut client.wishes) {
            let key = match wish {
                Wish::Room(room) => room,
                Wish::Presence => PRESENCE.to_owned(),
            };
            self.listeners.entry(key).or_default().push(at);
        }
        if !alive {
            self.drop_client(at);
        }
    }

    fn drop_client(&mut self, at: usize) {
        if self.clients.get_mut(at).and_then(Option::take).is_none() {
            return;
        }
        self.listeners
            .values_mut()
            .for_each(|listeners| listeners.retain(|&other| other != at));
        self.free.push(at);
    }
}

/// What an event is delivered with.
struct Heard<'a> {
    abouts: &'a Abouts,
    listeners: &'a HashMap<String, Vec<usize>>,
    clients: &'a mut Vec<Option<Client>>,
    frames: &'a mut Frames,
}

impl Heard<'_> {
    fn deliver(self, packet: &[u8], broken: &mut Vec<usize>) {
        let key = match self.abouts.of(packet) {
            Some(About::Presence) => PRESENCE,
            Some(About::Room(room)) => std::str::from_utf8(room).unwrap_or_default(),
            None => return,
        };
        let listeners = self.listeners.get(key);
        let Some(listeners) = listeners.filter(|listeners| !listeners.is_empty()) else {
            return;
        };
        // What nobody hears is not read any further.
        let Some(parts) = parts(packet) else { return };
        self.frames.build(&parts);
        for &at in listeners {
            let Some(client) = &mut self.clients[at] else {
                continue;
            };
            let frame = match client.framing {
                Framing::Raw => &self.frames.raw,
                Framing::SockJs => &self.frames.sockjs,
            };
            if !client.send(frame) {
                broken.push(at);
            }
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM.nonblocking().cloexec(),
        None,
    )?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    Ok(TcpListener::from_std(socket.into()))
}
