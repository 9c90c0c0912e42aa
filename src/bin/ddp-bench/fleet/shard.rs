//! One shard: its sockets, its epoll, its loop.

mod ready;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::time::Duration;

use mio::{Events, Interest, Poll, Token, Waker};

use super::connect;
use super::order::Order;
use super::seat::Seat;
use super::session::{Ear, Heard, Stage, Verdict};
use super::settings::{Resuming, Settings};
use super::stream::{Stream, Tls};
use crate::clock::Nanos;
use crate::measure::tally::Tally;
use crate::shared::{Note, Shared};
use crate::wire::marker::Markers;

const WAKER: Token = Token(usize::MAX);
/// What one read takes at most.
const READ: usize = 256 << 10;
/// Marks after which the others are told, within one turn too: the mesh may wait for them.
const TELL: u64 = 64;
/// Before the first retry; doubled up to [`LONGEST_PAUSE`], with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What the epoll says of a socket.
#[derive(Debug, Clone, Copy)]
struct Ring {
    writable: bool,
    readable: bool,
    /// The server writes no more: behind the bytes that are there is the end.
    ended: bool,
}

/// See the module.
pub(super) struct Shard {
    settings: Settings,
    poll: Poll,
    waker: Arc<Waker>,
    seats: Vec<Seat>,
    shared: Arc<Shared>,
    notes: SyncSender<Note>,
    tally: Tally,
    /// When the present lap began.
    since: Nanos,
    markers: Markers,
    run: u16,
    /// Seats that want to connect and wait for their place.
    waiting: VecDeque<usize>,
    /// When the next of them may begin, where that is paced.
    next_start: Nanos,
    /// When those on a slow link read next, while there are some.
    next_sip: Option<Nanos>,
    tls: Option<Tls>,
    /// Seats that try again at their time.
    pausing: BinaryHeap<Reverse<(Nanos, usize)>>,
    /// Seats that open their room at their time, and what must come of it.
    visits: VecDeque<(Nanos, usize, Verdict)>,
    in_set_up: usize,
    /// Sessions that are neither ready nor given up; `None` when nobody asked.
    unsettled: Option<usize>,
    /// In a storm a session wants to connect from the moment it was dropped, else when its turn comes.
    storm: bool,
    calling: bool,
    buffer: Vec<u8>,
}

impl Shard {
    pub(super) fn new(
        settings: Settings,
        numbers: Vec<u32>,
        shared: Arc<Shared>,
        notes: SyncSender<Note>,
    ) -> std::io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let seat = |number| Seat::new(number, &settings);
        let tls = settings
            .tls
            .map(|resuming| Tls::new(numbers.len(), resuming == Resuming::Tickets))
            .transpose()?;
        Ok(Self {
            poll,
            waker,
            seats: numbers.into_iter().map(seat).collect(),
            next_start: Nanos::default(),
            next_sip: None,
            tls,
            settings,
            shared,
            notes,
            tally: Tally::new(),
            since: Nanos::now(),
            markers: Markers::new(),
            run: 0,
            waiting: VecDeque::new(),
            pausing: BinaryHeap::new(),
            visits: VecDeque::new(),
            in_set_up: 0,
            unsettled: None,
            storm: false,
            calling: false,
            buffer: vec![0; READ],
        })
    }

    pub(super) fn waker(&self) -> Arc<Waker> {
        self.waker.clone()
    }

    pub(super) fn serve(mut self, orders: &Receiver<Order>) {
        if let Err(error) = self.turn(orders) {
            self.note(Note::Failed(format!("a shard of clients: {error}")));
        }
    }

    fn turn(&mut self, orders: &Receiver<Order>) -> std::io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            self.connect_waiting();
            self.visit_due();
            self.sip();
            match self.poll.poll(&mut events, self.pause()) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            let mut delivered = 0;
            for event in &events {
                if event.token() != WAKER {
                    let ring = Ring {
                        writable: event.is_writable(),
                        readable: event.is_readable(),
                        ended: event.is_read_closed(),
                    };
                    delivered += self.touch(event.token().0, ring);
                }
                if delivered >= TELL {
                    self.shared.deliver(std::mem::take(&mut delivered));
                }
            }
            self.shared.deliver(delivered);
            loop {
                match orders.try_recv() {
                    Ok(Order::Quit) | Err(TryRecvError::Disconnected) => return Ok(()),
                    Ok(order) => self.obey(order),
                    Err(TryRecvError::Empty) => break,
                }
            }
        }
    }

    fn pause(&self) -> Option<Duration> {
        let retry = self.pausing.peek().map(|Reverse((due, _))| *due);
        let visit = self.visits.front().map(|&(due, ..)| due);
        let start = (!self.waiting.is_empty() && self.in_set_up < self.settings.ramp)
            .then_some(self.next_start);
        let next = [retry, visit, start, self.next_sip]
            .into_iter()
            .flatten()
            .min()?;
        Some(next.since(Nanos::now()))
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Open => self.open(false),
            Order::Storm => {
                self.close();
                self.open(true);
            }
            Order::Begin(run) => {
                self.run = run;
                self.seats
                    .iter_mut()
                    .for_each(|seat| seat.session.restart());
                self.lap();
            }
            Order::Lap => {
                self.tally.unanswered = self.unanswered();
                self.lap();
            }
            Order::Finish(sent) => {
                self.finish(&sent);
                self.lap();
            }
            Order::Stall(stall) => self.stall(stall),
            Order::Visit {
                within,
                lost,
                later,
            } => self.plan_visits(within, lost, later),
            Order::Call(calls) => self.call(calls),
            Order::Missing => self.missing(),
            Order::Close => self.close(),
            Order::Quit => {}
        }
    }

    fn note(&self, note: Note) {
        // Nobody listens when the conductor is gone.
        let _gone = self.notes.send(note);
    }

    fn lap(&mut self) {
        let tally = std::mem::replace(&mut self.tally, Tally::new());
        self.since = Nanos::now();
        self.note(Note::Lap(Box::new(tally)));
    }

    fn unanswered(&self) -> u64 {
        let ready = |seat: &&Seat| !self.calling && seat.session.stage == Stage::Ready;
        let seats = self.seats.iter().filter(ready);
        seats.map(|seat| seat.session.unanswered()).sum()
    }

    fn missing(&self) {
        let mut missing = BTreeMap::<_, Vec<u32>>::new();
        for session in self.seats.iter().map(|seat| &seat.session) {
            if let Some(wanted) = session.wants() {
                missing.entry(wanted).or_default().push(session.number);
            }
        }
        self.note(Note::Missing(missing));
    }

    fn finish(&mut self, sent: &[u32]) {
        for seat in &self.seats {
            if seat.session.stage != Stage::Ready {
                continue;
            }
            self.tally.faults.lost += seat.session.lost_unnamed();
            for (key, sequence) in seat.session.lost(sent) {
                self.tally.faults.lost += 1;
                let number = seat.session.number;
                self.tally
                    .faults
                    .name(|| format!("lost: session {number}, key {key}, event {sequence}"));
            }
        }
    }

    fn open(&mut self, storm: bool) {
        self.storm = storm;
        let now = Nanos::now();
        let mut unsettled = 0;
        for (at, seat) in self.seats.iter_mut().enumerate() {
            if seat.session.stage == Stage::Ready {
                continue;
            }
            seat.session.wanted = now;
            seat.tries = 0;
            self.waiting.push_back(at);
            unsettled += 1;
        }
        self.unsettled = Some(unsettled);
        self.settle(0);
    }

    fn close(&mut self) {
        self.waiting.clear();
        self.pausing.clear();
        self.in_set_up = 0;
        self.unsettled = None;
        for seat in &mut self.seats {
            seat.leave();
            seat.in_set_up = false;
        }
    }

    /// `count` more sessions are ready or have given up.
    fn settle(&mut self, count: usize) {
        let Some(left) = &mut self.unsettled else {
            return;
        };
        *left = left.saturating_sub(count);
        if *left == 0 {
            self.unsettled = None;
            let ready = self
                .seats
                .iter()
                .filter(|seat| seat.session.stage == Stage::Ready)
                .count() as u64;
            self.note(Note::Settled { ready });
        }
    }

    fn connect_waiting(&mut self) {
        let now = Nanos::now();
        while self
            .pausing
            .peek()
            .is_some_and(|Reverse((due, _))| *due <= now)
        {
            if let Some(Reverse((_, at))) = self.pausing.pop() {
                self.waiting.push_back(at);
            }
        }
        if let Some(rate) = self.settings.ramp_rate {
            return self.connect_paced(now, Duration::from_secs_f64(1.0 / rate));
        }
        while self.in_set_up < self.settings.ramp && self.connect_next(now) {}
    }

    /// Those whose turn has come, a step after the other; what is late begins at once.
    fn connect_paced(&mut self, now: Nanos, step: Duration) {
        if self.in_set_up == 0 && self.next_start + step < now {
            self.next_start = now;
        }
        while self.in_set_up < self.settings.ramp
            && self.next_start <= now
            && self.connect_next(self.next_start)
        {
            self.next_start = self.next_start + step;
        }
    }

    /// Begins the connection of the next that waits, which wanted it at `due`; `false` when none does.
    fn connect_next(&mut self, due: Nanos) -> bool {
        let Some(at) = self.waiting.pop_front() else {
            return false;
        };
        self.in_set_up += 1;
        self.seats[at].in_set_up = true;
        if !self.storm && self.seats[at].tries == 0 {
            self.seats[at].session.wanted = due;
        }
        if self.connect(at).is_err() {
            self.again(at, 0);
        }
        true
    }

    fn connect(&mut self, at: usize) -> std::io::Result<()> {
        let number = self.seats[at].session.number;
        let server = self.settings.server_of(number);
        let small = self.settings.stalls(number);
        let mut stream = connect::connect(server, small)?;
        self.poll.registry().register(
            &mut stream,
            Token(at),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        let seat = &mut self.seats[at];
        seat.leftover.clear();
        seat.stream = Some(match &self.tls {
            Some(tls) => tls.over(stream, number)?,
            None => Stream::Plain(stream),
        });
        seat.session.opened(&self.settings);
        Ok(())
    }

    /// The socket can be read or written; returns how many marks came.
    fn touch(&mut self, at: usize, ring: Ring) -> u64 {
        self.hear(at, |seat, buffer, ear| {
            let mut heard = Heard::Usual;
            if ring.writable && seat.has_words() {
                heard = seat.flush();
            }
            if ring.readable && heard == Heard::Usual && !seat.stalled {
                heard = seat.read(buffer, ear, ring.ended);
            }
            heard
        })
    }

    /// Lets a seat read, and does what that leads to; returns how many marks came.
    fn hear(
        &mut self,
        at: usize,
        read: impl FnOnce(&mut Seat, &mut [u8], &mut Ear<'_>) -> Heard,
    ) -> u64 {
        let mut ear = Ear {
            settings: &self.settings,
            tally: &mut self.tally,
            markers: &self.markers,
            run: self.run,
            since: self.since,
            delivered: 0,
            calling: self.calling,
            visited: 0,
            now: Nanos::default(),
        };
        let heard = read(&mut self.seats[at], &mut self.buffer, &mut ear);
        let (delivered, visited) = (ear.delivered, ear.visited);
        if visited > 0 {
            self.settle(visited);
        }
        match heard {
            Heard::Usual => {}
            Heard::Ready => {
                self.leave_set_up(at);
                self.settle(1);
            }
            Heard::Refused(status) => self.again(at, status),
            Heard::Closed(code) => self.gone(at, code),
        }
        delivered
    }

    fn leave_set_up(&mut self, at: usize) {
        if std::mem::take(&mut self.seats[at].in_set_up) {
            self.in_set_up = self.in_set_up.saturating_sub(1);
        }
    }

    /// The connection ended: a ready session stays away, one in set-up tries again.
    fn gone(&mut self, at: usize, code: u16) {
        let seat = &mut self.seats[at];
        if seat.session.stage != Stage::Ready {
            return self.again(at, 0);
        }
        let closes = if seat.session.was_stalled {
            &mut self.tally.stalled_closes
        } else {
            &mut self.tally.closes
        };
        *closes.entry(code).or_default() += 1;
        seat.leave();
    }

    /// A set-up failed.
    fn again(&mut self, at: usize, status: u16) {
        *self.tally.refusals.entry(status).or_default() += 1;
        self.leave_set_up(at);
        let seat = &mut self.seats[at];
        seat.leave();
        seat.tries += 1;
        if seat.tries >= self.settings.tries {
            self.tally.given_up += 1;
            return self.settle(1);
        }
        let pause = FIRST_PAUSE
            .saturating_mul(1 << seat.tries.min(10))
            .min(LONGEST_PAUSE);
        // Half to one and a half of it, another for each session and try.
        let jitter = 0.5
            + f64::from(
                seat.session
                    .number
                    .wrapping_mul(2_654_435_761)
                    .rotate_left(u32::from(seat.tries))
                    >> 8,
            ) / f64::from(1 << 24);
        self.pausing
            .push(Reverse((Nanos::now() + pause.mul_f64(jitter), at)));
    }
}
