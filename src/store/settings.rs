//! A local copy of the settings that rules ask for: read once, then kept fresh by `watch.settings`. The core is asked for
//! them where it tells them, and the database else.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::value::RawValue;

use super::backend::Store;
use super::documents::Document;
use super::error::StoreError;

/// What the core says of a setting.
#[derive(Debug, Clone)]
pub enum Told {
    /// Its value; `None` when there is no such setting.
    Value(Option<Document>),
    /// Nothing: it is read from the database.
    Nothing,
}

type Ask = dyn Fn(&str) -> BoxFuture<'static, Told> + Send + Sync;

/// Settings by id; clones share the all. A failed read is not kept, a missing setting is.
#[derive(Clone)]
pub struct Settings {
    store: Store,
    ask: Option<Arc<Ask>>,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    values: HashMap<String, Option<Document>>,
    /// Grows with each change. A read that began before one is not kept: it may have seen the former value.
    changes: u64,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// An empty copy over `store`.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            ask: None,
            known: Arc::default(),
        }
    }

    /// The same, but `ask` comes before the database.
    #[must_use]
    pub fn asking(
        self,
        ask: impl Fn(&str) -> BoxFuture<'static, Told> + Send + Sync + 'static,
    ) -> Self {
        Self {
            ask: Some(Arc::new(ask)),
            ..self
        }
    }

    /// The setting's value; `None` when there is none.
    ///
    /// # Errors
    /// It was not known yet, and the store gave no answer.
    pub async fn get(&self, id: &str) -> Result<Option<Document>, StoreError> {
        let before = {
            let all = self.known.lock();
            if let Some(known) = all.values.get(id) {
                return Ok(known.clone());
            }
            all.changes
        };
        let value = match self.told(id).await {
            Told::Value(value) => value,
            Told::Nothing => self.store.setting(id).await?,
        };
        let mut all = self.known.lock();
        if let Some(known) = all.values.get(id) {
            return Ok(known.clone());
        }
        if all.changes == before {
            all.values.insert(id.to_owned(), value.clone());
        }
        Ok(value)
    }

    async fn told(&self, id: &str) -> Told {
        match &self.ask {
            Some(ask) => ask(id).await,
            None => Told::Nothing,
        }
    }

    /// The setting is exactly `true`.
    ///
    /// # Errors
    /// As [`Settings::get`].
    pub async fn is_true(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self
            .get(id)
            .await?
            .is_some_and(|value| value.get() == "true"))
    }

    /// The setting is exactly `false`: neither missing nor anything else.
    ///
    /// # Errors
    /// As [`Settings::get`].
    pub async fn is_false(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self
            .get(id)
            .await?
            .is_some_and(|value| value.get() == "false"))
    }

    /// Takes over a `watch.settings` event: its `clientAction`, the setting's id and its new value, if the event carries one.
    pub fn apply(&self, client_action: &str, id: &str, value: Option<&RawValue>) {
        let value = match client_action {
            "removed" => None,
            _ => value.map(|value| Document::from(value.to_owned())),
        };
        let mut all = self.known.lock();
        all.changes += 1;
        all.values.insert(id.to_owned(), value);
    }

    /// Grows with whatever may have changed a setting.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.known.lock().changes
    }

    /// Forgets everything: events may have been missed.
    pub fn forget(&self) {
        let mut all = self.known.lock();
        all.changes += 1;
        all.values.clear();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use serde_json::json;

    use super::*;
    use crate::config::{Secret, StoreConfig};
    use crate::store::Collection;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    async fn text(settings: &Settings, id: &str) -> Option<String> {
        settings
            .get(id)
            .await
            .unwrap()
            .map(|value| value.get().to_owned())
    }

    // contract: database/settings
    #[tokio::test]
    async fn read_once_then_kept_fresh_by_events() {
        let store = Store::memory();
        let memory = store.as_memory().unwrap();
        memory
            .put(
                Collection::Settings,
                json!({"_id": "OTR_Enable", "value": true}),
            )
            .unwrap();
        let settings = Settings::new(store.clone());
        assert!(settings.is_true("OTR_Enable").await.unwrap());
        assert!(!settings.is_false("OTR_Enable").await.unwrap());

        memory
            .put(
                Collection::Settings,
                json!({"_id": "OTR_Enable", "value": false}),
            )
            .unwrap();
        assert!(settings.is_true("OTR_Enable").await.unwrap(), "read once");
        settings.apply("updated", "OTR_Enable", Some(&raw("false")));
        assert!(settings.is_false("OTR_Enable").await.unwrap());
        settings.apply("removed", "OTR_Enable", Some(&raw("false")));
        assert_eq!(text(&settings, "OTR_Enable").await, None);
        settings.forget();
        assert_eq!(
            text(&settings, "OTR_Enable").await.as_deref(),
            Some("false")
        );
    }

    // contract: streams/rule/settings
    #[tokio::test]
    async fn the_core_is_asked_before_the_database() {
        let store = Store::memory();
        let memory = store.as_memory().unwrap();
        for id in ["Told", "Not told"] {
            memory
                .put(Collection::Settings, json!({"_id": id, "value": "stored"}))
                .unwrap();
        }
        let settings = Settings::new(store).asking(|id| {
            let told = match id {
                "Told" => Told::Value(Some(raw("\"told\"").into())),
                "Missing" => Told::Value(None),
                _ => Told::Nothing,
            };
            async move { told }.boxed()
        });
        assert_eq!(text(&settings, "Told").await.as_deref(), Some("\"told\""));
        assert_eq!(text(&settings, "Missing").await, None);
        assert_eq!(
            text(&settings, "Not told").await.as_deref(),
            Some("\"stored\"")
        );
        settings.apply("updated", "Told", Some(&raw("\"new\"")));
        assert_eq!(text(&settings, "Told").await.as_deref(), Some("\"new\""));
    }

    #[tokio::test]
    async fn a_missing_setting_is_known_to_be_missing_until_it_is_inserted() {
        let settings = Settings::new(Store::memory());
        assert_eq!(text(&settings, "New").await, None);
        settings.apply("inserted", "New", Some(&raw("{\"a\":1}")));
        assert_eq!(text(&settings, "New").await.as_deref(), Some("{\"a\":1}"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_is_not_kept() {
        let url = Secret::new("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=1");
        let minute = std::time::Duration::from_secs(60);
        let settings = Settings::new(
            Store::open(&StoreConfig {
                url,
                ping_interval: minute,
                expire: minute,
            })
            .unwrap(),
        );
        assert!(settings.get("X").await.unwrap_err().is_away());
        settings.apply("updated", "X", Some(&raw("1")));
        assert_eq!(text(&settings, "X").await.as_deref(), Some("1"));
    }
}
