//! What a leg still does when its session is over.

use std::mem::MaybeUninit;
use std::sync::Arc;

use tokio::io::ReadBuf;

use super::dial::{NORMAL, hang_up};
use super::leg::RelayLeg;
use crate::client::{Client, Parting};

/// How much is read at once for a client that has left.
const CHUNK: usize = 8 * 1024;

/// Says goodbye to the server. What the client said before it left is brought there first, and its calls are answered:
/// a server that sees its client gone drops those that it has not begun.
pub(super) async fn part(mut leg: Box<RelayLeg>, client: Arc<Client>, parting: Parting) {
    if parting == Parting::Finish && !leg.is_settled() {
        let patience = leg.patience();
        let settled = std::future::poll_fn(|cx| {
            let mut chunk = [MaybeUninit::uninit(); CHUNK];
            leg.poll_settled(cx, &client, &mut ReadBuf::uninit(&mut chunk))
        });
        // What is not answered by then is given up.
        let _in_time = tokio::time::timeout(patience, settled).await;
    }
    if let Some(stream) = leg.into_stream() {
        hang_up(stream, NORMAL).await;
    }
}
