//! `meteor.callMethodWithToken`: the core's own methods, by name.

use serde_json::{Value, json};

use super::date::Date;
use super::documents::value;
use super::documents::{RoomType, User};
use super::messages::Draft;
use super::refusal::Refusal;
use super::state::World;

/// The most messages that `loadHistory` gives at once.
const HISTORY: usize = 100;

/// What a method answers: `None` is undefined.
type Outcome = Result<Option<Value>, Refusal>;

/// Who calls what.
pub(in crate::sandbox) struct Call<'a> {
    /// Nobody when the token is not known: anonymous methods work all the same.
    pub(in crate::sandbox) user: Option<User>,
    /// The hashed token that came along.
    pub(in crate::sandbox) hashed_token: Option<&'a str>,
    pub(in crate::sandbox) method: &'a str,
    pub(in crate::sandbox) params: &'a [Value],
}

impl Call<'_> {
    fn user(&self) -> Result<&User, Refusal> {
        self.user
            .as_ref()
            .ok_or_else(|| Refusal::invalid_user(self.method))
    }

    fn uid(&self) -> Option<&str> {
        self.user.as_ref().map(|user| user.id.as_str())
    }

    fn param(&self, index: usize) -> Option<&Value> {
        self.params.get(index).filter(|value| !value.is_null())
    }

    fn text(&self, index: usize) -> Result<&str, Refusal> {
        self.param(index)
            .and_then(Value::as_str)
            .ok_or_else(Refusal::match_failed)
    }

    /// A text field of the first argument.
    fn field(&self, key: &str) -> Result<&str, Refusal> {
        self.param(0)
            .and_then(|first| first.get(key)?.as_str())
            .ok_or_else(Refusal::match_failed)
    }
}

/// Some result.
fn some(value: impl Into<Value>) -> Outcome {
    Ok(Some(value.into()))
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let list = list
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    list.iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

impl World {
    /// Runs a method as whoever the token belongs to.
    pub(in crate::sandbox) fn call_with_token(
        &mut self,
        uid: Option<&str>,
        hashed: Option<&str>,
        method: &str,
        params: &[Value],
    ) -> Outcome {
        let user = self.caller(uid, hashed).cloned();
        self.method(&Call {
            user,
            hashed_token: hashed,
            method,
            params,
        })
    }

    fn method(&mut self, call: &Call<'_>) -> Outcome {
        match call.method {
            // Messages
            "sendMessage" => {
                let draft = Draft::read(call.param(0).ok_or_else(Refusal::match_failed)?)?;
                let user = call.user()?.clone();
                self.send_message(&user, draft).map(Some)
            }
            "sendMessageLivechat" => {
                let token = call.field("token")?.to_owned();
                let draft = Draft::read(call.param(0).ok_or_else(Refusal::match_failed)?)?;
                self.send_as_visitor(draft, &token).map(Some)
            }
            "updateMessage" => self
                .update_message(call.user()?, call.field("_id")?, call.field("msg")?)
                .map(|()| None),
            "deleteMessage" => self
                .delete_message(call.user()?, call.field("_id")?)
                .map(|()| None),
            "setReaction" => {
                let wanted = call.param(2).and_then(Value::as_bool);
                self.set_reaction(call.user()?, call.text(0)?, call.text(1)?, wanted)
                    .map(|()| None)
            }
            "readMessages" => self
                .read_messages(call.user()?, call.text(0)?)
                .map(|()| None),
            "loadHistory" => {
                let end = call.param(1).and_then(Date::read);
                let limit = call
                    .param(2)
                    .and_then(Value::as_u64)
                    .and_then(|limit| usize::try_from(limit).ok());
                let ls = call.param(3).and_then(Date::read);
                some(self.load_history(
                    call.uid(),
                    call.text(0)?,
                    end,
                    limit.unwrap_or(20).min(HISTORY),
                    ls,
                ))
            }
            "getSingleMessage" => {
                let message = self
                    .message(call.text(0)?)
                    .filter(|message| self.can_access(&message.rid, call.uid(), None));
                Ok(message.map(value))
            }

            // Rooms
            "createChannel" => self
                .create_room(
                    call.user()?,
                    RoomType::Channel,
                    call.text(0)?,
                    &texts(call.param(1)),
                )
                .map(Some),
            "createPrivateGroup" => self
                .create_room(
                    call.user()?,
                    RoomType::Private,
                    call.text(0)?,
                    &texts(call.param(1)),
                )
                .map(Some),
            "createDirectMessage" => {
                let names: Vec<String> = call
                    .params
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect();
                self.create_direct(call.user()?, &names).map(Some)
            }
            "joinRoom" => self
                .join_room(call.user()?, call.text(0)?)
                .map(|joined| Some(joined.into())),
            "leaveRoom" => self.leave_room(call.user()?, call.text(0)?).map(|()| None),
            "addUserToRoom" => {
                some(self.add_user(call.user()?, call.field("rid")?, call.field("username")?)?)
            }
            "addUsersToRoom" => {
                let rid = call.field("rid")?;
                for username in texts(call.param(0).and_then(|first| first.get("users"))) {
                    self.add_user(call.user()?, rid, &username)?;
                }
                some(true)
            }
            "removeUserFromRoom" => {
                some(self.remove_user(call.user()?, call.field("rid")?, call.field("username")?)?)
            }
            "eraseRoom" => some(self.erase_room(call.user()?, call.text(0)?)?),
            "getRoomIdByNameOrId" => some(
                self.find_room(&call.user()?.id, call.text(0)?, call.method)?
                    .id
                    .clone(),
            ),
            "getRoomNameById" => Ok(self
                .find_room(&call.user()?.id, call.text(0)?, call.method)?
                .name
                .clone()
                .map(Value::from)),
            "getUsersOfRoom" => self.users_of(&call.user()?.id, call.text(0)?).map(Some),
            "browseChannels" | "channelsList" => call.user().and_then(|_| some(self.channels())),
            "rooms/get" => some(since(
                call,
                self.rooms_of(&call.user()?.id)
                    .into_iter()
                    .map(|room| (room.updated_at, value(room))),
            )),
            "subscriptions/get" => {
                let uid = &call.user()?.id;
                let own = self.subscriptions.values().filter(|one| one.u.id == *uid);
                some(since(call, own.map(|one| (one.updated_at, value(one)))))
            }

            // People, settings
            "logoutOtherClients" | "removeOtherTokens" => {
                let (uid, hashed) = (
                    call.user()?.id.clone(),
                    call.hashed_token.unwrap_or_default(),
                );
                self.logout_others(&uid, hashed);
                Ok(None)
            }
            "getUserRoles" => {
                let users = self
                    .users
                    .values()
                    .filter(|user| user.roles.iter().any(|role| role != "user"));
                some(users.map(|user| json!({ "_id": user.id, "username": user.username, "roles": user.roles })).collect::<Vec<_>>())
            }
            "public-settings/get" => some(json!(self.public_settings())),
            "saveSetting" => {
                let new = call.param(1).cloned().unwrap_or_default();
                some(self.save_setting(call.user()?, call.text(0)?, new)?)
            }

            // For those who test against the sandbox
            "echo" => some(json!(call.params)),
            "whoami" => some(json!({ "uid": call.uid() })),
            _ => Err(Refusal::unknown_method(call.method)),
        }
    }
}

/// `rooms/get`, `subscriptions/get`: everything as a list, or with a date what changed since as `{update, remove}`.
fn since(call: &Call<'_>, documents: impl Iterator<Item = (Date, Value)>) -> Value {
    match call.param(0).and_then(Date::read) {
        None => documents.map(|(_, document)| document).collect(),
        Some(date) => {
            let update: Vec<Value> = documents
                .filter(|(updated, _)| *updated > date)
                .map(|(_, document)| document)
                .collect();
            json!({ "update": update, "remove": [] })
        }
    }
}
