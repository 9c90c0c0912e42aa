//! What a client of centrifugo hears: a frame holds what has come together, a line each.

use super::{Ear, Heard, Session, Stage};
use crate::wire::centrifugo::{self, Word};
use crate::wire::script::Speaker;

impl Session {
    pub(super) fn lines(&mut self, frame: &[u8], ear: &mut Ear<'_>) -> Heard {
        let mut heard = Heard::Usual;
        for line in centrifugo::lines(frame) {
            if self.marks(line, ear) {
                continue;
            }
            match self.word(Word::read(line), ear) {
                Heard::Usual => {}
                Heard::Ready => heard = Heard::Ready,
                over => return over,
            }
        }
        heard
    }

    fn word(&mut self, word: Word, ear: &mut Ear<'_>) -> Heard {
        match (word, self.stage) {
            (Word::Ping, _) => {
                Speaker::new(&mut self.outbox, self.dialect).pong();
                Heard::Usual
            }
            (Word::Granted, Stage::Greeting) => self.subscribe(ear),
            (Word::Refused, Stage::Greeting) => Heard::Refused(403),
            (Word::Granted | Word::Refused, Stage::Subscribing(left)) => {
                ear.tally.nosub += u64::from(word == Word::Refused);
                self.subscribed(left.saturating_sub(1), ear)
            }
            _ => Heard::Usual,
        }
    }
}
