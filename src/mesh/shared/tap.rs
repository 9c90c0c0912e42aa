//! Listening along: subscriptions without a queue group on a connection that is made again whenever it is lost.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Message, Subscriber};
use futures_util::StreamExt;
use futures_util::stream::{SelectAll, select_all};
use tokio::time::{Instant, interval, sleep, timeout};

use super::life;
use super::stats::Stats;
use super::transport::{Down, nats_client};
use crate::mesh::nats_target::NatsTarget;
use crate::mesh::node_id::NodeId;
use crate::mesh::overheard::ListenError;

/// Between looks at what was lost and refused.
const TURN: Duration = Duration::from_secs(1);
/// The server answers within a round trip. Where this user may not publish even to himself, nothing comes back.
const SETTLED: Duration = Duration::from_secs(2);

/// What a tap brings.
pub(crate) enum Tapped {
    Listening,
    Message(Message),
    Lost(u64),
    Away(String),
    Turn,
}

/// Brings everything on these subjects until `take` has had enough.
pub(crate) async fn listen(
    target: &NatsTarget,
    own: &NodeId,
    subjects: &[String],
    take: &mut impl FnMut(Tapped) -> ControlFlow<()>,
) -> Result<(), ListenError> {
    let stats = Arc::new(Stats::new());
    let (mut attempt, mut failures, mut heard_once, mut lost) = (0, 0_u32, false, 0);
    loop {
        let made = connect(target, own, subjects, attempt, &stats).await;
        attempt += 1;
        match made {
            Ok(mut tap) => {
                (failures, heard_once) = (0, true);
                match tap.run(&stats, &mut lost, take).await {
                    Ended::Enough => return Ok(()),
                    Ended::Refused(why) => return Err(ListenError::Refused(why)),
                    Ended::Broke(why) => {
                        if take(Tapped::Away(why)).is_break() {
                            return Ok(());
                        }
                    }
                }
            }
            // The first time every server is asked once: whoever waits for a connection wants to know.
            Err(why) if !heard_once && attempt >= target.names().len() => {
                return Err(ListenError::Unreached(why));
            }
            Err(_) => failures += 1,
        }
        if take(Tapped::Turn).is_break() {
            return Ok(());
        }
        sleep(life::pause(failures)).await;
    }
}

enum Ended {
    Enough,
    Refused(String),
    Broke(String),
}

struct Tap {
    client: Client,
    down: Down,
    heard: SelectAll<Subscriber>,
}

async fn connect(
    target: &NatsTarget,
    own: &NodeId,
    subjects: &[String],
    attempt: usize,
    stats: &Arc<Stats>,
) -> Result<Tap, String> {
    let made = nats_client(target, own, attempt, stats, true).await;
    let (client, down) = made.map_err(|error| error.to_string())?;
    let mut heard = Vec::new();
    for subject in subjects {
        let subscriber = client.subscribe(subject.clone()).await;
        heard.push(subscriber.map_err(|error| error.to_string())?);
    }
    Ok(Tap {
        client,
        down,
        heard: select_all(heard),
    })
}

impl Tap {
    async fn run(
        &mut self,
        stats: &Stats,
        lost: &mut u64,
        take: &mut impl FnMut(Tapped) -> ControlFlow<()>,
    ) -> Ended {
        settle(&self.client).await;
        if let Some(why) = stats.refused() {
            return Ended::Refused(why);
        }
        if take(Tapped::Listening).is_break() {
            return Ended::Enough;
        }
        let mut turns = interval(TURN);
        loop {
            let tapped = tokio::select! {
                message = self.heard.next() => match message {
                    Some(message) => Tapped::Message(message),
                    None => return Ended::Broke(self.down.wait().await),
                },
                why = self.down.wait() => return Ended::Broke(why),
                _ = turns.tick() => {
                    if let Some(why) = stats.refused() {
                        return Ended::Refused(why);
                    }
                    let now = stats.snapshot().packets_lost_at_nats;
                    let more = now - std::mem::replace(lost, now);
                    if more > 0 && take(Tapped::Lost(more)).is_break() {
                        return Ended::Enough;
                    }
                    Tapped::Turn
                }
            };
            if take(tapped).is_break() {
                return Ended::Enough;
            }
        }
    }
}

/// Waits until the server has read the subscriptions, told by a message to a subject of our own that comes back behind them.
async fn settle(client: &Client) {
    let echo = async {
        let inbox = client.new_inbox();
        let mut back = client.subscribe(inbox.clone()).await.ok()?;
        client.publish(inbox, "".into()).await.ok()?;
        back.next().await
    };
    let began = Instant::now();
    if !matches!(timeout(SETTLED, echo).await, Ok(Some(_))) {
        // Refused or frozen: by now the subscriptions were read, or the connection will be found dead.
        sleep(SETTLED.saturating_sub(began.elapsed())).await;
    }
}
