//! What is pushed, taken, dropped.

use super::*;
use crate::ddp::Framing;
use std::sync::atomic::{AtomicUsize, Ordering};

fn frame(len: usize) -> Frame {
    Frame::message(Framing::Raw, "x".repeat(len - 2).as_bytes())
}

fn take(outbox: &Outbox, batch: &mut VecDeque<Frame>) -> Poll<Taken> {
    outbox.poll_take(&mut Context::from_waker(Waker::noop()), batch)
}

#[test]
fn bytes_count_until_they_are_written() {
    let (outbox, mut batch) = (Outbox::new(Buffered::new(100, 1 << 30)), VecDeque::new());
    assert!(outbox.push(frame(60)));
    assert_eq!(take(&outbox, &mut batch), Poll::Ready(Taken::Frames));
    assert!(outbox.push(frame(40)));
    batch.clear();
    outbox.written(60, &mut batch);
    assert_eq!(outbox.unsent(), 40);
    assert!(outbox.push(frame(60)));
    assert!(!outbox.push(frame(10)), "over the bound");
    assert_eq!(
        take(&outbox, &mut batch),
        Poll::Ready(Taken::Close(Close::TooSlow)),
        "what was unsent is dropped"
    );
    assert!(!outbox.push(frame(10)), "nothing after a close");
}

#[test]
fn small_frames_are_bounded_by_the_room_that_they_take() {
    let outbox = Outbox::new(Buffered::new(10 * size_of::<Frame>(), 1 << 30));
    let taken = (0..100).take_while(|_| outbox.push(frame(2))).count();
    assert_eq!((taken, outbox.closing()), (11, Some(Close::TooSlow)));
}

#[test]
fn what_was_pushed_before_a_close_is_written_first() {
    let (outbox, mut batch) = (Outbox::new(Buffered::new(100, 1 << 30)), VecDeque::new());
    assert!(outbox.push(frame(10)));
    outbox.close(Close::ProtocolError);
    outbox.close(Close::GoingAway);
    assert!(!outbox.push(frame(10)));
    assert_eq!(take(&outbox, &mut batch), Poll::Ready(Taken::Frames));
    batch.clear();
    outbox.written(10, &mut batch);
    assert_eq!(
        take(&outbox, &mut batch),
        Poll::Ready(Taken::Close(Close::ProtocolError))
    );
}

#[test]
fn the_answer_to_a_close_is_the_last_word() {
    let (outbox, mut batch) = (Outbox::new(Buffered::new(100, 1 << 30)), VecDeque::new());
    assert!(outbox.push(frame(10)));
    outbox.last(frame(20));
    outbox.last(frame(30));
    assert!(!outbox.push(frame(10)));
    assert_eq!(take(&outbox, &mut batch), Poll::Ready(Taken::Last));
    assert_eq!(batch, [frame(10), frame(20)]);
    batch.clear();
    assert!(take(&outbox, &mut batch).is_pending());
}

#[test]
fn an_end_of_the_sessions_own_sends_nobody_away() {
    let cx = &mut Context::from_waker(Waker::noop());
    let outbox = Outbox::new(Buffered::new(100, 1 << 30));
    outbox.end(Close::UnsupportedData);
    assert!(outbox.poll_sent_away(cx).is_pending());
    outbox.close(Close::ThrownOut);
    assert!(outbox.poll_sent_away(cx).is_ready());
    assert_eq!(outbox.closing(), Some(Close::UnsupportedData));
    let outbox = Outbox::new(Buffered::new(10, 1 << 30));
    assert!(!outbox.push(frame(100)));
    assert!(outbox.poll_sent_away(cx).is_ready());
}

// contract: ddp/thrown-out/held
#[test]
fn what_is_doubted_waits_in_order_or_goes() {
    let (outbox, mut batch) = (Outbox::new(Buffered::new(100, 1 << 30)), VecDeque::new());
    outbox.share(true);
    assert!(outbox.push(frame(10)));
    outbox.doubt();
    outbox.doubt();
    assert!(outbox.push(frame(20)));
    assert_eq!(outbox.push_shared(frame(30)), Pushed::Unknown);
    assert!(matches!(outbox.take_shared(&mut batch), Shared::Nothing));
    outbox.trust();
    assert!(take(&outbox, &mut batch).is_pending() && !outbox.is_quiet());
    assert_eq!(outbox.unsent(), 60);
    assert!(outbox.lags_since().is_some());
    outbox.trust();
    assert_eq!(take(&outbox, &mut batch), Poll::Ready(Taken::Frames));
    assert_eq!(batch, [frame(10), frame(20), frame(30)]);
    batch.clear();
    outbox.written(60, &mut batch);
    assert_eq!(outbox.lags_since(), None);
    outbox.doubt();
    outbox.trust();
    assert!(outbox.lags_since().is_none() && outbox.state.lock().lag.is_none());
    // It ends, by whomever.
    for end in [
        |outbox: &Outbox| outbox.close(Close::ThrownOut),
        |outbox: &Outbox| outbox.last(frame(5)),
        |outbox: &Outbox| assert!(!outbox.push(frame(90)), "over the bound"),
    ] {
        let outbox = Outbox::new(Buffered::new(100, 1 << 30));
        outbox.doubt();
        assert!(outbox.push(frame(20)));
        end(&outbox);
        outbox.trust();
        let taken = take(&outbox, &mut batch);
        assert!(matches!(taken, Poll::Ready(Taken::Close(_) | Taken::Last)));
        assert!(batch.is_empty() || batch == [frame(5)], "{batch:?}");
        batch.clear();
    }
}

#[derive(Default)]
struct Count(AtomicUsize);

impl std::task::Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_session_busy_with_a_batch_is_woken_by_its_end_only() {
    for end in [
        |outbox: &Outbox| outbox.close(Close::ThrownOut),
        |outbox: &Outbox| assert!(!outbox.push(frame(1000)), "over the bound"),
        Outbox::wake,
    ] {
        let (outbox, count) = (
            Outbox::new(Buffered::new(1000, 1 << 30)),
            Arc::new(Count::default()),
        );
        let waker = Waker::from(count.clone());
        let closing = outbox.poll_closing(&mut Context::from_waker(&waker));
        assert!(closing.is_pending());
        assert!(outbox.push(frame(10)) && outbox.push(frame(10)));
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        end(&outbox);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn an_abandoned_outbox_keeps_nothing() {
    let (outbox, mut batch) = (Outbox::new(Buffered::new(100, 1 << 30)), VecDeque::new());
    assert!(outbox.push(frame(10)));
    outbox.abandon();
    assert!(!outbox.push(frame(10)));
    assert!(take(&outbox, &mut batch).is_pending());
    outbox.close(Close::GoingAway);
    assert_eq!(
        take(&outbox, &mut batch),
        Poll::Ready(Taken::Close(Close::GoingAway))
    );
}

#[test]
fn a_push_wakes_the_session_once() {
    let (outbox, mut batch, count) = (
        Outbox::new(Buffered::new(1000, 1 << 30)),
        VecDeque::new(),
        Arc::new(Count::default()),
    );
    let waker = Waker::from(count.clone());
    assert!(
        outbox
            .poll_take(&mut Context::from_waker(&waker), &mut batch)
            .is_pending()
    );
    assert!(outbox.push(frame(10)) && outbox.push(frame(10)));
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
}

#[test]
fn a_session_at_rest_holds_no_slots() {
    let (outbox, mut batch) = (
        Outbox::new(Buffered::new(100_000, 1 << 30)),
        VecDeque::new(),
    );
    for _ in 0..1000 {
        outbox.push(frame(10));
    }
    assert_eq!(take(&outbox, &mut batch), Poll::Ready(Taken::Frames));
    batch.clear();
    outbox.written(10_000, &mut batch);
    assert_eq!(
        (batch.capacity(), outbox.state.lock().rest.capacity()),
        (0, 0)
    );
}
