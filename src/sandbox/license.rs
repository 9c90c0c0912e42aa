//! `license`: the sandbox has every module that a streamer asks for.

use serde_json::{Value, json};

use super::action::Outcome;
use super::world::World;

const MODULES: [&str; 2] = ["scalability", "unlimited-presence"];

/// `[module]`
pub(super) fn has_module(_: &mut World, params: &[Value]) -> Outcome {
    let known = params
        .first()
        .and_then(Value::as_str)
        .is_some_and(|module| MODULES.contains(&module));
    Ok(Some(known.into()))
}

/// `[module…]`: all of them are there.
pub(super) fn has_valid_license(_: &mut World, params: &[Value]) -> Outcome {
    let known = |module: &Value| {
        module
            .as_str()
            .is_some_and(|module| MODULES.contains(&module))
    };
    Ok(Some(params.iter().all(known).into()))
}

/// `[]`
pub(super) fn modules(_: &mut World, _: &[Value]) -> Outcome {
    Ok(Some(json!(MODULES)))
}
