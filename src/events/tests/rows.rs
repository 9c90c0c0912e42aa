//! Every row: what comes in, what goes out.

use super::*;

#[tokio::test]
async fn every_sample_becomes_what_the_reference_says() {
    let bench = Bench::new(Recorder::default());
    for sample in samples::ALL {
        let becomes = bench.event(sample.event, sample.data).await;
        assert_eq!(becomes, sample.becomes, "{} {}", sample.event, sample.data);
    }
}

#[tokio::test]
async fn an_event_of_no_row_is_nothing() {
    let bench = Bench::new(Recorder::default());
    assert_eq!(
        bench.event("watch.instanceStatus", "[{}]").await,
        [] as [&str; 0]
    );
    assert_eq!(bench.event("", "[]").await, [] as [&str; 0]);
}

#[tokio::test]
async fn a_field_of_the_spread_object_wins_as_in_javascript() {
    let bench = Bench::new(Recorder::default());
    let becomes = bench
        .event(
            "watch.roles",
            r#"[{"clientAction":"changed","role":{"_id":"a","type":"own"}}]"#,
        )
        .await;
    assert_eq!(becomes[1], r#"roles roles [{"type":"own","_id":"a"}]"#);
}
