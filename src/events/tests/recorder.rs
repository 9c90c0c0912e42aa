//! A house that writes down what it is told.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::sync::Barrier;

use crate::ejson;
use crate::events::House;
use crate::mesh::{Listed, Release};
use crate::services::SettingValue;
use crate::streams::Stream;

pub(super) struct Recorder {
    pub(super) said: Mutex<Vec<String>>,
    pub(super) release: Release,
    pub(super) listing: Listed,
    /// The login tokens that the database has.
    pub(super) tokens: Mutex<Vec<String>>,
    /// No question about a login token is answered before so many are asked.
    pub(super) questions: Arc<Barrier>,
    /// The rooms whose messages nobody hears.
    pub(super) quiet: &'static [&'static str],
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            said: Mutex::default(),
            release: Release::V6,
            listing: Listed::None,
            tokens: Mutex::default(),
            questions: Arc::new(Barrier::new(1)),
            quiet: &[],
        }
    }
}

impl Recorder {
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.said.lock())
    }

    fn say(&self, what: String) {
        self.said.lock().push(what);
    }
}

fn name(stream: Stream) -> &'static str {
    match stream {
        Stream::NotifyAll => "all",
        Stream::NotifyLogged => "logged",
        Stream::NotifyRoom => "room",
        Stream::NotifyUser => "user",
        Stream::RoomMessages => "room-messages",
        Stream::RoomData => "room-data",
        Stream::Roles => "roles",
        Stream::Apps => "apps",
        Stream::IntegrationHistory => "integrationHistory",
        Stream::LivechatRoom => "livechat-room",
        Stream::LivechatInquiries => "inquiries",
        Stream::VideoConference => "video-conference",
        #[allow(unreachable_patterns, reason = "events write to no other stream")]
        other => panic!("an event went to {other:?}"),
    }
}

impl House for Recorder {
    fn publish(&self, stream: Stream, event_name: &str, args: &str) {
        assert!(
            ejson::array(&ejson::raw(args.to_owned()).unwrap()).is_some(),
            "{args}"
        );
        self.say(format!("{} {event_name} {args}", name(stream)));
    }
    fn relayed(&self, data: &RawValue) {
        self.say(format!("relayed {data}"));
    }
    fn message(&self, rid: &str, message: &RawValue) {
        self.say(format!("message {rid} {message}"));
    }
    fn hears_messages(&self, rid: &str) -> bool {
        !self.quiet.contains(&rid)
    }
    fn subscription_changed(&self, action: &str, subscription: &RawValue) {
        self.say(format!("subscription {action} {subscription}"));
    }
    fn room_changed(&self, action: &str, room: &RawValue) {
        self.say(format!("room-changed {action} {room}"));
    }
    fn user_changed(&self, uid: &str) {
        self.say(format!("user-changed {uid}"));
    }
    fn roles_given(&self) {
        self.say("role-changed".into());
    }
    fn role_changed(&self) {
        self.say("role-changed".into());
    }
    fn user_roles_changed(&self, uid: &str) {
        self.say(format!("user-roles-changed {uid}"));
    }
    fn permission_changed(&self, _permission: Option<&str>) {
        self.say("permission-changed".into());
    }
    fn setting_changed(&self, action: &str, id: &str, value: Option<&RawValue>) {
        self.say(format!(
            "setting {action} {id} {}",
            value.map_or("-", RawValue::get)
        ));
    }
    fn status_changed(&self, uid: &str, args: &str) {
        self.say(format!("user-status {uid} {args}"));
    }
    fn presence_changed(&self, uid: &str, args: &str) {
        self.say(format!("user-presence {uid} {args}"));
    }
    fn visibility_changed(&self, data: &RawValue) {
        self.say(format!("visibility {data}"));
    }
    fn login_service_changed(&self, id: &str, record: Option<&RawValue>) {
        self.say(format!(
            "login-service {id} {}",
            record.map_or("-", RawValue::get)
        ));
    }
    fn client_version_changed(&self, id: &str, record: &RawValue) {
        self.say(format!("client-version {id} {record}"));
    }
    fn node_changed(&self) {
        self.say("node-changed".into());
    }
    fn release(&self) -> Release {
        self.release
    }
    fn meteor_lists(&self, event: &str) -> Listed {
        assert_eq!(event, "user.media-signal");
        self.listing
    }
    fn enterprise_value(&self, setting: Box<RawValue>) -> BoxFuture<'static, SettingValue> {
        self.say(format!("licence? {setting}"));
        async { SettingValue::Unchanged }.boxed()
    }
    fn has_login_token(&self, uid: String, hashed_token: String) -> BoxFuture<'static, bool> {
        self.say(format!("token? {uid} {hashed_token}"));
        let known = self.tokens.lock().contains(&hashed_token);
        let questions = self.questions.clone();
        async move {
            questions.wait().await;
            known
        }
        .boxed()
    }
}
