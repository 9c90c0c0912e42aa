//! `start`: from a server's spawn until it takes clients, where NATS, the core and the database are there already.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use super::Round;
use super::outcome::{Outcome, ms};
use crate::clock::{Nanos, pause};
use crate::error::Error;
use crate::measure::process::Process;
use crate::output::progress;
use crate::shared::{Note, Shared};
use crate::target::Server;

/// For the core to have arrived in the mesh before the server comes.
const MOMENT: Duration = Duration::from_secs(1);
/// How often the server is looked at.
const LOOK: Duration = Duration::from_millis(1);
/// What the mesh demands: a node waits so long for others before its first call (reference/mesh.md),
const JOIN: Duration = Duration::from_millis(500);
/// and what the server may take beside it.
const OWN: Duration = Duration::from_millis(30);

pub(super) fn run(round: &Round<'_>) -> Result<Outcome, Error> {
    let shared = Arc::new(Shared::default());
    let (notes, inbox) = sync_channel(1024);
    let _core = round.mesh(&shared, &notes)?;
    moment(&inbox)?;
    progress("a server from nothing");
    let mut server = Server::spawn(round.spec, &round.spawning(0))?;
    let (mut listened, mut asked) = (None, 0);
    loop {
        if listened.is_none() && server.listens() {
            listened = Some(Nanos::now());
        }
        if listened.is_some() {
            asked += 1;
            if server.is_ready() {
                break;
            }
        }
        server.check_start("become ready")?;
        pause(LOOK);
    }
    let ready = Nanos::now() - server.began;
    let cpu = server.process.and_then(Process::cpu);
    let mut outcome = Outcome::new(round.spec.name(), round.number);
    outcome.goal("until it is ready", "ms", ms(ready), ms(JOIN + OWN));
    let listened = listened.map(|at| ms(at - server.began));
    outcome.maybe("until it listens", "ms", listened);
    outcome.maybe("server CPU until then", "ms", cpu.map(ms));
    outcome.note(format!(
        "that CPU time has {asked} answers of /readyz in it"
    ));
    Ok(outcome)
}

/// Lets the core arrive, unless it fails.
fn moment(notes: &Receiver<Note>) -> Result<(), Error> {
    match notes.recv_timeout(MOMENT) {
        Ok(Note::Failed(text)) => Err(Error::Thread(text)),
        Ok(_) | Err(RecvTimeoutError::Timeout) => Ok(()),
        Err(RecvTimeoutError::Disconnected) => Err(Error::Thread("all threads ended".into())),
    }
}
