//! Writing: from the outbox to the socket.

use std::io;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use super::task::{Phase, Session};
use crate::client::Taken;
use crate::ddp::Frame;
use crate::telemetry::metrics;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Writes once; says whether that brought anything.
    pub(super) fn write(&mut self, cx: &mut Context<'_>) -> bool {
        self.take(cx);
        match self.write_once(cx) {
            Ok(progress) => progress | self.part(),
            Err(_) => {
                self.phase = Phase::Over;
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
        if let Poll::Ready(Taken::Close(close)) = taken {
            if self.is_open() {
                self.leave();
            }
            self.say_goodbye(Frame::close(close));
        }
    }

    fn write_once(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let mut writer = self.client.writer();
        if writer.is_idle() {
            return Ok(false);
        }
        let outbox = self.client.outbox();
        if !writer.is_empty() {
            let Poll::Ready(written) = writer.poll_write(cx, &mut self.socket)? else {
                // The client does not read: all that is waited for besides is the end.
                let ended = self.is_open() && outbox.poll_closing(cx).is_ready();
                drop(writer);
                if ended {
                    self.leave();
                }
                return Ok(ended);
            };
            metrics::bytes_sent(written);
            outbox.written(written, writer.batch());
        }
        if writer.is_empty() {
            return Ok(writer.poll_flush(cx, &mut self.socket)?.is_ready());
        }
        Ok(true)
    }
}
