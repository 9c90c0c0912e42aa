//! What could not be asked is asked again, less and less often.

use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use tokio::time::{Duration, sleep};

/// The first pause before what failed is asked again; it doubles up to [`LAST_PAUSE`].
pub(in crate::streams) const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
pub(in crate::streams) const LAST_PAUSE: Duration = Duration::from_secs(60);

/// Does this for all, so many at a time. Those that it gives back go round again, after 1, 2, 4 … 60 s.
pub async fn until_done<T, F>(all: Vec<T>, at_once: usize, each: impl Fn(T) -> F)
where
    F: Future<Output = Option<T>>,
{
    let (mut left, mut pause) = (all, FIRST_PAUSE);
    loop {
        let failed = Mutex::new(Vec::new());
        stream::iter(left)
            .for_each_concurrent(at_once, async |one| {
                let again = each(one).await;
                failed.lock().extend(again);
            })
            .await;
        left = failed.into_inner();
        if left.is_empty() {
            return;
        }
        sleep(pause).await;
        pause = LAST_PAUSE.min(2 * pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn what_fails_goes_round_less_and_less_often() {
        let (began, tried) = (Instant::now(), Mutex::new(Vec::new()));
        until_done(vec![0, 7], 1, |left| {
            tried.lock().push((left, began.elapsed().as_secs()));
            std::future::ready((left > 0).then(|| left - 1))
        })
        .await;
        let times: Vec<_> = tried.into_inner();
        assert_eq!(
            times,
            [
                (0, 0),
                (7, 0),
                (6, 1),
                (5, 3),
                (4, 7),
                (3, 15),
                (2, 31),
                (1, 63),
                (0, 123)
            ]
        );
    }
}
