//! The house as it is: streams, collections, services, the database.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::value::RawValue;

use super::house::House;
use crate::collections::Collections;
use crate::services::{Listed, Release, Services, SettingValue};
use crate::store::{Settings, Store};
use crate::streams::{Stream, Streams};

/// What the app joins to a house for events.
pub struct Live {
    /// Where stream events go.
    pub streams: Arc<Streams>,
    /// The published collections.
    pub collections: Arc<Collections>,
    /// The core's services.
    pub services: Services,
    /// The database.
    pub store: Store,
    /// The local copy of settings.
    pub settings: Settings,
}

impl House for Live {
    fn publish(&self, stream: Stream, event_name: &str, args: &str) {
        self.streams.publish(stream, event_name, args);
    }

    fn relayed(&self, data: &RawValue) {
        self.streams.relayed(data);
    }

    fn message(&self, rid: &str, message: &RawValue) {
        self.streams.message(rid, message);
    }

    fn hears_messages(&self, rid: &str) -> bool {
        self.streams.hears_messages(rid)
    }

    fn subscription_changed(&self, action: &str, subscription: &RawValue) {
        self.streams.subscription_changed(action, subscription);
    }

    fn room_changed(&self, action: &str, room: &RawValue) {
        self.streams.room_changed(action, room);
    }

    fn user_changed(&self, uid: &str) {
        self.streams.user_changed(uid);
    }

    fn user_roles_changed(&self, uid: &str) {
        self.streams.user_roles_changed(uid);
    }

    fn roles_given(&self) {
        self.streams.forget_answers();
    }

    fn role_changed(&self) {
        self.streams.role_changed();
    }

    fn permission_changed(&self, permission: Option<&str>) {
        self.streams.permission_changed(permission);
    }

    fn setting_changed(&self, action: &str, id: &str, value: Option<&RawValue>) {
        self.settings.apply(action, id, value);
        self.streams.setting_changed(id);
    }

    fn status_changed(&self, uid: &str, args: &str) {
        self.streams.status_changed(uid, args);
    }

    fn presence_changed(&self, uid: &str, args: &str) {
        self.streams.presence_changed(uid, args);
    }

    fn visibility_changed(&self, data: &RawValue) {
        self.streams.visibility_changed(data);
    }

    fn login_service_changed(&self, id: &str, record: Option<&RawValue>) {
        self.collections.login_service_changed(id, record);
    }

    fn client_version_changed(&self, id: &str, record: &RawValue) {
        self.collections.client_version_changed(id, record);
    }

    fn node_changed(&self) {
        self.collections.refill();
    }

    fn release(&self) -> Release {
        self.services.mesh().release()
    }

    fn meteor_lists(&self, event: &str) -> Listed {
        self.services.mesh().meteor_events(event)
    }

    fn enterprise_value(&self, setting: Box<RawValue>) -> BoxFuture<'static, SettingValue> {
        let settings = self.services.enterprise_settings.clone();
        async move { settings.value_of(&setting).await }.boxed()
    }

    fn has_login_token(&self, uid: String, hashed_token: String) -> BoxFuture<'static, bool> {
        let store = self.store.clone();
        async move {
            // A look-up that failed is no proof of a login.
            store
                .has_login_token(&uid, &hashed_token)
                .await
                .unwrap_or(false)
        }
        .boxed()
    }
}
