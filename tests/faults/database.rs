//! The database: what is left out by `database` and `thrown_out`. It is a real one behind a proxy, which cuts, holds,
//! delays, and leads to another server as a failover does.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::{Witness, not_ready};
use crate::support::database::Database;
use crate::support::proxy::{Proxy, Way};
use crate::support::{Client, Service, Workspace, eventually, free_port, http};

/// A database with the workspace's documents, behind a proxy.
async fn database() -> (Database, Proxy) {
    let database = Database::start().await;
    database.seed().await;
    let link = Proxy::to(database.port()).await;
    (database, link)
}

/// A workspace whose database is behind a proxy.
async fn linked() -> (Workspace, Database, Proxy) {
    let (database, link) = database().await;
    let builder = Workspace::with().env("MONGO_URL", &link.mongodb());
    let builder = builder.env("MULTIPLE_INSTANCES_PING_INTERVAL", "1");
    (builder.start().await, database, link)
}

/// Asks for a room, whose rule needs the database.
async fn asks(client: &mut Client, room: &str) -> Value {
    let params = json!([room, false]);
    client.try_sub("stream-room-messages", params).await.1
}

/// A client that gets what the database has to say, as soon as that is there.
async fn is_answered(service: &Service, room: &str) {
    service.ready().await;
    let mut client = Client::connect(service.port).await;
    client.login("alice").await;
    client.listen("room-messages", room).await;
}

/// While the database is away: refused, never granted, and the others have what needs none.
async fn is_refused(workspace: &Workspace, alice: &mut Client, witness: &mut Witness) {
    let refused = asks(alice, "private-id").await;
    assert_eq!(refused["error"]["error"], 500, "{refused}");
    not_ready(workspace.service.port, "the database is away").await;
    witness.is_served(&workspace.core).await;
}

#[tokio::test]
#[ignore = "make faults"]
async fn it_comes_later_than_the_service() {
    let (_database, link) = database().await;
    link.refuse();
    let workspace = Workspace::start().await;
    let mut env = workspace.env.clone();
    env.insert("MONGO_URL".into(), link.mongodb());
    env.insert("PORT".into(), free_port().to_string());
    let early = Service::spawn(&env);
    let port = early.port;
    eventually("it has joined the mesh", || async {
        let answer = http::get(port, "/health").await.ok()?;
        (answer.status == 200).then_some(())
    })
    .await;
    not_ready(port, "the database").await;
    // Whoever comes is let in, logged in, and refused only what the database must say.
    let mut client = Client::connect(port).await;
    let login = client.call("login", json!([{"resume": "alice-token"}]));
    assert_eq!(login.await["result"]["id"], "alice-id");
    let echo = client.call("echo", json!([1])).await;
    assert_eq!(echo["result"], json!([1]));
    let refused = asks(&mut client, "private-id").await;
    assert_eq!(refused["error"]["error"], 500, "{refused}");
    link.heal();
    early.ready().await;
    client.listen("room-messages", "private-id").await;
    is_answered(&early, "private-id").await;
}

#[tokio::test]
#[ignore = "make faults"]
async fn frozen_it_is_given_up_and_taken_back() {
    let (workspace, database, _link) = linked().await;
    let mut witness = Witness::at(workspace.service.port).await;
    let mut alice = workspace.login("alice").await;
    database.signal("STOP");
    is_refused(&workspace, &mut alice, &mut witness).await;
    database.signal("CONT");
    is_answered(&workspace.service, "private-id").await;
    alice.listen("room-messages", "private-id").await;
}

/// The other end is there, and nothing of one direction arrives.
async fn half_a_network(way: Way) {
    let (workspace, _database, link) = linked().await;
    let mut witness = Witness::at(workspace.service.port).await;
    let mut alice = workspace.login("alice").await;
    link.hold(way);
    is_refused(&workspace, &mut alice, &mut witness).await;
    link.heal();
    is_answered(&workspace.service, "private-id").await;
    alice.listen("room-messages", "private-id").await;
}

#[tokio::test]
#[ignore = "make faults"]
async fn what_it_answers_arrives_no_more() {
    half_a_network(Way::ToClient).await;
}

#[tokio::test]
#[ignore = "make faults"]
async fn what_it_is_asked_arrives_no_more() {
    half_a_network(Way::ToServer).await;
}

#[tokio::test]
async fn a_reset_in_the_middle_of_an_answer_grants_nothing() {
    let (workspace, _database, link) = linked().await;
    let mut witness = Witness::at(workspace.service.port).await;
    let mut alice = workspace.login("alice").await;
    for _ in 0..10 {
        link.reset_after(Way::ToClient, 40);
        // The driver asks once more by itself: what is granted was answered, what is not was refused. Nothing hangs.
        let answer = asks(&mut alice, "secret-id").await;
        let code = &answer["error"]["error"];
        assert!(*code == "not-allowed" || *code == 500, "{answer}");
        witness.is_served(&workspace.core).await;
    }
    link.heal();
    is_answered(&workspace.service, "private-id").await;
}

#[tokio::test]
#[ignore = "make faults"]
async fn a_failover_is_followed() {
    let (workspace, _first, link) = linked().await;
    let mut witness = Witness::at(workspace.service.port).await;
    let mut alice = workspace.login("alice").await;
    let second = Database::start().await;
    second.seed().await;
    let documents = second.database().await;
    let rooms = documents.collection::<Document>("rocketchat_room");
    let new = doc! {"_id": "new-id", "t": "c", "name": "new"};
    rooms.insert_one(new).await.expect("inserted");
    workspace
        .core
        .ask(
            "put",
            json!({"collection": "rocketchat_room", "docs": [{"_id": "new-id", "t": "c", "name": "new"}]}),
        )
        .await;
    let before = asks(&mut alice, "new-id").await;
    assert_eq!(before["error"]["error"], "not-allowed", "it is not there");
    link.move_to(second.port());
    eventually("the service is registered with the new one", || async {
        let instances = documents.collection::<Document>("instances");
        instances
            .find_one(doc! {"name": "ddp-streamer"})
            .await
            .expect("found")
    })
    .await;
    is_answered(&workspace.service, "new-id").await;
    witness.is_served(&workspace.core).await;
    alice.listen("room-messages", "new-id").await;
}

#[tokio::test]
async fn a_slow_one_is_waited_for() {
    let (workspace, _database, link) = linked().await;
    let mut witness = Witness::at(workspace.service.port).await;
    link.delay(Duration::from_millis(250));
    witness.is_served(&workspace.core).await;
    let mut alice = workspace.login("alice").await;
    alice.listen("room-messages", "private-id").await;
    let ready = http::get(workspace.service.port, "/readyz").await;
    assert_eq!(ready.expect("an answer").status, 200);
}

#[tokio::test]
#[ignore = "make faults"]
async fn what_speaks_something_else_is_not_taken_for_it() {
    let (workspace, database, link) = linked().await;
    let mut witness = Witness::at(workspace.service.port).await;
    let mut alice = workspace.login("alice").await;
    let other = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    link.move_to(other.local_addr().expect("an address").port());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = other.accept().await {
            let _gone = socket.write_all(b"220 mail.example.org ESMTP\r\n").await;
        }
    });
    is_refused(&workspace, &mut alice, &mut witness).await;
    link.move_to(database.port());
    is_answered(&workspace.service, "private-id").await;
    alice.listen("room-messages", "private-id").await;
}
