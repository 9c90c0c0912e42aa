//! Playing: the events of a file, each at its time.

use std::io::Write;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::args::{Onto, Replay, Speed};
use super::error::ReplayError;
use super::read::{Contents, Lines, One, contents};
use super::stage::Stage;
use crate::config::MeshSettings;
use crate::ejson::quoted;
use crate::sandbox::Target;

/// Plays a recording until its end, or until `stop` is ready. What whoever started it should know is written to `say`.
///
/// # Errors
/// The file is not sound, it may not be played there, or not all of it was taken.
pub async fn replay(
    asked: &Replay,
    settings: impl FnOnce() -> Result<MeshSettings, ReplayError>,
    stop: impl Future<Output = ()>,
    say: &mut impl Write,
) -> Result<(), ReplayError> {
    let contents = contents(&asked.file)?;
    let mut tell = |line: String| {
        // Whoever reads this may have gone.
        let _ = writeln!(say, "{line}");
    };
    described(&contents).into_iter().for_each(&mut tell);
    let stage = match &asked.onto {
        Onto::Nothing => return Ok(()),
        Onto::Sandbox(address) => Stage::Sandbox(Target::Sandbox(address.clone())),
        Onto::Mesh { whoever_is_there } => Stage::mesh(&settings()?, *whoever_is_there).await?,
    };
    let mut account = Account::default();
    let began = Instant::now();
    let ended = tokio::select! {
        ended = play(asked, &stage, &mut account) => ended,
        () = stop => {
            tell("stopped".to_owned());
            Ok(())
        }
    };
    let took = began.elapsed();
    let lost = stage.leave().await;
    tell(format!(
        "{} events played in {:.1} s, {} left out",
        account.played,
        took.as_secs_f64(),
        account.left_out
    ));
    ended?;
    match lost {
        0 => Ok(()),
        lost => Err(ReplayError::Lost(lost)),
    }
}

#[derive(Default)]
struct Account {
    played: u64,
    left_out: u64,
}

async fn play(asked: &Replay, stage: &Stage, account: &mut Account) -> Result<(), ReplayError> {
    let began = Instant::now();
    let mut lines = Lines::open(&asked.file)?;
    while let Some(line) = lines.next()? {
        let One::Event(event) = line else { continue };
        if let Speed::Times(times) = asked.speed {
            let at = Duration::from_millis(event.at).div_f64(times);
            sleep_until(began + at).await;
        }
        let renamed = renamed(event.data, &asked.names);
        match stage.play(&event.name, event.broadcast, &renamed).await? {
            true => account.played += 1,
            false => account.left_out += 1,
        }
        // Without pauses a stop must be seen as well.
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Ids called otherwise, also where they are a part of an event's name. Ids of a recording have nothing in them that JSON escapes.
fn renamed(data: &str, names: &[(String, String)]) -> String {
    let mut data = data.to_owned();
    for (from, to) in names {
        let to = quoted(to);
        let to = to.trim_matches('"');
        for (before, behind) in [("\"", "\""), ("\"", "/"), ("/", "\"")] {
            data = data.replace(
                &format!("{before}{from}{behind}"),
                &format!("{before}{to}{behind}"),
            );
        }
    }
    data
}

/// What is in the file, for people.
fn described(contents: &Contents) -> Vec<String> {
    let total: u64 = contents.events.values().sum();
    let mut told = vec![format!(
        "{total} events in {:.1} s",
        contents.lasts as f64 / 1000.0
    )];
    told.extend(
        contents
            .events
            .iter()
            .map(|(name, count)| format!("  {count:>7}  {name}")),
    );
    let others = contents.others.iter().filter(|(kind, _)| *kind != "end");
    let others: Vec<_> = others
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    if !others.is_empty() {
        told.push(format!("not played: {}", others.join(", ")));
    }
    if !contents.is_ended {
        told.push(
            "it has no last line: whoever recorded it was killed, or the file is cut off"
                .to_owned(),
        );
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_called_otherwise_where_they_stand_whole() {
        let names = [("abc", "GENERAL"), ("xy", "alice-id")]
            .map(|(from, to)| (from.to_owned(), to.to_owned()));
        let data = r#"[{"rid":"abc","u":"xy","msg":"abcabc"},"abc/typing","p/xy"]"#;
        let expected =
            r#"[{"rid":"GENERAL","u":"alice-id","msg":"abcabc"},"GENERAL/typing","p/alice-id"]"#;
        assert_eq!(renamed(data, &names), expected);
    }
}
