//! Settings: those that rules ask for, and the method that changes one.

use serde_json::{Value, json};

use super::documents::User;
use super::refusal::Refusal;
use super::state::World;
use crate::store::Collection;

/// `_id`, value, type, shown to everybody.
const SETTINGS: &[(&str, Setting, bool)] = &[
    ("Accounts_AllowAnonymousRead", Setting::Switch(false), true),
    ("Accounts_LoginExpiration", Setting::Number(90), true),
    (
        "Accounts_StatusVisibility_Enabled",
        Setting::Switch(false),
        true,
    ),
    ("Accounts_UserStatus_Enabled", Setting::Switch(true), true),
    ("Canned_Responses_Enable", Setting::Switch(true), true),
    ("Message_AllowEditing", Setting::Switch(true), true),
    ("Message_MaxAllowedSize", Setting::Number(5000), true),
    ("Message_Read_Receipt_Enabled", Setting::Switch(true), true),
    ("OTR_Enable", Setting::Switch(true), true),
    ("Presence_broadcast_disabled", Setting::Switch(false), true),
    ("Site_Name", Setting::Text("Sandbox"), true),
    ("UI_Use_Real_Name", Setting::Switch(false), true),
    ("Unread_Count", Setting::Text("all_messages"), true),
];

#[derive(Clone, Copy)]
enum Setting {
    Switch(bool),
    Number(i64),
    Text(&'static str),
}

/// `rocketchat_settings` of a new workspace.
pub(in crate::sandbox) fn seeded() -> impl Iterator<Item = Value> {
    SETTINGS.iter().map(|(id, setting, public)| {
        let (kind, value) = match *setting {
            Setting::Switch(on) => ("boolean", json!(on)),
            Setting::Number(number) => ("int", json!(number)),
            Setting::Text(text) => ("string", json!(text)),
        };
        json!({ "_id": id, "value": value, "type": kind, "public": public, "hidden": false })
    })
}

impl World {
    /// `saveSetting`.
    pub(in crate::sandbox) fn save_setting(
        &mut self,
        user: &User,
        id: &str,
        value: Value,
    ) -> Result<bool, Refusal> {
        const METHOD: &str = "saveSetting";
        if !self.has_permission(&user.id, "edit-privileged-setting", None) {
            return Err(Refusal::new(
                "error-action-not-allowed",
                "Editing settings is not allowed",
                METHOD,
            ));
        }
        let Some(setting) = self.settings.get_mut(id).and_then(Value::as_object_mut) else {
            return Err(Refusal::new(
                "error-invalid-setting",
                "Invalid setting",
                METHOD,
            ));
        };
        setting.insert("value".to_owned(), value);
        let setting = Value::Object(setting.clone());
        self.write(Collection::Settings, setting.clone());
        self.broadcast(
            "watch.settings",
            json!([{ "clientAction": "updated", "setting": setting }]),
        );
        Ok(true)
    }

    /// `public-settings/get`.
    pub(in crate::sandbox) fn public_settings(&self) -> Vec<&Value> {
        let public = |setting: &&Value| setting.get("public") == Some(&Value::Bool(true));
        self.settings.values().filter(public).collect()
    }
}
