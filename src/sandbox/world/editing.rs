//! What becomes of what was said: changed, taken back, reacted to.

use serde_json::json;

use super::documents::{Message, User};
use super::documents::{Reaction, plain, value};
use super::refusal::Refusal;
use super::state::World;

impl World {
    fn change(&mut self, id: &str, change: impl FnOnce(&mut Message)) -> Option<Message> {
        let now = self.now();
        let message = self
            .messages
            .values_mut()
            .flatten()
            .find(|message| message.id == id)?;
        change(message);
        message.updated_at = now;
        let changed = message.clone();
        self.broadcast_message("updated", &value(&changed));
        self.refresh_last(&changed.rid, Some(&changed));
        Some(changed)
    }

    /// The room's last message follows what became of it.
    fn refresh_last(&mut self, rid: &str, changed: Option<&Message>) {
        let last = self.messages.get(rid).and_then(|list| list.last()).cloned();
        let Some(room) = self.rooms.get_mut(rid) else {
            return;
        };
        if let Some(changed) = changed
            && room.last_message.as_ref().map(|message| &message.id) != Some(&changed.id)
        {
            return;
        }
        room.last_message = last;
        self.save_room(rid, "updated");
    }

    /// `updateMessage`: one's own, or with `edit-message`.
    pub(in crate::sandbox) fn update_message(
        &mut self,
        user: &User,
        id: &str,
        msg: &str,
    ) -> Result<(), Refusal> {
        const METHOD: &str = "updateMessage";
        let Some(message) = self.message(id) else {
            return Ok(());
        };
        let refused = || Refusal {
            details: Some(json!({ "method": METHOD, "action": "Message_editing" })),
            ..Refusal::new(
                "error-action-not-allowed",
                "Message editing not allowed",
                METHOD,
            )
        };
        let own = message.u.id == user.id && self.setting_is_true("Message_AllowEditing");
        let inside = self.subscription(&message.rid, &user.id).is_some();
        if !inside
            || !(own || self.has_permission(&user.id, "edit-message", Some(&message.rid)))
            || message.t.is_some()
        {
            return Err(refused());
        }
        let mentions = self
            .mentioned(msg)
            .iter()
            .map(|user| user.brief())
            .collect();
        let now = self.now();
        self.change(id, |message| {
            message.msg = msg.to_owned();
            message.md = Some(plain(msg));
            message.mentions = mentions;
            message.edited_at = Some(now);
            message.edited_by = Some(user.brief());
        });
        Ok(())
    }

    /// `deleteMessage`: one's own, or with `delete-message`.
    pub(in crate::sandbox) fn delete_message(
        &mut self,
        user: &User,
        id: &str,
    ) -> Result<(), Refusal> {
        const METHOD: &str = "deleteMessage";
        let refused = || Refusal {
            details: Some(json!({ "method": METHOD, "action": "Delete_message" })),
            ..Refusal::new("error-action-not-allowed", "Not allowed", METHOD)
        };
        let message = self.message(id).ok_or_else(refused)?;
        let rid = message.rid.clone();
        let own =
            message.u.id == user.id && self.has_permission(&user.id, "delete-own-message", None);
        let allowed = own || self.has_permission(&user.id, "delete-message", Some(&rid));
        if !allowed || !self.can_access(&rid, Some(&user.id), None) {
            return Err(refused());
        }
        if let Some(list) = self.messages.get_mut(&rid) {
            list.retain(|message| message.id != id);
        }
        if let Some(room) = self.rooms.get_mut(&rid) {
            room.msgs = room.msgs.saturating_sub(1);
        }
        self.refresh_last(&rid, None);
        self.broadcast("notify.deleteMessage", json!([rid, { "_id": id }]));
        Ok(())
    }

    /// `setReaction`: given, or taken back when `wanted` says so or it was there.
    pub(in crate::sandbox) fn set_reaction(
        &mut self,
        user: &User,
        emoji: &str,
        id: &str,
        wanted: Option<bool>,
    ) -> Result<(), Refusal> {
        const METHOD: &str = "setReaction";
        let message = self
            .message(id)
            .ok_or_else(|| Refusal::not_allowed(METHOD))?;
        if !self.can_access(&message.rid, Some(&user.id), None) || message.t.is_some() {
            return Err(Refusal::not_allowed(METHOD));
        }
        let emoji = format!(":{}:", emoji.replace(':', ""));
        let given = message
            .reactions
            .get(&emoji)
            .is_some_and(|one| one.usernames.contains(&user.username));
        let wanted = wanted.unwrap_or(!given);
        if wanted == given {
            return Ok(());
        }
        self.change(id, |message| {
            let one: &mut Reaction = message.reactions.entry(emoji.clone()).or_default();
            if wanted {
                one.usernames.push(user.username.clone());
            } else {
                one.usernames.retain(|name| *name != user.username);
            }
            message.reactions.retain(|_, one| !one.usernames.is_empty());
        });
        Ok(())
    }
}
