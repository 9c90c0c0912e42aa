//! The node's loop: packets in, answers and events out.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use std::os::fd::AsRawFd;

use super::answers::{self, Request};
use super::api::Api;
use super::event::{self, Template};
use super::link::{Link, refused};
use super::pacer::{Pacer, Turns};
use super::registry::Registry;
use super::{Order, Plan, Settings, Topic};
use crate::clock::{Alarm, Nanos};
use crate::shared::{Note, Shared};
use crate::wire::json;
use crate::wire::marker::Marker;
use crate::wire::nats::{self, Operation};
use crate::wire::script::Lost;

const NATS: Token = Token(0);
const ALARM: Token = Token(1);
const WAKER: Token = Token(2);
const API: Token = Token(3);

const HEARTBEAT: Duration = Duration::from_secs(10);

/// The node and what it is doing.
pub(super) struct Node<'a> {
    desk: Desk<'a>,
    poll: Poll,
    link: Link,
    api: Option<Api>,
    alarm: Alarm,
    load: Option<Load>,
    next_heartbeat: Nanos,
    notes: &'a SyncSender<Note>,
}

/// What packets are handled with.
struct Desk<'a> {
    settings: Settings,
    shared: &'a Shared,
    registry: Registry,
    /// Answers that wait for the core's delay to pass, ready to be sent.
    delayed: VecDeque<(Nanos, Vec<u8>)>,
    scratch: Vec<u8>,
    instance: String,
    joined: bool,
    /// Which users have lost their access.
    lost: Lost,
}

struct Load {
    plan: Plan,
    pacer: Pacer,
    turns: Turns,
    template: Template,
    sent: Vec<u32>,
    number: u64,
    ends: Nanos,
}

impl<'a> Node<'a> {
    pub(super) fn join(
        settings: Settings,
        shared: &'a Shared,
        notes: &'a SyncSender<Note>,
    ) -> io::Result<Self> {
        let (prefix, node) = (&settings.prefix, &settings.node);
        let mut subjects: Vec<String> = ["DISCOVER", "INFO", "HEARTBEAT", "DISCONNECT", "PING"]
            .map(|name| format!("{prefix}.{name}"))
            .into();
        subjects.extend(
            ["DISCOVER", "INFO", "PING", "PONG", "REQ", "RES", "EVENT"]
                .map(|name| format!("{prefix}.{name}.{node}")),
        );
        let mut link = Link::connect(settings.nats, node, &subjects)?;
        let poll = Poll::new()?;
        link.register(poll.registry(), NATS)?;
        let alarm = Alarm::new()?;
        poll.registry().register(
            &mut SourceFd(&alarm.file().as_raw_fd()),
            ALARM,
            Interest::READABLE,
        )?;
        shared.set_waker(Waker::new(poll.registry(), WAKER)?);
        let mut node = Self {
            desk: Desk {
                instance: uuid::Uuid::new_v4().to_string(),
                settings,
                shared,
                registry: Registry::default(),
                delayed: VecDeque::new(),
                scratch: Vec::new(),
                joined: false,
                lost: Lost::default(),
            },
            poll,
            link,
            api: None,
            alarm,
            load: None,
            next_heartbeat: Nanos::now() + HEARTBEAT,
            notes,
        };
        node.desk.say(&mut node.link.outbox, "DISCOVER", "");
        let info = answers::info(&node.desk.settings.node, &node.desk.instance);
        node.desk
            .publish(&mut node.link.outbox, "INFO", info.as_bytes());
        Ok(node)
    }

    pub(super) fn run(mut self, orders: &Receiver<Order>) -> io::Result<()> {
        let mut events = Events::with_capacity(16);
        loop {
            self.work()?;
            self.alarm.set(self.next_due())?;
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            // Sockets are edge-triggered: everything is read whenever anything woke us.
            while self.link.fill()? {
                self.hear()?;
            }
            if let Some(api) = &mut self.api {
                api.hear()?;
            }
            while let Ok(order) = orders.try_recv() {
                match order {
                    Order::Start(plan) => self.begin(plan)?,
                    Order::Revoke { lost, users } => {
                        self.desk.revoke(lost, users, &mut self.link.outbox)
                    }
                    Order::Quit => return self.leave(),
                }
            }
        }
    }

    fn hear(&mut self) -> io::Result<()> {
        while let Some(operation) = self.link.inbox.take() {
            match operation {
                Operation::Message { subject, payload } => {
                    self.desk.packet(subject, payload, &mut self.link.outbox)
                }
                Operation::Ping => self.link.outbox.extend_from_slice(nats::PONG),
                Operation::Error(text) => return Err(refused(text)),
                Operation::Pong | Operation::Other => {}
            }
        }
        if std::mem::take(&mut self.desk.joined) {
            // Nobody listens when the conductor is gone.
            let _gone = self.notes.send(Note::Joined);
        }
        Ok(())
    }

    /// Everything that is due.
    fn work(&mut self) -> io::Result<()> {
        let now = Nanos::now();
        while self
            .desk
            .delayed
            .front()
            .is_some_and(|&(due, _)| due <= now)
        {
            if let Some((_, answer)) = self.desk.delayed.pop_front() {
                self.link.outbox.extend_from_slice(&answer);
            }
        }
        if self.next_heartbeat <= now {
            self.next_heartbeat = now + HEARTBEAT;
            self.desk
                .say(&mut self.link.outbox, "HEARTBEAT", r#""cpu":1,"#);
        }
        self.emit(now);
        if let Some(api) = &mut self.api {
            api.flush()?;
        }
        self.link.flush()
    }

    fn emit(&mut self, now: Nanos) {
        let Some(load) = &mut self.load else { return };
        let over = now >= load.ends;
        while !over && load.plan.events.is_none_or(|most| load.number < most) {
            self.desk.shared.wake_at(load.pacer.opens_at());
            let Some(due) = load.pacer.due(now, self.desk.shared.delivered()) else {
                return;
            };
            let event = load.next(due, self.desk.shared);
            match &mut self.api {
                Some(api) => api.request(event),
                None => self.desk.broadcast(event, &mut self.link.outbox),
            }
        }
        if self.api.as_ref().is_none_or(Api::is_done) {
            self.end();
        }
    }

    fn next_due(&self) -> Option<Nanos> {
        let load = self.load.as_ref();
        let answer = self.desk.delayed.front().map(|&(due, _)| due);
        let event = load.and_then(|load| load.pacer.next());
        let end = load.map(|load| load.ends);
        [answer, event, end, Some(self.next_heartbeat)]
            .into_iter()
            .flatten()
            .min()
    }

    fn begin(&mut self, plan: Plan) -> io::Result<()> {
        let template = match plan.api {
            Some(address) => {
                self.api = Some(Api::connect(address, self.poll.registry(), API)?);
                Template::request(plan.topic, plan.bytes, address)
            }
            None => Template::packet(plan.topic, plan.bytes, &self.desk.settings.node),
        };
        let now = Nanos::now();
        let keys = match plan.topic {
            Topic::Rooms(count) | Topic::Users(count) => count.max(1),
        };
        let turns = Turns::of(keys);
        self.load = Some(Load {
            pacer: Pacer::new(plan.pace, turns, &plan.listeners, now),
            turns,
            template,
            sent: vec![0; keys as usize],
            number: 0,
            ends: now + plan.lasting,
            plan,
        });
        Ok(())
    }

    /// Closes the connection to the API as well: the server would, when it is not used.
    fn end(&mut self) {
        self.api = None;
        if let Some(load) = self.load.take() {
            // Nobody listens when the conductor is gone.
            let _gone = self.notes.send(Note::Sent(load.sent));
        }
    }

    /// The last words are few: they go out at once or not at all.
    fn leave(mut self) -> io::Result<()> {
        let info = answers::farewell(&self.desk.settings.node, &self.desk.instance);
        self.desk
            .publish(&mut self.link.outbox, "INFO", info.as_bytes());
        self.desk.say(&mut self.link.outbox, "DISCONNECT", "");
        self.link.flush()
    }
}

impl Load {
    /// The event that was due at `due`, which counts as published.
    fn next(&mut self, due: Nanos, shared: &Shared) -> &[u8] {
        let key = self.turns.key(self.number);
        let sequence = &mut self.sent[key as usize];
        let mark = Marker {
            run: self.plan.run,
            key,
            sequence: *sequence,
            at: due,
        };
        let event = self.template.fill(self.number, mark);
        *sequence += 1;
        self.number += 1;
        self.pacer.sent();
        shared.published.fetch_add(1, Ordering::Relaxed);
        event
    }
}

impl Desk<'_> {
    fn publish(&self, out: &mut Vec<u8>, subject: &str, payload: &[u8]) {
        nats::publish(
            out,
            format!("{}.{subject}", self.settings.prefix).as_bytes(),
            payload,
        );
    }

    /// An event packet to each streamer.
    fn broadcast(&self, packet: &[u8], out: &mut Vec<u8>) {
        for node in self.registry.streamers() {
            let subject = [self.settings.prefix.as_bytes(), b".EVENT.", node].concat();
            nats::publish(out, &subject, packet);
        }
    }

    /// A packet of nothing but `fields` (each with its comma), version and sender.
    fn say(&self, out: &mut Vec<u8>, subject: &str, fields: &str) {
        let packet = format!(r#"{{{fields}"ver":"4","sender":"{}"}}"#, self.settings.node);
        self.publish(out, subject, packet.as_bytes());
    }

    fn packet(&mut self, subject: &[u8], payload: &[u8], out: &mut Vec<u8>) {
        let Some(kind) = subject.get(self.settings.prefix.len() + 1..) else {
            return;
        };
        if kind.starts_with(b"REQ.") {
            return self.request(payload, out);
        }
        if kind.starts_with(b"EVENT.") {
            self.shared.heard.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let sender = json::member(payload, "sender")
            .map(json::text)
            .unwrap_or_default();
        if sender.is_empty() || sender == self.settings.node.as_bytes() {
            return;
        }
        let of_sender = |name: &str| format!("{name}.{}", String::from_utf8_lossy(sender));
        if kind.starts_with(b"DISCOVER") {
            let info = answers::info(&self.settings.node, &self.instance);
            self.publish(out, &of_sender("INFO"), info.as_bytes());
        } else if kind.starts_with(b"INFO") {
            self.joined |= self.registry.info(sender, payload);
        } else if kind.starts_with(b"HEARTBEAT") && !self.registry.knows(sender) {
            self.say(out, &of_sender("DISCOVER"), "");
        } else if kind.starts_with(b"DISCONNECT") {
            self.registry.forget(sender);
        } else if kind.starts_with(b"PING") {
            self.pong(payload, &of_sender("PONG"), out);
        }
    }

    fn pong(&self, ping: &[u8], subject: &str, out: &mut Vec<u8>) {
        let field = |name| {
            String::from_utf8_lossy(json::member(ping, name).unwrap_or(b"null")).into_owned()
        };
        let (time, id) = (field("time"), field("id"));
        self.say(
            out,
            subject,
            &format!(r#""time":{time},"id":{id},"arrived":{time},"#),
        );
    }

    /// From now on those users are refused; each of them is announced.
    fn revoke(&mut self, lost: Lost, users: u32, out: &mut Vec<u8>) {
        let before = std::mem::replace(&mut self.lost, lost);
        for n in (0..users).filter(|&n| lost.has(n) && !before.has(n)) {
            self.broadcast(event::removed(n, &self.settings.node).as_bytes(), out);
        }
    }

    fn request(&mut self, packet: &[u8], out: &mut Vec<u8>) {
        let request = Request::read(packet);
        self.shared.requests.fetch_add(1, Ordering::Relaxed);
        if request.action == b"accounts.login" {
            self.shared.logins.fetch_add(1, Ordering::Relaxed);
        }
        if request.action.starts_with(b"authorization.can") {
            self.shared.access.fetch_add(1, Ordering::Relaxed);
        }
        self.scratch.clear();
        if !answers::write(&mut self.scratch, &request, &self.settings.node, self.lost) {
            self.shared.unknown.fetch_add(1, Ordering::Relaxed);
        }
        let subject = [self.settings.prefix.as_bytes(), b".RES.", request.sender].concat();
        if self.settings.delay.is_zero() {
            nats::publish(out, &subject, &self.scratch);
            return;
        }
        let mut answer = Vec::with_capacity(self.scratch.len() + subject.len() + 16);
        nats::publish(&mut answer, &subject, &self.scratch);
        self.delayed
            .push_back((Nanos::now() + self.settings.delay, answer));
    }
}
