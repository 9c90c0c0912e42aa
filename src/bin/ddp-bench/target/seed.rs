//! What the in-memory store of a spawned server holds: the users that log in, their rooms, their memberships.

use std::fmt::Write;

use crate::wire::script::{room, user};

/// `{"<collection>":[documents]}` as EJSON: `users` users, `rooms` rooms, each user a member of `each` of them.
pub(crate) fn seed(users: u32, rooms: u32, each: u32) -> String {
    let list = |count: u32, one: &dyn Fn(u32) -> String| {
        (0..count).map(one).collect::<Vec<_>>().join(",\n")
    };
    let rooms = rooms.max(1);
    let members = |n: u32| {
        let mut documents = String::new();
        for at in 0..each.min(rooms) {
            let comma = if at == 0 { "" } else { ",\n" };
            // Writing to a String cannot fail.
            let _infallible = write!(
                documents,
                "{comma}{}",
                subscription(n, (n.wrapping_mul(each) + at) % rooms)
            );
        }
        documents
    };
    let subscriptions = if each == 0 {
        String::new()
    } else {
        list(users, &members)
    };
    format!(
        "{{\"users\":[{}],\n\"rocketchat_room\":[{}],\n\"rocketchat_subscription\":[{subscriptions}],\n\"rocketchat_settings\":[]}}\n",
        list(users, &user_document),
        list(rooms, &room_document),
    )
}

fn user_document(n: u32) -> String {
    let id = user(n);
    format!(
        r#"{{"_id":"{id}","username":"bench.user.{n:08}","name":"Bench User {n}","emails":[{{"address":"{id}@example.org","verified":true}}],"status":"online","statusDefault":"online","statusText":"","statusConnection":"online","utcOffset":1,"language":"en","roles":["user"],"active":true,"type":"user","settings":{{"preferences":{{"enableAutoAway":true,"language":"en","emojis":"native"}}}},"_updatedAt":{{"$date":1795342086289}}}}"#
    )
}

fn room_document(n: u32) -> String {
    let id = room(n);
    format!(
        r#"{{"_id":"{id}","t":"c","name":"bench-{n}","fname":"bench-{n}","msgs":0,"usersCount":1000,"default":false,"ro":false,"sysMes":true,"u":{{"_id":"{author}","username":"bench.user.00000000"}},"ts":{{"$date":1795342086289}},"lm":{{"$date":1795342086289}},"_updatedAt":{{"$date":1795342086289}}}}"#,
        author = user(0)
    )
}

fn subscription(member: u32, of: u32) -> String {
    format!(
        r#"{{"_id":"sub-{member}-{of}","rid":"{}","t":"c","name":"bench-{of}","u":{{"_id":"{}","username":"bench.user.{member:08}"}},"open":true}}"#,
        room(of),
        user(member)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_json_with_everybody_in_it() {
        let seed: serde_json::Value = serde_json::from_str(&seed(3, 2, 9)).unwrap();
        let count = |name: &str| seed[name].as_array().unwrap().len();
        assert_eq!(
            (
                count("users"),
                count("rocketchat_room"),
                count("rocketchat_subscription")
            ),
            (3, 2, 6)
        );
        let empty: serde_json::Value = serde_json::from_str(&super::seed(0, 0, 0)).unwrap();
        assert!(empty["users"].as_array().unwrap().is_empty());
    }
}
