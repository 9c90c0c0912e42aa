//! Parts of a document, as MongoDB's inclusive projections pick them.

use serde_json::{Map, Value};

/// The text at `path`; `None` when anything on the way is something else.
pub(super) fn text_at(document: &Value, path: &[&str]) -> Option<String> {
    let mut at = document;
    for key in path {
        at = at.get(key)?;
    }
    at.as_str().map(str::to_owned)
}

/// The fields named, and nothing else. A dotted name picks within an object, or within each object of a list; the object itself is
/// there even when nothing is picked of it, as in MongoDB.
pub(super) fn project(document: &Value, fields: &[&str]) -> Value {
    let mut out = Map::new();
    let Some(source) = document.as_object() else {
        return Value::Object(out);
    };
    for (key, value) in source {
        let mut inner = Vec::new();
        let mut whole = false;
        for field in fields {
            match field.split_once('.') {
                None if field == key => whole = true,
                Some((head, rest)) if head == key => inner.push(rest),
                _ => {}
            }
        }
        if whole {
            out.insert(key.clone(), value.clone());
        } else if !inner.is_empty()
            && let Some(part) = within(value, &inner)
        {
            out.insert(key.clone(), part);
        }
    }
    Value::Object(out)
}

fn within(value: &Value, fields: &[&str]) -> Option<Value> {
    match value {
        Value::Object(_) => Some(project(value, fields)),
        Value::Array(list) => Some(Value::Array(
            list.iter().filter_map(|one| within(one, fields)).collect(),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn picks_as_mongodb_does() {
        let document = json!({"_id": "u", "a": 1, "b": {"c": 1, "d": {"e": 2, "f": 3}}, "g": [{"h": 1, "i": 2}, 5], "j": "x"});
        assert_eq!(
            project(&document, &["a", "b.d.e", "g.h", "j.k", "missing"]),
            json!({"a": 1, "b": {"d": {"e": 2}}, "g": [{"h": 1}]})
        );
        assert_eq!(project(&document, &["b.x"]), json!({"b": {}}));
        assert_eq!(project(&json!(5), &["a"]), json!({}));
    }

    #[test]
    fn text_only_where_text_is() {
        let document = json!({"a": {"b": "x"}, "c": 5});
        assert_eq!(text_at(&document, &["a", "b"]).as_deref(), Some("x"));
        assert_eq!(text_at(&document, &["a"]), None);
        assert_eq!(text_at(&document, &["c"]), None);
        assert_eq!(text_at(&document, &["c", "b"]), None);
    }
}
