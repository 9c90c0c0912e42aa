//! What differs between releases, and with the licence.

use super::*;
use crate::services::SettingValue;

const PRESENCE: &str = r#"[{"user":{"_id":"u","username":"un","status":"busy","statusText":"x","statusSource":"manual","statusExpiresAt":{"$date":5},"name":"N","roles":["user"]}}]"#;

#[tokio::test]
async fn presence_has_more_elements_on_8() {
    let data = r#"user u/userData [{"type":"updated","id":"u","diff":{"status":"busy","statusText":"x","statusSource":"manual","statusExpiresAt":{"$date":5}},"unset":{}}]"#;
    let new = Bench::new(Recorder {
        release: Release::V8,
        ..Recorder::default()
    });
    assert_eq!(
        new.event("presence.status", PRESENCE).await,
        [
            data,
            r#"user-status u [["u","un",3,"x","N",["user"],"manual",{"$date":5}]]"#,
            r#"user-presence u [["un",3,"x","manual",{"$date":5}]]"#,
        ]
    );
    let old = Bench::new(Recorder::default());
    assert_eq!(
        old.event("presence.status", PRESENCE).await,
        [
            data,
            r#"user-status u [["u","un",3,"x","N",["user"]]]"#,
            r#"user-presence u [["un",3,"x"]]"#
        ]
    );
    let plain = r#"[{"user":{"_id":"u","username":"un","status":"disabled"}}]"#;
    assert_eq!(
        new.event("presence.status", plain).await[1..],
        [
            r#"user-status u [["u","un",0,null,null,null,null,null]]"#,
            r#"user-presence u [["un",0,null,null,null]]"#
        ]
    );
}

#[tokio::test]
async fn the_licence_has_a_word_in_enterprise_settings() {
    let setting = r#"{"_id":"E","value":true,"invalidValue":false,"enterprise":true}"#;
    let data = format!(r#"[{{"clientAction":"updated","setting":{setting}}}]"#);
    let asked = format!("licence? {setting}");
    let told = |value: &str| {
        format!(
            r#"logged private-settings-changed ["updated",{{"_id":"E","value":{value},"enterprise":true}}]"#
        )
    };
    type Licence = fn() -> SettingValue;
    let rows: [(Licence, &str); 3] = [
        (|| SettingValue::Unchanged, "true"),
        (|| SettingValue::Invalid, "false"),
        (
            || SettingValue::Replaced(ejson::raw("[1]".into()).unwrap()),
            "[1]",
        ),
    ];
    for (licence, value) in rows {
        let bench = Bench::new(Recorder {
            licence,
            ..Recorder::default()
        });
        assert_eq!(
            bench.event("watch.settings", &data).await,
            [
                "setting updated E true".to_owned(),
                asked.clone(),
                told(value)
            ]
        );
    }
    let bench = Bench::new(Recorder::default());
    let removed = data.replace("updated", "removed");
    assert_eq!(
        bench.event("watch.settings", &removed).await,
        [
            "setting removed E true".to_owned(),
            told("true").replace("updated", "removed")
        ],
        "nobody is asked about a setting that is gone"
    );
}

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

struct Inquiry {
    action: &'static str,
    inquiry: &'static str,
    diff: &'static str,
    /// The event names on old cores, and on new ones.
    old: &'static [&'static str],
    new: &'static [&'static str],
}

const INQUIRIES: &[Inquiry] = &[
    Inquiry {
        action: "inserted",
        inquiry: r#"{"_id":"i"}"#,
        diff: "null",
        old: &["i", "public"],
        new: &["i", "public"],
    },
    Inquiry {
        action: "inserted",
        inquiry: r#"{"_id":"i","department":"d","defaultAgent":{"agentId":"a"}}"#,
        diff: "null",
        old: &["i", "department/d"],
        new: &["i", "department/d", "agent/a"],
    },
    Inquiry {
        action: "inserted",
        inquiry: r#"{"_id":"i","defaultAgent":{"agentId":"a"}}"#,
        diff: "null",
        old: &["i", "public"],
        new: &["i", "agent/a"],
    },
    Inquiry {
        action: "updated",
        inquiry: r#"{"_id":"i","department":"d"}"#,
        diff: r#"{"status":"queued"}"#,
        old: &["i", "department/d", "public"],
        new: &["i", "department/d"],
    },
    Inquiry {
        action: "updated",
        inquiry: r#"{"_id":"i","department":"d"}"#,
        diff: r#"{"department":"d"}"#,
        old: &["i", "department/d"],
        new: &["i", "department/d"],
    },
    Inquiry {
        action: "updated",
        inquiry: r#"{"_id":"i","department":"d"}"#,
        diff: r#"{"lockedAt":{"$date":1},"locked":true,"_updatedAt":{"$date":1}}"#,
        old: &[],
        new: &["i"],
    },
    Inquiry {
        action: "updated",
        inquiry: r#"{"_id":"i"}"#,
        diff: r#"{"lockedAt":{"$date":1},"locked":true,"_updatedAt":{"$date":1},"status":"taken"}"#,
        old: &["i", "public"],
        new: &["i", "public"],
    },
    Inquiry {
        action: "removed",
        inquiry: r#"{"_id":"i","department":"d"}"#,
        diff: "null",
        old: &["i", "department/d"],
        new: &["i", "department/d"],
    },
    Inquiry {
        action: "removed",
        inquiry: r#"{"_id":"i"}"#,
        diff: "null",
        old: &["i", "public"],
        new: &["i", "public"],
    },
];

#[tokio::test]
async fn inquiries_reach_whom_the_release_says() {
    for (listing, new) in [
        (Listed::None, false),
        (Listed::Unknown, false),
        (Listed::Mixed, true),
        (Listed::All, true),
    ] {
        let bench = Bench::new(Recorder {
            listing,
            ..Recorder::default()
        });
        for row in INQUIRIES {
            let (action, inquiry, diff) = (row.action, row.inquiry, row.diff);
            let fields = &inquiry[1..inquiry.len() - 1];
            let kind = match action {
                "inserted" => "added",
                "updated" => "changed",
                other => other,
            };
            let expected: Vec<_> = if new { row.new } else { row.old }
                .iter()
                .map(|name| match (*name, action) {
                    ("i", "removed") => {
                        r#"inquiries i [{"_id":"i","clientAction":"removed"}]"#.to_owned()
                    }
                    ("i", _) => format!(r#"inquiries i [{{{fields},"clientAction":"{action}"}}]"#),
                    (name, _) => format!(r#"inquiries {name} [{{"type":"{kind}",{fields}}}]"#),
                })
                .collect();
            let data =
                format!(r#"[{{"clientAction":"{action}","inquiry":{inquiry},"diff":{diff}}}]"#);
            assert_eq!(
                bench.event("watch.inquiries", &data).await,
                expected,
                "{listing:?} {data}"
            );
        }
    }
}
