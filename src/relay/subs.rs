//! Which publications of one session may live at the server (`DDP_MAX_SUBSCRIPTIONS`).
//!
//! A client may use an id again before the server has answered what it asked of it before. A `nosub` does not say what it
//! answers, but it comes in order: as long as one may come that is of something older, it does not end the publication
//! that was asked for last. So a publication may count for longer than it lives, where a client uses ids again, but none
//! that lives goes uncounted; unless the server ended one by itself in the moment in which its client left it and asked
//! for it again.
//!
//! What is left before its answer may get two `nosub`s, a refusal and the end, or one: a publish function that is not done
//! yet says nothing any more. An unsub of what is not there is answered by Meteor, and not by this service in a mesh. So
//! what was left may wait for what never comes: where room is needed, those are forgotten of which one has come.

/// So many ids may wait for their `nosub`, or twice as many as may live.
const LEAVING: usize = 2000;

/// How many ids may wait for their `nosub` where `most` publications may live.
const fn max_leaving(most: usize) -> usize {
    if most > LEAVING / 2 {
        2 * most
    } else {
        LEAVING
    }
}

/// The ids of a session's publications, hashed: all that is ever asked is whether one is there.
#[derive(Debug, Default)]
pub(super) struct Subs(Vec<Sub>);

#[derive(Debug)]
struct Sub {
    hash: u64,
    /// Asked for, and not ended by the client since.
    live: bool,
    /// A `nosub` has come since the client left it.
    said: bool,
    /// How many `nosub`s may come that are of what was asked before.
    older: u32,
}

/// What is to become of a client's `sub`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// It is one more.
    New,
    /// A publication of its id is there: the server answers nothing, unless that one has ended meanwhile.
    Again,
    /// There are as many as may be.
    TooMany,
}

impl Subs {
    /// A publication is asked for, of which `most` may live.
    pub(super) fn ask(&mut self, hash: u64, most: usize) -> Asked {
        let (mut at, mut live) = (None, 0);
        for (place, sub) in self.0.iter().enumerate() {
            live += usize::from(sub.live);
            if sub.hash == hash {
                at = Some(place);
            }
        }
        if let Some(sub) = at.map(|at| &mut self.0[at])
            && sub.live
        {
            sub.older = sub.older.saturating_add(1);
            return Asked::Again;
        }
        if live >= most {
            return Asked::TooMany;
        }
        if let Some(at) = at {
            self.0[at].live = true;
            return Asked::New;
        }
        if self.0.len() - live >= max_leaving(most) {
            let Some(done) = self.0.iter().position(|sub| !sub.live && sub.said) else {
                return Asked::TooMany;
            };
            self.remove(done);
        }
        self.0.push(Sub {
            hash,
            live: true,
            said: false,
            older: 0,
        });
        Asked::New
    }

    /// The client wants it no more, `answered` or not. Says whether the server is to know: of one that it does not have, it
    /// is not while many wait for their `nosub`, so that those have room that it has.
    pub(super) fn leave(&mut self, hash: u64, answered: bool, most: usize) -> bool {
        let answers = if answered { 1 } else { 2 };
        if let Some(sub) = self.0.iter_mut().find(|sub| sub.hash == hash) {
            sub.live = false;
            sub.said = false;
            sub.older = sub.older.saturating_add(answers);
            return true;
        }
        let leaving = self.0.iter().filter(|sub| !sub.live).count();
        if leaving >= max_leaving(most) / 2 {
            return false;
        }
        self.0.push(Sub {
            hash,
            live: false,
            said: false,
            older: 1,
        });
        true
    }

    /// It is ready. Of one that the client left, this is the answer that might have been a `nosub`.
    pub(super) fn ready(&mut self, hash: u64) {
        let left = |sub: &Sub| sub.hash == hash && !sub.live;
        if let Some(at) = self.0.iter().position(left) {
            self.older_answered(at);
        }
    }

    /// A `nosub` came. Says whether it ended what was asked for last.
    pub(super) fn end(&mut self, hash: u64) -> bool {
        let Some(at) = self.0.iter().position(|sub| sub.hash == hash) else {
            return true;
        };
        let of_the_last = self.0[at].live && self.0[at].older == 0;
        if of_the_last {
            self.remove(at);
        } else {
            self.0[at].said = true;
            self.older_answered(at);
        }
        of_the_last
    }

    fn older_answered(&mut self, at: usize) {
        let sub = &mut self.0[at];
        sub.older = sub.older.saturating_sub(1);
        if !sub.live && sub.older == 0 {
            self.remove(at);
        }
    }

    fn remove(&mut self, at: usize) {
        self.0.swap_remove(at);
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: u64 = 7;

    // contract: relay/limits/subscriptions
    #[test]
    fn publications_are_counted_by_their_ids() {
        let mut subs = Subs::default();
        let asked: Vec<_> = [1, 2, 1, 3].map(|id| subs.ask(id, 2)).into();
        use Asked::{Again, New, TooMany};
        assert_eq!(asked, [New, New, Again, TooMany]);
        // What is on its way out makes room at once.
        assert!(subs.leave(2, true, 2));
        assert_eq!(subs.ask(3, 2), New);
        assert!(!subs.end(2) && subs.end(3));
        assert_eq!((subs.ask(3, 2), subs.ask(4, 2)), (New, TooMany));
        for id in [1, 3, 9] {
            assert!(subs.leave(id, true, 2));
            subs.end(id);
        }
        subs.end(1);
        assert_eq!((subs.0.capacity(), subs.0.len()), (0, 0));
    }

    // contract: relay/limits/subscriptions
    #[test]
    fn a_nosub_of_what_was_before_does_not_end_what_is_now() {
        let mut subs = Subs::default();
        subs.ask(ID, 1);
        subs.ready(ID);
        subs.leave(ID, true, 1);
        assert_eq!(subs.ask(ID, 1), Asked::New);
        assert!(!subs.end(ID));
        assert_eq!(subs.ask(8, 1), Asked::TooMany);
        assert!(subs.end(ID));
        assert_eq!(subs.ask(8, 1), Asked::New);
    }

    // contract: relay/limits/subscriptions
    #[test]
    fn ids_that_wait_for_their_nosub_are_bounded() {
        let (mut subs, bound) = (Subs::default(), LEAVING as u64);
        for id in 0..bound {
            assert_eq!(subs.ask(id, 1), Asked::New);
            assert!(subs.leave(id, false, 1));
        }
        // Nobody has answered any of them.
        assert_eq!(subs.ask(bound, 1), Asked::TooMany);
        assert_eq!(subs.ask(7, 1), Asked::New);
        assert!(subs.leave(7, false, 1));
        subs.end(1);
        assert_eq!(subs.ask(bound, 1), Asked::New);
        assert_eq!(subs.ask(1, 1), Asked::TooMany, "that one lives");
    }

    // contract: relay/limits/subscriptions
    #[test]
    fn a_server_that_ends_with_one_nosub_what_it_had_not_answered_is_never_too_slow() {
        for most in [1, 3 * LEAVING] {
            let mut subs = Subs::default();
            for id in 0..3 * max_leaving(most) as u64 {
                assert_eq!(subs.ask(id, most), Asked::New);
                assert!(subs.leave(id, false, most));
                assert!(!subs.end(id));
                assert!(subs.0.len() <= max_leaving(most));
            }
        }
    }

    // contract: relay/limits/subscriptions
    #[test]
    fn a_server_that_does_not_end_what_it_does_not_have_is_asked_no_more() {
        let (mut subs, bound) = (Subs::default(), LEAVING as u64);
        let passed = (0..2 * bound).filter(|id| subs.leave(*id, true, 1)).count();
        assert_eq!(passed, LEAVING / 2);
        for id in 0..5 * bound {
            assert_eq!(subs.ask(id, 1), Asked::New);
            assert!(subs.leave(id, false, 1));
            subs.end(id);
        }
        assert!(subs.0.len() <= LEAVING);
    }

    #[test]
    fn as_many_may_be_left_as_may_live() {
        let (mut subs, most) = (Subs::default(), 5000);
        for round in 0..2 {
            let ids = |n: u64| round * most as u64 + n;
            for id in (0..most as u64).map(ids) {
                assert_eq!(subs.ask(id, most), Asked::New);
            }
            for id in (0..most as u64).map(ids) {
                assert!(subs.leave(id, true, most));
            }
        }
    }

    /// What a client sends of one id, and what a server makes of it.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        /// A `sub` that is taken, unless one lives.
        Sub,
        /// One that is refused, unless one lives.
        Refused,
        Unsub,
        /// The server ends it by itself, when nothing else is on its way.
        Ended,
        /// An answer arrives.
        Arrives,
    }

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Answer {
        Ready,
        Nosub,
    }

    proptest! {
        // contract: relay/limits/subscriptions
        #[test]
        fn none_that_lives_goes_uncounted(
            steps in proptest::collection::vec(
                prop::sample::select(vec![Step::Sub, Step::Refused, Step::Unsub, Step::Ended, Step::Arrives]), 0..40,
            ),
            // What it had not answered when its end was asked for, it only ends.
            once: bool,
            // It does not answer the end of what it does not have.
            silent: bool,
        ) {
            let mut subs = Subs::default();
            let (mut lives, mut open, mut answers) = (false, false, std::collections::VecDeque::new());
            // Of what was asked for last no answer has arrived.
            let mut asked = false;
            let arrive = |subs: &mut Subs, open: &mut bool, answer| match answer {
                Answer::Ready => {
                    subs.ready(ID);
                    *open = false;
                }
                Answer::Nosub => {
                    if subs.end(ID) {
                        *open = false;
                    }
                }
            };
            for step in steps {
                match step {
                    Step::Sub | Step::Refused => {
                        let taken = subs.ask(ID, 1);
                        prop_assert_ne!(&taken, &Asked::TooMany);
                        open |= taken == Asked::New;
                        match (lives, step) {
                            (true, _) => {}
                            (false, Step::Sub) => {
                                lives = true;
                                asked = true;
                                answers.push_back(Answer::Ready);
                            }
                            _ => {
                                asked = true;
                                answers.push_back(Answer::Nosub);
                            }
                        }
                    }
                    Step::Unsub => {
                        subs.leave(ID, !std::mem::take(&mut open), 1);
                        let unanswered = std::mem::take(&mut asked) && !answers.is_empty();
                        if once && unanswered {
                            answers.pop_back();
                        }
                        if !silent || lives || unanswered {
                            answers.push_back(Answer::Nosub);
                        }
                        lives = false;
                    }
                    Step::Ended if lives && answers.is_empty() => {
                        lives = false;
                        arrive(&mut subs, &mut open, Answer::Nosub);
                    }
                    Step::Ended => {}
                    Step::Arrives => {
                        if let Some(answer) = answers.pop_front() {
                            arrive(&mut subs, &mut open, answer);
                        }
                    }
                }
                let counted = subs.0.iter().any(|sub| sub.live);
                prop_assert!(counted || !lives, "{subs:?}");
                prop_assert!(subs.0.len() <= 1);
            }
            while let Some(answer) = answers.pop_front() {
                arrive(&mut subs, &mut open, answer);
            }
            let counted = subs.0.iter().any(|sub| sub.live);
            prop_assert!(counted || !lives, "{subs:?}");
            // Whatever is left of it is in nobody's way.
            prop_assert!(counted || subs.ask(8, 1) == Asked::New);
        }
    }
}
