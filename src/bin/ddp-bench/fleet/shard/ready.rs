//! What sessions that are ready are told to do: stop reading, open a room, call.

use std::time::Duration;

use super::{Ring, Shard};
use crate::clock::Nanos;
use crate::fleet::seat::later;
use crate::fleet::session::{Heard, Stage, Verdict};
use crate::wire::script::Lost;

/// So often a slow link brings something.
const SIP: Duration = Duration::from_millis(50);

impl Shard {
    pub(super) fn stall(&mut self, stall: bool) {
        let mut resumed = Vec::new();
        for (at, seat) in self.seats.iter_mut().enumerate() {
            let stalls = stall && self.settings.stalls(seat.session.number);
            if seat.stalled && !stalls {
                resumed.push(at);
            }
            seat.stalled = stalls;
            seat.session.was_stalled |= stalls;
        }
        // What came meanwhile will ring no bell again, be it the end.
        let ring = Ring {
            writable: false,
            readable: true,
            ended: true,
        };
        let delivered: u64 = resumed.into_iter().map(|at| self.touch(at, ring)).sum();
        self.shared.deliver(delivered);
        self.next_sip = (stall && self.settings.link.is_some()).then(Nanos::now);
    }

    /// Those on a slow link read what it has brought meanwhile.
    pub(super) fn sip(&mut self) {
        let now = Nanos::now();
        let Some((due, link)) = self.next_sip.zip(self.settings.link) else {
            return;
        };
        if due > now {
            return;
        }
        self.next_sip = Some(if due + SIP > now {
            due + SIP
        } else {
            now + SIP
        });
        let most = ((f64::from(link) * SIP.as_secs_f64()) as usize).max(1);
        let slow: Vec<usize> = (0..self.seats.len())
            .filter(|&at| self.seats[at].stalled)
            .collect();
        let mut delivered = 0;
        for at in slow {
            delivered += self.hear(at, |seat, buffer, ear| {
                let most = most.min(buffer.len());
                match seat.read_once(&mut buffer[..most], ear) {
                    Ok((_, heard)) => heard,
                    Err(error) if later(&error) => Heard::Usual,
                    Err(_) => Heard::Closed(0),
                }
            });
        }
        self.shared.deliver(delivered);
    }

    pub(super) fn plan_visits(&mut self, within: Duration, lost: Lost, later: Option<Duration>) {
        let now = Nanos::now();
        let ready: Vec<usize> = (0..self.seats.len())
            .filter(|&at| self.seats[at].session.stage == Stage::Ready)
            .collect();
        let step = within / u32::try_from(ready.len().max(1)).unwrap_or(u32::MAX);
        let (all_lost, later) = match later {
            Some(later) => (
                Lost {
                    neighbours: true,
                    ..lost
                },
                now + later,
            ),
            None => (lost, Nanos::default()),
        };
        self.visits.clear();
        for (&at, place) in ready.iter().zip(0..) {
            let session = &mut self.seats[at].session;
            let due = now + step * place;
            let verdict = match (lost.has(session.number), all_lost.has(session.number)) {
                (true, _) => Verdict::Refused,
                (false, true) if due >= later => Verdict::Refused,
                (false, true) => Verdict::Either,
                (false, false) => Verdict::Granted,
            };
            session.hears_room(&self.settings, !all_lost.has(session.number));
            self.visits.push_back((due, at, verdict));
        }
        self.unsettled = Some(ready.len());
        self.settle(0);
    }

    pub(super) fn visit_due(&mut self) {
        let now = Nanos::now();
        while let Some(&(due, at, verdict)) = self.visits.front().filter(|&&(due, ..)| due <= now) {
            self.visits.pop_front();
            let seat = &mut self.seats[at];
            seat.session.visit(&self.settings, due, verdict);
            if let Heard::Closed(code) = seat.flush() {
                self.gone(at, code);
            }
        }
    }

    pub(super) fn call(&mut self, calls: u32) {
        self.calling = calls > 0;
        let now = Nanos::now();
        let ready: Vec<usize> = (0..self.seats.len())
            .filter(|&at| self.seats[at].session.stage == Stage::Ready)
            .collect();
        for &at in ready
            .iter()
            .cycle()
            .take(if ready.is_empty() { 0 } else { calls as usize })
        {
            self.seats[at].session.call(now);
        }
        for at in ready {
            if let Heard::Closed(code) = self.seats[at].flush() {
                self.gone(at, code);
            }
        }
    }
}
