//! What differs between releases and is not in the golden files: meshes of several, and the order of look-ups.

use super::*;

#[tokio::test]
async fn changes_of_one_setting_keep_their_order() {
    let bench = Bench::new(Recorder::default());
    for value in 0..5 {
        let enterprise = value % 2 == 0;
        let data = format!(
            r#"[{{"clientAction":"updated","setting":{{"_id":"E","value":{value},"enterprise":{enterprise}}}}}]"#
        );
        bench
            .events
            .translate("watch.settings", &ejson::raw(data).unwrap());
    }
    let told: Vec<_> = bench
        .settled()
        .await
        .into_iter()
        .filter(|line| line.starts_with("logged"))
        .collect();
    assert_eq!(told.len(), 5);
    assert!(told.is_sorted(), "{told:?}");
}

/// The golden files know cores that list the event by which inquiries differ, and cores that do not: a mesh of both is
/// as new as its newest, and one that is not known is old.
// contract: events/omnichannel/releases, events/watch.inquiries
#[tokio::test]
async fn inquiries_follow_the_newest_core() {
    let said = async |listing| {
        let bench = Bench::new(Recorder {
            listing,
            ..Recorder::default()
        });
        let mut said = Vec::new();
        for file in golden::Golden::all() {
            for case in &file.cases {
                if file.event == "watch.inquiries" {
                    said.push(bench.event(&file.event, &case.data().unwrap()).await);
                }
            }
        }
        said
    };
    let (old, new) = (said(Listed::None).await, said(Listed::All).await);
    assert_ne!(old, new);
    assert_eq!(said(Listed::Unknown).await, old);
    assert_eq!(said(Listed::Mixed).await, new);
}

/// A mesh of both releases gets the positions of the older one.
#[tokio::test]
async fn presence_has_the_newer_elements_on_8_alone() {
    let data = r#"[{"user":{"_id":"u","username":"un","status":"busy","statusSource":"manual"}}]"#;
    for (release, more) in [
        (Release::V6, ""),
        (Release::Unknown, ""),
        (Release::Mixed, ""),
        (Release::V8, r#","manual",null"#),
    ] {
        let bench = Bench::new(Recorder {
            release,
            ..Recorder::default()
        });
        assert_eq!(
            bench.event("presence.status", data).await[1..],
            [
                format!(r#"user-status u [["u","un",3,null,null,null{more}]]"#),
                format!(r#"user-presence u [["un",3,null{more}]]"#),
            ],
            "{release:?}"
        );
    }
}

/// An empty text counts as absent, and keeps its position.
#[tokio::test]
async fn an_empty_source_is_none() {
    let data = r#"[{"user":{"_id":"u","username":"un","status":"busy","statusText":"","statusSource":""}}]"#;
    let bench = Bench::new(Recorder {
        release: Release::V8,
        ..Recorder::default()
    });
    assert_eq!(
        bench.event("presence.status", data).await,
        [
            r#"user u/userData [{"type":"updated","id":"u","diff":{"status":"busy"},"unset":{"statusText":1,"statusSource":1,"statusExpiresAt":1}}]"#,
            r#"user-status u [["u","un",3,"",null,null,"",null]]"#,
            r#"user-presence u [["un",3,"","",null]]"#,
        ]
    );
}
