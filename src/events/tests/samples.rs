//! A packet's arguments for every row, and what a 6.x/7.x workspace makes of them.

pub(super) struct Sample {
    pub(super) event: &'static str,
    pub(super) data: &'static str,
    pub(super) becomes: &'static [&'static str],
}

const fn row(event: &'static str, data: &'static str, becomes: &'static [&'static str]) -> Sample {
    Sample {
        event,
        data,
        becomes,
    }
}

pub(super) const ALL: &[Sample] = &[
    row(
        "watch.messages",
        r#"[{"clientAction":"inserted","message":{"_id":"m","rid":"r","msg":"hi","ts":{"$date":1}}}]"#,
        &[r#"message r {"_id":"m","rid":"r","msg":"hi","ts":{"$date":1}}"#],
    ),
    row(
        "watch.subscriptions",
        r#"[{"clientAction":"inserted","subscription":{"_id":"s","rid":"r","u":{"_id":"u"}}}]"#,
        &[
            r#"subscription inserted {"_id":"s","rid":"r","u":{"_id":"u"}}"#,
            r#"user u/subscriptions-changed ["inserted",{"_id":"s","rid":"r","u":{"_id":"u"}}]"#,
        ],
    ),
    row(
        "watch.rooms",
        r#"[{"clientAction":"updated","room":{"_id":"r","t":"c"}}]"#,
        &[
            r#"room-changed updated {"_id":"r","t":"c"}"#,
            r#"room-data r [{"_id":"r","t":"c"}]"#,
        ],
    ),
    row(
        "watch.users",
        r#"[{"id":"u","clientAction":"updated","diff":{"name":"n"},"unset":{"bio":1}}]"#,
        &[
            "user-changed u",
            r#"user u/userData [{"id":"u","diff":{"name":"n"},"unset":{"bio":1},"type":"updated"}]"#,
        ],
    ),
    row(
        "watch.users",
        r#"[{"id":"u","clientAction":"inserted","data":{"_id":"u"}}]"#,
        &[
            "user-changed u",
            r#"user u/userData [{"id":"u","data":{"_id":"u"},"type":"inserted"}]"#,
        ],
    ),
    row(
        "watch.users",
        r#"[{"id":"u","clientAction":"removed"}]"#,
        &[
            "user-changed u",
            r#"user u/userData [{"id":"u","type":"removed"}]"#,
        ],
    ),
    row(
        "watch.roles",
        r#"[{"clientAction":"changed","role":{"_id":"admin","scope":"Users"}}]"#,
        &[
            "role-changed",
            r#"roles roles [{"type":"changed","_id":"admin","scope":"Users"}]"#,
        ],
    ),
    row(
        "watch.settings",
        r#"[{"clientAction":"updated","setting":{"_id":"Site_Name","type":"string","value":"x","public":true,"editor":"e","i18nLabel":"l"}}]"#,
        &[
            r#"setting updated Site_Name "x""#,
            r#"all public-settings-changed ["updated",{"_id":"Site_Name","value":"x"}]"#,
            r#"all public-info [["public-settings-changed",["updated",{"_id":"Site_Name","value":"x"}]]]"#,
            r#"logged private-settings-changed ["updated",{"_id":"Site_Name","value":"x"}]"#,
        ],
    ),
    row(
        "watch.settings",
        r##"[{"clientAction":"updated","setting":{"_id":"c","type":"color","value":"#fff","editor":"color","properties":{"a":1},"requiredOnWizard":false}}]"##,
        &[
            r##"setting updated c "#fff""##,
            r##"logged private-settings-changed ["updated",{"_id":"c","value":"#fff","editor":"color","properties":{"a":1},"requiredOnWizard":false}]"##,
        ],
    ),
    row(
        "watch.settings",
        r#"[{"clientAction":"updated","setting":{"_id":"h","value":1,"hidden":true,"public":true}}]"#,
        &["setting updated h 1"],
    ),
    row(
        "watch.inquiries",
        r#"[{"clientAction":"inserted","inquiry":{"_id":"i","rid":"r","department":"d"}}]"#,
        &[
            r#"inquiries i [{"_id":"i","rid":"r","department":"d","clientAction":"inserted"}]"#,
            r#"inquiries department/d [{"type":"added","_id":"i","rid":"r","department":"d"}]"#,
        ],
    ),
    row(
        "watch.integrationHistory",
        r#"[{"clientAction":"updated","data":{"_id":"h","integration":{"_id":"int"}},"diff":{"step":"x"},"id":"h"}]"#,
        &[r#"integrationHistory int [{"id":"h","diff":{"step":"x"},"type":"updated"}]"#],
    ),
    row(
        "watch.integrationHistory",
        r#"[{"clientAction":"inserted","data":{"_id":"h","integration":{"_id":"int"}},"id":"h"}]"#,
        &[
            r#"integrationHistory int [{"data":{"_id":"h","integration":{"_id":"int"}},"type":"inserted"}]"#,
        ],
    ),
    row(
        "watch.livechatDepartmentAgents",
        r#"[{"clientAction":"inserted","data":{"_id":"x","agentId":"u","departmentId":"d"}}]"#,
        &[
            r#"user u/departmentAgentData [{"action":"inserted","_id":"x","agentId":"u","departmentId":"d"}]"#,
        ],
    ),
    row(
        "watch.priorities",
        r#"[{"clientAction":"updated","diff":{"name":"High"},"id":"p"}]"#,
        &[
            r#"logged omnichannel.priority-changed [{"id":"p","clientAction":"updated","name":"High"}]"#,
        ],
    ),
    row(
        "watch.loginServiceConfiguration",
        r#"[{"clientAction":"updated","id":"l","data":{"_id":"l","service":"github"}}]"#,
        &[r#"login-service l {"_id":"l","service":"github"}"#],
    ),
    row(
        "watch.loginServiceConfiguration",
        r#"[{"clientAction":"removed","id":"l"}]"#,
        &["login-service l -"],
    ),
    row(
        "meteor.clientVersionUpdated",
        r#"[{"_id":"web.browser","version":"v"}]"#,
        &[r#"client-version web.browser {"_id":"web.browser","version":"v"}"#],
    ),
    row(
        "stream",
        r#"[["notify-room","r/user-activity",["n",[]]]]"#,
        &[r#"relayed [["notify-room","r/user-activity",["n",[]]]]"#],
    ),
    row(
        "presence.status",
        r#"[{"user":{"_id":"u","username":"un","status":"away","statusText":"tea","name":"N","roles":["user"]},"previousStatus":"online"}]"#,
        &[
            r#"user u/userData [{"type":"updated","id":"u","diff":{"status":"away","statusText":"tea"},"unset":{"statusSource":1,"statusExpiresAt":1}}]"#,
            r#"user-status u [["u","un",2,"tea","N",["user"]]]"#,
            r#"user-presence u [["un",2,"tea"]]"#,
        ],
    ),
    row(
        "presence.status",
        r#"[{"user":{"_id":"u","username":"un","status":"offline","statusText":""}}]"#,
        &[
            r#"user u/userData [{"type":"updated","id":"u","diff":{"status":"offline"},"unset":{"statusText":1,"statusSource":1,"statusExpiresAt":1}}]"#,
            r#"user-status u [["u","un",0,"",null,null]]"#,
            r#"user-presence u [["un",0,""]]"#,
        ],
    ),
    row(
        "presence.invalidateVisibility",
        r#"[{"targets":["u"],"viewers":["v"]}]"#,
        &[r#"visibility {"targets":["u"],"viewers":["v"]}"#],
    ),
    row("user.forceLogout", r#"["u"]"#, &["user u/force_logout []"]),
    row(
        "user.forceLogout",
        r#"["u","s"]"#,
        &[r#"user u/force_logout ["s"]"#],
    ),
    row(
        "user.nameChanged",
        r#"[{"_id":"u","name":"n","username":"un"}]"#,
        &[r#"logged Users:NameChanged [{"_id":"u","name":"n","username":"un"}]"#],
    ),
    row(
        "user.deleted",
        r#"[{"_id":"u"},{"messageErasureType":"Delete"}]"#,
        &[r#"logged Users:Deleted [{"userId":"u","messageErasureType":"Delete"}]"#],
    ),
    row(
        "user.roleUpdate",
        r#"[{"type":"added","_id":"admin","u":{"_id":"u","username":"un"}}]"#,
        &[
            "role-changed",
            r#"logged roles-change [{"type":"added","_id":"admin","u":{"_id":"u","username":"un"}}]"#,
        ],
    ),
    row(
        "user.avatarUpdate",
        r#"[{"username":"un","avatarETag":"e"}]"#,
        &[r#"logged updateAvatar [{"username":"un","etag":"e"}]"#],
    ),
    row(
        "room.avatarUpdate",
        r#"[{"_id":"r","avatarETag":"e"}]"#,
        &[r#"logged updateAvatar [{"rid":"r","etag":"e"}]"#],
    ),
    row(
        "user.updateCustomStatus",
        r#"[{"_id":"x","name":"n"}]"#,
        &[r#"logged updateCustomUserStatus [{"userStatusData":{"_id":"x","name":"n"}}]"#],
    ),
    row(
        "user.deleteCustomStatus",
        r#"[{"_id":"x","name":"n"}]"#,
        &[r#"logged deleteCustomUserStatus [{"userStatusData":{"_id":"x","name":"n"}}]"#],
    ),
    row(
        "user.video-conference",
        r#"[{"userId":"u","action":"call","params":{"callId":"c"}}]"#,
        &[r#"user u/video-conference [{"action":"call","params":{"callId":"c"}}]"#],
    ),
    row(
        "user.media-signal",
        r#"[{"userId":"u","signal":{"type":"new"}}]"#,
        &[r#"user u/media-signal [{"type":"new"}]"#],
    ),
    row(
        "user.activity",
        r#"[{"user":"un","isTyping":true,"roomId":"r"}]"#,
        &[r#"room r/user-activity ["un",["user-typing"]]"#],
    ),
    row(
        "user.activity",
        r#"[{"user":"un","isTyping":false,"roomId":"r"}]"#,
        &[r#"room r/user-activity ["un",[]]"#],
    ),
    row(
        "room.video-conference",
        r#"[{"rid":"r","callId":"c"}]"#,
        &[r#"room r/videoconf ["c"]"#, "room r/c []"],
    ),
    row(
        "video-conference.updated",
        r#"[{"callId":"c"}]"#,
        &["video-conference c/updated []"],
    ),
    row(
        "emoji.updateCustom",
        r#"[{"name":"party"}]"#,
        &[r#"logged updateEmojiCustom [{"emojiData":{"name":"party"}}]"#],
    ),
    row(
        "emoji.deleteCustom",
        r#"[{"name":"party"}]"#,
        &[r#"logged deleteEmojiCustom [{"emojiData":{"name":"party"}}]"#],
    ),
    row(
        "permission.changed",
        r#"[{"clientAction":"updated","data":{"_id":"view-logs","roles":[]}}]"#,
        &[
            "permission-changed",
            r#"logged permissions-changed ["updated",{"_id":"view-logs","roles":[]}]"#,
        ],
    ),
    row("license.sync", r#"[null]"#, &["all license []"]),
    row(
        "license.actions",
        r#"[{"disable":true}]"#,
        &["all license []"],
    ),
    row(
        "abac.config.changed",
        r#"[]"#,
        &["logged abac-config-changed []"],
    ),
    row(
        "banner.user",
        r#"["u",{"id":"b"}]"#,
        &[r#"user u/banners [{"id":"b"}]"#],
    ),
    row(
        "banner.new",
        r#"["b"]"#,
        &[
            r#"logged new-banner [{"bannerId":"b"}]"#,
            r#"logged banner-changed [{"bannerId":"b"}]"#,
        ],
    ),
    row(
        "banner.enabled",
        r#"["b"]"#,
        &[r#"logged banner-changed [{"bannerId":"b"}]"#],
    ),
    row(
        "banner.disabled",
        r#"["b"]"#,
        &[r#"logged banner-changed [{"bannerId":"b"}]"#],
    ),
    row(
        "notify.desktop",
        r#"["u",{"title":"t"}]"#,
        &[r#"user u/notification [{"title":"t"}]"#],
    ),
    row(
        "notify.uiInteraction",
        r#"["u",{"type":"modal.open"}]"#,
        &[r#"user u/uiInteraction [{"type":"modal.open"}]"#],
    ),
    row(
        "notify.updateInvites",
        r#"["u",{"invite":1}]"#,
        &[r#"user u/updateInvites [{"invite":1}]"#],
    ),
    row(
        "notify.webdav",
        r#"["u",{"type":"changed"}]"#,
        &[r#"user u/webdav [{"type":"changed"}]"#],
    ),
    row(
        "notify.calendar",
        r#"["u",{"title":"t"}]"#,
        &[r#"user u/calendar [{"title":"t"}]"#],
    ),
    row(
        "notify.ephemeralMessage",
        r#"["u","r",{"rid":"r","attachments":[]}]"#,
        &[
            r#"user u/message [{"groupable":false,"u":{"_id":"rocket.cat","username":"rocket.cat"},"private":true,"_id":"1700000000000","rid":"r","ts":{"$date":1700000000000},"_updatedAt":{"$date":1700000000000},"attachments":[]}]"#,
        ],
    ),
    row(
        "notify.ephemeralMessage",
        r#"["u","r",{"_id":"m","groupable":true,"u":{"_id":"bot"}}]"#,
        &[
            r#"user u/message [{"groupable":true,"u":{"_id":"bot"},"private":true,"_id":"m","rid":"r","ts":{"$date":1700000000000},"_updatedAt":{"$date":1700000000000}}]"#,
        ],
    ),
    row(
        "notify.e2e.keyRequest",
        r#"["r","key"]"#,
        &[r#"room r/e2e.keyRequest ["key"]"#],
    ),
    row(
        "notify.deleteMessage",
        r#"["r",{"_id":"m"}]"#,
        &[r#"room r/deleteMessage [{"_id":"m"}]"#],
    ),
    row(
        "notify.deleteMessageBulk",
        r#"["r",{"ids":["m"]}]"#,
        &[r#"room r/deleteMessageBulk [{"ids":["m"]}]"#],
    ),
    row(
        "notify.messagesRead",
        r#"[{"rid":"r","until":{"$date":1},"tmid":"t"}]"#,
        &[r#"room r/messagesRead [{"tmid":"t","until":{"$date":1}}]"#],
    ),
    row(
        "notify.messagesRead",
        r#"[{"rid":"r","until":{"$date":1}}]"#,
        &[r#"room r/messagesRead [{"until":{"$date":1}}]"#],
    ),
    row(
        "notify.importedMessages",
        r#"[{"roomIds":["r","q"]}]"#,
        &[
            "room r/messagesImported [null]",
            "room q/messagesImported [null]",
        ],
    ),
    row(
        "notify.updateCustomSound",
        r#"[{"soundData":{"_id":"s"}}]"#,
        &[
            r#"all updateCustomSound [{"soundData":{"_id":"s"}}]"#,
            r#"all public-info [["updateCustomSound",[{"soundData":{"_id":"s"}}]]]"#,
        ],
    ),
    row(
        "notify.deleteCustomSound",
        r#"[{"soundData":{"_id":"s"}}]"#,
        &[
            r#"all deleteCustomSound [{"soundData":{"_id":"s"}}]"#,
            r#"all public-info [["deleteCustomSound",[{"soundData":{"_id":"s"}}]]]"#,
        ],
    ),
    row(
        "voip.events",
        r#"["u",{"event":"e"}]"#,
        &[r#"user u/voip.events [{"event":"e"}]"#],
    ),
    row(
        "call.callerhangup",
        r#"["u",{"roomId":"r"}]"#,
        &[r#"user u/call.hangup [{"roomId":"r"}]"#],
    ),
    row(
        "connector.statuschanged",
        r#"[false]"#,
        &["logged voip.statuschanged [false]"],
    ),
    row(
        "omnichannel.room",
        r#"["r",{"type":"agentData"}]"#,
        &[r#"livechat-room r [{"type":"agentData"}]"#],
    ),
    row(
        "apps.added",
        r#"["a"]"#,
        &[
            r#"apps app/added ["a"]"#,
            r#"apps apps [["app/added",["a"]]]"#,
        ],
    ),
    row(
        "apps.removed",
        r#"["a"]"#,
        &[
            r#"apps app/removed ["a"]"#,
            r#"apps apps [["app/removed",["a"]]]"#,
        ],
    ),
    row(
        "apps.updated",
        r#"["a"]"#,
        &[
            r#"apps app/updated ["a"]"#,
            r#"apps apps [["app/updated",["a"]]]"#,
        ],
    ),
    row(
        "apps.statusUpdate",
        r#"["a","enabled"]"#,
        &[
            r#"apps app/statusUpdate [{"appId":"a","status":"enabled"}]"#,
            r#"apps apps [["app/statusUpdate",[{"appId":"a","status":"enabled"}]]]"#,
        ],
    ),
    row(
        "apps.settingUpdated",
        r#"["a",{"id":"s"}]"#,
        &[
            r#"apps app/settingUpdated [{"appId":"a","setting":{"id":"s"}}]"#,
            r#"apps apps [["app/settingUpdated",[{"appId":"a","setting":{"id":"s"}}]]]"#,
        ],
    ),
    row(
        "command.added",
        r#"["c"]"#,
        &[
            r#"apps command/added ["c"]"#,
            r#"apps apps [["command/added",["c"]]]"#,
        ],
    ),
    row(
        "command.disabled",
        r#"["c"]"#,
        &[
            r#"apps command/disabled ["c"]"#,
            r#"apps apps [["command/disabled",["c"]]]"#,
        ],
    ),
    row(
        "command.updated",
        r#"["c"]"#,
        &[
            r#"apps command/updated ["c"]"#,
            r#"apps apps [["command/updated",["c"]]]"#,
        ],
    ),
    row(
        "command.removed",
        r#"["c"]"#,
        &[
            r#"apps command/removed ["c"]"#,
            r#"apps apps [["command/removed",["c"]]]"#,
        ],
    ),
    row(
        "actions.changed",
        r#"[]"#,
        &[
            "apps actions/changed []",
            r#"apps apps [["actions/changed",[]]]"#,
        ],
    ),
    row(
        "otrMessage",
        r#"[{"roomId":"r","message":{"_id":"m"},"user":{"_id":"u"},"room":{"_id":"r"}}]"#,
        &[r#"room-messages r [{"_id":"m"},{"_id":"u"},{"_id":"r"}]"#],
    ),
    row(
        "otrAckUpdate",
        r#"[{"roomId":"r","acknowledgeMessage":{"_id":"m"}}]"#,
        &[r#"room-messages r [{"_id":"m"}]"#],
    ),
    row(
        "$node.connected",
        r#"[{"node":{"id":"core-1"}}]"#,
        &["node-changed"],
    ),
    row(
        "$node.updated",
        r#"[{"node":{"id":"core-1"}}]"#,
        &["node-changed"],
    ),
    row(
        "$node.disconnected",
        r#"[{"node":{"id":"core-1"},"unexpected":true}]"#,
        &[],
    ),
];
