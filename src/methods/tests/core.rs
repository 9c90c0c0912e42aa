//! What is handed on to the core, and what becomes of its errors.

use std::time::Duration;

use super::*;
use crate::mesh::{Code, RemoteError};
use crate::services::testing::meteor_error;

const METHOD: &str = "meteor.callMethodWithToken";

// contract: methods/anything-else
#[tokio::test(start_paused = true)]
async fn any_other_method_is_the_cores() {
    let bench = Bench::start().await;
    let session = bench.open("s");
    bench.heard().await;
    bench
        .world
        .core
        .says(METHOD, r#"{"result":{"a":[1,{"$date":5}]}}"#);
    assert_eq!(
        session
            .result("getRoomIdByNameOrId", r#"["general"]"#)
            .await,
        r#"{"msg":"result","id":"7","result":{"a":[1,{"$date":5}]}}"#
    );
    assert_eq!(
        bench.heard().await,
        [r#"meteor.callMethodWithToken [null,null,"getRoomIdByNameOrId",["general"]]"#]
    );

    let session = bench.logged_in("t", "alice").await;
    for (answer, result) in [
        (r#"{"result":false}"#, r#","result":false"#),
        (r#"{"result":0}"#, r#","result":0"#),
        (r#"{"result":""}"#, r#","result":"""#),
        (r#"{"result":null}"#, r#","result":null"#),
        ("{}", ""),
        ("null", ""),
    ] {
        bench.world.core.says(METHOD, answer);
        assert_eq!(
            session.result("x\"", "[{\"$ne\":null}]").await,
            format!(r#"{{"msg":"result","id":"7"{result}}}"#)
        );
        assert_eq!(
            bench.heard().await,
            [r#"meteor.callMethodWithToken ["alice","h-alice","x\"",[{"$ne":null}]]"#]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_does_not_exist_is_the_cores_as_well() {
    let bench = Bench::start().await;
    let session = bench.open("s");
    bench.heard().await;
    assert_eq!(session.result("stream-nothing", r#"["e"]"#).await, EMPTY);
    assert_eq!(
        bench.heard().await,
        [r#"meteor.callMethodWithToken [null,null,"stream-nothing",["e"]]"#]
    );
}

// contract: methods/anything-else, mesh/error/code
#[tokio::test(start_paused = true)]
async fn errors_for_the_client_go_through_with_their_code() {
    let bench = Bench::start().await;
    let session = bench.open("s");
    bench
        .world
        .core
        .answers(METHOD, |_| meteor_error(Code::Number(403), "No"));
    assert_eq!(session.result("x", "[]").await, error(403, "No"));
    bench.world.core.answers(METHOD, |_| {
        let details = ejson::raw(r#"{"method":"x"}"#.into()).unwrap();
        Err(RemoteError::from_meteor(
            Code::Text("totp-required".into()),
            Some("TOTP Required".into()),
            Some(details),
        )
        .into())
    });
    assert_eq!(
        session.result("x", "[]").await,
        r#"{"msg":"result","id":"7","error":{"isClientSafe":true,"error":"totp-required","reason":"TOTP Required","message":"TOTP Required [totp-required]","details":{"method":"x"},"errorType":"Meteor.Error"}}"#
    );
}

// contract: mesh/error/other
#[tokio::test(start_paused = true)]
async fn errors_of_others_are_the_logs_business() {
    let bench = Bench::start().await;
    let session = bench.open("s");
    bench.world.core.answers(METHOD, |_| {
        Err(RemoteError::internal("mongo said: secret [403]").into())
    });
    assert_eq!(
        session.result("x", "[]").await,
        error(500, "Internal server error")
    );
    bench.world.core.says(METHOD, "[7]");
    assert_eq!(
        session.result("x", "[]").await,
        error(500, "Internal server error")
    );
}

#[tokio::test(start_paused = true)]
async fn a_core_that_does_not_answer_or_is_gone_is_said() {
    let bench = Bench::start().await;
    let session = bench.open("s");
    let big = format!("[\"{}\"]", "x".repeat(2 * 1024 * 1024));
    assert_eq!(
        session.result("x", &big).await,
        error(413, "Request too large")
    );

    bench.world.core.holds(METHOD);
    assert_eq!(
        session.result("x", "[]").await,
        error(504, "Request timed out")
    );

    let (leaving, gone) = (bench.world.core.mesh.clone(), session.result("x", "[]"));
    let ((), said) = tokio::join!(
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            leaving.leave().await;
        },
        gone
    );
    assert_eq!(said, error(503, "Service unavailable"));
    assert_eq!(
        session.result("x", "[]").await,
        error(503, "Service unavailable")
    );
}
