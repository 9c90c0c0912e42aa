//! Writing: from the outbox to the socket.

use std::io;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use super::ending::End;
use super::task::{Phase, Session};
use crate::client::Taken;
use crate::ddp::Frame;
use crate::telemetry::metrics;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Writes once; says whether that brought anything.
    pub(super) fn write(&mut self, cx: &mut Context<'_>) -> bool {
        self.take(cx);
        match self.write_once(cx) {
            Ok(progress) => progress | self.part(cx),
            Err(_) => {
                self.read_out(cx);
                self.on_lost();
                true
            }
        }
    }

    /// Takes what waits in the outbox, if nothing is left of what was taken before, or learns of the end.
    fn take(&mut self, cx: &mut Context<'_>) {
        if self.parted || self.phase == Phase::Over {
            return;
        }
        let mut writer = self.client.writer();
        if !writer.is_empty() {
            return;
        }
        let taken = self.client.outbox().poll_take(cx, writer.batch());
        drop(writer);
        match taken {
            Poll::Pending | Poll::Ready(Taken::Frames) => {}
            Poll::Ready(Taken::Last) => self.parted = true,
            Poll::Ready(Taken::Close(close)) => {
                if self.is_open() {
                    self.leave(End::SentAway);
                }
                self.parted = true;
                self.client.writer().batch().push_back(Frame::close(close));
            }
        }
    }

    fn write_once(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let Some(socket) = &mut self.socket else {
            return Ok(false);
        };
        let mut writer = self.client.writer();
        if writer.is_idle() {
            return Ok(false);
        }
        let outbox = self.client.outbox();
        let writes = !writer.is_empty();
        if writes {
            let Poll::Ready(written) = writer.poll_write(cx, socket)? else {
                // The client does not read: all that is waited for besides is the end, and in the end that others need the room.
                if self.phase != Phase::Open {
                    let drops = outbox.poll_given_up(cx).is_ready();
                    return Ok(drops && writer.keep_half_written(self.parted));
                }
                let ended = outbox.poll_closing(cx).is_ready();
                drop(writer);
                if ended {
                    self.leave(End::SentAway);
                }
                return Ok(ended);
            };
            metrics::bytes_sent(written);
            outbox.written(written, writer.batch());
        }
        if writer.is_empty() {
            let flushed = writer.poll_flush(cx, socket)?.is_ready();
            // What was written and not flushed is progress all the same: nobody waits on the outbox before the next round.
            return Ok(writes || flushed);
        }
        Ok(true)
    }
}
