//! What limits of requests cost a call (`DDP_RATE_LIMIT=settings`): a user from an address that is not exempt calls a method
//! of the core, and is never refused.

use std::hint::black_box;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use ddp_streamer::client::{Client, Directory, Identity, Listed};
use ddp_streamer::internals::method_limits;

use crate::hall::{self, SESSIONS};

const METHOD: &str = "sendMessage";
/// More than are made: a thousand million a second.
const EACH: (NonZero<u32>, Duration) =
    (NonZero::new(1_000_000_000).unwrap(), Duration::from_secs(1));

/// A session of a user.
struct Caller {
    client: Arc<Client>,
    _listed: Listed,
}

impl Caller {
    fn new(directory: &Arc<Directory>, n: usize) -> Self {
        let address = format!("203.0.{}.{}", 113 + n / 250, n % 250);
        let client = hall::client_from(&format!("k3mQb7RcTnYw{n:05}"), Some(&address));
        let listed = directory.enter(&client);
        let identity = Identity {
            user: format!("aZ9kLmQw3eRt{n:05}").as_str().into(),
            hashed_token: "token".into(),
        };
        directory.identify(&client, Some(identity));
        Self {
            client,
            _listed: listed,
        }
    }
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let directory = Arc::new(Directory::default());
    let callers: Vec<_> = (0..SESSIONS).map(|n| Caller::new(&directory, n)).collect();
    let mut group = criterion.benchmark_group("limits");
    for (name, each, callers) in [
        ("off", None, &callers[..1]),
        ("on", Some(EACH), &callers[..1]),
        ("on, 10,000 sessions", Some(EACH), &callers[..]),
    ] {
        let allowed = method_limits(each);
        let mut turns = callers.iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let caller = turns.next().expect("somebody");
                assert!(allowed(black_box(METHOD), &caller.client));
            });
        });
    }
    group.finish();
}
