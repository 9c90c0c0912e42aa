//! Handles made once and kept: a label's text is looked up, never put together again.

use std::collections::HashMap;
use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::PrometheusRecorder;
use parking_lot::RwLock;

use super::table::{Kind, Row, TABLE};

/// The most values of one label. Names come from tables; this holds where one did not.
const MAX_VALUES: usize = 500;
/// The value that stands for the rest.
pub(super) const OTHER: &str = "_OTHER";

const METADATA: Metadata<'static> = Metadata::new("ddp_streamer", Level::INFO, None);

/// Makes handles of rows.
#[derive(Clone)]
pub(super) struct Maker {
    recorder: Arc<PrometheusRecorder>,
}

/// Labels of one handle: names from here, values from anywhere.
pub(super) type Labels<'a> = &'a [(&'static str, &'a str)];

impl Maker {
    /// Describes every row of the table to the recorder.
    pub(super) fn new(recorder: PrometheusRecorder) -> Self {
        for row in TABLE {
            let name = KeyName::from_const_str(row.name);
            match row.kind {
                Kind::Counter => recorder.describe_counter(name, Some(row.unit), row.help.into()),
                Kind::Gauge => recorder.describe_gauge(name, Some(row.unit), row.help.into()),
                Kind::Histogram(_) | Kind::Summary => {
                    recorder.describe_histogram(name, Some(row.unit), row.help.into())
                }
            }
        }
        Self {
            recorder: Arc::new(recorder),
        }
    }

    pub(super) fn counter(&self, row: &Row, labels: Labels<'_>) -> Counter {
        self.recorder.register_counter(&key(row, labels), &METADATA)
    }

    pub(super) fn gauge(&self, row: &Row, labels: Labels<'_>) -> Gauge {
        self.recorder.register_gauge(&key(row, labels), &METADATA)
    }

    pub(super) fn histogram(&self, row: &Row, labels: Labels<'_>) -> Histogram {
        self.recorder
            .register_histogram(&key(row, labels), &METADATA)
    }
}

fn key(row: &Row, labels: Labels<'_>) -> Key {
    let labels = labels
        .iter()
        .map(|(name, value)| Label::new(*name, (*value).to_owned()));
    Key::from_parts(row.name, labels.collect::<Vec<_>>())
}

/// The handles of each value of a label.
pub(super) struct Family<H> {
    known: RwLock<HashMap<Box<str>, H>>,
    make: Box<dyn Fn(&str) -> H + Send + Sync>,
}

impl<H> Family<H> {
    pub(super) fn new(make: impl Fn(&str) -> H + Send + Sync + 'static) -> Self {
        Self {
            known: RwLock::default(),
            make: Box::new(make),
        }
    }

    /// Hands `value`'s handles to `count`; after [`MAX_VALUES`] values, those of [`OTHER`].
    pub(super) fn with(&self, value: &str, count: impl FnOnce(&H)) {
        let known = self.known.read();
        if let Some(handles) = known.get(value) {
            return count(handles);
        }
        let value = if known.len() < MAX_VALUES {
            value
        } else {
            OTHER
        };
        drop(known);
        let mut known = self.known.write();
        count(
            known
                .entry(value.into())
                .or_insert_with(|| (self.make)(value)),
        );
    }

    /// Every handle, in no order.
    pub(super) fn each(&self, mut look: impl FnMut(&H)) {
        self.known.read().values().for_each(&mut look);
    }
}
