//! The outbox: what a session still has to write, bounded in bytes.
//!
//! Anybody pushes, without waiting; who holds the client's [`super::Writer`] takes: the session's task, or a flusher for
//! what was pushed for many. Bytes count from the push until they were written to the socket, so the bound holds whether
//! they wait here or in a half-written batch.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::lag::{Buffered, Lag};
use crate::ddp::{Close, Frame};

/// A session's outbox.
#[derive(Debug)]
pub struct Outbox {
    state: Mutex<State>,
    buffered: Arc<Buffered>,
}

#[derive(Debug, Default)]
struct State {
    /// The oldest frame. Mostly it is the only one, and needs no place in `rest` then.
    first: Option<Frame>,
    /// The frames behind `first`.
    rest: VecDeque<Frame>,
    /// Bytes pushed and not yet written.
    unsent: usize,
    /// There while they are not written as they come.
    lag: Option<Box<Lag>>,
    /// The session's task, when it waits.
    waker: Option<Waker>,
    /// Whether the task waits for frames too, or, being busy with a batch, for the end only.
    hungry: bool,
    /// Who writes what is pushed for many.
    way: Way,
    /// Whether a flusher was told that something waits.
    listed: bool,
    /// Once set, nothing more is accepted; the first close wins.
    close: Option<Close>,
    /// Whether others than the session asked for an end: then nothing of what the client asked for is done any more.
    sent_away: bool,
    /// Whether what was unsent was dropped: others need the room.
    given_up: bool,
    /// The client is going: nothing is accepted any more.
    sealed: bool,
    /// Whether the last frame that waits is the answer to the client's close frame.
    last: bool,
    /// How many doubt that the client may have what waits: it stays until they are gone.
    doubts: u32,
}

/// Who writes what is pushed for many.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The session's task: nobody else may.
    #[default]
    Task,
    /// A flusher: the socket took all that it was given so far.
    Flusher,
    /// The session's task, until the socket has taken all that waits.
    TaskForNow,
}

/// What became of a frame that was pushed for many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushed {
    /// Not taken: the session is closing.
    Refused,
    /// Taken, and somebody knows of it.
    Taken,
    /// Taken, and a flusher has to be told.
    Unknown,
}

/// What a flusher found in an outbox.
pub(super) enum Shared {
    /// Nothing that is its to write.
    Nothing,
    /// One frame.
    One(Frame),
    /// Frames to write are in the batch.
    Batch,
}

/// What the session found in its outbox.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// Frames to write are in the batch.
    Frames,
    /// Frames to write are in the batch, and the last of them is [`Outbox::last`]'s.
    Last,
    /// Nothing is left to write, and the session is to be closed.
    Close(Close),
}

impl Outbox {
    /// An empty outbox.
    #[must_use]
    pub fn new(buffered: Arc<Buffered>) -> Self {
        Self {
            state: Mutex::default(),
            buffered,
        }
    }

    /// Puts a frame last. Over the bound everything unsent is dropped and the session closed as too slow; a session
    /// that is closing takes nothing more. Says whether the frame was accepted.
    pub fn push(&self, frame: Frame) -> bool {
        self.push_if(frame, |_| true) != Pushed::Refused
    }

    /// Like [`Outbox::push`], but wakes nobody where a flusher may write.
    pub(super) fn push_shared(&self, frame: Frame) -> Pushed {
        self.push_if(frame, |state| state.way != Way::Flusher)
    }

    fn push_if(&self, frame: Frame, wakes: impl FnOnce(&State) -> bool) -> Pushed {
        let mut state = self.state.lock();
        if state.close.is_some() || state.sealed {
            return Pushed::Refused;
        }
        state.grow(frame.len());
        let each = self.buffered.each();
        let (pushed, waker) = if state.unsent > each || state.room() > each {
            state.overflow();
            (Pushed::Refused, state.waker.take())
        } else {
            state.put(frame);
            if wakes(&state) {
                let waker = state.hungry.then(|| state.waker.take()).flatten();
                (Pushed::Taken, waker)
            } else if std::mem::replace(&mut state.listed, true) {
                (Pushed::Taken, None)
            } else {
                (Pushed::Unknown, None)
            }
        };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        pushed
    }

    /// Whether nothing waits here and more would be taken.
    pub(super) fn is_quiet(&self) -> bool {
        let state = self.state.lock();
        state.first.is_none() && state.close.is_none() && !state.sealed && state.doubts == 0
    }

    /// Counts bytes that whoever holds the writer put into the batch past the queue. Over the bound as [`Outbox::push`];
    /// says whether it is not.
    pub(super) fn hold(&self, bytes: usize) -> bool {
        let mut state = self.state.lock();
        state.grow(bytes);
        let within = state.unsent <= self.buffered.each();
        if !within {
            state.overflow();
        }
        within
    }

    /// Counts bytes that wait for somebody else because of this session: `now` in place of `before`. Over the bound as
    /// [`Outbox::push`]; says whether it is not.
    pub fn hold_for_others(&self, before: usize, now: usize) -> bool {
        let mut state = self.state.lock();
        state.shrink(before);
        if now > 0 {
            state.lag(&self.buffered);
        }
        drop(state);
        self.hold(now)
    }

    /// Nothing is taken any more until as many [`Outbox::trust`]: what is pushed meanwhile waits, in order and counted.
    pub(super) fn doubt(&self) {
        let mut state = self.state.lock();
        state.doubts += 1;
        state.lag(&self.buffered);
    }

    /// One doubt less.
    pub(super) fn trust(&self) {
        let mut state = self.state.lock();
        state.doubts = state.doubts.saturating_sub(1);
        if state.unsent == 0 {
            state.lag = None;
        }
        drop(state);
        self.wake();
    }

    /// Whether what waits is kept back.
    #[must_use]
    pub fn is_doubted(&self) -> bool {
        self.state.lock().doubts > 0
    }

    /// Whether what the client asks for is done: nobody asked for an end, and nobody doubts.
    #[must_use]
    pub fn is_served(&self) -> bool {
        let state = self.state.lock();
        state.close.is_none() && state.doubts == 0
    }

    /// Since when bytes are unsent that the client does not read; `None` when it keeps up.
    #[must_use]
    pub fn lags_since(&self) -> Option<Instant> {
        self.state.lock().lag.as_ref()?.since()
    }

    /// Drops all that is unsent and closes the session as too slow, if it does not leave already: others need the room.
    pub fn give_up(&self) {
        self.state.lock().overflow();
        self.wake();
    }

    /// From now on a flusher may write what is pushed for many; or from now on none may.
    pub(super) fn share(&self, shared: bool) {
        self.state.lock().way = if shared { Way::Flusher } else { Way::Task };
    }

    /// Takes all that waits, if a flusher may write it: more than one frame into `batch`, which must be empty. For a
    /// flusher only.
    pub(super) fn take_shared(&self, batch: &mut VecDeque<Frame>) -> Shared {
        let mut state = self.state.lock();
        state.listed = false;
        if state.way != Way::Flusher || state.keeps_back() {
            return Shared::Nothing;
        }
        if state.rest.is_empty() {
            return state.first.take().map_or(Shared::Nothing, Shared::One);
        }
        state.take(batch);
        Shared::Batch
    }

    /// The flusher does not go on: the session's task does. For a flusher only.
    pub(super) fn hand_over(&self, blocked: bool) {
        let mut state = self.state.lock();
        state.listed = false;
        if blocked && state.way == Way::Flusher {
            state.way = Way::TaskForNow;
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Asks the session to close once what was pushed before is written; nothing that the client asked for is done after
    /// that. The first close wins.
    pub fn close(&self, close: Close) {
        let mut state = self.state.lock();
        state.end(close);
        state.sent_away = true;
        drop(state);
        self.wake();
    }

    /// The session closes by itself once what was pushed before is written. The first close wins.
    pub fn end(&self, close: Close) {
        self.state.lock().end(close);
    }

    /// The client closes: what was pushed before is written, then this frame, and nothing more is accepted.
    pub fn last(&self, frame: Frame) {
        let mut state = self.state.lock();
        if !state.sealed {
            state.drop_doubted();
            state.grow(frame.len());
            state.put(frame);
            (state.sealed, state.last) = (true, true);
        }
    }

    /// The client is gone: drops what is unsent and accepts nothing more.
    pub fn abandon(&self) {
        let mut state = self.state.lock();
        state.sealed = true;
        state.clear();
        state.waker = None;
    }

    /// Wakes the session's task if it waits, whatever for.
    pub fn wake(&self) {
        let waker = self.state.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The close that was asked for.
    #[must_use]
    pub fn closing(&self) -> Option<Close> {
        self.state.lock().close
    }

    /// Bytes pushed and not yet written.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.state.lock().unsent
    }

    /// Moves all that waits into `batch`, which must be empty; waits when there is nothing. For the session's task only.
    pub fn poll_take(&self, cx: &mut Context<'_>, batch: &mut VecDeque<Frame>) -> Poll<Taken> {
        let mut state = self.state.lock();
        if state.first.is_some() && !state.keeps_back() {
            state.take(batch);
            let last = state.last;
            return Poll::Ready(if last { Taken::Last } else { Taken::Frames });
        }
        if let Some(close) = state.close {
            return Poll::Ready(Taken::Close(close));
        }
        if state.way == Way::TaskForNow {
            state.way = Way::Flusher;
        }
        state.wait(cx, true);
        Poll::Pending
    }

    /// Waits for the end alone: what a session does while the socket does not take its batch. For the session's task only.
    pub fn poll_closing(&self, cx: &mut Context<'_>) -> Poll<Close> {
        let mut state = self.state.lock();
        if let Some(close) = state.close {
            return Poll::Ready(close);
        }
        if state.way == Way::Flusher {
            state.way = Way::TaskForNow;
        }
        state.lag(&self.buffered);
        state.wait(cx, false);
        Poll::Pending
    }

    /// Waits until others than the session ask for its end. For the session's task only.
    pub fn poll_sent_away(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.sent_away {
            return Poll::Ready(());
        }
        let hungry = state.hungry;
        state.wait(cx, hungry);
        Poll::Pending
    }

    /// Waits until all that is unsent is to be dropped: what a session that leaves does while the socket does not take its
    /// batch. For the session's task only.
    pub fn poll_given_up(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.given_up {
            return Poll::Ready(());
        }
        state.wait(cx, false);
        Poll::Pending
    }

    /// Tells that `bytes` of a batch were written, and gives its slots back when all were: a session at rest holds
    /// none. For who holds the writer.
    pub fn written(&self, bytes: usize, batch: &mut VecDeque<Frame>) {
        let mut state = self.state.lock();
        state.shrink(bytes);
        drop(state);
        if batch.is_empty() {
            *batch = VecDeque::new();
        }
    }
}

impl State {
    fn put(&mut self, frame: Frame) {
        match self.first {
            None => self.first = Some(frame),
            Some(_) => self.rest.push_back(frame),
        }
    }

    fn take(&mut self, batch: &mut VecDeque<Frame>) {
        std::mem::swap(&mut self.rest, batch);
        if let Some(first) = self.first.take() {
            batch.push_front(first);
        }
    }

    /// What frames take besides their bytes while they wait, with one more: a pong of two has a place of 32.
    fn room(&self) -> usize {
        (self.rest.len() + usize::from(self.first.is_some())) * size_of::<Frame>()
    }

    /// Over the bound: what is unsent is dropped. Who leaves already was not sent away: what it asked for before is done.
    fn overflow(&mut self) {
        self.clear();
        self.given_up = true;
        self.sent_away |= self.close.is_none() && !self.sealed;
        self.close.get_or_insert(Close::TooSlow);
    }

    fn keeps_back(&self) -> bool {
        self.doubts > 0 && self.close.is_none() && !self.last
    }

    fn end(&mut self, close: Close) {
        if self.close.is_none() {
            self.drop_doubted();
            self.close = Some(close);
        }
    }

    /// The session ends: the client never gets what it may not be meant to have.
    fn drop_doubted(&mut self) {
        if self.doubts > 0 {
            self.clear();
        }
    }

    fn clear(&mut self) {
        self.first = None;
        self.rest = VecDeque::new();
        self.lag = None;
    }

    fn grow(&mut self, bytes: usize) {
        self.unsent += bytes;
        if let Some(lag) = &mut self.lag {
            lag.grow(bytes);
        }
    }

    fn shrink(&mut self, bytes: usize) {
        self.unsent = self.unsent.saturating_sub(bytes);
        if let Some(lag) = &mut self.lag {
            lag.shrink(bytes);
            if self.unsent == 0 {
                self.lag = None;
            }
        }
    }

    /// What is unsent is not written as it comes.
    fn lag(&mut self, buffered: &Arc<Buffered>) {
        if self.lag.is_none() && self.close.is_none() {
            self.lag = Some(Lag::of(buffered, self.unsent));
        }
    }

    fn wait(&mut self, cx: &Context<'_>, hungry: bool) {
        self.hungry = hungry;
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }
}

#[cfg(test)]
mod tests;
