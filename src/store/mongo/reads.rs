//! The reads of reference/database.md. Every id is put into a filter as a string.

use mongodb::bson::{Document as Bson, RawDocument, RawDocumentBuf, doc};

use super::super::documents::{Document, RoomServing, RoomVisitor, UserNames};
use super::super::error::StoreError;
use super::super::{ejson, fields};
use super::Mongo;

impl Mongo {
    pub(in crate::store) async fn room(&self, id: &str) -> Result<Option<Document>, StoreError> {
        let room = self.find_one(fields::ROOMS, doc! {"_id": id}, None).await?;
        whole(room)
    }

    pub(in crate::store) async fn room_visitor(
        &self,
        id: &str,
    ) -> Result<Option<RoomVisitor>, StoreError> {
        let room = self
            .find_one(
                fields::ROOMS,
                doc! {"_id": id},
                Some(doc! {"t": 1, "v.token": 1}),
            )
            .await?;
        Ok(room.map(|room| RoomVisitor {
            t: text_at(&room, &["t"]),
            visitor_token: text_at(&room, &["v", "token"]),
        }))
    }

    pub(in crate::store) async fn room_serving(
        &self,
        id: &str,
    ) -> Result<Option<RoomServing>, StoreError> {
        let room = self
            .find_one(
                fields::ROOMS,
                doc! {"_id": id},
                Some(doc! {"t": 1, "servedBy._id": 1}),
            )
            .await?;
        Ok(room.map(|room| RoomServing {
            t: text_at(&room, &["t"]),
            served_by: text_at(&room, &["servedBy", "_id"]),
        }))
    }

    pub(in crate::store) async fn subscribed_rooms(
        &self,
        user: &str,
    ) -> Result<Vec<String>, StoreError> {
        self.find(
            fields::SUBSCRIPTIONS,
            doc! {"u._id": user},
            doc! {"rid": 1, "_id": 0},
            |one| text_at(one, &["rid"]),
        )
        .await
    }

    pub(in crate::store) async fn is_member(
        &self,
        room: &str,
        user: &str,
    ) -> Result<bool, StoreError> {
        let found = self
            .find_one(
                fields::SUBSCRIPTIONS,
                doc! {"rid": room, "u._id": user},
                Some(doc! {"_id": 1}),
            )
            .await?;
        Ok(found.is_some())
    }

    pub(in crate::store) async fn other_members(
        &self,
        room: &str,
        user: &str,
    ) -> Result<Vec<String>, StoreError> {
        let filter = doc! {"rid": room, "u._id": {"$ne": user}};
        self.find(
            fields::SUBSCRIPTIONS,
            filter,
            doc! {"u._id": 1, "_id": 0},
            |one| text_at(one, &["u", "_id"]),
        )
        .await
    }

    pub(in crate::store) async fn other_visitors(
        &self,
        room: &str,
        agent: &str,
    ) -> Result<Vec<String>, StoreError> {
        let filter = doc! {"rid": room, "servedBy._id": {"$ne": agent}};
        self.find(
            fields::SUBSCRIPTIONS,
            filter,
            doc! {"v._id": 1, "_id": 0},
            |one| text_at(one, &["v", "_id"]),
        )
        .await
    }

    pub(in crate::store) async fn user_names(
        &self,
        user: &str,
    ) -> Result<Option<UserNames>, StoreError> {
        let user = self
            .find_one(
                fields::USERS,
                doc! {"_id": user},
                Some(doc! {"username": 1, "name": 1}),
            )
            .await?;
        Ok(user.map(|user| UserNames {
            username: text_at(&user, &["username"]),
            name: text_at(&user, &["name"]),
        }))
    }

    pub(in crate::store) async fn user_roles(
        &self,
        user: &str,
    ) -> Result<Option<Document>, StoreError> {
        let user = self
            .find_one(
                fields::USERS,
                doc! {"_id": user},
                Some(included(fields::ROLES)),
            )
            .await?;
        whole(user)
    }

    /// The fields without `_id`.
    pub(in crate::store) async fn own_user(
        &self,
        user: &str,
    ) -> Result<Option<Document>, StoreError> {
        let mut projection = included(fields::OWN_USER);
        projection.insert("_id", 0);
        let user = self
            .find_one(fields::USERS, doc! {"_id": user}, Some(projection))
            .await?;
        whole(user)
    }

    pub(in crate::store) async fn has_login_token(
        &self,
        user: &str,
        hashed: &str,
    ) -> Result<bool, StoreError> {
        let filter = doc! {"_id": user, "services.resume.loginTokens.hashedToken": hashed};
        let found = self
            .find_one(fields::USERS, filter, Some(doc! {"_id": 1}))
            .await?;
        Ok(found.is_some())
    }

    pub(in crate::store) async fn setting(&self, id: &str) -> Result<Option<Document>, StoreError> {
        let Some(setting) = self
            .find_one(
                fields::SETTINGS,
                doc! {"_id": id},
                Some(doc! {"value": 1, "_id": 0}),
            )
            .await?
        else {
            return Ok(None);
        };
        match setting
            .get("value")
            .map_err(|error| StoreError::Malformed(error.to_string()))?
        {
            Some(value) => ejson::value(value),
            None => Ok(None),
        }
    }

    pub(in crate::store) async fn video_conference(
        &self,
        id: &str,
    ) -> Result<Option<Document>, StoreError> {
        let conference = self
            .find_one(
                fields::VIDEO_CONFERENCES,
                doc! {"_id": id},
                Some(included(fields::CONFERENCE)),
            )
            .await?;
        whole(conference)
    }
}

fn whole(found: Option<RawDocumentBuf>) -> Result<Option<Document>, StoreError> {
    found.map(|found| ejson::document(&found)).transpose()
}

fn included(fields: &[&str]) -> Bson {
    fields
        .iter()
        .map(|field| ((*field).to_owned(), 1.into()))
        .collect()
}

/// The text at `path`; `None` when anything on the way is something else.
fn text_at(document: &RawDocument, path: &[&str]) -> Option<String> {
    let (last, objects) = path.split_last()?;
    let mut at = document;
    for key in objects {
        at = at.get_document(key).ok()?;
    }
    at.get_str(last).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_only_where_text_is() {
        let document = RawDocumentBuf::try_from(&doc! {"a": {"b": "x", "c": 1}, "d": "y"}).unwrap();
        assert_eq!(text_at(&document, &["a", "b"]).as_deref(), Some("x"));
        assert_eq!(text_at(&document, &["d"]).as_deref(), Some("y"));
        for path in [
            &["a"][..],
            &["a", "c"],
            &["d", "b"],
            &["a", "z"],
            &["z", "b"],
        ] {
            assert_eq!(text_at(&document, path), None, "{path:?}");
        }
    }
}
