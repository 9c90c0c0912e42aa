//! What all sessions of a run have in common.

use std::net::SocketAddr;

use crate::wire::script::{Dialect, Framing, Profile};

/// Whether a connection over TLS begins with what the last one was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resuming {
    /// With a ticket, where there is one.
    Tickets,
    /// Each with a handshake of its own.
    Never,
}

/// What all sessions of a run have in common.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The servers under test: session n belongs to the n-th of them, counted round.
    pub(crate) servers: Vec<SocketAddr>,
    /// DDP, raw or in SockJS's framing, or another.
    pub(crate) dialect: Dialect,
    /// DDP's other framing for every second group of sessions.
    pub(crate) mixed: bool,
    /// TLS, and whether connections resume the TLS sessions of those before.
    pub(crate) tls: Option<Resuming>,
    /// What sessions subscribe to.
    pub(crate) profile: Profile,
    /// Log in before subscribing.
    pub(crate) login: bool,
    /// Rooms that there are,
    pub(crate) rooms: u32,
    /// and how many of them each session opens.
    pub(crate) rooms_each: u32,
    /// Users whose changes are announced (profile `Presence`).
    pub(crate) users_changing: u32,
    /// So many will be told to stop reading, and get a small receive buffer,
    pub(crate) stalling: u32,
    /// of so many, evenly among them.
    pub(crate) sessions: u32,
    /// Bytes a second that those read instead of nothing; only what is plain is slowed down.
    pub(crate) link: Option<u32>,
    /// Sessions in set-up at the same time, in each shard.
    pub(crate) ramp: usize,
    /// Sessions that begin a second in each shard; however long each takes.
    pub(crate) ramp_rate: Option<f64>,
    /// Tries before a session gives up.
    pub(crate) tries: u16,
}

impl Settings {
    /// The server of session `n`.
    pub(super) fn server_of(&self, n: u32) -> SocketAddr {
        let none = SocketAddr::from(([127, 0, 0, 1], 0));
        self.servers
            .get(n as usize % self.servers.len().max(1))
            .copied()
            .unwrap_or(none)
    }

    /// The dialect of session `n`.
    pub(super) fn dialect_of(&self, n: u32) -> Dialect {
        // Not in step with those that stall.
        let other = self.mixed && n / 7 % 2 == 1;
        match self.dialect {
            Dialect::Ddp(Framing::Raw) if other => Dialect::Ddp(Framing::SockJs),
            Dialect::Ddp(Framing::SockJs) if other => Dialect::Ddp(Framing::Raw),
            dialect => dialect,
        }
    }

    /// Whether session `n` is one of those that stop reading.
    pub(super) fn stalls(&self, n: u32) -> bool {
        // Each of the multiples modulo the sessions comes as often as every other.
        u64::from(n) * u64::from(self.stalling) % u64::from(self.sessions.max(1))
            < u64::from(self.stalling)
    }

    /// The rooms that session `n` opens.
    pub(super) fn rooms_of(&self, n: u32) -> Vec<u32> {
        let rooms = self.rooms.max(1);
        (0..self.rooms_each.min(rooms))
            .map(|at| (n.wrapping_mul(self.rooms_each) + at) % rooms)
            .collect()
    }

    /// The keys whose events session `n` hears.
    pub(super) fn keys_of(&self, n: u32) -> Vec<u32> {
        match self.profile {
            Profile::Web => self.rooms_of(n).into_iter().take(1).collect(),
            Profile::Rooms => self.rooms_of(n),
            Profile::Presence(_) => (0..self.users_changing).collect(),
            Profile::Nothing => Vec::new(),
        }
    }

    /// How many of `sessions` sessions hear an event of each key.
    pub(crate) fn listeners(&self, sessions: u32) -> Vec<u64> {
        let keys = self.rooms.max(self.users_changing).max(1);
        let mut listeners = vec![0; keys as usize];
        for key in (0..sessions).flat_map(|n| self.keys_of(n)) {
            listeners[key as usize] += 1;
        }
        listeners
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(profile: Profile, rooms: u32, rooms_each: u32) -> Settings {
        Settings {
            servers: vec![SocketAddr::from(([127, 0, 0, 1], 1))],
            dialect: Dialect::Ddp(Framing::Raw),
            mixed: false,
            tls: None,
            profile,
            login: true,
            rooms,
            rooms_each,
            users_changing: 3,
            stalling: 0,
            sessions: 100,
            link: None,
            ramp: 1,
            ramp_rate: None,
            tries: 1,
        }
    }

    #[test]
    fn rooms_have_the_same_number_of_listeners() {
        let spread = settings(Profile::Rooms, 50, 2);
        assert_eq!(spread.listeners(100), [4; 50]);
        assert_eq!(settings(Profile::Rooms, 1, 1).listeners(100)[0], 100);
        assert_eq!(settings(Profile::Web, 2, 5).keys_of(1), [1]);
        assert_eq!(settings(Profile::Presence(9), 1, 1).keys_of(7), [0, 1, 2]);
    }

    #[test]
    fn as_many_stall_as_are_told_to() {
        for (stalling, sessions) in [(0, 100), (2, 200), (150, 200), (300, 1000), (500, 5000)] {
            let settings = Settings {
                stalling,
                sessions,
                ..settings(Profile::Rooms, 1, 1)
            };
            let stall: Vec<u32> = (0..sessions).filter(|&n| settings.stalls(n)).collect();
            assert_eq!(stall.len(), stalling as usize, "{stalling} of {sessions}");
        }
    }
}
