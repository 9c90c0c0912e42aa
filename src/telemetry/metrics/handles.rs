//! Every handle, made once at start.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram};
use parking_lot::Mutex;

use super::family::{Family, Maker};
use super::labels::{
    self, Connect, Dropped, Incoming, LogSink, Loss, Outgoing, Panicked, Refusal, SpanFate,
    StatusClass, Transport,
};
use super::table;

/// What is there from its first use on: a deployment without it must not look as if it were away.
pub(super) type IfUsed<T> = LazyLock<T, Box<dyn FnOnce() -> T + Send>>;

fn if_used<T>(make: impl FnOnce() -> T + Send + 'static) -> IfUsed<T> {
    LazyLock::new(Box::new(make))
}

/// All that can be counted.
pub(super) struct Handles {
    pub(super) users_connected: Gauge,
    pub(super) users_logged: IfUsed<Gauge>,
    pub(super) transports: Vec<OfTransport>,
    pub(super) refused: Vec<Counter>,
    pub(super) accept_errors: Counter,
    pub(super) closed: Family<Counter>,
    pub(super) slow_consumers: Counter,
    pub(super) received: Vec<Counter>,
    pub(super) sent: Vec<Counter>,
    pub(super) received_bytes: Counter,
    pub(super) sent_bytes: Counter,
    pub(super) queue_bytes: Gauge,
    pub(super) topics: Gauge,
    pub(super) tasks: Gauge,
    pub(super) requests_refused: Counter,
    pub(super) relay_up: IfUsed<Gauge>,
    pub(super) relay_connects: Vec<Counter>,
    pub(super) relay_lost: Counter,
    pub(super) relay_http: Vec<Counter>,
    pub(super) rate_limited: Family<RateLimit>,
    pub(super) panics: Vec<Counter>,
    pub(super) certificates: Family<Gauge>,
    pub(super) log_lines_lost: Vec<Counter>,
    pub(super) lookups: Family<Lookups>,
    pub(super) method_errors: Vec<Counter>,
    pub(super) sub_errors: Vec<Counter>,
    pub(super) subscriptions: Family<Histogram>,
    pub(super) methods: Family<Outcomes<Histogram>>,
    pub(super) streams: Family<Stream>,
    pub(super) fan_out: Histogram,
    pub(super) event_latency: Histogram,
    pub(super) event_written: Histogram,
    pub(super) access_hits: Counter,
    pub(super) access_misses: Counter,
    pub(super) calls: Family<Action>,
    pub(super) service_nodes: Family<Gauge>,
    pub(super) mesh_events: Family<Counter>,
    pub(super) ignored_events: Family<Counter>,
    pub(super) retries: Family<Counter>,
    pub(super) resent: Counter,
    pub(super) orphans: Counter,
    pub(super) mesh_lost: Vec<Counter>,
    pub(super) mesh_unsent: Counter,
    pub(super) packets_dropped: Vec<Counter>,
    pub(super) packets_too_large: Counter,
    pub(super) sessions_limit: Gauge,
    pub(super) inbox_limit: Gauge,
    pub(super) outbox_limit: Gauge,
    pub(super) inbox_bytes: Gauge,
    pub(super) outbox_bytes: Gauge,
    pub(super) calls_waiting: Gauge,
    pub(super) nats_connected: IfUsed<Gauge>,
    pub(super) nats_connect_failures: Counter,
    pub(super) nats_reconnects: Counter,
    pub(super) store_reads: Family<Counter>,
    pub(super) mongodb: Family<Operation>,
    pub(super) broadcasts: Family<Counter>,
    pub(super) local_broadcasts: Family<Counter>,
    pub(super) registry: IfUsed<Registry>,
    pub(super) published: Family<Counter>,
    pub(super) packets: Family<Counter>,
    pub(super) spans: Vec<Counter>,
}

/// Sessions of one transport.
pub(super) struct OfTransport {
    pub(super) open: Gauge,
    pub(super) accepted: Counter,
}

/// One thing that goes well or not.
pub(super) struct Outcomes<H> {
    pub(super) ok: H,
    pub(super) failed: H,
}

/// One queue of look-ups.
pub(super) struct Lookups {
    pub(super) waiting: Gauge,
    pub(super) limit: Gauge,
    pub(super) lost: Counter,
}

/// What a rate limit refused, by name.
pub(super) struct RateLimit {
    pub(super) methods: Family<Counter>,
    pub(super) subscriptions: Family<Counter>,
}

/// One stream.
pub(super) struct Stream {
    pub(super) events: Counter,
    pub(super) deliveries: Counter,
    pub(super) encodings: Counter,
}

/// One kind of database operation.
pub(super) struct Operation {
    pub(super) count: Outcomes<Counter>,
    pub(super) seconds: Histogram,
}

/// What the node knows of the mesh.
pub(super) struct Registry {
    pub(super) nodes: Gauge,
    pub(super) online: Gauge,
    pub(super) services: Gauge,
    pub(super) actions: Gauge,
    pub(super) events: Gauge,
}

/// One action of the core.
pub(super) struct Action {
    pub(super) outcomes: Family<Counter>,
    pub(super) seconds: Histogram,
    pub(super) mol_errors: Family<Counter>,
    pub(super) mol_time: Histogram,
    pub(super) mol_total: Counter,
    pub(super) requests: Rate,
    pub(super) errors: Rate,
    mol_time_rate: Gauge,
}

/// A count, and how fast it grew lately: Moleculer exports both.
pub(super) struct Rate {
    total: AtomicU64,
    /// The total at the last look, and the rate then.
    seen: Mutex<(u64, f64)>,
    gauge: Gauge,
}

impl Rate {
    fn new(gauge: Gauge) -> Self {
        Self {
            total: AtomicU64::new(0),
            seen: Mutex::new((0, 0.0)),
            gauge,
        }
    }

    pub(super) fn count(&self) {
        self.total.fetch_add(1, Ordering::Relaxed);
    }

    /// Half the old rate and half the new one, per minute: as Moleculer smooths its own.
    fn refresh(&self, since: Duration) -> f64 {
        let total = self.total.load(Ordering::Relaxed);
        let mut seen = self.seen.lock();
        let grown = total.saturating_sub(seen.0) as f64 / since.as_secs_f64().max(0.001) * 60.0;
        *seen = (total, (seen.1 + grown) / 2.0);
        self.gauge.set(seen.1);
        seen.1
    }
}

impl Action {
    fn new(maker: &Maker, node: &Node, action: &str) -> Self {
        let service = action
            .rsplit_once('.')
            .map_or(action, |(service, _)| service);
        let labels = [
            ("namespace", &*node.namespace),
            ("nodeID", &*node.id),
            ("service", service),
            ("action", action),
            ("type", "remote"),
            ("caller", ""),
        ];
        let rate = |row| Rate::new(maker.gauge(row, &labels));
        let (error_maker, error_node, error_action) =
            (maker.clone(), node.clone(), action.to_owned());
        let (outcome_maker, outcome_action) = (maker.clone(), action.to_owned());
        Self {
            outcomes: Family::new(move |outcome| {
                outcome_maker.counter(
                    &table::MESH_CALLS,
                    &[("action", &outcome_action), ("outcome", outcome)],
                )
            }),
            seconds: maker.histogram(&table::MESH_CALL_SECONDS, &[("action", action)]),
            mol_errors: Family::new(move |error| {
                let service = error_action
                    .rsplit_once('.')
                    .map_or(&*error_action, |(service, _)| service);
                let labels = [
                    ("namespace", &*error_node.namespace),
                    ("nodeID", &*error_node.id),
                    ("service", service),
                    ("action", &*error_action),
                    ("type", "remote"),
                    ("caller", ""),
                    ("errorName", error),
                ];
                error_maker.counter(&table::MOL_REQUEST_ERRORS, &labels)
            }),
            mol_time: maker.histogram(&table::MOL_REQUEST_TIME, &labels),
            mol_total: maker.counter(&table::MOL_REQUESTS, &labels),
            requests: rate(&table::MOL_REQUESTS_RATE),
            errors: rate(&table::MOL_REQUEST_ERRORS_RATE),
            mol_time_rate: maker.gauge(&table::MOL_REQUEST_TIME_RATE, &labels),
        }
    }
}

/// The labels that Moleculer's dashboards expect everywhere.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) id: String,
    pub(super) namespace: String,
}

impl Handles {
    pub(super) fn new(maker: &Maker, node: &Node) -> Self {
        let ours = [("nodeID", &*node.id)];
        let moleculer = [("namespace", &*node.namespace), ("nodeID", &*node.id)];
        let counters = |row: table::Row, label: &'static str| {
            let maker = maker.clone();
            Family::new(move |value: &str| maker.counter(&row, &[(label, value)]))
        };
        let of_node = |row: table::Row, label: &'static str| {
            let (maker, node) = (maker.clone(), node.clone());
            Family::new(move |value: &str| {
                let labels = [
                    ("namespace", &*node.namespace),
                    ("nodeID", &*node.id),
                    (label, value),
                ];
                maker.counter(&row, &labels)
            })
        };
        let each = |row, label: &'static str, values: &[&str]| {
            let counter = |value: &&str| maker.counter(row, &[(label, *value)]);
            values.iter().map(counter).collect()
        };
        let errors = |kind: &str| {
            let counter =
                |code: &&str| maker.counter(&table::ERRORS, &[("kind", kind), ("code", *code)]);
            labels::ERROR_CODES.iter().map(counter).collect()
        };
        let of_transport = |transport: &&str| OfTransport {
            open: maker.gauge(&table::SESSIONS, &[("transport", *transport)]),
            accepted: maker.counter(&table::ACCEPTED, &[("transport", *transport)]),
        };
        Self {
            users_connected: maker.gauge(&table::USERS_CONNECTED, &ours),
            users_logged: {
                let (maker, node) = (maker.clone(), node.clone());
                if_used(move || maker.gauge(&table::USERS_LOGGED, &[("nodeID", &*node.id)]))
            },
            transports: Transport::LABELS.iter().map(of_transport).collect(),
            refused: each(&table::REFUSED, "reason", Refusal::LABELS),
            accept_errors: maker.counter(&table::ACCEPT_ERRORS, &[]),
            closed: counters(table::CLOSED, "code"),
            slow_consumers: maker.counter(&table::SLOW_CONSUMERS, &[]),
            received: each(&table::RECEIVED, "kind", Incoming::LABELS),
            sent: each(&table::SENT, "kind", Outgoing::LABELS),
            received_bytes: maker.counter(&table::RECEIVED_BYTES, &[]),
            sent_bytes: maker.counter(&table::SENT_BYTES, &[]),
            queue_bytes: maker.gauge(&table::QUEUE_BYTES, &[]),
            topics: maker.gauge(&table::TOPICS, &[]),
            tasks: maker.gauge(&table::TASKS, &[]),
            requests_refused: maker.counter(&table::REQUESTS_REFUSED, &[]),
            relay_up: {
                let maker = maker.clone();
                if_used(move || maker.gauge(&table::RELAY_UP, &[]))
            },
            relay_connects: each(&table::RELAY_CONNECTS, "outcome", Connect::LABELS),
            relay_lost: maker.counter(&table::RELAY_LOST, &[]),
            relay_http: each(&table::RELAY_HTTP, "status", StatusClass::LABELS),
            rate_limited: {
                let maker = maker.clone();
                let one = move |limit: &str, kind: &'static str| {
                    let (maker, limit) = (maker.clone(), limit.to_owned());
                    Family::new(move |name| {
                        let labels = [("limit_name", &*limit), ("type", kind), ("name", name)];
                        maker.counter(&table::RATE_LIMITED, &labels)
                    })
                };
                Family::new(move |limit| RateLimit {
                    methods: one(limit, "method"),
                    subscriptions: one(limit, "subscription"),
                })
            },
            panics: each(&table::PANICS, "place", Panicked::LABELS),
            certificates: {
                let maker = maker.clone();
                Family::new(move |variable| {
                    maker.gauge(&table::CERTIFICATE_SECONDS, &[("variable", variable)])
                })
            },
            log_lines_lost: each(&table::LOG_LINES_LOST, "sink", LogSink::LABELS),
            lookups: {
                let maker = maker.clone();
                Family::new(move |queue| {
                    let labels = [("queue", queue)];
                    Lookups {
                        waiting: maker.gauge(&table::LOOKUPS_WAITING, &labels),
                        limit: maker.gauge(&table::LOOKUPS_LIMIT, &labels),
                        lost: maker.counter(&table::LOOKUPS_LOST, &labels),
                    }
                })
            },
            method_errors: errors("method"),
            sub_errors: errors("sub"),
            subscriptions: {
                let maker = maker.clone();
                Family::new(move |name| {
                    maker.histogram(&table::SUBSCRIPTION, &[("subscription", name)])
                })
            },
            methods: {
                let maker = maker.clone();
                let one = move |method: &str, outcome| {
                    maker.histogram(
                        &table::METHOD_SECONDS,
                        &[("method", method), ("outcome", outcome)],
                    )
                };
                Family::new(move |method| Outcomes {
                    ok: one(method, "ok"),
                    failed: one(method, "error"),
                })
            },
            streams: {
                let maker = maker.clone();
                Family::new(move |stream| {
                    let one = |row| maker.counter(row, &[("stream", stream)]);
                    Stream {
                        events: one(&table::STREAM_EVENTS),
                        deliveries: one(&table::STREAM_DELIVERIES),
                        encodings: one(&table::STREAM_ENCODINGS),
                    }
                })
            },
            fan_out: maker.histogram(&table::FAN_OUT_SECONDS, &[]),
            event_latency: maker.histogram(&table::EVENT_SECONDS, &[]),
            event_written: maker.histogram(&table::EVENT_WRITTEN_SECONDS, &[]),
            access_hits: maker.counter(&table::ACCESS_CACHE, &[("result", "hit")]),
            access_misses: maker.counter(&table::ACCESS_CACHE, &[("result", "miss")]),
            calls: {
                let (maker, node) = (maker.clone(), node.clone());
                Family::new(move |action| Action::new(&maker, &node, action))
            },
            service_nodes: {
                let maker = maker.clone();
                Family::new(move |service| {
                    maker.gauge(&table::MESH_SERVICE_NODES, &[("service", service)])
                })
            },
            mesh_events: counters(table::MESH_EVENTS, "event"),
            ignored_events: counters(table::MESH_IGNORED, "event"),
            retries: of_node(table::MOL_RETRIES, "action"),
            resent: maker.counter(&table::MESH_RESENT, &[]),
            orphans: maker.counter(&table::MOL_ORPHANS, &moleculer),
            mesh_lost: each(&table::MESH_LOST, "place", Loss::LABELS),
            mesh_unsent: maker.counter(&table::MESH_UNSENT, &[]),
            packets_dropped: each(&table::MESH_DROPPED, "reason", Dropped::LABELS),
            packets_too_large: maker.counter(&table::MESH_TOO_LARGE, &[]),
            sessions_limit: maker.gauge(&table::SESSIONS_LIMIT, &[]),
            inbox_limit: maker.gauge(&table::MESH_INBOX_LIMIT, &[]),
            outbox_limit: maker.gauge(&table::MESH_OUTBOX_LIMIT, &[]),
            inbox_bytes: maker.gauge(&table::MESH_INBOX_BYTES, &[]),
            outbox_bytes: maker.gauge(&table::MESH_OUTBOX_BYTES, &[]),
            calls_waiting: maker.gauge(&table::MESH_CALLS_WAITING, &[]),
            nats_connected: {
                let maker = maker.clone();
                if_used(move || maker.gauge(&table::NATS_CONNECTED, &[]))
            },
            nats_connect_failures: maker.counter(&table::NATS_CONNECT_FAILURES, &[]),
            nats_reconnects: maker.counter(&table::NATS_RECONNECTS, &[]),
            store_reads: counters(table::STORE_READS, "what"),
            mongodb: {
                let maker = maker.clone();
                Family::new(move |operation| {
                    let one = |outcome| {
                        maker.counter(
                            &table::MONGODB_OPERATIONS,
                            &[("operation", operation), ("outcome", outcome)],
                        )
                    };
                    let seconds =
                        maker.histogram(&table::MONGODB_SECONDS, &[("operation", operation)]);
                    Operation {
                        count: Outcomes {
                            ok: one("ok"),
                            failed: one("error"),
                        },
                        seconds,
                    }
                })
            },
            broadcasts: of_node(table::MOL_EVENT_BROADCAST, "event"),
            local_broadcasts: of_node(table::MOL_EVENT_BROADCAST_LOCAL, "event"),
            registry: {
                let (maker, node) = (maker.clone(), node.clone());
                if_used(move || {
                    let labels = [("namespace", &*node.namespace), ("nodeID", &*node.id)];
                    let gauge = |row| maker.gauge(row, &labels);
                    Registry {
                        nodes: gauge(&table::MOL_NODES),
                        online: gauge(&table::MOL_NODES_ONLINE),
                        services: gauge(&table::MOL_SERVICES),
                        actions: gauge(&table::MOL_ACTIONS),
                        events: gauge(&table::MOL_EVENTS),
                    }
                })
            },
            published: of_node(table::MOL_PUBLISH, "type"),
            packets: of_node(table::MOL_RECEIVE, "type"),
            spans: each(&table::SPANS, "outcome", SpanFate::LABELS),
        }
    }

    /// Brings the rates up to date; `since` is the time since the last call.
    pub(super) fn refresh_rates(&self, since: Duration) {
        self.calls.each(|action| {
            let rate = action.requests.refresh(since);
            action.mol_time_rate.set(rate);
            action.errors.refresh(since);
        });
    }
}
