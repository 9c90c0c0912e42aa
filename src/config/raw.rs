//! Defaults, file and environment laid over each other, as text only.
//!
//! figment's own environment provider makes values of what it reads (`MS_NAMESPACE=1.10` becomes 1.1), and serde stops at the first field it
//! dislikes. So figment merges text here, and everything is checked afterwards.

use std::collections::BTreeMap;
use std::path::Path;

use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Value};
use figment::{Figment, Profile, Provider};

use super::error::{Note, NoteLevel, Problem};
use super::origin::Origin;
use super::variables::{CONFIG_FILE, VARIABLES, Variable};

/// What was found for each variable that anybody set or that has a default.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub(super) entries: BTreeMap<&'static str, Entry>,
    pub(super) notes: Vec<Note>,
    pub(super) problems: Vec<Problem>,
}

/// A value as text, never empty.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// Lays the three over each other. An empty value counts as not set: compose files pass `VAR=${VAR:-}`.
pub(super) fn read(env: impl Iterator<Item = (String, String)>) -> Raw {
    let mut raw = Raw::default();
    let env: BTreeMap<String, String> = env
        .map(|(name, value)| (name, value.trim().to_owned()))
        .filter(|(_, value)| !value.is_empty())
        .collect();

    let file = match env.get(CONFIG_FILE) {
        Some(path) => read_file(Path::new(path), &mut raw),
        None => BTreeMap::new(),
    };
    let own = |variable: &Variable| Some((variable.name, env.get(variable.name)?.clone()));
    let environment: BTreeMap<_, _> = VARIABLES.iter().filter_map(own).collect();
    let defaults: BTreeMap<_, _> = VARIABLES
        .iter()
        .filter(|one| !one.default.is_empty())
        .map(|one| (one.name, one.default))
        .collect();

    let merged: BTreeMap<String, String> = Figment::from(Serialized::defaults(defaults))
        .merge(Serialized::defaults(&file))
        .merge(Serialized::defaults(&environment))
        .extract()
        .unwrap_or_default();
    for variable in VARIABLES {
        let Some(text) = merged.get(variable.name) else {
            continue;
        };
        let origin = if environment.contains_key(variable.name) {
            Origin::Environment
        } else if file.contains_key(variable.name) {
            Origin::File
        } else {
            Origin::Default
        };
        raw.entries.insert(
            variable.name,
            Entry {
                text: text.clone(),
                origin,
            },
        );
    }
    raw
}

/// The file's known keys as text; the others end up in a note, what cannot be read in a problem.
fn read_file(path: &Path, raw: &mut Raw) -> BTreeMap<&'static str, String> {
    let trouble = |reason: String| Problem::File {
        path: path.display().to_string(),
        reason,
    };
    let content = match std::fs::read_to_string(path) {
        Ok(content) => content,
        Err(error) => {
            raw.problems.push(trouble(error.to_string()));
            return BTreeMap::new();
        }
    };
    let data = match Toml::string(&content).data() {
        Ok(mut profiles) => profiles.remove(&Profile::Default).unwrap_or_default(),
        Err(error) => {
            raw.problems.push(trouble(one_line(&error.to_string())));
            return BTreeMap::new();
        }
    };
    known_keys(data, raw)
}

fn known_keys(data: Dict, raw: &mut Raw) -> BTreeMap<&'static str, String> {
    let mut known = BTreeMap::new();
    for (key, value) in data {
        let Some(variable) = VARIABLES
            .iter()
            .find(|variable| variable.name.to_lowercase() == key)
        else {
            let text = format!("CONFIG_FILE: nobody knows the key {key:?}");
            raw.notes.push(Note {
                level: NoteLevel::Warn,
                text,
            });
            continue;
        };
        match text_of(&value) {
            Some(text) if text.is_empty() => {}
            Some(text) => {
                known.insert(variable.name, text);
            }
            None => raw.problems.push(Problem::NotAccepted {
                variable: variable.name,
                value: "(a table)".to_owned(),
                origin: Origin::File,
                accepts: variable.shape.to_string(),
            }),
        }
    }
    known
}

/// Text, a number, a switch, or a list of them, which is the same as the text with commas.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Array(_, list) => Some(
            list.iter()
                .map(scalar)
                .collect::<Option<Vec<_>>>()?
                .join(","),
        ),
        other => scalar(other),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.trim().to_owned()),
        Value::Char(_, char) => Some(char.to_string()),
        Value::Bool(_, switch) => Some(switch.to_string()),
        Value::Num(_, number) => Some(
            match (number.to_i128(), number.to_u128(), number.to_f64()) {
                (Some(number), ..) => number.to_string(),
                (_, Some(number), _) => number.to_string(),
                (.., number) => number?.to_string(),
            },
        ),
        Value::Empty(..) | Value::Dict(..) | Value::Array(..) => None,
    }
}

/// A TOML error draws the offending line; the first sentence and its place are enough, and show no value.
fn one_line(error: &str) -> String {
    error.lines().next().unwrap_or_default().trim().to_owned()
}
