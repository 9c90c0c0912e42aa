//! What a client writes behind `sub` and `method`, read with suspicion: nothing is taken for text that is not text, and
//! of rule arguments nothing but an object counts.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::ejson::{self, RawObject};

/// Longest event name, in bytes: ids have 17 to 64 characters, a direct room's two of them; a federated id is longer,
/// none is near this. Event names are kept for as long as somebody listens.
pub(in crate::streams) const MAX_EVENT_NAME: usize = 1024;
/// Longest rule argument, in bytes: `{"token":…,"visitorToken":…}` is what clients send. It is kept with its publication.
pub(in crate::streams) const MAX_RULE_ARG: usize = 4096;

/// What clients write behind nearly every event name: it says nothing, and needs no reading.
const USUAL_OPTIONS: &str = r#"{"useCollection":false,"args":[]}"#;

/// So many arguments of a write are looked at, at most.
const READ_ARGS: usize = 3;

/// The params of a publication: `[eventName, options?]`.
#[derive(Debug)]
pub(in crate::streams) struct Requested<'a> {
    /// `None` when it is missing or no text.
    pub(in crate::streams) event_name: Option<Cow<'a, str>>,
    /// The client wants `added` first.
    pub(in crate::streams) use_collection: bool,
    /// The arguments of the rule.
    pub(in crate::streams) args: RuleArgs,
    /// The second parameter itself: `user-presence` has its own.
    pub(in crate::streams) options: Option<&'a RawValue>,
}

impl<'a> Requested<'a> {
    /// Reads the params of `sub`; what is no array is `[]`.
    pub(in crate::streams) fn read(params: &'a RawValue) -> Self {
        let params = ejson::first(params, 2).unwrap_or_default();
        let options = params.get(1).copied();
        let telling = options.filter(|options| options.get() != USUAL_OPTIONS);
        let object = telling.and_then(RawObject::of);
        let flag = match &object {
            Some(object) => object.get("useCollection"),
            None => options,
        };
        Self {
            event_name: params.first().copied().and_then(event_name),
            use_collection: flag.and_then(ejson::boolean) == Some(true),
            args: RuleArgs::of(object.as_ref().and_then(|object| object.get("args"))),
            options,
        }
    }
}

fn event_name(raw: &RawValue) -> Option<Cow<'_, str>> {
    ejson::text(raw).filter(|name| name.len() <= MAX_EVENT_NAME)
}

/// The params of a write: `[eventName, ...args]`.
#[derive(Debug)]
pub(in crate::streams) struct Write<'a> {
    /// What is written to.
    pub(in crate::streams) event_name: String,
    /// What is written, as far as rules look at it.
    pub(in crate::streams) args: Vec<&'a RawValue>,
    /// All of it, behind the array's bracket.
    all: &'a str,
}

impl<'a> Write<'a> {
    /// Reads the params of a method; `None` without an event name.
    pub(in crate::streams) fn read(params: &'a RawValue) -> Option<Self> {
        let read = ejson::first(params, 1 + READ_ARGS)?;
        let (first, args) = read.split_first()?;
        // The event name is a slice of the params.
        let end = first.get().as_ptr().addr() - params.get().as_ptr().addr() + first.get().len();
        let behind = params.get().get(end..)?.trim_ascii_start();
        Some(Self {
            all: behind.strip_prefix(',').unwrap_or(behind),
            event_name: event_name(first)
                .filter(|name| !name.is_empty())?
                .into_owned(),
            args: args.to_vec(),
        })
    }

    /// The arguments as a JSON array.
    pub(in crate::streams) fn args_json(&self) -> String {
        format!("[{}", self.all)
    }
}

/// The arguments of a read rule. Rules know one, and only an object: `[null]` and `[false]`, which real clients send,
/// are none.
#[derive(Debug, Clone, Default)]
pub(in crate::streams) struct RuleArgs {
    first: Option<Box<RawValue>>,
    /// There was one, and it is longer than is kept: nothing of it is told.
    too_long: bool,
}

/// A text field of the arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::streams) enum Field {
    /// Missing, or empty: `null`, `false`, `""`.
    Absent,
    /// A text.
    Text(String),
    /// Something else, such as an operator object: whatever it asks for is refused.
    Foreign,
}

/// Arguments that must not be passed on.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::streams) struct Foreign;

impl RuleArgs {
    /// Of `options.args`.
    pub(in crate::streams) fn of(args: Option<&RawValue>) -> Self {
        let first = args
            .and_then(|args| ejson::first(args, 1))
            .and_then(|args| args.first().copied())
            .filter(|first| first.get().starts_with('{'));
        let too_long = first.is_some_and(|first| first.get().len() > MAX_RULE_ARG);
        Self {
            first: first.filter(|_| !too_long).map(ToOwned::to_owned),
            too_long,
        }
    }

    /// As a publication keeps them: a JSON array.
    pub(in crate::streams) fn kept(&self) -> Option<Box<RawValue>> {
        let first = self.first.as_ref()?;
        ejson::raw(ejson::join([first.get()])).ok()
    }

    /// A text of the first argument.
    pub(in crate::streams) fn field(&self, key: &str) -> Field {
        match self.first.as_deref().and_then(RawObject::of) {
            _ if self.too_long => Field::Foreign,
            Some(object) => Field::of(object.get(key)),
            None => Field::Absent,
        }
    }

    /// The first argument, for services that want it. They look into it, and may ask a database with what they find:
    /// only an object of plain values is passed on, and no key that EJSON or MongoDB reads as more than a name.
    pub(in crate::streams) fn extra(&self) -> Result<Option<&RawValue>, Foreign> {
        if self.too_long {
            return Err(Foreign);
        }
        let Some(first) = self.first.as_deref() else {
            return Ok(None);
        };
        let object = RawObject::of(first).ok_or(Foreign)?;
        let plain = object
            .iter()
            .all(|(key, value)| !key.starts_with('$') && !value.get().starts_with(['{', '[']));
        match plain {
            true => Ok(Some(first)),
            false => Err(Foreign),
        }
    }
}

impl Field {
    /// Reads one value.
    pub(in crate::streams) fn of(value: Option<&RawValue>) -> Self {
        match value.map(RawValue::get) {
            None | Some("null" | "false" | "\"\"") => Self::Absent,
            Some(_) => match value.and_then(ejson::text) {
                Some(text) if text.len() <= MAX_RULE_ARG => Self::Text(text.into_owned()),
                _ => Self::Foreign,
            },
        }
    }
}

/// `<id>/<what>`, neither of them empty.
pub(in crate::streams) fn id_and_what(event_name: &str) -> Option<(&str, &str)> {
    event_name
        .split_once('/')
        .filter(|(id, what)| !id.is_empty() && !what.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        ejson::raw(json.into()).unwrap()
    }

    fn read(json: &str) -> Requested<'static> {
        Requested::read(Box::leak(raw(json)))
    }

    // contract: streams/subscribe/event-name
    #[test]
    fn event_names_are_text() {
        assert_eq!(
            read(r#"["GENERAL"]"#).event_name.as_deref(),
            Some("GENERAL")
        );
        assert_eq!(read(r#"[""]"#).event_name.as_deref(), Some(""));
        let long = format!("[\"{}\"]", "x".repeat(MAX_EVENT_NAME + 1));
        for none in [
            "[]",
            "{}",
            "null",
            "1",
            "\"GENERAL\"",
            "[null]",
            "[1]",
            "[true]",
            "[[\"a\"]]",
            r#"[{"$ne":""}]"#,
            &long,
        ] {
            assert_eq!(read(none).event_name, None, "{none:.40}");
            assert!(Write::read(&raw(none)).is_none(), "{none:.40}");
        }
        assert!(Write::read(&raw(r#"["",1]"#)).is_none());
    }

    // contract: streams/subscribe/params
    #[test]
    fn options_in_all_forms() {
        for (options, collection) in [
            ("", false),
            (",true", true),
            (",false", false),
            (",null", false),
            (",1", false),
            (",\"true\"", false),
            (",[true]", false),
            (",{}", false),
            (r#",{"useCollection":true}"#, true),
            (r#",{"useCollection":1,"args":[]}"#, false),
            (
                r#",{"useCollection":{"$ne":false},"args":{"$gt":""}}"#,
                false,
            ),
            (r#",{"useCollection":false,"args":[null]}"#, false),
            (r#",{"useCollection":false,"args":[false]}"#, false),
            (r#",{"args":["a"]}"#, false),
            (r#",{"args":[[{"token":"t"}]]}"#, false),
        ] {
            let requested = read(&format!("[\"r\"{options}]"));
            assert_eq!(requested.use_collection, collection, "{options}");
            assert_eq!(requested.args.field("token"), Field::Absent, "{options}");
            assert!(
                matches!(requested.args.extra(), Ok(None)),
                "{options}: nothing is passed on"
            );
            assert!(requested.args.kept().is_none());
        }
    }

    // contract: streams/subscribe/params
    #[test]
    fn the_first_argument_counts_when_it_is_an_object() {
        let args =
            read(r#"["r",{"args":[{"token":"t","n":1,"visitorToken":""},{"token":"u"}]}]"#).args;
        assert_eq!(args.field("token"), Field::Text("t".into()));
        assert_eq!(args.field("visitorToken"), Field::Absent);
        assert_eq!(args.field("n"), Field::Foreign);
        assert_eq!(
            args.extra().unwrap().unwrap().get(),
            r#"{"token":"t","n":1,"visitorToken":""}"#
        );
        let again = RuleArgs::of(args.kept().as_deref());
        assert_eq!(again.field("token"), Field::Text("t".into()));
    }

    #[test]
    fn operators_are_nothing_that_is_passed_on() {
        for foreign in [
            r#"{"token":{"$ne":""}}"#,
            r#"{"token":["a"]}"#,
            r#"{"$ne":"a"}"#,
            r#"{"$date":1}"#,
            r#"{"a":{"b":1},"token":"t"}"#,
            &format!(r#"{{"token":"{}"}}"#, "x".repeat(MAX_RULE_ARG)),
        ] {
            let args = read(&format!(r#"["r",{{"args":[{foreign}]}}]"#)).args;
            assert_eq!(args.extra().err(), Some(Foreign), "{foreign:.60}");
        }
        let args = read(r#"["r",{"args":[{"token":{"$ne":""}}]}]"#).args;
        assert_eq!(args.field("token"), Field::Foreign);
    }

    #[test]
    fn of_a_long_argument_nothing_is_kept() {
        let junk = "x".repeat(MAX_RULE_ARG);
        let args = read(&format!(
            r#"["r",{{"args":[{{"token":"t","junk":"{junk}"}}]}}]"#
        ))
        .args;
        assert_eq!(args.field("token"), Field::Foreign);
        assert_eq!(args.field("other"), Field::Foreign);
        assert!(args.kept().is_none());
    }

    #[test]
    fn writes_keep_their_arguments_as_they_came() {
        let params = raw(r#"["r/user-activity","alice",["user-typing"],{"a": 1}]"#);
        let write = Write::read(&params).unwrap();
        assert_eq!(write.event_name, "r/user-activity");
        assert_eq!(write.args_json(), r#"["alice",["user-typing"],{"a": 1}]"#);
        assert_eq!(id_and_what(&write.event_name), Some(("r", "user-activity")));
        for none in ["", "/", "a", "a/", "/a"] {
            assert_eq!(id_and_what(none), None, "{none}");
        }
        assert_eq!(id_and_what("a/b/c"), Some(("a", "b/c")));
    }
}
