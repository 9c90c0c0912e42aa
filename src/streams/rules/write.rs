//! The write rules.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::asker::Asker;
use super::params::{Field, id_and_what};
use super::sources::{Era, Rules};
use super::unasked::{Unasked, unasked};
use crate::ejson::{self, RawObject, quoted};
use crate::streams::catalog::{Stream, WriteRule};

/// What comes of a write.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::streams) enum Effect {
    /// Refused.
    Nothing,
    /// The event goes to whoever listens.
    Publish,
    /// The same; a user types in this room.
    Typing(Box<str>),
    /// Refused, but what was written goes to these event names of `notify-user`.
    Relay(Vec<String>),
}

impl Rules {
    /// Asks the write rule.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(in crate::streams) async fn write(
        self: &Arc<Self>,
        stream: Stream,
        event_name: &str,
        asker: &Asker,
        args: &[&RawValue],
    ) -> Result<Effect, Unasked> {
        let Some((id, what)) = id_and_what(event_name) else {
            return Ok(Effect::Nothing);
        };
        let allowed = match stream.row().write {
            WriteRule::Nobody => false,
            WriteRule::Activity => {
                let allowed = self.activity(id, what, asker, args).await?;
                if allowed && what == "user-activity" && asker.user().is_some() {
                    return Ok(Effect::Typing(id.into()));
                }
                allowed
            }
            WriteRule::User => self.user(what, asker, args).await?,
            WriteRule::RoomUsers => {
                let targets = self.room_users(id, what, asker).await?;
                return Ok(match targets.is_empty() {
                    true => Effect::Nothing,
                    false => Effect::Relay(
                        targets
                            .into_iter()
                            .map(|target| format!("{target}/{what}"))
                            .collect(),
                    ),
                });
            }
        };
        Ok(match allowed {
            true => Effect::Publish,
            false => Effect::Nothing,
        })
    }

    async fn activity(
        &self,
        rid: &str,
        what: &str,
        asker: &Asker,
        args: &[&RawValue],
    ) -> Result<bool, Unasked> {
        match what {
            "webrtc" => return Ok(self.era() == Era::Old),
            "user-activity" => {}
            _ => return Ok(false),
        }
        let extra = args.get(2).and_then(|extra| RawObject::of(extra));
        let token = extra
            .as_ref()
            .map_or(Field::Absent, |extra| Field::of(extra.get("token")));
        match (token, asker.uid()) {
            (Field::Text(token), _) => self.is_visitor(rid, &token).await,
            (Field::Absent, Some(uid)) => {
                let Some(name) = args.first().and_then(|name| ejson::text(name)) else {
                    return Ok(false);
                };
                Ok(self.own_name(uid).await?.as_deref() == Some(&*name))
            }
            (Field::Absent, None) | (Field::Foreign, _) => Ok(false),
        }
    }

    /// The name under which a user is shown to be typing.
    async fn own_name(&self, uid: &str) -> Result<Option<String>, Unasked> {
        let real = self.is_on("UI_Use_Real_Name").await?;
        let names = self
            .store
            .user_names(uid)
            .await
            .map_err(|cause| unasked("names", &cause))?;
        Ok(names
            .and_then(|names| if real { names.name } else { names.username })
            .filter(|name| !name.is_empty()))
    }

    async fn user(&self, what: &str, asker: &Asker, args: &[&RawValue]) -> Result<bool, Unasked> {
        let old = self.era() == Era::Old;
        let first = args.first().copied();
        if what == "webrtc" {
            return Ok(old);
        }
        let Some(uid) = asker.uid() else {
            return Ok(false);
        };
        match what {
            "video-conference" => self.video_conference(uid, first).await,
            "media-calls" => {
                if let Some(signal) = first.and_then(ejson::text).filter(|text| !text.is_empty()) {
                    self.services
                        .video_conference
                        .process_media_signal(uid, &signal)
                        .await
                        .map_err(|cause| unasked("processSerializedSignal", &cause))?;
                }
                Ok(false)
            }
            "otr" if old && is_handshake(first) => self.otr_is_on().await,
            _ => Ok(old),
        }
    }

    async fn video_conference(
        &self,
        uid: &str,
        signal: Option<&RawValue>,
    ) -> Result<bool, Unasked> {
        let Some((action, params)) = signal.and_then(conference_signal) else {
            return Ok(false);
        };
        self.services
            .video_conference
            .validate_action(&action, uid, &params)
            .await
            .map_err(|cause| unasked("validateAction", &cause))
    }

    /// Who gets what is written to the users of a room.
    async fn room_users(
        &self,
        rid: &str,
        what: &str,
        asker: &Asker,
    ) -> Result<Vec<String>, Unasked> {
        let webrtc = what == "webrtc";
        match self.era() {
            Era::Old => {}
            Era::New | Era::Both if matches!(what, "video-conference" | "userData") => {}
            Era::New | Era::Both => return Ok(Vec::new()),
        }
        let store = &self.store;
        let targets = match asker.uid() {
            None if webrtc => {
                return match store.room_serving(rid).await {
                    Ok(Some(room)) if room.t.as_deref() == Some("l") => {
                        Ok(room.served_by.into_iter().collect())
                    }
                    Ok(_) => Ok(Vec::new()),
                    Err(cause) => Err(unasked("agent", &cause)),
                };
            }
            None => return Ok(Vec::new()),
            Some(uid) => match store.is_member(rid, uid).await {
                Ok(true) if webrtc => store.other_visitors(rid, uid).await,
                Ok(true) => store.other_members(rid, uid).await,
                Ok(false) => return Ok(Vec::new()),
                Err(cause) => Err(cause),
            },
        };
        targets.map_err(|cause| unasked("members", &cause))
    }
}

fn is_handshake(arg: Option<&RawValue>) -> bool {
    arg.and_then(ejson::text)
        .is_some_and(|word| matches!(&*word, "handshake" | "acknowledge"))
}

/// `{action, params: {callId, uid, rid}}`, every one of them text; the params written anew.
fn conference_signal(signal: &RawValue) -> Option<(String, Box<RawValue>)> {
    let signal = RawObject::of(signal)?;
    let params = signal.object("params")?;
    let text = |key| params.text(key).map(|text| quoted(&text));
    let params = format!(
        r#"{{"callId":{},"uid":{},"rid":{}}}"#,
        text("callId")?,
        text("uid")?,
        text("rid")?
    );
    Some((
        signal.text("action")?.into_owned(),
        ejson::raw(params).ok()?,
    ))
}
