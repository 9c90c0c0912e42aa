//! Settings (reference/events.md, "Settings").
//!
//! The licence may have a word in the value of an enterprise setting, so each change goes through the keyed queue: those
//! of one setting follow each other, and a licence that is slow to answer holds up no other setting.

use std::sync::Arc;

use super::args::{Args, Build, Fields, text};
use super::context::Events;
use super::house::House;
use crate::ejson::{self, RawObject, join, quoted};
use crate::services::SettingValue;
use crate::streams::Stream;

/// `watch.settings` {clientAction, setting}
pub(super) fn changed(events: &Events, args: &Args<'_>) -> Option<()> {
    let change = args.object(0)?;
    let raw = change.present("setting")?;
    let setting = RawObject::of(raw)?;
    let (id, action) = (setting.key("_id")?, change.key("clientAction")?);
    // The local copy is what the database has, and it is fresh at once.
    events
        .house
        .setting_changed(&action, &id, setting.get("value"));

    let flag = |name| setting.get(name).and_then(ejson::boolean) == Some(true);
    let asks = flag("enterprise") && action != "removed";
    if flag("hidden") {
        return Some(());
    }
    let bytes = raw.get().len();
    let (house, raw, action) = (events.house.clone(), raw.to_owned(), action.into_owned());
    let told = async move {
        let value = match asks {
            true => house.enterprise_value(raw.clone()).await,
            false => SettingValue::Unchanged,
        };
        // What is read twice was read before: it is an object.
        if let Some(setting) = RawObject::of(&raw) {
            tell(&house, &action, &setting, &value);
        }
    };
    events
        .queue
        .push_bytes(&format!("setting/{id}"), bytes, told)
        .then_some(())
}

fn tell(house: &Arc<dyn House>, action: &str, setting: &RawObject<'_>, value: &SettingValue) {
    let value = match value {
        SettingValue::Unchanged => setting.get("value"),
        SettingValue::Replaced(value) => Some(&**value),
        SettingValue::Invalid => setting.get("invalidValue"),
    };
    let is_color = setting.text("type").is_some_and(|kind| kind == "color");
    let shown = Build::new()
        .maybe("_id", setting.required("_id", text))
        .maybe("value", value)
        .maybe("editor", setting.present("editor").filter(|_| is_color))
        .maybe("properties", setting.present("properties"))
        .maybe("enterprise", setting.present("enterprise"))
        .maybe("requiredOnWizard", setting.present("requiredOnWizard"))
        .done();
    let change = join([&quoted(action), &shown]);
    if setting.get("public").and_then(ejson::boolean) == Some(true) {
        const CHANGED: &str = "public-settings-changed";
        house.publish(Stream::NotifyAll, CHANGED, &change);
        let wrapped = join([join([&quoted(CHANGED), &change])]);
        house.publish(Stream::NotifyAll, "public-info", &wrapped);
    }
    house.publish(Stream::NotifyLogged, "private-settings-changed", &change);
}
