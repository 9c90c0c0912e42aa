//! A real MongoDB-wire database: what is read, what is written, and its absence.

use mongodb::bson::{Document, doc};
use serde_json::json;

use crate::support::service::Service;
use crate::support::{Workspace, eventually, free_port, http};

// contract: database/instances, configuration/variable/MULTIPLE_INSTANCES_PING_INTERVAL
// contract: configuration/variable/MONGO_URL
#[tokio::test]
async fn the_instance_is_registered_counted_and_deleted() {
    let mut workspace = Workspace::with()
        .database()
        .env("MULTIPLE_INSTANCES_PING_INTERVAL", "1")
        .start()
        .await;
    let database = workspace.database.as_ref().unwrap().database().await;
    let instances = database.collection::<Document>("instances");
    let pid = i64::from(workspace.service.process.pid());
    let find = || async {
        instances
            .find_one(doc! {"name": "ddp-streamer"})
            .await
            .unwrap()
    };
    let first = eventually("it is registered", find).await;
    assert_eq!(
        first
            .get_i32("pid")
            .map(i64::from)
            .or_else(|_| first.get_i64("pid"))
            .unwrap(),
        pid
    );
    assert!(uuid::Uuid::parse_str(first.get_str("_id").unwrap()).is_ok());
    assert!(
        first
            .get_document("extraInformation")
            .unwrap()
            .contains_key("conns")
    );

    // The id is what the mesh is told.
    let client = workspace.client().await;
    let connected = workspace
        .core_hears("socket.connected", json!([{"id": client.session}]))
        .await;
    assert_eq!(connected[0]["instanceId"], first.get_str("_id").unwrap());

    // Touched, and registered again when somebody removed it.
    let updated = first.get_datetime("_updatedAt").unwrap().to_owned();
    eventually("it is touched", || async {
        find()
            .await
            .filter(|now| *now.get_datetime("_updatedAt").unwrap() > updated)
    })
    .await;
    instances.delete_many(doc! {}).await.unwrap();
    eventually("it is registered again", find).await;

    workspace.service.terminate();
    assert_eq!(workspace.service.process.ended().await.code(), Some(0));
    assert_eq!(find().await, None, "deleted on a clean stop");
}

// contract: database/rooms, database/subscriptions, database/dates
#[tokio::test]
async fn rules_and_documents_from_a_real_database() {
    let workspace = Workspace::with().database().start().await;
    let mut alice = workspace.login("alice").await;
    let mut carol = workspace.login("carol").await;
    alice.listen("room-messages", "private-id").await;
    alice
        .listen("notify-room", "private-id/user-activity")
        .await;
    alice.listen("room-data", "private-id").await;
    for (stream, event_name) in [
        ("room-messages", "private-id"),
        ("notify-room", "private-id/user-activity"),
        ("room-data", "private-id"),
        ("room-messages", "no-such-room"),
    ] {
        let (_, answer) = carol
            .try_sub(&format!("stream-{stream}"), json!([event_name, false]))
            .await;
        assert_eq!(
            answer["error"]["error"], "not-allowed",
            "{stream} {event_name}: {answer}"
        );
    }
    // Half a surrogate pair cannot be written in BSON: such a room is not there, and the database is asked on.
    carol
        .text(r#"{"msg":"sub","id":"half","name":"stream-room-messages","params":["half \ud83d",false]}"#)
        .await;
    let answer = carol.expect(json!({"msg": "nosub", "id": "half"})).await;
    assert_eq!(answer["error"]["error"], "not-allowed", "{answer}");
    alice.listen("notify-user", "alice-id/rooms-changed").await;
    workspace.broadcast("watch.rooms", json!([{"clientAction": "updated", "room": {"_id": "private-id", "t": "p", "name": "private"}}])).await;
    assert_eq!(
        alice.hears("notify-user", "alice-id/rooms-changed").await,
        json!(["updated", {"_id": "private-id", "t": "p", "name": "private"}])
    );
    // The room that was sent to the core to decide on is whole, with its dates.
    let asked = workspace
        .core
        .ask(
            "calls",
            json!({"match": {"name": "authorization.canAccessRoom"}, "clear": false}),
        )
        .await;
    assert_eq!(
        asked[0]["params"][0]["ts"],
        json!({"$date": 1_700_000_000_000_i64}),
        "{asked}"
    );
}

/// What only Node.js's driver has a use for stays in an environment of the original.
// contract: configuration/variable/MONGO_URL
#[tokio::test]
async fn options_of_the_originals_driver_are_no_hindrance() {
    let workspace = Workspace::with().database().start().await;
    let database = workspace.database.as_ref().unwrap();
    let instances = database
        .database()
        .await
        .collection::<Document>("instances");
    for options in ["socketTimeoutMS=20000", "maxPoolSize=0"] {
        let mut env = workspace.env.clone();
        env.insert("PORT".into(), free_port().to_string());
        env.insert("MONGO_URL".into(), format!("{}?{options}", database.url()));
        let service = Service::spawn(&env);
        let pid = i64::from(service.process.pid());
        eventually("it is registered", || async {
            instances.find_one(doc! {"pid": pid}).await.unwrap()
        })
        .await;
        service.ready().await;
    }
}

// contract: database/absent, streams/rule/unasked
#[tokio::test]
async fn without_its_database_it_serves_what_it_can_and_refuses_the_rest() {
    let mut workspace = Workspace::with().database().start().await;
    let mut alice = workspace.login("alice").await;
    workspace.database.as_mut().unwrap().kill().await;
    let (_, refused) = alice
        .try_sub("stream-room-messages", json!(["private-id", false]))
        .await;
    assert_eq!(
        refused["error"]["error"], 500,
        "never a silent grant: {refused}"
    );
    assert_eq!(alice.call("echo", json!([1])).await["result"], json!([1]));
    let port = workspace.service.port;
    eventually("readiness says that the database is away", || async move {
        http::get(port, "/readyz")
            .await
            .ok()
            .filter(|answer| answer.status == 503)
    })
    .await;
    workspace.database.as_mut().unwrap().restart().await;
    workspace.service.ready().await;
    alice.listen("room-messages", "private-id").await;
}
