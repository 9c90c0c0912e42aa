//! Moments, as documents carry them.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// When the workspace was made.
pub(super) const BEGINNING: Date = Date(1_700_000_000_000);
/// Milliseconds since 1970; `{"$date": ms}` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(in crate::sandbox) struct Date(pub(in crate::sandbox) i64);

impl Date {
    /// This moment.
    pub(in crate::sandbox) fn now() -> Self {
        Self(micros() / 1000)
    }

    /// What a client sent: EJSON, or a bare number.
    pub(in crate::sandbox) fn read(value: &Value) -> Option<Self> {
        value.get("$date").unwrap_or(value).as_i64().map(Self)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("$date", &self.0)?;
        map.end()
    }
}

/// Microseconds since 1970: the clock of the trace.
pub(in crate::sandbox) fn micros() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .unwrap_or_default()
}
