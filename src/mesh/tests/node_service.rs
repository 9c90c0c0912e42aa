use serde_json::json;

use super::*;

async fn ask(net: &Net, action: &str, params: &str) -> Value {
    let tool = net.join("tool", vec![]).await;
    let streamer = NodeId::new("streamer-1").unwrap();
    let answer = tool
        .mesh
        .call(Call::new(action, params).on(&streamer))
        .await
        .unwrap()
        .unwrap();
    // The next one has its name.
    tool.mesh.leave().await;
    serde_json::from_str(answer.get()).unwrap()
}

async fn mesh() -> (Net, Vec<TestNode>) {
    let net = Net::new();
    let streamer = net
        .join(
            "streamer-1",
            vec![ServiceSpec::new("streamer").events(["e", "$node.connected"])],
        )
        .await;
    let nodes = vec![
        streamer,
        net.join("core-1", vec![core()]).await,
        net.join("core-2", vec![core()]).await,
    ];
    (net, nodes)
}

// contract: mesh/called/$node
#[tokio::test(start_paused = true)]
async fn list() {
    let (net, nodes) = mesh().await;
    nodes[2].mesh.leave().await;
    let all = ask(&net, "$node.list", "{}").await;
    let ids: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|node| {
            (
                node["id"].as_str().unwrap(),
                node["available"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        ids,
        [
            ("streamer-1", true),
            ("core-1", true),
            ("core-2", false),
            ("tool", true)
        ]
    );
    let available = ask(
        &net,
        "$node.list",
        r#"{"onlyAvailable":"true","withServices":true}"#,
    )
    .await;
    assert_eq!(available.as_array().unwrap().len(), 3);
    assert_eq!(available[1]["services"][1]["name"], "meteor");
}

// contract: mesh/called/$node
#[tokio::test(start_paused = true)]
async fn services() {
    let (net, _nodes) = mesh().await;
    let all = ask(
        &net,
        "$node.services",
        r#"{"skipInternal":true,"withActions":true,"withEvents":true}"#,
    )
    .await;
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(
        all[0]["events"],
        json!({ "e": { "name": "e" } }),
        "internal events are not listed"
    );
    assert_eq!(
        (&all[1]["name"], &all[1]["nodes"], &all[1]["local"]),
        (
            &json!("meteor"),
            &json!(["core-1", "core-2"]),
            &json!(false)
        )
    );
    assert!(all[1]["actions"]["meteor.echo"].is_object());
    let single = ask(
        &net,
        "$node.services",
        r#"[{"skipInternal":true,"grouping":false}]"#,
    )
    .await;
    assert_eq!(single[2]["nodeID"], "core-2");
}

// contract: mesh/called/$node
#[tokio::test(start_paused = true)]
async fn actions_and_events() {
    let (net, _nodes) = mesh().await;
    let actions = ask(
        &net,
        "$node.actions",
        r#"{"skipInternal":true,"withEndpoints":true}"#,
    )
    .await;
    let echo = actions
        .as_array()
        .unwrap()
        .iter()
        .find(|action| action["name"] == "meteor.echo")
        .unwrap();
    assert_eq!(
        (
            &echo["count"],
            &echo["hasLocal"],
            &echo["endpoints"][1]["nodeID"]
        ),
        (&json!(2), &json!(false), &json!("core-2"))
    );
    let local = ask(&net, "$node.events", r#"{"onlyLocal":true}"#).await;
    let names: Vec<_> = local
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (&event["name"], &event["group"]))
        .collect();
    assert_eq!(names, [(&json!("e"), &json!("streamer"))], "no $node.*");
}

// contract: mesh/called/$node
#[tokio::test(start_paused = true)]
async fn health_and_options() {
    let (net, _nodes) = mesh().await;
    let health = ask(&net, "$node.health", "{}").await;
    for key in ["cpu", "mem", "os", "process", "client", "net", "time"] {
        assert!(health[key].is_object(), "{key}");
    }
    let options = ask(&net, "$node.options", "{}").await;
    assert_eq!(
        (&options["nodeID"], &options["heartbeatInterval"]),
        (&json!("streamer-1"), &json!(10.0))
    );
    let tool = net.join("another-tool", vec![]).await;
    let streamer = NodeId::new("streamer-1").unwrap();
    let metrics = Call::new("$node.metrics", "{}").on(&streamer);
    let Err(CallError::Remote(error)) = tool.mesh.call(metrics).await else {
        panic!("there are none")
    };
    assert_eq!(
        (error.code.clone(), error.type_.as_deref()),
        (Some(Code::Number(400)), Some("METRICS_DISABLED"))
    );
}
