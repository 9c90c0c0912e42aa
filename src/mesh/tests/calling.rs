use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tokio::time::Instant;

use super::*;

async fn pair(net: &Net) -> (TestNode, TestNode) {
    let core = net.join("core-1", vec![core()]).await;
    (net.join("streamer-1", vec![]).await, core)
}

// contract: mesh/packet/RES, mesh/call/meta
#[tokio::test(start_paused = true)]
async fn results_come_back_as_they_were_sent() {
    let net = Net::new();
    let (streamer, core) = pair(&net).await;
    let args = r#"[1,"ä\u0000",{"$date":5},null]"#;
    assert_eq!(
        streamer.call("meteor.echo", args).await.unwrap().as_deref(),
        Some(args)
    );
    assert_eq!(streamer.call("meteor.undefined", "[]").await.unwrap(), None);
    assert_eq!(
        streamer.call("meteor.null", "[]").await.unwrap().as_deref(),
        Some("null")
    );
    assert_eq!(
        streamer.call("meteor.who", "[]").await.unwrap().as_deref(),
        Some("\"streamer-1\"")
    );
    assert_eq!(
        core.call("meteor.who", "[]").await.unwrap().as_deref(),
        Some("\"core-1\""),
        "its own"
    );
    let meta = r#"{"optl":{"traceparent":"00-1"}}"#;
    let got = streamer
        .mesh
        .call(Call::new("meteor.meta", "[]").meta(meta))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(got.get(), meta);
    assert_eq!(streamer.mesh.stats().pending_calls, 0);
}

// contract: mesh/error/code
#[tokio::test(start_paused = true)]
async fn errors_come_back_with_their_code() {
    let net = Net::new();
    let (streamer, _core) = pair(&net).await;
    let Err(CallError::Remote(error)) = streamer.call("meteor.refuses", "[]").await else {
        panic!()
    };
    let meteor = error.meteor().unwrap();
    assert_eq!(
        (meteor.code, meteor.message.as_str()),
        (
            Code::Text("error-not-allowed".into()),
            "Not allowed [error-not-allowed]"
        )
    );
    assert_eq!(meteor.details.unwrap().get(), r#"{"method":"x"}"#);
    assert_eq!(error.node_id.as_deref(), Some("core-1"));
    let Err(CallError::Remote(error)) = streamer.call("meteor.panics", "[]").await else {
        panic!()
    };
    assert!(error.meteor().is_none());
}

// contract: mesh/call/unknown-service
#[tokio::test(start_paused = true)]
async fn an_unknown_action_of_a_known_service_fails_at_once() {
    let net = Net::new();
    let (streamer, core) = pair(&net).await;
    let started = Instant::now();
    assert!(matches!(
        streamer.call("meteor.nope", "[]").await,
        Err(CallError::ServiceNotFound { .. })
    ));
    let elsewhere = NodeId::new("core-9").unwrap();
    let call = Call::new("meteor.echo", "[]").on(&elsewhere);
    assert!(matches!(
        streamer.mesh.call(call).await,
        Err(CallError::ServiceNotFound { node: Some(_), .. })
    ));
    assert!(matches!(
        streamer.call("nodot", "[]").await,
        Err(CallError::ServiceNotFound { .. })
    ));
    assert_eq!(started.elapsed(), Duration::ZERO);
    // One that is called all the same is answered as Moleculer answers.
    let mut tap = net.bus.tap();
    net.bus.publish("MOL.REQ.core-1", r#"{"id":"1","action":"meteor.nope","params":[],"meta":{},"ver":"4","sender":"streamer-1"}"#);
    settle().await;
    let answer = loop {
        let (subject, payload) = tap.recv().await.unwrap();
        if subject == "MOL.RES.streamer-1" {
            break serde_json::from_slice::<Value>(&payload).unwrap();
        }
    };
    assert_eq!(
        answer["error"],
        serde_json::json!({
            "name": "ServiceNotFoundError", "message": "Service 'meteor.nope' is not found on 'core-1' node.", "nodeID": "core-1", "code": 404,
            "type": "SERVICE_NOT_FOUND", "retryable": true, "data": { "action": "meteor.nope", "nodeID": "core-1" },
        })
    );
    assert_eq!(core.mesh.stats().malformed, 0);
}

// contract: mesh/call/timeout, configuration/variable/REQUEST_TIMEOUT
#[tokio::test(start_paused = true)]
async fn no_answer_is_a_time_out() {
    let net = Net::new();
    let (streamer, _core) = pair(&net).await;
    let started = Instant::now();
    let error = streamer.call("meteor.never", "[]").await.unwrap_err();
    assert!(matches!(error, CallError::Timeout { .. }) && error.code() == 504 && error.retryable());
    assert_eq!(started.elapsed().as_secs(), 60);
    let call = Call::new("meteor.never", "[]").timeout(Duration::from_secs(5));
    assert!(streamer.mesh.call(call).await.is_err());
    assert_eq!(started.elapsed().as_secs(), 65);
    assert_eq!(streamer.mesh.stats().pending_calls, 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_a_call_gives_it_up() {
    let net = Net::new();
    let (streamer, _core) = pair(&net).await;
    let call = tokio::time::timeout(Duration::from_secs(1), streamer.call("meteor.never", "[]"));
    assert!(call.await.is_err());
    assert_eq!(streamer.mesh.stats().pending_calls, 0);
}

// contract: mesh/node/leaving
#[tokio::test(start_paused = true)]
async fn a_node_that_leaves_fails_its_calls_at_once() {
    let net = Net::new();
    let (streamer, core) = pair(&net).await;
    let started = Instant::now();
    let (result, ()) = tokio::join!(streamer.call("meteor.never", "[]"), async {
        settle().await;
        core.mesh.leave().await;
    });
    assert!(matches!(result, Err(CallError::NodeLost { .. })));
    assert!(started.elapsed() < Duration::from_secs(1));
}

// contract: mesh/node/silent
#[tokio::test(start_paused = true)]
async fn a_node_that_dies_fails_its_calls_within_the_timeout() {
    let net = Net::new();
    let core = net.join("core-1", vec![core()]).await;
    let mut config = net.config("streamer-1");
    config.node.heartbeat_timeout = Duration::from_secs(12);
    let streamer = net.join_with(config, vec![]).await;
    let started = Instant::now();
    let (result, ()) = tokio::join!(streamer.call("meteor.never", "[]"), async {
        settle().await;
        core.kill();
    });
    assert!(matches!(result, Err(CallError::NodeLost { .. })));
    assert!(
        started.elapsed() <= Duration::from_secs(14),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_restart_under_the_same_name_fails_what_the_former_run_owed() {
    let net = Net::new();
    let (streamer, core) = pair(&net).await;
    let started = Instant::now();
    let (result, _core) = tokio::join!(streamer.call("meteor.never", "[]"), async {
        settle().await;
        core.kill();
        settle().await;
        net.join("core-1", vec![super::core()]).await
    });
    assert!(matches!(result, Err(CallError::NodeLost { .. })));
    assert!(started.elapsed() < Duration::from_secs(1));
    assert!(streamer.call("meteor.echo", "[]").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_takes_goes_to_another_node() {
    let net = Net::new();
    let first = net.join("core-1", vec![core()]).await;
    let _second = net.join("core-2", vec![core()]).await;
    let streamer = net.join("streamer-1", vec![]).await;
    first.kill();
    settle().await;
    let started = Instant::now();
    for _ in 0..4 {
        assert!(streamer.call("meteor.echo", "[]").await.is_ok());
    }
    assert!(started.elapsed() < Duration::from_secs(1));
}

// contract: mesh/call/chunked
#[tokio::test(start_paused = true)]
async fn a_chunked_answer_is_an_error() {
    let net = Net::new();
    let (streamer, _core) = pair(&net).await;
    let mut tap = net.bus.tap();
    let (result, ()) = tokio::join!(streamer.call("meteor.never", "[]"), async {
        let (_, payload) = tap.recv().await.unwrap();
        let request: Value = serde_json::from_slice(&payload).unwrap();
        let chunk = |seq: u32| {
            let json = serde_json::json!({
                "id": request["id"], "meta": {}, "success": true, "data": null, "stream": true, "seq": seq, "ver": "4", "sender": "core-1",
            });
            net.bus.publish("MOL.RES.streamer-1", json.to_string());
        };
        chunk(0);
        chunk(1);
    });
    assert!(matches!(result, Err(CallError::BadAnswer { .. })));
    settle().await;
    assert_eq!(streamer.mesh.stats().orphans, 1);
}

// contract: mesh/call/chunked
#[tokio::test(start_paused = true)]
async fn an_answer_that_only_names_its_chunk_is_a_whole_one() {
    let net = Net::new();
    let (streamer, _core) = pair(&net).await;
    for (seq, whole) in [(0, true), (1, false)] {
        let mut tap = net.bus.tap();
        let (result, ()) = tokio::join!(streamer.call("meteor.never", "[]"), async {
            let (_, payload) = tap.recv().await.unwrap();
            let request: Value = serde_json::from_slice(&payload).unwrap();
            let json = serde_json::json!({
                "id": request["id"], "meta": {}, "success": true, "data": 7, "stream": false, "seq": seq, "ver": "4", "sender": "core-1",
            });
            net.bus.publish("MOL.RES.streamer-1", json.to_string());
        });
        match whole {
            true => assert_eq!(result.unwrap().as_deref(), Some("7")),
            false => assert!(matches!(result, Err(CallError::BadAnswer { .. }))),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_chunked_request_is_refused_once() {
    let net = Net::new();
    let (_streamer, _core) = pair(&net).await;
    let mut tap = net.bus.tap();
    for seq in 0..3 {
        net.bus.publish(
            "MOL.REQ.core-1",
            format!(r#"{{"id":"1","action":"meteor.echo","params":null,"stream":true,"seq":{seq},"ver":"4","sender":"streamer-1"}}"#),
        );
    }
    settle().await;
    let mut answers = 0;
    while let Ok((subject, _)) = tap.try_recv() {
        answers += usize::from(subject.starts_with("MOL.RES"));
    }
    assert_eq!(answers, 1);
}

// contract: mesh/call/too-large
#[tokio::test(start_paused = true)]
async fn too_large_is_413_and_never_sent() {
    let net = Net::new();
    net.bus.set_max_payload(4096);
    let (streamer, _core) = pair(&net).await;
    let error = streamer
        .call("meteor.echo", &format!("[\"{}\"]", "x".repeat(5000)))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::TooLarge { limit: 4096, .. }) && error.code() == 413);
    assert_eq!(error.to_string(), "Request too large");
    assert_eq!(streamer.mesh.stats().too_large, 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_too_large_is_an_error_not_silence() {
    let net = Net::new();
    let big = ServiceSpec::new("big").action("x", |_| async {
        Ok(Some(raw(&format!("\"{}\"", "x".repeat(5000)))))
    });
    net.bus.set_max_payload(4096);
    let _core = net.join("core-1", vec![big]).await;
    let streamer = net.join("streamer-1", vec![]).await;
    let error = streamer.call("big.x", "[]").await.unwrap_err();
    assert!(matches!(error, CallError::Remote(_)) && error.code() == 413);
}

fn flaky(failures: usize, retryable: bool, calls: &Arc<AtomicUsize>) -> ServiceSpec {
    let calls = Arc::clone(calls);
    ServiceSpec::new("flaky").action("x", move |_| {
        let n = calls.fetch_add(1, SeqCst);
        async move {
            if n < failures {
                Err(RemoteError {
                    retryable,
                    ..RemoteError::internal("later")
                }
                .into())
            } else {
                Ok(None)
            }
        }
    })
}

// contract: mesh/call/retries, configuration/variable/RETRY_ENABLED, configuration/variable/RETRY_RETRIES
// contract: configuration/variable/RETRY_DELAY
#[tokio::test(start_paused = true)]
async fn only_repeatable_calls_with_retryable_errors_are_retried() {
    for (enabled, repeatable, retryable, failures, expected_calls, succeeds) in [
        (true, true, true, 2, 3, true),
        (true, true, true, 99, 6, false),
        (true, false, true, 2, 1, false),
        (true, true, false, 2, 1, false),
        (false, true, true, 2, 1, false),
    ] {
        let net = Net::new();
        let calls = Arc::new(AtomicUsize::new(0));
        let _core = net
            .join("core-1", vec![flaky(failures, retryable, &calls)])
            .await;
        let mut config = net.config("streamer-1");
        config.node.retry.enabled = enabled;
        let streamer = net.join_with(config, vec![]).await;
        let result = streamer
            .mesh
            .call(Call {
                repeatable,
                ..Call::new("flaky.x", "[]")
            })
            .await;
        assert_eq!(
            (result.is_ok(), calls.load(SeqCst)),
            (succeeds, expected_calls)
        );
    }
}

// contract: mesh/call/bulkhead, configuration/variable/BULKHEAD_ENABLED, configuration/variable/BULKHEAD_CONCURRENCY
// contract: configuration/variable/BULKHEAD_MAX_QUEUE_SIZE
#[tokio::test(start_paused = true)]
async fn the_bulkhead_queues_and_refuses() {
    let net = Net::new();
    let _core = net.join("core-1", vec![core()]).await;
    let mut config = net.config("streamer-1");
    config.node.bulkhead = Some(Bulkhead {
        concurrency: 1,
        max_queue: 1,
    });
    let streamer = net.join_with(config, vec![]).await;
    let call = |action, time| {
        let timeout = Duration::from_millis(time);
        streamer.mesh.call(Call::new(action, "[]").timeout(timeout))
    };
    let started = Instant::now();
    let (a, b, c) = tokio::join!(
        call("meteor.slow", 1000),
        call("meteor.slow", 1000),
        call("meteor.slow", 1000)
    );
    assert!(a.is_ok() && b.is_ok());
    assert!(matches!(c, Err(CallError::QueueFull { .. })));
    assert_eq!(started.elapsed().as_millis(), 800, "one after another");
    // The time of a call is that in the queue as well, whether it gets a place or not.
    for (first, asked) in [(300, &[300, 300][..]), (600, &[600]), (900, &[900])] {
        let mut tap = net.bus.tap();
        let started = Instant::now();
        let ended = async |time| {
            let error = call("meteor.never", time).await.unwrap_err();
            assert!(matches!(error, CallError::Timeout { .. }), "{error:?}");
            started.elapsed().as_millis()
        };
        assert_eq!(tokio::join!(ended(first), ended(600)), (first.into(), 600));
        let mut told = Vec::new();
        while let Ok((_, payload)) = tap.try_recv() {
            let packet: Value = serde_json::from_slice(&payload).unwrap();
            told.extend(packet["timeout"].as_u64());
        }
        assert_eq!(told, asked, "whoever got no place in time asks nobody");
    }
}

// contract: mesh/call/unknown-service, configuration/variable/WAIT_FOR_SERVICES_TIMEOUT
#[tokio::test(start_paused = true)]
async fn a_service_is_waited_for_once_by_all_and_not_again() {
    let net = Net::new();
    let streamer = net.join("streamer-1", vec![]).await;
    let started = Instant::now();
    let (a, b) = tokio::join!(streamer.call("meteor.echo", "[]"), async {
        seconds(6).await;
        streamer.call("meteor.null", "[]").await
    });
    assert!(matches!(
        (a, b),
        (
            Err(CallError::ServiceNotFound { .. }),
            Err(CallError::ServiceNotFound { .. })
        )
    ));
    assert_eq!(
        started.elapsed().as_secs(),
        10,
        "the second waited for the first one's deadline"
    );
    assert!(streamer.call("meteor.echo", "[]").await.is_err());
    assert_eq!(started.elapsed().as_secs(), 10, "not waited for again");
    assert!(
        streamer
            .call("ee-settings.changeSettingValue", "[]")
            .await
            .is_err()
    );
    assert_eq!(started.elapsed().as_secs(), 10, "never waited for");
    let core = net.join("core-1", vec![core()]).await;
    assert!(streamer.call("meteor.echo", "[]").await.is_ok());
    core.mesh.leave().await;
    let left = Instant::now();
    assert!(matches!(
        streamer.call("meteor.echo", "[]").await,
        Err(CallError::ServiceNotAvailable { .. })
    ));
    assert_eq!(left.elapsed().as_secs(), 10, "seen again: waited for again");
}

// contract: mesh/call/unknown-service
#[tokio::test(start_paused = true)]
async fn a_service_that_comes_ends_the_wait() {
    let net = Net::new();
    let streamer = net.join("streamer-1", vec![]).await;
    let (result, _core) = tokio::join!(streamer.call("meteor.echo", "[7]"), async {
        seconds(3).await;
        net.join("core-1", vec![core()]).await
    });
    assert_eq!(result.unwrap().as_deref(), Some("[7]"));
}

// contract: mesh/call/balance, configuration/variable/BALANCE_PREFER_LOCAL
#[tokio::test(start_paused = true)]
async fn calls_take_turns_or_stay_at_home() {
    let net = Net::new();
    let whoami = |name: &'static str| {
        ServiceSpec::new("who").action("am", move |_| async move {
            Ok(Some(raw(&format!("\"{name}\""))))
        })
    };
    let _a = net.join("a", vec![whoami("a")]).await;
    let b = net.join("b", vec![whoami("b")]).await;
    let c = net.join("c", vec![]).await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(c.call("who.am", "[]").await.unwrap().unwrap());
    }
    answers.sort();
    assert_eq!(answers, ["\"a\"", "\"a\"", "\"b\"", "\"b\""]);
    for _ in 0..2 {
        assert_eq!(
            b.call("who.am", "[]").await.unwrap().as_deref(),
            Some("\"b\"")
        );
    }
    let at_a = NodeId::new("a").unwrap();
    assert_eq!(
        b.mesh
            .call(Call::new("who.am", "[]").on(&at_a))
            .await
            .unwrap()
            .unwrap()
            .get(),
        "\"a\""
    );
}

#[tokio::test(start_paused = true)]
async fn calls_are_given_up_when_the_own_node_leaves() {
    let net = Net::new();
    let (streamer, _core) = pair(&net).await;
    let (result, ()) = tokio::join!(streamer.call("meteor.never", "[]"), async {
        settle().await;
        streamer.mesh.leave().await;
    });
    assert!(matches!(result, Err(CallError::Cancelled { .. })));
    assert!(streamer.call("meteor.echo", "[]").await.is_err());
}
